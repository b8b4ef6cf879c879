"""Stretch: how far price stands from where it usually is."""

from __future__ import annotations

from exitladder.bars import FloatArray
from exitladder.features.feature import Family, ema_memory, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market

STRETCH = Family("stretch", "how far price stands from where it usually is")


@STRETCH.feature(
    "bb_pctb_{n}", (20,), unit="0 at the lower band, 1 at the upper", first=lambda n: n - 1, mirror="complement_1",
    source="Bollinger 2001; TA-Lib BBANDS (population deviation)",
)  # fmt: skip
def bb_pctb(market: Market, n: int) -> FloatArray:
    """(close − lower band) / (upper − lower), bands 2 population deviations about the mean of n; 0.5 where flat."""
    offset, deviation = market.moments(n)
    return 0.5 + market.ratio(-offset, deviation) / 4.0


@STRETCH.feature(
    "bb_width_{n}", (20,), unit="%", first=lambda n: n - 1, mirror="even",
    source="Bollinger 2001; TA-Lib BBANDS (population deviation)",
)  # fmt: skip
def bb_width(market: Market, n: int) -> FloatArray:
    """100 · (upper − lower band) / mean of n closes."""
    offset, deviation = market.moments(n)
    return 100.0 * market.ratio(4.0 * deviation, abs(market.close + offset))


@STRETCH.feature(
    "zscore_{n}", (20,), (50,), unit="standard deviations", first=lambda n: n - 1, mirror="odd",
    source="population deviation, as the Bollinger bands",
)  # fmt: skip
def zscore(market: Market, n: int) -> FloatArray:
    """(close − mean of n closes) / their population deviation; 0 where flat."""
    offset, deviation = market.moments(n)
    return market.ratio(-offset, deviation)


@STRETCH.feature(
    "ema_distance_{n}", (20,), (50,), unit="ATR", first=lambda n: max(n - 1, ATR_WINDOW),
    memory=lambda n: max(ema_memory(n), wilder_memory(ATR_WINDOW)), mirror="odd", source="TA-Lib EMA, ATR",
)  # fmt: skip
def ema_distance(market: Market, n: int) -> FloatArray:
    """(close − EMA(n)) / ATR(14)."""
    return market.per_atr(market.close - market.ema(n))
