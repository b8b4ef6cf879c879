"""Output of data as a table, JSON or CSV."""

from __future__ import annotations

import json
import math
from typing import IO, Any

import numpy as np
import pandas as pd

from exitladder.cli.screen import width_of
from exitladder.cli.tables import table_or_records, table_text
from exitladder.errors import shown
from exitladder.files.output import csv_text, iso_stamp, plain


def rendered(value: pd.DataFrame | dict[str, Any], form: str, stream: IO[str]) -> str:
    """Return a table or a mapping as text.

    Parameters
    ----------
    value : DataFrame or dict
    form : {"table", "json", "csv"}
        JSON: a list of rows, or the mapping itself. CSV: the table, or the mapping's names and values.
    stream : text stream
        Destination; the width of a terminal limits a table.

    Returns
    -------
    str
    """
    if form == "json":
        # ASCII only, so that no terminal encoding can break it
        return json.dumps(plain(value), indent=2, allow_nan=False) + "\n"
    if form == "csv":
        table = value if isinstance(value, pd.DataFrame) else pd.DataFrame(flat(value), columns=["name", "value"])
        return csv_text(table)
    return _as_table(value, stream) if isinstance(value, pd.DataFrame) else _mapping_as_tables(value, stream)


def flat(mapping: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return a nested mapping as dotted names and plain values.

    Examples
    --------
    >>> flat({"a": 1, "b": {"c": [1, 2]}})
    [('a', 1), ('b.c', '1, 2')]
    """
    rows: list[tuple[str, Any]] = []
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            rows += flat(value, f"{name}.")
        elif _is_rows(value):
            rows += [pair for i, row in enumerate(value) for pair in flat(row, f"{name}.{i}.")]
        elif isinstance(value, (list, tuple)):
            rows.append((name, ", ".join(_cell(item) for item in value)))
        else:
            rows.append((name, iso_stamp(value) if isinstance(value, pd.Timestamp) else value))
    return rows


def _is_rows(value: object) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(row, dict) for row in value)


def _mapping_as_tables(value: dict[str, Any], stream: IO[str]) -> str:
    value = _with_intervals(value)
    rows = {key: item for key, item in value.items() if _is_rows(item)}
    text = _as_table(
        pd.DataFrame(flat({k: v for k, v in value.items() if k not in rows}), columns=["name", "value"], dtype=object),
        stream,
    )
    for key, item in rows.items():
        text += f"\n{key}\n{_as_table(pd.DataFrame([dict(flat(row)) for row in item]), stream)}"
    return text


def _with_intervals(value: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping with each value and its interval joined into one text."""
    out: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict) and set(item) == {"value", "low", "high"}:
            centre, low, high = (_cell(item[name]) for name in ("value", "low", "high"))
            out[key] = f"{centre} [{low}, {high}]" if low and high else centre
        elif isinstance(item, dict):
            out[key] = _with_intervals(item)
        elif _is_rows(item):
            out[key] = [_with_intervals(row) for row in item]
        else:
            out[key] = item
    return out


def shown_table(frame: pd.DataFrame, stream: IO[str]) -> str:
    """Return a table for reading: as columns if they fit, otherwise as a paragraph per row."""
    return table_or_records(frame, _cell, width_of(stream))


def _as_table(frame: pd.DataFrame, stream: IO[str]) -> str:
    return table_text(frame, _cell, width_of(stream))


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(plain(value))
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, pd.Timestamp):
        return iso_stamp(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return "" if math.isnan(number) else f"{number:.0f}" if 1e6 <= abs(number) < 1e15 else f"{number:.6g}"
    # a name from a file must not steer the terminal
    return shown(str(value))
