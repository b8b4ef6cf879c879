"""The mean of several boosters as one: LightGBM's own text with the trees of all, each leaf divided by their number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from exitladder.errors import ModelError

_TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
_SHARED = ("leaf_value=", "internal_value=")
# the line behind the last tree
LAST = "end of trees"


def n_trees(text: str) -> int:
    """Return the number of trees in a booster's text."""
    return len(_TREE.findall(text))


def mean_text(texts: Sequence[str]) -> str:
    """Return the text of the booster whose raw score is the mean of the given ones' raw scores.

    All must have been trained on the same features for the same objective. For a probability the raw score
    is the log-odds.

    Raises
    ------
    ModelError
        If they differ in their features or objective.
    """
    if len(texts) == 1:
        return texts[0]
    parts = [_Parts(text) for text in texts]
    if len({part.head for part in parts}) != 1:
        raise ModelError("Boosters can be averaged only if their features and objective are the same, but they differ.")
    trees = [tree for part in parts for tree in part.trees]
    written = "".join(f"Tree={k}\n{_shared(tree, len(texts))}" for k, tree in enumerate(trees))
    return f"{parts[0].start}\n{written}{LAST}\n\n{parts[0].parameters}"


def loadable(text: str) -> str:
    """Return a booster's text as LightGBM is given it: its head and trees, without the settings it was trained with.

    The sizes of the trees are left out as well: LightGBM would trust them as places in the text.
    """
    body = text.partition(f"{LAST}\n")[0]
    first = _TREE.search(body)
    start = first.start() if first else len(body)
    head = "".join(line for line in body[:start].splitlines(keepends=True) if not line.startswith("tree_sizes="))
    return f"{head}{body[start:]}{LAST}\n\npandas_categorical:null\n"


class _Parts:
    """A booster's text taken apart."""

    def __init__(self, text: str) -> None:
        body, _, rest = text.partition(f"{LAST}\n")
        start, *self.trees = _TREE.split(body)
        # Without the sizes of the trees LightGBM reads them one after another.
        lines = [line for line in start.splitlines() if not line.startswith("tree_sizes=")]
        self.start = "\n".join(lines).rstrip("\n") + "\n"
        self.head = tuple(line for line in lines if line.startswith(("feature_names=", "objective=", "num_class=")))
        self.parameters = rest[rest.index("parameters:") :]


def _shared(tree: str, n: int) -> str:
    lines = []
    for line in tree.splitlines(keepends=True):
        name = next((name for name in _SHARED if line.startswith(name)), None)
        if name is None:
            lines.append(line)
        else:
            values = " ".join(repr(float(value) / n) for value in line.removeprefix(name).split())
            lines.append(f"{name}{values}\n")
    return "".join(lines)
