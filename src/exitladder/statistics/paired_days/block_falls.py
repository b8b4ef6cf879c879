"""Drawdowns of resampled paths, without materialising the paths."""

from __future__ import annotations

import numba
import numpy as np

from exitladder.arrays import FloatArray, IntegerTable


@numba.njit(cache=True, error_model="numpy")
def block_falls(draw: IntegerTable, parts: FloatArray) -> FloatArray:
    """Return the drawdown of each resampled path, at most 0; equal to `resampled_falls` without a start.

    Parameters
    ----------
    draw : uint16 or int64 array, shape (n_resamples, n_units)
        Units in the order in which they were drawn.
    parts : float64 array, shape (4, n_units)
        From `exitladder.statistics.drawdown.inside_units`.

    Returns
    -------
    float64 array, shape (n_resamples,)
    """
    n, out = len(draw), np.zeros(len(draw))
    # two paths at a time: each step of a path waits for the one before
    for b in range(0, n, 2):
        other = min(b + 1, n - 1)
        level, peak, worst = 0.0, 0.0, 0.0
        level_2, peak_2, worst_2 = 0.0, 0.0, 0.0
        for t in range(draw.shape[1]):
            unit, unit_2 = draw[b, t], draw[other, t]
            worst = min(worst, level + parts[2, unit] - peak, parts[3, unit])
            worst_2 = min(worst_2, level_2 + parts[2, unit_2] - peak_2, parts[3, unit_2])
            peak = max(peak, level + parts[1, unit])
            peak_2 = max(peak_2, level_2 + parts[1, unit_2])
            level += parts[0, unit]
            level_2 += parts[0, unit_2]
        out[b], out[other] = worst, worst_2
    return out
