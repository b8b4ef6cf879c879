"""Tests of many candidates against one baseline: is the best better than chance, and which ones are.

Hansen, "A Test for Superior Predictive Ability" (2005), and Romano and Wolf, "Stepwise Multiple
Testing as Formalized Data Snooping" (2005), with the numbers of `arch.bootstrap` to the bit, which the tests
verify; importing that package takes longer than the test. The block length is that of Politis and White.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.statistics.bootstrap import MAX_UNITS, block_length
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import MIN_TRADES, nanoseconds

N_BOOTSTRAP = 1000
"""Resamples of this test, which are enough for a p value and cost more than those of a mean."""


@dataclass(frozen=True)
class SuperiorAbility:
    """Whether any candidate beats the baseline, accounting for all of them.

    Parameters
    ----------
    p_value : float
        Hansen's consistent p-value, not below the resolution of the resamples; NaN with too few trades
        or if no candidate differs from the baseline.
    p_lower, p_upper : float
        Its bounds; the upper one is White's reality check.
    superior : tuple of str
        Candidates that the stepwise test of Romano and Wolf finds better than the baseline; the
        probability that any of them is not is at most 1 - confidence.
    n : int
        Trades with a result under all candidates and the baseline.
    block : int
        Block length, in trades.
    """

    p_value: float
    p_lower: float
    p_upper: float
    superior: tuple[str, ...]
    n: int
    block: int


def superior_ability(
    candidates: Mapping[str, npt.ArrayLike],
    baseline: npt.ArrayLike,
    *,
    time: npt.ArrayLike | pd.Series | pd.Index,
    intervals: Intervals = Intervals(n_bootstrap=N_BOOTSTRAP),
) -> SuperiorAbility:
    """Test all candidates jointly against the baseline on the same trades.

    Parameters
    ----------
    candidates : mapping of str to array of float, shape (n,)
        Net R of every trade under each candidate. Trades that are NaN under any are dropped.
    baseline : array of float, shape (n,)
        Net R of every trade under the baseline.
    time : shape (n,)
        Entry times; see `mean_interval`.
    intervals : Intervals
        Confidence of the stepwise test, number of resamples and seed.

    Returns
    -------
    SuperiorAbility
    """
    names = tuple(candidates)
    table = np.column_stack([np.asarray(baseline, dtype=np.float64), *(np.asarray(candidates[k]) for k in names)])
    table = table[np.argsort(nanoseconds(time), kind="stable")]
    table = table[~np.isnan(table).any(axis=1)]
    n = len(table)
    gain = table[:, 1:] - table[:, :1]
    # A candidate with a constant difference has no variance to test.
    varies = np.ptp(gain, axis=0) > 0 if n else np.zeros(len(names), dtype=np.bool_)
    if n < MIN_TRADES or not varies.any():
        return SuperiorAbility(math.nan, math.nan, math.nan, (), n, 0)
    gain = _in_units(gain[:, varies])
    trades_per_row = n / len(gain)
    block = max(1, math.ceil(max(block_length(column) for column in gain.T)))

    resampled = _resampled_means(gain, block, intervals)
    best = resampled.max(axis=0) > gain.mean(axis=0).max()
    lower, consistent, upper = (float(share) for share in best.mean(axis=0))
    least = 1 / (intervals.n_bootstrap + 1)
    tested = [name for name, keep in zip(names, varies, strict=True) if keep]
    better = _stepwise(gain.mean(axis=0), resampled[:, :, 1], 1 - intervals.confidence)
    return SuperiorAbility(
        p_value=max(consistent, least),
        p_lower=max(lower, least),
        p_upper=max(upper, least),
        superior=tuple(tested[i] for i in better),
        n=n,
        block=math.ceil(block * trades_per_row),
    )


def _resampled_means(gain: FloatArray, block: int, intervals: Intervals) -> FloatArray:
    """Return the mean gain of each candidate on each resample, less its mean under the hypothesis of no gain.

    Parameters
    ----------
    gain : float64 array, shape (n, n_candidates)
        In time order.
    block : int
        Mean length of the blocks of the stationary bootstrap.
    intervals : Intervals

    Returns
    -------
    float64 array, shape (n_candidates, n_bootstrap, 3)
        Centred for the lower, the consistent and the upper p-value: a candidate worse than the baseline keeps its mean
        for the first, and for the second if it is far worse.
    """
    n, mean = len(gain), gain.mean(axis=0)
    threshold = -1.0 * np.sqrt((_variances(gain, block) / n) * 2 * np.log(np.log(n)))
    centres = (np.where(mean < 0, 0.0, mean), np.where(mean >= threshold, mean, 0.0), mean)
    rng, place = np.random.default_rng(intervals.seed), np.arange(n)
    found = np.zeros((gain.shape[1], intervals.n_bootstrap, len(centres)))
    for k in range(intervals.n_bootstrap):
        start, chance = rng.integers(n, size=n, dtype=np.int64), rng.random(n)
        restart = chance <= 1.0 / block
        restart[0] = True
        last = np.maximum.accumulate(np.where(restart, place, 0))
        drawn = gain[(start[last] + place - last) % n].mean(axis=0)
        for j, centre in enumerate(centres):
            found[:, k, j] = drawn - centre
    return found


def _variances(gain: FloatArray, block: int) -> FloatArray:
    """Return the long-run variance of each column: autocovariances with the weights of the stationary bootstrap."""
    n, p = len(gain), 1.0 / block
    apart = gain - gain.mean(axis=0)
    found = np.sum(apart**2, 0) / n
    for lag in range(1, n):
        kappa = ((1.0 - (lag / n)) * ((1 - p) ** lag)) + ((lag / n) * ((1 - p) ** (n - lag)))
        found += 2 * kappa * np.sum(apart[: (n - lag), :] * apart[lag:, :], 0) / n
    return np.asarray(found)


def _stepwise(mean: FloatArray, resampled: FloatArray, size: float) -> list[int]:
    """Return the positions that the stepwise test finds superior; each step removes them and retests the rest.

    Parameters
    ----------
    mean : float64 array, shape (n_candidates,)
    resampled : float64 array, shape (n_candidates, n_bootstrap)
    size : float
        Probability of any wrong one.

    Returns
    -------
    list of int
    """
    left = np.ones(len(mean), dtype=np.bool_)
    while left.any():
        critical = np.percentile(resampled[left].max(axis=0), 100.0 * (1 - size))
        better = left & (mean > critical)
        if not better.any():
            break
        left &= ~better
    return [int(i) for i in np.flatnonzero(~left)]


def _in_units(gain: FloatArray) -> FloatArray:
    """Return means of adjacent trades if there are too many for a test whose cost grows as n²."""
    n = len(gain)
    if n <= MAX_UNITS:
        return gain
    edges = np.arange(MAX_UNITS) * n // MAX_UNITS
    sizes = np.diff(np.append(edges, n))[:, None]
    return np.asarray(np.add.reduceat(gain, edges, axis=0) / sizes)
