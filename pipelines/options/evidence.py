"""Evidence of positions in options: repeated rows are one observation, few days and periods are none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.clock import NO_TIME
from exitladder.options.positions.replay import Outcome
from exitladder.options.positions.tables import net_r
from exitladder.options.positions.trades import OptionTrade
from exitladder.statistics.comparison import Comparison, compare_r
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import mean_interval

HOLD, STOP_ONLY = "hold to expiry", "stop only"
_KINDS = {
    "no quotes of": "no quotes of the contract",
    "debit of": "debit not between 0 and the width",
    "credit of": "credit not between 0 and the width",
    "premium of": "premium at the entry beyond the stop",
}


@dataclass(frozen=True)
class Results:
    """Positions under one exit.

    Parameters
    ----------
    net_r : float64 array, shape (n,)
        NaN if a position was skipped.
    time, end : int64 array, shape (n,)
        Entry and last fill, nanoseconds since 1970 UTC.
    is_open : bool array, shape (n,)
    """

    net_r: FloatArray
    time: IntArray
    end: IntArray
    is_open: BoolArray

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], values: FloatArray | None = None) -> Results:
        """Return the results of outcomes.

        Parameters
        ----------
        outcomes : sequence of Outcome
        values : float64 array, shape (n,), optional
            Net results in a common R; by default in that of each outcome's plan.

        Returns
        -------
        Results
        """
        return cls(
            np.array([net_r(one) for one in outcomes]) if values is None else values,
            np.array(
                [one.entry_time if one.entry_time != NO_TIME else one.trade.entry_time for one in outcomes],
                dtype=np.int64,
            ),
            np.array([_end(one) for one in outcomes], dtype=np.int64),
            np.array([one.status == "open" for one in outcomes], dtype=bool),
        )

    def grouped(self, groups: IntArray) -> Results:
        """Return one result per group of rows that repeat a position; see `same_positions`."""
        n = int(groups.max()) + 1
        end, is_open = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
        np.maximum.at(end, groups, self.end)
        np.logical_or.at(is_open, groups, self.is_open)
        time = _means(self.time, groups).astype(np.int64)
        return Results(_means(self.net_r, groups), time, end, is_open)


def counted(reasons: Iterable[str]) -> dict[str, int]:
    """Return how many trades were skipped for each reason, without the numbers that differ between them."""
    found: dict[str, int] = {}
    for reason in reasons:
        kind = next((text for start, text in _KINDS.items() if reason.startswith(start)), reason)
        found[kind] = found.get(kind, 0) + 1
    return found


def same_positions(trades: Sequence[OptionTrade]) -> IntArray:
    """Return a number for each trade that repeated rows share: they are one observation, whatever their quantity."""
    numbers: dict[tuple[object, ...], int] = {}
    keys = [
        (t.contract, t.second, t.side, t.entry_time, repr(t.entry_price), repr(t.stop_price), t.multiplier, t.style)
        for t in trades
    ]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def mean_r(found: Results, groups: IntArray, intervals: Intervals, few: Sequence[str]) -> dict[str, float | None]:
    """Return the mean net R with its interval.

    Parameters
    ----------
    found : Results
    groups : int64 array, shape (n,)
    intervals : Intervals
    few : sequence of str
        Why there is no interval; empty if there is one.

    Returns
    -------
    dict of str to float or None
    """
    one = found.grouped(groups)
    mean = mean_interval(one.net_r, time=one.time, intervals=intervals)
    return with_ends(mean.value, mean.low, mean.high, few)


def with_ends(value: float, low: float, high: float, few: Sequence[str]) -> dict[str, float | None]:
    """Return a value with its interval, without one where the trades are too few experiences of the market.

    Parameters
    ----------
    value, low, high : float
    few : sequence of str
        Why they are too few; empty if they are not.

    Returns
    -------
    dict of str to float or None
    """
    values = {"value": value, "low": math.nan if few else low, "high": math.nan if few else high}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def compared(ours: Results, theirs: Results, groups: IntArray, intervals: Intervals) -> Comparison:
    """Return the difference of two exits on the positions that have a result under both.

    Parameters
    ----------
    ours, theirs : Results
    groups : int64 array, shape (n,)
    intervals : Intervals

    Returns
    -------
    Comparison
    """
    both = np.isfinite(ours.net_r + theirs.net_r)
    results = [np.where(both, found.net_r, np.nan) for found in (ours, theirs)]
    one, other = ours.grouped(groups), theirs.grouped(groups)
    return compare_r(
        *(_means(values, groups) for values in results),
        time=one.time,
        until=np.maximum(one.end, other.end),
        is_open=(one.is_open, other.is_open),
        intervals=intervals,
    )


def no_verdict(found: Comparison, name: str, baseline: str, few: Sequence[str]) -> str:
    """Return why there is no verdict although there are enough trades for an interval.

    Parameters
    ----------
    found : Comparison
    name, baseline : str
        Of the two exits.
    few : sequence of str

    Returns
    -------
    str
    """
    return (
        f"No verdict on '{name}' against '{baseline}': the mean difference is {found.difference_r:+.2f} R over "
        f"{found.n:,} positions, but {' and '.join(few)}. Positions of one day share one market, so they get no "
        "interval."
    )


def _means(values: FloatArray | IntArray, groups: IntArray) -> FloatArray:
    """Return the mean of each group, of those of its trades that have a value."""
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    n = int(groups.max()) + 1
    with np.errstate(invalid="ignore"):
        total = np.bincount(groups[known], values[known], minlength=n)
        return np.asarray(total / np.bincount(groups[known], minlength=n))


def _end(outcome: Outcome) -> int:
    fills = [] if outcome.position is None else outcome.position.fills
    return fills[-1].time if fills else outcome.trade.contract.expiry
