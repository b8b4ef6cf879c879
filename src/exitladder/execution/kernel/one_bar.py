"""What one bar does to a position: the only place that decides when and at what price it is reduced (X2, X3).

The rule numbers are those of docs/execution.md. Prices are signed (see `exitladder.execution.kernel.state`): "up" is
in the trade's favour for both sides. Where a rule leaves a choice, the choice that is worse for the trader is taken,
at the line that says so.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.orders import fall, filled, rise, sell, sell_all, sell_at_market, stop_in_force
from exitladder.execution.kernel.rounding import distance, down_to, to_tick, whole_steps

SLACK = o.SLACK


@njit(error_model="numpy")
def process_open(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    bar: int,
    price: float,
    is_entry_bar: bool,
) -> None:
    """X2: what happens at a bar's open, in the order of the rule."""
    # X2a. After a stop that volume did not let out, nothing but the rest of it is in the market.
    if state[s.WAITING] > 0.0 and (state[s.EXIT_ORDER] < 0.0 or state[s.EXIT_ORDER] == o.TIME):
        state[s.WAITING] = 0.0
        for j in range(code[n.C_RUNGS]):
            if rungs[s.STATUS, j] == o.PENDING and state[s.LEFT] > 0.0:
                sell_at_market(state, number, code, rungs, book, bar, price, j)
    if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] >= 0.0:
        sell_all(state, number, book, bar, price, int(state[s.EXIT_ORDER]))
    if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
        return
    # X2b: a gap is never filled at the stop's price.
    level, order = stop_in_force(state)
    if down_to(price, level):
        sell_all(state, number, book, bar, price, order)
        return
    for k in range(int(state[s.N_DOWN])):
        j = int(rungs[s.DOWN, k])
        if rungs[s.STATUS, j] == o.RESTING and down_to(price, rungs[s.LEVEL, j]):
            sell_at_market(state, number, code, rungs, book, bar, price, j)
            if state[s.LEFT] <= 0.0:
                return
    # X2c. Not on the bar of an entry at the open: the trade was entered at its own price, and an open beyond
    # a target (a user's fill that differs from the bar) must not pay more than the target.
    if is_entry_bar:
        return
    for k in range(int(state[s.N_UP])):
        j = int(rungs[s.UP, k])
        if price < rungs[s.REACH, j]:
            return
        if rungs[s.STATUS, j] == o.RESTING:
            filled(state, code, rungs, j, sell(state, number, book, bar, rungs[s.LOTS, j], price, False, o.RUNG, j))
            if state[s.LEFT] <= 0.0:
                return


@njit(error_model="numpy", forceinline=True)
def trail_of(state: FloatArray, number: FloatArray, code: IntArray, best: float, atr: float) -> float:
    """Return where the trail stands for a best price, rounded against the trader; NaN without trail or ATR."""
    if code[n.C_TRAIL_UNIT] == o.NO_UNIT:
        return np.nan
    away = distance(code[n.C_TRAIL_UNIT], number[n.N_TRAIL], state[s.RISK], atr, best)
    return to_tick(best - away, number[n.N_TICK])


@njit(error_model="numpy")
def ratchet_walk(state: FloatArray, number: FloatArray, code: IntArray, best: float) -> None:
    """Ratchet the trail inside a bar, with the ATR of the last closed bar (walking policies)."""
    line = trail_of(state, number, code, best, state[s.ATR_BEFORE])
    if line > state[s.WALK_LINE]:
        state[s.WALK_LINE] = line


@njit(error_model="numpy")
def note_ambiguity(
    state: FloatArray, number: FloatArray, code: IntArray, rungs: FloatTable, high: float, low: float
) -> None:
    """X7b: note a bar inside which the order of high and low decides.

    Besides a stop and a limit rung both in reach, this is a bar whose own high lifts an armed trail into the
    reach of its low: there the walking policies differ from those that know completed bars only.
    """
    level, _ = stop_in_force(state)
    adverse = down_to(low, level)
    for k in range(int(state[s.N_DOWN])):
        j = int(rungs[s.DOWN, k])
        if rungs[s.STATUS, j] == o.RESTING and down_to(low, rungs[s.LEVEL, j]):
            adverse = True
    if adverse:
        for k in range(int(state[s.N_UP])):
            j = int(rungs[s.UP, k])
            if rungs[s.STATUS, j] == o.RESTING and high >= rungs[s.REACH, j]:
                state[s.AMBIGUOUS_HERE] = 1.0
    if state[s.ARMED] > 0.0:
        line = trail_of(state, number, code, max(state[s.BEST], high), state[s.ATR_BEFORE])
        if line > level and down_to(low, line):
            state[s.AMBIGUOUS_HERE] = 1.0


