"""The effect of one bar on a position: the only place that decides when and at what price it is reduced (X2, X3).

The rule numbers are those of docs/execution.md. Prices are signed (see `exitladder.execution.kernel.state`): "up" is
in the trade's favour for both sides. If a rule leaves a choice, the one that is worse for the trader is taken,
at the line that says so.
"""

from __future__ import annotations

import numpy as np

from exitladder.arrays import BoolArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import grow_after_bar, grows, place_again
from exitladder.execution.kernel.adds.purchases import (
    buy_at_open,
    fall_buying,
    grow_stop_first,
    grow_target_first,
    note_adds,
    rise_buying,
)
from exitladder.execution.kernel.compiled import inlined
from exitladder.execution.kernel.orders import (
    cut,
    fall,
    is_timed,
    rise,
    sell_all,
    sell_at_limit,
    sell_at_market,
    stop_in_force,
)
from exitladder.execution.kernel.packed import Market
from exitladder.execution.kernel.rounding import armed_at, distance, down_to, is_above, to_tick, whole_steps
from exitladder.execution.kernel.slice_orders import fall_in_parts, sell_waiting, sell_waiting_free
from exitladder.execution.kernel.slices import (
    arm_slices,
    has_slices,
    liquidates,
    main_stop_is_live,
    main_stop_matters,
    note_slices,
    walk_own_lines,
)
from exitladder.execution.kernel.state import Bar, Position


@inlined
def process_open(position: Position, bar: Bar, is_entry_bar: bool) -> None:
    """X2: fill at a bar's open, in the order of the rule.

    Parameters
    ----------
    position : Position
    bar : Bar
    is_entry_bar : bool
        Whether the trade was entered at this open.
    """
    state, rungs, price = position.state, position.rungs, bar.open
    # X2a. While volume holds up an exit of all, nothing but the rest of it is in the market.
    if state[s.WAITING] > 0.0 and (state[s.EXIT_ORDER] < 0.0 or is_timed(state[s.EXIT_ORDER])):
        state[s.WAITING] = 0.0
        for j in range(position.code[n.C_RUNGS]):
            if rungs[s.STATUS, j] != o.PENDING or state[s.LEFT] <= 0.0:
                continue
            if rungs[s.KIND, j] == o.REST:
                state[s.EXIT_ORDER], state[s.EXIT_RUNG] = o.RUNG, j
                break
            if has_slices(position):
                sell_waiting(position, bar.number, price, j)
            else:
                sell_at_market(position, bar.number, price, j)
    if has_slices(position):
        sell_waiting_free(position, bar.number, price)
    if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] >= 0.0:
        sell_all(position, bar.number, price, int(state[s.EXIT_ORDER]))
    if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
        return
    stops_at_open(position, bar)
    if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
        return
    if state[s.CUT_TO] >= 0.0:
        cut(position, bar.number, price)
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
            sell_at_limit(position, bar.number, price, j)
            if state[s.LEFT] <= 0.0:
                return


@inlined
def stops_at_open(position: Position, bar: Bar) -> None:
    """X2b: fill at the open every stop that it has reached; a gap is never filled at the stop's price."""
    state, rungs, price = position.state, position.rungs, bar.open
    if has_slices(position):
        fall_in_parts(position, bar, price, True)
        return
    level, order = stop_in_force(state)
    if down_to(price, level):
        sell_all(position, bar.number, price, order)
        return
    for k in range(int(state[s.N_DOWN])):
        j = int(rungs[s.DOWN, k])
        if rungs[s.STATUS, j] == o.RESTING and down_to(price, rungs[s.LEVEL, j]):
            sell_at_market(position, bar.number, price, j)
            if state[s.LEFT] <= 0.0:
                return


@inlined
def fall_to(position: Position, bar: Bar, bottom: float) -> None:
    """Let the price fall inside a bar.

    Parameters
    ----------
    position : Position
    bar : Bar
    bottom : float
        Signed price that it falls to.
    """
    if has_slices(position):
        fall_in_parts(position, bar, bottom, False)
    else:
        level, order = stop_in_force(position.state)
        fall(position, bar, bottom, level, order)


