"""Confidence intervals of shares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray


def wilson_interval(share: npt.ArrayLike, n: npt.ArrayLike, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Return the ends of Wilson's score interval of shares.

    Parameters
    ----------
    share : array of float
        Observed shares, from 0 to 1.
    n : array of int or float, of the same shape
        Number of cases behind each share.
    confidence : float
        Nominal coverage.

    Returns
    -------
    low, high : float64 array, of the same shape

    Notes
    -----
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22. The same as
    ``scipy.stats.binomtest(k, n).proportion_ci(confidence, method="wilson")``, for many shares at once.
    """
    from scipy.special import ndtri

    p, n = np.asarray(share, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = float(ndtri(0.5 + confidence / 2))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.asarray(centre - half), np.asarray(centre + half)


def share_interval(share: float, n: float, resampled: tuple[float, float], confidence: float) -> tuple[float, float]:
    """Return the hull of a share's resampled interval and Wilson's, within 0 and 1.

    Resampling a share of exactly 0 or 1 shows no variation at all; Wilson's interval does.

    Parameters
    ----------
    share : float
        The observed share.
    n : float
        Number of cases behind it.
    resampled : tuple of float
        Ends of the interval from resamples; NaN if they do not bound it.
    confidence : float
        Nominal coverage.

    Returns
    -------
    (float, float)
        Lower and upper end.
    """
    low, high = (float(end) for end in wilson_interval(share, n, confidence))
    # fmin and fmax pass over a NaN end.
    return max(0.0, float(np.fmin(resampled[0], low))), min(1.0, float(np.fmax(resampled[1], high)))
