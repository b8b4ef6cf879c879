"""The page with advice on open trades: one screen, the most urgent trade first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from exitladder.clock import close_text
from exitladder.errors import InputFileError
from exitladder.pipelines.advice.rows.columns import COLUMNS, URGENCIES, by_urgency
from exitladder.pipelines.advice.traded import adjusted_warning
from exitladder.pipelines.advice.wording.counts import (
    checks_beside,
    counts_text,
    of_all,
    own_warnings,
    risk_totals,
    shared_warnings,
    taken_text,
)
from exitladder.pipelines.advice.wording.sentences import hold_value_text, number, price_text, probability_text
from exitladder.pipelines.advice.working.instructions import instruction_texts
from exitladder.pipelines.advice.working.orders import LEAVE, PLACE, REPLACE, order_text
from exitladder.pipelines.pages.page import PageLink, render
from exitladder.pipelines.pages.trade_chart import TradeChart
from exitladder.pipelines.tracking.saved_files import read_json

# the file of a run of score that its page is made of
SCORES = "scores.json"
WORDS = {
    "stop_missing": "No stop", "exit": "Exit", "reduce": "Reduce", "move_stop": "Move stop", "add": "Add",
    "ask": "Needs you", "hold": "Hold",
}  # fmt: skip

# R that is shown as 0.00
_FLAT = 0.005


@dataclass(frozen=True)
class OrdersPage:
    """What the page shows beside the trades.

    Parameters
    ----------
    counts : str
        Trades by urgency.
    basis : str
        The ladder and the model.
    asof, clock, verdict : str
    totals : tuple of (str, str)
    warnings : tuple of str
        Those of all trades.
    filters : tuple of (str, tuple of (str, str))
        Name, values and words of each choice.
    has_tags, has_model : bool
    unlike_market : tuple of str
        Warnings of symbols whose prices are adjusted.
    notes : tuple of str
        Warnings of the bars: old ones, and their defects.
    taken : str
        Which orders are taken to be in the market.
    """

    counts: str
    basis: str
    asof: str
    clock: str
    verdict: str
    totals: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    filters: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    has_tags: bool
    has_model: bool
    unlike_market: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    taken: str = ""


def score_page(
    frame: pd.DataFrame,
    verdict: str = "",
    charts: Mapping[str, TradeChart] | None = None,
    links: Sequence[PageLink] = (),
    basis: str = "",
    notes: Sequence[str] = (),
) -> str:
    """Return the page of scores as HTML.

    Parameters
    ----------
    frame : DataFrame
        Of `exitladder.pipelines.score.score`.
    verdict : str
        Of the ladder's tuning.
    charts : mapping of str to TradeChart, optional
        By trade_id.
    links : sequence of PageLink
        The other pages of a whole run.
    basis : str
        The ladder and the model, in words.
    notes : sequence of str
        Warnings that concern all trades, shown at the top.

    Returns
    -------
    str
        One file without any request; it works without scripts, except for filters and copy buttons.
    """
    trades = by_urgency(frame)
    records = [{str(name): value for name, value in row.items()} for row in trades.to_dict("records")]
    shared = shared_warnings(records)
    rows = [_row(row, shared, (charts or {}).get(str(row["trade_id"]))) for row in records]
    page = replace(_page(records, verdict, shared, basis), notes=tuple(notes), taken=taken_text(records))
    return render("score.html.jinja", page=page, rows=rows, links=links)


def saved_score_page(path: Path) -> str:
    """Return the page of the scores that a run saved; without charts, whose bars it does not have.

    Raises
    ------
    InputFileError
        If the file cannot be read or is no such file.
    """
    saved = read_json(path)
    try:
        frame = pd.DataFrame(saved["rows"], columns=list(saved["rows"][0]) if saved["rows"] else list(COLUMNS))
        frame = frame.assign(asof=pd.to_datetime(frame["asof"], utc=True))
        notes = [str(text) for text in saved.get("notes", ())]
        return score_page(frame, str(saved["verdict"]), basis=str(saved.get("basis", "")), notes=notes)
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise InputFileError(
            f"'{path}' must hold the scores of open trades, as exitladder score saved them, but: {cause}. Score again."
        ) from cause


def _page(rows: list[dict[str, Any]], verdict: str, shared: list[str], basis: str) -> OrdersPage:
    counts = [(name, sum(row["urgency"] == name for row in rows)) for name in URGENCIES]
    moments = [row["asof"] for row in rows if not pd.isna(row["asof"])]
    asof = close_text(pd.Timestamp(max(moments)).as_unit("ns").value) if moments else ""
    tags = sorted({str(row["tag"]) for row in rows} - {""})
    sides = sorted({str(row["side"]) for row in rows} - {""})
    filters = [
        ("side", tuple((side, side) for side in sides)),
        ("action", tuple((name, WORDS[name]) for name, n in counts if n)),
        ("tag", tuple((tag, tag) for tag in tags)),
    ]
    return OrdersPage(
        counts=counts_text(rows) if rows else "", basis=basis, asof=asof,
        clock=next((str(row["clock"]) for row in rows if row["clock"]), ""), verdict=verdict, totals=_totals(rows),
        warnings=tuple(of_all(text, len(rows)) for text in shared),
        filters=tuple((name, values) for name, values in filters if values),
        has_tags=bool(tags), has_model=any(probability_text(row) for row in rows),
        unlike_market=tuple(dict.fromkeys(filter(None, map(_unlike_market, rows)))),
    )  # fmt: skip


def _totals(rows: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    def total(name: str, form: str) -> str:
        known = [float(row[name]) for row in rows if not pd.isna(row.get(name, float("nan")))]
        return format(sum(known), form) if known else ""

    risk = risk_totals(rows)
    found = [("Profit so far", total("open_pnl", "+,.0f")), ("Open R", total("open_r", "+.2f"))]
    for unit, form, name in (("money", ",.0f", "Risk to the stops now"), ("r", ".2f", "Risk in R now")):
        if unit in risk.now:
            found += [(name, format(risk.now[unit], form)), ("after these orders", format(risk.after[unit], form))]
            if unit in risk.with_adds:
                found.append(("with all adds", format(risk.with_adds[unit], form)))
    if risk.left_out:
        found.append(("Not in this risk:", risk.left_out))
    return tuple((name, value) for name, value in found if value)


def _unlike_market(row: Mapping[str, Any]) -> str:
    """Return the warning that a row's prices are adjusted, empty if they are the market's."""
    traded = row.get("traded_close")
    if traded is None or pd.isna(traded):
        return ""
    return adjusted_warning(str(row["symbol"]), float(row["price"]), float(traded))


def _row(row: dict[str, Any], shared: list[str], chart: TradeChart | None) -> dict[str, Any]:
    given = row.get("cancels")
    cancels = list(given) if isinstance(given, list) else []  # pages of older scores have none
    known = row.get("instructions")
    texts = list(known) if isinstance(known, list) else instruction_texts(row)
    to_do = [text for text in texts if not text.startswith("LEAVE ")]
    adds = row.get("adds")
    state = ""
    if not pd.isna(row["open_r"]):
        state = f"{row['open_r']:+.2f} R, best {row['mfe_r']:+.2f} R, held for {row['bars_held']:.0f} bars"
        if row["managed_from"]:
            state += f", managed from {row['managed_from']}"
        if not pd.isna(row.get("dividends_r", float("nan"))) and row["dividends_r"]:
            state += f", dividends {row['dividends_r']:+.2f} R"
        value = hold_value_text(row)
        state += f", hold value {value}" if value else ""
    unlike_market = _unlike_market(row)
    tone = "" if pd.isna(row["open_r"]) or abs(row["open_r"]) < _FLAT else "gain" if row["open_r"] > 0 else "loss"
    return {
        **row, "word": WORDS[str(row["urgency"])], "tone": tone, "probability": probability_text(row), "state": state,
        "short_orders": _first(row) + short_orders(row["orders"], cancels), "instructions": texts, **_stops(row),
        "all_orders": "\n".join([*(f"FIRST {text}" for text in _checks(row)), *to_do]), "to_do": to_do,
        "after_texts": [_after_text(change, str(row["symbol"])) for change in row["replacements"]],
        "can_copy": bool(to_do) and not unlike_market, "adds": adds if isinstance(adds, list) else [],
        "warnings": own_warnings(row, shared), "checks": checks_beside(row),
        "chart": None if chart is None else Markup(chart.svg()),
    }  # fmt: skip


def _first(row: Mapping[str, Any]) -> str:
    """Return the word that comes before the orders of a trade with something to see first."""
    return "see first; " if _checks(row) and row["orders"] else ""


def _checks(row: Mapping[str, Any]) -> list[str]:
    """Return what to see before the orders; pages of older scores have none."""
    checks = row.get("checks")
    return [str(text) for text in checks] if isinstance(checks, list) else []


def _stops(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the stop now and tonight in words; a stop that is not there is named, not left blank."""
    before, after = row["stop_before"], row["stop_price"]
    missing = "unknown" if row["urgency"] == "ask" else "none"
    now = missing if pd.isna(before) else price_text(before)
    gone = "exit" if row["action"] == "exit" else missing
    return {"stop_now": now, "stop_tonight": gone if pd.isna(after) else price_text(after)}


