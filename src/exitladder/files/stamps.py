"""Stamps as users write them, a whole column by one convention, turned into nanoseconds since 1970 UTC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from exitladder.clock import NO_TIME
from exitladder.files.stamp_numbers import read_numbers
from exitladder.files.stamp_texts import read_texts
from exitladder.files.zones import check_tz, localize

__all__ = ["Stamps", "check_tz", "read_stamps", "stamps_to_ns"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_DAY = 86_400 * 10**9
# no market was open before, none is known after
_EARLIEST, _LATEST = (pd.Timestamp(text).as_unit("ns").value for text in ("1900-01-01", "2250-01-01"))
_SHORTEST_ISO = 8


@dataclass(frozen=True)
class Stamps:
    """A column of stamps, and how it was read.

    Parameters
    ----------
    ns : int64 array, shape (n,)
        Instants, nanoseconds since 1970 UTC; ``NO_TIME`` where blank or unreadable.
    wall : int64 array, shape (n,)
        Date and time as written, on the clock of their own zone, as if that were UTC; of epochs, UTC.
        A date is at midnight here, whatever the zone.
    is_date : bool array, shape (n,)
        Whether a date alone is given, without a time of day.
    form : str
        Such as ``ISO 8601``, ``dates and times``, ``epoch milliseconds``.
    order : str
        ``day first`` or ``month first`` if the dates alone do not show it, else empty.
    n_naive : int
        Stamps without a zone of their own, which were placed in the zone assumed.
    problem : str
        Why the whole column cannot be read: rule, value and cure, without a full stop; empty if it can.
    """

    ns: IntArray
    wall: IntArray
    is_date: BoolArray
    form: str
    order: str = ""
    n_naive: int = 0
    problem: str = ""

    @property
    def are_dates(self) -> bool:
        """Whether every readable stamp is at midnight of its own clock: calendar dates, not instants."""
        known = self.wall[self.wall != NO_TIME]
        return bool(len(known)) and not (known[:64] % _DAY).any() and not (known % _DAY).any()


def read_stamps(
    values: pd.Series[Any], *, tz: str = "UTC", dates: str = "auto", time_of_day: pd.Series[Any] | None = None
) -> Stamps:
    """Return a column of stamps, decoded by one convention.

    Parameters
    ----------
    values : Series
        Dates and times, aware or not; ISO 8601 and other usual texts; epochs in seconds, milliseconds, microseconds
        or nanoseconds; digits such as 20240131 and 20240131153000; serial days of a spreadsheet.
    tz : str
        Time zone of the stamps that carry none. A stamp that this zone does not know (it is in the
        hour that daylight saving skips, or in the one it repeats, and the rows do not tell which) is unreadable.
    dates : {"auto", "dayfirst", "monthfirst"}
        Order of day and month in dates such as 01/02/2024, used where the column does not settle it.
    time_of_day : Series, optional
        A second column with the times: 09:30, 093000, 930.

    Returns
    -------
    Stamps
        Unreadable stamps are ``NO_TIME``. Its `problem` is not empty if the whole column is unusable.

    Examples
    --------
    >>> pd.to_datetime(read_stamps(pd.Series(["15/01/24", "03/02/24"])).ns)
    DatetimeIndex(['2024-01-15', '2024-02-03'], dtype='datetime64[ns]', freq=None)
    >>> read_stamps(pd.Series(["01/02/24", "02/02/24"])).problem[:79]
    "A column of dates must tell day and month apart, but dates such as '01/02/24' l"
    """
    if time_of_day is not None:
        problem = _open_clock(time_of_day)
        if problem:
            return _nothing(len(values), problem)
        values = _with_time(values, time_of_day)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        found = _of_datetimes(pd.DatetimeIndex(values), tz)
    elif pd.api.types.is_bool_dtype(values.dtype):
        found = _nothing(len(values), "Stamps must be dates and times, but are true and false. Name another column")
    elif pd.api.types.is_numeric_dtype(values.dtype):
        found = _of_numbers(values, tz)
    else:
        found = _of_texts(values, tz, dates)
    outside = (found.ns != NO_TIME) & ((found.ns < _EARLIEST) | (found.ns > _LATEST))
    if outside.any():
        found = replace(found, ns=np.where(outside, NO_TIME, found.ns), wall=np.where(outside, NO_TIME, found.wall))
    return found


def stamps_to_ns(values: pd.Series[Any], tz: str = "UTC", dates: str = "auto") -> IntArray:
    """Return stamps as nanoseconds since 1970 UTC, ``NO_TIME`` where one is blank or unreadable.

    Parameters
    ----------
    values : Series
    tz : str
    dates : {"auto", "dayfirst", "monthfirst"}
        As for `read_stamps`, which also tells how the column was read and why it cannot be.

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
    return read_stamps(values, tz=tz, dates=dates).ns


