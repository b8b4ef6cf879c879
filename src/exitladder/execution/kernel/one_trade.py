"""A trade from its first bar to its end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, FloatTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import adds_move, count_extremes, grows, narrowed
from exitladder.execution.kernel.bar_close import (
    AtClose,
    RungConditions,
    count_bar,
    decide_adds,
    decide_signals,
    financing_rate,
    from_average,
    ratchet,
    slack_in_r,
)
from exitladder.execution.kernel.compiled import inlined
from exitladder.execution.kernel.one_bar import after_bar, is_idle, process_bar, process_finer_bars
from exitladder.execution.kernel.orders import sell_all, stop_in_force
from exitladder.execution.kernel.packed import Entries, Market
from exitladder.execution.kernel.rounding import armed_at, distance, down_to, is_above, on_grid, to_tick
from exitladder.execution.kernel.slices import has_slices
from exitladder.execution.kernel.state import Bar, Position


class BarArrays(NamedTuple):
    """The bars of the market (not signed) and their ATR in the ladder's window; arrays of shape (n_bars,).

    `idle` says in which bars nothing traded (S4a); it is empty where that is so of none.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    atr: FloatArray
    idle: BoolArray


@inlined
def quiet_range(state: FloatArray, rungs: FloatTable, floor: float) -> tuple[float, float]:
    """Return the signed prices between which no resting order is reached.

    Parameters
    ----------
    state : float64 array, shape (SIZE,)
    rungs : float64 array, shape (RUNG_ROWS, max_rungs)
    floor : float
        The stop in force.

    Returns
    -------
    tuple of float
        The highest price that reaches a stop, and the lowest that reaches a limit rung.
    """
    for k in range(int(state[s.N_DOWN])):
        j = int(rungs[s.DOWN, k])
        if rungs[s.STATUS, j] == o.RESTING:
            floor = max(floor, rungs[s.LEVEL, j])
            break
    for k in range(int(state[s.N_UP])):
        j = int(rungs[s.UP, k])
        if rungs[s.STATUS, j] == o.RESTING:
            return floor, rungs[s.REACH, j]
    return floor, np.inf


@inlined
def pass_quiet_bars(position: Position, bars: BarArrays, conditions: RungConditions, bar: int, end_bar: int) -> int:
    """Pass the bars within which no resting order is reached.

    A short cut that changes no result: on such a bar X2 and X3 do nothing, and X4 and X5 are done here on plain
    numbers. It stops after a bar at whose close a signal rung or add fires, and before one at whose close time is up.

    Parameters
    ----------
    position : Position
    bars : BarArrays
    conditions : RungConditions
    bar, end_bar : int
        The bars to pass at most.

    Returns
    -------
    int
        The first bar that is left.
    """
    state, number, code = position.state, position.number, position.code
    if state[s.WAITING] > 0.0 or state[s.EXIT_ORDER] >= 0.0 or has_slices(position):
        return bar
    if grows(position) and adds_move(position):
        return bar
    side, entry, risk, tick = state[s.SIDE], state[s.ENTRY], state[s.RISK], number[n.N_TICK]
    best, worst, line, held = state[s.BEST], state[s.WORST], state[s.LINE], state[s.HELD]
    held_before = held
    atr_before, armed, ambiguous = state[s.ATR_BEFORE], state[s.ARMED], state[s.AMBIGUOUS]
    financing, due = state[s.FINANCING], state[s.FINANCING_DUE]
    unit, width, slack = code[n.C_TRAIL_UNIT], number[n.N_TRAIL], slack_in_r(entry, risk)
    walks = code[n.C_POLICY] == o.OHLC or code[n.C_POLICY] == o.NEARER_EXTREME
    rate = financing_rate(side, number[n.N_FUNDING], number[n.N_BORROW])
    quantity = on_grid(state[s.LEFT], number[n.N_LOT])
    from_price = np.inf
    if number[n.N_TRAIL_FROM] > 0.0:
        from_price = armed_at(entry, number[n.N_TRAIL_FROM], risk)
    stop, _ = stop_in_force(state)
    floor, ceiling = quiet_range(state, position.rungs, stop)
    signals = code[n.C_SIGNALS] > 0
    if grows(position):
        floor, ceiling = narrowed(position, floor, ceiling)
        signals = signals or code[n.C_SIGNAL_ADDS] > 0
    last = end_bar
    if code[n.C_TIME] > 0:
        last = min(end_bar, bar + code[n.C_TIME] - 1 - int(held))
    if code[n.C_DUE] >= 0 and state[s.DUE_BAR] >= 0.0:
        last = min(last, int(state[s.DUE_BAR]))
    fired = False
    while bar < last and not fired:
        high, low = side * bars.high[bar], side * bars.low[bar]
        if low > high:
            high, low = low, high
        idle = is_idle(bars.idle, bar)
        if not idle and (high >= ceiling or down_to(low, floor)):
            break
        best_then = max(best, high)
        if unit != o.NO_UNIT:
            walked = -np.inf
            if armed > 0.0 and not idle:
                walked = to_tick(best_then - distance(unit, width, risk, atr_before, best_then), tick)
                if down_to(low, walked):
                    break
            atr_before = bars.atr[bar]
            drawn = to_tick(best_then - distance(unit, width, risk, atr_before, best_then), tick)
            if drawn > line:
                line = drawn
            if is_above(walked, line):
                ambiguous += 1.0
                if walks:
                    line = walked
            elif walks and walked > line:
                line = walked
            if best_then >= from_price:
                armed = 1.0
            if armed > 0.0 and line > stop:
                stop = line
                floor = max(floor, line)
        best, worst = best_then, min(worst, low)
        if grows(position):
            count_extremes(position, high, low)
        held += 1.0
        if rate != 0.0:
            cost = rate * abs(bars.close[bar]) * quantity
            financing += cost
            due += cost
        if signals:
            now = AtClose(side * bars.close[bar], entry, risk, best, worst, held, stop, slack)
            if grows(position):
                state[s.HELD] = held
                now = from_average(position, now)
                fired = decide_adds(position, conditions, bar, now)
            if decide_signals(position, conditions, bar, now):
                fired = True
        bar += 1
    if held > held_before:
        state[s.ATR_BEFORE] = bars.atr[bar - 1]
    state[s.BEST], state[s.WORST], state[s.LINE], state[s.HELD], state[s.ARMED] = best, worst, line, held, armed
    state[s.FINANCING], state[s.FINANCING_DUE], state[s.AMBIGUOUS] = financing, due, ambiguous
    return bar


