"""American options with discrete dividends, by QuantLib (`pip install "exitladder[options]"`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exitladder.errors import OptionsError

_STEPS = (400, 800)
"""Of time and price: the values of Bjerksund and Stensland, Barone-Adesi and Whaley, and Ju to 3 in 1,000."""
_BUMP = 1e-3
"""Relative change of volatility for vega, which finite differences do not give."""
_DAYS = 3650
"""Days that any time to expiry is stretched to, volatility and rates with it, so that its hours count."""
_COARSE = (100, 200)
"""Of time and price, where a value is needed many times over: within 0.2% at the money."""


@dataclass(frozen=True)
class AmericanValue:
    """Value per unit of the underlying, and its Greeks: theta per year, vega per 1.00 of volatility."""

    value: float
    delta: float
    gamma: float
    theta: float
    vega: float


def quantlib() -> Any:
    """Return the module QuantLib.

    Raises
    ------
    OptionsError
        It is not installed.
    """
    try:
        import QuantLib  # type: ignore[import-untyped]
    except ImportError:
        raise OptionsError(
            'American options are valued by QuantLib, which is not installed: pip install "exitladder[options]"'
        ) from None
    return QuantLib


def american(
    spot: float,
    strike: float,
    days: int,
    volatility: float,
    right: float = 1.0,
    rates: tuple[float, float] = (0.0, 0.0),
    dividends: Sequence[tuple[int, float]] = (),
) -> AmericanValue:
    """Return the value of an American option by finite differences.

    Parameters
    ----------
    spot, strike : float
        Prices of the underlying.
    days : int
        Calendar days to expiry, at least 1.
    volatility : float
        Annual.
    right : float
        1 for a call, -1 for a put.
    rates : tuple of float
        Interest rate and dividend yield, continuous and annual.
    dividends : sequence of (int, float)
        Days from now to each ex-dividend date, and the amount; those after expiry do not count.

    Returns
    -------
    AmericanValue

    Raises
    ------
    OptionsError
        QuantLib is not installed, or a price, volatility or time is not positive.
    """
    if not (spot > 0 and strike > 0 and volatility > 0 and days >= 1 and math.isfinite(spot * strike * volatility)):
        raise OptionsError(
            f"spot, strike and volatility must be above 0, and days at least 1; "
            f"they are {spot:g}, {strike:g}, {volatility:g} and {days}"
        )
    at = _priced(spot, strike, days, volatility, right, rates, dividends)
    dearer = _priced(spot, strike, days, volatility * (1 + _BUMP), right, rates, dividends)
    vega = (dearer.NPV() - at.NPV()) / (volatility * _BUMP)
    return AmericanValue(at.NPV(), at.delta(), at.gamma(), at.theta(), vega)


def _priced(
    spot: float,
    strike: float,
    days: int,
    volatility: float,
    right: float,
    rates: tuple[float, float],
    dividends: Sequence[tuple[int, float]],
    *,
    is_quick: bool = False,
) -> Any:
    """Return QuantLib's option with its engine set."""
    ql = quantlib()
    count, calendar = ql.Actual365Fixed(), ql.NullCalendar()
    # Only differences of dates count.
    today = ql.Date(1, 1, 2024)
    ql.Settings.instance().evaluationDate = today

    def flat(rate: float) -> Any:
        return ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count))

    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        flat(rates[1]),
        flat(rates[0]),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, calendar, volatility, count)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if right > 0 else ql.Option.Put, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + days))
    paid = [(today + day, amount) for day, amount in dividends if 0 < day <= days and amount > 0]
    schedule = ql.DividendVector([date for date, _ in paid], [amount for _, amount in paid])
    if is_quick and not paid:
        engine = ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme())
    else:
        steps = _COARSE if is_quick else _STEPS
        engine = ql.FdBlackScholesVanillaEngine(process, schedule, *steps)
    option.setPricingEngine(engine)
    return option


def american_value(
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    right: float = 1.0,
    rates: tuple[float, float] = (0.0, 0.0),
    dividends: Sequence[tuple[float, float]] = (),
) -> float:
    """Return the value of an American option quickly, at any fraction of a day.

    Without dividends by Andersen, Lake and Offengenden's fixed-point method ("QD+"), with them by finite differences on
    a coarse grid.

    Parameters
    ----------
    spot, strike : float
        Prices of the underlying.
    years : float
        Time to expiry, above 0.
    volatility : float
        Annual.
    right : float
        1 for a call, -1 for a put.
    rates : tuple of float
        Interest rate and dividend yield, continuous and annual.
    dividends : sequence of (float, float)
        Years to each ex-dividend date, and the amount.

    Returns
    -------
    float

    Raises
    ------
    OptionsError
        QuantLib is not installed.
    """
    # a value depends on volatility² × time and rate × time only
    factor = years * 365 / _DAYS
    scaled = (rates[0] * factor, rates[1] * factor)
    when = [(max(1, round(at / years * _DAYS)), amount) for at, amount in dividends if 0 < at <= years]
    option = _priced(spot, strike, _DAYS, volatility * math.sqrt(factor), right, scaled, when, is_quick=True)
    return max(float(option.NPV()), right * (spot - strike))