@inlined
def trail_of(position: Position, best: float, atr: float) -> float:
    """Return the signed price of the trail for a best price, rounded against the trader; NaN without trail or ATR.

    Parameters
    ----------
    position : Position
    best : float
        Signed best price so far.
    atr : float
        In price.

    Returns
    -------
    float
        Signed price on the tick.
    """
    number, unit = position.number, position.code[n.C_TRAIL_UNIT]
    if unit == o.NO_UNIT:
        return np.nan
    away = distance(unit, number[n.N_TRAIL], position.state[s.RISK], atr, best)
    return to_tick(best - away, number[n.N_TICK])


@inlined
def ratchet_walk(position: Position, best: float) -> None:
    """Ratchet an armed trail inside a bar, with the ATR of the last closed bar (walking policies)."""
    state = position.state
    if has_slices(position):
        walk_own_lines(position, best)
    if state[s.ARMED] <= 0.0:
        return
    line = trail_of(position, best, state[s.ATR_BEFORE])
    if line > state[s.WALK_LINE]:
        state[s.WALK_LINE] = line


@inlined
def note_ambiguity(position: Position, high: float, low: float) -> None:
    """X7b: note a bar inside which the order of high and low (signed prices) decides.

    Besides a stop and a limit rung both in reach, this is a bar whose own high lifts an armed trail into the
    reach of its low: there the walking policies differ from those that know completed bars only.

    Parameters
    ----------
    position : Position
    high, low : float
        Signed prices.
    """
    state, rungs = position.state, position.rungs
    level, _ = stop_in_force(state)
    adverse, matters = down_to(low, level), True
    if has_slices(position):
        adverse = liquidates(state, low) or (adverse and main_stop_is_live(position))
        adverse = note_slices(position, high, low) or adverse
        matters = main_stop_matters(position)
    for k in range(int(state[s.N_DOWN])):
        j = int(rungs[s.DOWN, k])
        if rungs[s.STATUS, j] == o.RESTING and down_to(low, rungs[s.LEVEL, j]):
            adverse = True
    if grows(position):
        note_adds(position, high, low, adverse)
    if adverse:
        for k in range(int(state[s.N_UP])):
            j = int(rungs[s.UP, k])
            if rungs[s.STATUS, j] == o.RESTING and high >= rungs[s.REACH, j]:
                state[s.AMBIGUOUS_HERE] = 1.0
    if state[s.ARMED] > 0.0 and matters:
        line = trail_of(position, max(state[s.BEST], high), state[s.ATR_BEFORE])
        if is_above(line, level) and down_to(low, line):
            state[s.AMBIGUOUS_HERE] = 1.0
        state[s.WALKED] = max(state[s.WALKED], line)


@inlined
def walk(position: Position, bar: Bar, high_first: bool) -> None:
    """Walk open, one extreme, the other, close; orders fill in the order reached and the trail ratchets along (X3).

    Parameters
    ----------
    position : Position
    bar : Bar
    high_first : bool
        Whether the walk reaches the signed high before the low.
    """
    state = position.state
    best = max(state[s.BEST], bar.open)
    ratchet_walk(position, best)
    previous = bar.open
    for leg in range(3):
        if leg == 2:
            target = bar.close
        elif (leg == 0) == high_first:
            target = bar.high
        else:
            target = bar.low
        if target >= previous:
            if grows(position):
                rise_buying(position, bar, target)
            else:
                rise(position, bar, target)
            best = max(best, target)
            ratchet_walk(position, best)
        if target <= previous and state[s.LEFT] > 0.0:
            if grows(position):
                fall_buying(position, bar, target)
            else:
                fall_to(position, bar, target)
        if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
            return
        previous = target


@inlined
def after_bar(position: Position, high: float, low: float) -> None:
    """Count a bar's extremes (signed); its decisions about the stop are in force from the next bar (X4, X5).

    Parameters
    ----------
    position : Position
    high, low : float
        Signed prices.
    """
    state, number = position.state, position.number
    state[s.BEST] = max(state[s.BEST], high)
    state[s.WORST] = min(state[s.WORST], low)
    if grows(position):
        grow_after_bar(position, high, low)
    if state[s.BREAKEVEN_NEXT] > 0.0:
        state[s.BREAKEVEN_ON] = 1.0
    if state[s.ARMED_NEXT] > 0.0:
        state[s.ARMED] = 1.0
    multiple = number[n.N_TRAIL_FROM]
    if multiple > 0.0 and state[s.BEST] >= armed_at(state[s.ENTRY], multiple, state[s.RISK]):
        state[s.ARMED] = 1.0
    if has_slices(position):
        arm_slices(position)


