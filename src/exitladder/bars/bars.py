"""Bars of one symbol, and the bars of many symbols laid end to end.

Everything here is already checked: `exitladder.bars.reading` reads, checks and repairs.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import interval_name, stamp_text
from exitladder.errors import BarsError, did_you_mean
from exitladder.runtime.shown import Shown


@dataclass(frozen=True)
class Bars:
    """Bars of one symbol in time order.

    Parameters
    ----------
    symbol : str
    interval_ns : int
        Length of a bar in nanoseconds (the commonest step between stamps).
    time : int64 array, shape (n,)
        Start of each bar, nanoseconds since 1970-01-01 UTC, strictly increasing.
    open, high, low, close : float64 array, shape (n,)
        Prices, all finite, low <= open, close <= high.
    volume : float64 array, shape (n,), or None
        None where the source has no volume.
    extra : mapping of str to float64 array, shape (n,)
        Further columns of the user's, usable as series.
    factor : float64 array, shape (n,), optional
        Adjusted over traded price, if the bars were adjusted when they were read.
    """

    symbol: str
    interval_ns: int
    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray | None = None
    extra: Mapping[str, FloatArray] = field(default_factory=dict)
    factor: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.time)

    @property
    def interval(self) -> str:
        """The bar's length as text: ``1m``, ``4h``, ``1d``."""
        return interval_name(self.interval_ns)

    def head(self, n: int) -> Bars:
        """Return the first `n` bars."""
        return Bars(
            symbol=self.symbol,
            interval_ns=self.interval_ns,
            time=self.time[:n],
            open=self.open[:n],
            high=self.high[:n],
            low=self.low[:n],
            close=self.close[:n],
            volume=None if self.volume is None else self.volume[:n],
            extra={name: column[:n] for name, column in self.extra.items()},
            factor=None if self.factor is None else self.factor[:n],
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the bars as a table: timestamp (UTC), open, high, low, close, volume, further columns."""
        columns: dict[str, object] = {
            "timestamp": pd.to_datetime(self.time, utc=True, unit="ns"),
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
        }
        if self.volume is not None:
            columns["volume"] = self.volume
        return pd.DataFrame({**columns, **self.extra})


class BarSet(Shown, Mapping[str, Bars]):
    """The bars of many symbols, laid end to end in one array a column.

    Parameters
    ----------
    members : iterable of Bars
        One per symbol, in any order; kept sorted by symbol.

    Attributes
    ----------
    symbols : tuple of str
    start : int64 array, shape (n_symbols + 1,)
        Bars of symbol k are ``start[k]`` to ``start[k + 1]``.
    time, open, high, low, close, volume : array, shape (n_bars,)
        Volume is NaN for symbols without it.
    factor : float64 array, shape (n_bars,), or None
        Adjusted over traded price of bars that were adjusted when they were read; 1 where they were not.
    atr : dict of int to array
        What `atr_of_set` has found, by window; not sent to other processes, which find it themselves.
    contracts : mapping of str to Contract
        Of the symbols that have one (`exitladder.settings.contracts`); see `with_contracts`.
    currencies : Currencies or None
        The account's currency and its rates (`exitladder.settings.currencies`).
    dividends : float64 array, shape (n_bars,), or None
        Cash per share on the bar of each ex-date, credited to positions; see `with_dividends`.

    Raises
    ------
    BarsError
        If there is no bar at all or a symbol comes twice.
    """

    def __init__(self, members: Iterable[Bars]) -> None:
        parts = sorted(members, key=lambda b: b.symbol)
        if not parts or not any(len(p) for p in parts):
            raise BarsError("There must be at least one bar, but there is none.")
        names = [p.symbol for p in parts]
        for first, second in pairwise(names):
            if first == second:
                raise BarsError(f"Each symbol must come once, but the bars of '{first}' come twice.")
        self.symbols = tuple(names)
        self.start: IntArray = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
        self.interval_ns = np.array([p.interval_ns for p in parts], dtype=np.int64)
        self.time: IntArray = np.concatenate([p.time for p in parts])
        self.open: FloatArray = np.concatenate([p.open for p in parts])
        self.high: FloatArray = np.concatenate([p.high for p in parts])
        self.low: FloatArray = np.concatenate([p.low for p in parts])
        self.close: FloatArray = np.concatenate([p.close for p in parts])
        self.volume: FloatArray = np.concatenate(
            [np.full(len(p), np.nan) if p.volume is None else p.volume for p in parts]
        )
        self.has_volume = tuple(p.volume is not None for p in parts)
        self.extra: dict[str, FloatArray] = {
            name: np.concatenate([p.extra.get(name, np.full(len(p), np.nan)) for p in parts])
            for name in sorted({n for p in parts for n in p.extra})
        }
        self.factor: FloatArray | None = None
        if any(p.factor is not None for p in parts):
            self.factor = np.concatenate([np.ones(len(p)) if p.factor is None else p.factor for p in parts])
        self.atr: dict[int, FloatArray] = {}
        self.contracts: Mapping[str, Any] = {}
        self.currencies: Any = None
        self.dividends: FloatArray | None = None
        self._index = {name: k for k, name in enumerate(names)}
        self._extra_of = tuple(frozenset(p.extra) for p in parts)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "atr": {}}

    def __len__(self) -> int:
        return len(self.symbols)

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def __getitem__(self, symbol: str) -> Bars:
        k = self.index(symbol)
        part = slice(int(self.start[k]), int(self.start[k + 1]))
        return Bars(
            symbol=symbol,
            interval_ns=int(self.interval_ns[k]),
            time=self.time[part],
            open=self.open[part],
            high=self.high[part],
            low=self.low[part],
            close=self.close[part],
            volume=self.volume[part] if self.has_volume[k] else None,
            extra={name: self.extra[name][part] for name in sorted(self._extra_of[k])},
            factor=None if self.factor is None else self.factor[part],
        )

    def headline(self) -> str:
        """Return how many symbols and bars there are, and from when to when."""
        lengths = sorted({interval_name(int(length)) for length in self.interval_ns})
        first, last = (stamp_text(int(t)) for t in (self.time.min(), self.time.max()))
        named = ", ".join(self.symbols[:6]) + (", …" if len(self) > 6 else "")
        count = f"{len(self)} symbol{'s' if len(self) != 1 else ''}"
        return f"{count} ({named}), {self.n_bars:,} bars of {', '.join(lengths)}, {first} to {last}"

    def to_frame(self) -> pd.DataFrame:
        """Return the bars of all symbols as one table, with the columns of `Bars.to_frame` behind ``symbol``."""
        tables = []
        for symbol, bars in self.items():
            table = bars.to_frame()
            table.insert(0, "symbol", symbol)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def head(self, n: int = 5) -> pd.DataFrame:
        """Return the first `n` bars of each symbol as one table."""
        return BarSet(bars.head(n) for bars in self.values()).to_frame()

    def preview(self, n: int = 8) -> tuple[pd.DataFrame, int]:
        """Return the first bars of the first symbol, and the number of all bars."""
        table = self[self.symbols[0]].head(n).to_frame()
        table.insert(0, "symbol", self.symbols[0])
        return table, self.n_bars

    @property
    def n_bars(self) -> int:
        """Number of bars of all symbols."""
        return len(self.time)

    def index(self, symbol: str) -> int:
        """Return the position of a symbol in `symbols`.

        Raises
        ------
        BarsError
            If there are no bars of that symbol.
        """
        try:
            return self._index[symbol]
        except KeyError:
            raise BarsError(f"There are no bars of '{symbol}'. {did_you_mean(symbol, self._index)}") from None

    @property
    def close_time(self) -> IntArray:
        """When each bar is known: its start plus its length, nanoseconds since 1970 UTC, shape (n_bars,)."""
        return np.asarray(self.time + np.repeat(self.interval_ns, np.diff(self.start)), dtype=np.int64)

    def until(self, moment: int) -> BarSet:
        """Return the bars that have closed at `moment` (nanoseconds since 1970 UTC); symbols without any are left out.

        Raises
        ------
        BarsError
            If no bar has closed by then.
        """
        parts, paid = [], []
        for k, symbol in enumerate(self.symbols):
            bars = self[symbol]
            n = int(np.searchsorted(bars.time + bars.interval_ns, moment, side="right"))
            if n:
                parts.append(bars.head(n))
                if self.dividends is not None:
                    paid.append(self.dividends[self.start[k] : self.start[k] + n])
        if not parts:
            asked, first = (pd.Timestamp(int(t), tz="UTC") for t in (moment, self.time.min()))
            raise BarsError(f"At least one bar must have closed, but none has by {asked}; the first starts at {first}.")
        known = BarSet(parts).with_contracts(self.contracts, self.currencies)
        return known if self.dividends is None else known.with_dividends(np.concatenate(paid))

    def with_contracts(self, contracts: Mapping[str, Any], currencies: Any = None) -> BarSet:
        """Return the same bars with contracts of their symbols and rates of their currencies; arrays are shared."""
        same = copy.copy(self)
        same.contracts, same.currencies = contracts, currencies
        return same

    def with_dividends(self, dividends: FloatArray | None) -> BarSet:
        """Return the same bars with cash per share on the bar of each ex-date; None or all zero for none.

        The prices must be as traded: adjusted ones have the dividends in them.
        """
        same = copy.copy(self)
        same.dividends = dividends if dividends is not None and np.any(dividends) else None
        return same

    def fingerprint(self) -> str:
        """Return a SHA-256 over symbols, stamps, prices and volumes, to the bit."""
        digest = hashlib.sha256("\x00".join(self.symbols).encode())
        for column in (self.start, self.time, self.open, self.high, self.low, self.close, self.volume):
            digest.update(np.ascontiguousarray(column).tobytes())
        for name, column in self.extra.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()
