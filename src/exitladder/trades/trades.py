"""Trades: one, many in columns, and many placed on bars."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.runtime.shown import Shown
from exitladder.trades.entry_points import AT_CLOSE, AT_OPEN, ENTRY_AT, INTRABAR, entry_points
from exitladder.trades.session_dates import on_session_dates
from exitladder.trades.trade_fills import OwnExits, TradeFills

__all__ = ["AT_CLOSE", "AT_OPEN", "ENTRY_AT", "INTRABAR", "PlacedTrades", "Trade", "Trades", "place_trades"]
# fields of `Trades` that are no column
_NO_COLUMNS = ("fills", "on_session_dates")


@dataclass(frozen=True)
class Trade:
    """One trade, as `Trades` gives it out.

    `risk` is 1R, the distance in price between entry and initial stop, or NaN where the trade
    brings no stop.
    """

    trade_id: str
    symbol: str
    side: int
    entry_time: pd.Timestamp
    entry_price: float
    quantity: float
    stop_price: float

    @property
    def risk(self) -> float:
        """The distance in price between entry and initial stop: 1R."""
        return abs(self.entry_price - self.stop_price)


@dataclass(frozen=True, repr=False)
class Trades(Shown, Sequence[Trade]):
    """Trades in columns, each checked; see `exitladder.trades.files` for reading.

    Parameters
    ----------
    trade_id, symbol, tag : object array of str, shape (n,)
    side : int8 array, shape (n,)
        +1 long, -1 short.
    entry_time, exit_time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC; `exit_time` is ``NO_TIME`` while the trade is open.
    entry_price, quantity : float64 array, shape (n,)
    stop_price, exit_price, quantity_open : float64 array, shape (n,)
        NaN where not given.
    entry_at : int8 array, shape (n,)
        ``AT_OPEN``, ``INTRABAR``, ``AT_CLOSE``, or -1 if time and price tell it (`entry_points`).
    n_entries : int64 array, shape (n,), optional
        How many entries a position has. With more than one it is judged from the last entry on, at the average
        price (`entry_price`) of the quantity held then (`quantity`).
    fills : TradeFills, optional
        The real fills, if the user's files have them.
    on_session_dates : bool
        Whether times of daily symbols are on their session's calendar; see `exitladder.trades.session_dates`.
    multiplier : float64 array, shape (n,), optional
        Money per point of price and unit of quantity; NaN where the trade's file gives none and the symbol's counts.
    managed_from : int64 array, shape (n,), optional
        From when `score` follows an open trade with a ladder, nanoseconds since 1970 UTC; ``NO_TIME`` where blank.
    working_stop : float64 array, shape (n,), optional
        Price of the stop that works at the broker for all that is held; 0 where there is none, NaN where blank.
    working_orders : object array of str, shape (n,), optional
        The orders that work at the broker, as text; empty where blank.
    """

    trade_id: npt.NDArray[np.object_]
    symbol: npt.NDArray[np.object_]
    side: npt.NDArray[np.int8]
    entry_time: IntArray
    entry_price: FloatArray
    quantity: FloatArray
    stop_price: FloatArray
    entry_at: npt.NDArray[np.int8]
    exit_time: IntArray
    exit_price: FloatArray
    quantity_open: FloatArray
    tag: npt.NDArray[np.object_]
    n_entries: IntArray | None = None
    fills: TradeFills | None = None
    on_session_dates: bool = False
    multiplier: FloatArray | None = None
    managed_from: IntArray | None = None
    working_stop: FloatArray | None = None
    working_orders: npt.NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.trade_id)

    def __getitem__(self, i):  # type: ignore[no-untyped-def]
        if isinstance(i, slice):
            return self.take(np.arange(len(self))[i])
        return Trade(
            trade_id=str(self.trade_id[i]),
            symbol=str(self.symbol[i]),
            side=int(self.side[i]),
            entry_time=pd.Timestamp(int(self.entry_time[i]), tz="UTC"),
            entry_price=float(self.entry_price[i]),
            quantity=float(self.quantity[i]),
            stop_price=float(self.stop_price[i]),
        )

    def __iter__(self) -> Iterator[Trade]:
        return (self[i] for i in range(len(self)))

    def headline(self) -> str:
        """Return how many trades there are, of how many symbols, from when to when, and how many are open."""
        if not len(self):
            return "no trades"
        first, last = (f"{pd.Timestamp(int(t)):%Y-%m-%d}" for t in (self.entry_time.min(), self.entry_time.max()))
        symbols = len(set(map(str, self.symbol)))
        return (
            f"{len(self):,} trades in {symbols} symbol{'s' if symbols != 1 else ''}, entered {first} to {last}, "
            f"{int(self.is_open.sum()):,} without an exit"
        )

    def preview(self, n: int = 8) -> tuple[pd.DataFrame, int]:
        """Return the first trades, and how many there are."""
        table = self.take(np.arange(min(n, len(self)))).to_frame()
        return table.loc[:, [name for name in table if table[name].notna().any()]], len(self)

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Whether each trade is still open in the user's book, shape (n,)."""
        return np.asarray(self.exit_time == NO_TIME)

    def take(self, rows: npt.ArrayLike) -> Trades:
        """Return the trades at these positions (integers) or where this mask is true."""
        rows = np.asarray(rows)
        numbers = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        columns: dict[str, Any] = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in _NO_COLUMNS
        }
        taken: dict[str, Any] = {n: None if column is None else column[numbers] for n, column in columns.items()}
        fills = None if self.fills is None else self.fills.take(numbers % max(len(self), 1))
        return Trades(**taken, fills=fills, on_session_dates=self.on_session_dates)

    def own_exits(self) -> OwnExits:
        """Return the exits that the user's file gives: partial ones where fills are known, else the one exit."""
        own = self.own_fills()
        if own.is_entry is None:
            return own
        kept = ~own.is_entry
        start = np.concatenate([[0], np.cumsum(kept)])[own.start].astype(np.int64)
        return OwnExits(start, own.time[kept], own.price[kept], own.quantity[kept])

    def own_fills(self) -> OwnExits:
        """Return the exits that the user's file gives, and the entries after the one that the trade is placed at."""
        closed = ~self.is_open
        if self.fills is None:
            rows = np.flatnonzero(closed)
            start = np.concatenate([[0], np.cumsum(closed)]).astype(np.int64)
            return OwnExits(start, self.exit_time[rows], self.exit_price[rows], np.full(len(rows), np.inf))
        fills, trade = self.fills, self.fills.trade
        has_fills = np.diff(fills.start) > 0
        # after the entry that the trade is placed at: none of the entries up to its time comes any more
        is_first = fills.is_entry & (fills.time <= self.entry_time[trade])
        entries_after = np.concatenate([np.cumsum(is_first[::-1])[::-1], [0]])
        is_own = entries_after[:-1] == entries_after[fills.start[1:]][trade]
        plain = np.flatnonzero(closed & ~has_fills)
        owner = np.concatenate([trade[is_own], plain])
        order = np.argsort(owner, kind="stable")
        time = np.concatenate([fills.time[is_own], self.exit_time[plain]])[order]
        price = np.concatenate([fills.price[is_own], self.exit_price[plain]])[order]
        quantity = np.concatenate([fills.quantity[is_own], np.full(len(plain), np.inf)])[order]
        start = np.searchsorted(owner[order], np.arange(len(self) + 1)).astype(np.int64)
        last = start[1:] - 1
        quantity[last[closed & (start[1:] > start[:-1])]] = np.inf
        is_entry = np.concatenate([fills.is_entry[is_own], np.zeros(len(plain), dtype=np.bool_)])[order]
        return OwnExits(start, time, price, quantity, is_entry if is_entry.any() else None)

    def known_at(self, moment: int) -> Trades:
        """Return the trades as their files would have shown them at a moment: later exits are not there.

        Parameters
        ----------
        moment : int
            Nanoseconds since 1970 UTC.
        """
        later = self.exit_time > moment
        known = replace(
            self,
            exit_time=np.where(later, NO_TIME, self.exit_time),
            exit_price=np.where(later, np.nan, self.exit_price),
        )
        if self.fills is None:
            return known
        fills, owner = self.fills, self.fills.trade
        kept = fills.is_entry | (fills.time <= moment)
        sizes = np.bincount(owner[kept], minlength=len(self))
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        parts = TradeFills(start, fills.time[kept], fills.is_entry[kept], fills.price[kept], fills.quantity[kept])
        known = replace(known, fills=parts)
        own = known.own_fills()
        change = np.where(np.isfinite(own.quantity), own.quantity, 0.0)
        if own.is_entry is not None:
            change = np.where(own.is_entry, -change, change)
        sold = np.bincount(own.trade, weights=change, minlength=len(self))
        has_fills = sizes > 0
        left = np.where(has_fills & known.is_open, self.quantity - sold, self.quantity_open)
        return replace(known, quantity_open=left)

    def fingerprint(self) -> str:
        """Return a SHA-256 over all columns."""
        digest = hashlib.sha256()
        for name in self.__dataclass_fields__:
            column = getattr(self, name)
            if column is None or name == "on_session_dates":
                continue
            if isinstance(column, TradeFills):
                for part in (column.start, column.time, column.is_entry, column.price, column.quantity):
                    digest.update(np.ascontiguousarray(part).tobytes())
            elif column.dtype == object:
                digest.update("\x00".join(map(str, column)).encode())
            else:
                digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def to_frame(self) -> pd.DataFrame:
        """Return the table of `interfaces`: trade_id, symbol, side, entry_time, ..., tag."""

        def stamps(values: IntArray) -> pd.Series:
            return pd.Series(pd.to_datetime(np.where(values == NO_TIME, pd.NaT.value, values), utc=True, unit="ns"))

        names = np.array([*ENTRY_AT, ""], dtype=object)
        frame = pd.DataFrame(
            {
                "trade_id": self.trade_id,
                "symbol": self.symbol,
                "side": np.where(self.side > 0, "long", "short"),
                "entry_time": stamps(self.entry_time),
                "entry_price": self.entry_price,
                "quantity": self.quantity,
                "stop_price": self.stop_price,
                "entry_at": names[self.entry_at],
                "exit_time": stamps(self.exit_time),
                "exit_price": self.exit_price,
                "quantity_open": self.quantity_open,
                "tag": self.tag,
            }
        )
        if self.n_entries is not None and (self.n_entries > 1).any():
            frame["n_entries"] = self.n_entries
        if self.multiplier is not None and not np.isnan(self.multiplier).all():
            frame["multiplier"] = self.multiplier
        if self.managed_from is not None and (self.managed_from != NO_TIME).any():
            frame["managed_from"] = stamps(self.managed_from)
        if self.working_stop is not None and not np.isnan(self.working_stop).all():
            frame["working_stop"] = self.working_stop
        if self.working_orders is not None and any(self.working_orders):
            frame["working_orders"] = self.working_orders
        return frame


