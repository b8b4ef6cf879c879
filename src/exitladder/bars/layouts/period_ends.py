"""Weekly and monthly bars stamped with the last date of their period."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.clock import DAY_NS, NO_TIME

_FEWEST = 4
# share of the stamps that must be on the usual last day; holidays move the others
_MOST = 0.8
_THURSDAY, _FRIDAY = 3, 4
WEEK, MONTH = "week", "month"


def period_of(dates: IntArray) -> str:
    """Return ``week`` or ``month`` if bars have this length, else "".

    Parameters
    ----------
    dates : int64 array, shape (n,)
        Calendar dates of bars at 00:00, nanoseconds since 1970; repeats and ``NO_TIME`` do not count.

    Returns
    -------
    str
    """
    days = np.unique(dates[dates != NO_TIME]) // DAY_NS
    if len(days) < _FEWEST:
        return ""
    step = float(np.median(np.diff(days)))
    return WEEK if 6 <= step <= 8 else MONTH if 27 <= step <= 32 else ""


def name_the_end(dates: IntArray) -> bool:
    """Return whether dates of weekly or monthly bars are the last of their period: Fridays, or ends of months.

    Parameters
    ----------
    dates : int64 array, shape (n,)
        As for `period_of`.

    Returns
    -------
    bool

    Examples
    --------
    >>> days = ["2023-11-30", "2023-12-29", "2024-01-31", "2024-02-29", "2024-03-28", "2024-04-30"]
    >>> months = pd.DatetimeIndex(days).as_unit("ns").asi8
    >>> name_the_end(months), name_the_end(months + 86_400 * 10**9)
    (True, False)
    """
    period = period_of(dates)
    known = pd.DatetimeIndex(np.unique(dates[dates != NO_TIME]).view("M8[ns]"))
    if period == WEEK:
        weekday = np.asarray(known.day_of_week)
        return bool((weekday == _FRIDAY).mean() >= _MOST and np.isin(weekday, (_THURSDAY, _FRIDAY)).all())
    if period == MONTH:
        last = np.asarray((known + pd.offsets.BDay(1)).month != known.month)
        return bool(last.mean() >= _MOST and (np.asarray((known + pd.Timedelta("4D")).month) != known.month).all())
    return False


def first_dates(dates: IntArray, period: str) -> IntArray:
    """Return the first date of the weeks or months that end on these dates, shape (n,); ``NO_TIME`` stays.

    Parameters
    ----------
    dates : int64 array, shape (n,)
    period : {"week", "month"}

    Returns
    -------
    int64 array, shape (n,)
    """
    if period == WEEK:
        return np.where(dates == NO_TIME, NO_TIME, dates - 6 * DAY_NS)
    known = np.where(dates == NO_TIME, 0, dates).view("M8[ns]").astype("M8[M]")
    return np.where(dates == NO_TIME, NO_TIME, known.astype("M8[ns]").astype(np.int64))