@inlined
def process_inside(position: Position, bar: Bar, policy: int) -> None:
    """X3: fill inside a bar, by the intrabar policy.

    Parameters
    ----------
    position : Position
    bar : Bar
    policy : int
        Position in `exitladder.execution.kernel.codes.POLICIES`.
    """
    state = position.state
    note_ambiguity(position, bar.high, bar.low)
    if policy == o.OHLC:
        # The price itself walks open, high, low, close: for a short the high is the adverse extreme.
        walk(position, bar, state[s.SIDE] > 0.0)
    elif policy == o.NEARER_EXTREME:
        walk(position, bar, bar.high - bar.open < bar.open - bar.low)
    elif grows(position):
        if policy == o.TARGET_FIRST:
            grow_target_first(position, bar)
        else:
            grow_stop_first(position, bar)
    elif policy == o.TARGET_FIRST:
        rise(position, bar, bar.high)
        if state[s.LEFT] > 0.0:
            fall_to(position, bar, bar.low)
    else:
        fall_to(position, bar, bar.low)
        if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] < 0.0:
            rise(position, bar, bar.high)


@inlined
def process_bar(position: Position, bar: Bar, policy: int, is_entry_bar: bool) -> None:
    """X2 and X3: fill the resting and pending orders of one bar.

    Parameters
    ----------
    position : Position
    bar : Bar
    policy : int
        Position in `exitladder.execution.kernel.codes.POLICIES`.
    is_entry_bar : bool
        Whether the trade was entered at this bar's open.
    """
    state, number = position.state, position.number
    state[s.BAR_BEST], state[s.BAR_WORST] = -np.inf, np.inf
    state[s.BUDGET] = np.inf
    if number[n.N_PARTICIPATION] > 0.0:
        # S4. The share is of the bar, for all fills in it together; a bar of unknown volume takes nothing.
        most = number[n.N_PARTICIPATION] * bar.volume
        state[s.BUDGET] = whole_steps(most, number[n.N_LOT]) if most > 0.0 else 0.0
    if is_entry_bar and (policy == o.OHLC or policy == o.NEARER_EXTREME):
        ratchet_walk(position, state[s.BEST])  # X5b: on the walking policies the line is there from the entry on
    if grows(position):
        place_again(position)
    process_open(position, bar, is_entry_bar)
    if grows(position):
        buy_at_open(position, bar, is_entry_bar)
    if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] < 0.0:
        process_inside(position, bar, policy)
    high, low = bar.high, bar.low
    if state[s.LEFT] <= 0.0:
        # X4: on the bar of the last fill only its open and its fills count.
        high = max(bar.open, state[s.BAR_BEST])
        low = min(bar.open, state[s.BAR_WORST])
    after_bar(position, high, low)


@inlined
def is_idle(idle: BoolArray, bar: int) -> bool:
    """Whether nothing traded in a bar (S4a); `idle` is empty where that is so of none."""
    return len(idle) > 0 and idle[bar]


@inlined
def process_finer_bars(
    position: Position, market: Market, index: int, first: int, end: int, is_entry_bar: bool
) -> None:
    """X3, finer_bars: walk the finer bars that make up a bar, each stop first, the trail ratcheting after each.

    Parameters
    ----------
    position : Position
    market : Market
    index : int
        Bar number through the whole `BarSet`.
    first, end : int
        The finer bars to walk.
    is_entry_bar : bool
        Whether the trade was entered at the first one's open.
    """
    state = position.state
    side = state[s.SIDE]
    for f in range(first, end):
        if is_idle(market.finer_idle, f):
            price = side * market.finer_close[f]
            after_bar(position, price, price)
            ratchet_walk(position, state[s.BEST])
            continue
        high, low = side * market.finer_high[f], side * market.finer_low[f]
        if low > high:
            high, low = low, high
        opened, close = side * market.finer_open[f], side * market.finer_close[f]
        bar = Bar(index, opened, high, low, close, market.finer_volume[f])
        process_bar(position, bar, o.STOP_FIRST, is_entry_bar and f == first)
        if state[s.LEFT] <= 0.0:
            return
        ratchet_walk(position, state[s.BEST])