def _nothing(n: int, problem: str = "") -> Stamps:
    nothing = np.full(n, NO_TIME, dtype=np.int64)
    return Stamps(nothing, nothing, np.zeros(n, dtype=bool), "", problem=problem)


def _as_ns(stamps: pd.DatetimeIndex) -> IntArray:
    """Return naive or UTC stamps as nanoseconds; those that nanoseconds cannot hold are ``NO_TIME``."""
    plain = stamps.tz_convert("UTC").tz_localize(None) if stamps.tz is not None else stamps
    if len(plain) and plain.unit != "ns":
        per = {"s": 10**9, "ms": 10**6, "us": 10**3}[plain.unit]
        raw = plain.asi8
        inside = (raw >= _EARLIEST // per) & (raw <= _LATEST // per)
        if inside.all():
            return raw * per
        return np.where(inside, np.where(inside, raw, 0) * per, NO_TIME)
    return np.asarray(plain.asi8, dtype=np.int64)


def _of_datetimes(stamps: pd.DatetimeIndex, tz: str, form: str = "dates and times") -> Stamps:
    if stamps.tz is None:
        wall, n_naive = _as_ns(stamps), int(np.count_nonzero(stamps.notna()))
        ns = wall if tz == "UTC" else _as_ns(localize(pd.DatetimeIndex(wall.view("M8[ns]")), tz))
    else:
        ns, n_naive = _as_ns(stamps), 0
        wall = ns if str(stamps.tz) == "UTC" else _as_ns(stamps.tz_localize(None))
    return Stamps(ns, wall, np.zeros(len(ns), dtype=bool), form, n_naive=n_naive)


def _of_numbers(values: pd.Series[Any], tz: str) -> Stamps:
    ns, form, is_local, problem = read_numbers(values)
    if problem:
        return _nothing(len(values), problem)
    if not is_local:
        return Stamps(ns, ns, np.zeros(len(ns), dtype=bool), form)
    known = ns != NO_TIME
    wall = pd.DatetimeIndex(np.where(known, ns, pd.NaT.value).view("M8[ns]"))
    placed = ns if tz == "UTC" else _as_ns(localize(wall, tz))
    is_date = known if form == "YYYYMMDD" else np.zeros(len(ns), dtype=bool)
    return Stamps(placed, ns, is_date, form, n_naive=int(known.sum()))


def _of_texts(values: pd.Series[Any], tz: str, dates: str) -> Stamps:
    if values.dtype == object:
        # dates, datetimes and Timestamps among texts
        values = pd.Series([_cell_text(cell) for cell in values], dtype="str")
    texts = pa.array(values.astype("str"), type=pa.large_string())
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    filled = texts.drop_null()
    first = filled[0].as_py().strip() if len(filled) else ""
    if first.lstrip("-+").replace(".", "", 1).isdigit() and first.isascii():
        return _of_digits(values, texts, tz)
    lengths = pc.min_max(pc.utf8_length(filled)).as_py()
    if len(filled) and lengths["min"] >= _SHORTEST_ISO and first[:4].isdigit():
        try:
            # the usual case at once: ISO 8601, all of one kind
            stamps = pd.DatetimeIndex(pd.to_datetime(values.astype("str").str.strip(), format="ISO8601"))
        except ValueError:
            pass
        else:
            found = _of_datetimes(stamps, tz, "ISO 8601")
            if lengths["max"] <= len("2024-01-31"):
                found = replace(found, is_date=found.ns != NO_TIME)
            return found
    read = read_texts(texts, tz, dates)
    return Stamps(read.ns, read.wall, read.is_date, "dates and times", read.order, read.n_naive, read.problem)


def _cell_text(cell: object) -> str | None:
    if isinstance(cell, str):
        return cell
    if hasattr(cell, "isoformat") and not pd.isna(cell):  # type: ignore[call-overload]
        return str(cell.isoformat())
    return None if cell is None or cell is pd.NA or cell is pd.NaT else str(cell)[:64]


def _of_digits(values: pd.Series[Any], texts: Any, tz: str) -> Stamps:
    digits = pc.utf8_trim_whitespace(texts)
    plain = pc.fill_null(pc.match_substring_regex(digits, r"^[-+]?(?:0|[1-9]\d{0,18})(?:\.\d+)?$"), True)
    if not pc.all(plain).as_py():
        bad = pc.filter(digits, pc.invert(plain))[0].as_py()
        if bad.isdigit() and bad.startswith("0"):
            return _nothing(
                len(values),
                f"Dates written in digits must begin with the year, as 20240131 does, but one is {bad!r}. Write ISO "
                "8601 such as 2024-01-31",
            )
        digits = pc.if_else(plain, digits, pa.scalar(None, digits.type))
    is_whole = not pc.any(pc.match_substring(digits, ".")).as_py()
    unsigned = pc.utf8_ltrim(digits, characters="+")
    try:
        numbers = pc.cast(unsigned, pa.int64() if is_whole else pa.float64())
    except pa.ArrowInvalid:
        # 19 digits may be more than 64 bits hold; no moment is so far
        numbers = pc.cast(unsigned, pa.float64())
    series = pd.Series(numbers.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get))
    return _of_numbers(series, tz)


