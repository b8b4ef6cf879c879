"""Series that the conditions of signal rungs read, for every trade and bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import PlacedTrades


@dataclass(frozen=True)
class Signals:
    """Named series in one buffer, addressed by trade and bar.

    Series k at bar t of trade i is ``values[base[k, i] + t]`` for ``first[k, i] <= t < end[k, i]``
    and NaN elsewhere. Series are in the trade's direction. A value stamped with bar t is known at
    t's close.

    Parameters
    ----------
    names : tuple of str
    values : float64 array, shape (n_values,)
    base, first, end : int64 array, shape (n_series, n_trades)
        Bar numbers count through the whole `BarSet`.
    """

    names: tuple[str, ...]
    values: FloatArray
    base: IntArray
    first: IntArray
    end: IntArray

    @classmethod
    def none(cls, n_trades: int) -> Signals:
        """Return signals without any series."""
        empty = np.empty((0, n_trades), dtype=np.int64)
        return cls((), np.empty(0), empty, empty, empty)

    @classmethod
    def from_rows(cls, rows: TradeRows, series: Mapping[str, FloatArray]) -> Signals:
        """Return series that have one value per (trade, bar) row, such as a model's predictions.

        Parameters
        ----------
        rows : TradeRows
        series : mapping of str to float64 array, shape (n_rows,)
        """
        n_trades = len(rows.first_bar)
        n_rows = rows.n_rows
        shape = (len(series), n_trades)
        shift = np.arange(len(series), dtype=np.int64)[:, None] * n_rows
        return cls(
            names=tuple(series),
            values=np.concatenate([np.asarray(v, dtype=np.float64) for v in series.values()])
            if series
            else np.empty(0),
            base=np.ascontiguousarray(shift + (rows.start[:-1] - rows.first_bar)[None, :]),
            first=np.broadcast_to(rows.first_bar, shape).copy(),
            end=np.broadcast_to(rows.first_bar + rows.lengths, shape).copy(),
        )

    @classmethod
    def from_bars(
        cls, placed: PlacedTrades, long: Mapping[str, FloatArray], short: Mapping[str, FloatArray]
    ) -> Signals:
        """Return series that have one value per bar, such as features or the user's own columns.

        Parameters
        ----------
        placed : PlacedTrades
        long, short : mapping of str to float64 array, shape (n_bars,)
            The same names; the values that a long and a short trade read.

        Returns
        -------
        Signals
        """
        names = tuple(long)
        n_bars = placed.bars.n_bars
        shape = (len(names), len(placed))
        buffers = [np.asarray(side[name], dtype=np.float64) for name in names for side in (long, short)]
        shift = 2 * np.arange(len(names), dtype=np.int64)[:, None] * n_bars
        is_short = (placed.trades.side < 0).astype(np.int64) * n_bars
        return cls(
            names=names,
            values=np.concatenate(buffers) if buffers else np.empty(0),
            base=np.ascontiguousarray(shift + is_short[None, :]),
            first=np.broadcast_to(placed.first_bar, shape).copy(),
            end=np.broadcast_to(placed.end_bar, shape).copy(),
        )

    def join(self, other: Signals) -> Signals:
        """Return the series of both."""
        return Signals(
            names=self.names + other.names,
            values=np.concatenate([self.values, other.values]),
            base=np.concatenate([self.base, other.base + len(self.values)]),
            first=np.concatenate([self.first, other.first]),
            end=np.concatenate([self.end, other.end]),
        )

    def take(self, trades: np.ndarray) -> Signals:
        """Return the signals of these trades (positions or mask); the buffer is shared."""
        return Signals(
            self.names,
            self.values,
            np.ascontiguousarray(self.base[:, trades]),
            np.ascontiguousarray(self.first[:, trades]),
            np.ascontiguousarray(self.end[:, trades]),
        )
