"""The row of one open trade: its state, the advice in words, its orders and its risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exitladder.pipelines.advice.adds.words import add_sentences
from exitladder.pipelines.advice.advice import Advice
from exitladder.pipelines.advice.orders import Order
from exitladder.pipelines.advice.rows.columns import COLUMNS
from exitladder.pipelines.advice.rows.decision import decide
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.rows.notes import remarks
from exitladder.pipelines.advice.rows.quantities import quantity_held, quantity_managed, stop_before
from exitladder.pipelines.advice.rows.risk import risk_of, risk_with_adds, since_entry
from exitladder.pipelines.advice.traded import adjusted_warning, traded_close
from exitladder.pipelines.advice.uncertainty import Outlook
from exitladder.pipelines.advice.working.changes import changes_since
from exitladder.pipelines.advice.working.instructions import instructed, instruction_texts
from exitladder.pipelines.advice.working.market import market_of
from exitladder.pipelines.advice.working.orders import CANCEL
from exitladder.pipelines.advice.working.resting import unknown_stop


def row_of(followed: Followed, assume: str, outlook: Outlook, model_texts: Sequence[str]) -> dict[str, Any]:
    """Return the row of one open trade.

    Parameters
    ----------
    followed : Followed
    assume : {"", "followed", "untouched"}
        The open quantity where ``quantity_open`` is blank.
    outlook : Outlook
        Of all trades.
    model_texts : sequence of str
        The model's reasons.

    Returns
    -------
    dict
        The columns ``COLUMNS``.
    """
    placed, i = followed.placed, followed.i
    trades = placed.trades
    held, told = quantity_held(followed, assume)
    row: dict[str, Any] = {
        **dict.fromkeys(COLUMNS, np.nan),
        "trade_id": str(trades.trade_id[i]), "symbol": str(trades.symbol[i]),
        "side": "long" if followed.side > 0 else "short",
        "asof": followed.asof,
        "quantity_open": held, "price": followed.price, **since_entry(followed),
        "exhaustion": float(outlook.exhaustion[i]), "hold_value_r": float(outlook.hold_value_r[i]),
        "exit_rank": float(outlook.exit_rank[i]),
        "exhaustion_low": float(outlook.low[i]), "exhaustion_high": float(outlook.high[i]),
        "hold_value_spread_r": float(outlook.spread_r[i]),
        "managed_from": followed.managed_from, "missed_rungs": list(followed.missed), "tag": str(trades.tag[i]),
        "stop_kind": "" if followed.state is None else str(followed.state["stop_kind"]), "clock": "",
        "entry_time": "", "ladder": "",
    }  # fmt: skip
    market = market_of(followed, held)
    row["stop_before"] = stop_before(followed, market.stop, assume)
    row["quantity_managed"] = quantity_managed(followed, held)
    row["price"] = _on_step(followed)
    row["traded_close"] = traded_close(placed.bars, int(placed.end_bar[i]) - 1)
    unlike_market = adjusted_warning(row["symbol"], followed.price, row["traded_close"])
    advice, summary, urgency, fills = decide(followed, held, row, market)
    working = market.working
    orders, unknown = advice.orders, []
    if orders or held == 0:
        orders, done = instructed(orders, working)
        working, unknown = list(done), unknown_stop(followed, working) if orders else []
    cancels = [order.text_among(working, row["symbol"]) for order in working if order.do == CANCEL]
    if followed.happened is not None:
        row |= _of_adds(followed, row, advice, orders)
        told = [*told, *followed.happened.notes]
    row |= {
        "action": advice.action, "action_quantity": advice.quantity, "stop_price": advice.stop_price,
        "orders": [order.to_mapping() for order in orders],
        "replacements": [change.to_mapping() for change in advice.replacements],
        "reasons": [*advice.reasons, *model_texts],
        "warnings": [*filter(None, [unlike_market]), *advice.warnings, *told, *remarks(followed)],
        "urgency": urgency, "summary": summary, "cancels": [*cancels, *unknown],
        "working": [order.to_mapping() for order in working], "checks": [*fills, *market.checks],
    }  # fmt: skip
    row["instructions"] = instruction_texts(row)
    row |= risk_of(followed, row)
    if followed.happened is not None:
        row |= risk_with_adds(followed, row, orders)
    row["changes"] = changes_since(row, followed.previous)
    return row


def _of_adds(followed: Followed, row: Mapping[str, Any], advice: Advice, orders: Sequence[Order]) -> dict[str, Any]:
    """Return the columns of adds, without their risk."""
    state = followed.state or {}
    known = {name: float(state.get(name, np.nan)) for name in ("quantity_entered", "average_entry")}
    texts = add_sentences(orders, advice.replacements, followed.ladder, {**row, **known}, followed.adds)
    return {**known, "adds": texts}


def _on_step(followed: Followed) -> float:
    """Return the last close as it is listed: an adjusted one has more decimals than a price of the market."""
    tick = followed.venue.tick
    if tick <= 0 or followed.placed.bars.factor is None:
        return followed.price
    return float(round(round(followed.price / tick) * tick, 10))
