"""Trades of daily bars, put on the bar of their session's date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import NO_TIME

if TYPE_CHECKING:
    from exitladder.trades.trades import Trades

_DAY = 86_400 * 10**9


def on_session_dates(trades: Trades, bars: BarSet, tz: str, contracts: Mapping[str, Any] | None = None) -> Trades:
    """Return trades whose times are on the calendar of their sessions, for symbols of daily or longer bars.

    Daily bars are stamped with the calendar date of their session, at 00:00 UTC. An evening in New York is the next
    day in UTC: placed by its instant, a trade would be on the bar after its own.

    Parameters
    ----------
    trades : Trades
    bars : BarSet
    tz : str
        The zone in which the trades' stamps were read (``data.tz``).
    contracts : mapping of str to Contract, optional
        Those with an ``exchange_tz`` have sessions in that zone, others in `tz`; those of `bars` by default.

    Returns
    -------
    Trades
        The same object if nothing changes. Applied twice it changes nothing more.

    Notes
    -----
    A time that is midnight in `tz` is the date itself. If all times of the daily symbols are midnight in UTC, they are
    dates already. Any other time is the wall clock of the exchange, written as if it were UTC.
    """
    if trades.on_session_dates:
        return trades
    contracts = bars.contracts if contracts is None else contracts
    concerned = _of_daily_bars(trades, bars)
    zones = {
        str(s): getattr(contracts.get(str(s)), "exchange_tz", "") or tz for s in np.unique(trades.symbol[concerned])
    }
    if not concerned.any() or (tz == "UTC" and set(zones.values()) == {"UTC"}):
        return trades
    owners = [np.arange(len(trades)), np.arange(len(trades))]
    times = [trades.entry_time, trades.exit_time]
    if trades.fills is not None:
        owners.append(trades.fills.trade)
        times.append(trades.fills.time)
    if trades.managed_from is not None:
        owners.append(owners[0])
        times.append(trades.managed_from)
    given = np.concatenate([time[concerned[owner]] for owner, time in zip(owners, times, strict=True)])
    if not (given[given != NO_TIME] % _DAY).any():
        return replace(trades, on_session_dates=True)
    zone_of = np.array([zones.get(str(s), "") for s in trades.symbol], dtype=object)
    moved = [
        _on_calendar(time, np.where(concerned, zone_of, "")[owner], tz)
        for owner, time in zip(owners, times, strict=True)
    ]
    fills = None if trades.fills is None else replace(trades.fills, time=moved[2])
    managed = None if trades.managed_from is None else moved[-1]
    return replace(
        trades, entry_time=moved[0], exit_time=moved[1], fills=fills, managed_from=managed, on_session_dates=True
    )


def _of_daily_bars(trades: Trades, bars: BarSet) -> BoolArray:
    daily = [
        symbol
        for k, symbol in enumerate(bars.symbols)
        if bars.interval_ns[k] >= _DAY and not (bars.time[int(bars.start[k]) : int(bars.start[k + 1])] % _DAY).any()
    ]
    return np.isin(trades.symbol.astype(str), daily)


def _on_calendar(time: IntArray, zone_of: np.ndarray, tz: str) -> IntArray:
    """Return times as dates where they are midnight in `tz`, else as the wall clock of their zone; "" keeps them."""
    out = time.copy()
    for zone in set(zone_of) - {""}:
        rows = np.flatnonzero((zone_of == zone) & (time != NO_TIME))
        own, exchange = _wall(time[rows], tz), _wall(time[rows], str(zone))
        out[rows] = np.where(own % _DAY == 0, own, exchange)
    return out


def _wall(time: IntArray, tz: str) -> IntArray:
    local = pd.DatetimeIndex(time.view("M8[ns]"), tz="UTC").tz_convert(tz).tz_localize(None)
    return np.asarray(local.as_unit("ns").asi8, dtype=np.int64)
