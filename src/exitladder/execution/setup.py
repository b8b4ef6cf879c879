"""A trade before its first bar: its R, its stop, the prices and sizes of its rungs (sections Terms, Targets, S1, S6)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from exitladder.bars import FloatArray, IntArray
from exitladder.execution import order_codes as o
from exitladder.execution import plan as n
from exitladder.execution import state as s
from exitladder.execution.kernel import SLACK, SNAP, commission_of, distance, on_grid, record, to_tick, whole_steps


class Rungs(NamedTuple):
    """The rungs of one trade; quantities in lots, prices signed.

    Parameters
    ----------
    level, reach : float64 array, shape (max_rungs,)
        The order's price, and the price that fills it (one tick beyond under ``through``).
    left : float64 array, shape (max_rungs,)
        Quantity not sold yet.
    kind, status : int64 array, shape (max_rungs,)
    up, down : int64 array, shape (max_rungs,)
        Limit rungs from the lowest, partial stop-outs from the highest; of equal ones the first rung.
    n_up, n_down : int64 array, shape (1,)
    """

    level: FloatArray
    reach: FloatArray
    left: FloatArray
    kind: IntArray
    status: IntArray
    up: IntArray
    down: IntArray
    n_up: IntArray
    n_down: IntArray


@njit(error_model="numpy")
def new_rungs(most):
    """Return room for `most` rungs."""
    return Rungs(
        np.zeros(most), np.zeros(most), np.zeros(most),
        np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64),
        np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.int64),
        np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64),
    )  # fmt: skip


@njit(error_model="numpy")
def initial_stop(number, code, price, stop, side, atr):
    """Return the signed price of the initial stop and why there is none."""
    if not np.isnan(stop):
        return side * stop, o.NOT_SKIPPED
    unit = code[n.C_INITIAL_UNIT]
    if unit == o.NO_UNIT:
        return np.nan, o.NO_STOP
    away = distance(unit, number[n.N_INITIAL], np.nan, atr, price)
    if np.isnan(away):
        return np.nan, o.ATR_UNKNOWN
    return price - away, o.NOT_SKIPPED


@njit(error_model="numpy")
def target_price(unit, value, entries, i, state, atr):
    """Return the signed price of a target, NaN where it cannot be resolved at the entry."""
    entry = state[s.ENTRY]
    if unit == o.IN_PRICE:
        return state[s.SIDE] * value
    if unit == o.IN_FIB or unit == o.IN_RESISTANCE:
        if unit == o.IN_FIB:
            price = entries.anchor[i] + value * entries.swing[i]
        else:
            price = entries.levels[i, int(value) - 1]
        # An extension that the entry has already passed is no target any more; it must not turn into a stop.
        return price if price > entry else np.nan
    return entry + distance(unit, value, state[s.RISK], atr, entry)


@njit(error_model="numpy")
def size_rungs(state, plan, m, rungs):
    """S1 and X9: round each rung down to the lot; one without size passes its quantity to the next active one."""
    number, code = plan.number[m], plan.code[m]
    start = on_grid(state[s.START], number[n.N_LOT])
    passed_on = 0.0
    for j in range(code[n.C_RUNGS]):
        rungs.left[j] = 0.0
        if rungs.kind[j] == o.INACTIVE:
            continue
        wanted = plan.fraction[m, j] * start + passed_on
        lots = whole_steps(wanted, number[n.N_LOT])
        if lots <= 0.0 or lots < state[s.LEAST] * (1.0 - SNAP):
            passed_on = wanted
            rungs.status[j] = o.WITHOUT_SIZE
        else:
            passed_on = 0.0
            rungs.status[j] = o.RESTING
            rungs.left[j] = lots


@njit(error_model="numpy")
def place_rungs(state, plan, m, entries, i, atr, rungs):
    """Resolve each rung to a price and put limits and partial stop-outs in the order of their prices."""
    number, code = plan.number[m], plan.code[m]
    tick = number[n.N_TICK]
    rungs.n_up[0] = rungs.n_down[0] = 0
    for j in range(code[n.C_RUNGS]):
        if plan.unit[m, j] == o.NO_UNIT:
            rungs.kind[j] = o.SIGNAL
            continue
        price = target_price(plan.unit[m, j], plan.value[m, j], entries, i, state, atr)
        if np.isnan(price):
            rungs.kind[j] = o.INACTIVE
            rungs.status[j] = o.DONE
            state[s.INACTIVE_RUNGS] += 1.0
            continue
        # An order rests on the tick, rounded against the trader. At the entry itself it is a stop order,
        # which pays slippage.
        rungs.kind[j] = o.LIMIT if price > state[s.ENTRY] else o.STOP_OUT
        level = to_tick(price, tick)
        slack = abs(level) * SLACK
        rungs.level[j] = level
        rungs.reach[j] = level - slack
        if code[n.C_THROUGH] > 0:
            # One tick beyond; without a tick, beyond what counts as the same price.
            rungs.reach[j] = level + tick - slack if tick > 0.0 else level + slack
        if rungs.kind[j] == o.LIMIT:
            insert(rungs.up, rungs.n_up, rungs.level, j, 1.0)
        else:
            insert(rungs.down, rungs.n_down, rungs.level, j, -1.0)


@njit(error_model="numpy")
def insert(order, count, level, j, sign):
    """Insert rung j behind all whose level is not farther away."""
    k = count[0]
    while k > 0 and sign * level[order[k - 1]] > sign * level[j]:
        order[k] = order[k - 1]
        k -= 1
    order[k] = j
    count[0] += 1


@njit(error_model="numpy")
def set_up(state, plan, m, entries, i, market, rungs, book, row):
    """Set the state of trade i under ladder m as it is before the first bar, and record the entry; return why not."""
    number, code = plan.number[m], plan.code[m]
    state[:] = 0.0
    side = float(entries.side[i])
    price = side * entries.price[i]
    state[s.TRADE], state[s.FILL_ROW] = i, row
    state[s.SIDE], state[s.ENTRY], state[s.BEST], state[s.WORST] = side, price, price, price
    state[s.EXIT_ORDER] = state[s.LAST_ORDER] = state[s.LAST_BAR] = -1.0
    state[s.LINE] = state[s.WALK_LINE] = state[s.LIQUIDATION] = -np.inf
    known = entries.known_bar[i]
    atr = market.atr[code[n.C_ATR], known] if known >= 0 else np.nan
    state[s.ATR_BEFORE] = atr
    stop, why = initial_stop(number, code, price, entries.stop[i], side, atr)
    state[s.RISK] = price - stop
    lots = whole_steps(entries.quantity[i], number[n.N_LOT])
    least = number[n.N_MINIMUM] / number[n.N_LOT] if number[n.N_LOT] > 0.0 else number[n.N_MINIMUM]
    state[s.START] = state[s.LEFT] = lots
    state[s.LEAST] = least
    if why == o.NOT_SKIPPED and not state[s.RISK] > 0.0:
        why = o.STOP_BEYOND_ENTRY
    if why == o.NOT_SKIPPED and number[n.N_SLIP_ATR] > 0.0 and np.isnan(state[s.ATR_BEFORE]):
        why = o.ATR_UNKNOWN  # slippage that cannot be known is not taken to be zero
    if why == o.NOT_SKIPPED and (not lots > 0.0 or lots < least * (1.0 - SNAP)):
        why = o.BELOW_MINIMUM
    state[s.SKIPPED_WHY] = why
    if why != o.NOT_SKIPPED:
        return why
    state[s.STOP] = to_tick(stop, number[n.N_TICK])
    set_stop_moves(state, number, code, atr)
    place_rungs(state, plan, m, entries, i, atr, rungs)
    size_rungs(state, plan, m, rungs)
    quantity = on_grid(lots, number[n.N_LOT])
    cost = commission_of(price, quantity, number)
    state[s.COMMISSION] = state[s.ENTRY_COMMISSION] = cost
    record(state, book, entries.entry_bar[i], o.ENTRY, -1, quantity, price, cost, 0.0, 0.0)
    return why


@njit(error_model="numpy")
def set_stop_moves(state, number, code, atr):
    """Set where breakeven and liquidation stand, and whether the trail is armed from the entry on."""
    entry = state[s.ENTRY]
    state[s.BREAKEVEN] = np.nan  # never above any level: a breakeven that cannot be resolved does not move the stop
    if code[n.C_BREAKEVEN_AFTER] >= 0:
        offset = 0.0
        if number[n.N_BREAKEVEN] != 0.0:
            offset = distance(code[n.C_BREAKEVEN_UNIT], number[n.N_BREAKEVEN], state[s.RISK], atr, entry)
        state[s.BREAKEVEN] = to_tick(entry + offset, number[n.N_TICK])
    if code[n.C_TRAIL_UNIT] != o.NO_UNIT and code[n.C_TRAIL_AFTER] < 0 and number[n.N_TRAIL_FROM] <= 0.0:
        state[s.ARMED] = 1.0
    if number[n.N_LEVERAGE] > 0.0:
        # S6, isolated margin: margin plus profit equals the maintenance margin on the notional.
        share = 1.0 - 1.0 / number[n.N_LEVERAGE] if state[s.SIDE] > 0.0 else 1.0 + 1.0 / number[n.N_LEVERAGE]
        state[s.LIQUIDATION] = entry * share / (1.0 - state[s.SIDE] * number[n.N_MARGIN])
        # It is the exchange's level, not an order of ours: it rounds to the tick that is met first.
        state[s.LIQUIDATION] = -to_tick(-state[s.LIQUIDATION], number[n.N_TICK])
