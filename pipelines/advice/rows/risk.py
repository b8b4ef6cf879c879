"""Profit so far, and what would be lost at the stops: now and after the orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exitladder.errors import TradesError
from exitladder.pipelines.advice.adds.words import risk_of_adds
from exitladder.pipelines.advice.advice import EXIT
from exitladder.pipelines.advice.orders import Order
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.trades.trade_fills import from_first_entry
from exitladder.trades.trades import place_trades


def since_entry(followed: Followed) -> dict[str, float]:
    """Return excursions of the price, bars held and bars managed, all up to the last bar.

    A position built by several fills counts from its first one, at the average price of the quantity held.
    """
    placed, i, side = followed.placed, followed.i, followed.side
    first, end = _first_bar(followed), int(placed.end_bar[i])
    managed = max(0, end - max(int(placed.first_bar[i]), followed.first_bar))
    state = followed.state
    if state is not None and followed.first_bar == first:
        named = {name: float(state[name]) for name in ("open_r", "mfe_r", "bars_held")}
        # an entry within the last bar has no bar of its own yet, but a price
        named["mfe_r"] = max(named["mfe_r"], named["open_r"])
        return {**named, "give_back_r": named["mfe_r"] - named["open_r"], "bars_managed": managed}
    held, risk, entry = max(0, end - first), float(followed.done.risk[followed.k]), followed.entry
    if not risk > 0:
        unknown = dict.fromkeys(("open_r", "mfe_r", "give_back_r"), np.nan)
        return {**unknown, "bars_held": held, "bars_managed": managed}
    reached = placed.bars.high[first:end] if side > 0 else -placed.bars.low[first:end]
    open_r = side * (followed.price - entry) / risk
    mfe_r = max(0.0, open_r, (float(reached.max(initial=-np.inf)) - side * entry) / risk)
    return {
        "open_r": open_r, "mfe_r": mfe_r, "give_back_r": mfe_r - open_r, "bars_held": held, "bars_managed": managed,
    }  # fmt: skip


def _first_bar(followed: Followed) -> int:
    """Return the first bar of a trade; of a position built by several fills the first one of its first entry."""
    placed, i = followed.placed, followed.i
    trades = placed.trades
    if trades.fills is None or trades.n_entries is None or trades.n_entries[i] <= 1:
        return int(placed.first_bar[i])
    try:
        alone = replace(from_first_entry(trades.take([i])), n_entries=None, fills=None)
        return int(place_trades(alone, placed.bars).first_bar[0])
    except TradesError:  # its first fill is before the bars
        return int(placed.first_bar[i])


def risk_of(followed: Followed, row: Mapping[str, Any]) -> dict[str, float]:
    """Return profit so far, and what would be lost from the last price at the stops: now and after the orders."""
    done, k, trades, i = followed.done, followed.k, followed.placed.trades, followed.i
    side, price, held = followed.side, followed.price, float(row["quantity_open"])
    money = done.ladder.costs.multiplier if done.money is None else float(done.money.factors[k])
    per_r = float(done.risk[k]) * float(trades.quantity[i])
    now = held * max(0.0, side * (price - float(row["stop_before"]))) if np.isfinite(row["stop_before"]) else np.nan
    stops = [order for order in row["orders"] if order["type"] == "stop" and order["reduce_only"]]
    after = sum(order["quantity"] * max(0.0, side * (price - order["price"])) for order in stops)
    if not stops and row["action"] != EXIT:
        after = np.nan
    stop_r = side * (float(row["stop_price"]) - followed.entry) / float(done.risk[k])
    open_profit = side * (price - followed.entry) * held
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "stop_r": stop_r, "open_pnl": open_profit * money, "risk_now": now * money, "risk_after": after * money,
            "risk_now_r": float(np.divide(now, per_r)), "risk_after_r": float(np.divide(after, per_r)),
        }  # fmt: skip


def risk_with_adds(followed: Followed, row: Mapping[str, Any], orders: Sequence[Order]) -> dict[str, float]:
    """Return the loss at the stop once all adds in the market have filled.

    Parameters
    ----------
    followed : Followed
    row : mapping
        With ``stop_price``, ``risk_after`` and ``risk_after_r``.
    orders : sequence of Order
        Tonight's.

    Returns
    -------
    dict
        ``risk_with_adds`` and ``risk_with_adds_r``.
    """
    more = risk_of_adds(orders, followed.adds, float(row["stop_price"]), followed.side)
    done, k = followed.done, followed.k
    money = done.ladder.costs.multiplier if done.money is None else float(done.money.factors[k])
    per_r = float(done.risk[k]) * float(followed.placed.trades.quantity[followed.i])
    return {
        "risk_with_adds": float(row["risk_after"]) + more * money,
        "risk_with_adds_r": float(row["risk_after_r"]) + more / per_r,
    }
