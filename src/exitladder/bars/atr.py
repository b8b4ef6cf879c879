"""The average true range that targets, stops and trails use: Wilder's."""

from __future__ import annotations

import numpy as np
import talib

from exitladder.arrays import FloatArray
from exitladder.bars.bars import BarSet


def wilder_atr(high: FloatArray, low: FloatArray, close: FloatArray, window: int = 14) -> FloatArray:
    """Return Wilder's average true range, known at each bar's close.

    Parameters
    ----------
    high, low, close : float64 array, shape (n,)
        Prices of one symbol, finite.
    window : int
        Bars; 1 gives the true range.

    Returns
    -------
    float64 array, shape (n,)
        In price. NaN for the first `window` bars (the first true range needs a previous close).

    Notes
    -----
    Does not look ahead. Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978);
    numbers are TA-Lib's.
    """
    if len(close) <= window:
        return np.full(len(close), np.nan)
    return np.asarray(talib.ATR(high, low, close, timeperiod=window), dtype=np.float64)


def atr_of_set(bars: BarSet, window: int = 14) -> FloatArray:
    """Return Wilder's ATR of every symbol, laid end to end as the bars are, shape (n_bars,); found once and kept."""
    if window in bars.atr:
        return bars.atr[window]
    out = np.empty(bars.n_bars)
    for k in range(len(bars)):
        part = slice(int(bars.start[k]), int(bars.start[k + 1]))
        out[part] = wilder_atr(bars.high[part], bars.low[part], bars.close[part], window)
    bars.atr[window] = out
    return out
