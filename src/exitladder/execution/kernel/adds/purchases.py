"""How adds fill: at which moment of a bar, at which price, and how much of them (PL2, PL3, PL5 to PL8).

Nothing here runs for a ladder without adds. Prices are signed. If a rule leaves a choice, the one that is worse for
the trader is taken.
"""

from __future__ import annotations

import numpy as np

from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import atr_of_add, may_add, price_from, rest_at
from exitladder.execution.kernel.compiled import compiled
from exitladder.execution.kernel.orders import (
    fall,
    record,
    rise,
    sell_all,
    slippage_of,
    stop_in_force,
    stop_out,
)
from exitladder.execution.kernel.rounding import (
    commission_of,
    distance,
    down_to,
    is_above,
    on_grid,
    to_tick,
    whole_steps,
)
from exitladder.execution.kernel.state import Bar, Fill, Position

DUST = o.DUST
SNAP = o.SNAP


@compiled
def wanted_lots(position: Position, k: int, price: float) -> float:
    """Return the lots that add k asks for at a signed price (PL8).

    Parameters
    ----------
    position : Position
    k : int
    price : float
        Signed.

    Returns
    -------
    float
    """
    adds = position.adds
    if adds[s.A_MONEY, k] <= 0.0:
        return float(adds[s.A_LOTS, k])
    return float(whole_steps(adds[s.A_MONEY, k] / abs(price), position.number[n.N_LOT]))


@compiled
def room(position: Position, price: float, average: float, held: float) -> float:
    """Return the lots that the maximum size leaves (PL7), infinite without a maximum.

    Parameters
    ----------
    position : Position
    price, average : float
        Signed: of the fill, and of all entries before it. Money counts at the larger of both.
    held : float
        Lots held.

    Returns
    -------
    float
    """
    state, number = position.state, position.number
    lot = number[n.N_LOT]
    if number[n.N_MAXIMUM] > 0.0:
        return float(whole_steps(number[n.N_MAXIMUM] * on_grid(state[s.START], lot), lot) - held)
    if number[n.N_MAXIMUM_UNITS] > 0.0:
        return float(whole_steps(number[n.N_MAXIMUM_UNITS], lot) - held)
    if number[n.N_MAXIMUM_MONEY] > 0.0:
        return float(whole_steps(number[n.N_MAXIMUM_MONEY] / max(abs(price), abs(average)), lot) - held)
    return np.inf


@compiled
def is_too_little(position: Position, lots: float) -> bool:
    """Whether a number of lots may not be ordered: none, a rounding error, or below the minimum."""
    state = position.state
    return bool(lots <= DUST * state[s.START] or lots < state[s.LEAST] * (1.0 - SNAP))


@compiled
def stop_of_add(position: Position, k: int, price: float) -> float:
    """Return the signed stop that the fill of add k moves to (PL6), -inf if it moves none.

    Parameters
    ----------
    position : Position
    k : int
    price : float
        Signed price of its fill; the averages include it.

    Returns
    -------
    float
        On the tick.
    """
    state, number, growth, adds = position.state, position.number, position.growth, position.adds
    unit = int(adds[s.A_STOP_UNIT, k])
    if unit == o.NO_UNIT:
        return -np.inf
    level = growth[s.G_AVERAGE]
    if unit == o.TO_AVERAGE_AND_COSTS:
        # the commission of the entries still held and of their exit, and the slippage of that
        quantity = on_grid(state[s.LEFT], number[n.N_LOT])
        costs = growth[s.G_COSTS_DUE] + commission_of(level, quantity, number)
        level += costs / quantity + slippage_of(state, number, level)
    elif unit != o.TO_AVERAGE:
        level = price - distance(unit, adds[s.A_STOP, k], state[s.RISK], atr_of_add(position, k), price)
        if np.isnan(level):
            return -np.inf
    return to_tick(level, number[n.N_TICK])


