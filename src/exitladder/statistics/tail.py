"""Mean of the worst trades (CVaR) with its confidence interval."""

from __future__ import annotations

import numba
import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.metrics import cvar


def cvar_with_interval(values: FloatArray, plan: Resampling | None, share: float = 0.05) -> tuple[float, float, float]:
    """Return the mean of the worst `share` of the values and the ends of its interval.

    Parameters
    ----------
    values : float64 array, shape (n,)
        In the order of the plan.
    plan : Resampling or None
        None gives no interval (NaN).
    share : float
        Share of the values, from 0 to 1.

    Returns
    -------
    value, low, high : float
    """
    value = cvar(values, share)
    if plan is None:
        return value, np.nan, np.nan
    order = np.argsort(values, kind="stable")
    ordered, unit = values[order], plan.unit[order]
    sizes = np.bincount(plan.unit, minlength=plan.n_units).astype(np.float64)
    resampled = [
        worst_mean(ordered, unit, counts, counts @ sizes, share) for counts in map(plan.counts, plan.short_draws())
    ]
    low, high = plan.interval(value, np.concatenate(resampled))
    return value, low, high


@numba.njit(cache=True, error_model="numpy")
def worst_mean(ordered: FloatArray, unit: IntArray, counts: FloatArray, total: FloatArray, share: float) -> FloatArray:
    """Return the mean of the worst share of each resample.

    Parameters
    ----------
    ordered : float64 array, shape (n,)
        Values in ascending order.
    unit : int64 array, shape (n,)
        The unit of each value.
    counts : float64 array, shape (n_resamples, n_units)
        Times each unit was drawn.
    total : float64 array, shape (n_resamples,)
        Values in each resample.
    share : float
        Share of the values, from 0 to 1.

    Returns
    -------
    float64 array, shape (n_resamples,)
    """
    out = np.empty(len(counts))
    for b in range(len(counts)):
        mass = share * total[b]
        # As for the sample itself: a share of less than one value is the worst value.
        missing = max(mass, 1.0)
        taken = 0.0
        added = 0.0
        for i in range(len(ordered)):
            weight = min(counts[b, unit[i]], missing - taken)
            added += weight * ordered[i]
            taken += weight
            if taken >= missing:
                break
        out[b] = added / taken
    return out
