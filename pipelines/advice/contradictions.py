"""Trades whose files contradict each other in a way that only the trader can settle: they are not scored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from exitladder.pipelines.advice.wording.sentences import number
from exitladder.pipelines.advice.working.resting import after
from exitladder.trades.trades import Trades

_SLACK = 1e-6


def why_contradicted(trades: Trades, i: int, previous: Mapping[str, Any] | None, assume: str) -> str:
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

    Returns
    -------
    str
        Rule, values and cure.
    """
    return _bought(trades, i, previous or {}, assume)


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


def _may_have_bought(previous: Mapping[str, Any]) -> float:
    """Return how much the orders of earlier scores that add to the position, and those after them, buy at most."""
    opening = "sell" if previous.get("side") == "short" else "buy"
    found = {str(order.get("id")): order for order in after(previous)}
    for change in previous.get("replacements") or []:
        for order in change.get("place") or []:
            found.setdefault(str(order.get("id")), order)
    return sum(float(order.get("quantity") or 0.0) for order in found.values() if order.get("side") == opening)
