"""The screen of `score`: for each open trade what to do, its state, its orders and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from exitladder.cli.screens.parts import facts, share, signed


def score_screen(frame: pd.DataFrame, width: int) -> str:
    """Return the screen of the advice on open trades.

    Parameters
    ----------
    frame : DataFrame
        One row per open trade, as ``--format json`` prints them.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    counts = [f"{sum(row['action'] == action for row in rows)} to {action}" for action in ("exit", "reduce", "hold")]
    trades = "1 open trade" if len(rows) == 1 else f"{len(rows):,} open trades"
    shared = [text for text in (rows[0]["warnings"] if rows else []) if all(text in row["warnings"] for row in rows)]
    parts = [f"{trades}: {', '.join(counts)}.\n", *(f"Note: {text}\n" for text in shared)]
    return "\n".join([*parts, *(_trade(row, shared, width) for row in rows)])


def _trade(row: Mapping[str, Any], shared: list[str], width: int) -> str:
    do = str(row["action"]).upper()
    if row["action"] == "reduce":
        do += f" by {row['action_quantity']:.10g}"
    head = (
        f"{do}  {row['symbol']} {row['side']} {_number(row['quantity_open'])} ({row['trade_id']}), last price "
        f"{_number(row['price'])} at {pd.Timestamp(row['asof']):%Y-%m-%d %H:%M}\n"
    )
    bars, paid = row["bars_held"], row.get("dividends_r", float("nan"))
    return head + facts(
        [
            ("  state", f"{signed(row['open_r'], 2)} R, best {signed(row['mfe_r'], 2)} R"
             + ("" if pd.isna(paid) or not paid else f", dividends {signed(paid, 2)} R")
             + ("" if pd.isna(bars) else f", held for {bars:.0f} bar{'s' if bars != 1 else ''}")),
            ("  model", "" if pd.isna(row["exhaustion"]) else f"exhaustion {share(row['exhaustion'])}, hold value "
             f"{signed(row['hold_value_r'], 2)} R"),
            *(("  order", _order(order)) for order in row["orders"]),
            ("  why", " ".join(row["reasons"])),
            ("  note", " ".join(text for text in row["warnings"] if text not in shared)),
        ],
        width,
    )  # fmt: skip


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.10g}"


def _order(order: Mapping[str, Any]) -> str:
    price = f" {order['type']} {_number(order['price'])}" if order.get("price") is not None else " at market"
    label = f" (rung {order['rung']})" if order.get("rung") is not None else ""
    kind = order.get("kind")
    label = label or (f" ({kind})" if kind not in (None, "rung", order["type"]) else "")
    return f"{order['side']} {_number(order['quantity'])}{price}{label}"
