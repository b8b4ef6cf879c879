"""The ladders of a walk-forward, read from their folder, each executed on the trades of its part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exitladder.arrays import IntArray
from exitladder.errors import InputFileError, LadderError, TradesError
from exitladder.pipelines.tracking.saved_files import read_json
from exitladder.plans.file import read_ladder
from exitladder.plans.ladder import Ladder

FOLDS = "folds"


@dataclass(frozen=True)
class WalkForwardLadders:
    """The ladders of all parts, in time order.

    Parameters
    ----------
    ladders : tuple of Ladder
        Each with its ``[tuned]`` table, which says until when its tuning had seen the market.
    """

    ladders: tuple[Ladder, ...]

    @property
    def cuts(self) -> IntArray:
        """Start of each part: the end of what its ladder's tuning saw, nanoseconds since 1970 UTC."""
        return np.array([ladder.tuned.last for ladder in self.ladders if ladder.tuned is not None], dtype=np.int64)

    def part_of(self, entry_time: IntArray) -> IntArray:
        """Return the part of each trade by its entry, -1 before the first one.

        Raises
        ------
        TradesError
            If no trade belongs to a part.
        """
        part = np.searchsorted(self.cuts, entry_time, side="right") - 1
        if not (part >= 0).any():
            raise TradesError(
                "A walk-forward needs trades entered after its first tuning, but all were entered before "
                f"{self.ladders[0].tuned and self.ladders[0].tuned.last_time}. Use the trades that were tuned on, or "
                "later ones."
            )
        return part.astype(np.int64)


def read_walk_forward(folder: Path) -> WalkForwardLadders:
    """Return the ladders that ``exitladder tune`` has written for each part.

    Parameters
    ----------
    folder : path
        The ``--out`` folder of ``exitladder tune``, or its folder ``folds``.

    Raises
    ------
    InputFileError
        If there is none.
    LadderError
        If one of them is invalid or does not name its training trades.
    """
    inside = folder / FOLDS if (folder / FOLDS).is_dir() else folder
    paths = sorted(inside.glob("fold-*.toml"), key=_number)
    result = inside.parent / "tune.json"
    if result.is_file():
        # An earlier tuning into the same folder may have left more parts.
        folds = read_json(result).get("folds", paths)
        paths = paths[: len(folds)] if isinstance(folds, list) else paths
    if not paths:
        raise InputFileError(
            f"A walk-forward needs the ladders of its parts (folds/fold-1.toml, …), but '{folder}' holds none. Give "
            "the --out folder of exitladder tune."
        )
    ladders = [read_ladder(path) for path in paths]
    for path, ladder in zip(paths, ladders, strict=True):
        if ladder.tuned is None:
            raise LadderError(
                f"The ladder of a part must have a [tuned] table, but '{path}' does not. Run exitladder tune again."
            )
    found = WalkForwardLadders(tuple(ladders))
    if (np.diff(found.cuts) <= 0).any():
        raise LadderError(f"The parts in '{inside}' must follow one another in time, but they do not. Tune again.")
    return found


def name_of_fold(number: int) -> str:
    """Return the file of a part's ladder, numbered from 1."""
    return f"{FOLDS}/fold-{number}.toml"


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("fold-")
    return int(digits) if digits.isdecimal() else 0
