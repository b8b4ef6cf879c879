"""Stamps written as texts, decoded with one order of day, month and year for a whole column."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from exitladder.clock import NO_TIME
from exitladder.files.stamp_numbers import days_from_civil
from exitladder.files.text.month_names import SHORT_WEEKDAYS, WEEKDAYS, month_numbers
from exitladder.files.zones import is_zone, localize, offset_ns

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_LETTER = r"\p{L}"
_WEEKDAY = rf"(?:(?i:(?:{WEEKDAYS}){_LETTER}*|{SHORT_WEEKDAYS})\.?,?\s+)?"
_NAME = rf"{_LETTER}{{3,11}}"
_DATES = (
    r"(?P<y1>\d{4})(?P<s1>[-/.])(?P<m1>\d{1,2})[-/.](?P<d1>\d{1,2})",
    r"(?P<c>\d{8})",
    r"(?P<p>\d{1,2})(?P<s>[-/.])(?P<q>\d{1,2})[-/.](?P<r>\d{4}|\d{2})",
    rf"(?P<d2>\d{{1,2}})(?:[ /.-]|\. |(?:er|º|°)\.? | de )?(?P<n2>{_NAME})\.?,?(?:[ /.-]| de )?(?P<y2>\d{{4}}|\d{{2}})",
    rf"(?P<n3>{_NAME})\.?\s+(?P<d3>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y3>\d{{4}})",
    rf"(?P<y4>\d{{4}})[ /.-](?P<n4>{_NAME})[ /.-](?P<d4>\d{{1,2}})",
)
_TIME = (
    r"(?:(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,:](?P<f>\d{1,9}))?)?(?:\s*(?P<ap>[AaPp])\.?[Mm]\.?)?"
    r"|(?P<t>\d{6}|\d{4}|\d{2}))"
)
_ZONE = (
    r"(?P<z>(?:UTC|GMT)?[+-]\d{1,2}:?(?:\d{2})?|[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+|[A-Za-z]{1,5})?"
    r"(?:\[[^\]]*\]|\s*\([^)]*\))?"
)
_STAMP = rf"^\s*{_WEEKDAY}(?:{'|'.join(_DATES)})(?:(?:\s*[T,;_]\s*|\s+){_TIME}\s*{_ZONE})?\s*$"
_EARLY_CENTURY = 69
# dates of either form from which on swapped ones are suspected
_SWAPPED = 3
# by how much longer a span of time must be for its reading of the dates to be doubted
_CLEARLY = 1.2


@dataclass(frozen=True)
class TextStamps:
    """What texts mean as stamps.

    Parameters
    ----------
    ns : int64 array, shape (n,)
        Instants, nanoseconds since 1970 UTC; ``NO_TIME`` where blank or unreadable.
    wall : int64 array, shape (n,)
        The date and time as written, as if it were UTC.
    is_date : bool array, shape (n,)
        Whether a date alone is written, without a time.
    order : str
        ``day first``, ``month first`` or empty.
    n_naive : int
        Stamps without a zone of their own.
    problem : str
        Why the column cannot be read; empty if it can.
    """

    ns: IntArray
    wall: IntArray
    is_date: BoolArray
    order: str
    n_naive: int
    problem: str = ""


def read_texts(texts: Any, tz: str, dates: str) -> TextStamps:
    """Return what a column of texts means as stamps.

    Parameters
    ----------
    texts : pyarrow array of strings, shape (n,)
    tz : str
        Zone of stamps that carry none.
    dates : {"auto", "dayfirst", "monthfirst"}
        Order of day and month where the column does not settle it.

    Returns
    -------
    TextStamps
        Its `problem` is not empty if the order of day and month is ambiguous.
    """
    found = pc.extract_regex(_composed(texts), _STAMP)
    part = {field.name: pc.struct_field(found, field.name) for field in found.type}
    matched = found.is_valid().to_numpy(zero_copy_only=False)
    year, month, day = (np.zeros(len(texts), dtype=np.int64) for _ in range(3))
    problem = _fill(part, matched, (year, month, day))
    order, more = _place_order(part, (year, month, day), dates)
    problem = problem or more or _swapped(part)
    if problem:
        nothing = np.full(len(texts), NO_TIME, dtype=np.int64)
        return TextStamps(nothing, nothing, np.zeros(len(texts), dtype=bool), "", 0, problem)
    days = days_from_civil(year, month, day)
    time, good_time, has_time = _time_of_day(part)
    good = matched & (days != NO_TIME) & good_time
    wall = np.where(good, np.where(good, days, 0) * (86_400 * 10**9) + time, NO_TIME)
    ns, n_naive = _in_zone(wall, good, part["z"], tz)
    return TextStamps(ns, np.where(ns == NO_TIME, NO_TIME, wall), good & ~has_time, order, n_naive)


def _number(part: Any) -> tuple[IntArray, BoolArray]:
    """Return a group's numbers, 0 where it is not there, and where it is there."""
    there = pc.fill_null(pc.not_equal(part, ""), False)
    values = pc.cast(pc.if_else(there, part, "0"), pa.int64())
    return (
        pc.fill_null(values, 0).to_numpy(zero_copy_only=False).astype(np.int64),
        there.to_numpy(zero_copy_only=False),
    )


