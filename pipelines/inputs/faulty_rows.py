"""Trades read although some of them are invalid: those are named, and the others are read as usual."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from exitladder.errors import ExitladderWarning, TradesError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.table import Table
from exitladder.files.tables import read_table
from exitladder.trades.files import date_order_of, read_trades, trades_of_table
from exitladder.trades.fills import is_fills_table
from exitladder.trades.trades import Trades


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
        With fills, every trade must be valid.
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
        If the file as a whole is at fault: a column is missing, or a trade_id comes twice.
    """
    if isinstance(source, pd.DataFrame):
        table = Table.from_frame(source, "trades")
    else:
        table = read_table(source, conventions=conventions)
    if not len(table.frame) and not is_fills_table(table.frame):
        return None, ()
    try:
        return read_trades(source, fills=fills, conventions=conventions), ()
    except TradesError:
        if fills is not None or is_fills_table(table.frame):
            raise
    how = replace(conventions, dates=date_order_of(table, conventions))
    faults: dict[int, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExitladderWarning)
        _find(table, how, np.arange(len(table.frame)), faults)
    kept = [row for row in range(len(table.frame)) if row not in faults]
    named = table.frame.rename(columns=str)

    def cell(row: int, column: str) -> str:
        return str(named[column].iloc[row]) if column in named else ""

    faulty = tuple(FaultyTrade(cell(row, "trade_id"), cell(row, "symbol"), text) for row, text in faults.items())
    return (trades_of_table(_rows(table, kept), how) if kept else None), faulty


def _find(table: Table, how: Conventions, rows: np.ndarray, faults: dict[int, str]) -> None:
    """Find the faulty rows by halves."""
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
