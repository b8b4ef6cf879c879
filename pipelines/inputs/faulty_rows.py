"""Trades read although some of them are invalid: those are named, and the others are read as usual."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.errors import ExitladderWarning, TradesError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.numbers import has_thousands, is_text, open_points, proves
from exitladder.files.table import Table
from exitladder.files.tables import BadLine, read_table
from exitladder.trades.files import NUMBERS, date_order_of, read_trades, trades_of_table
from exitladder.trades.fills import is_fills_table, read_fills
from exitladder.trades.positions import with_fills
from exitladder.trades.trades import Trades

# of a quantity, as a share of what was entered
_ROUNDING = 1e-6


@dataclass(frozen=True)
class FaultyTrade:
    """A trade that cannot be read.

    Parameters
    ----------
    trade_id, symbol : str
        As the file has them.
    text : str
        The rule that it breaks, with value, place and cure.
    """

    trade_id: str
    symbol: str
    text: str


def read_valid_trades(
    source: str | Path | pd.DataFrame,
    *,
    fills: str | Path | pd.DataFrame | None = None,
    conventions: Conventions = PLAIN,
) -> tuple[Trades | None, tuple[FaultyTrade, ...]]:
    """Return the valid trades of a file, and the faulty ones by name.

    Parameters
    ----------
    source : path or DataFrame
        As for `exitladder.trades.files.read_trades`.
    fills : path or DataFrame, optional
        Those of faulty trades are left out; a trade whose fills are no position of its side, or do not
        leave its `quantity_open`, is faulty.
    conventions : Conventions

    Returns
    -------
    trades : Trades or None
        None if no trade is valid, or the file has none.
    faulty : tuple of FaultyTrade

    Raises
    ------
    InputFileError
        If the file is missing or cannot be read.
    TradesError
        If a file as a whole is at fault: a column is missing, or fills cannot be read.
    """
    bad: list[BadLine] = []
    if isinstance(source, pd.DataFrame):
        table = Table.from_frame(source, "trades")
    else:
        table = read_table(source, conventions=conventions, bad=bad)
        if bad and not len(table.frame):  # then the header is at fault
            table = read_table(source, conventions=conventions)
    if is_fills_table(table.frame):
        return read_trades(source, fills=fills, conventions=conventions), ()
    misshapen = tuple(_faulty_line(line, table.name) for line in bad)
    if not len(table.frame):
        return None, misshapen
    open_numbers = {} if conventions.decimal != "auto" else _open_numbers(table)
    if not misshapen and not open_numbers:
        try:
            whole = read_trades(source, conventions=conventions)
        except TradesError:
            pass
        else:
            return (whole, ()) if fills is None else _with_valid_fills(whole, set(), fills, conventions)
    decimal = _decimal_of(table) if conventions.decimal == "auto" else conventions.decimal
    # a single row must not settle by itself what the file does
    how = replace(conventions, dates=date_order_of(table, conventions), decimal=decimal)
    faults: dict[int, str] = {**_other_marks(table, decimal), **open_numbers}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExitladderWarning)
        repeated = _repeated(table)
        faults.update(repeated)
        rows = [k for k in range(len(table.frame)) if k not in faults]
        _find(table, how, np.array(rows, dtype=np.int64), faults)
    kept = [row for row in range(len(table.frame)) if row not in faults]
    named = _plainly_named(table)

    def cell(row: int, column: str) -> str:
        value = named[column].iloc[row] if column in named else None
        return "" if value is None or pd.isna(value) else str(value)

    named_rows = tuple(FaultyTrade(cell(row, "trade_id"), cell(row, "symbol"), text) for row, text in faults.items())
    faulty = (*named_rows, *misshapen)
    known = trades_of_table(_rows(table, kept), how) if kept else None
    if fills is None or known is None:
        return known, faulty
    filled, more = _with_valid_fills(known, {one.trade_id for one in faulty}, fills, conventions)
    return filled, (*faulty, *more)


def _with_valid_fills(
    trades: Trades, named: set[str], source: str | Path | pd.DataFrame, conventions: Conventions
) -> tuple[Trades | None, tuple[FaultyTrade, ...]]:
    """Return trades with their fills, and those whose fills do not fit; fills of the trades `named` are left out."""
    fills = read_fills(source, conventions=conventions, needs=("trade_id",))
    owner = np.array([str(name) for name in fills.trade_id], dtype=object)
    ids = [str(name) for name in trades.trade_id]
    strangers = sorted(set(owner) - set(ids) - named)
    faulty = [
        FaultyTrade(name, str(fills.symbol[owner == name][0]), f"Fills name trade '{name}', which is not in the trades "
                    "file. Add the trade, or correct the trade_id of its fills.")
        for name in strangers
    ]  # fmt: skip
    mine = fills.take(np.isin(owner, ids))
    try:
        return _as_stated(trades, with_fills(trades, mine) if len(mine) else trades, faulty)
    except TradesError:
        pass
    wrong: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExitladderWarning)
        for i, name in enumerate(ids):
            of_trade = fills.take(owner == name)
            try:
                if len(of_trade):
                    with_fills(trades.take([i]), of_trade)
            except TradesError as fault:
                wrong.add(name)
                faulty.append(FaultyTrade(name, str(trades.symbol[i]), str(fault)))
    kept = [i for i, name in enumerate(ids) if name not in wrong]
    mine = fills.take(np.isin(owner, [ids[i] for i in kept]))
    if not kept:
        return None, tuple(faulty)
    whole = trades.take(kept)
    return _as_stated(whole, with_fills(whole, mine) if len(mine) else whole, faulty)


def _as_stated(
    stated: Trades, filled: Trades, faulty: list[FaultyTrade]
) -> tuple[Trades | None, tuple[FaultyTrade, ...]]:
    """Return the trades whose `quantity_open` is not contradicted by their fills, and the faulty ones with the rest."""
    own = np.where(stated.is_open, stated.quantity_open, np.nan)
    left = np.where(filled.is_open, filled.quantity_open, 0.0)
    is_other = np.abs(own - left) > _ROUNDING * filled.quantity  # a blank one is not other
    more = [
        FaultyTrade(
            str(stated.trade_id[i]), str(stated.symbol[i]), f"quantity_open of trade '{stated.trade_id[i]}' is "
            f"{own[i]:.10g}, but the fills leave {left[i]:.10g}. Correct one of them, or leave quantity_open blank.",
        )
        for i in np.flatnonzero(is_other)
    ]  # fmt: skip
    if not more:
        return filled, tuple(faulty)
    return (None if is_other.all() else filled.take(~is_other)), (*faulty, *more)


def _faulty_line(line: BadLine, name: str) -> FaultyTrade:
    fields = {label.strip().lower().replace(" ", "_"): text for label, text in line.fields.items()}
    return FaultyTrade(
        fields.get("trade_id", ""),
        fields.get("symbol", ""),
        f"Every line must have {line.n_names} fields, as the header has, but this one has {line.n_fields} ({name}, "
        f"line {line.number}). Quote numbers and texts that hold a '{line.separator}', such as "
        f'"95{line.separator}5".',
    )


def _texts_of(table: Table) -> dict[str, pd.Series[Any]]:
    """Return the columns of numbers that are text, by name."""
    named = _plainly_named(table)
    return {name: named[name] for name in NUMBERS if name in named and is_text(named[name])}


def _decimal_of(table: Table) -> str:
    """Return the decimal mark that most rows prove; as the file settles it if none or as many prove the other."""
    named, n = _plainly_named(table), len(table.frame)
    shown = {mark: np.zeros(n, dtype=bool) for mark in (".", ",")}
    for column in _texts_of(table).values():
        for mark in shown:
            shown[mark] |= proves(column.astype("str").where(column.notna(), None), mark)
    for name in NUMBERS:
        if name in named and not is_text(named[name]):
            shown[table.decimal] |= (named[name].fillna(0) % 1 != 0).to_numpy(dtype=bool)
    points, commas = int(shown["."].sum()), int(shown[","].sum())
    return "auto" if points == commas or not (points and commas) else "." if points > commas else ","


def _open_numbers(table: Table) -> dict[int, str]:
    """Return the rows of a file of decimal commas with a number such as 1.300, which may be 1300 or 1,3."""
    texts = {name: column.astype("str").where(column.notna(), None) for name, column in _texts_of(table).items()}
    has_commas = table.decimal == "," or any(proves(column, ",").any() for column in texts.values())
    if not has_commas or any(map(has_thousands, texts.values())):
        return {}
    found: dict[int, str] = {}
    for name, column in texts.items():
        for row in map(int, np.flatnonzero(open_points(column))):
            text = str(column.iloc[row]).strip()
            found.setdefault(
                row,
                f"{name} is {text} in a file of decimal commas, which may be {text.replace('.', '')} or "
                f"{text.replace('.', ',')} ({table.place(row)}). Write one of them, or pass --decimal , if the point "
                "separates thousands.",
            )
    return found


def _other_marks(table: Table, decimal: str) -> dict[int, str]:
    """Return the rows with a number that has another decimal mark than the file."""
    if decimal == "auto":
        return {}
    other, words = ("," if decimal == "." else "."), {".": "point", ",": "comma"}
    found: dict[int, str] = {}
    for name, column in _texts_of(table).items():
        for row in map(int, np.flatnonzero(proves(column.astype("str").where(column.notna(), None), other))):
            text = str(column.iloc[row]).strip()
            found.setdefault(
                row,
                f"{name} is {text}, with a decimal {words[other]} in a file of decimal {words[decimal]}s "
                f"({table.place(row)}). Write it with a {words[decimal]}.",
            )
    return found


def _plainly_named(table: Table) -> pd.DataFrame:
    return table.frame.rename(columns=lambda label: str(label).strip().lower().replace(" ", "_"))


def _repeated(table: Table) -> dict[int, str]:
    """Return the rows whose trade_id comes more than once: none of them is known to be the right one."""
    named = _plainly_named(table)
    if "trade_id" not in named:
        return {}
    ids = named["trade_id"].astype(str).str.strip()
    again = ids.duplicated(keep=False) & named["trade_id"].notna() & (ids != "")
    return {
        row: f"trade_id must be unique, but trade '{ids.iloc[row]}' comes more than once ({table.place(row)}). Give "
        "each trade an id of its own."
        for row in map(int, np.flatnonzero(again))
    }


def _find(table: Table, how: Conventions, rows: np.ndarray, faults: dict[int, str]) -> None:
    """Find the faulty rows by halves."""
    if not len(rows):
        return
    try:
        trades_of_table(_rows(table, rows), how)
    except TradesError as fault:
        if len(rows) == 1:
            faults[int(rows[0])] = str(fault)
            return
        for half in np.array_split(rows, 2):
            _find(table, how, half, faults)


def _rows(table: Table, rows: np.ndarray | list[int]) -> Table:
    return replace(table, frame=table.frame.iloc[rows].reset_index(drop=True), numbers=table.numbers[rows])
