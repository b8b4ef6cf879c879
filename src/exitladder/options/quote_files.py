"""Reading of option quotes from files (docs/options.md): bars of bid and ask, or snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.layouts.columns import labels_by_name
from exitladder.clock import DAY_NS, NO_TIME
from exitladder.errors import OptionsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.numbers import parse_numbers
from exitladder.files.stamps import read_stamps
from exitladder.files.tables import Table, read_table
from exitladder.options.contracts import RIGHTS, Contract, strike_of
from exitladder.options.quotes import PRICES, SIDES, QuoteBars, Quotes

_SPELLINGS = {
    "timestamp": ("timestamp", "time", "datetime", "date", "quote_datetime", "quote_date"),
    "underlying": ("underlying", "symbol", "underlying_symbol", "root"),
    "expiry": ("expiry", "expiration", "expiration_date", "expire_date"),
    "strike": ("strike", "strike_price"),
    "right": ("right", "type", "option_type", "cp"),
    "underlying_price": ("underlying_price", "underlying_last", "spot"),
    "bid_size": ("bid_size",),
    "ask_size": ("ask_size",),
    **{side: (side,) for side in SIDES},
    **{f"{side}_{price}": (f"{side}_{price}",) for side in SIDES for price in PRICES},
}
_BARS = tuple(f"{side}_{price}" for side in SIDES for price in PRICES)
_CONTRACT = ("expiry", "strike", "right")


def read_quotes(path: str | Path, *, symbol: str = "", conventions: Conventions = PLAIN) -> Quotes:
    """Return the quotes in a CSV, Parquet or Feather file.

    Parameters
    ----------
    path : path
        Columns ``timestamp, expiry, strike, right`` and either ``bid, ask`` (snapshots) or ``bid_open`` to
        ``ask_close`` (bars; a timestamp is their start). Optional: ``underlying``, ``bid_size``, ``ask_size``,
        ``underlying_price``.
    symbol : str
        The underlying, for a file without that column.
    conventions : Conventions

    Returns
    -------
    Quotes

    Raises
    ------
    InputFileError
        If the file cannot be read.
    OptionsError
        If a column is missing or a value is impossible.
    """
    return quotes_of_table(read_table(path, conventions=conventions), symbol, conventions)


def quotes_of_table(table: Table, symbol: str, conventions: Conventions) -> Quotes:
    """Return the quotes in a table.

    Parameters
    ----------
    table : Table
        Columns as in `read_quotes`.
    symbol : str
        The underlying, for a table without that column.
    conventions : Conventions

    Returns
    -------
    Quotes

    Raises
    ------
    OptionsError
        If a column is missing or a value is impossible.
    """
    reader = Columns(table, _SPELLINGS, conventions)
    reader.need("timestamp", *_CONTRACT)
    is_bars = all(reader.has(name) for name in _BARS)
    if not is_bars and not (reader.has("bid") and reader.has("ask")):
        raise OptionsError(
            "Quotes must have the columns bid and ask, or bid_open, bid_high, bid_low, bid_close and the same of ask, "
            f"but {table.name} has: {', '.join(map(str, table.frame.columns))}. Prices of trades are no "
            "quotes; without quotes, pass --volatility FILE and set options.half_spread."
        )
    if not len(table.frame):
        raise OptionsError(f"There must be at least one quote, but {table.name} has none.")
    start, are_dates = reader.stamps("timestamp")
    interval = DAY_NS if are_dates else _interval(start) if is_bars else 0
    prices = {name: reader.numbers(name) for name in _BARS} if is_bars else _as_bars(reader)
    parts = {
        "bid": np.column_stack([prices[f"bid_{price}"] for price in PRICES]),
        "ask": np.column_stack([prices[f"ask_{price}"] for price in PRICES]),
        **{name: reader.numbers(name) for name in ("bid_size", "ask_size")},
        "spot": reader.numbers("underlying_price"),
    }
    keys = reader.contracts(symbol)
    bars = {}
    for contract, rows in keys.items():
        order = rows[np.argsort(start[rows], kind="stable")]
        time = start[order]
        if (np.diff(time) == 0).any():
            twice = pd.Timestamp(int(time[:-1][np.diff(time) == 0][0]))
            raise OptionsError(
                f"A contract must have one quote per timestamp, but {contract} has two at {twice} ({table.name}). "
                "Remove one of them."
            )
        bars[contract] = QuoteBars(time, time + interval, **{name: values[order] for name, values in parts.items()})
    return Quotes(bars, interval, table.name)


def _as_bars(reader: Columns) -> dict[str, FloatArray]:
    one = {side: reader.numbers(side) for side in SIDES}
    return {f"{side}_{price}": one[side] for side in SIDES for price in PRICES}


def _interval(start: IntArray) -> int:
    """Return the length of a bar: the commonest step between timestamps of the file."""
    steps = np.diff(np.unique(start))
    if not len(steps):
        raise OptionsError("Bars of quotes need at least two timestamps, or their length is unknown; there is one.")
    found, counts = np.unique(steps, return_counts=True)
    return int(found[np.argmax(counts)])


class Columns:
    """Columns of a table about options, each read by its rule."""

    def __init__(self, table: Table, spellings: Mapping[str, tuple[str, ...]], conventions: Conventions) -> None:
        self.table, self.how = table, conventions
        by_name = labels_by_name(table, {n for names in spellings.values() for n in names}, OptionsError)
        self.labels = {
            key: label
            for key, names in spellings.items()
            if (label := next((by_name[n] for n in names if n in by_name), None)) is not None
        }

    def has(self, name: str) -> bool:
        """Return whether the table has a column."""
        return name in self.labels

    def need(self, *names: str) -> None:
        """Raise an error unless the table has these columns."""
        missing = [name for name in names if name not in self.labels]
        if missing:
            raise OptionsError(
                f"The columns {', '.join(names)} are needed, but {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} missing ({self.table.name} has: "
                f"{', '.join(map(str, self.table.frame.columns))})."
            )

    def column(self, name: str) -> pd.Series[Any]:
        """Return a column."""
        return self.table.frame[self.labels[name]]

    def refuse(self, broken: np.ndarray, rule: str, name: str) -> None:
        """Raise an error at the first row that breaks a rule.

        Parameters
        ----------
        broken : bool array, shape (n,)
        rule : str
            Beginning of the message.
        name : str
            Column whose value is shown.

        Raises
        ------
        OptionsError
        """
        if broken.any():
            i = int(np.argmax(broken))
            value = self.column(name).iloc[i]
            shown = value if isinstance(value, str) else str(value)
            raise OptionsError(f"{rule}, but is '{shown}' ({self.table.place(i)}).")

    def numbers(self, name: str) -> FloatArray:
        """Return a column of numbers; NaN where blank, and everywhere without the column."""
        if not self.has(name):
            return np.full(len(self.table.frame), np.nan)
        values, bad = parse_numbers(self.column(name), self.table.decimal)
        self.refuse(bad | (values < 0), f"{name} must be a number of 0 or more, or blank", name)
        return values

    def stamps(self, name: str) -> tuple[IntArray, bool]:
        """Return a column of timestamps, and whether all are dates."""
        found = read_stamps(self.column(name), tz=self.how.tz, dates=self.how.dates)
        if found.problem:
            raise OptionsError(f"{found.problem} ({name}, {self.table.name}).")
        self.refuse(found.ns == NO_TIME, f"{name} must be a date or a time", name)
        return (found.wall if found.are_dates else found.ns), found.are_dates

    def dates(self, name: str, *, optional: bool = False) -> IntArray:
        """Return a column of dates as midnight UTC, whatever zone they carry."""
        found = read_stamps(self.column(name), tz=self.how.tz, dates=self.how.dates)
        if found.problem:
            raise OptionsError(f"{found.problem} ({name}, {self.table.name}).")
        blank = self.column(name).isna().to_numpy()
        self.refuse((found.wall == NO_TIME) & ~(blank & optional), f"{name} must be a date", name)
        return np.where(found.wall == NO_TIME, NO_TIME, found.wall // DAY_NS * DAY_NS)

    def rights(self, name: str = "right") -> FloatArray:
        """Return a column of rights, 1 for calls and -1 for puts."""
        words = self.column(name).astype("str").str.strip().str.lower()
        values = np.asarray(words.map(RIGHTS), dtype=np.float64)
        self.refuse(np.isnan(values), f"{name} must be call, put, C or P", name)
        return values

    def underlyings(self, symbol: str) -> np.ndarray:
        """Return the underlying of each row: that of the column, else `symbol`."""
        if self.has("underlying"):
            return self.column("underlying").astype("str").str.strip().to_numpy(dtype=object)
        if not symbol:
            raise OptionsError(
                f"The underlying must be known, but {self.table.name} has no column underlying. Add it, or pass "
                "--underlying SYMBOL."
            )
        return np.full(len(self.table.frame), symbol, dtype=object)

    def contracts(self, symbol: str) -> dict[Contract, IntArray]:
        """Return the rows of each contract."""
        strike = self.numbers("strike")
        self.refuse(~(strike > 0), "strike must be above 0", "strike")
        frame = pd.DataFrame(
            {
                "underlying": self.underlyings(symbol),
                "expiry": self.dates("expiry"),
                "strike": np.round(strike, 3),
                "right": self.rights(),
            }
        )
        found = frame.groupby(list(frame.columns), sort=True).indices
        contracts = {}
        for rows in found.values():
            first = frame.iloc[int(rows[0])]
            contract = Contract(
                str(first["underlying"]), int(first["expiry"]), strike_of(first["strike"]), float(first["right"])
            )
            contracts[contract] = np.sort(np.asarray(rows, dtype=np.int64))
        return contracts
