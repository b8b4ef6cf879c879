"""The real fills of each trade, and the exits among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray


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
    """The exits that a user's file gives, from each trade's (last) entry on.

    Parameters
    ----------
    start : int64 array, shape (n_trades + 1,)
        Exits of trade i are ``start[i]`` to ``start[i + 1]``.
    time : int64 array, shape (n_exits,)
    price : float64 array, shape (n_exits,)
    quantity : float64 array, shape (n_exits,)
        Infinite where the exit closed the trade: all that was left.
    """

    start: IntArray
    time: IntArray
    price: FloatArray
    quantity: FloatArray

    @property
    def trade(self) -> IntArray:
        """Position of each exit's trade, shape (n_exits,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
