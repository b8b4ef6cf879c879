"""Regime: whether the market trends or ranges."""

from __future__ import annotations

import numpy as np
import talib

from exitladder.arrays import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import Market
from exitladder.features.windows import change, lagged, moving_moments, moving_sum

REGIME = Family("regime", "whether the market trends or ranges")


@REGIME.feature(
    "efficiency_{n}", (10,), (30,), unit="-1 to 1", first=lambda n: n, mirror="odd", source="Kaufman 1995, signed"
)
def efficiency(market: Market, n: int) -> FloatArray:
    """(close − close n bars ago) / sum of n absolute changes; 0 if nothing has moved."""
    path = moving_sum(np.abs(change(market.close, 1)), n)
    return np.clip(market.ratio(change(market.close, n), path), -1.0, 1.0)


@REGIME.feature(
    "variance_ratio_{q}_{n}", (2, 60), (5, 60), unit="1 on a random walk", first=lambda q, n: max(n, q), mirror="even",
    source="Lo and MacKinlay 1988 (overlapping, unbiased)",
)  # fmt: skip
def variance_ratio(market: Market, q: int, n: int) -> FloatArray:
    """Variance of q-bar changes / (q · variance of one-bar changes), over n changes; 1 if nothing has moved."""
    if q >= n:
        return np.full(len(market), np.nan)
    each = change(market.close, 1)
    offset, squares = moving_moments(each, n)
    mean = each + offset
    # The n - q + 1 overlapping q-bar changes inside of the window, about q times its mean change.
    long = change(market.close, q)
    count = n - q + 1
    shift, about = moving_moments(long, count)
    long_squares = about + count * (long + shift - q * mean) ** 2
    unbiased = q * (n - q + 1) * (1.0 - q / n)
    return market.per_move(long_squares / unbiased, squares / (n - 1), 1.0, power=2)


@REGIME.feature(
    "autocorrelation_{n}",
    (50,),
    unit="-1 to 1",
    first=lambda n: n + 1,
    mirror="even",
    source="lag-1 correlation of changes",
)
def autocorrelation(market: Market, n: int) -> FloatArray:
    """Correlation of n one-bar changes of the close with the change of the previous bar; 0 if nothing has moved."""
    now = change(market.close, 1)
    before = lagged(now, 1)
    both = moving_moments(now + before, n)[1]
    apart = moving_moments(now - before, n)[1]
    size = 2.0 * np.sqrt(moving_moments(now, n)[1] * moving_moments(before, n)[1])
    return np.clip(market.ratio((both - apart) / 2.0, size), -1.0, 1.0)


def _twice_smoothed(n: int) -> int:
    # The start of an average of an average weighs k · (1 - 1/n)^k, which is below 1e-8 a third later.
    return wilder_memory(n) * 4 // 3


@REGIME.feature(
    "adx_{n}", (14,), unit="0 to 100", first=lambda n: 2 * n - 1, memory=_twice_smoothed, mirror="even",
    source="Wilder 1978; TA-Lib ADX",
)  # fmt: skip
def adx(market: Market, n: int) -> FloatArray:
    """Wilder's average directional index ADX(n)."""
    return np.asarray(talib.ADX(market.high, market.low, market.close, n))


@REGIME.feature(
    "di_spread_{n}", (14,), unit="-100 to 100", first=lambda n: n, memory=wilder_memory, mirror="odd",
    source="Wilder 1978; TA-Lib PLUS_DI, MINUS_DI",
)  # fmt: skip
def di_spread(market: Market, n: int) -> FloatArray:
    """Wilder's +DI(n) − −DI(n)."""
    prices = (market.high, market.low, market.close)
    return np.asarray(talib.PLUS_DI(*prices, n) - talib.MINUS_DI(*prices, n))


@REGIME.feature(
    "trend_state_{n}", (14,), unit="-1, 0 or 1", first=lambda n: 2 * n - 1, memory=_twice_smoothed, mirror="odd",
    source="Wilder 1978; TA-Lib ADX, PLUS_DI, MINUS_DI",
)  # fmt: skip
def trend_state(market: Market, n: int) -> FloatArray:
    """1 in an uptrend, −1 in a downtrend: sign of di_spread(n) if ADX(n) exceeds 25; else 0, a range."""
    return np.asarray(np.where(adx(market, n) > 25.0, np.sign(di_spread(market, n)), 0.0))
