"""The growth of a position: averages, planned risk and open adds, and what changes after a bar (PL4 to PL6).

Nothing here runs for a ladder without adds. Prices are signed.
"""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.compiled import compiled, inlined
from exitladder.execution.kernel.rounding import distance, is_above, liquidation_price, on_grid, to_tick, whole_steps
from exitladder.execution.kernel.state import Position

SLACK = o.SLACK
SNAP = o.SNAP


@inlined
def grows(position: Position) -> bool:
    """Whether the plan adds to the position or limits its size. Known to the compiler where no plan does."""
    return bool(position.grows is not None and position.code[n.C_GROWS] > 0)


@compiled
def may_add(position: Position) -> bool:
    """PL4, PL7: whether adds may fill in the bar that comes or is under way."""
    state, growth, code = position.state, position.growth, position.code
    if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
        return False
    if growth[s.G_REDUCED] > 0.0 and code[n.C_AFTER_EXIT] == 0:
        return False
    return bool(code[n.C_UNTIL] == 0 or state[s.HELD] < code[n.C_UNTIL])


@compiled
def is_adding(position: Position) -> bool:
    """Whether an add may still fill."""
    if not may_add(position):
        return False
    adds = position.adds
    for k in range(position.code[n.C_ADDS]):
        if adds[s.A_KIND, k] != o.DEAD and (adds[s.A_STATUS, k] == o.RESTING or adds[s.A_STATUS, k] == o.PENDING):
            return True
    return False


@inlined
def adds_rest(position: Position) -> bool:
    """Whether the plan has adds that may still fill."""
    return bool(grows(position) and is_adding(position))


@compiled
def adds_move(position: Position) -> bool:
    """Whether an add waits for the next open, or follows the ATR of the last closed bar: no bar is quiet then."""
    if not may_add(position):
        return False
    adds = position.adds
    for k in range(position.code[n.C_ADDS]):
        if adds[s.A_KIND, k] == o.DEAD:
            continue
        follows = adds[s.A_CURRENT, k] > 0.0 and adds[s.A_UNIT, k] == o.IN_ATR
        if adds[s.A_STATUS, k] == o.PENDING or (adds[s.A_STATUS, k] == o.RESTING and follows):
            return True
    return False


@compiled
def narrowed(position: Position, floor: float, ceiling: float) -> tuple[float, float]:
    """Return the signed prices between which no order is reached, the resting adds among them.

    Parameters
    ----------
    position : Position
    floor, ceiling : float
        Signed prices between which no exit is reached.

    Returns
    -------
    tuple of float
    """
    adds = position.adds
    if may_add(position):
        for k in range(position.code[n.C_ADDS]):
            if adds[s.A_STATUS, k] != o.RESTING:
                continue
            reach = adds[s.A_REACH, k]
            if adds[s.A_KIND, k] == o.AVERAGING and reach > floor:
                floor = reach
            elif adds[s.A_KIND, k] == o.PYRAMIDING and reach < ceiling:
                ceiling = reach
    return floor, ceiling


@inlined
def planned_risk(position: Position) -> float:
    """Return the planned risk in price times quantity: W of a plan with adds, R times the quantity of a ladder."""
    if grows(position):
        return float(position.growth[s.G_PLANNED_RISK])
    state = position.state
    return float(state[s.RISK] * on_grid(state[s.START], position.number[n.N_LOT]))


@inlined
def costs_of_entries(position: Position, lots: float, share: float) -> float:
    """Return the commission of entries that leaves with a sale (S2), before it is taken from the lots held.

    Parameters
    ----------
    position : Position
    lots : float
        Lots sold.
    share : float
        Quantity sold over the first quantity.

    Returns
    -------
    float
        With adds, the costs not yet charged in proportion to the lots held.
    """
    state = position.state
    if grows(position):
        growth = position.growth
        due = growth[s.G_COSTS_DUE]
        taken = due if lots >= state[s.LEFT] else due * (lots / state[s.LEFT])
        growth[s.G_COSTS_DUE] = due - taken
        growth[s.G_REDUCED_NEXT] = 1.0
        return float(taken)
    return float(state[s.ENTRY_COMMISSION] * share)


