"""Tests of many candidates against one baseline: is the best better than chance, and which ones are.

Hansen, "A Test for Superior Predictive Ability" (2005), and Romano and Wolf, "Stepwise Multiple
Testing as Formalized Data Snooping" (2005), as implemented by `arch.bootstrap`, with the block length
of Politis and White instead of its default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

    from arch.bootstrap import SPA

    # The tests take losses; a gain over the baseline is a loss below zero.
    test = SPA(np.zeros(len(gain)), -gain, block_size=block, reps=intervals.n_bootstrap, seed=intervals.seed)
    test.compute()
    p_values = {name: float(value) for name, value in test.pvalues.items()}
    least = 1 / (intervals.n_bootstrap + 1)
    tested = [name for name, keep in zip(names, varies, strict=True) if keep]
    return SuperiorAbility(
        p_value=max(p_values["consistent"], least),
        p_lower=max(p_values["lower"], least),
        p_upper=max(p_values["upper"], least),
        superior=tuple(tested[i] for i in _stepwise(test, len(tested), 1 - intervals.confidence)),
        n=n,
        block=math.ceil(block * trades_per_row),
    )


def _stepwise(test: Any, n: int, size: float) -> list[int]:
    """Return the positions that the stepwise test finds superior; each step removes them and retests the rest.

    The steps of ``arch.bootstrap.StepM`` on the existing resamples; StepM itself raises an error if the last
    candidates are removed in a later step.
    """
    found: list[int] = []
    while len(found) < n:
        if found:
            test.subset(~np.isin(np.arange(n), found))
            test.compute()
        better = [int(i) for i in test.better_models(size)]
        if not better:
            break
        found += better
    return sorted(found)


def _in_units(gain: FloatArray) -> FloatArray:
    """Return means of adjacent trades if there are too many for a test whose cost grows as n²."""
    n = len(gain)
    if n <= MAX_UNITS:
        return gain
    edges = np.arange(MAX_UNITS) * n // MAX_UNITS
    sizes = np.diff(np.append(edges, n))[:, None]
    return np.asarray(np.add.reduceat(gain, edges, axis=0) / sizes)
