"""Calendar: time of day, day of the week, and breaks in trading. Stamps are UTC."""

from __future__ import annotations

import numpy as np

from exitladder.bars import FloatArray
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.features.shape import gap_atr
from exitladder.features.windows import bars_since

CALENDAR = Family("calendar", "time of day, day of the week, and breaks in trading")

_DAY_NS = 86_400 * 10**9
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


@CALENDAR.feature("time_of_day", unit="days, 0 to 1", first=0, mirror="even", source="bar stamp, UTC")
def time_of_day(market: Market) -> FloatArray:
    """Time of the bar's start since midnight UTC, as a share of the day."""
    return (market.time % _DAY_NS) / _DAY_NS


@CALENDAR.feature("day_of_week", unit="0 Monday to 6 Sunday", first=0, mirror="even", source="bar stamp, UTC")
def day_of_week(market: Market) -> FloatArray:
    """Weekday of the bar's start."""
    return ((market.time // _DAY_NS + _EPOCH_WEEKDAY) % 7).astype(np.float64)


@CALENDAR.feature("break_bars", unit="ln(1 + bars)", first=1, mirror="even", source="bar stamps")
def break_bars(market: Market) -> FloatArray:
    """Log of 1 + the bars' lengths without a bar just before this one (night, weekend, halt)."""
    return np.log1p(_missing(market))


@CALENDAR.feature(
    "bars_since_break_{n}", (100,), unit="bars", first=0, memory=lambda n: n, mirror="even", source="bar stamps"
)
def bars_since_break(market: Market, n: int) -> FloatArray:
    """Bars since the first one after the last break, n at most."""
    return bars_since(_missing(market) > 0.0, n)


@CALENDAR.feature(
    "break_gap", unit="ATR", first=ATR_WINDOW, memory=lambda: wilder_memory(ATR_WINDOW), mirror="odd",
    source="bar stamps; TA-Lib ATR",
)  # fmt: skip
def break_gap(market: Market) -> FloatArray:
    """(open − close of the bar before) / ATR(14) where a break (night, weekend) lies between them, else 0."""
    gap = gap_atr(market)
    return np.where(np.isnan(gap) | (_missing(market) > 0.0), gap, 0.0)


def _missing(market: Market) -> FloatArray:
    """Return the bars' lengths without a bar just before each one, shape (n_bars,); 0 at the first."""
    steps = np.diff(market.time, prepend=market.time[:1] - market.bars.interval_ns)
    return np.maximum(steps / market.bars.interval_ns - 1.0, 0.0)
