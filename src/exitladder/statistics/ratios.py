"""Measures computed from sums over trades, with confidence intervals from one shared resampling.

Means, shares and ratios are all functions of a few sums, so the sums are resampled once for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.mean import MIN_TRADES
from exitladder.statistics.shares import share_interval

Sums = Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Ratio:
    """Ratio of two sums.

    Parameters
    ----------
    over, under : str
        Columns of the numerator and the denominator.
    cases : str
        Column that counts the cases behind the ratio; an interval needs ``MIN_TRADES`` of them. Empty
        if all rows count.
    is_share : bool
        Whether `over` counts a subset of `under`.
    """

    over: str
    under: str
    cases: str = ""
    is_share: bool = False

    @classmethod
    def mean(cls, over: str, under: str) -> Ratio:
        """Return the mean of `over` per case counted by `under`."""
        return cls(over, under, cases=under)

    @classmethod
    def share(cls, over: str, under: str) -> Ratio:
        """Return the share of the cases counted by `under` that `over` counts."""
        return cls(over, under, cases=under, is_share=True)


Measure = Ratio | Callable[[Sums], FloatArray]


def with_interval(value: float, low: float = math.nan, high: float = math.nan) -> dict[str, float | None]:
    """Return a measure as summary.json holds it.

    Parameters
    ----------
    value : float
    low, high : float
        Bounds of the confidence interval; NaN without one.

    Returns
    -------
    dict of str to (float or None)
        ``value``, ``low`` and ``high``; None for an unknown or infinite value.
    """
    return {
        name: float(x) if math.isfinite(x) else None for name, x in (("value", value), ("low", low), ("high", high))
    }


def measure(
    columns: Mapping[str, npt.ArrayLike],
    measures: Mapping[str, Measure],
    plan: Resampling | None,
) -> dict[str, dict[str, float | None]]:
    """Return each measure of the columns' sums with its confidence interval.

    Parameters
    ----------
    columns : mapping of str to array of float, shape (n,)
        One value per trade (or day), in the order of the plan.
    measures : mapping of str to Measure
        A ratio of two sums, or a function from sums by name, each an array of any shape, to values.
    plan : Resampling or None
        None gives values without intervals.

    Returns
    -------
    dict
        By name of the measure, see `with_interval`.
    """
    values = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    # added one after another, as the units are
    totals: dict[str, Any] = {
        name: np.cumsum(column)[-1] if len(column) else np.float64(0) for name, column in values.items()
    }
    resampled = dict(zip(values, plan.sums(values.values()).T, strict=True)) if plan is not None else {}
    found = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, one in measures.items():
            value = float(_evaluate(one, totals))
            low = high = math.nan
            rests_on = one.cases if isinstance(one, Ratio) else ""
            if plan is not None and (not rests_on or totals[rests_on] >= MIN_TRADES):
                low, high = plan.interval(value, _evaluate(one, resampled))
                if isinstance(one, Ratio) and one.is_share:
                    low, high = share_interval(value, float(totals[one.under]), (low, high), plan.intervals.confidence)
            found[name] = with_interval(value, low, high)
    return found


def _evaluate(one: Measure, sums: Sums) -> FloatArray:
    if isinstance(one, Ratio):
        return np.asarray(np.divide(sums[one.over], sums[one.under]))
    return one(sums)


def sharpe_of_sums(sums: Sums, n: str, total: str, squares: str) -> FloatArray:
    """Return mean over sample standard deviation from sums.

    Parameters
    ----------
    sums : mapping of str to array
    n, total, squares : str
        Names of the count, the sum and the sum of squares.

    Returns
    -------
    float64 array
        NaN where the values do not vary.
    """
    count = sums[n]
    mean = sums[total] / count
    variance = (sums[squares] - count * mean**2) / (count - 1)
    # Rounding leaves a residue for constant values; a ratio over it would be noise.
    varies = variance > 1e-12 * sums[squares] / count
    return np.asarray(np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), np.nan))


def sortino_of_sums(sums: Sums, n: str, total: str, shortfall_squares: str) -> FloatArray:
    """Return mean over downside deviation from sums.

    Parameters
    ----------
    sums : mapping of str to array
    n, total, shortfall_squares : str
        Names of the count, the sum and the sum of squared shortfalls.

    Returns
    -------
    float64 array
        NaN where nothing was lost.
    """
    downside = np.sqrt(sums[shortfall_squares] / sums[n])
    return np.asarray(np.where(downside > 0, sums[total] / sums[n] / np.where(downside > 0, downside, 1.0), np.nan))
