"""A plan before the first bar of a trade: the prices of its adds, its planned risk, and its refusals (PL1, PL7, PL9).

Nothing here runs for a ladder without adds. Prices are signed.
"""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatTable, IntTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import price_from, rest_at
from exitladder.execution.kernel.adds.purchases import is_too_little, room, wanted_lots
from exitladder.execution.kernel.compiled import compiled
from exitladder.execution.kernel.rounding import (
    distance,
    down_to,
    is_above,
    liquidation_price,
    on_grid,
    to_tick,
    whole_steps,
)
from exitladder.execution.kernel.state import Position
from exitladder.execution.kernel.trade_start import EntryFacts, initial_stop


@compiled
def add_price(position: Position, k: int, facts: EntryFacts) -> float:
    """Return the signed price of an add that is measured from the entry; NaN if it cannot be resolved.

    Parameters
    ----------
    position : Position
    k : int
    facts : EntryFacts

    Returns
    -------
    float
    """
    unit, value = int(position.adds[s.A_UNIT, k]), position.adds[s.A_VALUE, k]
    if unit == o.IN_PRICE:
        return float(facts.side * value)
    if unit == o.IN_FIB:
        return float(facts.anchor + value * facts.swing)
    if unit == o.IN_RESISTANCE:
        return float(facts.levels[int(value) - 1])
    if unit == o.IN_SUPPORT:
        return float(facts.supports[int(value) - 1])
    return price_from(position, k, facts.price)


@compiled
def is_dead(position: Position, k: int, price: float, stop: float) -> bool:
    """Whether an add with a resolved price can never fill: at the entry, or averaging at or beyond the initial stop.

    Parameters
    ----------
    position : Position
    k : int
    price : float
        Signed, not rounded; NaN if it cannot be resolved.
    stop : float
        The initial stop, signed and not rounded.

    Returns
    -------
    bool
        True too if it averages and moves the stop to the average entry, above its own price.
    """
    adds = position.adds
    if np.isnan(price) or price == position.state[s.ENTRY]:
        return True
    if adds[s.A_KIND, k] == o.PYRAMIDING:
        return False
    return bool(down_to(price, stop) or adds[s.A_STOP_UNIT, k] >= o.TO_AVERAGE)


@compiled
def set_up_adds(position: Position, add_number: FloatTable, add_code: IntTable, facts: EntryFacts) -> None:
    """Resolve each add to a price (PL1, PL5).

    Parameters
    ----------
    position : Position
    add_number : float64 array, shape (max_adds, ADD_NUMBERS)
    add_code : int64 array, shape (max_adds, ADD_CODES)
    facts : EntryFacts
    """
    state, adds, growth, lot = position.state, position.adds, position.growth, position.number[n.N_LOT]
    stop, _ = initial_stop(position, facts)
    for k in range(position.code[n.C_ADDS]):
        unit = add_code[k, n.AC_UNIT]
        adds[s.A_UNIT, k], adds[s.A_VALUE, k] = unit, add_number[k, n.AN_VALUE]
        adds[s.A_CURRENT, k] = add_code[k, n.AC_CURRENT]
        # The add before the first one is the entry.
        chained = add_code[k, n.AC_CHAINED] > 0 and k > 0
        adds[s.A_CHAINED, k] = 1.0 if chained else 0.0
        wanted = add_number[k, n.AN_QUANTITY] * on_grid(state[s.START], lot) + add_number[k, n.AN_UNITS]
        adds[s.A_LOTS, k], adds[s.A_MONEY, k] = whole_steps(wanted, lot), add_number[k, n.AN_MONEY]
        adds[s.A_STOP_UNIT, k], adds[s.A_STOP, k] = add_code[k, n.AC_STOP_UNIT], add_number[k, n.AN_STOP]
        adds[s.A_FIRST, k], adds[s.A_END, k] = add_code[k, n.AC_FIRST], add_code[k, n.AC_END]
        adds[s.A_STATUS, k] = o.RESTING
        if unit == o.NO_UNIT:
            adds[s.A_KIND, k] = o.SIGNALLED
            continue
        adds[s.A_KIND, k] = o.PYRAMIDING if adds[s.A_VALUE, k] > 0.0 else o.AVERAGING
        if chained:
            adds[s.A_STATUS, k] = o.CHAINED
            before = k - 1
            if adds[s.A_KIND, before] == o.DEAD:
                adds[s.A_KIND, k] = o.DEAD
                growth[s.G_INACTIVE] += 1.0
            continue
        price = add_price(position, k, facts)
        if unit == o.IN_PRICE or unit == o.IN_FIB or unit == o.IN_SUPPORT:
            adds[s.A_KIND, k] = o.PYRAMIDING if price > state[s.ENTRY] else o.AVERAGING
        if is_dead(position, k, price, stop):
            adds[s.A_KIND, k] = o.DEAD
            growth[s.G_INACTIVE] += 1.0
        else:
            rest_at(position, k, price)


