"""Trades whose files contradict each other in a way that only the trader can settle: they are not scored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.clock import close_text, stamp_text
from exitladder.pipelines.advice.wording.sentences import number, price_text
from exitladder.pipelines.advice.working.identity import entered_at
from exitladder.pipelines.advice.working.orders import is_near
from exitladder.pipelines.advice.working.resting import after
from exitladder.pipelines.advice.working.stated import stated_orders
from exitladder.plans.ladder import Ladder, Rung
from exitladder.trades.trades import Trades

_SLACK = 1e-6


def why_contradicted(
    trades: Trades,
    i: int,
    previous: Mapping[str, Any] | None,
    assume: str,
    bars: BarSet,
    ladder: Ladder,
) -> str:
    """Return why a trade is not scored although its row can be read, empty if its files agree.

    Parameters
    ----------
    trades : Trades
        Open ones.
    i : int
        Position of the trade.
    previous : mapping, optional
        Its row of earlier scores.
    assume : {"", "followed", "untouched"}
        As of `exitladder.pipelines.advice.open_trades.Management`.
    bars : BarSet
        Those that have closed, of its symbol too.
    ladder : Ladder
        With its target.

    Returns
    -------
    str
        Rule, values and cure.
    """
    earlier = previous or {}
    return (
        _is_later(trades, i, earlier, bars)
        or _bought(trades, i, earlier, assume)
        or _entered_again(trades, i, earlier, ladder)
        or _split_stop(trades, i, earlier, bars, ladder)
    )


def _is_later(trades: Trades, i: int, previous: Mapping[str, Any], bars: BarSet) -> str:
    """Return that the earlier scores know a bar that comes after the last one here."""
    asof = pd.to_datetime(str(previous.get("asof") or ""), utc=True, errors="coerce")
    symbol = str(trades.symbol[i])
    last = int(bars.close_time[bars.start[bars.symbols.index(symbol) + 1] - 1])
    if pd.isna(asof) or asof.as_unit("ns").value <= last:
        return ""
    return (
        f"--previous must be of an earlier evening, but its row is of {close_text(asof.as_unit('ns').value)} and the "
        f"last bar of {symbol} here closed on {close_text(last)}. Update the bars, or name the output of an evening "
        "before it."
    )


def _bought(trades: Trades, i: int, previous: Mapping[str, Any], assume: str) -> str:
    """Return that more is held than at the earlier scores, and neither fills nor orders of the plan say why."""
    if trades.fills is not None and trades.fills.start[i + 1] > trades.fills.start[i]:
        return ""
    name, held = "quantity_open", float(trades.quantity_open[i])
    before = previous.get("quantity_open")
    if not math.isfinite(held):
        if not assume:  # then it has no orders
            return ""
        name, held = "quantity", float(trades.quantity[i])
        before = previous.get("quantity_managed") if assume == "followed" else before
    if before is None or not math.isfinite(before):
        return ""
    if held - float(before) - _may_have_bought(previous) <= _SLACK * held:
        return ""
    return (
        f"{name} rose from {number(float(before))} to {number(held)} since the earlier output: give the fills with "
        "--fills, or correct it. If it is right, score without --previous, with all orders that work now in the column "
        "working_orders."
    )


def _entered_again(trades: Trades, i: int, previous: Mapping[str, Any], ladder: Ladder) -> str:
    """Return that a position was entered again since earlier scores, which a ladder without adds has no rule for."""
    if ladder.buys_more or entered_at(previous) in (None, int(trades.entry_time[i])):
        return ""
    return (
        f"The fills entered the position again at {stamp_text(int(trades.entry_time[i]))}, after the earlier output, "
        f"and '{ladder.name}' has no [[adds]]. Give the new part a row of its own with its own trade_id, or score "
        "without --previous, with all orders that work now in the column working_orders."
    )


def _may_have_bought(previous: Mapping[str, Any]) -> float:
    """Return how much the orders of earlier scores that add to the position, and those after them, buy at most."""
    opening = "sell" if previous.get("side") == "short" else "buy"
    found = {str(order.get("id")): order for order in after(previous)}
    for change in previous.get("replacements") or []:
        for order in change.get("place") or []:
            found.setdefault(str(order.get("id")), order)
    return sum(float(order.get("quantity") or 0.0) for order in found.values() if order.get("side") == opening)


def _split_stop(trades: Trades, i: int, previous: Mapping[str, Any], bars: BarSet, ladder: Ladder) -> str:
    """Return that the file states stops at several prices, which neither earlier scores nor the ladder have placed."""
    if trades.working_orders is None or any(_has_stop(rung) for rung in ladder.rungs):
        return ""
    side, symbol = int(trades.side[i]), str(trades.symbol[i])
    cell, trade_id = str(trades.working_orders[i]), str(trades.trade_id[i])
    stated = [o for o in stated_orders(cell, side, trade_id, symbol, may_add=True) or [] if o.add is None]
    last = float(bars.close[bars.start[bars.symbols.index(symbol) + 1] - 1])
    # one that the price has passed is asked about by itself
    prices = [float(o.price) for o in stated if o.type == "stop" and o.price and side * (last - o.price) > 0]
    placed = [order.get("price") for order in after(previous) if order.get("type") == "stop"]
    others = [price for price in prices if not any(is_near(price, old) for old in placed)]
    if not others or all(is_near(price, prices[0]) for price in prices):
        return ""
    named = " and ".join(price_text(price) for price in sorted(set(prices)))
    best = max(prices, key=lambda price: side * price)
    return (
        f"working_orders has stops at {named}, but score keeps one stop price for the position. Move all of them to "
        f"one price at your broker ({price_text(best)} is the tightest) and write that into working_orders, or give "
        "each part a row of its own with its own trade_id."
    )


def _has_stop(rung: Rung) -> bool:
    """Whether a rung has a stop of its own, or is a partial stop-out."""
    return rung.is_slice or (rung.target is not None and rung.target.value < 0)
