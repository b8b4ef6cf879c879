"""A trade before its first bar: R, stop, prices and sizes of its rungs (Terms, Targets, S1, S6)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import insert, reach_up
from exitladder.execution.kernel.compiled import inlined
from exitladder.execution.kernel.orders import record
from exitladder.execution.kernel.packed import Entries
from exitladder.execution.kernel.rounding import (
    commission_of,
    distance,
    liquidation_price,
    on_grid,
    stop_to_tick,
    to_tick,
    whole_steps,
)
from exitladder.execution.kernel.slices import free_lots, has_slices, is_slice, settle
from exitladder.execution.kernel.state import Fill, Position

SNAP = o.SNAP


class EntryFacts(NamedTuple):
    """The facts known of one trade at its entry.

    Parameters
    ----------
    side : float
        +1 long, -1 short.
    price : float
        Signed price of the entry.
    stop : float
        The trade's own stop (not signed), NaN if it has none.
    quantity : float
    atr : float
        Of the last bar closed at or before the entry, NaN if unknown.
    anchor, swing : float
        Signed price of the last confirmed swing's end, and its length.
    levels : float64 array, shape (n_levels,)
        Signed prices of the confirmed swing levels beyond the entry.
    supports : float64 array, shape (n_supports,)
        The same on its losing side.
    """

    side: float
    price: float
    stop: float
    quantity: float
    atr: float
    anchor: float
    swing: float
    levels: FloatArray
    supports: FloatArray


@inlined
def facts_of(entries: Entries, atr: FloatArray, i: int) -> EntryFacts:
    """Return the facts known of a trade at its entry.

    Parameters
    ----------
    entries : Entries
    atr : float64 array, shape (n_bars,)
        ATR of every bar.
    i : int
        Position of the trade.

    Returns
    -------
    EntryFacts
        Its ATR is NaN if no bar had closed by the entry.
    """
    known = entries.known_bar[i]
    side = float(entries.side[i])
    return EntryFacts(
        side,
        side * entries.price[i],
        entries.stop[i],
        entries.quantity[i],
        atr[known] if known >= 0 else np.nan,
        entries.anchor[i],
        entries.swing[i],
        entries.levels[i],
        entries.supports[i],
    )


@inlined
def initial_stop(position: Position, facts: EntryFacts) -> tuple[float, int]:
    """Return the signed price of the initial stop, and the skip reason if there is none."""
    if not np.isnan(facts.stop):
        return facts.side * facts.stop, o.NOT_SKIPPED
    unit = position.code[n.C_INITIAL_UNIT]
    if unit == o.NO_UNIT:
        return np.nan, o.NO_STOP
    away = distance(unit, position.number[n.N_INITIAL], np.nan, facts.atr, facts.price)
    if np.isnan(away):
        return np.nan, o.ATR_UNKNOWN
    return facts.price - away, o.NOT_SKIPPED


@inlined
def target_price(unit: int, value: float, risk: float, facts: EntryFacts) -> float:
    """Return the signed price of a target, NaN if it cannot be resolved at the entry.

    Parameters
    ----------
    unit : int
        Position in `exitladder.execution.kernel.codes.UNITS`.
    value : float
        In that unit.
    risk : float
        R in price.
    facts : EntryFacts

    Returns
    -------
    float
        Signed; NaN too if an extension or a resistance is not above the signed entry price.
    """
    if unit == o.IN_PRICE:
        return float(facts.side * value)
    if unit == o.IN_FIB or unit == o.IN_RESISTANCE:
        price = facts.anchor + value * facts.swing if unit == o.IN_FIB else facts.levels[int(value) - 1]
        # An extension that the entry has already passed is no target any more; it must not turn into a stop.
        return price if price > facts.price else np.nan
    return float(facts.price + distance(unit, value, risk, facts.atr, facts.price))


@inlined
def place_rungs(position: Position, rung_number: FloatTable, rung_code: IntTable, facts: EntryFacts) -> None:
    """Resolve each rung to a price, and put limits and partial stop-outs in the order of their prices.

    Parameters
    ----------
    position : Position
    rung_number : float64 array, shape (max_rungs, RUNG_NUMBERS)
        The ladder's part of `exitladder.execution.kernel.packed.Plan.rung_number`.
    rung_code : int64 array, shape (max_rungs, RUNG_CODES)
        The same of `Plan.rung_code`.
    facts : EntryFacts
    """
    state, rungs, code = position.state, position.rungs, position.code
    tick = position.number[n.N_TICK]
    for j in range(code[n.C_RUNGS]):
        unit = rung_code[j, n.RC_UNIT]
        if unit == o.NO_UNIT:
            rungs[s.KIND, j] = o.REST if rung_code[j, n.RC_REST] > 0 else o.SIGNAL
            if rung_code[j, n.RC_FIRST] == rung_code[j, n.RC_END]:
                rungs[s.KIND, j] = o.KEPT
            continue
        price = target_price(unit, rung_number[j, n.RN_TARGET], state[s.RISK], facts)
        if np.isnan(price):
            rungs[s.KIND, j] = o.INACTIVE
            rungs[s.STATUS, j] = o.DONE
            state[s.INACTIVE_RUNGS] += 1.0
            continue
        # An order rests on the tick, rounded against the trader.
        level = to_tick(price, tick)
        rungs[s.LEVEL, j] = level
        rungs[s.REACH, j] = reach_up(position, level)
        # At the entry itself it is a stop order, which pays slippage.
        if price > state[s.ENTRY]:
            rungs[s.KIND, j] = o.LIMIT
            insert(rungs, s.UP, int(state[s.N_UP]), j, 1.0)
            state[s.N_UP] += 1.0
        else:
            rungs[s.KIND, j] = o.STOP_OUT
            insert(rungs, s.DOWN, int(state[s.N_DOWN]), j, -1.0)
            state[s.N_DOWN] += 1.0


@inlined
def size_rungs(position: Position, rung_number: FloatTable) -> None:
    """S1 and X9: round each rung down to the lot; one without size passes its quantity to the next active one.

    X10: never to a slice. A slice whose target cannot be resolved keeps its quantity, for its stop.
    """
    state, rungs, lot = position.state, position.rungs, position.number[n.N_LOT]
    start = on_grid(state[s.START], lot)
    passed_on = 0.0
    for j in range(position.code[n.C_RUNGS]):
        rungs[s.LOTS, j] = 0.0
        own = is_slice(position, j)
        if rungs[s.KIND, j] == o.INACTIVE and not own:
            continue
        if rungs[s.KIND, j] == o.REST:
            rungs[s.STATUS, j] = o.RESTING
            continue
        kept = passed_on if own else 0.0
        wanted = rung_number[j, n.RN_FRACTION] * start + (passed_on - kept)
        lots = whole_steps(wanted, lot)
        if lots <= 0.0 or lots < state[s.LEAST] * (1.0 - SNAP):
            passed_on = wanted + kept
            rungs[s.STATUS, j] = o.WITHOUT_SIZE
        else:
            passed_on = kept
            rungs[s.STATUS, j] = o.RESTING
            rungs[s.LOTS, j] = lots
    if has_slices(position):
        settle(position, -1)
        if 0.0 < free_lots(position) < state[s.LEAST] * (1.0 - SNAP):
            state[s.SMALL_REST] = 1.0


@inlined
def set_stop_moves(position: Position, atr: float) -> None:
    """Set the prices of breakeven and liquidation, and whether the trail is armed from the entry on."""
    state, number, code = position.state, position.number, position.code
    entry = state[s.ENTRY]
    state[s.BREAKEVEN] = np.nan  # above nothing: a breakeven that cannot be resolved does not move the stop
    if code[n.C_BREAKEVEN_AFTER] >= 0:
        offset = 0.0
        if number[n.N_BREAKEVEN] != 0.0:
            offset = distance(code[n.C_BREAKEVEN_UNIT], number[n.N_BREAKEVEN], state[s.RISK], atr, entry)
        state[s.BREAKEVEN] = to_tick(entry + offset, number[n.N_TICK])
    if code[n.C_TRAIL_UNIT] != o.NO_UNIT and code[n.C_TRAIL_AFTER] < 0 and number[n.N_TRAIL_FROM] <= 0.0:
        state[s.ARMED] = 1.0
    if number[n.N_LEVERAGE] > 0.0:
        state[s.LIQUIDATION] = liquidation_price(state[s.SIDE], entry, number)


@inlined
def set_up(position: Position, i: int, facts: EntryFacts) -> int:
    """Set the state of trade i as it is before its first bar, rungs excepted; return the skip reason.

    Parameters
    ----------
    position : Position
    i : int
        Position of the trade.
    facts : EntryFacts

    Returns
    -------
    int
        Skip reason of `exitladder.execution.kernel.codes`; `NOT_SKIPPED` if the trade is entered.
    """
    state, number = position.state, position.number
    state[:] = 0.0
    price, atr = facts.price, facts.atr
    state[s.TRADE], state[s.FILL_ROW] = i, -1.0
    state[s.SIDE], state[s.ENTRY], state[s.BEST], state[s.WORST] = facts.side, price, price, price
    state[s.EXIT_ORDER] = state[s.EXIT_RUNG] = state[s.LAST_ORDER] = state[s.LAST_BAR] = -1.0
    state[s.MAIN_EXIT] = state[s.CUT_TO] = -1.0
    state[s.LINE] = state[s.WALK_LINE] = state[s.WALKED] = state[s.LIQUIDATION] = -np.inf
    state[s.ATR_BEFORE] = atr
    stop, why = initial_stop(position, facts)
    state[s.RISK] = price - stop
    lots = whole_steps(facts.quantity, number[n.N_LOT])
    least = number[n.N_MINIMUM] / number[n.N_LOT] if number[n.N_LOT] > 0.0 else number[n.N_MINIMUM]
    state[s.START] = state[s.LEFT] = lots
    state[s.LEAST] = least
    if why == o.NOT_SKIPPED and not state[s.RISK] > 0.0:
        why = o.STOP_BEYOND_ENTRY
    if why == o.NOT_SKIPPED and number[n.N_SLIP_ATR] > 0.0 and np.isnan(atr):
        why = o.ATR_UNKNOWN  # unknown slippage is not taken to be zero
    if why == o.NOT_SKIPPED and (not lots > 0.0 or lots < least * (1.0 - SNAP)):
        why = o.BELOW_MINIMUM
    state[s.SKIPPED_WHY] = why
    if why == o.NOT_SKIPPED:
        state[s.STOP] = stop_to_tick(stop, price, number[n.N_TICK])
        set_stop_moves(position, atr)
    return why


@inlined
def enter(position: Position, bar: int, row: int) -> None:
    """Record the entry at the price that was paid, with its commission; fills go to the book from `row` on.

    Parameters
    ----------
    position : Position
    bar : int
        Bar number through the whole `BarSet`.
    row : int
        Row of the book at which its fills begin, -1 to count them only.
    """
    state, number = position.state, position.number
    state[s.FILL_ROW] = row
    quantity = on_grid(state[s.START], number[n.N_LOT])
    cost = commission_of(state[s.ENTRY], quantity, number)
    state[s.COMMISSION] = state[s.ENTRY_COMMISSION] = cost
    record(position, Fill(bar, o.ENTRY, -1, quantity, state[s.ENTRY], cost, 0.0, 0.0, 0.0))
