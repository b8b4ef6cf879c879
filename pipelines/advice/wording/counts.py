"""How many open trades there are to act on, in words; the screen and the page say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from exitladder.pipelines.advice.rows.columns import ASK, MOVE_STOP, URGENCIES
from exitladder.pipelines.advice.working.orders import PREVIOUS, SOURCES, WORKING_ORDERS

_NAMES = {
    "stop_missing": "without a stop", "exit": "to exit", "reduce": "to reduce", "move_stop": "with a stop to move",
    "add": "to add to", "ask": "not scored", "hold": "to hold",
}  # fmt: skip
_SOURCES = {
    "previous": "the orders of the earlier output", "working_orders": "the trades file's working_orders",
    "working_stop": "the trades file's working_stop", "stop_price": "the trades file's stop_price",
}  # fmt: skip


def counts_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the number of trades by urgency; a stop that moves counts whatever else there is to do.

    Examples
    --------
    >>> counts_text([{"urgency": "exit"}, {"urgency": "hold"}])
    '2 open trades: 1 to exit, 1 to hold'
    """
    texts = []
    for name in URGENCIES:
        n = sum(row["urgency"] == name for row in rows)
        also = sum(row["urgency"] != name and _moves(row) for row in rows) if name == MOVE_STOP else 0
        beside = f" ({also} of them named before)" if also else ""
        if n + also:
            texts.append(f"{n + also} {_NAMES[name]}{beside}")
    trades = "1 open trade" if len(rows) == 1 else f"{len(rows):,} open trades"
    return f"{trades}: {', '.join(texts)}"


@dataclass(frozen=True)
class RiskTotals:
    """The risk to the stops of all trades of which it is known before and after tonight's orders.

    Parameters
    ----------
    n_trades : int
        Trades on both sides.
    now, after, with_adds : dict of str to float
        Sums by unit: ``r`` and ``money``; `with_adds` is empty without a plan with adds.
    left_out : str
        The other trades, and why they are not in the sums; empty if there are none.
    """

    n_trades: int
    now: dict[str, float]
    after: dict[str, float]
    with_adds: dict[str, float]
    left_out: str


def risk_totals(rows: Sequence[Mapping[str, Any]]) -> RiskTotals:
    """Return the risk now and after tonight's orders, both of the same trades.

    Examples
    --------
    >>> nothing = {"risk_now": None, "risk_after": None, "risk_now_r": None, "urgency": "stop_missing"}
    >>> held = {"risk_now": 9.0, "risk_after": 5.0, "risk_now_r": 0.9, "risk_after_r": 0.5, "urgency": "hold"}
    >>> risk_totals([held, nothing | {"risk_after_r": 1.0}, nothing | {"risk_after_r": None}]).left_out
    '1 without a stop now (1.00 R after these orders), 1 without a stop'
    """
    both: list[Mapping[str, Any]] = []
    asked, rest, placed = 0, 0, list[float]()
    for row in rows:
        is_placed = _is_known(row, "risk_after_r")
        if is_placed and _is_known(row, "risk_now_r"):
            both.append(row)
        elif row["urgency"] == ASK:
            asked += 1
        elif is_placed:
            placed.append(float(row["risk_after_r"]))
        else:
            rest += 1
    texts = [f"{len(placed)} without a stop now ({sum(placed):.2f} R after these orders)"] if placed else []
    texts += [f"{n} {why}" for n, why in ((rest, "without a stop"), (asked, "not scored")) if n]

    def sums(name: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for unit, column in (("r", f"{name}_r"), ("money", name)):
            values = [float(row[column]) for row in both if _is_known(row, column)]
            found |= {unit: sum(values)} if values else {}
        return found

    return RiskTotals(len(both), sums("risk_now"), sums("risk_after"), sums("risk_with_adds"), ", ".join(texts))


def _is_known(row: Mapping[str, Any], column: str) -> bool:
    value = row.get(column)
    return value is not None and not pd.isna(value)


def shared_warnings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the warnings of every trade, to be shown once at the top; none of a single trade."""
    if len(rows) < 2:
        return []
    return [text for text in rows[0]["warnings"] if all(text in row["warnings"] for row in rows)]


def own_warnings(row: Mapping[str, Any], shared: Sequence[str]) -> list[str]:
    """Return the warnings of one trade that neither the top nor its summary says already."""
    said = {*shared, f"Not scored: {row['summary']}"}
    return [text for text in row["warnings"] if text not in said]


def checks_beside(row: Mapping[str, Any]) -> list[str]:
    """Return what to see first of one trade, without what its summary says already."""
    checks = row.get("checks")
    return [str(text) for text in (checks if isinstance(checks, list) else []) if str(text) not in str(row["summary"])]


def of_all(text: str, n_trades: int) -> str:
    """Return a warning of every trade with the trades that it is about.

    Examples
    --------
    >>> of_all("Passed before the plan began: add 1.", 3)
    'All 3 trades: Passed before the plan began: add 1.'
    """
    return f"All {n_trades} trades: {text}"


def taken_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return from where the orders in the market are known, and for how many trades; empty if none are.

    Examples
    --------
    >>> taken_text([{"working": [{"source": "stop_price"}]}, {"working": []}])
    "Taken to be in the market: the trades file's stop_price (1 trade). If one is not, fill in the column working_stop."
    """
    found: dict[str, int] = {}
    for row in rows:
        orders = row.get("working")
        for source in {str(order["source"]) for order in (orders if isinstance(orders, list) else [])}:
            found[source] = found.get(source, 0) + 1
    if not found:
        return ""
    named = [
        f"{_SOURCES[name]} ({found[name]} trade{'s' if found[name] != 1 else ''})" for name in SOURCES if name in found
    ]
    column = "working_orders" if PREVIOUS in found or WORKING_ORDERS in found else "working_stop"
    return f"Taken to be in the market: {', '.join(named)}. If one is not, fill in the column {column}."


def _moves(row: Mapping[str, Any]) -> bool:
    before, after = row.get("stop_before"), row.get("stop_price")
    if before is None or after is None or pd.isna(before) or pd.isna(after) or not row["orders"]:
        return False
    side = 1 if row["side"] == "long" else -1
    return bool(side * (float(after) - float(before)) > 1e-9 * abs(float(before)))