@njit(error_model="numpy")
def walk(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    bar: int,
    opened: float,
    high: float,
    low: float,
    close: float,
    high_first: bool,
) -> None:
    """Walk open, one extreme, the other, close; orders fill as they are met and the trail ratchets along (X3)."""
    best = max(state[s.BEST], opened)
    ratchet_walk(state, number, code, best)
    previous = opened
    for leg in range(3):
        if leg == 2:
            target = close
        elif (leg == 0) == high_first:
            target = high
        else:
            target = low
        if target >= previous:
            rise(state, number, code, rungs, book, bar, target, low, high)
            best = max(best, target)
            ratchet_walk(state, number, code, best)
        if target <= previous and state[s.LEFT] > 0.0:
            level, order = stop_in_force(state)
            fall(state, number, code, rungs, book, bar, target, low, high, level, order)
        if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
            return
        previous = target


@njit(error_model="numpy", forceinline=True)
def after_bar(state: FloatArray, number: FloatArray, high: float, low: float) -> None:
    """Count a bar's extremes; what was decided about the stop in it is in force from the next one (X4, X5)."""
    state[s.BEST] = max(state[s.BEST], high)
    state[s.WORST] = min(state[s.WORST], low)
    if state[s.BREAKEVEN_NEXT] > 0.0:
        state[s.BREAKEVEN_ON] = 1.0
    if state[s.ARMED_NEXT] > 0.0:
        state[s.ARMED] = 1.0
    if number[n.N_TRAIL_FROM] > 0.0:
        from_price = state[s.ENTRY] + number[n.N_TRAIL_FROM] * state[s.RISK]
        if state[s.BEST] >= from_price - abs(from_price) * SLACK:
            state[s.ARMED] = 1.0


@njit(error_model="numpy")
def process_bar(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    bar: int,
    opened: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    policy: int,
    is_entry_bar: bool,
) -> None:
    """X2 and X3: let one bar meet what rests in the market."""
    state[s.BAR_BEST], state[s.BAR_WORST] = -np.inf, np.inf
    state[s.BUDGET] = np.inf
    if number[n.N_PARTICIPATION] > 0.0:
        # S4. The share is of the bar, for all fills in it together; a bar of unknown volume takes nothing.
        most = number[n.N_PARTICIPATION] * volume
        state[s.BUDGET] = whole_steps(most, number[n.N_LOT]) if most > 0.0 else 0.0
    process_open(state, number, code, rungs, book, bar, opened, is_entry_bar)
    if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] < 0.0:
        note_ambiguity(state, number, code, rungs, high, low)
        level, order = stop_in_force(state)
        if policy == o.OHLC:
            # The price itself walks open, high, low, close: for a short the high is the adverse extreme.
            walk(state, number, code, rungs, book, bar, opened, high, low, close, state[s.SIDE] > 0.0)
        elif policy == o.NEARER_EXTREME:
            walk(state, number, code, rungs, book, bar, opened, high, low, close, high - opened < opened - low)
        elif policy == o.TARGET_FIRST:
            rise(state, number, code, rungs, book, bar, high, low, high)
            if state[s.LEFT] > 0.0:
                fall(state, number, code, rungs, book, bar, low, low, high, level, order)
        else:
            fall(state, number, code, rungs, book, bar, low, low, high, level, order)
            if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] < 0.0:
                rise(state, number, code, rungs, book, bar, high, low, high)
    if state[s.LEFT] <= 0.0:
        # X4: on the bar of the last fill only its open and its fills count.
        high = max(opened, state[s.BAR_BEST])
        low = min(opened, state[s.BAR_WORST])
    after_bar(state, number, high, low)


@njit(error_model="numpy")
def process_finer_bars(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    bar: int,
    opens: FloatArray,
    highs: FloatArray,
    lows: FloatArray,
    closes: FloatArray,
    volumes: FloatArray,
    first: int,
    end: int,
    is_entry_bar: bool,
) -> None:
    """X3, finer_bars: walk the finer bars that make up a bar, each stop first, the trail ratcheting after each."""
    for f in range(first, end):
        opened, high = state[s.SIDE] * opens[f], state[s.SIDE] * highs[f]
        low, close = state[s.SIDE] * lows[f], state[s.SIDE] * closes[f]
        if low > high:
            high, low = low, high
        entered = is_entry_bar and f == first
        process_bar(state, number, code, rungs, book, bar, opened, high, low, close, volumes[f], o.STOP_FIRST, entered)
        if state[s.LEFT] <= 0.0:
            return
        ratchet_walk(state, number, code, state[s.BEST])
