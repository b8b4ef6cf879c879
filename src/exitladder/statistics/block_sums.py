"""Sums over resampled blocks, without writing the resamples down."""

from __future__ import annotations

import numba
import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntTable


@numba.njit(cache=True, error_model="numpy")
def block_sums(start: IntTable, chance: FloatTable, share: float, per_unit: FloatTable) -> FloatArray:
    """Return the sums of every column over every resample, shape (n_resamples, n_columns).

    Parameters
    ----------
    start : int64 array, shape (n_resamples, n_units)
        The unit at which a block that begins at a place starts.
    chance : float64 array, shape (n_resamples, n_units) or (n_resamples, 0)
        A block begins where it is below `share`; everywhere if there are no columns.
    per_unit : float64 array, shape (n_units, n_columns)
    """
    n_units, n_columns = per_unit.shape
    out = np.zeros((len(start), n_columns))
    for b in range(len(start)):
        unit = 0
        for t in range(n_units):
            if t == 0 or chance.shape[1] == 0 or chance[b, t] < share:
                unit = start[b, t]
            else:
                unit = unit + 1 if unit + 1 < n_units else 0
            for c in range(n_columns):
                out[b, c] += per_unit[unit, c]
    return out