def short_orders(orders: Sequence[Mapping[str, Any]], cancels: Sequence[str] = ()) -> str:
    """Return what to do with the orders by group, quantity @ target | stop; then the adds, last what to leave.

    Parameters
    ----------
    orders : sequence of mapping
    cancels : sequence of str
        Orders to cancel.

    Returns
    -------
    str

    Examples
    --------
    >>> short_orders([
    ...     {"type": "limit", "quantity": 3.0, "price": 52.0, "oco": "rung-1"},
    ...     {"type": "stop", "quantity": 3.0, "price": 48.0, "oco": "rung-1"},
    ...     {"type": "stop", "quantity": 7.0, "price": 48.0, "oco": None, "do": "leave"},
    ... ], ["SELL 10 ACME STOP 47"])
    'cancel 1; place 3 @ 52 | 48; leave 7 | 48'
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for k, order in enumerate(orders):
        if order.get("add") is None:
            groups.setdefault(order.get("oco") or f"alone {k}", []).append(order)
    texts = [(_verb(group), _group_text(group)) for group in groups.values()]
    for order in orders:
        if order.get("add") is not None:
            at = "at the open" if order["price"] is None else f"at {number(order['price'])}"
            texts.append((_verb([order]), f"add {number(order['quantity'])} {at}"))
    parts = [f"cancel {len(cancels)}"] if cancels else []
    for verb in ("sell", "buy", REPLACE, PLACE, LEAVE):
        of_verb = [text for name, text in texts if name == verb]
        if of_verb:
            parts.append(f"{verb} {', '.join(of_verb)}")
    return "; ".join(parts)


def _verb(group: Sequence[Mapping[str, Any]]) -> str:
    """Return the instruction for a group: to leave it only if nothing in it changes."""
    if group[0]["type"] == "market" and str(group[0].get("do") or PLACE) == PLACE and group[0].get("add") is None:
        return str(group[0]["side"])
    found = {str(order.get("do") or PLACE) for order in group}
    return found.pop() if len(found) == 1 else REPLACE if REPLACE in found else PLACE


def _group_text(group: Sequence[Mapping[str, Any]]) -> str:
    text = number(group[0]["quantity"])
    for order in group:
        kind = order["type"]
        if kind in ("market", "market_on_close"):
            text += " at the open" if kind == "market" else " | close"
        elif order["price"] is not None:
            text += f" {'@' if kind == 'limit' else '|'} {price_text(order['price'])}"
    return text


def _after_text(change: Mapping[str, Any], symbol: str) -> str:
    cancel = f"cancel {', '.join(change['cancel'])}" if change["cancel"] else ""
    place = "; ".join(f"place {order_text(order, symbol)}" for order in change["place"])
    return f"{change['after']} filled: {', '.join(part for part in (cancel, place) if part)}"
