"""Time zones: names, offsets as written behind stamps, and local times put on the line of UTC."""

from __future__ import annotations

import itertools
import re
import zoneinfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.errors import ExitladderError, did_you_mean

IntArray = npt.NDArray[np.int64]

_HOUR = 3_600 * 10**9
# abbreviations that mean one offset wherever they are used; others, such as CST and IST, mean several
_ABBREVIATIONS = {
    "Z": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CDT": -5,
    "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "HKT": 8, "AEST": 10, "AEDT": 11,
}  # fmt: skip
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)
# a local clock goes back by more than this only where another symbol's rows begin
_BACK = 2 * _HOUR


def check_tz(tz: str, error: type[ExitladderError]) -> str:
    """Return the name of a time zone if there is one of that name.

    Examples
    --------
    >>> from exitladder.errors import BarsError
    >>> check_tz("America/NewYork", BarsError)
    Traceback (most recent call last):
    exitladder.errors.BarsError: Unknown time zone 'America/NewYork'. Did you mean 'America/New_York'?
    """
    if not is_zone(tz):
        near = did_you_mean(tz, zoneinfo.available_timezones())
        hint = near if near.startswith("Did") else "Write one such as UTC or America/New_York."
        raise error(f"Unknown time zone '{tz}'. {hint}")
    return tz


def is_zone(tz: str) -> bool:
    """Return whether there is a time zone of that name."""
    try:
        zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def offset_ns(text: str) -> int | None:
    """Return the offset from UTC that a suffix such as ``+01:00``, ``GMT+0100`` or ``EST`` names, nanoseconds.

    Examples
    --------
    >>> offset_ns("GMT+0100") // 10**9, offset_ns("-05:30") // 10**9, offset_ns("CST")
    (3600, -19800, None)
    """
    name = text.strip().strip("[]")
    if name.upper() in _ABBREVIATIONS:
        return _ABBREVIATIONS[name.upper()] * _HOUR
    found = _OFFSET.fullmatch(name)
    if not found or int(found[2]) > 15 or int(found[3] or 0) > 59:
        return None
    size = int(found[2]) * _HOUR + int(found[3] or 0) * 60 * 10**9
    return -size if found[1] == "-" else size


def localize(stamps: pd.DatetimeIndex, tz: str) -> pd.DatetimeIndex:
    """Return local times of a zone as instants.

    The hour that comes twice when daylight saving ends is settled by the order of the rows. A time that is skipped, or
    that comes twice and is ambiguous, is NaT; a date whose midnight is skipped or comes twice still names its day.
    """
    if tz == "UTC":
        return stamps.tz_localize("UTC")
    try:
        aware = stamps.tz_localize(tz, ambiguous="raise", nonexistent="raise")
    except ValueError:
        aware = _localize_run_by_run(stamps, tz)
    midnight = np.asarray(stamps.normalize() == stamps)
    lost = np.asarray(aware.isna()) & np.asarray(stamps.notna()) & midnight
    if lost.any():
        days = stamps.tz_localize(tz, ambiguous=np.ones(len(stamps), dtype=bool), nonexistent="shift_forward")
        unit = aware.unit
        aware = pd.DatetimeIndex(np.where(lost, days.as_unit(unit).asi8, aware.asi8).view(f"M8[{unit}]"))
        aware = aware.tz_localize("UTC")
    return aware


def _localize_run_by_run(stamps: pd.DatetimeIndex, tz: str) -> pd.DatetimeIndex:
    """Settle the repeated hour in each run of rows that goes forward, or backward, in time."""
    plain = stamps.as_unit("ns")
    known = np.flatnonzero(np.asarray(plain.notna()))
    out = np.full(len(plain), pd.NaT.value, dtype=np.int64)
    time = plain.asi8[known]
    if not len(time):
        return pd.DatetimeIndex(out.view("M8[ns]")).tz_localize("UTC")
    backwards = np.count_nonzero(np.diff(time) < 0) > np.count_nonzero(np.diff(time) > 0)
    if backwards:
        known, time = known[::-1], time[::-1]
    edges = [0, *(np.flatnonzero(np.diff(time) < -_BACK) + 1).tolist(), len(time)]
    out[known] = np.concatenate([_run(time[a:b], tz) for a, b in itertools.pairwise(edges)])
    return pd.DatetimeIndex(out.view("M8[ns]")).tz_localize("UTC")


def _run(time: IntArray, tz: str) -> IntArray:
    """Return the instants of local times that go forward; ambiguous ones are NaT."""
    first = np.append(True, np.diff(time) != 0)
    # rows of several symbols may share their stamps
    for chosen, rows in ((time, slice(None)), (time[first], np.cumsum(first) - 1)):
        try:
            aware = pd.DatetimeIndex(chosen.view("M8[ns]")).tz_localize(tz, ambiguous="infer", nonexistent="NaT")
        except ValueError:
            continue
        return np.asarray(aware.tz_convert("UTC").as_unit("ns").asi8, dtype=np.int64)[rows]
    aware = pd.DatetimeIndex(time.view("M8[ns]")).tz_localize(tz, ambiguous="NaT", nonexistent="NaT")
    return np.asarray(aware.tz_convert("UTC").as_unit("ns").asi8, dtype=np.int64)
