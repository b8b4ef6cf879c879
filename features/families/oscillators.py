"""Oscillators: bounded measures of recent buying and selling pressure."""

from __future__ import annotations

import numpy as np
import talib

from exitladder.arrays import FloatArray
from exitladder.features.feature import Family, ema_memory, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.features.windows import change, moving_sum
from exitladder.runtime.compiling import njit

OSCILLATORS = Family("oscillators", "bounded measures of recent buying and selling pressure")


@OSCILLATORS.feature(
    "rsi_{n}", (14,), (7,), unit="0 to 100", first=lambda n: n, memory=wilder_memory, mirror="complement_100",
    source="Wilder 1978; TA-Lib RSI",
)  # fmt: skip
def rsi(market: Market, n: int) -> FloatArray:
    """Wilder's RSI(n) of the close; 50 if nothing has moved."""
    return market.rsi(n)


@OSCILLATORS.feature(
    "rsi_slope_{n}_{m}", (14, 5), unit="points per bar", first=lambda n, m: n + m, memory=lambda n, m: wilder_memory(n),
    mirror="odd", source="difference quotient of TA-Lib RSI",
)  # fmt: skip
def rsi_slope(market: Market, n: int, m: int) -> FloatArray:
    """(RSI(n) − RSI(n) m bars ago) / m."""
    return change(market.rsi(n), m) / m


@OSCILLATORS.feature(
    "rsi_divergence_{n}_{m}", (14, 30), unit="points", first=lambda n, m: n + m, memory=lambda n, m: wilder_memory(n),
    mirror="own", source="Wilder 1978, ch. 6 (divergence)",
)  # fmt: skip
def rsi_divergence(market: Market, n: int, m: int) -> FloatArray:
    """RSI(n) at the highest close 5 to m bars before − RSI(n), if the close is above it; floored at 0, else 0."""
    return _divergence(market.close, market.rsi(n), m)


@OSCILLATORS.feature(
    "stoch_k_{n}", (14,), unit="0 to 100", first=lambda n: n - 1, mirror="complement_100", source="Lane; TA-Lib STOCHF"
)
def stoch_k(market: Market, n: int) -> FloatArray:
    """100 · (close − lowest low of n bars) / (highest high − lowest low); 50 if they are equal."""
    top, bottom = market.extremes(n)
    return market.ratio(100.0 * (market.close - bottom), top - bottom, 50.0)


@OSCILLATORS.feature(
    "stoch_d_{n}_{m}", (14, 3), unit="0 to 100", first=lambda n, m: n + m - 2, mirror="complement_100",
    source="Lane; TA-Lib STOCHF",
)  # fmt: skip
def stoch_d(market: Market, n: int, m: int) -> FloatArray:
    """Mean of the last m values of stoch_k over n bars."""
    return moving_sum(stoch_k(market, n), m) / m


def _slowest(*values: int) -> int:
    return max(ema_memory(max(values)), wilder_memory(ATR_WINDOW))


@OSCILLATORS.feature(
    "macd_{n}_{m}", (12, 26), (20, 50), unit="ATR", first=lambda n, m: max(n - 1, m - 1, ATR_WINDOW), memory=_slowest,
    mirror="odd", source="Appel; TA-Lib EMA, ATR",
)  # fmt: skip
def macd(market: Market, n: int, m: int) -> FloatArray:
    """(EMA(n) − EMA(m)) / ATR(14)."""
    return market.per_atr(market.ema(n) - market.ema(m))


@OSCILLATORS.feature(
    "macd_hist_{n}_{m}_{s}", (12, 26, 9), unit="ATR", first=lambda n, m, s: max(n, m, ATR_WINDOW) + s,
    memory=lambda n, m, s: _slowest(n, m) + ema_memory(s), mirror="odd", source="Appel; TA-Lib EMA, ATR",
)  # fmt: skip
def macd_hist(market: Market, n: int, m: int, s: int) -> FloatArray:
    """(EMA(n) − EMA(m), minus its own EMA(s)) / ATR(14)."""
    line = market.ema(n) - market.ema(m)
    begin = max(n, m) - 1
    signal = np.full(len(market), np.nan)
    signal[begin:] = talib.EMA(line[begin:], s)
    return market.per_atr(line - signal)


@OSCILLATORS.feature(
    "cci_{n}",
    (20,),
    unit="0.015 mean deviations",
    first=lambda n: n - 1,
    mirror="odd",
    source="Lambert 1980; TA-Lib CCI",
)
def cci(market: Market, n: int) -> FloatArray:
    """(typical price − its mean over n bars) / (0.015 · its mean absolute deviation); 0 if flat."""
    typical = market.high / 3.0 + market.low / 3.0 + market.close / 3.0
    distance, spread = _mean_deviation(typical, n)
    return market.per_move(distance, 0.015 * spread, 0.0)


_TOP_AGE = 5


@njit(cache=True, error_model="numpy")
def _divergence(close: FloatArray, rsi: FloatArray, m: int) -> FloatArray:
    """Return how far the RSI stays behind at a new high of the close, shape (n_bars,)."""
    out = np.full(len(close), np.nan)
    for t in range(m, len(close)):
        # A top is some bars old: the bar before a new high is part of the same move.
        top = t - min(_TOP_AGE, m)
        for u in range(top - 1, t - m - 1, -1):
            if close[u] > close[top]:
                top = u
        if np.isnan(rsi[top]) or np.isnan(rsi[t]):
            continue
        out[t] = max(0.0, rsi[top] - rsi[t]) if close[t] > close[top] else 0.0
    return out


@njit(cache=True, error_model="numpy")
def _mean_deviation(x: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return x minus its mean, and the mean absolute deviation, of each window, shape (n_bars,)."""
    distance = np.full(len(x), np.nan)
    spread = np.full(len(x), np.nan)
    for t in range(n - 1, len(x)):
        mean = 0.0
        for lag in range(n):
            mean += x[t - lag] - x[t]
        mean /= n
        total = 0.0
        for lag in range(n):
            total += abs((x[t - lag] - x[t]) - mean)
        distance[t] = -mean
        spread[t] = total / n
    return distance, spread