@inlined
def bar_of(bars: BarArrays, side: float, bar: int) -> Bar:
    """Return a bar in signed prices.

    Parameters
    ----------
    bars : BarArrays
    side : float
        +1 long, -1 short.
    bar : int
        Bar number through the whole `BarSet`.

    Returns
    -------
    Bar
        Its high is never below its low, on either side.
    """
    high, low = side * bars.high[bar], side * bars.low[bar]
    if low > high:
        high, low = low, high
    return Bar(bar, side * bars.open[bar], high, low, side * bars.close[bar], bars.volume[bar])


@inlined
def close_bar(position: Position, bar: Bar, atr: float, conditions: RungConditions) -> None:
    """X4, X5, X7: move the trail at a bar's close, and decide signal rungs and the time stop for the next open.

    Parameters
    ----------
    position : Position
    bar : Bar
    atr : float
        Of this bar.
    conditions : RungConditions
    """
    state, code = position.state, position.code
    ratchet(position, atr)
    count_bar(position, bar.close)
    if state[s.EXIT_ORDER] >= 0.0:
        return
    if code[n.C_SIGNALS] > 0 or (grows(position) and code[n.C_SIGNAL_ADDS] > 0):
        stop, _ = stop_in_force(state)
        now = AtClose(
            bar.close, state[s.ENTRY], state[s.RISK], state[s.BEST], state[s.WORST], state[s.HELD], stop,
            slack_in_r(state[s.ENTRY], state[s.RISK]),
        )  # fmt: skip
        if grows(position):
            now = from_average(position, now)
            decide_adds(position, conditions, bar.number, now)
        decide_signals(position, conditions, bar.number, now)
    if code[n.C_TIME] > 0 and state[s.HELD] >= code[n.C_TIME]:
        state[s.EXIT_ORDER] = o.TIME


@inlined
def close_due_bar(position: Position, bar: Bar, atr: float, conditions: RungConditions, idle: bool) -> None:
    """X11: close the bar at which the clock ends a trade: at its close, or known there for the next open.

    The rest is sold at the close if the bar traded (S4a), with the ATR of the bar before for slippage; the bar
    counts as held. A stop that volume has cut short goes on alone.

    Parameters
    ----------
    position : Position
    bar : Bar
    atr : float
        Of this bar.
    conditions : RungConditions
    idle : bool
        Whether nothing traded in the bar.
    """
    state = position.state
    order = int(state[s.DUE_ORDER])
    if idle or state[s.DUE_LATE] > 0.0 or state[s.EXIT_ORDER] >= 0.0:
        close_bar(position, bar, atr, conditions)
        if state[s.EXIT_ORDER] < 0.0:
            state[s.EXIT_ORDER] = order
        return
    count_bar(position, bar.close)
    sell_all(position, bar.number, bar.close, order)
    if state[s.LEFT] > 0.0:
        ratchet(position, atr)


