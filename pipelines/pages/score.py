"""The page with advice on open trades: one screen, the most urgent trade first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from exitladder.pipelines.advice.rows import URGENCIES, by_urgency
from exitladder.pipelines.advice.sentences import hold_value_text, number, probability_text
from exitladder.pipelines.pages.page import render
from exitladder.pipelines.pages.trade_chart import TradeChart

WORDS = {
    "stop_missing": "No stop", "exit": "Exit", "reduce": "Reduce", "move_stop": "Move stop", "ask": "Asked",
    "hold": "Hold",
}  # fmt: skip
_COUNTED = {
    "stop_missing": "without a stop", "exit": "to exit", "reduce": "to reduce", "move_stop": "with a stop to move",
    "ask": "not scored", "hold": "to hold",
}  # fmt: skip


@dataclass(frozen=True)
class OrdersPage:
    """What the page shows beside the trades.

    Parameters
    ----------
    counts : str
        Trades by urgency.
    asof, clock, verdict : str
    totals : tuple of (str, str)
    warnings : tuple of str
        Those of all trades.
    filters : tuple of (str, tuple of (str, str))
        Name, values and words of each choice.
    has_tags, has_model : bool
    """

    counts: str
    asof: str
    clock: str
    verdict: str
    totals: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    filters: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    has_tags: bool
    has_model: bool


def score_page(frame: pd.DataFrame, verdict: str = "", charts: Mapping[str, TradeChart] | None = None) -> str:
    """Return the page of scores as HTML.

    Parameters
    ----------
    frame : DataFrame
        Of `exitladder.pipelines.score.score`.
    verdict : str
        Of the ladder's tuning.
    charts : mapping of str to TradeChart, optional
        By trade_id.

    Returns
    -------
    str
        One file without any request; it works without scripts, except for filters and copy buttons.
    """
    trades = by_urgency(frame)
    records = [{str(name): value for name, value in row.items()} for row in trades.to_dict("records")]
    shared = _shared_warnings([row["warnings"] for row in records])
    rows = [_row(row, shared, (charts or {}).get(str(row["trade_id"]))) for row in records]
    return render("score.html.jinja", page=_page(records, verdict, shared), rows=rows)


def _page(rows: list[dict[str, Any]], verdict: str, shared: list[str]) -> OrdersPage:
    counts = [(name, sum(row["urgency"] == name for row in rows)) for name in URGENCIES]
    named = ", ".join(f"{n} {_COUNTED[name]}" for name, n in counts if n)
    trades = "1 open trade" if len(rows) == 1 else f"{len(rows):,} open trades"
    moments = [row["asof"] for row in rows if not pd.isna(row["asof"])]
    asof = f"{max(moments):%Y-%m-%d %H:%M} UTC" if moments else ""
    tags = sorted({str(row["tag"]) for row in rows} - {""})
    sides = sorted({str(row["side"]) for row in rows} - {""})
    filters = [
        ("side", tuple((side, side) for side in sides)),
        ("action", tuple((name, WORDS[name]) for name, n in counts if n)),
        ("tag", tuple((tag, tag) for tag in tags)),
    ]
    return OrdersPage(
        counts=f"{trades}: {named}" if rows else "", asof=asof,
        clock=next((str(row["clock"]) for row in rows if row["clock"]), ""), verdict=verdict, totals=_totals(rows),
        warnings=tuple(shared), filters=tuple((name, values) for name, values in filters if values),
        has_tags=bool(tags), has_model=any(probability_text(row) for row in rows),
    )  # fmt: skip


def _totals(rows: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    def total(name: str, form: str) -> str:
        known = [float(row[name]) for row in rows if not pd.isna(row[name])]
        return format(sum(known), form) if known else ""

    unknown = sum(pd.isna(row["risk_now_r"]) for row in rows)
    money = [
        ("Profit so far", total("open_pnl", "+,.0f")), ("Risk to the stops now", total("risk_now", ",.0f")),
        ("after these orders", total("risk_after", ",.0f")),
    ]  # fmt: skip
    in_r = [
        ("Open R", total("open_r", "+.2f")), ("Risk in R now", total("risk_now_r", ".2f")),
        ("after these orders", total("risk_after_r", ".2f")),
    ]  # fmt: skip
    missing = [("Without a known stop", str(unknown))] if unknown else []
    return tuple((name, value) for name, value in (*money, *in_r, *missing) if value)


def _row(row: dict[str, Any], shared: list[str], chart: TradeChart | None) -> dict[str, Any]:
    texts = [order_text(order, str(row["symbol"])) for order in row["orders"]]
    state = ""
    if not pd.isna(row["open_r"]):
        state = f"{row['open_r']:+.2f} R, best {row['mfe_r']:+.2f} R, held for {row['bars_held']:.0f} bars"
        if row["managed_from"]:
            state += f", managed from {row['managed_from']}"
        if not pd.isna(row.get("dividends_r", float("nan"))) and row["dividends_r"]:
            state += f", dividends {row['dividends_r']:+.2f} R"
        value = hold_value_text(row)
        state += f", hold value {value}" if value else ""
    tone = "" if pd.isna(row["open_r"]) else "gain" if row["open_r"] > 0 else "loss"
    return {
        **row, "word": WORDS[str(row["urgency"])], "tone": tone, "probability": probability_text(row), "state": state,
        "short_orders": short_orders(row["orders"]), "order_texts": texts, "all_orders": "\n".join(texts),
        "after_texts": [_after_text(change, str(row["symbol"])) for change in row["replacements"]],
        "warnings": [text for text in row["warnings"] if text not in shared],
        "chart": None if chart is None else Markup(chart.svg()),
    }  # fmt: skip


def order_text(order: Mapping[str, Any], symbol: str) -> str:
    """Return an order in one line, to be copied.

    Examples
    --------
    >>> order_text({"side": "sell", "quantity": 3.0, "type": "limit", "price": 52.0, "oco": "rung-1",
    ...             "time_in_force": "gtc"}, "ACME")
    'SELL 3 ACME LIMIT 52 GTC OCO rung-1'
    """
    price = "" if order.get("price") is None else f" {number(order['price'])}"
    group = f" OCO {order['oco']}" if order.get("oco") else ""
    kind = str(order["type"]).upper().replace("_", " ")
    force = str(order["time_in_force"]).upper()
    return f"{str(order['side']).upper()} {number(order['quantity'])} {symbol} {kind}{price} {force}{group}"


def short_orders(orders: list[Mapping[str, Any]]) -> str:
    """Return orders by group: quantity @ target | stop.

    Examples
    --------
    >>> short_orders([
    ...     {"type": "limit", "quantity": 3.0, "price": 52.0, "oco": "rung-1"},
    ...     {"type": "stop", "quantity": 3.0, "price": 48.0, "oco": "rung-1"},
    ...     {"type": "stop", "quantity": 7.0, "price": 48.0, "oco": None},
    ... ])
    '3 @ 52 | 48; 7 | 48'
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for k, order in enumerate(orders):
        groups.setdefault(order.get("oco") or f"alone {k}", []).append(order)
    texts = []
    for group in groups.values():
        text = number(group[0]["quantity"])
        for order in group:
            kind = order["type"]
            text += (
                {"market": " at the open", "market_on_close": " | close"}.get(
                    kind, f" {'@' if kind == 'limit' else '|'} {number(order['price'])}"
                )
                if kind in ("market", "market_on_close") or order["price"] is not None
                else ""
            )
        texts.append(text)
    return "; ".join(texts)


def _after_text(change: Mapping[str, Any], symbol: str) -> str:
    cancel = f"cancel {', '.join(change['cancel'])}" if change["cancel"] else ""
    place = "; ".join(f"place {order_text(order, symbol)}" for order in change["place"])
    return f"{change['after']} filled: {', '.join(part for part in (cancel, place) if part)}"


def _shared_warnings(warnings: list[list[str]]) -> list[str]:
    """Return the warnings common to several trades, to be shown once at the top of the page."""
    return [text for text in warnings[0] if all(text in texts for texts in warnings)] if len(warnings) > 1 else []
