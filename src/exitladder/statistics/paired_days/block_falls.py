"""Drawdowns of resampled paths, without materialising the paths."""

from __future__ import annotations

import numba
import numpy as np

from exitladder.arrays import FloatArray, IntArray


@numba.njit(cache=True, error_model="numpy")
def block_falls(draw: IntArray, parts: FloatArray) -> FloatArray:
    """Return the drawdown of each resampled path, at most 0; equal to `resampled_falls` without a start.

    Parameters
    ----------
    draw : int64 array, shape (n_resamples, n_units)
        Units in the order in which they were drawn.
    parts : float64 array, shape (4, n_units)
        From `exitladder.statistics.drawdown.inside_units`.

    Returns
    -------
    float64 array, shape (n_resamples,)
    """
    out = np.zeros(len(draw))
    for b in range(len(draw)):
        level, peak, worst = 0.0, 0.0, 0.0
        for t in range(draw.shape[1]):
            unit = draw[b, t]
            worst = min(worst, level + parts[2, unit] - peak, parts[3, unit])
            peak = max(peak, level + parts[1, unit])
            level += parts[0, unit]
        out[b] = worst
    return out
