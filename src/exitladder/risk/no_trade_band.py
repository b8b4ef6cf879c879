"""How far a hedge may drift before a trade is worth its cost (Whalley and Wilmott, 1997)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray


def half_width(
    cost: npt.ArrayLike,
    spot: npt.ArrayLike,
    gamma: npt.ArrayLike,
    risk_aversion: npt.ArrayLike,
    rate: npt.ArrayLike = 0.0,
    years: npt.ArrayLike = 0.0,
) -> FloatArray:
    """Return the half-width, in delta, of the band inside which nothing is traded.

    It is (3/2 · c · S · Γ² · e^(−rT) / λ)^(1/3): the best for small proportional costs and exponential utility.

    Parameters
    ----------
    cost : array of float
        Proportional cost of a trade, such as 0.001.
    spot : array of float
        Price of the underlying.
    gamma : array of float
        Of the position to be hedged.
    risk_aversion : array of float
        Absolute, per unit of money, above 0.
    rate, years : array of float
        Interest rate and time to expiry.

    Returns
    -------
    float64 array

    Raises
    ------
    ValueError
        A cost below 0, or a risk aversion of 0 or less.
    """
    c, s, g, a, r, t = (np.asarray(x, dtype=np.float64) for x in (cost, spot, gamma, risk_aversion, rate, years))
    if np.any(c < 0) or np.any(a <= 0):
        raise ValueError("the cost must be at least 0 and the risk aversion above 0")
    width: FloatArray = np.cbrt(1.5 * c * s * g * g * np.exp(-r * t) / a)
    return width


def traded(held: npt.ArrayLike, target: npt.ArrayLike, width: npt.ArrayLike, to_target: bool = False) -> FloatArray:
    """Return what to trade: nothing inside target ± width, else to the nearest edge of the band.

    Parameters
    ----------
    held, target : array of float
        Quantities.
    width : array of float
        Half the band, at least 0.
    to_target : bool
        Trade to the target itself instead of the edge.

    Returns
    -------
    float64 array
        Positive to buy. NaN where anything is unknown: no trade.
    """
    h, m, w = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (held, target, width)))
    low, high = m - w, m + w
    edge = np.where(h < low, low, np.where(h > high, high, h))
    aim = np.where(to_target & (edge != h), m, edge)
    out: FloatArray = np.where(np.isfinite(h) & np.isfinite(low) & np.isfinite(high), aim - h, np.nan)
    return out
