"""The trading hours of a symbol, proposed from the stamps of its intraday bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.bars.bars import Bars

_MINUTE = 60 * 10**9
_DAY = 1440
# hours of the best-known exchanges on their own clock, in the order in which they are tried
_KNOWN = (
    ("America/New_York", "09:30-16:00"),
    ("Europe/London", "08:00-16:30"),
    ("Europe/Berlin", "09:00-17:30"),
    ("Asia/Kolkata", "09:15-15:30"),
    ("Asia/Hong_Kong", "09:30-16:00"),
    ("Asia/Tokyo", "09:00-15:00"),
    ("Asia/Tokyo", "09:00-15:30"),
    ("Australia/Sydney", "10:00-16:00"),
)
_USUAL_SHARE, _LEAST_DAYS, _SHORTER = 0.7, 5, 30
# exchanges have a few half days a year; more shorter days than this are gaps in the data
_HALF_DAY_SHARE = 0.03
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class SessionProposal:
    """Trading hours as the bars show them.

    Parameters
    ----------
    session, exchange_tz : str
        As in ``[symbols.NAME]``; empty if the bars do not settle them.
    half_days : tuple of str
        Dates on which the last bar ends at least half an hour early, with that time; none if they are too many to be
        half days.
    text : str
        The hours seen, in words.
    """

    session: str = ""
    exchange_tz: str = ""
    half_days: tuple[str, ...] = ()
    text: str = ""


def propose_session(bars: Bars, tz: str = "UTC") -> SessionProposal:
    """Return the trading hours that the stamps of intraday bars show.

    Parameters
    ----------
    bars : Bars
        Of one symbol.
    tz : str
        The exchange's zone, if it is known; UTC if not.

    Returns
    -------
    SessionProposal
        Empty for daily bars. Without `tz`, a zone is proposed only if the hours are those of a well-known exchange on
        its own clock, or if the bars cover the whole of every day.
    """
    if bars.interval_ns >= _DAY * _MINUTE or len(bars) < 2:
        return SessionProposal()
    if _is_round_the_clock(bars):
        return SessionProposal("00:00-24:00", "UTC", (), "bars cover every hour of every day")
    for zone, hours in _KNOWN:
        if tz not in ("UTC", zone):
            continue
        days = _Days.of(bars, zone)
        if days.is_regular and days.hours == _on_grid(hours, bars.interval_ns // _MINUTE):
            return _proposal(days, zone, hours)
    if tz != "UTC":
        return _proposal(_Days.of(bars, tz), tz, "")
    days = _Days.of(bars, "UTC")
    seen = (
        f"bars run from {_clock(days.usual[0])} to {_clock(days.usual[1])} UTC on most days" if days.is_regular else ""
    )
    unsettled = f"{seen or 'bars have no regular hours in UTC'}; the exchange's zone is not settled (pass --tz ZONE)"
    return SessionProposal(text=unsettled)


@dataclass(frozen=True)
class _Days:
    """First and last minute of each local date with bars."""

    date: np.ndarray
    first: IntArray
    last: IntArray

    @classmethod
    def of(cls, bars: Bars, tz: str) -> _Days:
        stamps = pd.DatetimeIndex(bars.time.view("M8[ns]"), tz="UTC").tz_convert(tz).tz_localize(None)
        minute = (stamps.asi8 // _MINUTE).astype(np.int64)
        day, at = minute // _DAY, minute % _DAY
        begin = np.flatnonzero(np.concatenate([[True], np.diff(day) != 0]))
        end = np.append(begin[1:], len(day)) - 1
        return cls(day[begin].astype("M8[D]"), at[begin], at[end] + bars.interval_ns // _MINUTE)

    @property
    def usual(self) -> tuple[int, int]:
        """The commonest first minute and the commonest last one."""
        return _commonest(self.first), _commonest(self.last)

    @property
    def hours(self) -> str:
        return "-".join(map(_clock, self.usual))

    @property
    def is_regular(self) -> bool:
        """Whether most days begin and end at the usual minutes, and none goes past midnight."""
        first, last = self.usual
        same = (self.first == first) & (self.last == last)
        return len(self.date) >= _LEAST_DAYS and bool(same.mean() >= _USUAL_SHARE) and first < last <= _DAY

    def by_weekday(self) -> Mapping[str, str]:
        """Return the usual hours of each weekday that has bars, if weekdays differ."""
        weekday = (self.date.astype(np.int64) + 3) % 7
        found = {}
        for k in np.unique(weekday):
            rows = weekday == k
            found[_WEEKDAYS[k]] = f"{_clock(_commonest(self.first[rows]))}-{_clock(_commonest(self.last[rows]))}"
        return found if len(set(found.values())) > 1 else {}


def _proposal(days: _Days, zone: str, known: str) -> SessionProposal:
    if not days.is_regular:
        return SessionProposal(text=f"bars have no regular hours in {zone}; no session is proposed")
    first, last = days.usual
    early = (days.first == first) & (days.last <= last - _SHORTER)
    # a weekday that always ends early is no half day
    shorter = [str(date) for date in days.date[early]]
    half_days = tuple(f"{date} {_clock(last)}" for date, last in zip(shorter, days.last[early], strict=True))
    hours = known or days.hours
    text = f"{hours} {zone} on {len(days.date) - len(shorter)} of {len(days.date)} days"
    different = days.by_weekday()
    if different:
        text += "; by weekday " + ", ".join(f"{name} {of_day}" for name, of_day in different.items())
    if shorter:
        text += f"; {len(shorter)} shorter days, the last ones {', '.join(shorter[-3:])}"
    few = len(shorter) <= max(1, _HALF_DAY_SHARE * len(days.date))
    return SessionProposal(hours, zone, half_days if few else (), text)


def _is_round_the_clock(bars: Bars) -> bool:
    step = np.diff(bars.time)
    hours = np.unique((bars.time // (3600 * 10**9)) % 168)
    return len(hours) * max(1, bars.interval_ns // (3600 * 10**9)) >= 168 and bool(
        (step == bars.interval_ns).mean() > 0.98
    )


def _on_grid(hours: str, interval: int) -> str:
    """Return hours as bars of an interval (minutes) show them: begun earlier and ended later, on the whole interval."""
    first, last = ((int(part[:2]) * 60 + int(part[3:])) for part in hours.split("-"))
    return f"{_clock(first // interval * interval)}-{_clock(-(-last // interval) * interval)}"


def _commonest(values: IntArray) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[np.argmax(counts)])


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
