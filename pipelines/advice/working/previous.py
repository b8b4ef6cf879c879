"""Earlier scores: their rows by trade_id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.errors import InputFileError
from exitladder.pipelines.advice.rows.columns import ASK

_TABLES = ("orders", "replacements", "working")


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
            frame = pd.read_csv(path, dtype={"trade_id": str, "managed_from": str, "entry_time": str, "ladder": str})
            rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
            for row in rows:
                for name in _TABLES:
                    row[name] = json.loads(str(row.get(name) or "[]"))
        else:
            rows = json.loads(path.read_text(encoding="utf-8"))
            rows = rows["trades"] if isinstance(rows, dict) else rows
        return {str(row["trade_id"]): _checked({str(k): v for k, v in row.items()}) for row in rows}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as cause:
        raise InputFileError(
            f"--previous must name the .json or .csv that an earlier `exitladder score --out` wrote, but {path} is not "
            f"({' '.join(str(cause).split())[:120]}). Name that file, or leave --previous out."
        ) from cause


def is_same_bar(frame: pd.DataFrame, previous: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether earlier scores with orders are of the last bar that these scores are of.

    Parameters
    ----------
    frame : DataFrame
        Scores, with ``trade_id``, ``asof`` and ``urgency``.
    previous : mapping of str to mapping
        Earlier rows by trade_id.

    Returns
    -------
    bool
    """
    scored = frame.loc[frame["urgency"] != ASK]  # the others keep the time of the earlier scores
    for trade_id, asof in zip(scored["trade_id"], scored["asof"], strict=True):
        row = previous.get(str(trade_id)) or {}
        if row.get("orders") and not pd.isna(asof) and pd.to_datetime(str(row.get("asof")), utc=True) == asof:
            return True
    return False


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of earlier scores whose values are of the kinds that are read.

    Raises
    ------
    ValueError, TypeError
    """
    numbers = {name: row.get(name) for name in ("stop_price", "quantity_open", "quantity_managed", "exhaustion")}
    for table in _TABLES:
        orders = row.get(table) or []
        if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
            raise TypeError(f"{table} must be a list of {'replacements' if table == 'replacements' else 'orders'}")
        if table == "replacements":
            orders = [order for change in orders for order in change.get("place") or []]
        word = "order" if table == "orders" else f"{table} order"
        for k, order in enumerate(orders, start=1):
            numbers |= {f"{name} of {word} {k}": order.get(name) for name in ("quantity", "price")}
    for name, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise TypeError(f"{name} must be a number, but is {str(value)[:40]!r}")
        if value is not None and value < 0 and name.startswith("quantity"):
            raise ValueError(f"{name} must be 0 or more, but is {value!r}")
    if row.get("asof") is not None and pd.isna(pd.to_datetime(str(row["asof"]), utc=True)):
        raise ValueError(f"asof must be a time, but is {str(row['asof'])[:40]!r}")
    for name in ("symbol", "side", "entry_time", "ladder"):
        if row.get(name) is not None and not isinstance(row[name], str):
            raise TypeError(f"{name} must be a text, but is {str(row[name])[:40]!r}")
    begin = row.get("managed_from")
    if isinstance(begin, str) and begin and pd.isna(pd.Timestamp(begin)):
        raise ValueError(f"managed_from must be a time, but is {begin[:40]!r}")
    return row
