"""Values, implied volatilities and Greeks of one contract at one moment (rules O4 and O5)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exitladder.options.american import american_value
from exitladder.options.black_scholes import CALL, LEAST_VOLATILITY, greeks, implied_volatility

YEAR_NS = 365 * 86_400 * 10**9
_MOST_VOLATILITY = 10.0
_PRICE_STEP = 1e-3
"""Relative change of the underlying's price for slopes of American values."""
_HOUR = 1 / (365 * 24)


@dataclass(frozen=True)
class Terms:
    """What a value needs beside price, strike, time and volatility.

    Parameters
    ----------
    right : float
        1 for a call, -1 for a put.
    strike : float
    is_american : bool
    rates : tuple of float
        Interest rate and dividend yield, continuous and annual.
    dividends : sequence of (float, float)
        Years from now to each announced ex-date before expiry, and the amount.
    """

    right: float
    strike: float
    is_american: bool
    rates: tuple[float, float] = (0.0, 0.0)
    dividends: Sequence[tuple[float, float]] = ()

    @property
    def is_european(self) -> bool:
        """Whether early exercise is never worth anything, so that the European value holds."""
        rate, dividend_yield = self.rates
        if not self.is_american:
            return True
        if self.dividends:
            return False
        return dividend_yield <= 0 <= rate if self.right == CALL else rate <= 0 <= dividend_yield

    def value(self, spot: float, years: float, volatility: float) -> float:
        """Return the value per unit of the underlying.

        Parameters
        ----------
        spot : float
        years : float
            Time to expiry; at 0 the value is the intrinsic one.
        volatility : float
            Annual.

        Returns
        -------
        float
            NaN if it is unknown.
        """
        if not (spot > 0 and years >= 0 and volatility > 0):
            return math.nan
        if self.is_european or years == 0:
            return float(
                greeks(self._without_dividends(spot), self.strike, years, volatility, self.right, self.rates).value
            )
        return american_value(spot, self.strike, years, volatility, self.right, self.rates, self.dividends)

    def implied(self, price: float, spot: float, years: float) -> float:
        """Return the volatility that gives a price (O4).

        Parameters
        ----------
        price : float
            Per unit of the underlying.
        spot, years : float

        Returns
        -------
        float
            NaN if no volatility gives the price.
        """
        if not (price > 0 and spot > 0 and years > 0):
            return math.nan
        if self.is_european:
            at = self._without_dividends(spot)
            return float(implied_volatility(price, at, self.strike, years, self.right, self.rates))
        if price <= self.right * (spot - self.strike) + 1e-12 * self.strike:
            return math.nan
        return _root(lambda v: self.value(spot, years, v) - price)

    def sensitivities(self, spot: float, years: float, volatility: float) -> Sensitivities:
        """Return delta, gamma, vega and theta in the units of rule O5.

        Parameters
        ----------
        spot, years, volatility : float

        Returns
        -------
        Sensitivities
            All NaN if the volatility is unknown.
        """
        if not (spot > 0 and years > 0 and volatility > 0):
            return Sensitivities(*[math.nan] * 4)
        if self.is_european:
            at = greeks(self._without_dividends(spot), self.strike, years, volatility, self.right, self.rates)
            return Sensitivities(float(at.delta), float(at.gamma), float(at.vega) / 100, float(at.theta) / 365)
        step, dt, dv = spot * _PRICE_STEP, min(_HOUR, years / 4), volatility * _PRICE_STEP
        up, here, down = (self.value(s, years, volatility) for s in (spot + step, spot, spot - step))
        later, sooner = (self._at(spot, years, volatility, change) for change in (-dt, dt))
        vega = (self.value(spot, years, volatility + dv) - self.value(spot, years, volatility - dv)) / (2 * dv)
        theta = (later - sooner) / (2 * dt)
        return Sensitivities((up - down) / (2 * step), (up - 2 * here + down) / step**2, vega / 100, theta / 365)

    def _at(self, spot: float, years: float, volatility: float, change: float) -> float:
        """Return the value with more time to expiry and to every dividend."""
        moved = [(at + change, amount) for at, amount in self.dividends]
        return Terms(self.right, self.strike, self.is_american, self.rates, moved).value(
            spot, years + change, volatility
        )

    def _without_dividends(self, spot: float) -> float:
        """Return the price less the present value of the dividends before expiry."""
        rate = self.rates[0]
        return spot - math.fsum(amount * math.exp(-rate * at) for at, amount in self.dividends if at > 0)


@dataclass(frozen=True)
class Sensitivities:
    """Delta and gamma per unit of the underlying, vega per point of volatility, theta per calendar day."""

    delta: float
    gamma: float
    vega: float
    theta: float


def _root(excess: Callable[[float], float]) -> float:
    """Return the volatility at which a growing function is 0, NaN without one."""
    from scipy.optimize import brentq

    low, high = LEAST_VOLATILITY, 0.5
    # the engine cannot price a volatility near 0 over a short time
    while not np.isfinite(excess(low)) and low < 0.05:
        low *= 2
    if excess(low) > 0:
        return math.nan
    while excess(high) < 0:
        high *= 2
        if high > _MOST_VOLATILITY:
            return math.nan
    return float(brentq(excess, low, high, xtol=1e-7))