@compiled
def price_as_planned(position: Position, k: int, before: float) -> float:
    """Return the signed price at which an add is planned.

    Parameters
    ----------
    position : Position
    k : int
    before : float
        Planned price of the add before it, NaN if it will not fill.

    Returns
    -------
    float
        NaN if it will not fill.
    """
    adds = position.adds
    if adds[s.A_KIND, k] == o.DEAD:
        return np.nan
    if adds[s.A_KIND, k] == o.SIGNALLED:
        return float(position.state[s.ENTRY])
    if adds[s.A_CHAINED, k] > 0.0:
        return -to_tick(-price_from(position, k, before), position.number[n.N_TICK])
    return float(adds[s.A_LEVEL, k])


@compiled
def plan_prices(position: Position, stop: float) -> None:
    """Note the signed price at which each add is planned; NaN for one that will not fill.

    Parameters
    ----------
    position : Position
    stop : float
        The initial stop, signed and not rounded.
    """
    adds = position.adds
    before = float(position.state[s.ENTRY])
    for k in range(position.code[n.C_ADDS]):
        before = price_as_planned(position, k, before)
        if adds[s.A_KIND, k] == o.AVERAGING and down_to(before, stop):
            before = np.nan
        adds[s.A_PLANNED, k] = before


@compiled
def note_order_reached(position: Position) -> None:
    """Note the adds as listed, but those of a kind in the order in which the price reaches them."""
    adds, n_adds = position.adds, position.code[n.C_ADDS]
    kinds, prices, order = adds[s.A_KIND], adds[s.A_PLANNED], adds[s.A_REACHED]
    for i in range(n_adds):
        order[i] = i
    for kind, sign in ((o.PYRAMIDING, 1.0), (o.AVERAGING, -1.0)):
        for i in range(n_adds):
            own = int(order[i])
            if kinds[own] != kind or np.isnan(prices[own]):
                continue
            at = i
            for m in range(i - 1, -1, -1):
                other = int(order[m])
                if kinds[other] != kind or np.isnan(prices[other]):
                    continue
                if not is_above(sign * prices[other], sign * prices[own]):
                    break
                order[at], order[m] = other, own
                at = m


@compiled
def plan_risk(position: Position, stop: float) -> float:
    """Return the planned risk W in price times quantity: the loss if the plan goes as badly as it can without a gap.

    The worst of the pyramiding stages, each with the quantity held and the stop in force then, plus every averaging add
    closed at the initial stop, plus R times the quantity of every signal add; quantities after the maximum size. Adds
    of a kind come in the order in which the price reaches them, whatever their order in the file.

    Parameters
    ----------
    position : Position
    stop : float
        The initial stop, signed and not rounded.

    Returns
    -------
    float
    """
    state, number, adds = position.state, position.number, position.adds
    lot, risk = number[n.N_LOT], state[s.RISK]
    held = state[s.START]
    first = on_grid(held, lot)
    cost = first * state[s.ENTRY]  # of all that is planned, and of the entry with the pyramiding adds alone
    stage_quantity, stage_cost, stage_stop = first, cost, stop
    worst, others = first * risk, 0.0
    plan_prices(position, stop)
    note_order_reached(position)
    for i in range(position.code[n.C_ADDS]):
        k = int(adds[s.A_REACHED, i])
        price, kind = adds[s.A_PLANNED, k], adds[s.A_KIND, k]
        if np.isnan(price) or (adds[s.A_CHAINED, k] > 0.0 and np.isnan(adds[s.A_PLANNED, k - 1])):
            adds[s.A_PLANNED, k] = np.nan
            continue
        lots = min(wanted_lots(position, k, price), room(position, price, cost / on_grid(held, lot), held))
        if is_too_little(position, lots):
            adds[s.A_PLANNED, k] = np.nan
            continue
        adds[s.A_PLANNED_LOTS, k] = lots
        quantity = on_grid(lots, lot)
        held += lots
        cost += quantity * price
        if kind == o.AVERAGING:
            others += quantity * (price - stop)
        elif kind == o.SIGNALLED:
            others += quantity * risk
        else:
            stage_quantity += quantity
            stage_cost += quantity * price
            moved = planned_stop(position, k, price, stage_cost / stage_quantity)
            stage_stop = max(stage_stop, moved)
            worst = max(worst, stage_cost - stage_quantity * stage_stop)
    return float(worst + others)


