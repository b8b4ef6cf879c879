"""A trade from its first bar to its end."""

from __future__ import annotations

import numpy as np
from numba import njit

from exitladder.arrays import FloatArray, FloatTable, IntArray, IntTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.bar_close import (
    count_bar,
    decide_signals,
    financing_rate,
    is_true,
    ratchet,
    state_value,
)
from exitladder.execution.kernel.one_bar import process_bar, process_finer_bars
from exitladder.execution.kernel.orders import stop_in_force
from exitladder.execution.kernel.rounding import distance, down_to, on_grid, to_tick

SLACK = o.SLACK


@njit(error_model="numpy", forceinline=True)
def quiet_range(state: FloatArray, rungs: FloatTable, floor: float) -> tuple[float, float]:
    """Return the highest price that meets something below (the stop: `floor`), and the lowest for what is above."""
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


@njit(error_model="numpy")
def pass_quiet_bars(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    bar: int,
    end_bar: int,
    i: int,
    highs: FloatArray,
    lows: FloatArray,
    closes: FloatArray,
    atr: FloatArray,
    conditions_first: IntArray,
    conditions_end: IntArray,
    series: IntArray,
    comparison: IntArray,
    threshold: FloatArray,
    values: FloatArray,
    base: IntTable,
    known_from: IntTable,
    known_to: IntTable,
) -> int:
    """Pass the bars within which nothing that rests in the market can be met; return the first one that is left.

    A short cut that changes no result: on such a bar X2 and X3 do nothing, and X4 and X5 are done here on plain
    numbers. It stops after a bar at whose close a signal rung fires, and before one at whose close time is up.
    """
    if state[s.WAITING] > 0.0 or state[s.EXIT_ORDER] >= 0.0:
        return bar
    side, entry, risk, tick = state[s.SIDE], state[s.ENTRY], state[s.RISK], number[n.N_TICK]
    best, worst, line, held = state[s.BEST], state[s.WORST], state[s.LINE], state[s.HELD]
    atr_before, armed = state[s.ATR_BEFORE], state[s.ARMED]
    financing, due = state[s.FINANCING], state[s.FINANCING_DUE]
    unit, width = code[n.C_TRAIL_UNIT], number[n.N_TRAIL]
    rate = financing_rate(side, number[n.N_FUNDING], number[n.N_BORROW])
    quantity = on_grid(state[s.LEFT], number[n.N_LOT])
    from_price = np.inf
    if number[n.N_TRAIL_FROM] > 0.0:
        from_price = entry + number[n.N_TRAIL_FROM] * risk
        from_price -= abs(from_price) * SLACK
    stop, _ = stop_in_force(state)
    floor, ceiling = quiet_range(state, rungs, stop)
    last = end_bar
    if code[n.C_TIME] > 0:
        last = min(end_bar, bar + code[n.C_TIME] - 1 - int(held))
    fired = False
    while bar < last and not fired:
        high, low = side * highs[bar], side * lows[bar]
        if low > high:
            high, low = low, high
        if high >= ceiling or down_to(low, floor):
            break
        best_then = max(best, high)
        if unit != o.NO_UNIT:
            walked = to_tick(best_then - distance(unit, width, risk, atr_before, best_then), tick)
            if armed > 0.0 and down_to(low, walked):
                break
            atr_before = atr[bar]
            drawn = to_tick(best_then - distance(unit, width, risk, atr_before, best_then), tick)
            if drawn > line:
                line = drawn
            if best_then >= from_price:
                armed = 1.0
            if armed > 0.0 and line > stop:
                stop = line
                floor = max(floor, line)
        best, worst = best_then, min(worst, low)
        held += 1.0
        if rate != 0.0:
            cost = rate * abs(closes[bar]) * quantity
            financing += cost
            due += cost
        if code[n.C_SIGNALS] > 0:
            close = side * closes[bar]
            for j in range(code[n.C_RUNGS]):
                if rungs[s.KIND, j] != o.SIGNAL or rungs[s.STATUS, j] != o.RESTING:
                    continue
                holds = True
                for c in range(conditions_first[j], conditions_end[j]):
                    k = series[c]
                    if k < 0:
                        value = state_value(k, close, entry, risk, best, worst, held, stop)
                    elif known_from[k, i] <= bar < known_to[k, i]:
                        value = values[base[k, i] + bar]
                    else:
                        value = np.nan
                    if not is_true(value, comparison[c], threshold[c]):
                        holds = False
                        break
                if holds:
                    rungs[s.STATUS, j] = o.PENDING
                    fired = True
        bar += 1
    if held > state[s.HELD]:
        state[s.ATR_BEFORE] = atr[bar - 1]
    if fired:
        state[s.WAITING] = 1.0
    state[s.BEST], state[s.WORST], state[s.LINE], state[s.HELD], state[s.ARMED] = best, worst, line, held, armed
    state[s.FINANCING], state[s.FINANCING_DUE] = financing, due
    return bar


