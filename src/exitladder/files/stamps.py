"""Stamps as users write them, turned into nanoseconds since 1970 UTC."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.clock import NO_TIME
from exitladder.errors import ExitladderError, did_you_mean

IntArray = npt.NDArray[np.int64]

# what can be held in nanoseconds, with room for a time zone
_EARLIEST, _LATEST = pd.Timestamp("1700-01-01"), pd.Timestamp("2250-01-01")
_WITH_OFFSET = r"\d(?:\.\d+)?\s*(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
_DAY_OR_MONTH_FIRST = r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})(.*)$"


def check_tz(tz: str, error: type[ExitladderError]) -> str:
    """Return the name of a time zone if there is one of that name.

    Examples
    --------
    >>> from exitladder.errors import BarsError
    >>> check_tz("America/NewYork", BarsError)
    Traceback (most recent call last):
    exitladder.errors.BarsError: Unknown time zone 'America/NewYork'. Did you mean 'America/New_York'?
    """
    try:
        zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(tz, zoneinfo.available_timezones())
        hint = near if near.startswith("Did") else "Write one such as UTC or America/New_York."
        raise error(f"Unknown time zone '{tz}'. {hint}") from None
    return tz


def stamps_to_ns(values: pd.Series[Any], tz: str = "UTC") -> IntArray:
    """Return stamps as nanoseconds since 1970 UTC, ``NO_TIME`` where one is blank or unreadable.

    Parameters
    ----------
    values : Series
        Dates and times, aware or not; ISO 8601 and other usual texts; epoch seconds, milliseconds,
        microseconds or nanoseconds (told apart by size, each value by itself); numbers such as 20240131.
    tz : str
        Time zone of the stamps that carry none. A stamp that this zone does not know (it lies in the
        hour that daylight saving skips, or in the one it repeats) is unreadable.

    Returns
    -------
    int64 array, shape (n,)

    Examples
    --------
    >>> stamps_to_ns(pd.Series(["2024-01-31", "2024-01-31T01:00+01:00"])) // 10**9
    array([1706659200, 1706659200])
    >>> stamps_to_ns(pd.Series([1706659200, 1706659200000])) // 10**9
    array([1706659200, 1706659200])
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _to_ns(pd.DatetimeIndex(values), tz)
    if pd.api.types.is_bool_dtype(values.dtype):
        return np.full(len(values), NO_TIME, dtype=np.int64)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _from_numbers(values, tz)
    return _from_texts(values, tz)


def _to_ns(stamps: pd.DatetimeIndex, tz: str) -> IntArray:
    if stamps.tz is None:
        stamps = _localize(stamps, tz)
    utc = stamps.tz_convert("UTC").tz_localize(None)
    inside = np.asarray((utc >= _EARLIEST) & (utc <= _LATEST))
    out = np.full(len(utc), NO_TIME, dtype=np.int64)
    out[inside] = utc[inside].as_unit("ns").asi8
    return out


def _localize(stamps: pd.DatetimeIndex, tz: str) -> pd.DatetimeIndex:
    if tz == "UTC":
        return stamps.tz_localize("UTC")
    midnight = stamps.normalize() == stamps
    try:
        aware = stamps.tz_localize(tz, ambiguous="infer", nonexistent="NaT")
    except ValueError:
        aware = stamps.tz_localize(tz, ambiguous="NaT", nonexistent="NaT")
    lost = np.asarray(aware.isna()) & np.asarray(stamps.notna()) & np.asarray(midnight)
    if lost.any():
        # a date whose midnight is skipped or repeated still names its day
        days = stamps.tz_localize(tz, ambiguous=np.ones(len(stamps), dtype=bool), nonexistent="shift_forward")
        aware = pd.DatetimeIndex(np.where(lost, days.asi8, aware.asi8).view(f"M8[{aware.unit}]")).tz_localize("UTC")
    return aware


