"""Where the parts of a book's walk-forward begin, and which plan is chosen before each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.clock import DAY_NS
from exitladder.errors import TradesError
from exitladder.pipelines.tuning.book.accounts import Days, best
from exitladder.pipelines.tuning.folds import LEAST_TRADES
from exitladder.settings.tables import ValidationSettings


@dataclass(frozen=True)
class Part:
    """One part: the plan chosen before it on closes before its cut, and executed from the cut on.

    Parameters
    ----------
    cut : int
        Nanoseconds since 1970 UTC: the first entry of the part.
    n_trades : int
        Entered in it.
    chosen : int
        Number of the plan.
    objective, own_objective : float
        Of the chosen plan and of the user's own, before the cut; NaN if unknown.
    """

    cut: int
    n_trades: int
    chosen: int
    objective: float
    own_objective: float


def part_cuts(entry_time: IntArray, settings: ValidationSettings) -> IntArray:
    """Return when the parts begin: the latest trades in parts of about equal size, at least 20 trades each.

    Parameters
    ----------
    entry_time : int64 array, shape (n_trades,)
        Ascending.
    settings : ValidationSettings

    Returns
    -------
    int64 array, shape (n_parts,)
        Fewer parts than asked for if one of them would be too small.

    Raises
    ------
    TradesError
        If there are too few trades for one part and as many before it.
    """
    n = len(entry_time)
    n_test = max(1, round(n * settings.test_fraction))
    cuts = entry_time[:0]
    for n_parts in range(settings.n_test_parts, 0, -1):
        edges = [n - n_test + round(k * n_test / n_parts) for k in range(n_parts)]
        cuts = np.unique(entry_time[edges])
        if _sizes(entry_time, cuts).min() >= LEAST_TRADES and len(cuts) == n_parts:
            return cuts
    sizes = _sizes(entry_time, cuts)
    raise TradesError(
        f"A book is tuned on at least {LEAST_TRADES} trades and scored on as many, but {sizes[0]} are entered before "
        f"the cut and {sizes[-1]} after it. Bring more trades, or change validation.test_fraction."
    )


def _sizes(entry_time: IntArray, cuts: IntArray) -> IntArray:
    """Return the trades before the first cut, and of each part."""
    return np.bincount(np.searchsorted(cuts, entry_time, side="right"), minlength=len(cuts) + 1)


@dataclass(frozen=True)
class Past:
    """The accounts of all plans, to choose from by the closes before a moment.

    Parameters
    ----------
    days : Days
    changes : float64 array, shape (n_plans, n_units)
        Shares of the starting equity.
    first : int
        Day of the first entry, since 1970 UTC.
    objective : str
    """

    days: Days
    changes: FloatTable
    first: int
    objective: str

    def choose(self, n_parts: int, first: int | None = None) -> tuple[int, FloatArray]:
        """Return the best plan on the closes before part `n_parts` begins, and the objective of each plan there."""
        known = self.days.daily(self.changes, self.first if first is None else first, (0, n_parts))
        return best(known, self.objective)


def choose_each(past: Past, entry_time: IntArray, cuts: IntArray, window: str) -> list[tuple[Part, FloatArray]]:
    """Return the parts with the plan chosen before each, and the objective of every plan there.

    Parameters
    ----------
    past : Past
    entry_time : int64 array, shape (n_trades,)
    cuts : int64 array, shape (n_parts,)
    window : {"expanding", "rolling"}
        Rolling: as many days before each cut as before the first one.

    Returns
    -------
    list of (Part, float64 array of shape (n_plans,))
    """
    sizes = _sizes(entry_time, cuts)
    found = []
    for k, cut in enumerate(cuts.tolist()):
        first = past.first + ((cut - int(cuts[0])) // DAY_NS if window == "rolling" else 0)
        chosen, values = past.choose(k + 1, first)
        found.append((Part(cut, int(sizes[k + 1]), chosen, float(values[chosen]), float(values[0])), values))
    return found
