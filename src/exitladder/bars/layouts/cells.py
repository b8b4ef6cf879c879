"""Cells of a table of bars: numbers by one convention per file, symbols, and small faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.checking.report import Finding
from exitladder.bars.layouts.columns import PRICES, BarColumns
from exitladder.errors import BarsError
from exitladder.files.numbers import MixedNumbersError, currencies_of, decimal_mark, doubles, is_text, parse_numbers
from exitladder.files.tables import Table

# as far as a price that was computed may be off by rounding, as a share of it
_NOISE = 1e-9
# columns that say how long bars are
_LENGTH_COLUMNS = ("interval", "timeframe", "time_frame", "tf", "resolution", "granularity", "bar_size")


@dataclass
class Cells:
    """The numbers of a table of bars.

    Parameters
    ----------
    columns : dict of str to float64 array, shape (n_rows,)
        Prices, volume, adj_close and further series.
    texts : list of str
        Further columns that hold no numbers.
    decimal : {".", ","}
        The file's decimal mark.
    problem : str
        The error; empty if there is none.
    findings : list of Finding
    """

    columns: dict[str, FloatArray] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    decimal: str = "."
    problem: str = ""
    findings: list[Finding] = field(default_factory=list)


def read_cells(table: Table, names: BarColumns, decimal: str) -> Cells:
    """Return the numbers of a table.

    Parameters
    ----------
    table : Table
    names : BarColumns
    decimal : {"auto", ".", ","}
        What the user says the decimal mark is.

    Returns
    -------
    Cells
        Its `problem` is not empty if the decimal mark is ambiguous.
    """
    cells = Cells(decimal=table.decimal)
    needed = [name for name in (*PRICES, "volume", "adj_close") if name in names.known]
    given: dict[str, pd.Series[Any]] = {name: table.frame[names.known[name]] for name in needed}
    words = [values for values in given.values() if is_text(values)]
    if words:
        try:
            cells.decimal = _decimal(table, words, [v for v in given.values() if not is_text(v)], decimal)
        except MixedNumbersError as cause:
            cells.problem = f"{cause} ({table.name})."
            return cells
        prices = [given[name] for name in (*PRICES, "adj_close") if name in given and is_text(given[name])]
        currencies = currencies_of(prices)
        if len(currencies) > 1 and "symbol" not in names.known:
            shown = " and ".join(currencies)
            cells.problem = (
                f"Prices of one symbol must be in one currency, but there are {shown} ({table.name}). Keep the rows of "
                "one currency in the file."
            )
            return cells
    for name, series in given.items():
        values, broken = parse_numbers(series, cells.decimal)
        if broken.any():
            i = int(np.argmax(broken))
            cell = series.iloc[i]
            shown = "a whole number of many digits" if isinstance(cell, int) else str(cell)[:60]
            cells.problem = (
                f"{name} must be a number, but is {shown!r} ({table.place(i)}); {int(broken.sum())} rows are "
                f"concerned. Write numbers with a decimal {'point' if cells.decimal == '.' else 'comma'}."
            )
            return cells
        cells.columns[name] = values
    for name, label in names.extra.items():
        if pd.api.types.is_numeric_dtype(table.frame[label].dtype):
            cells.columns[name] = doubles(table.frame[label])
        elif label != names.time_of_day:
            cells.texts.append(name)
    _volume(cells, table, names)
    return cells


def _decimal(table: Table, words: list[pd.Series[Any]], numbers: list[pd.Series[Any]], said: str) -> str:
    if table.decimal == "," and said == "auto":
        return decimal_mark(words, said=",")
    has_points = any(
        pd.api.types.is_float_dtype(values.dtype) and bool((values.dropna() % 1 != 0).any()) for values in numbers
    )
    return decimal_mark(words, said=said, has_points=has_points)


def _volume(cells: Cells, table: Table, names: BarColumns) -> None:
    """Take ticks where no volume is there, and no volume where each is -1."""
    volume = cells.columns.get("volume")
    if volume is None or not len(volume):
        return
    if not np.any(volume) and names.ticks is not None:
        ticks, broken = parse_numbers(table.frame[names.ticks], cells.decimal)
        if not broken.any() and np.any(ticks):
            cells.columns["volume"] = ticks
            message = f"'{names.known['volume']}' of {table.name} is 0 on every row; '{names.ticks}' is the volume."
            cells.findings.append(Finding("", "note", "tick_volume", len(ticks), table.name, message))
    elif volume[0] == -1 and np.all(volume == -1):
        cells.columns["volume"] = np.full(len(volume), np.nan)
        message = f"The volume of {table.name} is -1 on every row, which means unknown; it is left out."
        cells.findings.append(Finding("", "note", "unknown_volume", len(volume), table.name, message))


def rows_by_symbol(table: Table, names: BarColumns, symbol: str) -> Iterator[tuple[str, IntArray]]:
    """Yield each symbol and its rows; `symbol` is the one of a table without such a column.

    Parameters
    ----------
    table : Table
    names : BarColumns
    symbol : str
        The symbol of a table without a ``symbol`` column.

    Yields
    ------
    name : str
        The symbol.
    rows : int64 array, shape (n_rows,)
        Positions of its rows in the table, in the table's order.

    Raises
    ------
    BarsError
        If a cell of the column is blank.
    """
    if "symbol" not in names.known:
        yield symbol, np.arange(len(table.frame))
        return
    given = table.frame[names.known["symbol"]]
    blank = given.isna().to_numpy()
    if blank.any():
        raise BarsError(
            f"symbol must be filled in on every row, but is blank ({table.place(int(np.argmax(blank)))}); "
            f"{int(blank.sum())} rows are concerned. Fill it in or take the rows out."
        )
    codes, uniques = pd.factorize(given.astype("str").str.strip())
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(uniques) + 1))
    for k, name in enumerate(uniques):
        yield str(name), order[edges[k] : edges[k + 1]]


def several_lengths(table: Table, names: BarColumns) -> str:
    """Return the error if a column such as ``interval`` names several lengths of bars for one symbol, else "".

    Parameters
    ----------
    table : Table
    names : BarColumns

    Returns
    -------
    str
    """
    for name in _LENGTH_COLUMNS:
        if name not in names.extra:
            continue
        given = table.frame[names.extra[name]].astype("str").str.strip()
        by = table.frame[names.known["symbol"]] if "symbol" in names.known else pd.Series(0, index=given.index)
        counts = given.groupby(by.to_numpy()).nunique()
        if (counts > 1).any():
            shown = ", ".join(repr(value) for value in given.unique()[:4])
            return (
                f"Bars of one symbol must have one length, but the column '{names.extra[name]}' of {table.name} holds "
                f"{shown}. Keep the rows of one length in the file."
            )
    return ""


def snap_noise(columns: dict[str, FloatArray]) -> int:
    """Move an open or close that is outside high and low by rounding alone onto them; return the number of rows.

    Examples
    --------
    >>> row = {"open": [100.00000000000001], "high": [100.0], "low": [99.0], "close": [100.0]}
    >>> columns = {name: np.array(values) for name, values in row.items()}
    >>> snap_noise(columns), columns["open"]
    (1, array([100.]))
    """
    high, low = columns["high"], columns["low"]
    moved = np.zeros(len(high), dtype=bool)
    for name in ("open", "close"):
        price = columns[name]
        above, below = price > high, price < low
        if not (above.any() or below.any()):
            continue
        noise = np.where(np.isfinite(price), np.abs(price), 0.0) * _NOISE
        with np.errstate(invalid="ignore"):
            above &= (price - high <= noise) & (low <= high)
            below &= (low - price <= noise) & (low <= high)
        if above.any() or below.any():
            columns[name] = np.where(above, high, np.where(below, low, price))
            moved |= above | below
    return int(moved.sum())
