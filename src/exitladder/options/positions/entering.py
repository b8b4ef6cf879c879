"""The entry of a position on quotes: its bar, premium, risk and stop."""

from __future__ import annotations

import math
import sys

import numpy as np

from exitladder.options.contracts import Contract
from exitladder.options.market import OptionMarket
from exitladder.options.positions.plan import OptionPlan
from exitladder.options.positions.position import Leg, Position, slipped
from exitladder.options.positions.sizes import Sizes
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.quotes import QuoteBars


class SkippedError(Exception):
    """A trade cannot be replayed; the text is the reason in trades.csv."""


def next_start(market: OptionMarket, contracts: list[Contract], after: int) -> int | None:
    """Return the first start after a moment at which all contracts have a quote.

    Parameters
    ----------
    market : OptionMarket
    contracts : list of Contract
    after : int
        Nanoseconds since 1970 UTC.

    Returns
    -------
    int or None
    """
    moment = after
    while True:
        starts = []
        for contract in contracts:
            bars = market.quotes.get(contract)
            i = 0 if bars is None else int(np.searchsorted(bars.start, moment, side="right"))
            if bars is None or i >= len(bars):
                return None
            starts.append(int(bars.start[i]))
        if max(starts) == min(starts):
            return starts[0]
        moment = max(starts) - 1


def index_at(market: OptionMarket, contract: Contract, start: int) -> int:
    """Return the number of a contract's quote that starts at a moment.

    Parameters
    ----------
    market : OptionMarket
    contract : Contract
    start : int
        Nanoseconds since 1970 UTC.

    Returns
    -------
    int
    """
    return int(np.searchsorted(market.quotes[contract].start, start))


def entered(trade: OptionTrade, plan: OptionPlan, market: OptionMarket, sizes: Sizes) -> tuple[Position, int]:
    """Return the position at its entry, and the start of the quote bar it was entered in or before.

    Parameters
    ----------
    trade : OptionTrade
    plan : OptionPlan
    market : OptionMarket
    sizes : Sizes
        Left by earlier entries. An entry at quotes takes at most these, and the rest of it is not entered; one
        at a price of its own takes nothing.

    Returns
    -------
    position : Position
    start : int
        Bars of quotes from this one on belong to the position: the first decision is at its close.

    Raises
    ------
    SkippedError
        If there is no quote or size to enter at, or the premium is impossible.
    """
    contracts = [contract for contract, _ in trade.legs]
    missing = [str(contract) for contract in contracts if contract not in market.quotes]
    if missing:
        raise SkippedError(f"no quotes of {missing[0]}")
    start = _first_usable(trade, market, sizes)
    has_price = not math.isnan(trade.entry_price)
    prices = [trade.entry_price] if has_price and trade.second is None else _quoted(trade, market, start)
    quoted = list(prices)
    if not has_price:
        # filled at the quotes by a market order, which pays slippage
        prices = [slipped(plan.costs, price, sign > 0) for (_, sign), price in zip(trade.legs, prices, strict=True)]
    premium = trade.side * math.fsum(sign * price for (_, sign), price in zip(trade.legs, prices, strict=True))
    if has_price:
        # the first leg takes the difference of the trade's own premium from the quotes
        prices[0] += trade.entry_price - premium
        premium = trade.entry_price
    if premium <= 0 or premium >= (trade.width if trade.second is not None else math.inf):
        kind = "debit" if trade.side > 0 else "credit"
        raise SkippedError(f"{kind} of {premium:g} at the quotes is not between 0 and the width")
    stop = initial_stop(trade, premium, plan.stop_share)
    if not math.isnan(trade.stop_price) and trade.side * (premium - stop) <= 0:
        raise SkippedError(f"premium of {premium:g} at the entry is beyond the stop of {trade.stop_price:g}")
    risk = risk_of(trade, premium, stop)
    if math.isnan(risk):
        raise SkippedError("a short call or put without a stop has no R")
    room = _room(trade, sizes, start)
    quantity = trade.quantity if has_price else min(trade.quantity, _whole(room))
    position = Position(
        trade=trade,
        legs=[Leg(n, c, sign, p) for n, ((c, sign), p) in enumerate(zip(trade.legs, prices, strict=True), start=1)],
        premium=premium,
        risk=risk,
        stop=stop,
        largest_profit=_largest_profit(trade, premium),
        held=quantity,
        quantity=quantity,
        entered=quantity,
        costs=plan.costs,
        entry_prices=tuple(prices),
        entry_slippage=tuple(
            0.0 if has_price else abs(price - before) * quantity * trade.multiplier
            for price, before in zip(prices, quoted, strict=True)
        ),
    )
    position.entry_cost = math.fsum(position.commission(quantity, max(price, 0.0)) for price in prices)
    if trade.quantity > room:
        position.notes.add("entry_large" if has_price else "entry_cut")
    if not has_price:
        for contract, sign in trade.legs:
            sizes.take(contract, start, sign > 0, quantity)
    if has_price and _is_better_than_quotes(trade, market, start):
        position.notes.add("entry_outside")
    return position, start


