"""Slices: rungs whose quantity is reserved from the entry on and has a stop and a trail of its own (X10).

This file holds what a slice is and where its stop is; `exitladder.execution.kernel.slice_orders` says how it fills.
Nothing here runs for a ladder without slices. Prices are signed.
"""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.compiled import compiled, inlined
from exitladder.execution.kernel.rounding import armed_at, distance, down_to, is_above, stop_to_tick, to_tick
from exitladder.execution.kernel.state import Position

DUST = o.DUST


@inlined
def has_slices(position: Position) -> bool:
    """Whether the ladder has slices. Known to the compiler where no ladder of the plan has one."""
    return bool(position.slices is not None and position.code[n.C_SLICES] > 0)


@inlined
def free_lots(position: Position) -> float:
    """Return the lots that no slice reserves: all that is left in a ladder without slices."""
    state = position.state
    if not has_slices(position):
        return float(state[s.LEFT])
    free = state[s.LEFT] - state[s.RESERVED]
    return float(free) if free > DUST * state[s.START] else 0.0


@inlined
def is_slice(position: Position, j: int) -> bool:
    """Whether rung j is a slice."""
    return bool(has_slices(position) and position.rungs[s.OWN, j] > 0.0)


@inlined
def part_of(position: Position, j: int) -> float:
    """Return the lots that an order of rung j may sell at most: its own if it is a slice, else the unreserved lots."""
    if is_slice(position, j):
        return float(min(position.rungs[s.LOTS, j], position.state[s.LEFT]))
    return free_lots(position)


@inlined
def is_live(rungs: FloatTable, j: int) -> bool:
    """Whether rung j is a slice whose own stop is in the market."""
    if rungs[s.OWN, j] <= 0.0 or rungs[s.LOTS, j] <= 0.0 or rungs[s.OWN_EXIT, j] >= 0.0:
        return False
    return bool(rungs[s.STATUS, j] == o.RESTING or rungs[s.STATUS, j] == o.PENDING)


@inlined
def liquidates(state: FloatArray, price: float) -> bool:
    """Whether a price (signed) reaches the liquidation, if there is one."""
    return state[s.LIQUIDATION] > -np.inf and down_to(price, state[s.LIQUIDATION])


@inlined
def main_stop_is_live(position: Position) -> bool:
    """Whether the stop of the trade is in the market, for lots that no slice reserves."""
    return position.state[s.MAIN_EXIT] < 0.0 and free_lots(position) > 0.0


@inlined
def main_stop_matters(position: Position) -> bool:
    """Whether breakeven and trail of the trade still stop anything: unreserved lots, or a slice that follows."""
    if main_stop_is_live(position):
        return True
    for j in range(position.code[n.C_RUNGS]):
        if is_live(position.rungs, j) and position.rungs[s.FOLLOWS, j] > 0.0:
            return True
    return False


@inlined
def slice_stop(state: FloatArray, rungs: FloatTable, j: int) -> tuple[float, int]:
    """Return the tightest stop of slice j and its order code; of equal ones the earlier in life.

    Parameters
    ----------
    state : float64 array, shape (SIZE,)
    rungs : float64 array, shape (RUNG_ROWS, max_rungs)
    j : int
        Rung number from 0.

    Returns
    -------
    tuple of float and int
    """
    level, order = rungs[s.OWN_STOP, j], o.STOP
    if rungs[s.FOLLOWS, j] > 0.0:
        if state[s.BREAKEVEN_ON] > 0.0 and is_above(state[s.BREAKEVEN], level):
            level, order = state[s.BREAKEVEN], o.BREAKEVEN
        if state[s.ARMED] > 0.0:
            line = max(state[s.LINE], state[s.WALK_LINE])
            if is_above(line, level):
                level, order = line, o.TRAIL
    if rungs[s.OWN_ARMED, j] > 0.0:
        line = max(rungs[s.OWN_LINE, j], rungs[s.OWN_WALK_LINE, j])
        if is_above(line, level):
            level, order = line, o.TRAIL
    return level, order