def _from_numbers(values: pd.Series[Any], tz: str) -> IntArray:
    known = values.notna().to_numpy()
    whole = pd.api.types.is_integer_dtype(values.dtype)
    number = values[known].to_numpy(dtype=np.int64 if whole else np.float64)
    out = np.full(len(values), NO_TIME, dtype=np.int64)
    if not len(number):
        return out
    if np.all((number >= 19_000_101) & (number <= 21_001_231) & (number == np.floor(number))):
        dates = pd.to_datetime(pd.Series(number.astype(np.int64).astype(str)), format="%Y%m%d", errors="coerce")
        out[known] = _to_ns(pd.DatetimeIndex(dates), tz)
        return out
    size = np.abs(number.astype(np.float64))
    steps = np.select([size < 9e9, size < 9e12, size < 9e15], [10**9, 10**6, 10**3], default=1)
    if whole:
        nanoseconds = number * steps
    else:
        finite = np.isfinite(number) & (size < 7e18)
        # a float holds no more than microseconds of today's epoch seconds
        micro = np.round(np.where(finite, number, 0.0) * (steps / 1e3))
        nanoseconds = np.where(finite, micro.astype(np.int64) * 1000, NO_TIME)
    out[known] = nanoseconds
    return out


def _from_texts(values: pd.Series[Any], tz: str) -> IntArray:
    if values.dtype == object and not values.map(lambda v: isinstance(v, str) or pd.isna(v)).all():
        # dates, datetimes and Timestamps in an object column
        values = values.map(lambda v: v.isoformat() if hasattr(v, "isoformat") and not pd.isna(v) else v)
    text = values.astype("str").str.strip()
    if text.dropna().head(1).str.fullmatch(r"[-+.\d]+").any():
        numbers = pd.to_numeric(text, errors="coerce")
        if bool((numbers.notna() | text.isna()).all()):
            whole = numbers.dropna()
            return _from_numbers(numbers.astype("Int64") if (whole == whole.round()).all() else numbers, tz)
    try:
        # the usual case at once: ISO 8601, all of one kind
        return _to_ns(pd.DatetimeIndex(pd.to_datetime(text, format="ISO8601")), tz)
    except ValueError:
        return _from_mixed_texts(text, tz)


def _from_mixed_texts(text: pd.Series[Any], tz: str) -> IntArray:
    out = np.full(len(text), NO_TIME, dtype=np.int64)
    offset = (
        text.str.contains(_WITH_OFFSET, regex=True, na=False).to_numpy() & text.str.contains(":", na=False).to_numpy()
    )
    if offset.any():
        aware = pd.to_datetime(text[offset], utc=True, format="ISO8601", errors="coerce")
        if aware.isna().any():
            aware = aware.fillna(pd.to_datetime(text[offset], utc=True, format="mixed", errors="coerce"))
        out[offset] = _to_ns(pd.DatetimeIndex(aware), tz)
    rest = ~offset & text.notna().to_numpy()
    if rest.any():
        out[rest] = _to_ns(_naive(text[rest]), tz)
    return out


def _naive(text: pd.Series[Any]) -> pd.DatetimeIndex:
    stamps = pd.to_datetime(text, format="ISO8601", errors="coerce")
    if stamps.isna().any():
        missing = stamps.isna()
        other = _year_first(text[missing])
        stamps = stamps.astype("datetime64[us]")
        stamps[missing] = pd.to_datetime(other, format="mixed", errors="coerce").astype("datetime64[us]")
    return pd.DatetimeIndex(stamps)


def _year_first(text: pd.Series[Any]) -> pd.Series[Any]:
    """Return dates such as 31.01.2024 with the year first, where the column shows what is day and month."""
    parts = text.str.extract(re.compile(_DAY_OR_MONTH_FIRST))
    found = parts[0].notna()
    if not found.any():
        return text
    first, second = parts.loc[found, 0].astype(int), parts.loc[found, 1].astype(int)
    points = text[found].str.contains(r"^\d+\.", regex=True).all()
    if (first > 12).any() or (points and not (second > 12).any()):
        day, month = parts[0], parts[1]
    elif (second > 12).any():
        day, month = parts[1], parts[0]
    else:
        # 01/02/2024 alone says neither; unreadable is better than wrong
        return text.where(~found)
    iso = parts[2] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + parts[3]
    return iso.where(found, text)
