"""Sums over resampled blocks without materialising the resamples, the units drawn, and how often each was."""

from __future__ import annotations

import numba
import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntegerTable


@numba.njit(cache=True, error_model="numpy")
def block_sums(start: IntegerTable, chance: FloatTable, share: float, per_unit: FloatTable) -> FloatArray:
    """Return the sums of every column over every resample.

    Parameters
    ----------
    start : uint16 or int64 array, shape (n_resamples, n_units)
        First unit of a block that begins at each position.
    chance : float64 array, shape (n_resamples, n_units) or (n_resamples, 0)
        A block begins at each position with a value below `share`; at every position if there are no columns.
    share : float
        Probability that a block begins at a position: 1 / mean block length.
    per_unit : float64 array, shape (n_units, n_columns)

    Returns
    -------
    float64 array, shape (n_resamples, n_columns)
    """
    n_units, n_columns = per_unit.shape
    out = np.zeros((len(start), n_columns))
    for b in range(len(start)):
        unit = np.int64(0)
        # the sums of the first two columns, which most callers have, stay in registers
        one, two = 0.0, 0.0
        for t in range(n_units):
            if t == 0 or chance.shape[1] == 0 or chance[b, t] < share:
                unit = np.int64(start[b, t])
            else:
                unit = np.int64(unit + 1 if unit + 1 < n_units else 0)
            if n_columns == 2:
                one += per_unit[unit, 0]
                two += per_unit[unit, 1]
            else:
                for c in range(n_columns):
                    out[b, c] += per_unit[unit, c]
        if n_columns == 2:
            out[b, 0], out[b, 1] = one, two
    return out


@numba.njit(cache=True, error_model="numpy")
def block_draws(start: IntegerTable, chance: FloatTable, share: float) -> IntegerTable:
    """Return the units of each resample in the order in which they are drawn.

    Parameters
    ----------
    start, chance, share
        As for `block_sums`, with columns in `chance`.

    Returns
    -------
    array, shape (n_resamples, n_units)
        Of the type of `start`.
    """
    n_units = start.shape[1]
    out = np.empty_like(start)
    for b in range(len(start)):
        unit = np.int64(0)
        for t in range(n_units):
            following = np.int64(unit + 1 if unit + 1 < n_units else 0)
            unit = np.int64(start[b, t]) if t == 0 or chance[b, t] < share else following
            out[b, t] = unit
    return out


@numba.njit(cache=True, error_model="numpy")
def unit_counts(draw: IntegerTable, n_units: int) -> FloatTable:
    """Return how often each unit was drawn in each resample, shape (n_resamples, n_units)."""
    out = np.zeros((len(draw), n_units))
    for b in range(draw.shape[0]):
        for t in range(draw.shape[1]):
            out[b, draw[b, t]] += 1.0
    return out
