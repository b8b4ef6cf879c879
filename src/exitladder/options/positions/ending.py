"""Expiry, exercise and assignment (rules O7 and O8)."""

from __future__ import annotations

import math

from exitladder.options.black_scholes import CALL
from exitladder.options.market import OptionMarket
from exitladder.options.positions.entering import index_at
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.position import Leg, Position

AUTOMATIC = 0.01
"""A long in the money by this much or more is exercised."""


def settle(position: Position, market: OptionMarket, price: float) -> None:
    """End a position at expiry: each leg at its intrinsic value, or at 0.

    Parameters
    ----------
    position : Position
    market : OptionMarket
    price : float
        Settlement price of the underlying.
    """
    moment = market.clock.moment(position.legs[0].contract.expiry)
    both = [leg.contract.strike for leg in position.legs]
    if position.held and len(both) == 2 and min(both) < price < max(both):
        position.notes.add("pin")
    ending = [(leg, position.held) for leg in position.legs if position.held] + position.kept
    for leg, quantity in ending:
        _end_leg(position, market, leg, (quantity, price, moment))
    position.held, position.kept = 0, []


def _end_leg(position: Position, market: OptionMarket, leg: Leg, at: tuple[int, float, int]) -> None:
    quantity, price, moment = at
    value = leg.contract.intrinsic(price)
    is_used = value >= AUTOMATIC - 1e-9 if leg.sign > 0 else value > 0
    cost = 0.0
    if is_used and market.settlement_is_physical:
        cost = price * market.settings.underlying_cost_bps * 1e-4 * quantity * position.trade.multiplier
        position.notes.add("delivered")
    code = "assignment" if is_used and leg.sign < 0 else "expiry"
    position.close_leg(
        leg, quantity, value if is_used else 0.0, (moment, code, 0), kind="settled", underlying_cost=cost
    )


def assign_early(position: Position, valuer: Valuer, start: int, dates: tuple[int, int]) -> bool:
    """Assign an American short at the last close of a date, if a holder would exercise then.

    Parameters
    ----------
    position : Position
    valuer : Valuer
    start : int
        Of the quotes of that close.
    dates : (int, int)
        Date of that close, and of the next quote: an ex-date between them makes calls worth exercising.

    Returns
    -------
    bool
        Whether it was assigned. The short leg has ended then; a long leg is left as the position's only one.
    """
    market, trade = valuer.market, position.trade
    short = exercised_short(position, valuer, start, dates)
    if short is None:
        return False
    i = index_at(market, short.contract, start)
    spot = valuer.spot(short.contract, i)
    intrinsic = short.contract.intrinsic(spot)
    quantity, moment = position.held, int(market.quotes[short.contract].end[i])
    cost = spot * market.settings.underlying_cost_bps * 1e-4 * quantity * trade.multiplier
    position.close_leg(short, quantity, intrinsic, (moment, "assignment", 0), kind="settled", underlying_cost=cost)
    position.notes |= {"assigned_early", "delivered"}
    position.legs = [leg for leg in position.legs if leg is not short]
    if not position.legs:
        position.legs, position.held = [short], 0
    return True


def exercised_short(position: Position, valuer: Valuer, start: int, dates: tuple[int, int]) -> Leg | None:
    """Return the short leg that a holder would exercise at the last close of a date; None if there is none.

    Parameters
    ----------
    position : Position
    valuer : Valuer
    start : int
        Of the quotes of that close.
    dates : (int, int)
        As for `assign_early`.

    Returns
    -------
    Leg or None
    """
    market = valuer.market
    short = next((leg for leg in position.legs if leg.sign < 0), None)
    if short is None or position.trade.style != "american" or not position.held:
        return None
    i = index_at(market, short.contract, start)
    intrinsic = short.contract.intrinsic(valuer.spot(short.contract, i))
    if not intrinsic > 0:
        return None
    if short.contract.right == CALL:
        return short if _call_is_exercised(short, valuer, i, dates) else None
    return short if float(market.quotes[short.contract].at_close.ask[i]) <= intrinsic + 1e-9 else None


def _call_is_exercised(short: Leg, valuer: Valuer, i: int, dates: tuple[int, int]) -> bool:
    """Return whether the dividend exceeds what exercise gives up: the call on the price without the dividend."""
    market, contract = valuer.market, short.contract
    paid = market.dividend_between(contract.underlying, *dates)
    if paid is None:
        return False
    bars = market.quotes[contract]
    moment, spot = int(bars.end[i]), valuer.spot(contract, i)
    volatility = valuer.at_close(contract, i, "american")[0]
    if math.isnan(volatility):
        bid = float(bars.at_close.bid[i])
        return math.isnan(bid) or bid <= spot - contract.strike
    terms = market.terms_after(contract, moment, paid)
    return terms.value(spot - paid.amount, market.years(contract, moment), volatility) < spot - contract.strike
