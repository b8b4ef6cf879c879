"""Stamps that are numbers: epochs, calendar dates in digits, serial days of a spreadsheet."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.clock import NO_TIME

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_DAY = 86_400 * 10**9
_UNITS = (
    (9e9, 10**9, "seconds"),
    (9e12, 10**6, "milliseconds"),
    (9e15, 10**3, "microseconds"),
    (7e18, 1, "nanoseconds"),
)
# an epoch in seconds below this is of 1973 or before, and no column of stamps has only such ones
_LEAST_EPOCH = 1e8
# digits of a calendar date and, from the left, of its time
_COMPACT = {8: "YYYYMMDD", 12: "YYYYMMDDHHMM", 14: "YYYYMMDDHHMMSS", 17: "YYYYMMDDHHMMSSmmm"}
_SERIAL_FROM, _SERIAL_TO = 25_569, 73_050
_SERIAL_ZERO = pd.Timestamp("1899-12-30").as_unit("ns").value
# fewer decimals of a day do not settle a minute
_FEWEST_DECIMALS = 4
_HINT = "Write ISO 8601 such as 2024-01-31T15:30Z"


def read_numbers(values: pd.Series[Any]) -> tuple[IntArray, str, bool, str]:
    """Return what a column of numbers means as stamps.

    Parameters
    ----------
    values : Series of integers or floats

    Returns
    -------
    int64 array, shape (n,)
        Nanoseconds since 1970; ``NO_TIME`` where blank or unreadable.
    str
        The form: ``epoch milliseconds``, ``YYYYMMDD``, ``serial days of a spreadsheet``.
    bool
        Whether these are local times, which a zone must place; epochs are not.
    str
        Why the column cannot be read; empty if it can.
    """
    known = values.notna().to_numpy()
    out = np.full(len(values), NO_TIME, dtype=np.int64)
    whole = pd.api.types.is_integer_dtype(values.dtype)
    number = values[known].to_numpy(dtype=np.int64 if whole else np.float64)
    if not len(number):
        return out, "", False, ""
    as_float = number.astype(np.float64)
    finite = np.isfinite(as_float)
    if not finite.any():
        return out, "", False, ""
    usable = as_float if finite.all() else as_float[finite]
    least, most = float(usable.min()), float(usable.max())
    for digits, form in _COMPACT.items():
        if least >= 1.9 * 10 ** (digits - 1) and most < 2.101 * 10 ** (digits - 1):
            found = _compact(number, finite, digits)
            if digits == 8 or (found[finite] != NO_TIME).all():
                out[known] = found
                return out, form, True, ""
    if least >= _SERIAL_FROM and most <= _SERIAL_TO:
        out[known] = np.where(finite, _serial(np.where(finite, as_float, 0.0)), NO_TIME)
        return out, "serial days of a spreadsheet", True, ""
    if max(-least, most) < _LEAST_EPOCH:
        return out, "", False, _too_small(float(usable[0]))
    for above, (limit, step, name) in zip((0.0, *(u[0] for u in _UNITS)), _UNITS, strict=False):
        if whole and least >= max(above, _LEAST_EPOCH * 1e9 / step) and most < limit:
            # the usual case at once: one unit
            out[known] = number * step
            return out, f"epoch {name}", False, ""
    found, form = _epochs(number, as_float, finite, whole)
    out[known] = found
    return out, form, False, ""


def _too_small(first: float) -> str:
    return (
        f"Stamps must be dates and times, but are numbers such as {first:.10g}, which are no epoch, no YYYYMMDD and no "
        f"serial day of a spreadsheet. {_HINT}, or name the column with the stamps"
    )


def _compact(number: npt.NDArray[Any], finite: npt.NDArray[np.bool_], digits: int) -> IntArray:
    whole = np.where(finite, number, 0).astype(np.int64)
    parts = []
    for width in (3, 2, 2, 2)[{8: 4, 12: 2, 14: 1, 17: 0}[digits] :]:
        whole, part = np.divmod(whole, 10**width)
        parts.append(part)
    millis = parts.pop(0) if digits == 17 else np.zeros_like(whole)
    second = parts.pop(0) if digits >= 14 else np.zeros_like(whole)
    minute, hour = (parts[0], parts[1]) if digits >= 12 else (np.zeros_like(whole), np.zeros_like(whole))
    days = days_from_civil(whole // 10_000, whole // 100 % 100, whole % 100)
    good = finite & (number == np.floor(number)) & (days != NO_TIME) & (hour < 24) & (minute < 60) & (second < 60)
    ns = (np.where(good, days, 0) * 86_400 + hour * 3_600 + minute * 60 + second) * 10**9 + millis * 10**6
    return np.where(good, ns, NO_TIME)


def days_from_civil(year: IntArray, month: IntArray, day: IntArray) -> IntArray:
    """Return days since 1970-01-01, shape as given; ``NO_TIME`` where there is no such date.

    Parameters
    ----------
    year, month, day : int64 array, shape (n,)
        Of the Gregorian calendar; months and days count from 1.

    Returns
    -------
    int64 array, shape (n,)
        In days.

    Examples
    --------
    >>> days_from_civil(np.array([2024, 2023]), np.array([2, 2]), np.array([29, 29])).tolist()[0]
    19782
    """
    fits = (month >= 1) & (month <= 12) & (year >= 1) & (year <= 9999) & (day >= 1)
    months = np.where(fits, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    first = months.astype("M8[D]").astype(np.int64)
    length = (months + 1).astype("M8[D]").astype(np.int64) - first
    return np.where(fits & (day <= length), first + day - 1, NO_TIME)


def _serial(number: FloatArray) -> IntArray:
    days = np.floor(number)
    rest = (number - days) * 86_400
    near = np.round(rest)
    # a serial day holds some microseconds; whole seconds are meant where they are near
    seconds = np.where(np.abs(rest - near) < 2e-3, near, np.round(rest, 3))
    # days written with few decimals are off by up to half of the last one: whole minutes or seconds are meant
    n_decimals = next((n for n in range(7) if np.abs(number * 10**n - np.round(number * 10**n)).max() < 1e-4), 7)
    slack = 43_200 / 10**n_decimals
    for step in (60, 1):
        meant = np.round(rest / step) * step
        if n_decimals >= _FEWEST_DECIMALS and slack < step / 2 and (np.abs(rest - meant) <= slack + 2e-3).all():
            seconds = meant
            break
    return days.astype(np.int64) * _DAY + np.round(seconds * 1e3).astype(np.int64) * 10**6 + _SERIAL_ZERO


def _epochs(
    number: npt.NDArray[Any], as_float: FloatArray, finite: npt.NDArray[np.bool_], whole: bool
) -> tuple[IntArray, str]:
    size = np.abs(np.where(finite, as_float, 0.0))
    limits = [limit for limit, _, _ in _UNITS]
    unit = np.minimum(np.searchsorted(limits, size, side="right"), len(_UNITS) - 1)
    top = int(unit[finite].max())
    steps = np.array([step for _, step, _ in _UNITS])
    # units may change within a column, but no stamp falls to before 1973 by that
    early = size * steps[unit] < _LEAST_EPOCH * 1e9
    unit = np.where(early, top, unit)
    form = "epoch " + " and ".join(_UNITS[k][2] for k in np.unique(unit[finite]))
    if whole:
        return number * steps[unit], form
    usable = finite & (size < 7e18)
    # a float holds no more than microseconds of today's epoch seconds
    micro = np.round(np.where(usable, as_float, 0.0) * (steps[unit] / 1e3))
    return np.where(usable, micro.astype(np.int64) * 1000, NO_TIME), form