def _room(trade: OptionTrade, sizes: Sizes, start: int) -> float:
    """Return the contracts, or verticals, that the sizes shown before a bar allow to enter."""
    return min(sizes.left(contract, start, sign > 0) for contract, sign in trade.legs)


def _whole(quantity: float) -> int:
    return sys.maxsize if math.isinf(quantity) else max(int(quantity), 0)


def _first_usable(trade: OptionTrade, market: OptionMarket, sizes: Sizes) -> int:
    """Return the start of the bar that fills the entry, or of the one that holds an entry with its own price."""
    contracts = [contract for contract, _ in trade.legs]
    interval = market.quotes.interval_ns
    has_price = not math.isnan(trade.entry_price)
    # an entry with its own price may be inside of a bar
    before = trade.entry_time - max(interval, 1) if has_price else trade.entry_time - 1
    end = market.clock.end_of(market.clock.date_of(max(trade.entry_time, trade.entry_time + (interval > 0))))
    start = next_start(market, contracts, before)
    reason = "no usable quote on the day of the entry"
    while start is not None and start < max(end, trade.entry_time + 1):
        if (has_price and trade.second is None) or not np.isnan(_quoted(trade, market, start)).any():
            if has_price or _room(trade, sizes, start) >= 1:
                return start
            reason = "no size left at the quotes on the day of the entry"
        start = next_start(market, contracts, start)
    raise SkippedError(reason)


def _quoted(trade: OptionTrade, market: OptionMarket, start: int) -> list[float]:
    """Return the open's ask of legs bought and bid of legs sold."""
    prices = []
    for contract, sign in trade.legs:
        sides = market.quotes[contract].at_open
        prices.append(float((sides.ask if sign > 0 else sides.bid)[index_at(market, contract, start)]))
    return prices


def _is_better_than_quotes(trade: OptionTrade, market: OptionMarket, start: int) -> bool:
    """Return whether the trade's premium is better than any of its bar: below the lowest bid, above the highest ask."""
    best = 0.0
    for contract, sign in trade.legs:
        bars, i = market.quotes[contract], index_at(market, contract, start)
        best += sign * float(np.nanmin(bars.bid[i]) if sign > 0 else np.nanmax(bars.ask[i])) if _seen(bars, i) else 0.0
    return trade.side * (trade.side * best - trade.entry_price) > 1e-9


def _seen(bars: QuoteBars, i: int) -> bool:
    return bool(np.isfinite(bars.bid[i]).any() and np.isfinite(bars.ask[i]).any())


def initial_stop(trade: OptionTrade, premium: float, share: float) -> float:
    """Return the net premium of the stop: the trade's own, else a share of the premium away; NaN without either.

    Parameters
    ----------
    trade : OptionTrade
    premium : float
        At the entry.
    share : float
        Of the plan; NaN if it has no stop.

    Returns
    -------
    float
    """
    return premium * (1 - trade.side * share) if math.isnan(trade.stop_price) else trade.stop_price


def risk_of(trade: OptionTrade, premium: float, stop: float) -> float:
    """Return R per unit, by the terms of docs/design/options.md.

    Parameters
    ----------
    trade : OptionTrade
    premium, stop : float
        Net premiums at the entry and of the stop, NaN without one.

    Returns
    -------
    float
        NaN of a short call or put without a stop.
    """
    if trade.side < 0:
        return stop - premium if trade.second is None else trade.width - premium
    return premium if math.isnan(stop) else premium - max(stop, 0.0)


def _largest_profit(trade: OptionTrade, premium: float) -> float:
    if trade.side < 0:
        return premium
    return math.nan if trade.second is None else trade.width - premium