@inlined
def line_of(position: Position, j: int, best: float, atr: float) -> float:
    """Return the signed price of slice j's trail for a best price; NaN without trail or ATR.

    Parameters
    ----------
    position : Position
    j : int
        Rung number from 0.
    best : float
        Signed best price so far.
    atr : float
        In price.

    Returns
    -------
    float
        Signed price on the tick.
    """
    unit = int(position.rungs[s.OWN_UNIT, j])
    if unit == o.NO_UNIT:
        return np.nan
    away = distance(unit, position.rungs[s.OWN_WIDTH, j], position.state[s.RISK], atr, best)
    return to_tick(best - away, position.number[n.N_TICK])


@compiled
def set_up_slices(position: Position, rung_number: FloatTable, rung_code: IntTable, atr: float) -> None:
    """Set the stop and the trail of each slice as they are before the first bar.

    Parameters
    ----------
    position : Position
    rung_number : float64 array, shape (max_rungs, RUNG_NUMBERS)
        The ladder's part of `exitladder.execution.kernel.packed.Plan.rung_number`.
    rung_code : int64 array, shape (max_rungs, RUNG_CODES)
        The same of `Plan.rung_code`.
    atr : float
        Known at the entry, NaN if it is not: a stop in ATR then is the trade's initial one.
    """
    state, rungs = position.state, position.rungs
    entry = state[s.ENTRY]
    for j in range(position.code[n.C_RUNGS]):
        rungs[s.OWN, j] = rung_code[j, n.RC_SLICE]
        rungs[s.OWN_STOP, j] = state[s.STOP]
        unit = rung_code[j, n.RC_STOP_UNIT]
        if unit != o.NO_UNIT:
            stop = entry - distance(unit, rung_number[j, n.RN_STOP], state[s.RISK], atr, entry)
            level = stop_to_tick(stop, entry, position.number[n.N_TICK])
            if level > state[s.STOP]:
                rungs[s.OWN_STOP, j] = level
        rungs[s.OWN_UNIT, j] = rung_code[j, n.RC_TRAIL_UNIT]
        rungs[s.OWN_WIDTH, j] = rung_number[j, n.RN_TRAIL]
        rungs[s.OWN_AFTER, j] = rung_code[j, n.RC_TRAIL_AFTER]
        rungs[s.OWN_FROM, j] = rung_number[j, n.RN_TRAIL_FROM]
        from_entry = rungs[s.OWN_AFTER, j] < 0.0 and rungs[s.OWN_FROM, j] <= 0.0
        rungs[s.OWN_ARMED, j] = 1.0 if rungs[s.OWN_UNIT, j] != o.NO_UNIT and from_entry else 0.0
        rungs[s.OWN_ARMED_NEXT, j] = 0.0
        rungs[s.OWN_LINE, j] = rungs[s.OWN_WALK_LINE, j] = rungs[s.OWN_WALKED, j] = -np.inf
        rungs[s.OWN_EXIT, j] = -1.0
        rungs[s.FOLLOWS, j] = rung_code[j, n.RC_FOLLOW]


@compiled
def raise_own_lines(position: Position, best: float, atr: float) -> None:
    """Ratchet the trail of every slice to a best price, as closed bars do (X5).

    Parameters
    ----------
    position : Position
    best : float
        Signed price.
    atr : float
        In price, NaN if unknown.
    """
    rungs = position.rungs
    for j in range(position.code[n.C_RUNGS]):
        line = line_of(position, j, best, atr)
        if line > rungs[s.OWN_LINE, j]:
            rungs[s.OWN_LINE, j] = line


