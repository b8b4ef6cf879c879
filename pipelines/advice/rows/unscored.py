"""Rows of trades that cannot be scored or read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from exitladder.pipelines.advice.advice import HOLD
from exitladder.pipelines.advice.rows.columns import ASK, COLUMNS, LISTS
from exitladder.pipelines.advice.working.orders import Working
from exitladder.pipelines.advice.working.resting import carried
from exitladder.trades.trades import Trades


def not_scored(
    trades: Trades, i: int, asof: pd.Timestamp, text: str, previous: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the row of a trade that cannot be scored; nothing is known of it but its own stop and earlier scores.

    Parameters
    ----------
    trades : Trades
    i : int
        Position of the trade.
    asof : Timestamp
    text : str
        Why, and the cure.
    previous : mapping, optional
        Its row of earlier scores: its management and its orders in the market are kept for the next ones.

    Returns
    -------
    dict
        The columns ``COLUMNS``.
    """
    own = float(trades.quantity_open[i])
    row = dict.fromkeys(COLUMNS, np.nan) | {
        "trade_id": str(trades.trade_id[i]), "symbol": str(trades.symbol[i]),
        "side": "long" if trades.side[i] > 0 else "short", "asof": asof,
        "quantity_open": own if np.isfinite(own) else float(trades.quantity[i]), "bars_held": 0, "bars_managed": 0,
        "action": HOLD, "action_quantity": 0.0, "stop_price": float(trades.stop_price[i]),
        "stop_before": float(trades.stop_price[i]),
        "warnings": [f"Not scored: {text}"], "summary": text, "urgency": ASK, "tag": str(trades.tag[i]),
        **{name: [] for name in (*LISTS, "adds") if name != "warnings"}, "managed_from": "", "stop_kind": "",
        "clock": "", "entry_time": "", "ladder": "",
    }  # fmt: skip
    return _kept(row, previous)


def faulty_row(trade_id: str, symbol: str, text: str, previous: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the row of a trade that cannot be read.

    Parameters
    ----------
    trade_id, symbol : str
    text : str
        Why, and the cure.
    previous : mapping, optional
        Its row of earlier scores.

    Returns
    -------
    dict
        The columns ``COLUMNS``.
    """
    row = dict.fromkeys(COLUMNS, np.nan) | {
        "trade_id": trade_id, "symbol": symbol, "side": "", "asof": pd.NaT, "action": HOLD, "action_quantity": 0.0,
        "bars_held": 0, "bars_managed": 0, "warnings": [f"Not scored: {text}"], "summary": text, "urgency": ASK,
        **{name: [] for name in (*LISTS, "adds") if name != "warnings"}, "managed_from": "", "stop_kind": "",
        "clock": "", "tag": "", "entry_time": "", "ladder": "",
    }  # fmt: skip
    is_other = bool(previous and symbol and previous.get("symbol") not in (None, symbol))
    return _kept(row, None if is_other else previous)


def _kept(row: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a row with what earlier scores said; its orders in the market stay as they are."""
    row |= carried(previous)
    symbol = str(row["symbol"])
    row["instructions"] = [f"LEAVE {Working.from_earlier(order).text(symbol)}" for order in row["working"]]
    if row["working"]:
        row["warnings"] = [*row["warnings"], "Orders of the earlier output are taken to be in the market still."]
    return row