@compiled
def buy(position: Position, bar: int, k: int, base: float, slips: bool) -> None:
    """Fill add k at a market price, or drop it if the caps leave nothing (PL7).

    Parameters
    ----------
    position : Position
    bar : int
        Bar number written to the book.
    k : int
        The add, from 0.
    base : float
        Signed market price, before slippage and rounding to the tick.
    slips : bool
        Whether it pays slippage: stop and market orders do (S3).
    """
    state, number, growth, adds = position.state, position.number, position.growth, position.adds
    price = base + slippage_of(state, number, base) if slips else base
    price = -to_tick(-price, number[n.N_TICK])
    lots = wanted_lots(position, k, price)
    lots = min(lots, room(position, price, growth[s.G_AVERAGE], state[s.LEFT]), state[s.BUDGET])
    if is_too_little(position, lots):
        adds[s.A_STATUS, k] = o.WITHDRAWN
        growth[s.G_DROPPED] += 1.0
        return
    lot = number[n.N_LOT]
    quantity, entered, held = on_grid(lots, lot), on_grid(growth[s.G_ENTERED], lot), on_grid(state[s.LEFT], lot)
    growth[s.G_AVERAGE] = (entered * growth[s.G_AVERAGE] + quantity * price) / (entered + quantity)
    growth[s.G_HELD_AVERAGE] = (held * growth[s.G_HELD_AVERAGE] + quantity * price) / (held + quantity)
    growth[s.G_ENTERED] += lots
    state[s.LEFT] += lots
    state[s.BUDGET] -= lots
    commission = commission_of(price, quantity, number)
    state[s.COMMISSION] += commission
    growth[s.G_COSTS_DUE] += commission
    growth[s.G_MADE] += 1.0
    state[s.BAR_BEST] = max(state[s.BAR_BEST], base)
    state[s.BAR_WORST] = min(state[s.BAR_WORST], base)
    adds[s.A_STATUS, k], adds[s.A_PRICE, k] = o.DONE, price
    # Financing is settled with the next sale: an add has no result of its own.
    record(position, Fill(bar, o.ADD, -1, quantity, price, commission, (price - base) * quantity, 0.0, 0.0))
    growth[s.G_STOP_NEXT] = max(growth[s.G_STOP_NEXT], stop_of_add(position, k, price))
    if k + 1 < position.code[n.C_ADDS] and adds[s.A_STATUS, k + 1] == o.CHAINED:
        level = price_from(position, k + 1, price)
        if not np.isnan(level):
            rest_at(position, k + 1, level)
            adds[s.A_STATUS, k + 1] = o.RESTING
            adds[s.A_AT_OPEN, k + 1] = 0.0


@compiled
def nearest(position: Position, kind: int, price: float, at_open: bool) -> int:
    """Return the resting add of a kind that a price reaches and that is nearest to where the price comes from.

    Parameters
    ----------
    position : Position
    kind : int
        `PYRAMIDING`: the lowest that a rise reaches. `AVERAGING`: the highest that a fall reaches.
    price : float
        Signed price that the market moves to.
    at_open : bool
        Whether only adds count that rested before this open.

    Returns
    -------
    int
        From 0; -1 if there is none.
    """
    adds = position.adds
    stop, _ = stop_in_force(position.state)
    found = -1
    for k in range(position.code[n.C_ADDS]):
        if adds[s.A_KIND, k] != kind or adds[s.A_STATUS, k] != o.RESTING:
            continue
        level = adds[s.A_LEVEL, k]
        if (at_open and adds[s.A_AT_OPEN, k] <= 0.0) or down_to(level, stop):
            continue  # PL7: at or beyond the invalidation nothing is added
        if kind == o.PYRAMIDING:
            if price >= adds[s.A_REACH, k] and (found < 0 or is_above(adds[s.A_LEVEL, found], level)):
                found = k
        elif price <= adds[s.A_REACH, k] and (found < 0 or is_above(level, adds[s.A_LEVEL, found])):
            found = k
    return found


@compiled
def buy_at_open(position: Position, bar: Bar, is_entry_bar: bool) -> None:
    """PL2: fill at the open, after the exits there, the adds that rested before it and that it has reached.

    Parameters
    ----------
    position : Position
    bar : Bar
    is_entry_bar : bool
        Whether the trade was entered at this open: a limit order then pays its own price, inside the bar (X2c).
    """
    adds, price = position.adds, bar.open
    for k in range(position.code[n.C_ADDS]):
        adds[s.A_AT_OPEN, k] = 1.0 if adds[s.A_STATUS, k] == o.RESTING else 0.0
    while not is_entry_bar and may_add(position):
        k = nearest(position, o.AVERAGING, price, True)
        if k < 0:
            break
        buy(position, bar.number, k, price, False)
    while may_add(position):
        k = nearest(position, o.PYRAMIDING, price, True)
        if k < 0:
            break
        buy(position, bar.number, k, price, True)
    for k in range(position.code[n.C_ADDS]):
        if adds[s.A_STATUS, k] == o.PENDING and adds[s.A_KIND, k] == o.SIGNALLED and may_add(position):
            buy(position, bar.number, k, price, True)