@dataclass(frozen=True)
class PlacedTrades:
    """Trades with the bars they live on; bar numbers count through the whole `BarSet`.

    Parameters
    ----------
    trades : Trades
    bars : BarSet
    symbol_index : int64 array, shape (n,)
    entry_bar : int64 array, shape (n,)
        The bar in which the trade was entered.
    first_bar : int64 array, shape (n,)
        The first bar the trade is exposed to (rule X6): the entry bar for an entry at the open, the
        next one otherwise. May equal `end_bar` where no bar follows.
    end_bar : int64 array, shape (n,)
        One past the last bar of the symbol.
    entry_at : int8 array, shape (n,)
        ``AT_OPEN``, ``INTRABAR`` or ``AT_CLOSE``, resolved.
    """

    trades: Trades
    bars: BarSet
    symbol_index: IntArray
    entry_bar: IntArray
    first_bar: IntArray
    end_bar: IntArray
    entry_at: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.trades)

    def take(self, rows: npt.ArrayLike) -> PlacedTrades:
        """Return the placed trades at these positions or where this mask is true."""
        rows = np.asarray(rows)
        return PlacedTrades(
            trades=self.trades.take(rows),
            bars=self.bars,
            symbol_index=self.symbol_index[rows],
            entry_bar=self.entry_bar[rows],
            first_bar=self.first_bar[rows],
            end_bar=self.end_bar[rows],
            entry_at=self.entry_at[rows],
        )


