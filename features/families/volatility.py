"""Volatility: size of price moves, absolute and relative to the market's own history."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.features.windows import bars_since, lagged, moving_moments, moving_rank, moving_sum

VOLATILITY = Family("volatility", "size of price moves, absolute and relative to the market's own history")


@VOLATILITY.feature(
    "atr_pct_{n}", (14,), unit="%", first=lambda n: n, memory=wilder_memory, mirror="even", source="TA-Lib ATR (Wilder)"
)
def atr_pct(market: Market, n: int) -> FloatArray:
    """100 · ATR(n) / price."""
    return market.ratio(market.atr(n), market.level, times=100.0)


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
    """Ratio of the true range to ATR(n) of the previous bar; 1 if nothing has moved, capped at 20."""
    before = lagged(market.atr(n), 1)
    return np.minimum(market.per_move(market.true_range(), before, 1.0), 20.0)


@VOLATILITY.feature(
    "bars_since_expansion_{n}", (50,), unit="bars", first=lambda n: n + ATR_WINDOW,
    memory=lambda n: wilder_memory(ATR_WINDOW), mirror="even", source="TA-Lib TRANGE, ATR",
)  # fmt: skip
def bars_since_expansion(market: Market, n: int) -> FloatArray:
    """Bars since range_expansion_14 last exceeded 2.5, capped at n."""
    return np.asarray(bars_since(range_expansion(market, ATR_WINDOW) > 2.5, n))


@VOLATILITY.feature(
    "range_ratio_{n}_{m}", (5, 50), unit="ratio", first=lambda n, m: max(n, m), mirror="even", source="TA-Lib TRANGE"
)
def range_ratio(market: Market, n: int, m: int) -> FloatArray:
    """Mean true range of n bars / mean true range of m bars; 1 if nothing has moved."""
    ranges = market.true_range()
    return market.per_move(moving_sum(ranges, n) / n, moving_sum(ranges, m) / m, 1.0)


@VOLATILITY.feature(
    "realised_{n}", (20,), unit="% per bar", first=lambda n: n, mirror="even", needs="log",
    source="root mean square of log returns",
)  # fmt: skip
def realised(market: Market, n: int) -> FloatArray:
    """100 · standard deviation of the last n log returns (divided by n − 1)."""
    _, squares = moving_moments(market.log_return(), n)
    return 100.0 * np.sqrt(squares / (n - 1))


@VOLATILITY.feature(
    "parkinson_{n}", (20,), unit="% per bar", first=lambda n: n - 1, mirror="even", needs="log", source="Parkinson 1980"
)
def parkinson(market: Market, n: int) -> FloatArray:
    """100 · square root of the mean over n bars of ln(high / low)² / (4 ln 2)."""
    spread = market.log("high") - market.log("low")
    return np.asarray(100.0 * np.sqrt(moving_sum(spread**2, n) / (n * 4.0 * np.log(2.0))))


@VOLATILITY.feature(
    "garman_klass_{n}",
    (20,),
    unit="% per bar",
    first=lambda n: n - 1,
    mirror="even",
    needs="log",
    source="Garman and Klass 1980",
)
def garman_klass(market: Market, n: int) -> FloatArray:
    """100 · square root of the mean over n bars of ln(high / low)² / 2 − (2 ln 2 − 1) · ln(close / open)²."""
    spread = market.log("high") - market.log("low")
    body = market.log("close") - market.log("open")
    each = 0.5 * spread**2 - (2.0 * np.log(2.0) - 1.0) * body**2
    return 100.0 * np.sqrt(np.maximum(moving_sum(each, n), 0.0) / n)


@VOLATILITY.feature(
    "yang_zhang_{n}",
    (20,),
    unit="% per bar",
    first=lambda n: n,
    mirror="even",
    needs="log",
    source="Yang and Zhang 2000",
)
def yang_zhang(market: Market, n: int) -> FloatArray:
    """100 · root of gap variance + k · body variance + (1 − k) · Rogers-Satchell of n bars, k of minimum variance."""
    open_, high, low, close = (market.log(name) for name in ("open", "high", "low", "close"))
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    gap = moving_moments(open_ - lagged(close, 1), n)[1] / (n - 1)
    body = moving_moments(close - open_, n)[1] / (n - 1)
    rogers = moving_sum((high - close) * (high - open_) + (low - close) * (low - open_), n) / n
    return 100.0 * np.sqrt(np.maximum(gap + k * body + (1.0 - k) * rogers, 0.0))


@VOLATILITY.feature(
    "vol_of_vol_{n}",
    (20,),
    unit="ratio",
    first=lambda n: n,
    mirror="even",
    source="coefficient of variation of TA-Lib TRANGE",
)
def vol_of_vol(market: Market, n: int) -> FloatArray:
    """Population deviation of n true ranges / their mean; 0 if nothing has moved."""
    ranges = market.true_range()
    offset, squares = moving_moments(ranges, n)
    return market.per_move(np.sqrt(squares / n), ranges + offset, 0.0)


@VOLATILITY.feature(
    "atr_rank_{n}_{m}", (14, 120), unit="0 to 1", first=lambda n, m: n + m - 1, memory=lambda n, m: wilder_memory(n),
    mirror="even", source="rank of TA-Lib ATR",
)  # fmt: skip
def atr_rank(market: Market, n: int, m: int) -> FloatArray:
    """Share of the previous m − 1 bars with a smaller ATR(n) in % of price."""
    return moving_rank(atr_pct(market, n), m)
