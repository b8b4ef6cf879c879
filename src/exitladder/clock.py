"""Time: nanoseconds, names of bar lengths, stamps as text, and "no time"."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.errors import BarsError

DAY_NS = 86_400_000_000_000


def stamp_text(nanoseconds: int) -> str:
    """Return a stamp as text, without the time where it is midnight.

    Examples
    --------
    >>> stamp_text(1706659200 * 10**9), stamp_text(1706662800 * 10**9)
    ('2024-01-31', '2024-01-31 01:00 UTC')
    """
    stamp = pd.Timestamp(nanoseconds, tz="UTC")
    if stamp == stamp.normalize():
        return stamp.strftime("%Y-%m-%d")
    seconds = ":%S" if stamp.second else ""
    return stamp.strftime(f"%Y-%m-%d %H:%M{seconds} UTC")


def close_text(nanoseconds: int) -> str:
    """Return the close of a bar as text; at midnight UTC, as that of a daily bar, the day that has ended.

    Examples
    --------
    >>> close_text(1706659200 * 10**9), close_text(1706662800 * 10**9)
    ('2024-01-30', '2024-01-31 01:00 UTC')
    """
    return stamp_text(nanoseconds if nanoseconds % DAY_NS else nanoseconds - DAY_NS)


_STEPS = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def interval_name(interval_ns: int) -> str:
    """Return a bar's length as text.

    Examples
    --------
    >>> interval_name(4 * 3600 * 10**9)
    '4h'
    """
    if interval_ns % 10**9 and interval_ns % 10**6 == 0:
        return f"{interval_ns // 10**6}ms"
    seconds = interval_ns / 1e9
    for letter, size in _STEPS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{letter}"
    return f"{seconds:g}s"


def interval_from_name(text: str) -> int:
    """Return the nanoseconds of an interval such as ``15m`` or ``1d``.

    Raises
    ------
    BarsError
        If the text is no interval.

    Examples
    --------
    >>> interval_from_name("15m") // 10**9
    900
    """
    sizes = dict(_STEPS)
    if text.endswith("ms") and text[:-2].isdigit() and int(text[:-2]):
        return int(text[:-2]) * 10**6
    number, letter = text[:-1], text[-1:].lower()
    if letter not in sizes or not number.isdigit() or int(number) == 0:
        raise BarsError(f"An interval must be a whole number with s, m, h, d or w, such as '15m', but is {text!r}.")
    return int(number) * sizes[letter] * 10**9


NO_TIME = np.iinfo(np.int64).min
