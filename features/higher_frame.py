"""Bars aggregated to a longer interval, of which only closed ones are visible."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import IntArray
from exitladder.bars.bars import Bars

# Monday 1970-01-05: so that seven daily bars make the week from Monday to Sunday.
_MONDAY_NS = 4 * 86_400 * 10**9


def higher_bars(bars: Bars, k: int) -> tuple[Bars, IntArray]:
    """Return the bars of k times the interval, and for each bar the last higher bar that is closed by its close.

    Parameters
    ----------
    bars : Bars
    k : int
        Times the interval; higher bars start at multiples of it since a Monday 00:00 UTC.

    Returns
    -------
    higher : Bars
        The last one may be incomplete; nothing refers to it then.
    closed : int64 array, shape (n_bars,)
        Position in `higher`, -1 if none has closed yet. A higher bar is closed by the bar that ends
        it, or, if that one is missing, by the first bar after it.
    """
    length = k * bars.interval_ns
    slot = (bars.time - _MONDAY_NS) // length
    begin = np.flatnonzero(np.diff(slot, prepend=slot[:1] - 1)).astype(np.int64)
    end = np.append(begin[1:], len(slot)) - 1
    higher = Bars(
        symbol=bars.symbol,
        interval_ns=length,
        time=slot[begin] * length + _MONDAY_NS,
        open=bars.open[begin],
        high=np.maximum.reduceat(bars.high, begin),
        low=np.minimum.reduceat(bars.low, begin),
        close=bars.close[end],
        volume=None if bars.volume is None else np.add.reduceat(np.nan_to_num(bars.volume), begin),
    )
    own = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(slot))))
    ends_it = bars.time + bars.interval_ns >= (slot + 1) * length + _MONDAY_NS
    return higher, np.where(ends_it, own, own - 1)
