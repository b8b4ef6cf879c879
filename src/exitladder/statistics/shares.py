"""Confidence intervals of shares."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri


def _share_interval(value: float, low: float, high: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the hull of a share's resampled interval and Wilson's, within 0 and 1.

    Resampling a share that was never (or always) hit shows no variation at all; Wilson's does.
    """
    z = float(ndtri(0.5 + confidence / 2))
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    # fmin and fmax pass over a NaN end.
    return max(0.0, float(np.fmin(low, centre - half))), min(1.0, float(np.fmax(high, centre + half)))
