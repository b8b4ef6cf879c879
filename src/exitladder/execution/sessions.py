"""The bars of a symbol in their sessions: when each bar ends, and when its session closes (rule X11).

With hours of trading in ``[symbols.NAME]`` everything about a bar follows from its own stamp. Without them a session is
a date of the exchange's clock, and whether a bar is the last of its date is known only by the date of the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import LadderError
from exitladder.plans.times import minutes_of
from exitladder.settings.contracts import Contract

MINUTE = 60 * 10**9
NEVER: int = np.iinfo(np.int64).max


@dataclass(frozen=True)
class SessionBars:
    """Some bars of one symbol and the bar that is expected after them; arrays of shape (n_bars + 1,).

    Parameters
    ----------
    start, end : int64 array
        Nanoseconds since 1970 UTC. A bar that begins in a session ends by its close.
    next_end : int64 array
        When the bar that follows in the same session ends: as expected with a schedule, as the data has it without.
    number : int64 array
        Number of each bar's session; it never decreases.
    close : int64 array, shape (n_sessions,)
        When each session closes; `NEVER` if that is not known.
    last : int64 array
        Numbers of the bars that end with their session, with a schedule.
    after_last : int64 array
        When the first bar after each of these is expected to end.
    is_scheduled : bool
        Whether all this is known in advance.
    hours : Contract
        Hours of trading; empty for bars of a day or longer.
    """

    start: IntArray
    end: IntArray
    next_end: IntArray
    number: IntArray
    close: IntArray
    last: IntArray
    after_last: IntArray
    is_scheduled: bool
    hours: Contract

    def clock_times(self, clock: str) -> IntArray:
        """Return when each session reaches a time of day, or its close if that is earlier, shape (n_sessions,)."""
        first = np.searchsorted(self.number, np.arange(len(self.close)))
        zone = self.hours.exchange_tz
        if not self.is_scheduled:
            dates = local_moments(self.start[first], zone) // DAY_NS
            return _instants(dates, minutes_of(clock), zone)
        begin, end = _minutes(self.hours)
        dates = session_dates(self.start[first], self.hours)
        evening = begin >= end and minutes_of(clock) > begin
        return np.minimum(_instants(dates - evening, minutes_of(clock), zone), self.close)


def session_bars(bars: BarSet, k: int, end_bar: int, needs: str) -> SessionBars:
    """Return the bars of a symbol in their sessions.

    Parameters
    ----------
    bars : BarSet
    k : int
        The symbol.
    end_bar : int
        One past the last bar that is known, counted through the whole set.
    needs : str
        The setting that needs sessions, for messages; empty if none does.

    Returns
    -------
    SessionBars

    Raises
    ------
    LadderError
        If sessions are needed and the time zone of the exchange is unknown.
    """
    start, interval = bars.time[bars.start[k] : end_bar], int(bars.interval_ns[k])
    if interval >= DAY_NS:
        start = np.append(start, start[-1] + interval)
        end = start + interval
        every = np.arange(len(start))
        return SessionBars(start, end, end + interval, every, end, every, end + interval, True, Contract())
    symbol = bars.symbols[k]
    hours = bars.contracts[symbol].hours if symbol in bars.contracts else Contract()
    if (needs or hours.session) and not hours.exchange_tz:
        raise LadderError(
            f"{needs or 'A session'} goes by the exchange's clock, but the time zone of '{symbol}' is unknown. Set "
            f'symbols.{symbol}.exchange_tz, such as "America/New_York", in exitladder.toml.'
        )
    if hours.session:
        return _scheduled(start, interval, hours)
    return _by_date(start, interval, hours)


def _scheduled(start: IntArray, interval: int, hours: Contract) -> SessionBars:
    dates = session_dates(start, hours)
    close = np.maximum.accumulate(_closes(dates, hours))
    end = np.minimum(start + interval, close)
    over = end >= close
    # the bar expected next: at once, or with the next session
    following = _weekday(dates[-1:] + 1, hours)
    next_start = np.where(over[-1:], _opens(following, hours), end[-1:])
    start, dates = np.append(start, next_start), np.append(dates, np.where(over[-1:], following, dates[-1:]))
    close = np.maximum.accumulate(_closes(dates, hours))
    end = np.minimum(start + interval, close)
    over = end >= close
    last = np.flatnonzero(over)
    following = _weekday(dates[last] + 1, hours)
    after_last = np.minimum(_opens(following, hours) + interval, _closes(following, hours))
    closes, number = np.unique(close, return_inverse=True)
    next_end = np.where(over, end + interval, np.minimum(end + interval, close))
    return SessionBars(start, end, next_end, number.astype(np.int64), closes, last, after_last, True, hours)


def _by_date(start: IntArray, interval: int, hours: Contract) -> SessionBars:
    n = len(start)
    start = np.append(start, start[-1] + interval)
    end = start + interval
    # of the last bar and the expected one nothing is known but where they end themselves
    next_end = np.concatenate([end[1:n], end[n - 1 :] + 1])
    none = np.empty(0, dtype=np.int64)
    dates = local_moments(start, hours.exchange_tz) // DAY_NS if hours.exchange_tz else np.zeros(n + 1, dtype=np.int64)
    dates = np.maximum.accumulate(dates)
    found, number = np.unique(dates, return_inverse=True)
    last = np.searchsorted(dates[:n], found, side="right") - 1
    close = np.where(found < dates[n - 1], end[last], NEVER)
    return SessionBars(start, end, next_end, number.astype(np.int64), close, none, none, False, hours)


def is_overnight(hours: Contract) -> bool:
    """Return whether sessions begin on the day before their date."""
    if not hours.session:
        return False
    begin, end = _minutes(hours)
    return begin >= end


def _minutes(hours: Contract) -> tuple[int, int]:
    begin, end = hours.session.split("-")
    return minutes_of(begin), minutes_of(end)


def local_moments(moments: IntArray, zone: str) -> IntArray:
    """Return moments on the clock of a zone, as nanoseconds since 1970 of that clock."""
    stamps = pd.DatetimeIndex(moments.view("M8[ns]"), tz="UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(stamps.as_unit("ns").asi8, dtype=np.int64)


def _instants(dates: IntArray, minutes: int | IntArray, zone: str) -> IntArray:
    """Return the moments at which a zone's clock shows some minutes after midnight of some dates (days since 1970).

    A time that the clock shows twice is the later one; one that it leaves out is the moment of the change.
    """
    wall, place = np.unique(dates * DAY_NS + minutes * MINUTE, return_inverse=True)
    stamps = pd.DatetimeIndex(wall.view("M8[ns]"))
    later = np.zeros(len(wall), dtype=bool)
    found = stamps.tz_localize(zone, ambiguous=later, nonexistent="shift_forward")
    return np.asarray(found.as_unit("ns").asi8, dtype=np.int64)[place]


def _opens(dates: IntArray, hours: Contract) -> IntArray:
    """Return when the sessions of some dates open; one that begins in the evening belongs to the next date."""
    begin, end = _minutes(hours)
    return _instants(dates - (begin >= end), begin, hours.exchange_tz)


def _closes(dates: IntArray, hours: Contract) -> IntArray:
    """Return when the sessions of some dates close, half days included."""
    minutes = np.full(len(dates), _minutes(hours)[1], dtype=np.int64)
    for day in hours.half_days:
        minutes[dates == np.datetime64(day[:10], "D").astype(np.int64)] = minutes_of(day[11:])
    return _instants(dates, minutes, hours.exchange_tz)


def session_dates(start: IntArray, hours: Contract) -> IntArray:
    """Return the date of the session that each bar belongs to: the first that closes after the bar's start."""
    dates = local_moments(start, hours.exchange_tz) // DAY_NS
    return np.where(start < _closes(dates, hours), dates, _weekday(dates + 1, hours))


def trading_days(start: IntArray, hours: Contract) -> IntArray:
    """Return the day of each bar, in days since 1970: its session's date, or without a session that of the clock."""
    if hours.exchange_tz and hours.session:
        return session_dates(start, hours)
    return np.asarray(
        (local_moments(start, hours.exchange_tz) if hours.exchange_tz else start) // DAY_NS, dtype=np.int64
    )


def _weekday(dates: IntArray, hours: Contract) -> IntArray:
    """Return the next dates with a session from some on: Monday to Friday, every day if the market never closes."""
    if _minutes(hours) == (0, 1440):
        return dates
    weekday = (dates + 3) % 7
    return np.where(weekday >= 5, dates + 7 - weekday, dates)
