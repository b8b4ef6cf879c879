"""The exits of a ladder that the clock gives: after hours, after sessions, at a close, at a time, after a gap (X11).

Found for each trade before it is simulated: the bar at whose close it ends, or after which it ends at the next open.
The kernels read no more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exitladder.arrays import BoolArray, IntArray, IntTable
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import LadderError
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel.packed import D_BAR, D_LATE, D_ORDER, D_PASSED, DUE_COLUMNS, Timing
from exitladder.execution.sessions import NEVER, SessionBars, session_bars
from exitladder.plans.times import minutes_of
from exitladder.trades.trades import AT_OPEN, INTRABAR, PlacedTrades

_HOUR = 3_600 * 10**9


class _Group(NamedTuple):
    """Trades of one symbol whose bars are known up to the same one; arrays of shape (n_trades,).

    Bars count from the symbol's first; `moment` is when a trade begins to be exposed, `entered` when it was entered.
    """

    bars: SessionBars
    entry: IntArray
    first: IntArray
    moment: IntArray
    entered: IntArray


class _Exit(NamedTuple):
    """One exit of each trade: its bar (-1 without), whether it is at the open after it, whether a time had passed."""

    bar: IntArray
    late: BoolArray
    passed: BoolArray


def clock_exits(placed: PlacedTrades, timings: Sequence[Timing]) -> IntTable:
    """Return the bar at which the clock ends each trade.

    Parameters
    ----------
    placed : PlacedTrades
    timings : sequence of Timing
        The exits by the clock of some ladders.

    Returns
    -------
    int64 array, shape (n_timings, n_trades, DUE_COLUMNS)
        ``D_BAR``: bar number through the whole set, -1 without an exit; the end of the symbol's bars if it is the bar
        expected next. ``D_LATE``: 1 if it fills at the open after that bar, 0 at its close. ``D_ORDER``: order code.
        ``D_PASSED``: 1 if a time had already passed at the entry and the exit is in the next session.

    Raises
    ------
    LadderError
        If a time of day is asked of bars of a day or longer, is not after the open of the session, or the exchange's
        time zone is unknown.
    """
    due = np.zeros((len(timings), len(placed), DUE_COLUMNS), dtype=np.int64)
    due[:, :, D_BAR] = -1
    if not len(timings) or not len(placed):
        return due
    # a trade knows the bar that it was entered in, be it the one to come
    known = np.maximum(placed.end_bar, placed.entry_bar + 1)
    ends = placed.bars.n_bars + 2
    for key in np.unique(placed.symbol_index * ends + known):
        k, end_bar = int(key // ends), int(key % ends)
        rows = np.flatnonzero((placed.symbol_index == k) & (known == end_bar))
        if end_bar > placed.bars.start[k + 1]:
            continue
        needs = ""
        for timing in timings:
            _check(timing, placed.bars, k)
            needs = needs or _needs(timing)
        group = _group(placed, rows, session_bars(placed.bars, k, end_bar, needs))
        for m, timing in enumerate(timings):
            due[m, rows] = _earliest(timing, group, int(placed.bars.start[k]))
    return due


def _needs(timing: Timing) -> str:
    if timing.clock:
        return "stop.clock"
    return "stop.session_close" if timing.session_close else "stop.time in sessions" if timing.sessions else ""


def _check(timing: Timing, bars: BarSet, k: int) -> None:
    if not timing.clock:
        return
    symbol = bars.symbols[k]
    if bars.interval_ns[k] >= DAY_NS:
        raise LadderError(
            f"stop.clock = \"{timing.clock}\" needs bars shorter than a day, but those of '{symbol}' last "
            f"{bars[symbol].interval}. Load intraday bars, or use stop.session_close = true."
        )
    session = bars.contracts[symbol].session if symbol in bars.contracts else ""
    if session and session[:5] < session[6:] and minutes_of(timing.clock) <= minutes_of(session[:5]):
        raise LadderError(
            f'stop.clock must be after the open of the session, but is "{timing.clock}", and the session of '
            f"'{symbol}' is {session} (symbols.{symbol}.session)."
        )


def _group(placed: PlacedTrades, rows: IntArray, bars: SessionBars) -> _Group:
    offset = placed.bars.start[placed.symbol_index[rows]]
    entry, first, at = placed.entry_bar[rows] - offset, placed.first_bar[rows] - offset, placed.entry_at[rows]
    moment = np.where(at == AT_OPEN, bars.start[entry], bars.end[entry])
    entered = np.where(at == INTRABAR, placed.trades.entry_time[rows], moment)
    return _Group(bars, entry, first, moment, entered)


def _earliest(timing: Timing, group: _Group, offset: int) -> IntTable:
    """Return the rows of `clock_exits` of some trades; of exits at the same time the first named here counts."""
    found: list[tuple[int, _Exit]] = []
    bars = group.bars
    if timing.hours is not None:
        moments = group.entered + round(timing.hours * _HOUR)
        found.append((o.TIME, _at_time(group, moments)))
    if timing.sessions is not None:
        found.append((o.TIME, _in_session(group, bars.close, timing.sessions)))
    if timing.session_close:
        found.append((o.SESSION, _in_session(group, bars.close, 1)))
    if timing.clock is not None:
        found.append((o.CLOCK, _in_session(group, bars.clock_times(timing.clock), 1)))
    if timing.max_gap is not None:
        found.append((o.GAP, _after_gap(group, round(timing.max_gap * _HOUR))))
    key = np.array([np.where(e.bar < 0, NEVER, 2 * np.maximum(e.bar, 0) + e.late) for _, e in found])
    best, every = np.argmin(key, axis=0), np.arange(len(group.entry))
    out = np.zeros((len(every), DUE_COLUMNS), dtype=np.int64)
    bar = np.array([e.bar for _, e in found])[best, every]
    out[:, D_BAR] = np.where(bar < 0, -1, bar + offset)
    out[:, D_LATE] = np.array([e.late for _, e in found])[best, every]
    out[:, D_ORDER] = np.array([order for order, _ in found])[best]
    out[:, D_PASSED] = np.array([e.passed for _, e in found]).any(axis=0)
    return out


def _in_session(group: _Group, times: IntArray, count: int) -> _Exit:
    """Return the exits at a time of a session, which is the entry's for a `count` of 1.

    Parameters
    ----------
    group : _Group
    times : int64 array, shape (n_sessions,)
        The time of each session.
    count : int

    Returns
    -------
    _Exit
    """
    bars = group.bars
    session = bars.number[group.entry] + count - 1
    if count > 1:
        passed = np.zeros(len(session), dtype=bool)
    else:
        passed = times[session] <= group.moment
        if not bars.is_scheduled:
            # a date that has no bar left at the entry is over too
            passed |= (bars.number[group.first] > session) & (group.first < len(bars.start) - 1)
        session = session + passed
    known = session < len(times)
    moments = np.where(known, times[np.minimum(session, len(times) - 1)], NEVER)
    return _at_time(group, moments, np.searchsorted(bars.number, session))._replace(passed=passed)


def _at_time(group: _Group, moments: IntArray, opening: IntArray | None = None) -> _Exit:
    """Return the exits at the last bar that ends at or before some moments.

    Parameters
    ----------
    group : _Group
    moments : int64 array, shape (n_trades,)
        `NEVER` without an exit.
    opening : int64 array, shape (n_trades,), optional
        First bar of the session that the moments belong to; if no bar of it ends in time, the exit is at its open.
        Moments counted from the entry belong to none: they may be between sessions, and if no bar ends in time, the
        exit is at the close of the first one.

    Returns
    -------
    _Exit
    """
    bars, first = group.bars, group.first
    n = len(bars.start) - 1
    by_hours = opening is None
    least = first if opening is None else np.maximum(first, opening)
    k = np.maximum(least, np.searchsorted(bars.next_end, moments, side="right"))
    if by_hours and len(bars.last):
        place = np.maximum(np.searchsorted(bars.last, first), np.searchsorted(bars.after_last, moments, side="right"))
        inside = place < len(bars.last)
        k = np.where(inside, np.minimum(k, bars.last[np.minimum(place, len(bars.last) - 1)]), k)
    none = (k > n) | (moments == NEVER)
    at = np.minimum(k, n)
    in_time = bars.end[at] <= moments
    starts_in_time = (at == first) & (by_hours | (bars.start[at] < moments))
    late = ~in_time & ~starts_in_time
    # the expected bar is in time or of no use
    none |= late & (at == n)
    bar = np.where(none, -1, np.where(late, at - 1, at))
    return _Exit(bar, late & ~none, np.zeros(len(bar), dtype=bool))


def _after_gap(group: _Group, longest: int) -> _Exit:
    bars = group.bars
    n = len(bars.start) - 1
    known = n if bars.is_scheduled else n - 1  # without a schedule the next bar may come at any time
    wide = np.flatnonzero(bars.start[1:] - bars.end[:-1] > longest)
    wide = wide[wide < known]
    place = np.searchsorted(wide, group.entry)
    inside = place < len(wide)
    bar = np.full(len(place), -1)
    bar[inside] = wide[place[inside]]
    return _Exit(bar, inside, np.zeros(len(bar), dtype=bool))
