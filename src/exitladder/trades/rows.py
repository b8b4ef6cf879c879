"""Rows of (trade, bar): the bars at whose close something can be decided about a trade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import BoolArray, IntArray
from exitladder.errors import TradesError
from exitladder.trades.trades import PlacedTrades


@dataclass(frozen=True)
class TradeRows:
    """The rows of all trades, trade by trade, bar by bar.

    Parameters
    ----------
    start : int64 array, shape (n_trades + 1,)
        Rows of trade i are ``start[i]`` to ``start[i + 1]``.
    first_bar : int64 array, shape (n_trades,)
        Bar number (through the whole `BarSet`) of each trade's first row.
    """

    start: IntArray
    first_bar: IntArray

    @property
    def n_rows(self) -> int:
        """Number of rows of all trades."""
        return int(self.start[-1])

    @property
    def lengths(self) -> IntArray:
        """Number of rows of each trade, shape (n_trades,)."""
        return np.diff(self.start)

    @property
    def trade(self) -> IntArray:
        """Position of each row's trade, shape (n_rows,)."""
        return np.repeat(np.arange(len(self.first_bar)), self.lengths)

    @property
    def bar(self) -> IntArray:
        """Bar number of each row, shape (n_rows,)."""
        return self.bar_of(np.arange(self.n_rows))

    def at_most(self, max_bars: int) -> tuple[TradeRows, BoolArray]:
        """Return the first `max_bars` rows of each trade, and which of the rows they are, shape (n_rows,)."""
        lengths = np.minimum(self.lengths, max_bars)
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        kept = np.arange(self.n_rows) - np.repeat(self.start[:-1], self.lengths) < max_bars
        return TradeRows(start, self.first_bar), kept

    def bar_of(self, rows: IntArray) -> IntArray:
        """Return the bar numbers of these rows (row numbers), same shape."""
        trade = np.searchsorted(self.start, rows, side="right") - 1
        return np.asarray(self.first_bar[trade] + rows - self.start[trade])


def trade_rows(placed: PlacedTrades, max_bars: int) -> TradeRows:
    """Return the rows of all trades: from the first bar lived on, at most `max_bars` a trade.

    The rows go on after the trade's historical exit: later bars of the market are not censored.
    """
    if max_bars < 1:
        raise TradesError(f"max_bars must be at least 1, but is {max_bars}.")
    lengths = np.minimum(placed.end_bar - placed.first_bar, max_bars)
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return TradeRows(start=start, first_bar=placed.first_bar.astype(np.int64))