@njit(error_model="numpy", forceinline=True)
def live(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    i: int,
    entry_bar: int,
    first_bar: int,
    end_bar: int,
    finer_entry: int,
    opens: FloatArray,
    highs: FloatArray,
    lows: FloatArray,
    closes: FloatArray,
    volumes: FloatArray,
    atr: FloatArray,
    finer_opens: FloatArray,
    finer_highs: FloatArray,
    finer_lows: FloatArray,
    finer_closes: FloatArray,
    finer_volumes: FloatArray,
    finer_first: IntArray,
    finer_end: IntArray,
    conditions_first: IntArray,
    conditions_end: IntArray,
    series: IntArray,
    comparison: IntArray,
    threshold: FloatArray,
    values: FloatArray,
    base: IntTable,
    known_from: IntTable,
    known_to: IntTable,
) -> None:
    """Live through the bars of a trade that `exitladder.execution.kernel.trade_start.set_up` has set up."""
    side = state[s.SIDE]
    policy = code[n.C_POLICY]
    finer = policy == o.FINER_BARS and len(finer_first) > 0
    if finer and finer_entry >= 0:
        # X6: an entry inside bar e lives through the finer bars after it. No decision is taken at e's close, and
        # the first of them does not gap: the entry lies at its open or just before it.
        process_finer_bars(
            state, number, code, rungs, book, entry_bar, finer_opens, finer_highs, finer_lows, finer_closes,
            finer_volumes, finer_entry, finer_end[entry_bar], True,
        )  # fmt: skip
        state[s.AMBIGUOUS] += state[s.AMBIGUOUS_HERE]
        if state[s.LEFT] <= 0.0:
            return
        ratchet(state, number, code, atr[entry_bar])
    if first_bar > entry_bar:
        state[s.ATR_BEFORE] = atr[entry_bar]
    bar = first_bar - 1
    while bar < end_bar - 1:
        bar += 1
        if policy != o.FINER_BARS:
            bar = pass_quiet_bars(
                state, number, code, rungs, bar, end_bar, i, highs, lows, closes, atr, conditions_first, conditions_end,
                series, comparison, threshold, values, base, known_from, known_to,
            )  # fmt: skip
            if bar >= end_bar:
                return
        high, low = side * highs[bar], side * lows[bar]
        if low > high:
            high, low = low, high
        state[s.AMBIGUOUS_HERE] = 0.0
        if finer and finer_end[bar] > finer_first[bar]:
            process_finer_bars(
                state, number, code, rungs, book, bar, finer_opens, finer_highs, finer_lows, finer_closes,
                finer_volumes, finer_first[bar], finer_end[bar], bar == entry_bar,
            )  # fmt: skip
        else:
            if policy == o.FINER_BARS:
                state[s.COARSE] += 1.0
            process_bar(
                state, number, code, rungs, book, bar, side * opens[bar], high, low, side * closes[bar],
                volumes[bar], policy, bar == entry_bar,
            )  # fmt: skip
        state[s.AMBIGUOUS] += state[s.AMBIGUOUS_HERE]
        if state[s.LEFT] <= 0.0:
            return
        ratchet(state, number, code, atr[bar])
        count_bar(state, number, side * closes[bar])
        if state[s.EXIT_ORDER] >= 0.0:
            continue
        if code[n.C_SIGNALS] > 0:
            decide_signals(
                state, rungs, code[n.C_RUNGS], conditions_first, conditions_end, series, comparison, threshold,
                values, base, known_from, known_to, i, bar, side * closes[bar],
            )  # fmt: skip
        if code[n.C_TIME] > 0 and state[s.HELD] >= code[n.C_TIME]:
            state[s.EXIT_ORDER] = o.TIME
