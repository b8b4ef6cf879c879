"""Volatility: how much price moves, and whether that is much for this market."""

from __future__ import annotations

import numpy as np

from exitladder.bars import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import Market
from exitladder.features.windows import divide, lagged, moving_moments, moving_sum

VOLATILITY = Family("volatility", "how much price moves, and whether that is much for this market")


@VOLATILITY.feature(
    "atr_pct_{n}", (14,), unit="%", first=lambda n: n, memory=wilder_memory, mirror="even", source="TA-Lib ATR (Wilder)"
)
def atr_pct(market: Market, n: int) -> FloatArray:
    """100 · ATR(n) / price."""
    return 100.0 * market.ratio(market.atr(n), market.level)


@VOLATILITY.feature(
    "range_atr_{n}",
    (14,),
    unit="ATR",
    first=lambda n: n,
    memory=wilder_memory,
    mirror="even",
    source="TA-Lib ATR (Wilder)",
)
def range_atr(market: Market, n: int) -> FloatArray:
    """(high − low) / ATR(n)."""
    return market.per_atr(market.high - market.low, n)


@VOLATILITY.feature(
    "range_expansion_{n}", (14,), unit="ATR", first=lambda n: n + 1, memory=wilder_memory, mirror="even",
    source="TA-Lib TRANGE, ATR",
)  # fmt: skip
def range_expansion(market: Market, n: int) -> FloatArray:
    """ratio of the true range to ATR(n) of the bar before; 1 where nothing has moved, 20 at most."""
    before = lagged(market.atr(n), 1)
    return np.minimum(divide(market.true_range(), before, market.rounding, 1.0), 20.0)


@VOLATILITY.feature(
    "range_ratio_{n}_{m}", (5, 50), unit="ratio", first=lambda n, m: max(n, m), mirror="even", source="TA-Lib TRANGE"
)
def range_ratio(market: Market, n: int, m: int) -> FloatArray:
    """Mean true range of n bars / mean true range of m bars; 1 where nothing has moved."""
    ranges = market.true_range()
    return divide(moving_sum(ranges, n) / n, moving_sum(ranges, m) / m, market.rounding, 1.0)


@VOLATILITY.feature(
    "realised_{n}", (20,), unit="% a bar", first=lambda n: n, mirror="even", needs="log",
    source="root mean square of log returns",
)  # fmt: skip
def realised(market: Market, n: int) -> FloatArray:
    """100 · standard deviation of the last n log returns (divided by n − 1)."""
    _, squares = moving_moments(market.log_return(), n)
    return 100.0 * np.sqrt(squares / (n - 1))
