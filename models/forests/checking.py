"""The check of a booster's text before LightGBM reads it.

LightGBM trusts its text: a child that is out of range ends the process, and a tree with a loop never ends. A checksum
does not help, because whoever changes the text can change its checksum too. So every line is parsed here first.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise

from exitladder.errors import ModelError
from exitladder.files.conventions import MEGABYTE
from exitladder.files.untrusted.limits import how_to_raise, limit
from exitladder.models.forests.mean_forest import LAST

# LightGBM's own limit for num_leaves
_MOST_LEAVES = 131_072
_INT = r"-?[0-9]{1,10}"
_FLOAT = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_NAME = r"[A-Za-z0-9_.:+-]{1,200}"
# A split of the missing values from all others has an infinite threshold.
_THRESHOLD = rf"(?:{_FLOAT}|inf)"
_INFO = rf"(?:none|\[{_FLOAT}:{_FLOAT}\])"
_TREE = re.compile(r"^Tree=([0-9]{1,9})$", re.MULTILINE)
_FIXED = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
_OBJECTIVES = ("binary sigmoid:1", "regression")
_HEAD = (*_FIXED, "max_feature_idx", "objective", "feature_names", "feature_infos")
# of the arrays of a tree: what each holds, and whether it has one item a split or a leaf
_ARRAYS = {
    "split_feature": (_INT, "split"),
    "split_gain": (_FLOAT, "split"),
    "threshold": (_THRESHOLD, "split"),
    "decision_type": (_INT, "split"),
    "left_child": (_INT, "split"),
    "right_child": (_INT, "split"),
    "leaf_value": (_FLOAT, "leaf"),
    "leaf_weight": (_FLOAT, "leaf"),
    "leaf_count": (_INT, "leaf"),
    "internal_value": (_FLOAT, "split"),
    "internal_weight": (_FLOAT, "split"),
    "internal_count": (_INT, "split"),
}
_PATTERNS = {kind: re.compile(rf"(?:{kind}(?: {kind})*)?") for kind in (_INT, _FLOAT, _THRESHOLD)}
_SINGLE = {"num_cat": "0", "is_linear": "0"}
# bit 0: categorical (never written here), bit 1: missing values go left, bits 2 and 3: kind of missing value
_DECISIONS = frozenset((0, 2, 4, 6, 8, 10))


class _Broken(Exception):  # noqa: N818
    """A rule that a text breaks: rule and value, without a full stop."""


def check_booster(text: str, n_features: int, place: str) -> None:
    """Refuse a booster's text that LightGBM might not survive.

    Parameters
    ----------
    text : str
        LightGBM's text format.
    n_features : int
        Features of the model.
    place : str
        The file, for messages.

    Raises
    ------
    ModelError
        If a line is unknown or malformed, a number is not finite, arrays differ in length, a feature or child is out of
        range, a child does not follow its parent or has two, or the text, a tree or its depth is too large.
    """
    most = limit("EXITLADDER_MAX_MODEL_MB")
    if len(text) > most * MEGABYTE:
        raise ModelError(
            f"A booster file may have {most:,} MB, but '{place}' has more. {how_to_raise('EXITLADDER_MAX_MODEL_MB')}"
        )
    try:
        _check(text, n_features)
    except _Broken as broken:
        raise ModelError(
            f"{broken} ({place}). The file was changed or is damaged; copy the model from its run, or train again."
        ) from None


def _check(text: str, n_features: int) -> None:
    if not text.isascii() or "\0" in text or "\r" in text:
        raise _Broken("A booster file must be plain ASCII text, but it is not")
    body, found, _ = text.partition(f"\n{LAST}\n")
    if not found:
        raise _Broken(f"A booster file must have the line '{LAST}', but it has none")
    starts = [match.start() for match in _TREE.finditer(body)]
    if not starts:
        raise _Broken("A booster file must hold a tree, but it holds none")
    _check_head(body[: starts[0]], n_features)
    most_deep = limit("EXITLADDER_MAX_MODEL_DEPTH")
    for k, (start, end) in enumerate(pairwise([*starts, len(body)])):
        first, _, rest = body[start:end].partition("\n")
        if first != f"Tree={k}":
            raise _Broken(f"Trees must be numbered from 0, but {first} follows tree {k - 1}")
        try:
            _check_tree(rest, n_features, most_deep)
        except _Broken as broken:
            raise _Broken(f"{broken} in tree {k}") from None


def _fields(block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in block.split("\n"):
        if not line:
            continue
        name, equals, value = line.partition("=")
        if not equals or name in fields:
            raise _Broken(f"Each line must read name=value, each name once, but one is {line[:60]!r}")
        fields[name] = value
    return fields


def _check_head(block: str, n_features: int) -> None:
    if not block.startswith("tree\n"):
        raise _Broken(f"A booster file must begin with the line 'tree', but begins with {block[:20]!r}")
    fields = _fields(block.removeprefix("tree\n"))
    # left out for LightGBM, which finds the trees without it
    fields.pop("tree_sizes", None)
    if set(fields) != set(_HEAD):
        different = sorted(set(fields) ^ set(_HEAD))
        raise _Broken(f"The head must have the lines {', '.join(_HEAD)}, but differs in {different[0][:60]!r}")
    for name, wanted in _FIXED.items():
        if fields[name] != wanted:
            raise _Broken(f"{name} must be {wanted}, but is {fields[name][:60]!r}")
    if fields["objective"] not in _OBJECTIVES:
        raise _Broken(f"objective must be one of {', '.join(_OBJECTIVES)}, but is {fields['objective'][:60]!r}")
    if fields["max_feature_idx"] != str(n_features - 1):
        raise _Broken(
            f"max_feature_idx must be {n_features - 1}, as the model has {n_features} features, but is "
            f"{fields['max_feature_idx'][:20]!r}"
        )
    for name, item in (("feature_names", _NAME), ("feature_infos", _INFO)):
        items = fields[name].split(" ")
        if len(items) != n_features or not all(re.fullmatch(item, text) for text in items):
            raise _Broken(f"{name} must list {n_features} features, but is {fields[name][:60]!r}")


def _check_tree(block: str, n_features: int, most_deep: int) -> None:
    fields = _fields(block)
    n_leaves = _n_leaves(fields.pop("num_leaves", ""))
    for name, wanted in _SINGLE.items():
        if fields.pop(name, "") != wanted:
            raise _Broken(f"{name} must be {wanted}, but is not")
    if not re.fullmatch(_FLOAT, shrinkage := fields.pop("shrinkage", "")):
        raise _Broken(f"shrinkage must be a number, but is {shrinkage[:40]!r}")
    if set(fields) != set(_ARRAYS):
        different = sorted(set(fields) ^ set(_ARRAYS))
        raise _Broken(f"A tree must have the lines {', '.join(_ARRAYS)}, but differs in {different[0][:60]!r}")
    arrays: dict[str, list[str]] = {}
    for name, (kind, per) in _ARRAYS.items():
        text = fields[name].rstrip(" ")
        if not _PATTERNS[kind].fullmatch(text):
            raise _Broken(f"{name} must be a list of {'integers' if kind == _INT else 'numbers'}, but is {text[:60]!r}")
        arrays[name] = text.split(" ") if text else []
        n_items = n_leaves - (per == "split")
        # LightGBM leaves the weight of a single leaf blank
        if len(arrays[name]) != n_items and not (n_leaves == 1 and name != "leaf_value" and len(arrays[name]) < 2):
            raise _Broken(
                f"{name} must have {n_items:,} items, as there are {n_leaves:,} leaves, but has {len(arrays[name]):,}"
            )
        if kind != _INT and not all(item == "inf" or math.isfinite(float(item)) for item in arrays[name]):
            raise _Broken(f"{name} must be finite, but is not")
    if n_leaves == 1:
        return
    if not all(0 <= int(item) < n_features for item in arrays["split_feature"]):
        raise _Broken(f"split_feature must be at least 0 and below {n_features}, but is not")
    if not all(int(item) in _DECISIONS for item in arrays["decision_type"]):
        raise _Broken("decision_type must be that of a number, not of a category, but is not")
    children = [list(map(int, arrays[name])) for name in ("left_child", "right_child")]
    _check_children(children[0], children[1], n_leaves, most_deep)


def _n_leaves(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= _MOST_LEAVES:
        raise _Broken(f"num_leaves must be from 1 to {_MOST_LEAVES:,}, but is {text[:40]!r}")
    return int(text)


def _check_children(left: list[int], right: list[int], n_leaves: int, most_deep: int) -> None:
    """Refuse children that are not each split's own: every split but the first and every leaf must have one parent."""
    n_splits = n_leaves - 1
    depth = [0] * n_splits
    seen: set[int] = set()
    for k in range(n_splits):
        for child in (left[k], right[k]):
            # a split is a number from 0, a leaf is written as -1 and less
            if not (k < child < n_splits or -n_leaves <= child < 0):
                raise _Broken(f"Children must follow their parent and exist, but split {k} has child {child}")
            if child in seen:
                raise _Broken(f"A node must have one parent, but {child} has two, the later one split {k}")
            seen.add(child)
            if child > 0:
                depth[child] = depth[k] + 1
                if depth[child] >= most_deep:
                    raise _Broken(
                        f"A tree may be {most_deep} splits deep, but is deeper. "
                        f"{how_to_raise('EXITLADDER_MAX_MODEL_DEPTH').rstrip('.')}"
                    )
