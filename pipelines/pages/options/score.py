"""The page of tonight's orders on positions in options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.clock import close_text
from exitladder.pipelines.pages.options.backtest import short_name
from exitladder.pipelines.pages.page import KeyNumber, PageContent, PageTable, page_html
from exitladder.pipelines.tracking.saved_files import read_json

_WORDS = {"exit": "Close", "reduce": "Reduce", "ask": "Needs you", "hold": "Hold"}


def options_score_html(rows: Sequence[Mapping[str, Any]], basis: str, notes: Sequence[str] = ()) -> str:
    """Return the page of the advice on open positions in options as HTML.

    Parameters
    ----------
    rows : sequence of mapping
        The scores, the most urgent first.
    basis : str
        The plan, in words.
    notes : sequence of str
        Warnings that concern all positions.

    Returns
    -------
    str
    """
    checks = [f"{row['trade_id']}: {text}" for row in rows for text in row["checks"]]
    known = [row for row in rows if _is_known(row.get("asof"))]
    last = max((pd.Timestamp(row["asof"]).as_unit("ns").value for row in known), default=None)
    counts = {name: sum(row["urgency"] == name for row in rows) for name in _WORDS}
    return page_html(
        PageContent(
            title="Tonight's orders: options",
            subtitle=f"{basis}{'' if last is None else f', last quotes of {close_text(last)}'}",
            warnings=[*notes, *checks],
            key_numbers=[
                *(KeyNumber(word.lower(), f"{counts[name]:,}", "positions") for name, word in _WORDS.items()),
                *_totals(known),
            ],
            tables=[*_orders_table(rows), *_state_table(known), *_notes_table(rows)],
            method=(
                "The plan was followed up to the last quotes known; its decisions there are these orders. A market "
                "order is for the next usable quote, at the bid of a sale and the ask of a purchase. Both legs of a "
                "vertical are sent as one order. The mark is what closing would pay at the last quotes.",
            ),
            has_standard_method=False,
        )
    )


def saved_options_score_page(file: Path) -> str:
    """Return the page of a recorded run of ``options score`` as HTML.

    Raises
    ------
    InputFileError
        If the file is damaged.
    """
    saved = read_json(file)
    return options_score_html(saved["rows"], saved["basis"], saved["notes"])


def _is_known(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def _totals(rows: Sequence[Mapping[str, Any]]) -> list[KeyNumber]:
    found = []
    for name, label, form, note in (
        ("open_pnl", "open P&L", "{:+,.0f}", "at the marks, before costs"),
        ("position_delta", "delta", "{:+,.0f}", "units of the underlyings"),
        ("position_theta", "theta", "{:+,.1f}", "money per calendar day"),
    ):
        values = [float(row[name]) for row in rows if _is_known(row[name])]
        if values:
            missing = len(rows) - len(values)
            without = f"; unknown for {missing}" if missing else ""
            found.append(KeyNumber(label, form.format(sum(values)), note + without))
    return found


def _orders_table(rows: Sequence[Mapping[str, Any]]) -> list[PageTable]:
    if not rows:
        return []
    table = [
        {
            "Position": row["trade_id"],
            "Do": _WORDS[row["urgency"]],
            "Contract": short_name(row["contract"]) or row["symbol"],
            "Held": row["quantity_open"],
            "Close": row["action_quantity"] or None,
            "Days": row["days_to_expiry"],
            "Why": row["summary"],
            "Orders": "; ".join(row["instructions"]),
        }
        for row in rows
    ]
    return [
        PageTable(
            "Orders for the next quote",
            "The most urgent first. Days: calendar days to the last trading day.",
            pd.DataFrame(table),
            {"Held": ",.0f", "Close": ",.0f", "Days": ",.0f"},
            is_stacked=True,
        )
    ]


def _state_table(rows: Sequence[Mapping[str, Any]]) -> list[PageTable]:
    if not rows:
        return []
    names = {
        "Mark": ("mark", ",.2f"), "Entry": ("entry_price", ",.2f"), "Stop": ("stop_price", ",.2f"),
        "R": ("premium_r", "+.2f"), "Best R": ("mfe_r", "+.2f"), "Share of largest profit": ("max_profit_share", ".0%"),
        "P&L": ("open_pnl", "+,.0f"), "Delta": ("position_delta", "+,.1f"), "Gamma": ("position_gamma", "+,.2f"),
        "Vega": ("position_vega", "+,.1f"), "Theta": ("position_theta", "+,.1f"),
        "Implied volatility": ("implied_volatility", ".1%"),
    }  # fmt: skip
    table = [{"Position": row["trade_id"]} | {label: row[name] for label, (name, _) in names.items()} for row in rows]
    return [
        PageTable(
            "Positions at the last quotes",
            "Greeks of the whole position: delta and gamma in units of the underlying, vega per point of volatility, "
            "theta per calendar day.",
            pd.DataFrame(table),
            {label: form for label, (_, form) in names.items()},
            is_stacked=True,
        )
    ]


def _notes_table(rows: Sequence[Mapping[str, Any]]) -> list[PageTable]:
    noted = [
        {"Position": row["trade_id"], "Note": text}
        for row in rows
        for text in row["warnings"]
        if not text.startswith("Not scored: ")
    ]
    return [PageTable("Notes on the positions", "", pd.DataFrame(noted), is_stacked=True)] if noted else []
