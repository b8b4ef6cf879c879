"""The screen of `score`: one line per open trade, the most urgent first, and the details below."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from exitladder.cli.screens.parts import facts, share, signed
from exitladder.clock import close_text
from exitladder.pipelines.advice.wording.counts import (
    checks_beside,
    counts_text,
    of_all,
    own_warnings,
    risk_totals,
    shared_warnings,
    taken_text,
)
from exitladder.pipelines.advice.wording.sentences import hold_value_text, price_text, probability_text

_MOST = 80
_WORDS = {
    "stop_missing": "NO STOP", "exit": "EXIT", "reduce": "REDUCE", "move_stop": "MOVE STOP", "add": "ADD",
    "ask": "NEEDS YOU", "hold": "hold",
}  # fmt: skip


def score_screen(frame: pd.DataFrame, width: int, *, verdict: str = "") -> str:
    """Return the screen of the advice on open trades.

    Parameters
    ----------
    frame : DataFrame
        One row per open trade, as ``--format json`` prints them.
    width : int
        Characters per line.
    verdict : str
        Of the ladder's tuning.

    Returns
    -------
    str
        A table of 80 characters or fewer, and the details of each trade.
    """
    width = min(width, _MOST)
    rows = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    if not rows:
        return "No trade is open: nothing to do.\n"
    head = f"{counts_text(rows)}."
    shared = shared_warnings(rows)
    texts = [*([verdict] if verdict else []), *(of_all(text, len(rows)) for text in shared)]
    notes = [textwrap.fill(f"Note: {text}", width) + "\n" for text in texts]
    return "\n".join([
        textwrap.fill(head, width) + "\n" + _risk_line(rows, width) + _taken_line(rows, width), *notes, _table(rows),
        *(_trade(row, shared, width) for row in rows),
    ])  # fmt: skip


def _risk_line(rows: Sequence[Mapping[str, Any]], width: int) -> str:
    risk = risk_totals(rows)
    left = f"Not in this risk: {risk.left_out}." if risk.left_out else ""
    if not risk.now:
        return textwrap.fill(left, width) + "\n" if left else ""
    of = f" of {risk.n_trades} trade{'s' if risk.n_trades != 1 else ''}" if left else ""
    more = f", with all adds {risk.with_adds['r']:.2f} R" if risk.with_adds else ""
    text = f"Risk to the stops{of}: now {risk.now['r']:.2f} R, after these orders {risk.after['r']:.2f} R{more}. {left}"
    return textwrap.fill(text.strip(), width) + "\n"


def _taken_line(rows: Sequence[Mapping[str, Any]], width: int) -> str:
    text = taken_text(rows)
    return textwrap.fill(text, width) + "\n" if text else ""


def _end(text: str, width: int) -> str:
    """Return a text, or its end, where identifiers differ."""
    return text if len(text) <= width else f"…{text[1 - width :]}"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    has_model = not all(pd.isna(row["exhaustion"]) for row in rows)
    wide = 8 if has_model else 16
    columns: list[tuple[str, int, Callable[[Mapping[str, Any]], str]]] = [
        ("do", 9, lambda row: _WORDS[row["urgency"]]), ("trade", wide, lambda row: _end(str(row["trade_id"]), wide)),
        ("symbol", 10, lambda row: str(row["symbol"])),
        ("side", 5, lambda row: str(row["side"])), ("open", -8, lambda row: _short(row["quantity_open"])),
        ("close", -8, lambda row: _short(row["action_quantity"]) if row["action_quantity"] else ""),
        ("stop", -10, lambda row: _short(row["stop_price"])), ("R now", -7, lambda row: signed(row["open_r"], 2)),
    ]  # fmt: skip
    if has_model:
        columns.append(("exhaust", -7, lambda row: share(None if pd.isna(row["exhaustion"]) else row["exhaustion"])))
    lines = [[name for name, _, _ in columns], *([cell(row) for _, _, cell in columns] for row in rows)]
    return "".join(
        " ".join(
            f"{text[: abs(width)]:>{-width}}" if width < 0 else f"{text[:width]:<{width}}"
            for text, (_, width, _) in zip(line, columns, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def _trade(row: Mapping[str, Any], shared: list[str], width: int) -> str:
    asof = "" if pd.isna(row["asof"]) else f" on {close_text(pd.Timestamp(row['asof']).as_unit('ns').value)}"
    price = "" if pd.isna(row["price"]) else f", last price {price_text(row['price'])}{asof}"
    head = f"{row['symbol']} {row['side']} {_number(row['quantity_open'])} ({row['trade_id']}){price}"
    bars, paid = row["bars_held"], row.get("dividends_r", float("nan"))
    model = ", ".join(
        text
        for text in (
            (f"exhaustion {probability_text(row)}" if probability_text(row) else ""),
            (f"hold value {hold_value_text(row)}" if hold_value_text(row) else ""),
        )
        if text
    )
    open_r = signed(row["open_r"], 2)
    return textwrap.fill(head, width) + "\n" + facts(
        [
            *(("  first", text) for text in checks_beside(row)),
            ("  do", str(row["summary"])),
            ("  state", "" if not open_r else f"{open_r} R, best {signed(row['mfe_r'], 2)} R"
             + ("" if pd.isna(paid) or not paid else f", dividends {signed(paid, 2)} R")
             + ("" if pd.isna(bars) else f", held for {bars:.0f} bar{'s' if bars != 1 else ''}")
             + (f", managed from {row['managed_from']}" if row["managed_from"] else "")),
            ("  model", model),
            *(("  cancel", text) for text in row["cancels"]),
            *(
                (f"  {verb}", _order(order))
                for verb in ("replace", "place", "leave")
                for order in row["orders"]
                if order.get("do", "place") == verb
            ),
            *(("  add", text) for text in row.get("adds") or []),
            ("  changed", "; ".join(row["changes"])),
            ("  why", " ".join(row["reasons"])),
            ("  note", " ".join(own_warnings(row, shared))),
        ],
        width,
    )  # fmt: skip


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.10g}"


def _short(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.6g}"


def _order(order: Mapping[str, Any]) -> str:
    price = f" {order['type']} {_number(order['price'])}" if order.get("price") is not None else ""
    at = price or (" at the close" if order["type"] == "market_on_close" else " at market")
    label = f" (rung {order['rung']})" if order.get("rung") is not None else ""
    label = f" (add {order['add']})" if order.get("add") else label
    kind = order.get("kind")
    label = label or (f" ({kind})" if kind not in (None, "rung", order["type"]) else "")
    group = f" [{order['oco']}]" if order.get("oco") else ""
    was = _was(order) if order.get("do") == "replace" else ""
    return f"{order['side']} {_number(order['quantity'])}{at}{label}{group}{was}"


def _was(order: Mapping[str, Any]) -> str:
    """Return in which way the order that is replaced differs."""
    old, price = order.get("was_quantity"), order.get("was_price")
    group = f" [{order['was_oco']}]" if order.get("was_oco") else ""
    return f", was {_number(old)} at {_number(price)}{group}"
