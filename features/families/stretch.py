"""Stretch: distance of price from its recent average and range."""

from __future__ import annotations

from exitladder.arrays import FloatArray
from exitladder.features.feature import Family, ema_memory, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.features.windows import moving_rank

STRETCH = Family("stretch", "distance of price from its recent average and range")


@STRETCH.feature(
    "bb_pctb_{n}", (20,), unit="0 at the lower band, 1 at the upper", first=lambda n: n - 1, mirror="complement_1",
    source="Bollinger 2001; TA-Lib BBANDS (population deviation)",
)  # fmt: skip
def bb_pctb(market: Market, n: int) -> FloatArray:
    """(close − lower band) / (upper − lower), bands at 2 population deviations around the mean of n; 0.5 if flat."""
    return market.bollinger(n)[0]


@STRETCH.feature(
    "bb_width_{n}", (20,), unit="%", first=lambda n: n - 1, mirror="even",
    source="Bollinger 2001; TA-Lib BBANDS (population deviation)",
)  # fmt: skip
def bb_width(market: Market, n: int) -> FloatArray:
    """100 · (upper − lower band) / mean of n closes."""
    return market.bollinger(n)[1]


@STRETCH.feature(
    "zscore_{n}", (20,), (50,), unit="standard deviations", first=lambda n: n - 1, mirror="odd",
    source="population deviation, as the Bollinger bands",
)  # fmt: skip
def zscore(market: Market, n: int) -> FloatArray:
    """(close − mean of n closes) / their population deviation; 0 if flat."""
    offset, deviation = market.moments(n)
    return market.ratio(-offset, deviation)


@STRETCH.feature(
    "ema_distance_{n}", (20,), (50,), unit="ATR", first=lambda n: max(n - 1, ATR_WINDOW),
    memory=lambda n: max(ema_memory(n), wilder_memory(ATR_WINDOW)), mirror="odd", source="TA-Lib EMA, ATR",
)  # fmt: skip
def ema_distance(market: Market, n: int) -> FloatArray:
    """(close − EMA(n)) / ATR(14)."""
    return market.per_atr(market.close - market.ema(n))


@STRETCH.feature(
    "below_high_{n}", (20,), (60,), unit="ATR", first=lambda n: max(n - 1, ATR_WINDOW),
    memory=lambda n: wilder_memory(ATR_WINDOW), mirror="own", source="Donchian channel; TA-Lib ATR",
)  # fmt: skip
def below_high(market: Market, n: int) -> FloatArray:
    """(highest high of n bars − close) / ATR(14)."""
    return market.per_atr(market.extremes(n)[0] - market.close)


@STRETCH.feature(
    "above_low_{n}", (20,), (60,), unit="ATR", first=lambda n: max(n - 1, ATR_WINDOW),
    memory=lambda n: wilder_memory(ATR_WINDOW), mirror="own", source="Donchian channel; TA-Lib ATR",
)  # fmt: skip
def above_low(market: Market, n: int) -> FloatArray:
    """(close − lowest low of n bars) / ATR(14)."""
    return market.per_atr(market.close - market.extremes(n)[1])


@STRETCH.feature(
    "bb_width_rank_{n}_{m}", (20, 120), unit="0 to 1", first=lambda n, m: n + m - 2, mirror="even",
    source="rank of the Bollinger width (squeeze)",
)  # fmt: skip
def bb_width_rank(market: Market, n: int, m: int) -> FloatArray:
    """Share of the previous m − 1 bars with a smaller bb_width over n."""
    return moving_rank(bb_width(market, n), m)
