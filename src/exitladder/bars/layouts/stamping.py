"""When bars begin: session dates, stamps at the end of a bar, a live row at the end, bars of several lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, IntArray
from exitladder.bars.checking.checks import RawBars
from exitladder.bars.checking.notes import commonest_step
from exitladder.bars.checking.report import Finding
from exitladder.bars.layouts.period_ends import first_dates
from exitladder.clock import NO_TIME, interval_name, stamp_text
from exitladder.files.stamps import Stamps

if TYPE_CHECKING:
    from exitladder.bars.layouts.columns import BarColumns
    from exitladder.files.table import Table

_SECOND = 10**9
_HOUR = 3_600 * _SECOND
_DAY = 24 * _HOUR
# a session's date may be 23 to 25 hours after the last
_NEARLY_A_DAY = 23 * _HOUR
# no session opens later in the day by UTC, but those of the next date
_LATEST_OPEN = 15 * _HOUR
# bars of another length are a run of at least so many equal steps
_RUN = 3


_24_ALONE = r"^\s*24:?00(?::?00)?\s*$"
_24_BEHIND = r"\d[\sT]+24:?00(?::?00)?(?:\D|$)"
_ZONE_COLUMNS = ("tz", "timezone", "time_zone", "zone", "utc_offset")


def zone_not_used(table: Table, names: BarColumns, stamps: Stamps, tz: str) -> str:
    """Return the error if a column names a time zone for stamps that are about to be read as UTC, else "".

    Parameters
    ----------
    table : Table
    names : BarColumns
    stamps : Stamps
        Of the whole table.
    tz : str
        The zone assumed for stamps that carry none.

    Returns
    -------
    str
    """
    label = next((names.extra[name] for name in _ZONE_COLUMNS if name in names.extra), None)
    if label is None or tz != "UTC" or not stamps.n_naive or stamps.are_dates:
        return ""
    zones = table.frame[label].dropna().astype("str").str.strip().unique()
    others = [zone for zone in zones if zone.upper() not in ("UTC", "GMT", "Z", "0", "+00:00", "ETC/UTC")]
    if not others:
        return ""
    return (
        f"Stamps must be read in their time zone, but {table.name} names it in the column '{label}' ({others[0]!r}), "
        "which is not read. Pass it as --tz, such as --tz America/New_York (data.tz), or write it behind each stamp."
    )


@dataclass(frozen=True)
class Placing:
    """How stamps of a file tell when its bars begin.

    Parameters
    ----------
    stamps : Stamps
        Of the whole file.
    tz : str
        The zone assumed for stamps that carry none.
    at_end : bool
        Whether stamps name the ends of bars.
    length_ns : int
        Length of a bar where the file's name or its own columns tell it, else 0.
    at_open : bool
        Whether daily bars are known to be stamped at the moment at which their session opens.
    period : {"", "week", "month"}
        Length of bars that are stamped with the last date of their period.
    is_assumed : bool
        Whether nothing says that stamps name the start of a bar.
    """

    stamps: Stamps
    tz: str
    at_end: bool
    length_ns: int
    at_open: bool = False
    period: str = ""
    is_assumed: bool = False


def place_in_time(raw: RawBars, placing: Placing) -> list[Finding]:
    """Set the start of each bar of `raw` in place, and return the findings.

    A daily bar's stamp is the calendar date of its session, whatever zone it is written in: it becomes that date
    at 00:00 UTC.
    """
    findings = _leave_out_live_row(raw, placing)
    wall = placing.stamps.wall[raw.rows]
    readable = raw.time != NO_TIME
    if _at_midnight(wall):
        raw.time = wall
    elif placing.tz != "UTC" and _is_daily(raw.time) and _at_midnight(local := _local(raw.time, placing.tz)):
        raw.time = local
    elif placing.at_open and _is_daily(raw.time) and not (raw.time[readable] % _DAY > _LATEST_OPEN).any():
        # such an open has the same date in UTC and on its exchange
        raw.time = np.where(readable, raw.time - raw.time % _DAY, NO_TIME)
    elif placing.is_assumed and _is_daily(raw.time):
        findings += _hour_of_days(raw)
    if placing.period:
        raw.time = first_dates(raw.time, placing.period)
    elif placing.at_end and len(raw):
        time = _whole(raw.time)
        step = placing.length_ns or commonest_step(_distinct(time)) or _DAY
        raw.time = np.where(readable, time - step, NO_TIME)
    return findings


def _hour_of_days(raw: RawBars) -> list[Finding]:
    """Return a warning of daily bars stamped at an hour that may be the open or the close of their session."""
    known = raw.time[raw.time != NO_TIME]
    if 2 * np.count_nonzero(known % _DAY) <= len(known):
        return []
    i = int(np.argmax(raw.time != NO_TIME))
    step = interval_name(commonest_step(_distinct(raw.time)))
    message = (
        f"Bars of '{raw.symbol}' are {step} long and stamped at an hour, first {stamp_text(int(raw.time[i]))} "
        f"({raw.place(i)}): each is read as the {step} that begin then. Pass --stamps start if that is so, --stamps "
        "end if they end then, or write dates (data.stamps)."
    )
    return [Finding(raw.symbol, "warning", "hour_of_days", len(raw), raw.place(i), message)]


def _local(time: IntArray, tz: str) -> IntArray:
    known = pd.DatetimeIndex(np.where(time == NO_TIME, pd.NaT.value, time).view("M8[ns]"), tz="UTC")
    return np.asarray(known.tz_convert(tz).tz_localize(None).asi8, dtype=np.int64)


def _at_midnight(time: IntArray) -> bool:
    if (time[:64] % _DAY != 0).any() and (time[:64][time[:64] != NO_TIME] % _DAY).any():
        return False
    known = time[time != NO_TIME]
    return bool(len(known)) and not (known % _DAY).any()


def _distinct(time: IntArray) -> IntArray:
    """Return readable times, each once, in order."""
    if len(time) and time[0] != NO_TIME and (time[1:] > time[:-1]).all():
        return time
    return np.unique(time[time != NO_TIME])


def _is_daily(time: IntArray) -> bool:
    return commonest_step(_distinct(time)) >= _NEARLY_A_DAY


def _whole(time: IntArray) -> IntArray:
    """Return ends such as 09:59:59.999 as the moment that they mean."""
    known = time[time != NO_TIME]
    for rest, size in ((1, _SECOND), (1_000, _SECOND), (1_000_000, _SECOND), (_SECOND, 60 * _SECOND)):
        if len(known) and (known % size == size - rest).all():
            return np.where(time == NO_TIME, NO_TIME, time + rest)
    return time


def name_midnight_as_24(table: Table, names: BarColumns, stamps: Stamps) -> bool:
    """Return whether a stamp is at 24:00, which only the end of a bar can be.

    Parameters
    ----------
    table : Table
    names : BarColumns
    stamps : Stamps
        Of the whole table.

    Returns
    -------
    bool
    """
    if stamps.are_dates or (stamps.wall % _DAY).all():
        return False
    given = table.frame[names.stamp if names.time_of_day is None else names.time_of_day]
    if pd.api.types.is_datetime64_any_dtype(given.dtype) or pd.api.types.is_float_dtype(given.dtype):
        return False
    if names.time_of_day is None and pd.api.types.is_numeric_dtype(given.dtype):
        return False
    pattern = _24_ALONE if names.time_of_day is not None else _24_BEHIND
    return bool(given.astype("str").str.contains(pattern, regex=True, na=False).any())


def are_last_moments(stamps: Stamps) -> bool:
    """Return whether all stamps are the last moment of a minute, such as 09:59:59 or 09:59:59.999: ends of bars."""
    known = stamps.ns[stamps.ns != NO_TIME]
    return len(known) > 1 and bool((_whole(known) % (60 * _SECOND) == 0).all() and (known % (60 * _SECOND) != 0).all())


def _leave_out_live_row(raw: RawBars, placing: Placing) -> list[Finding]:
    """Leave out the newest row if it alone is closer to the one before than bars are: a price still forming."""
    time = _distinct(raw.time)
    if len(time) < 4:
        return []
    steps = np.diff(time)
    if steps[-1] >= steps[:-1].min():
        return []
    usual = commonest_step(time[:-1])
    (newest,) = (raw.time == time[-1]).nonzero()
    if len(newest) > 1:
        return []
    last = newest[0]
    # a session may end early, but on a whole minute
    is_bar = placing.stamps.wall[raw.rows[last]] % (60 * _SECOND) == 0 if usual < _DAY else steps[-1] % _DAY == 0
    if steps[-1] >= usual or is_bar:
        return []
    message = (
        f"The newest row of '{raw.symbol}', {stamp_text(int(raw.time[last]))}, comes "
        f"{pd.Timedelta(int(steps[-1]))} after the one before, and its bars are {interval_name(usual)} long "
        f"({raw.place(int(last))}): a live row, not a bar. It was left out."
    )
    finding = Finding(raw.symbol, "warning", "live_row", 1, raw.place(int(last)), message)
    keep: BoolArray = np.ones(len(raw), dtype=bool)
    keep[last] = False
    raw.keep(keep)
    return [finding]
