"""Maximum drawdown of a running sum, with a confidence interval from resampled blocks."""

from __future__ import annotations

import math

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.statistics.bootstrap import Resampling


def fall_in_money(results: FloatArray, plan: Resampling) -> tuple[float, float, float]:
    """Return the maximum drawdown of a running sum and its interval, all at most 0.

    Parameters
    ----------
    results : float64 array, shape (n,)
        Result booked at each moment, in time order.
    plan : Resampling
        Plan for these n moments.

    Returns
    -------
    value, low, high : float
    """
    return _fall(results, plan, math.nan)


def fall_as_share(results: FloatArray, plan: Resampling, start: float) -> tuple[float, float, float]:
    """Return the maximum drawdown as a share of the peak of equity and its interval, all at most 0.

    Parameters
    ----------
    results : float64 array, shape (n,)
        The amount added at each moment, in order of time.
    plan : Resampling
        Of these n moments.
    start : float
        Equity at the start. A share below -1 means that more than the peak was lost.

    Returns
    -------
    value, low, high : float
    """
    return _fall(results, plan, start)


def _fall(results: FloatArray, plan: Resampling, start: float) -> tuple[float, float, float]:
    path = np.concatenate([[0.0], np.cumsum(results)])
    peak = np.maximum.accumulate(path)
    fall = path - peak if math.isnan(start) else (path - peak) / (start + peak)
    value = float(fall.min())
    parts = inside_units(results, plan)
    resampled = np.concatenate([_resampled_falls(draw, parts, start) for draw in plan.draws()])
    low, high = plan.interval(value, resampled)
    return value, low, min(high, 0.0)


def inside_units(results: FloatArray, plan: Resampling) -> FloatArray:
    """Return each unit's sum, highest and lowest running sum, and drawdown, shape (4, n_units).

    The drawdown of a path follows from these values of its units, so long paths are resampled quickly.
    """
    n_units = plan.n_units
    total = np.bincount(plan.unit, results, n_units)
    highest, lowest, deepest = np.zeros(n_units), np.zeros(n_units), np.zeros(n_units)
    edges = np.searchsorted(plan.unit, np.arange(n_units + 1))
    lengths = np.diff(edges)
    for length in np.unique(lengths):  # units of one length are rows of one table
        units = np.flatnonzero(lengths == length)
        path = np.zeros((len(units), length + 1))
        np.cumsum(results[edges[units][:, None] + np.arange(length)], axis=1, out=path[:, 1:])
        highest[units], lowest[units] = path.max(axis=1), path.min(axis=1)
        deepest[units] = np.min(path - np.maximum.accumulate(path, axis=1), axis=1)
    return np.stack([total, highest, lowest, deepest])


def _resampled_falls(draw: np.ndarray, parts: FloatArray, start: float) -> FloatArray:
    total, highest, lowest, deepest = (part[draw] for part in parts)
    before = np.cumsum(total, axis=1) - total
    reached = np.maximum.accumulate(np.maximum(before + highest, 0.0), axis=1)
    peak = np.concatenate([np.zeros((len(draw), 1)), reached[:, :-1]], axis=1)
    fall = np.minimum(before + lowest - peak, deepest)
    if not math.isnan(start):
        fall = fall / (start + peak)
    return np.asarray(fall.min(axis=1))
