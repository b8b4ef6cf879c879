"""Open positions in options as a trades file has them; rows that cannot be read are named, the others are read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from exitladder.clock import NO_TIME
from exitladder.errors import ExitladderError, OptionsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.stamps import read_stamps
from exitladder.files.table import Table
from exitladder.files.tables import read_table
from exitladder.options.positions.trades import OptionTrade, columns_of, trades_of_table
from exitladder.options.quote_files import Columns
from exitladder.pipelines.inputs.faulty_rows import FaultyTrade
from exitladder.settings.options import OptionSettings

_NAMES = {"quantity_open": ("quantity_open",)}
UNREAD = ("working_orders", "working_stop")
"""Columns of a trades file for shares that have no meaning here."""


@dataclass(frozen=True)
class OpenPosition:
    """A position and what its owner says of it.

    Parameters
    ----------
    trade : OptionTrade
    quantity_open : float
        Contracts, or verticals, still held, in those of after a split; NaN if the file does not say.
    managed_from : int
        Nanoseconds since 1970 UTC; ``NO_TIME`` if the file does not say.
    tag : str
    """

    trade: OptionTrade
    quantity_open: float
    managed_from: int = NO_TIME
    tag: str = ""


@dataclass(frozen=True)
class OpenPositions:
    """The rows of a trades file that are not closed.

    Parameters
    ----------
    known : tuple of OpenPosition
    faulty : tuple of FaultyTrade
        Rows that cannot be read.
    unread : tuple of str
        Columns with values that are not read.
    """

    known: tuple[OpenPosition, ...]
    faulty: tuple[FaultyTrade, ...] = ()
    unread: tuple[str, ...] = ()


def read_open_positions(
    path: str | Path | pd.DataFrame, settings: OptionSettings, conventions: Conventions = PLAIN
) -> OpenPositions:
    """Return the open positions of a trades file.

    Parameters
    ----------
    path : path or DataFrame
        Columns as in `exitladder.options.positions.trades.read_option_trades`; optional ``quantity_open,
        managed_from, tag``. Rows with an ``exit_time`` are closed, and left out.
    settings : OptionSettings
    conventions : Conventions

    Returns
    -------
    OpenPositions

    Raises
    ------
    OptionsError
        If a column is missing.
    InputFileError
        If the file cannot be read.
    """
    table = Table.from_frame(path, "trades") if isinstance(path, pd.DataFrame) else read_table(
        path, conventions=conventions
    )  # fmt: skip
    labels = {str(label).strip().lower().replace(" ", "_"): label for label in table.frame.columns}
    unread = tuple(name for name in UNREAD if name in labels and table.frame[labels[name]].notna().any())
    columns_of(table, conventions)
    if not len(table.frame):
        return OpenPositions((), (), unread)
    # one convention of dates for the whole file, which a single row could not settle
    exits = _stamps(table, labels, "exit_time", conventions)
    begins = _stamps(table, labels, "managed_from", conventions)
    ids, symbols, tags = (_texts(table, labels, name) for name in ("trade_id", "symbol", "tag"))
    rows = [k for k in range(len(ids)) if exits[k] == NO_TIME]
    known, faulty = [], []
    for k, (trade, held, text) in zip(rows, _each(table, rows, settings, conventions), strict=True):
        if ids.count(ids[k]) > 1:
            text = (
                f"trade_id must be unique, but trade '{ids[k]}' comes more than once ({table.place(k)}). Give each "
                "position an id of its own."
            )
        if trade is None or text:
            faulty.append(FaultyTrade(ids[k], symbols[k], text))
        else:
            known.append(OpenPosition(trade, held, int(begins[k]), tags[k]))
    return OpenPositions(tuple(known), tuple(faulty), unread)


def _each(
    table: Table, rows: Sequence[int], settings: OptionSettings, conventions: Conventions
) -> list[tuple[OptionTrade | None, float, str]]:
    """Return each row's position, the contracts that it says are held, and why it cannot be read."""
    if not rows:
        return []
    try:
        whole = _rows(table, rows)
        trades = trades_of_table(whole, settings, conventions)
        return [(trade, held, "") for trade, held in zip(trades, _held(whole, conventions), strict=True)]
    except ExitladderError:
        pass
    found: list[tuple[OptionTrade | None, float, str]] = []
    for k in rows:
        one = _rows(table, [k])
        try:
            found.append((trades_of_table(one, settings, conventions)[0], _held(one, conventions)[0], ""))
        except ExitladderError as error:
            found.append((None, math.nan, str(error)))
    return found


def _rows(table: Table, rows: Sequence[int]) -> Table:
    return replace(
        table, frame=table.frame.iloc[list(rows)].reset_index(drop=True), numbers=table.numbers[np.array(rows)]
    )


def _stamps(table: Table, labels: dict[str, str], name: str, conventions: Conventions) -> np.ndarray:
    """Return a column of times that may be blank."""
    if name not in labels:
        return np.full(len(table.frame), NO_TIME)
    column = table.frame[labels[name]]
    blank = column.isna() | (column.astype(str).str.strip() == "")
    found = read_stamps(column.where(~blank, None), tz=conventions.tz, dates=conventions.dates)
    if found.problem and not blank.all():
        raise OptionsError(f"{found.problem} ({name}, {table.name}).")
    wrong = (found.ns == NO_TIME) & ~blank.to_numpy()
    if wrong.any():
        k = int(np.argmax(wrong))
        raise OptionsError(f"{name} must be a date or a time, but is {column.iloc[k]!r} ({table.place(k)}).")
    return np.asarray(found.wall if found.are_dates else found.ns, dtype=np.int64)


def _texts(table: Table, labels: dict[str, str], name: str) -> list[str]:
    if name not in labels:
        return [""] * len(table.frame)
    column = table.frame[labels[name]]
    return [str(text).strip() for text in column.astype(str).where(column.notna(), "")]


def _held(table: Table, conventions: Conventions) -> list[float]:
    """Return the contracts that the rows say are held."""
    reader = Columns(table, _NAMES, conventions)
    held = reader.numbers("quantity_open")
    reader.refuse(held % 1 > 0, "quantity_open must be a whole number of contracts, or blank", "quantity_open")
    return [float(value) for value in held]