def _open_clock(times: pd.Series[Any]) -> str:
    """Return why times of day such as 9 and 15 cannot be read, else ""."""
    if pd.api.types.is_datetime64_any_dtype(times.dtype) or times.dtype == object:
        return ""
    texts = _digits_text(times).dropna().str.strip()
    if not len(texts) or not texts.str.fullmatch(r"\d{1,2}").all():
        return ""
    hours = texts.astype(np.int64)
    if not 0 < int(hours.max()) <= 24:
        return ""
    shown = texts[hours > 0].iloc[0]
    return (
        f"A time of day must show its hour and minute, but {shown!r} may be the hour or a minute after midnight. Write "
        "it such as 09:00 or 0900, or name the column hour if it is the hour"
    )


def _with_time(dates: pd.Series[Any], times: pd.Series[Any]) -> pd.Series[Any]:
    """Return dates and times of day in one column of texts; a time in digits gets its zeros back."""
    if pd.api.types.is_datetime64_any_dtype(dates.dtype):
        day = dates.dt.strftime("%Y-%m-%d")
    elif dates.dtype == object:
        day = pd.Series([_cell_text(cell) for cell in dates], dtype="str").str.removesuffix("T00:00:00")
    else:
        day = _digits_text(dates)
    clock = (
        _digits_text(times) if times.dtype != object else pd.Series([_cell_text(cell) for cell in times], dtype="str")
    )
    clock = clock.str.strip()
    is_digits = clock.str.fullmatch(r"\d+").fillna(False).astype(bool)
    if is_digits.any():
        width = 6 if int(clock[is_digits].str.len().max()) > 4 else 4
        clock = clock.where(~is_digits, clock.str.zfill(width))
    joined: pd.Series[Any] = (day.str.strip() + " " + clock).astype("str")
    return joined


def _digits_text(values: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_float_dtype(values.dtype):
        values = values.astype("Int64")
    return values.astype("str")
