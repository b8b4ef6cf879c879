"""What changed since earlier scores: the stop, the orders, the action and the model's view."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.errors import InputFileError
from exitladder.pipelines.advice.orders import Order
from exitladder.pipelines.advice.sentences import number

_SAME = 1e-9
_POINTS = 0.05


def read_previous(path: str | Path) -> dict[str, dict[str, Any]]:
    """Return the rows of earlier scores (.json or .csv) by trade_id.

    Raises
    ------
    InputFileError
        If the file cannot be read or holds no scores.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".csv":
            frame = pd.read_csv(path, dtype={"trade_id": str, "managed_from": str})
            rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
            for row in rows:
                row["orders"] = json.loads(str(row.get("orders") or "[]"))
        else:
            rows = json.loads(path.read_text(encoding="utf-8"))
            rows = rows["trades"] if isinstance(rows, dict) else rows
        return {str(row["trade_id"]): {str(k): v for k, v in row.items()} for row in rows}
    except (OSError, ValueError, TypeError, KeyError) as cause:
        raise InputFileError(
            f"--previous must name the .json or .csv that an earlier `exitladder score --out` wrote, but {path} is not "
            f"({' '.join(str(cause).split())[:120]}). Name that file, or leave --previous out."
        ) from cause


def with_replaced(orders: Sequence[Order], previous: Mapping[str, Any] | None) -> tuple[Order, ...]:
    """Return orders that name the earlier order that they replace: the one of their id, if it was another order.

    Parameters
    ----------
    orders : sequence of Order
    previous : mapping or None
        The trade's row of earlier scores.

    Returns
    -------
    tuple of Order
    """
    before = {str(order.get("id")): order for order in (previous or {}).get("orders") or []}
    return tuple(
        replace(order, replaces=order.id) if order.id in before and not _is_same(order, before[order.id]) else order
        for order in orders
    )


def _is_same(order: Order, before: Mapping[str, Any]) -> bool:
    if order.type != before.get("type"):
        return False
    pairs = [(order.quantity, before.get("quantity")), (order.price, before.get("price"))]
    return all(
        a == b or (a is not None and b is not None and abs(a - b) <= _SAME * max(abs(a), abs(b))) for a, b in pairs
    )


def changes_since(row: Mapping[str, Any], previous: Mapping[str, Any] | None) -> list[str]:
    """Return what changed since a trade's row of earlier scores, in words; nothing without such a row."""
    if previous is None:
        return []
    texts = []
    if row["action"] != previous.get("action"):
        texts.append(f"action: {previous.get('action')} to {row['action']}")
    for name, label in (("stop_price", "stop"), ("quantity_open", "open quantity")):
        old, new = _number(previous.get(name)), _number(row[name])
        if not (np.isnan(old) and np.isnan(new)) and not abs(new - old) <= _SAME * abs(old):
            texts.append(f"{label}: {number(old) or 'none'} to {number(new) or 'none'}")
    old, new = _number(previous.get("exhaustion")), _number(row["exhaustion"])
    if abs(new - old) >= _POINTS:
        texts.append(f"exhaustion: {old:.0%} to {new:.0%}")
    return texts


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