@compiled
def planned_stop(position: Position, k: int, price: float, average: float) -> float:
    """Return the signed stop that a pyramiding add moves to as planned, -inf if it moves none; costs do not count.

    Parameters
    ----------
    position : Position
    k : int
    price, average : float
        Signed: of the add, and of the entry with the pyramiding adds so far.

    Returns
    -------
    float
    """
    unit = int(position.adds[s.A_STOP_UNIT, k])
    if unit == o.NO_UNIT:
        return -np.inf
    level = average
    if unit < o.TO_AVERAGE:
        atr = position.growth[s.G_ENTRY_ATR]
        level = price - distance(unit, position.adds[s.A_STOP, k], position.state[s.RISK], atr, price)
        if np.isnan(level):
            return -np.inf
    return to_tick(level, position.number[n.N_TICK])


@compiled
def note_liquidation(position: Position) -> None:
    """PL9: note the liquidation price that is reached before an averaging add, which makes the plan invalid."""
    state, number, adds, growth = position.state, position.number, position.adds, position.growth
    if number[n.N_LEVERAGE] <= 0.0:
        return
    lot = number[n.N_LOT]
    for k in range(position.code[n.C_ADDS]):
        if adds[s.A_KIND, k] != o.AVERAGING or adds[s.A_PLANNED_LOTS, k] <= 0.0:
            continue
        price = adds[s.A_PLANNED, k]
        # the entry and the averaging adds that a fall to this one reaches before
        quantity = on_grid(state[s.START], lot)
        cost = quantity * state[s.ENTRY]
        for m in range(position.code[n.C_ADDS]):
            if adds[s.A_KIND, m] == o.AVERAGING and adds[s.A_PLANNED_LOTS, m] > 0.0 and adds[s.A_PLANNED, m] > price:
                quantity += on_grid(adds[s.A_PLANNED_LOTS, m], lot)
                cost += on_grid(adds[s.A_PLANNED_LOTS, m], lot) * adds[s.A_PLANNED, m]
        level = liquidation_price(state[s.SIDE], cost / quantity, number)
        if level >= price and growth[s.G_LIQUIDATED] == 0.0:
            growth[s.G_LIQUIDATED], growth[s.G_LIQUIDATED_AT] = k + 1.0, level


@compiled
def start_plan(position: Position, tables: tuple[FloatTable, IntTable, FloatTable, IntTable], facts: EntryFacts) -> int:
    """Set up the growth of a trade before its first bar; return the skip reason.

    Parameters
    ----------
    position : Position
        Set up as a ladder.
    tables : tuple of arrays
        The plan's parts of `add_number`, `add_code`, `rung_number` and `rung_code`.
    facts : EntryFacts

    Returns
    -------
    int
        `NOT_SKIPPED`, or `ABOVE_MAXIMUM`.
    """
    add_number, add_code, rung_number, rung_code = tables
    state, growth, adds = position.state, position.growth, position.adds
    growth[:] = 0.0
    adds[:] = 0.0
    entry = state[s.ENTRY]
    growth[s.G_AVERAGE] = growth[s.G_AVERAGE_BEFORE] = growth[s.G_HELD_AVERAGE] = entry
    growth[s.G_ENTERED] = state[s.START]
    growth[s.G_STOP_NEXT] = -np.inf
    growth[s.G_ENTRY_ATR] = facts.atr
    for j in range(position.code[n.C_RUNGS]):
        adds[s.A_FRACTION, j], adds[s.A_TARGET, j] = rung_number[j, n.RN_FRACTION], rung_number[j, n.RN_TARGET]
        adds[s.A_TARGET_UNIT, j], adds[s.A_FROM_AVERAGE, j] = rung_code[j, n.RC_UNIT], rung_code[j, n.RC_FROM_AVERAGE]
    set_up_adds(position, add_number, add_code, facts)
    stop, _ = initial_stop(position, facts)
    growth[s.G_PLANNED_RISK] = plan_risk(position, stop)
    note_liquidation(position)
    if room(position, entry, entry, state[s.START]) < -o.DUST * state[s.START]:
        state[s.SKIPPED_WHY] = o.ABOVE_MAXIMUM
        return o.ABOVE_MAXIMUM
    return o.NOT_SKIPPED
