"""The trading session of each bar, and the bar at which a later session closes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.execution.sessions import trading_days
from exitladder.settings.contracts import Contract


@dataclass(frozen=True)
class Sessions:
    """Sessions of all symbols, counted through the whole `BarSet`.

    Parameters
    ----------
    number : int64 array, shape (n_bars,)
        Session of each bar.
    last : int64 array, shape (n_sessions,)
        Last bar of each session, -1 if the data end before the session does.
    symbol : int64 array, shape (n_sessions,)
        Position of its symbol.
    without_zone : tuple of str
        Symbols with bars shorter than a day and no time zone of the exchange: their sessions end at midnight UTC.
    """

    number: IntArray
    last: IntArray
    symbol: IntArray
    without_zone: tuple[str, ...] = ()

    def closing_bar(self, bar: IntArray, later: int = 0) -> IntArray:
        """Return the bar that closes the session of each bar, or a later one of its symbol; -1 if it is not known.

        Parameters
        ----------
        bar : int64 array, shape (n,)
        later : int
            How many sessions later.

        Returns
        -------
        int64 array, shape (n,)
        """
        now = self.number[bar]
        then = np.minimum(now + later, len(self.last) - 1)
        is_known = (now + later < len(self.last)) & (self.symbol[then] == self.symbol[now])
        return np.where(is_known, self.last[then], -1)


def sessions_of(bars: BarSet) -> Sessions:
    """Return the sessions of all symbols.

    A session is a date on the exchange's clock (``exchange_tz`` of ``[symbols.NAME]``), in UTC without one. With
    ``session`` hours, a bar that starts at or after the close, half days included, belongs to the next session (see
    `exitladder.execution.sessions`). A daily or longer bar is a session of its own.

    Parameters
    ----------
    bars : BarSet
        With the contracts of its symbols.

    Returns
    -------
    Sessions
    """
    number = np.empty(bars.n_bars, dtype=np.int64)
    last: list[IntArray] = []
    symbol: list[IntArray] = []
    without, count = [], 0
    for k, name in enumerate(bars.symbols):
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        if low == high:
            continue
        step = int(bars.interval_ns[k])
        # The bar that would come next tells whether the newest session is over.
        time = np.append(bars.time[low:high], bars.time[high - 1] + step)
        if step >= DAY_NS:
            dates = np.arange(len(time))
        else:
            hours = bars.contracts.get(name, Contract()).hours
            dates = trading_days(time, hours)
            if not hours.exchange_tz:
                without.append(name)
        change = dates[1:] != dates[:-1]
        number[low:high] = count + np.concatenate([[0], np.cumsum(change[:-1])])
        ends = low + np.flatnonzero(change)
        if not change[-1]:
            ends = np.append(ends, -1)
        last.append(ends)
        symbol.append(np.full(len(ends), k, dtype=np.int64))
        count += len(ends)
    return Sessions(number, np.concatenate(last).astype(np.int64), np.concatenate(symbol), tuple(without))


def session_note(sessions: Sessions, traded: Mapping[str, object]) -> str:
    """Return the assumption about symbols whose exchange is unknown, empty if none of the traded ones is concerned.

    Parameters
    ----------
    sessions : Sessions
    traded : mapping with the symbols of the trades as its keys
    """
    names = [name for name in sessions.without_zone if name in traded]
    if not names:
        return ""
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return (
        f"Sessions of {shown} end at midnight UTC; set exchange_tz (and session) under [symbols.{names[0]}] for those "
        "of the exchange."
    )
