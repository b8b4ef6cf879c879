"""Trades that give a date alone, put on the daily bar of that date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME
from exitladder.trades.trades import Trades

_DAY = 86_400 * 10**9


def on_session_dates(trades: Trades, bars: BarSet, tz: str) -> Trades:
    """Return trades in which a time that is midnight in `tz` is the date itself, for symbols of daily or longer bars.

    Daily bars are stamped with the calendar date of their session, at 00:00 UTC. A date read as midnight of another
    zone would belong to the bar before or to none.

    Parameters
    ----------
    trades : Trades
    bars : BarSet
    tz : str
        The zone in which the trades' stamps were read.

    Returns
    -------
    Trades
    """
    if tz == "UTC":
        return trades
    daily = [symbol for symbol in bars if bars[symbol].interval_ns >= _DAY and not (bars[symbol].time % _DAY).any()]
    concerned = np.isin(trades.symbol.astype(str), daily)
    if not concerned.any():
        return trades
    entry, exit_ = (_dates(time, concerned, tz) for time in (trades.entry_time, trades.exit_time))
    return replace(trades, entry_time=entry, exit_time=exit_)


def _dates(time: npt.NDArray[np.int64], concerned: npt.NDArray[np.bool_], tz: str) -> npt.NDArray[np.int64]:
    known = time != NO_TIME
    stamps = pd.DatetimeIndex(np.where(known, time, 0).view("M8[ns]"), tz="UTC")
    local = np.asarray(stamps.tz_convert(tz).tz_localize(None).asi8, dtype=np.int64)
    return np.where(known & concerned & (local % _DAY == 0), local, time)
