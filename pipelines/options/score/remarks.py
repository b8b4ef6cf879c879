"""What to know before sending the orders of a position in options: expiry, assignment, quotes, splits."""

from __future__ import annotations

import math

from exitladder.clock import DAY_NS, close_text, stamp_text
from exitladder.errors import OptionsError
from exitladder.options.market import OptionMarket
from exitladder.options.positions.ending import AUTOMATIC, exercised_short
from exitladder.options.positions.position import Leg
from exitladder.options.positions.standing import Standing
from exitladder.plans.units import Condition

_FRIDAY = 4
# share of a short strike within which the underlying may still cross it in the last session
_NEAR = 0.01


def next_session(date: int) -> int:
    """Return the next weekday after a date, both midnight UTC; holidays are not known.

    Examples
    --------
    >>> stamp_text(next_session(1709856000 * 10**9))
    '2024-03-11'
    """
    weekday = (date // DAY_NS + 3) % 7
    return date + DAY_NS * (3 - (weekday - _FRIDAY) if weekday >= _FRIDAY else 1)


def remarks(standing: Standing, held: int, conditions: tuple[Condition, ...], *, reads_greeks: bool) -> list[str]:
    """Return the warnings on a position that its owner holds.

    Parameters
    ----------
    standing : Standing
        Followed by the plan.
    held : int
    conditions : tuple of Condition
        Of the plan.
    reads_greeks : bool
        Whether one of them needs implied volatility.

    Returns
    -------
    list of str
    """
    texts = [*_expiry(standing, held), *_assignment(standing), *_quotes(standing), *_split(standing, held)]
    values = standing.values()
    if reads_greeks and math.isnan(values["implied_volatility"]):
        named = sorted({c.series for c in conditions if math.isnan(values[c.series])})
        texts.append(f"Unknown at these quotes: {', '.join(named)}. Conditions on them are false.")
    notes = standing.position.notes
    if "inactive_rung" in notes:
        texts.append("A rung has a target on the losing side of the premium: it never fills.")
    if "entry_outside" in notes:
        texts.append("entry_price is better than any quote of its bar: check it.")
    if standing.position.kept:
        kept = ", ".join(f"{quantity} {leg.contract}" for leg, quantity in standing.position.kept)
        texts.append(f"The plan keeps {kept} to expiry: it found no bid when the short leg was bought back.")
    return texts


def _spot(standing: Standing) -> float:
    assert standing.followed is not None
    leg = standing.position.legs[0]
    return standing.followed.valuer.spot(leg.contract, standing.place(leg))


def _expiry(standing: Standing, held: int) -> list[str]:
    """Return warnings of the last session: exercise, assignment, and strikes near the price."""
    position, market = standing.position, standing.market
    contract = position.legs[0].contract
    date, last = market.clock.date_of(standing.asof), market.clock.date(contract.expiry)
    if last > next_session(date):
        return []
    when = "today" if last <= date else "tomorrow" if last - date == DAY_NS else "at the next session"
    texts = [f"Trading of {contract} ends {when}, on {stamp_text(last)}: the rest is settled then."]
    spot = _spot(standing)
    if math.isnan(spot):
        return [*texts, "The underlying's price is not known: pass --bars to see which contracts are in the money."]
    at = f"{contract.underlying} at {spot:.10g}"
    strikes = [leg.contract.strike for leg in position.legs]
    is_between = len(strikes) == 2 and min(strikes) < spot < max(strikes)
    for leg in position.legs:
        value = leg.contract.intrinsic(spot)
        size = f"{held * position.trade.multiplier:.10g} {contract.underlying}"
        if (value >= AUTOMATIC if leg.sign > 0 else value > 0) and market.settlement_is_physical:
            is_bought = leg.sign * leg.contract.right > 0
            texts.append(
                f"{leg.contract} is in the money by {value:.10g} with {at}: "
                f"{'exercise' if leg.sign > 0 else 'assignment'} {'buys' if is_bought else 'sells'} {size}."
            )
        elif (
            leg.sign < 0
            and not value
            and not is_between
            and abs(spot - leg.contract.strike) <= _NEAR * leg.contract.strike
        ):
            texts.append(f"Pin risk: the short strike {leg.contract.strike:g} is within 1% of {at}.")
    if is_between:
        texts.append(f"Pin risk: {at} is between the strikes, so only one leg would be exercised or assigned.")
    return texts


def _assignment(standing: Standing) -> list[str]:
    """Return warnings that a short may be assigned early."""
    position, market = standing.position, standing.market
    short = next((leg for leg in position.legs if leg.sign < 0), None)
    if short is None or position.trade.style != "american" or not position.held or not standing.is_quoted:
        return []
    date = market.clock.date_of(standing.asof)
    intrinsic = short.contract.intrinsic(_spot(standing))
    texts = []
    if _is_exercised(standing, (date, next_session(date))):
        texts.append(
            f"Early assignment: exercise of {short.contract} is worth more than the quote, and the backtest counts it "
            "as assigned tonight. Look at your broker's statement before the next session."
        )
    last = market.clock.date(short.contract.expiry)
    for paid in market.events.dividends.get(short.contract.underlying, ()):
        is_ahead = date < paid.time <= last and paid.announced <= standing.asof
        if not is_ahead or short.contract.right < 0:
            continue
        bars = market.quotes[short.contract]
        ask = float(bars.at_close.ask[standing.place(short)])
        time_value = ask - intrinsic
        if intrinsic > 0 and not time_value >= paid.amount:
            texts.append(
                f"Early assignment: ex-date {stamp_text(paid.time)} pays {paid.amount:.10g}, more than the time value "
                f"of {short.contract} at its ask ({max(time_value, 0):.4g}). A holder may exercise before it."
            )
        else:
            texts.append(f"Ex-date {stamp_text(paid.time)} (dividend {paid.amount:.10g}) is before expiry.")
    return texts


def _is_exercised(standing: Standing, dates: tuple[int, int]) -> bool:
    """Return whether the backtest would count a short as assigned at this close."""
    followed = standing.followed
    assert followed is not None
    try:
        return exercised_short(standing.position, followed.valuer, followed.start, dates) is not None
    except OptionsError:  # without QuantLib
        return False


def _quotes(standing: Standing) -> list[str]:
    """Return warnings of sides that are not quoted."""
    texts = []
    if not standing.is_quoted:
        return ["The contracts of after the split have no quotes yet: nothing was decided on them."]
    for leg in standing.position.legs:
        sides, i = standing.market.quotes[leg.contract].at_close, standing.place(leg)
        if sides.is_crossed[i]:
            texts.append(f"The quote of {leg.contract} is crossed: it is no quote.")
        elif math.isnan(float((sides.bid if leg.sign > 0 else sides.ask)[i])):
            texts.append(_unquoted(standing, leg))
    newest = standing.market.quotes.last
    if standing.asof < newest:
        what = "both contracts" if len(standing.position.legs) > 1 else "the contract"
        texts.append(
            f"Stale: the last quote of {what} is of {close_text(standing.asof)}, the newest of the file of "
            f"{close_text(newest)}."
        )
    return texts


def _unquoted(standing: Standing, leg: Leg) -> str:
    """Return what a missing bid or ask means for the orders."""
    if leg.sign < 0:
        return f"{leg.contract} has no ask: it cannot be bought back at this quote."
    if len(standing.position.legs) == 2:
        return (
            f"{leg.contract} has no bid. If it has none at the next quote either, buy back the short leg alone and "
            "keep the long one."
        )
    return f"{leg.contract} has no bid: a sale waits until there is one, at the longest to expiry."


def _split(standing: Standing, held: int) -> list[str]:
    """Return a warning of a split before expiry."""
    market: OptionMarket = standing.market
    contract = standing.position.legs[0].contract
    split = market.next_split(contract.underlying, market.clock.date_of(standing.asof))
    if split is None or split.time > market.clock.date(contract.expiry):
        return []
    ratio = round(split.factor)
    after = " / ".join(str(leg.contract.after_split(ratio)) for leg in standing.position.legs)
    return [
        f"Split {ratio}:1 on {stamp_text(split.time)}: from then on {held} are {held * ratio} of {after}, and premiums "
        f"are a {_ordinal(ratio)}. Orders that rest over it are to be placed again."
    ]


def _ordinal(n: int) -> str:
    return {2: "half", 3: "third"}.get(n, f"{n}th")
