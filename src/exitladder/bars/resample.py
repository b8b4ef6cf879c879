"""Bars of a longer interval made from shorter ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import interval_from_name, interval_name
from exitladder.errors import BarsError
from exitladder.files.stamps import check_tz
from exitladder.runtime.progress import SILENT, Progress

_DAY = 86_400 * 10**9


def resample_bars(bars: BarSet, interval: str, *, tz: str = "UTC", progress: Progress = SILENT) -> BarSet:
    """Return bars of a longer interval, labelled by their start, closed ones only.

    Parameters
    ----------
    bars : BarSet
    interval : str
        Such as ``4h``, ``1d`` or ``1w``; a multiple of the bars' own interval.
    tz : str
        Where a day begins (at midnight) and a week (on Monday): the market's zone for sessions that cross
        midnight UTC. Shorter intervals are counted from the day's beginning.
    progress : Progress

    Returns
    -------
    BarSet
        Open of the first, highest high, lowest low, close of the last, sum of the volume, last value of
        further series. No bar is made of a time without bars. The last bar is left out unless its whole interval
        has passed, as it could still change.

    Raises
    ------
    BarsError
        If the interval is no multiple of a symbol's own, or no bar is closed yet.

    Examples
    --------
    >>> from exitladder.sample import load_sample_bars
    >>> weeks = resample_bars(load_sample_bars()[0], "1w")
    >>> weeks["IBM"].interval, len(weeks["IBM"])
    ('1w', 678)
    """
    target = interval_from_name(interval)
    check_tz(tz, BarsError)
    members = []
    with progress.stage("resampling bars", len(bars)) as advance:
        for symbol in bars:
            own = bars[symbol]
            if target % own.interval_ns or target < own.interval_ns:
                raise BarsError(
                    f"The new interval must be a multiple of the bars' own, but '{symbol}' has {own.interval} bars and "
                    f"{interval_name(target)} was requested. Choose a multiple of {own.interval}."
                )
            longer = own if target == own.interval_ns else _resampled(own, target, tz)
            if len(longer):
                members.append(longer)
            advance(1)
    if not members:
        raise BarsError(
            f"There must be at least one closed bar of {interval_name(target)}, but the bars are too short."
        )
    return BarSet(members)


def _resampled(bars: Bars, target: int, tz: str) -> Bars:
    label, end = _bins(bars.time, target, tz)
    first = np.flatnonzero(np.concatenate([[True], label[1:] != label[:-1]]))
    last = np.append(first[1:], len(label)) - 1
    if bars.time[-1] + bars.interval_ns < end[-1]:
        first, last = first[:-1], last[:-1]
    if not len(first):
        return bars.head(0)
    stop = last[-1] + 1

    def total(values: FloatArray) -> FloatArray:
        return np.add.reduceat(values[:stop], first)

    return Bars(
        symbol=bars.symbol,
        interval_ns=target,
        time=label[first],
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high[:stop], first),
        low=np.minimum.reduceat(bars.low[:stop], first),
        close=bars.close[last],
        volume=None if bars.volume is None else total(bars.volume),
        extra={name: values[last] for name, values in bars.extra.items()},
    )


def _bins(time: IntArray, target: int, tz: str) -> tuple[IntArray, IntArray]:
    """Return the start and the end of the bin of each stamp."""
    stamps = pd.DatetimeIndex(pd.to_datetime(time, unit="ns", utc=True)).tz_convert(tz)
    if target < _DAY:
        midnight = _ns(stamps.normalize())
        start = midnight + (time - midnight) // target * target
        # a day may have 23 or 25 hours; its last bin ends with it
        tomorrow = _ns((stamps.normalize() + pd.Timedelta(hours=36)).normalize())
        return start, np.minimum(start + target, tomorrow)
    days = target // _DAY
    local = stamps.tz_localize(None).normalize()
    # days since 1970; weeks begin on Monday, and 1970-01-05 was one
    number = _ns(local) // _DAY
    shift = 4 if days % 7 == 0 else 0
    first = (number - shift) // days * days + shift
    return _midnights(first, tz), _midnights(first + days, tz)


def _midnights(days: IntArray, tz: str) -> IntArray:
    unique, where = np.unique(days, return_inverse=True)
    local = pd.DatetimeIndex(pd.to_datetime(unique * _DAY, unit="ns"))
    aware = local.tz_localize(tz, nonexistent="shift_forward", ambiguous=np.ones(len(local), dtype=bool))
    return np.asarray(_ns(aware)[where], dtype=np.int64)


def _ns(stamps: pd.DatetimeIndex) -> IntArray:
    return np.asarray(stamps.as_unit("ns").asi8, dtype=np.int64)