@inlined
def set_due(position: Position, entries: Entries) -> None:
    """X11: note when the clock ends a trade."""
    state = position.state
    i, row = int(state[s.TRADE]), position.code[n.C_DUE]
    state[s.DUE_BAR] = -1.0
    if row < 0 or entries.due[row, i, n.D_BAR] < 0:
        return
    state[s.DUE_BAR] = entries.due[row, i, n.D_BAR]
    state[s.DUE_LATE] = entries.due[row, i, n.D_LATE]
    state[s.DUE_ORDER] = entries.due[row, i, n.D_ORDER]
    state[s.DUE_PASSED] = entries.due[row, i, n.D_PASSED]


@inlined
def run_entry(position: Position, bars: BarArrays, entries: Entries, market: Market) -> int:
    """Run a trade that `exitladder.execution.kernel.trade_start.set_up` has set up up to its first whole bar.

    Parameters
    ----------
    position : Position
    bars : BarArrays
    entries : Entries
        Read at the trade's own place.
    market : Market
        Read for its finer bars.

    Returns
    -------
    int
        The first bar that the trade is exposed to as a whole.
    """
    state = position.state
    i = int(state[s.TRADE])
    entry_bar, first_bar = entries.entry_bar[i], entries.first_bar[i]
    finer = position.code[n.C_POLICY] == o.FINER_BARS and len(market.finer_first) > 0
    if finer and entries.finer_entry[i] >= 0:
        # X6: an entry inside bar e is exposed to the finer bars after it. No decision is taken at e's close, and
        # the first of them does not gap: the entry is at its open or just before it.
        process_finer_bars(position, market, entry_bar, entries.finer_entry[i], market.finer_end[entry_bar], True)
        if state[s.LEFT] > 0.0:
            ratchet(position, bars.atr[entry_bar])
        state[s.AMBIGUOUS] += state[s.AMBIGUOUS_HERE]
    if first_bar > entry_bar:
        state[s.ATR_BEFORE] = bars.atr[entry_bar]
    due = int(state[s.DUE_BAR])
    if 0 <= due < first_bar and state[s.EXIT_ORDER] < 0.0:
        state[s.EXIT_ORDER] = state[s.DUE_ORDER]
    return int(first_bar)


@inlined
def run_bar(
    position: Position, bars: BarArrays, conditions: RungConditions, market: Market, t: int, is_entry_bar: bool
) -> None:
    """Run a trade through one bar: its orders, then its close.

    Parameters
    ----------
    position : Position
    bars : BarArrays
    conditions : RungConditions
    market : Market
        Read for its finer bars.
    t : int
        Bar number through the whole `BarSet`.
    is_entry_bar : bool
        Whether the trade was entered at its open.
    """
    state = position.state
    policy = position.code[n.C_POLICY]
    finer = policy == o.FINER_BARS and len(market.finer_first) > 0
    bar = bar_of(bars, state[s.SIDE], t)
    state[s.AMBIGUOUS_HERE] = 0.0
    if is_idle(bars.idle, t):
        after_bar(position, bar.high, bar.low)  # S4a: nothing fills, and the clock goes on
    elif finer and market.finer_end[t] > market.finer_first[t]:
        process_finer_bars(position, market, t, market.finer_first[t], market.finer_end[t], is_entry_bar)
    else:
        if policy == o.FINER_BARS:
            state[s.COARSE] += 1.0
        process_bar(position, bar, policy, is_entry_bar)
    if state[s.LEFT] > 0.0:
        if t == int(state[s.DUE_BAR]):
            close_due_bar(position, bar, bars.atr[t], conditions, is_idle(bars.idle, t))
        else:
            close_bar(position, bar, bars.atr[t], conditions)
    state[s.AMBIGUOUS] += state[s.AMBIGUOUS_HERE]


@inlined
def run_bars(position: Position, bars: BarArrays, conditions: RungConditions, entries: Entries, market: Market) -> None:
    """Run a trade that `exitladder.execution.kernel.trade_start.set_up` has set up through its bars.

    Parameters
    ----------
    position : Position
    bars : BarArrays
    conditions : RungConditions
    entries : Entries
        Read at the trade's own place.
    market : Market
        Read for its finer bars.
    """
    state = position.state
    i = int(state[s.TRADE])
    entry_bar, end_bar = entries.entry_bar[i], entries.end_bar[i]
    t = run_entry(position, bars, entries, market) - 1
    while t < end_bar - 1 and state[s.LEFT] > 0.0:
        t += 1
        if position.code[n.C_POLICY] != o.FINER_BARS:
            t = pass_quiet_bars(position, bars, conditions, t, end_bar)
            if t >= end_bar:
                return
        run_bar(position, bars, conditions, market, t, t == entry_bar)
