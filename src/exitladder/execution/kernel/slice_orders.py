"""How a ladder with slices fills: each part of the position under its own stop, the nearest first (X10).

Nothing here runs for a ladder without slices.
"""

from __future__ import annotations

import numpy as np

from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.compiled import compiled, inlined
from exitladder.execution.kernel.orders import is_timed, sell, sell_all, sell_at_market, stop_in_force
from exitladder.execution.kernel.rounding import down_to
from exitladder.execution.kernel.slices import (
    free_lots,
    is_live,
    liquidates,
    main_stop_is_live,
    settle,
    slice_stop,
    withdraw_free_rungs,
)
from exitladder.execution.kernel.state import Bar, Order, Position

DUST = o.DUST

# What a price that falls can meet, in the order in which they fill at one price; NOTHING comes last.
ALL, MAIN, SLICE, PARTIAL, NOTHING = range(5)


@compiled
def sell_free(position: Position, bar: int, base: float, order: int) -> None:
    """Sell the unreserved lots by the stop of the trade; the part that volume caps goes on at the next open (S4).

    Parameters
    ----------
    position : Position
    bar : int
    base : float
        Signed market price, before slippage.
    order : int
        Order code.
    """
    state = position.state
    free = free_lots(position)
    sell(position, bar, free, base, free, Order(order, -1, True))
    settle(position, -1)
    state[s.MAIN_EXIT] = order if free_lots(position) > 0.0 else -1.0
    withdraw_free_rungs(position)


@compiled
def sell_slice(position: Position, bar: int, base: float, j: int, order: int) -> None:
    """Sell slice j by its own stop; the part that volume caps goes on at the next open (S4).

    It arms nothing: only the target or the conditions of a rung do.

    Parameters
    ----------
    position : Position
    bar : int
    base : float
        Signed market price, before slippage.
    j : int
        Rung number from 0.
    order : int
        Order code.
    """
    state, rungs = position.state, position.rungs
    lots = min(rungs[s.LOTS, j], state[s.LEFT])
    rungs[s.LOTS, j] -= sell(position, bar, lots, base, lots, Order(order, j, True))
    if state[s.LEFT] <= 0.0 or rungs[s.LOTS, j] <= DUST * state[s.START]:
        rungs[s.LOTS, j] = 0.0
        rungs[s.STATUS, j] = o.WITHDRAWN
        rungs[s.OWN_EXIT, j] = -1.0
    else:
        rungs[s.STATUS, j] = o.PENDING
        rungs[s.OWN_EXIT, j] = order
        state[s.WAITING] = 1.0
    settle(position, -1)


@compiled
def sell_waiting(position: Position, bar: int, base: float, j: int) -> None:
    """Sell rung j at the open that it waits for: by its own stop if that has begun, else as decided (X2a).

    Parameters
    ----------
    position : Position
    bar : int
    base : float
        The open, a signed price.
    j : int
        Rung number from 0.
    """
    if position.rungs[s.OWN, j] > 0.0 and position.rungs[s.OWN_EXIT, j] >= 0.0:
        sell_slice(position, bar, base, j, int(position.rungs[s.OWN_EXIT, j]))
    else:
        sell_at_market(position, bar, base, j)


@compiled
def sell_waiting_free(position: Position, bar: int, base: float) -> None:
    """Go on selling the unreserved lots at the open by the stop of the trade that volume has held up (S4).

    Parameters
    ----------
    position : Position
    bar : int
    base : float
        The open, a signed price.
    """
    state = position.state
    # An exit of all, once it sells, takes these lots as well.
    others_wait = state[s.EXIT_ORDER] < 0.0 or is_timed(state[s.EXIT_ORDER])
    if others_wait and state[s.MAIN_EXIT] >= 0.0 and state[s.LEFT] > 0.0:
        sell_free(position, bar, base, int(state[s.MAIN_EXIT]))


@inlined
def comes_first(level: float, kind: int, best: float, best_kind: int) -> bool:
    """Whether a level is met before another: the higher one; at one price by kind, then the rung of lower number.

    Parameters
    ----------
    level : float
        Signed price.
    kind : int
    best : float
        Signed price of the other, -inf if there is none.
    best_kind : int

    Returns
    -------
    bool
    """
    apart, slack = level - best, abs(level) * o.SLACK
    return apart > slack or (apart >= -slack and kind < best_kind)


@compiled
def next_below(position: Position, price: float, at_open: bool) -> tuple[int, int, float, int]:
    """Return what a price that falls meets first, of all that it reaches.

    Parameters
    ----------
    position : Position
    price : float
        Signed price that it falls to.
    at_open : bool
        At an open, a partial stop-out whose own part is stopped there as well goes with that stop (X2b).

    Returns
    -------
    tuple of int, int, float, int
        Its kind (`ALL`, `MAIN`, `SLICE`, `PARTIAL` or `NOTHING`), its rung from 0, its level and its order code.
    """
    state, rungs = position.state, position.rungs
    kind, rung, best, code = NOTHING, -1, -np.inf, -1
    level, order = stop_in_force(state)
    main = main_stop_is_live(position) and down_to(price, level)
    if main and order != o.LIQUIDATION:
        kind, best, code = MAIN, level, order
    liquidation = state[s.LIQUIDATION]
    if liquidates(state, price) and comes_first(liquidation, ALL, best, kind):
        kind, best, code = ALL, liquidation, o.LIQUIDATION
    for j in range(position.code[n.C_RUNGS]):
        own, stopped = is_live(rungs, j), main
        if own:
            level, order = slice_stop(state, rungs, j)
            stopped = down_to(price, level)
            if stopped and comes_first(level, SLICE, best, kind):
                kind, rung, best, code = SLICE, j, level, order
        if rungs[s.KIND, j] != o.STOP_OUT or rungs[s.STATUS, j] != o.RESTING or (at_open and stopped):
            continue
        if down_to(price, rungs[s.LEVEL, j]) and comes_first(rungs[s.LEVEL, j], PARTIAL, best, kind):
            kind, rung, best, code = PARTIAL, j, rungs[s.LEVEL, j], o.RUNG
    return kind, rung, best, code


@compiled
def fall_in_parts(position: Position, bar: Bar, bottom: float, at_open: bool) -> None:
    """Let the price fall: every stop that it reaches sells its own part, the nearest first.

    Parameters
    ----------
    position : Position
    bar : Bar
    bottom : float
        Signed price that it falls to.
    at_open : bool
        Whether it fell there at the open, where all of them fill at the open.
    """
    state = position.state
    while state[s.LEFT] > 0.0:
        kind, j, level, order = next_below(position, bottom, at_open)
        if kind == NOTHING:
            return
        base = bottom if at_open else min(max(level, bar.low), bar.high)
        if kind == ALL:
            sell_all(position, bar.number, base, order)
            return
        if kind == MAIN:
            sell_free(position, bar.number, base, order)
        elif kind == SLICE:
            sell_slice(position, bar.number, base, j, order)
        else:
            sell_at_market(position, bar.number, base, j)