def place_trades(trades: Trades, bars: BarSet) -> PlacedTrades:
    """Return the trades with the bars they live on.

    Trades of daily bars whose contract names an ``exchange_tz`` go by the session's date there, if they do not yet.

    Raises
    ------
    TradesError
        If a trade's symbol has no bars, or its entry is before the first bar or after the last
        bar's end.
    """
    trades = on_session_dates(trades, bars, "UTC")
    n = len(trades)
    symbol_index = np.empty(n, dtype=np.int64)
    entry_bar = np.empty(n, dtype=np.int64)
    known = {name: k for k, name in enumerate(bars.symbols)}
    numbered, symbols = pd.factorize(trades.symbol)
    by_symbol = np.split(np.argsort(numbered, kind="stable"), np.cumsum(np.bincount(numbered))[:-1])
    for number, symbol in enumerate(symbols):
        rows = by_symbol[number]
        if symbol not in known:
            raise TradesError(
                f"Every trade needs bars of its symbol, but trade '{trades.trade_id[rows[0]]}' is in '{symbol}' and "
                f"the bars hold {_some(bars.symbols)}. Add bars of '{symbol}'; if they are there under another name, "
                f"add --symbol {symbol} (one symbol) or --symbol-map FILE; or take its trades out."
            )
        k = known[symbol]
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        time = bars.time[low:high]
        when = trades.entry_time[rows]
        position = np.searchsorted(time, when, side="right") - 1
        # A gap in the bars (night, weekend, halt) is no bar: an entry must be within one.
        outside = (position < 0) | (when >= time[np.maximum(position, 0)] + bars.interval_ns[k])
        if outside.any():
            i = int(rows[np.flatnonzero(outside)[0]])
            first, last = (pd.Timestamp(int(t), tz="UTC") for t in (time[0], time[-1]))
            raise TradesError(
                f"entry_time must be within a bar of its symbol, but trade '{trades.trade_id[i]}' was entered at "
                f"{pd.Timestamp(int(trades.entry_time[i]), tz='UTC')} and the bars of '{symbol}' run from {first} to "
                f"{last}, with no bar at that time. {int(outside.sum())} trades of '{symbol}' are concerned. "
                "Load bars that cover them, check --tz, or take these trades out."
            )
        symbol_index[rows] = k
        entry_bar[rows] = low + position
    entry_at = entry_points(trades, bars, symbol_index, entry_bar)
    return PlacedTrades(
        trades=trades,
        bars=bars,
        symbol_index=symbol_index,
        entry_bar=entry_bar,
        first_bar=entry_bar + (entry_at != AT_OPEN),
        end_bar=bars.start[symbol_index + 1],
        entry_at=entry_at,
    )


def _some(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
