"""European options by Black, Scholes and Merton: values, Greeks and implied volatility, for arrays.

Rates and yields are continuous and annual, times are years, volatilities annual. Source: Haug, *The Complete Guide to
Option Pricing Formulas*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray

CALL, PUT = 1.0, -1.0
DAYS_A_YEAR = 365.0
LEAST_VOLATILITY, MOST_VOLATILITY = 1e-4, 10.0
_STEPS = 80


@dataclass(frozen=True)
class Greeks:
    """Value and sensitivities per unit of the underlying; arrays of one shape."""

    value: FloatArray
    delta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    """Per 1.00 of volatility; a point of volatility is a hundredth of it."""
    theta: FloatArray
    """Per year; a calendar day is a 365th of it."""
    rho: FloatArray
    """Per 1.00 of the rate."""


def greeks(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    years: npt.ArrayLike,
    volatility: npt.ArrayLike,
    right: npt.ArrayLike = CALL,
    rates: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 0.0),
) -> Greeks:
    """Return value and Greeks of European options.

    Parameters
    ----------
    spot, strike : array of float
        Prices of the underlying.
    years : array of float
        Time to expiry. At 0 the value is what exercise pays.
    volatility : array of float
        Annual.
    right : array of float
        1 for calls, -1 for puts.
    rates : tuple of two arrays of float
        Interest rate and dividend yield, continuous and annual.

    Returns
    -------
    Greeks
        Of the shape that the inputs broadcast to; NaN where an input is NaN, or a price or volatility is not positive.
    """
    s, k, t, v, w, r, q = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (spot, strike, years, volatility, right, *rates))
    )
    from scipy.special import ndtr

    with np.errstate(invalid="ignore", divide="ignore"):
        known = (s > 0) & (k > 0) & (t >= 0) & (v > 0) & np.isfinite(r) & np.isfinite(q)
        root = v * np.sqrt(t)
        d1 = (np.log(s / k) + (r - q + 0.5 * v * v) * t) / root
        # at expiry the sign decides; at the strike neither side does
        d1 = np.where(t > 0, d1, np.where(s == k, 0.0, np.copysign(np.inf, s - k)))
        d2 = np.where(t > 0, d1 - root, d1)
        density = np.exp(-0.5 * d1 * d1) / np.sqrt(2 * np.pi)
        carried, discounted = s * np.exp(-q * t), k * np.exp(-r * t)
        n1, n2 = ndtr(w * d1), ndtr(w * d2)
        value = w * (carried * n1 - discounted * n2)
        gamma = np.where(t > 0, np.exp(-q * t) * density / (s * root), 0.0)
        vega = carried * density * np.sqrt(t)
        decay = np.where(t > 0, -carried * density * v / (2 * np.sqrt(t)), 0.0)
        theta = decay - w * r * discounted * n2 + w * q * carried * n1
        delta, rho = w * np.exp(-q * t) * n1, w * t * discounted * n2
    parts = (value, delta, gamma, vega, theta, rho)
    return Greeks(*(np.where(known, part, np.nan) for part in parts))


def bounds(
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    years: npt.ArrayLike,
    right: npt.ArrayLike = CALL,
    rates: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 0.0),
) -> tuple[FloatArray, FloatArray]:
    """Return the least and the largest value without arbitrage of European options.

    Parameters
    ----------
    spot, strike, years, right, rates
        As in `greeks`.

    Returns
    -------
    least, largest : float64 array
    """
    s, k, t, w, r, q = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (spot, strike, years, right, *rates))
    )
    carried, discounted = s * np.exp(-q * t), k * np.exp(-r * t)
    return np.maximum(w * (carried - discounted), 0.0), np.where(w > 0, carried, discounted)


def implied_volatility(
    price: npt.ArrayLike,
    spot: npt.ArrayLike,
    strike: npt.ArrayLike,
    years: npt.ArrayLike,
    right: npt.ArrayLike = CALL,
    rates: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, 0.0),
) -> FloatArray:
    """Return the volatility at which European options have these prices.

    Parameters
    ----------
    price : array of float
        Per unit of the underlying.
    spot, strike, years, right, rates
        As in `greeks`.

    Returns
    -------
    float64 array
        Annual. NaN where no volatility between 0.0001 and 10 gives the price: it is outside the bounds of no
        arbitrage, or nothing is left of time.

    Notes
    -----
    The value grows with volatility, so Newton's steps are kept inside a bracket that every step narrows, and halve it
    where they leave it: no price needs a good start.
    """
    p, s, k, t, w, r, q = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (price, spot, strike, years, right, *rates))
    )
    low, high = np.full(p.shape, LEAST_VOLATILITY), np.full(p.shape, MOST_VOLATILITY)
    with np.errstate(invalid="ignore"):
        solvable = (
            (t > 0) & (p >= greeks(s, k, t, low, w, (r, q)).value) & (p <= greeks(s, k, t, high, w, (r, q)).value)
        )
        least, _ = bounds(s, k, t, w, (r, q))
        # on the bound itself every small volatility gives the price
        solvable &= p > least + 1e-12 * k
    x = np.full(p.shape, 0.3)
    for _ in range(_STEPS):
        at = greeks(s, k, t, x, w, (r, q))
        above = at.value > p
        high, low = np.where(above, x, high), np.where(above, low, x)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            newton = x - (at.value - p) / at.vega
        inside = (newton > low) & (newton < high)
        step = np.where(inside, newton, 0.5 * (low + high))
        done = np.abs(step - x) <= 1e-15 + 4e-16 * x
        x = step
        if np.all(done | ~solvable):
            break
    return np.where(solvable, x, np.nan)
