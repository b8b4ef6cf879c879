"""Paired comparison of two exit policies on the same trades."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.clock import DAY_NS
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import mean_interval, nanoseconds

POWER = 0.8
# Results that differ by less are the same; the rest is rounding of floats.
SAME_R = 1e-12


@dataclass(frozen=True)
class Comparison:
    """The paired difference **candidate minus baseline** in net R per trade.

    Parameters
    ----------
    difference_r : float
        Mean difference; positive if the candidate earned more. NaN without pairs.
    low, high : float
        Confidence interval of the mean difference; NaN with too few pairs.
    p_value : float
        Two-sided, against no difference; NaN without an interval.
    n : int
        Pairs: trades with a result under both.
    n_pairs_dropped : int
        Trades without a result under one of them or both.
    n_effective : float
        Effective sample size, in independent pairs.
    block : float
        Mean block length, in units of `resampled`.
    resampled : {"trades", "days"}
        The unit of resampling that gave the wider interval.
    sd_difference : float
        Standard deviation of the differences.
    trades_needed : int or None
        Additional trades needed to detect a difference of this size with 80% power; 0 if these
        suffice, None if it cannot be estimated.
    candidate_r, baseline_r : float
        Mean net R per trade of each, over the pairs.
    confidence : float
        Nominal coverage of the interval, such as 0.95.
    n_days : int or None
        Days (UTC) on which the pairs were entered; None if unknown.
    n_separate : int or None
        The largest number of pairs that do not overlap in time; None if the ends of the trades are unknown.
    n_different : int or None
        Pairs whose two results differ; None if unknown.
    n_days_different, n_separate_different : int or None
        As `n_days` and `n_separate`, of the pairs that differ.
    detectable_r : float
        Minimum detectable difference: the smallest true difference that these pairs detect with 80% power; NaN if it
        cannot be estimated.
    open_trades : OpenTrades or None
        The pairs still open under one of the two, which count at their mark; None if there are none or it is unknown.
    """

    difference_r: float
    low: float
    high: float
    p_value: float
    n: int
    n_pairs_dropped: int
    n_effective: float
    block: float
    resampled: str
    sd_difference: float
    trades_needed: int | None
    candidate_r: float
    baseline_r: float
    confidence: float
    n_days: int | None = None
    n_separate: int | None = None
    n_different: int | None = None
    n_days_different: int | None = None
    n_separate_different: int | None = None
    detectable_r: float = math.nan
    open_trades: OpenTrades | None = None

    @property
    def is_known(self) -> bool:
        """Whether there were enough pairs for an interval."""
        return not math.isnan(self.low)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values by name, None for an unknown value."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["open_trades"] = None if self.open_trades is None else self.open_trades.to_mapping()
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


@dataclass(frozen=True)
class OpenTrades:
    """The pairs of a comparison that are still open under one of the two, valued at the last close.

    Parameters
    ----------
    n : int
        Pairs open under at least one of the two.
    n_candidate, n_baseline : int
        Pairs open under each.
    contribution_r : float
        Part of `Comparison.difference_r` that comes from these pairs: the sum of their differences over all pairs.
    share : float
        The same as a share of the difference; above 1 or below 0 if the other pairs point the other way, NaN if the
        difference is 0.
    without : Comparison
        The same comparison on the other pairs only.
    """

    n: int
    n_candidate: int
    n_baseline: int
    contribution_r: float
    share: float
    without: Comparison

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values by name, None for an unknown value; of the comparison without these pairs its result."""
        found = self.without
        values = {
            "n": self.n,
            "n_candidate": self.n_candidate,
            "n_baseline": self.n_baseline,
            "contribution_r": self.contribution_r,
            "share": self.share,
            "n_without": found.n,
            "difference_without_r": found.difference_r,
            "interval_without": [None if math.isnan(end) else end for end in (found.low, found.high)],
            "p_value_without": found.p_value,
        }
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def compare_r(
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    *,
    time: npt.ArrayLike | pd.Series | pd.Index,
    until: npt.ArrayLike | pd.Series | pd.Index | None = None,
    is_open: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    intervals: Intervals = Intervals(),
) -> Comparison:
    """Return the mean difference of the candidate from the baseline on the same trades.

    Pairs with a NaN on either side are dropped and counted. Trades are resampled in blocks, by trade
    and by day of entry, and the wider interval is reported; see `mean_interval`.

    Parameters
    ----------
    candidate, baseline : array of float, shape (n,)
        Net R of every trade under each policy; NaN if a policy skipped the trade.
    time : shape (n,)
        Entry times; see `mean_interval`.
    until : shape (n,), optional
        Times by which each trade had ended under both, in the same form.
    is_open : (bool array, bool array), shape (n,), optional
        Whether each trade is still open under the candidate and under the baseline, so that its net R is a mark.
    intervals : Intervals
        Confidence, number of resamples and seed.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If the two do not hold the same trades.

    Examples
    --------
    >>> day = 86_400_000_000_000
    >>> found = compare_r([1.0] * 30, [0.5] * 30, time=[i * day for i in range(30)])
    >>> found.difference_r, found.n
    (0.5, 30)
    """
    ours = np.asarray(candidate, dtype=np.float64)
    theirs = np.asarray(baseline, dtype=np.float64)
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise ValueError(
            f"candidate and baseline must hold the same trades, but their shapes are {ours.shape} and {theirs.shape}."
        )
    difference = ours - theirs
    paired = ~np.isnan(difference)
    found = mean_interval(difference, time=time, intervals=intervals)
    some = bool(paired.any())
    entry = nanoseconds(time)[paired]
    ends = None if until is None else nanoseconds(until)[paired]
    differs = np.abs(difference[paired]) > SAME_R
    return Comparison(
        difference_r=found.value,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        n=found.n,
        n_pairs_dropped=len(difference) - found.n,
        n_effective=found.n_effective,
        block=found.block,
        resampled=found.resampled,
        sd_difference=float(difference[paired].std(ddof=1)) if found.n > 1 else math.nan,
        trades_needed=_trades_needed(found.value, found.standard_error, found.n, intervals.confidence),
        candidate_r=float(ours[paired].mean()) if some else math.nan,
        baseline_r=float(theirs[paired].mean()) if some else math.nan,
        confidence=intervals.confidence,
        detectable_r=detectable_difference(found.standard_error, intervals.confidence),
        n_days=len(np.unique(entry // DAY_NS)),
        n_separate=None if ends is None else n_separate(entry, ends),
        n_different=int(differs.sum()),
        n_days_different=len(np.unique(entry[differs] // DAY_NS)),
        n_separate_different=None if ends is None else n_separate(entry[differs], ends[differs]),
        open_trades=_open_trades((ours, theirs), nanoseconds(time), until, is_open, intervals),
    )


def _open_trades(
    results: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    time: npt.NDArray[np.int64],
    until: npt.ArrayLike | pd.Series | pd.Index | None,
    is_open: tuple[npt.ArrayLike, npt.ArrayLike] | None,
    intervals: Intervals,
) -> OpenTrades | None:
    """Return the pairs still open with the comparison of the others; None without such pairs."""
    if is_open is None:
        return None
    difference = results[0] - results[1]
    paired = ~np.isnan(difference)
    ours, theirs = (np.asarray(side, dtype=bool) & paired for side in is_open)
    marked = ours | theirs
    if not marked.any():
        return None
    rest = paired & ~marked
    ends = None if until is None else nanoseconds(until)[rest]
    total = float(difference[paired].sum())
    part = float(difference[marked].sum())
    return OpenTrades(
        n=int(marked.sum()),
        n_candidate=int(ours.sum()),
        n_baseline=int(theirs.sum()),
        contribution_r=part / int(paired.sum()),
        share=part / total if total else math.nan,
        without=compare_r(results[0][rest], results[1][rest], time=time[rest], until=ends, intervals=intervals),
    )


def n_separate(entry: npt.ArrayLike, until: npt.ArrayLike) -> int:
    """Return the largest number of trades that do not overlap in time.

    A trade entered at the very time at which another ends overlaps with it.

    Parameters
    ----------
    entry, until : int array, shape (n,)
        Entry and end of each trade, in one unit.

    Examples
    --------
    >>> n_separate([0, 1, 2, 10, 11], [5, 6, 7, 20, 21])
    2
    """
    begins, ends = np.asarray(entry), np.asarray(until)
    count, free = 0, None
    # Taking the earliest end first leaves the most room for the others.
    for k in np.argsort(ends, kind="stable"):
        if free is None or begins[k] > free:
            count, free = count + 1, ends[k]
    return count


def holm(p_values: Sequence[float] | npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return p-values adjusted for multiple comparisons (Holm 1979); NaN stay NaN and do not count.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, math.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return adjusted


def detectable_difference(error: float, confidence: float) -> float:
    """Return the smallest true difference that a test with this standard error detects with the power `POWER`."""
    from scipy.special import ndtri

    return (float(ndtri(0.5 + confidence / 2)) + float(ndtri(POWER))) * error


def _trades_needed(difference: float, error: float, n: int, confidence: float) -> int | None:
    """Return the additional trades that a test of this difference needs, its standard error falling as 1/sqrt(n)."""
    if math.isnan(error) or difference == 0:
        return None
    distance = detectable_difference(error, confidence) / abs(difference)
    total = n * distance**2
    return max(0, math.ceil(total) - n) if total < 1e12 else None