@inlined
def reach_up(position: Position, level: float) -> float:
    """Return the signed price that fills a limit order to sell (`through` asks for one tick beyond it).

    Parameters
    ----------
    position : Position
    level : float
        Signed, on the tick.

    Returns
    -------
    float
    """
    tick = position.number[n.N_TICK]
    slack = abs(level) * SLACK
    # One tick beyond; without a tick, beyond what counts as the same price.
    beyond = 0.0 if position.code[n.C_THROUGH] == 0 else (tick if tick > 0.0 else 2.0 * slack)
    return float(level + beyond - slack)


@compiled
def rest_at(position: Position, k: int, price: float) -> None:
    """Let add k rest at a signed price: on the tick, rounded against the trader, which is up for a purchase (S3).

    Parameters
    ----------
    position : Position
    k : int
    price : float
        Signed, not rounded.
    """
    adds, tick = position.adds, position.number[n.N_TICK]
    level = -to_tick(-price, tick)
    adds[s.A_LEVEL, k] = level
    if adds[s.A_KIND, k] == o.PYRAMIDING:
        adds[s.A_REACH, k] = level - abs(level) * SLACK
    else:
        adds[s.A_REACH, k] = -reach_up(position, -level)


@inlined
def atr_of_add(position: Position, k: int) -> float:
    """Return the ATR of the distances of add k: that of the entry, or of the last closed bar (PL5)."""
    if position.adds[s.A_CURRENT, k] > 0.0:
        return float(position.state[s.ATR_BEFORE])
    return float(position.growth[s.G_ENTRY_ATR])


@compiled
def price_from(position: Position, k: int, base: float) -> float:
    """Return the signed price of an add at its distance from a signed price; NaN if its ATR is not known.

    Parameters
    ----------
    position : Position
    k : int
    base : float
        Signed price that it is measured from.

    Returns
    -------
    float
    """
    adds = position.adds
    unit, value = int(adds[s.A_UNIT, k]), adds[s.A_VALUE, k]
    return float(base + distance(unit, value, position.state[s.RISK], atr_of_add(position, k), base))


@compiled
def place_again(position: Position) -> None:
    """PL5: resolve adds that use the ATR of the last closed bar again; without an ATR the add does not rest."""
    adds = position.adds
    for k in range(position.code[n.C_ADDS]):
        resting = adds[s.A_STATUS, k] == o.RESTING and adds[s.A_KIND, k] != o.DEAD
        if not resting or adds[s.A_CURRENT, k] <= 0.0 or adds[s.A_UNIT, k] != o.IN_ATR:
            continue
        chained = adds[s.A_CHAINED, k] > 0.0 and k > 0
        price = price_from(position, k, adds[s.A_PRICE, k - 1] if chained else position.state[s.ENTRY])
        if np.isnan(price):
            adds[s.A_REACH, k] = np.nan
        else:
            rest_at(position, k, price)


@compiled
def size_again(position: Position) -> None:
    """PL4: size the rungs that have not sold anything by the quantity entered so far, carries included (X9)."""
    state, rungs, adds = position.state, position.rungs, position.adds
    lot = position.number[n.N_LOT]
    entered, passed_on = on_grid(position.growth[s.G_ENTERED], lot), 0.0
    for j in range(position.code[n.C_RUNGS]):
        if rungs[s.KIND, j] == o.INACTIVE or rungs[s.KIND, j] == o.REST:
            continue
        wanted = adds[s.A_FRACTION, j] * entered + passed_on
        lots = whole_steps(wanted, lot)
        if lots <= 0.0 or lots < state[s.LEAST] * (1.0 - SNAP):
            passed_on, lots = wanted, 0.0
        else:
            passed_on = 0.0
        status = rungs[s.STATUS, j]
        if adds[s.A_BEGUN, j] > 0.0 or status == o.DONE or status == o.WITHDRAWN:
            continue
        rungs[s.LOTS, j] = lots
        if lots <= 0.0:
            rungs[s.STATUS, j] = o.WITHOUT_SIZE
        elif status == o.WITHOUT_SIZE:
            rungs[s.STATUS, j] = o.RESTING


