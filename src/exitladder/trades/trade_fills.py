"""The real fills of each trade, and the exits among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from exitladder.trades.trades import Trades


@dataclass(frozen=True)
class TradeFills:
    """The real fills of each trade, in the order of time within a trade.

    Parameters
    ----------
    start : int64 array, shape (n_trades + 1,)
        Fills of trade i are ``start[i]`` to ``start[i + 1]``; a trade may have none.
    time : int64 array, shape (n_fills,)
        Nanoseconds since 1970 UTC.
    is_entry : bool array, shape (n_fills,)
        Whether the fill adds to the position.
    price, quantity : float64 array, shape (n_fills,)
    """

    start: IntArray
    time: IntArray
    is_entry: npt.NDArray[np.bool_]
    price: FloatArray
    quantity: FloatArray

    @property
    def trade(self) -> IntArray:
        """Position of each fill's trade, shape (n_fills,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    def take(self, trades: IntArray) -> TradeFills:
        """Return the fills of the trades at these positions."""
        sizes = np.diff(self.start)[trades]
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows = np.repeat(self.start[:-1][trades] - start[:-1], sizes) + np.arange(start[-1])
        return TradeFills(start, self.time[rows], self.is_entry[rows], self.price[rows], self.quantity[rows])


@dataclass(frozen=True)
class OwnExits:
    """The exits that a user's file gives, from each trade's entry on.

    Parameters
    ----------
    start : int64 array, shape (n_trades + 1,)
        Exits of trade i are ``start[i]`` to ``start[i + 1]``.
    time : int64 array, shape (n_exits,)
    price : float64 array, shape (n_exits,)
    quantity : float64 array, shape (n_exits,)
        Infinite where the exit closed the trade: all that was left.
    is_entry : bool array, shape (n_exits,), optional
        Whether it is no exit but one more entry; None if there are exits only.
    """

    start: IntArray
    time: IntArray
    price: FloatArray
    quantity: FloatArray
    is_entry: npt.NDArray[np.bool_] | None = None

    @property
    def trade(self) -> IntArray:
        """Position of each exit's trade, shape (n_exits,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def from_first_entry(trades: Trades, kept: npt.NDArray[np.bool_] | None = None) -> Trades:
    """Return trades with several entries placed at the first one, with its price and quantity.

    Parameters
    ----------
    trades : Trades
        Their later entries are in their fills.
    kept : bool array, shape (n_trades,), optional
        Trades that stay as they are.

    Returns
    -------
    Trades
        Entries at one moment count as one. A stop that is not on the losing side of the first entry was moved later
        and is left out.
    """
    fills = trades.fills
    if fills is None or trades.n_entries is None:
        return trades
    entry_time, price, quantity = trades.entry_time.copy(), trades.entry_price.copy(), trades.quantity.copy()
    entry_at = trades.entry_at.copy()
    changed = np.flatnonzero((trades.n_entries > 1) & (np.diff(fills.start) > 0) & ~(False if kept is None else kept))
    for i in changed:
        part = slice(int(fills.start[i]), int(fills.start[i + 1]))
        first = np.flatnonzero(fills.is_entry[part] & (fills.time[part] == fills.time[part.start])) + part.start
        entry_time[i], entry_at[i] = fills.time[part.start], -1
        quantity[i] = fills.quantity[first].sum()
        price[i] = (fills.quantity[first] * fills.price[first]).sum() / quantity[i]
    stop = trades.stop_price.copy()
    moved = changed[~(trades.side[changed] * (price[changed] - stop[changed]) > 0)]
    stop[moved] = np.nan
    return replace(
        trades, entry_time=entry_time, entry_price=price, quantity=quantity, entry_at=entry_at, stop_price=stop
    )