@compiled
def buy_reached(position: Position, bar: Bar, stops: bool) -> None:
    """PL3: fill the adds that a bar reaches, stop adds first, each nearest the open first, chained ones too.

    Parameters
    ----------
    position : Position
    bar : Bar
    stops : bool
        Whether stop adds fill; otherwise limit adds only.
    """
    while may_add(position):
        k = nearest(position, o.PYRAMIDING, bar.high, False) if stops else -1
        slips = k >= 0
        if k < 0:
            k = nearest(position, o.AVERAGING, bar.low, False)
        if k < 0:
            return
        level = position.adds[s.A_LEVEL, k]
        buy(position, bar.number, k, min(max(level, bar.low), bar.high), slips)


@compiled
def grow_stop_first(position: Position, bar: Bar) -> None:
    """PL3, stop_first: a bar that reaches the stop fills every add before it, and no limit rung: the worst order.

    Parameters
    ----------
    position : Position
    bar : Bar
    """
    state = position.state
    level, order = stop_in_force(state)
    stopped = down_to(bar.low, level)
    stop_out(position, bar, bar.low, level, stopped)
    if not stopped and state[s.LEFT] > 0.0:
        rise(position, bar, bar.high)
    buy_reached(position, bar, True)
    if stopped and state[s.LEFT] > 0.0:
        sell_all(position, bar.number, min(max(level, bar.low), bar.high), order)


@compiled
def grow_target_first(position: Position, bar: Bar) -> None:
    """PL3, target_first: limit adds, then rungs, then the stop, then stop adds.

    Parameters
    ----------
    position : Position
    bar : Bar
    """
    state = position.state
    buy_reached(position, bar, False)
    rise(position, bar, bar.high)
    if state[s.LEFT] > 0.0:
        level, order = stop_in_force(state)
        fall(position, bar, bar.low, level, order)
    buy_reached(position, bar, True)


@compiled
def rise_buying(position: Position, bar: Bar, top: float) -> None:
    """Let the price rise along a walk: limit rungs and stop adds fill in the order met, exits first at one price.

    Parameters
    ----------
    position : Position
    bar : Bar
    top : float
        Signed price that it rises to.
    """
    state = position.state
    while may_add(position):
        k = nearest(position, o.PYRAMIDING, top, False)
        if k < 0:
            break
        level = position.adds[s.A_LEVEL, k]
        rise(position, bar, min(level, top))
        if state[s.LEFT] <= 0.0:
            return
        buy(position, bar.number, k, min(max(level, bar.low), bar.high), True)
    rise(position, bar, top)


@compiled
def fall_buying(position: Position, bar: Bar, bottom: float) -> None:
    """Let the price fall along a walk: stops and limit adds fill in the order met, exits first at one price.

    Parameters
    ----------
    position : Position
    bar : Bar
    bottom : float
        Signed price that it falls to.
    """
    state = position.state
    while may_add(position):
        k = nearest(position, o.AVERAGING, bottom, False)
        if k < 0:
            break
        level, order = stop_in_force(state)
        price = position.adds[s.A_LEVEL, k]
        # `through`: the order is met one tick beyond its price
        fall(position, bar, max(min(price, position.adds[s.A_REACH, k]), bottom), level, order)
        if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
            return
        buy(position, bar.number, k, min(max(price, bar.low), bar.high), False)
    level, order = stop_in_force(state)
    fall(position, bar, bottom, level, order)


@compiled
def note_adds(position: Position, high: float, low: float, adverse: bool) -> None:
    """X7b: note a bar in which an add and a limit rung, or a pyramiding add and a stop, are in reach.

    Parameters
    ----------
    position : Position
    high, low : float
        Signed prices.
    adverse : bool
        Whether a stop is in reach.
    """
    state, rungs = position.state, position.rungs
    if not may_add(position):
        return
    pyramids = nearest(position, o.PYRAMIDING, high, False) >= 0
    if pyramids and adverse:
        state[s.AMBIGUOUS_HERE] = 1.0
    if pyramids or nearest(position, o.AVERAGING, low, False) >= 0:
        for k in range(int(state[s.N_UP])):
            j = int(rungs[s.UP, k])
            if rungs[s.STATUS, j] == o.RESTING and high >= rungs[s.REACH, j]:
                state[s.AMBIGUOUS_HERE] = 1.0
