"""The moments of a book: every close of a bar of its symbols, and when each entry is judged (B1, B3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exitladder.arrays import IntArray
from exitladder.trades.trades import AT_CLOSE, PlacedTrades


@dataclass(frozen=True)
class Timeline:
    """Closes in order of time.

    Parameters
    ----------
    time : int64 array, shape (n_times,)
        Nanoseconds since 1970 UTC.
    start : int64 array, shape (n_times + 1,)
        Bars that close at time k are ``bars[start[k]:start[k + 1]]``.
    bars : int64 array, shape (n_bars,)
        Bar numbers through the whole `BarSet`.
    symbols : int64 array, shape (n_bars,)
        Symbol of each of them.
    entries : list of int
        Positions of the trades in the order in which they are judged.
    judged : int64 array, shape (n_trades,)
        For each trade, the time before whose bars it is judged.
    """

    time: IntArray
    start: IntArray
    bars: IntArray
    symbols: IntArray
    entries: list[int]
    judged: IntArray


def timeline(placed: PlacedTrades) -> Timeline:
    """Return the moments of the book of these trades; symbols without a trade are left out.

    An entry at a close is judged before that close; one inside a bar or at an open before the next close of any symbol.
    """
    bars = placed.bars
    used = np.unique(placed.symbol_index)
    numbers = np.concatenate([np.arange(bars.start[k], bars.start[k + 1]) for k in used])
    symbols = np.repeat(used, np.diff(bars.start)[used])
    closes = bars.close_time
    order = np.argsort(closes[numbers], kind="stable")
    time, start = np.unique(closes[numbers][order], return_index=True)
    entry = placed.trades.entry_time
    at_close = np.searchsorted(time, closes[placed.entry_bar], side="left")
    # A stamp may lie before its bar's start (a date), so its bar counts too.
    inside = np.searchsorted(time, np.maximum(entry, bars.time[placed.entry_bar]), side="right")
    judged = np.where(placed.entry_at == AT_CLOSE, at_close, np.minimum(inside, at_close))
    return Timeline(
        time=time,
        start=np.append(start, len(numbers)).astype(np.int64),
        bars=numbers[order],
        symbols=symbols[order],
        entries=[int(i) for i in np.lexsort((np.arange(len(entry)), entry, judged))],
        judged=judged.astype(np.int64),
    )