def _full_year(year: IntArray, text: Any) -> IntArray:
    is_short = pc.fill_null(pc.equal(pc.utf8_length(text), 2), False).to_numpy(zero_copy_only=False)
    return np.where(is_short, year + np.where(year < _EARLY_CENTURY, 2000, 1900), year)


def _composed(texts: Any) -> Any:
    """Return texts in which a letter and its accent are one character."""
    if pc.all(pc.string_is_ascii(texts)).as_py() is not False:
        return texts
    plain = [None if t is None else unicodedata.normalize("NFC", t) for t in texts.to_pylist()]
    return pc.replace_substring_regex(pa.array(plain, type=texts.type), "[\u00a0\u202f]", " ")


def _fill(part: dict[str, Any], matched: BoolArray, date: tuple[IntArray, IntArray, IntArray]) -> str:
    """Fill in the dates whose order their form tells; return why names of months cannot be read, or "".

    Names of all forms of date belong to one language.
    """
    year, month, day = date
    names = {str(n) for form in ("n2", "n3", "n4") for n in pc.unique(part[form]).to_pylist() if n}
    numbers, problem = month_numbers(sorted(names)) if names else ({}, "")
    if problem:
        return problem
    for y, m, d in (("y1", "m1", "d1"), ("y2", "n2", "d2"), ("y3", "n3", "d3"), ("y4", "n4", "d4")):
        values, there = _number(part[y])
        if not there.any():
            continue
        year[there] = _full_year(values, part[y])[there]
        day[there] = _number(part[d])[0][there]
        month[there] = (_named_month(part[m], numbers) if m.startswith("n") else _number(part[m])[0])[there]
    digits, there = _number(part["c"])
    if there.any():
        year[there], month[there], day[there] = (
            part[there] for part in (digits // 10_000, digits // 100 % 100, digits % 100)
        )
    return ""


def _named_month(names: Any, numbers: dict[str, int]) -> IntArray:
    return np.asarray(pd.Series(names.to_pandas()).map(numbers).fillna(0), dtype=np.int64)


def _place_order(part: dict[str, Any], date: tuple[IntArray, IntArray, IntArray], dates: str) -> tuple[str, str]:
    """Fill in dates such as 31/01/2024, all in one order; return the order, or the problem."""
    first, there = _number(part["p"])
    if not there.any():
        return "", ""
    second = _number(part["q"])[0]
    year, month, day = date
    year[there] = _full_year(_number(part["r"])[0], part["r"])[there]
    marks = {str(mark) for mark in pc.unique(part["s"]).to_pylist() if mark}
    is_short = pc.fill_null(pc.equal(pc.utf8_length(part["r"]), 2), False).to_numpy(zero_copy_only=False)
    day_first, month_first = bool((first[there] > 12).any()), bool((second[there] > 12).any())
    shown = _shown(part, int(np.argmax(there)))
    if "-" in marks and dates == "auto" and (is_short & there).any():
        return "", _open(f"dates such as {shown} may begin with the day, the month or the year")
    if dates == "auto" and _may_begin_with_year(part, there, is_day_first=day_first or marks == {"."}):
        return "", _open(f"dates such as {shown} may begin with the year")
    if day_first and month_first:
        a = _shown(part, int(np.argmax(there & (first > 12))))
        b = _shown(part, int(np.argmax(there & (second > 12))))
        return "", (
            f"All dates of a column must have one order of day and month, but {a} has the day first and {b} the month. "
            "Write them in one order, such as 2024-01-31"
        )
    if not day_first and not month_first:
        if dates == "auto" and marks != {"."}:
            return "", _open(f"dates such as {shown} leave open which is which")
        month_first = dates == "monthfirst"
    day[there], month[there] = (second[there], first[there]) if month_first else (first[there], second[there])
    return "month first" if month_first else "day first", ""


def _swapped(part: dict[str, Any]) -> str:
    """Return why dates are doubted that a spreadsheet took for another order of day and month, else "".

    It turns 05/01/2024 into the first of May where it expects the month first, and leaves 13/01/2024 as text: every
    date has a day of 12 or less, and every text shows its day.
    """
    (day, are_dates), (first, are_texts) = _number(part["d1"]), _number(part["p"])
    second = _number(part["q"])[0]
    if are_dates.sum() < _SWAPPED or are_texts.sum() < _SWAPPED:
        return ""
    if (day[are_dates] > 12).any() or ((first <= 12) & (second <= 12) & are_texts).any():
        return ""
    i = int(np.argmax(are_dates))
    date = f"{part['y1'][i].as_py()}-{part['m1'][i].as_py()}-{part['d1'][i].as_py()}"
    return (
        f"A column of dates must have one form, but has both {date!r} and {_shown(part, int(np.argmax(are_texts)))}, "
        "and no date of the first form has a day above 12: a spreadsheet has most likely swapped their day and month. "
        "Export the file again without opening it in a spreadsheet, or write all dates such as 2024-01-31"
    )


def _may_begin_with_year(part: dict[str, Any], there: BoolArray, *, is_day_first: bool) -> bool:
    """Return whether dates of three short numbers span less time if the first one is the year."""
    is_short = pc.fill_null(pc.equal(pc.utf8_length(part["r"]), 2), False).to_numpy(zero_copy_only=False)
    if not is_short[there].all():
        return False
    first, second, last = (_number(part[name])[0][there] for name in ("p", "q", "r"))
    short_year = np.where(first < _EARLY_CENTURY, 2000, 1900) + first
    year_first = days_from_civil(short_year, second, last)
    if (year_first == NO_TIME).any():
        return False
    month, day = (second, first) if is_day_first else (first, second)
    year_last = days_from_civil(np.where(last < _EARLY_CENTURY, 2000, 1900) + last, month, day)
    known = year_last[year_last != NO_TIME]
    return len(known) < len(last) or bool(_CLEARLY * np.ptp(year_first) < np.ptp(known))


def _open(value: str) -> str:
    return (
        f"A column of dates must tell day and month apart, but {value}. Pass --dayfirst or --monthfirst "
        "(data.dayfirst, data.monthfirst), or write dates such as 2024-01-31"
    )


def _shown(part: dict[str, Any], i: int) -> str:
    mark = part["s"][i].as_py()
    return f"'{part['p'][i].as_py()}{mark}{part['q'][i].as_py()}{mark}{part['r'][i].as_py()}'"


def _time_of_day(part: dict[str, Any]) -> tuple[IntArray, BoolArray, BoolArray]:
    """Return nanoseconds since midnight, whether there is such a time, and whether a time is written at all."""
    hour, there = _number(part["H"])
    minute, second = _number(part["M"])[0], _number(part["S"])[0]
    half = pc.utf8_lower(pc.fill_null(part["ap"], "")).to_numpy(zero_copy_only=False)
    has_half = half != ""
    good = ~has_half | ((hour >= 1) & (hour <= 12))
    hour = np.where(has_half, hour % 12 + np.where(half == "p", 12, 0), hour)
    fraction = np.zeros(len(hour), dtype=np.int64)
    if pc.any(pc.not_equal(part["f"], "")).as_py():
        fraction = _number(pc.utf8_rpad(part["f"], width=9, padding="0"))[0]
    digits, compact = _number(part["t"])
    if compact.any():
        length = pc.fill_null(pc.utf8_length(part["t"]), 0).to_numpy(zero_copy_only=False)
        digits = digits * np.select([length == 2, length == 4], [10_000, 100], default=1)
        hour, minute, second = (
            np.where(compact, given, old)
            for given, old in ((digits // 10_000, hour), (digits // 100 % 100, minute), (digits % 100, second))
        )
    ends_day = (hour == 24) & (minute == 0) & (second == 0)
    good &= ((hour < 24) | ends_day) & (minute < 60) & (second < 60)
    return (hour * 3_600 + minute * 60 + second) * 10**9 + fraction, good, there | compact


def _in_zone(wall: IntArray, good: BoolArray, zones: Any, tz: str) -> tuple[IntArray, int]:
    """Return the instants of local times, each in the zone written behind it or else in `tz`."""
    codes = pc.dictionary_encode(pc.fill_null(zones, ""))
    names, code = codes.dictionary.to_pylist(), codes.indices.to_numpy(zero_copy_only=False)
    ns, n_naive = np.full(len(wall), NO_TIME, dtype=np.int64), 0
    for k, name in enumerate(names):
        rows = good & (code == k)
        if not rows.any():
            continue
        offset = None if not name else offset_ns(name)
        if offset is not None:
            ns[rows] = wall[rows] - offset
        elif not name or ("/" in name and is_zone(name)):
            n_naive += 0 if name else int(rows.sum())
            aware = localize(pd.DatetimeIndex(wall[rows].view("M8[ns]")), name or tz).tz_convert("UTC")
            ns[rows] = np.where(np.asarray(aware.isna()), NO_TIME, aware.as_unit("ns").asi8)
    return ns, n_naive