@inlined
def insert(rungs: FloatTable, place: int, count: int, j: int, sign: float) -> None:
    """Insert rung j into an order of prices, behind all whose level is not farther away.

    Parameters
    ----------
    rungs : float64 array, shape (RUNG_ROWS, max_rungs)
    place : int
        The row that holds the order.
    count : int
        Rungs already in it.
    j : int
    sign : float
        +1 for an order from the lowest price, -1 from the highest.
    """
    k = count
    while k > 0 and is_above(sign * rungs[s.LEVEL, int(rungs[place, k - 1])], sign * rungs[s.LEVEL, j]):
        rungs[place, k] = rungs[place, k - 1]
        k -= 1
    rungs[place, k] = j


@compiled
def measure_again(position: Position) -> None:
    """PL5, PL9: resolve again everything measured from the average entry: rungs, break-even, liquidation."""
    state, rungs, adds, growth = position.state, position.rungs, position.adds, position.growth
    number, code = position.number, position.code
    average, risk, atr, tick = growth[s.G_AVERAGE], state[s.RISK], growth[s.G_ENTRY_ATR], number[n.N_TICK]
    moved = False
    for j in range(code[n.C_RUNGS]):
        if adds[s.A_FROM_AVERAGE, j] > 0.0 and rungs[s.KIND, j] != o.INACTIVE:
            unit, value = int(adds[s.A_TARGET_UNIT, j]), adds[s.A_TARGET, j]
            level = to_tick(average + distance(unit, value, risk, atr, average), tick)
            rungs[s.LEVEL, j], rungs[s.REACH, j] = level, reach_up(position, level)
            moved = True
    if moved:
        state[s.N_UP] = state[s.N_DOWN] = 0.0
        for j in range(code[n.C_RUNGS]):
            if rungs[s.KIND, j] == o.LIMIT:
                insert(rungs, s.UP, int(state[s.N_UP]), j, 1.0)
                state[s.N_UP] += 1.0
            elif rungs[s.KIND, j] == o.STOP_OUT:
                insert(rungs, s.DOWN, int(state[s.N_DOWN]), j, -1.0)
                state[s.N_DOWN] += 1.0
    if code[n.C_BREAKEVEN_FROM] > 0:
        offset = 0.0
        if number[n.N_BREAKEVEN] != 0.0:
            offset = distance(code[n.C_BREAKEVEN_UNIT], number[n.N_BREAKEVEN], risk, atr, average)
        level = to_tick(average + offset, tick)
        # a stop only ever tightens
        if not (state[s.BREAKEVEN_ON] > 0.0 and state[s.BREAKEVEN] >= level):
            state[s.BREAKEVEN] = level
    if number[n.N_LEVERAGE] > 0.0:
        state[s.LIQUIDATION] = liquidation_price(state[s.SIDE], average, number)


@inlined
def count_extremes(position: Position, high: float, low: float) -> None:
    """Count the extremes of a bar from the average before it.

    Parameters
    ----------
    position : Position
    high, low : float
        Signed prices.
    """
    growth = position.growth
    growth[s.G_BEST] = max(growth[s.G_BEST], high - growth[s.G_AVERAGE_BEFORE])
    growth[s.G_WORST] = min(growth[s.G_WORST], low - growth[s.G_AVERAGE_BEFORE])


@compiled
def grow_after_bar(position: Position, high: float, low: float) -> None:
    """Count a bar's extremes from the average before it; what its adds change is in force from the next bar.

    Before `exitladder.execution.kernel.one_bar.after_bar` puts break-even in force.

    Parameters
    ----------
    position : Position
    high, low : float
        Signed prices.
    """
    state, growth = position.state, position.growth
    count_extremes(position, high, low)
    if growth[s.G_REDUCED_NEXT] > 0.0:
        growth[s.G_REDUCED] = 1.0
    if growth[s.G_STOP_NEXT] > state[s.STOP]:
        state[s.STOP] = growth[s.G_STOP_NEXT]
    growth[s.G_STOP_NEXT] = -np.inf
    if growth[s.G_AVERAGE] != growth[s.G_AVERAGE_BEFORE]:
        measure_again(position)
    size_again(position)
    growth[s.G_AVERAGE_BEFORE] = growth[s.G_AVERAGE]