@compiled
def ratchet_own_lines(position: Position, atr: float) -> None:
    """X5 and X5a for slices at a bar's close; X7b: a walked line above that of closed bars makes the bar ambiguous."""
    state, rungs = position.state, position.rungs
    raise_own_lines(position, state[s.BEST], atr)
    for j in range(position.code[n.C_RUNGS]):
        walked, line = rungs[s.OWN_WALKED, j], rungs[s.OWN_LINE, j]
        counts = state[s.EXIT_ORDER] < 0.0 and is_live(rungs, j)
        if counts and is_above(walked, line):
            state[s.AMBIGUOUS_HERE] = 1.0
        rungs[s.OWN_LINE, j] = max(line, rungs[s.OWN_WALK_LINE, j])
        rungs[s.OWN_WALK_LINE, j] = rungs[s.OWN_WALKED, j] = -np.inf


@compiled
def walk_own_lines(position: Position, best: float) -> None:
    """Ratchet armed trails of slices inside a bar, with the ATR of the last closed bar (walking policies)."""
    rungs = position.rungs
    for j in range(position.code[n.C_RUNGS]):
        if rungs[s.OWN_ARMED, j] > 0.0:
            line = line_of(position, j, best, position.state[s.ATR_BEFORE])
            if line > rungs[s.OWN_WALK_LINE, j]:
                rungs[s.OWN_WALK_LINE, j] = line


@compiled
def arm_slices(position: Position) -> None:
    """X5: a trail that fills or MFE of this bar arm is in force from the next one."""
    state, rungs = position.state, position.rungs
    for j in range(position.code[n.C_RUNGS]):
        if rungs[s.OWN_ARMED_NEXT, j] > 0.0:
            rungs[s.OWN_ARMED, j] = 1.0
        multiple = rungs[s.OWN_FROM, j]
        if multiple > 0.0 and state[s.BEST] >= armed_at(state[s.ENTRY], multiple, state[s.RISK]):
            rungs[s.OWN_ARMED, j] = 1.0


@compiled
def note_slices(position: Position, high: float, low: float) -> bool:
    """X7b for slices: note a lifted own trail in reach, and return whether the stop of a slice is in reach.

    Parameters
    ----------
    position : Position
    high, low : float
        Of the bar, signed prices.

    Returns
    -------
    bool
    """
    state, rungs = position.state, position.rungs
    adverse = False
    for j in range(position.code[n.C_RUNGS]):
        if not is_live(rungs, j):
            continue
        level, _ = slice_stop(state, rungs, j)
        if down_to(low, level):
            adverse = True
        if rungs[s.OWN_ARMED, j] > 0.0:
            line = line_of(position, j, max(state[s.BEST], high), state[s.ATR_BEFORE])
            if is_above(line, level) and down_to(low, line):
                state[s.AMBIGUOUS_HERE] = 1.0
            rungs[s.OWN_WALKED, j] = max(rungs[s.OWN_WALKED, j], line)
    return adverse


@compiled
def settle(position: Position, fired: int) -> None:
    """Count the reserved lots after a sale, arm trails that rung `fired` arms, and withdraw rungs without quantity.

    Parameters
    ----------
    position : Position
    fired : int
        Rung that has sold all of its quantity at its target or on its conditions, -1 if none has.
    """
    state, rungs = position.state, position.rungs
    reserved = 0.0
    for j in range(position.code[n.C_RUNGS]):
        if rungs[s.OWN, j] > 0.0:
            reserved += rungs[s.LOTS, j]
            if fired >= 0 and rungs[s.OWN_AFTER, j] == fired and rungs[s.OWN_UNIT, j] != o.NO_UNIT:
                rungs[s.OWN_ARMED_NEXT, j] = 1.0
    state[s.RESERVED] = reserved
    if free_lots(position) <= 0.0:
        withdraw_free_rungs(position)


@compiled
def withdraw_free_rungs(position: Position) -> None:
    """Withdraw the rungs of the unreserved lots; one that sells the rest still can, of the slices."""
    rungs = position.rungs
    for j in range(position.code[n.C_RUNGS]):
        if rungs[s.OWN, j] > 0.0 or rungs[s.KIND, j] == o.REST:
            continue
        if rungs[s.STATUS, j] == o.RESTING or rungs[s.STATUS, j] == o.PENDING:
            rungs[s.STATUS, j] = o.WITHDRAWN
