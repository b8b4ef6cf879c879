"""Calendar: time of day, day of the week, sessions, and breaks in trading."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.features.families.shape import gap_atr
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, DAY_NS, Market
from exitladder.features.windows import bars_since

CALENDAR = Family("calendar", "time of day, day of the week, sessions, and breaks in trading")

_CLOCK = "bar timestamp on the exchange's clock (features.exchange_tz)"
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_MINUTE_NS = 60 * 10**9
# Regular hours of the three large sessions by their own clocks: time zone, first and last minute of the day.
SESSIONS = {
    "tokyo": ("Asia/Tokyo", 9 * 60, 15 * 60 + 30),
    "london": ("Europe/London", 8 * 60, 16 * 60 + 30),
    "new_york": ("America/New_York", 9 * 60 + 30, 16 * 60),
}


@CALENDAR.feature("time_of_day", unit="days, 0 to 1", first=0, mirror="even", source=_CLOCK, reads_clock=True)
def time_of_day(market: Market) -> FloatArray:
    """Time of the bar's start since midnight, as a share of the day."""
    return (market.clock() % DAY_NS) / DAY_NS


@CALENDAR.feature("day_of_week", unit="0 Monday to 6 Sunday", first=0, mirror="even", source=_CLOCK, reads_clock=True)
def day_of_week(market: Market) -> FloatArray:
    """Weekday of the bar's start."""
    return _weekday(market.clock()).astype(np.float64)


def _declare_session(name: str) -> None:
    tz, begin, end = SESSIONS[name]
    hours = f"{begin // 60:02d}:{begin % 60:02d} to {end // 60:02d}:{end % 60:02d}"

    @CALENDAR.feature(
        f"session_{name}", unit="0 or 1", first=0, mirror="even", source=f"{hours} {tz}, daylight saving included",
        may_miss="bars of a day or longer",
    )  # fmt: skip
    def session(market: Market) -> FloatArray:
        """1 if the bar starts in these hours, Monday to Friday, else 0; ignores holidays."""
        if market.bars.interval_ns >= DAY_NS:
            return np.full(len(market), np.nan)
        local = market.clock(tz)
        minute = local % DAY_NS // _MINUTE_NS
        return ((minute >= begin) & (minute < end) & (_weekday(local) < 5)).astype(np.float64)


for _name in SESSIONS:
    _declare_session(_name)


def _weekday(local: IntArray) -> IntArray:
    return np.asarray((local // DAY_NS + _EPOCH_WEEKDAY) % 7)


@CALENDAR.feature("break_bars", unit="ln(1 + bars)", first=1, mirror="even", source="bar timestamps")
def break_bars(market: Market) -> FloatArray:
    """Log of 1 + length in bars of the break just before this bar (night, weekend, halt)."""
    return np.log1p(_missing(market))


@CALENDAR.feature(
    "bars_since_break_{n}", (100,), unit="bars", first=0, memory=lambda n: n, mirror="even", source="bar timestamps"
)
def bars_since_break(market: Market, n: int) -> FloatArray:
    """Bars since the first bar after the last break, capped at n."""
    return bars_since(_missing(market) > 0.0, n)


@CALENDAR.feature(
    "break_gap", unit="ATR", first=ATR_WINDOW, memory=lambda: wilder_memory(ATR_WINDOW), mirror="odd",
    source="bar timestamps; TA-Lib ATR",
)  # fmt: skip
def break_gap(market: Market) -> FloatArray:
    """(open − previous close) / ATR(14) if a break (night, weekend) separates them, else 0."""
    gap = gap_atr(market)
    return np.where(np.isnan(gap) | (_missing(market) > 0.0), gap, 0.0)


def _missing(market: Market) -> FloatArray:
    """Return the length in bars of the break just before each bar, shape (n_bars,); 0 at the first."""
    steps = np.diff(market.time, prepend=market.time[:1] - market.bars.interval_ns)
    return np.maximum(steps / market.bars.interval_ns - 1.0, 0.0)
