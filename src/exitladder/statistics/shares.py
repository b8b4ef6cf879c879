"""Confidence intervals of shares."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri


def _share_interval(value: float, low: float, high: float, n: float, confidence: float) -> tuple[float, float]:
    """Return the union of a share's resampled interval and Wilson's, within 0 and 1.

    A share of exactly 0 or 1 does not vary under resampling; Wilson's interval still has a width.
    """
    z = float(ndtri(0.5 + confidence / 2))
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    # fmin and fmax ignore a NaN bound.
    return max(0.0, float(np.fmin(low, centre - half))), min(1.0, float(np.fmax(high, centre + half)))
