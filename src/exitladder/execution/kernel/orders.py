"""How one order fills: quantity, payment, and the effect on the stop (X5, X9, S1 to S4, S6)."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import adds_rest, costs_of_entries, grows, planned_risk
from exitladder.execution.kernel.compiled import inlined
from exitladder.execution.kernel.rounding import commission_of, down_to, is_above, on_grid, to_tick
from exitladder.execution.kernel.slices import has_slices, is_slice, part_of, settle
from exitladder.execution.kernel.state import Bar, Fill, Order, Position

SNAP = o.SNAP
DUST = o.DUST


@inlined
def record(position: Position, fill: Fill) -> None:
    """Count a fill, and write it to the book if there is one."""
    state, book = position.state, position.book
    state[s.FILLS] += 1.0
    row = int(state[s.FILL_ROW])
    if row < 0:
        return
    book[row, s.B_TRADE] = state[s.TRADE]
    book[row, s.B_BAR] = fill.bar
    book[row, s.B_ORDER] = fill.order
    book[row, s.B_RUNG] = fill.rung
    book[row, s.B_QUANTITY] = fill.quantity
    book[row, s.B_PRICE] = state[s.SIDE] * fill.price
    book[row, s.B_COMMISSION] = fill.commission
    book[row, s.B_SLIPPAGE] = fill.slippage
    book[row, s.B_FINANCING] = fill.financing
    book[row, s.B_NET_R] = fill.net_r
    state[s.FILL_ROW] += 1.0


@inlined
def is_timed(order: float) -> bool:
    """Whether an order for all that is left was given by time (X7, X11) and not by a price."""
    return order == o.TIME or order >= o.SESSION


@inlined
def lots_to_sell(state: FloatArray, wanted: float, part: float, keeps_dust: bool) -> float:
    """Return how many of the lots wanted are sold: not more than are left (X9) and than the bar allows (S4), no dust.

    A remainder of the part below the minimum goes with this fill (S1), unless volume caps fills: then a rung sells its
    own quantity and never more (S1a).

    Parameters
    ----------
    state : float64 array, shape (SIZE,)
    wanted : float
        In lots.
    part : float
        Lots that the order may sell at most: all that is left, or in a ladder with slices its part of it (X10).
    keeps_dust : bool
        Whether a remainder below the minimum stays because adds rest that may make it grow.

    Returns
    -------
    float
    """
    lots = min(wanted, part)
    rest = part - lots
    is_small = rest < state[s.LEAST] * (1.0 - SNAP) and state[s.BUDGET] == np.inf and not keeps_dust
    if is_small or rest <= DUST * state[s.START]:
        lots = part
    if lots > state[s.BUDGET]:
        lots = state[s.BUDGET]
        if part - lots <= DUST * state[s.START] and lots > 0.0:
            lots = part  # what the cap seems to leave is a rounding error
    if lots <= 0.0 or (lots <= DUST * state[s.START] and lots < part):
        return 0.0  # what the cap seems to give is one too
    if state[s.LEFT] - lots <= DUST * state[s.START]:
        lots = state[s.LEFT]  # so is what the last of several parts seems to leave
    return float(lots)


@inlined
def slippage_of(state: FloatArray, number: FloatArray, base: float) -> float:
    """Return the slippage of a market or stop order at a signed market price, in price and before the tick (S3).

    Parameters
    ----------
    state : float64 array, shape (SIZE,)
    number : float64 array, shape (PLAN_NUMBERS,)
    base : float
        Signed market price.

    Returns
    -------
    float
        0 or more.
    """
    by_atr = number[n.N_SLIP_ATR] * state[s.ATR_BEFORE] if number[n.N_SLIP_ATR] > 0.0 else 0.0
    return float(abs(base) * number[n.N_SLIP_RATE] + number[n.N_SLIP_TICKS] * number[n.N_TICK] + by_atr)


@inlined
def sell(position: Position, bar: int, wanted: float, base: float, part: float, order: Order) -> float:
    """Sell at a market price and return the lots sold.

    Parameters
    ----------
    position : Position
    bar : int
        Bar number written to the book.
    wanted : float
        In lots; fewer are sold if the bar's volume caps the fill (S4).
    base : float
        Signed market price, before slippage and rounding to the tick.
    part : float
        Lots that the order may sell at most, see `lots_to_sell`.
    order : Order

    Returns
    -------
    float
    """
    state, number = position.state, position.number
    lots = lots_to_sell(state, wanted, part, adds_rest(position))
    if lots <= 0.0:
        return 0.0
    price = base
    if order.slips:
        price = base - slippage_of(state, number, base)
    price = to_tick(price, number[n.N_TICK])
    quantity = on_grid(lots, number[n.N_LOT])
    start = on_grid(state[s.START], number[n.N_LOT])
    gain = (price - (position.growth[s.G_HELD_AVERAGE] if grows(position) else state[s.ENTRY])) * quantity
    share = costs_of_entries(position, lots, quantity / start)
    commission = commission_of(price, quantity, number)
    state[s.LEFT] -= lots
    state[s.BUDGET] -= lots
    state[s.GROSS] += gain
    state[s.COMMISSION] += commission
    state[s.SOLD] += quantity
    state[s.SOLD_VALUE] += price * quantity
    state[s.LAST_ORDER] = order.kind
    state[s.LAST_BAR] = bar
    state[s.BAR_BEST] = max(state[s.BAR_BEST], base)
    state[s.BAR_WORST] = min(state[s.BAR_WORST], base)
    # S2: the entry's commission is spread over the exits by quantity. Financing accrued since the last fill is
    # settled with this one.
    financing = state[s.FINANCING_DUE]
    net_r = (gain - commission - share - financing) / planned_risk(position)
    state[s.FINANCING_DUE] = 0.0
    slippage = (base - price) * quantity
    record(position, Fill(bar, order.kind, order.rung, quantity, price, commission, slippage, financing, net_r))
    return lots


@inlined
def stop_in_force(state: FloatArray) -> tuple[float, int]:
    """Return the tightest stop and its order code; of equal ones the earlier in life, but liquidation first."""
    level, order = state[s.STOP], o.STOP
    if state[s.BREAKEVEN_ON] > 0.0 and is_above(state[s.BREAKEVEN], level):
        level, order = state[s.BREAKEVEN], o.BREAKEVEN
    if state[s.ARMED] > 0.0:
        line = max(state[s.LINE], state[s.WALK_LINE])
        if is_above(line, level):
            level, order = line, o.TRAIL
    if state[s.LIQUIDATION] > -np.inf and not is_above(level, state[s.LIQUIDATION]):  # S6: nothing can veto it
        level, order = state[s.LIQUIDATION], o.LIQUIDATION
    return level, order


@inlined
def filled(position: Position, j: int, lots: float) -> None:
    """Book the lots that rung j sold; once all are sold, the stop moves that it causes are due next bar (X5).

    Parameters
    ----------
    position : Position
    j : int
        Rung number from 0.
    lots : float
        Lots sold.
    """
    state, rungs, code = position.state, position.rungs, position.code
    rungs[s.LOTS, j] -= lots
    if grows(position) and lots > 0.0:
        position.adds[s.A_BEGUN, j] = 1.0
    left, fired = part_of(position, j), -1
    if left <= 0.0 or rungs[s.LOTS, j] <= DUST * state[s.START]:
        rungs[s.LOTS, j] = 0.0
        rungs[s.STATUS, j] = o.DONE
        fired = j
        if not is_slice(position, j) and 0.0 < left < state[s.LEAST] * (1.0 - SNAP):
            state[s.SMALL_REST] = 1.0
        if code[n.C_BREAKEVEN_AFTER] == j:
            state[s.BREAKEVEN_NEXT] = 1.0
        if code[n.C_TRAIL_AFTER] == j:
            state[s.ARMED_NEXT] = 1.0
    if has_slices(position):
        settle(position, fired)


@inlined
def sell_all(position: Position, bar: int, base: float, order: int) -> None:
    """Sell all that is left as a market or stop order; the part that volume caps goes on at the next open (S4).

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
    sell(position, bar, state[s.LEFT], base, state[s.LEFT], Order(order, int(state[s.EXIT_RUNG]), True))
    state[s.EXIT_ORDER] = order if state[s.LEFT] > 0.0 else -1.0


@inlined
def cut(position: Position, bar: int, base: float) -> None:
    """B9: sell down to what a limit of risk leaves; what volume keeps unsold goes on at the next open.

    Parameters
    ----------
    position : Position
    bar : int
    base : float
        Signed market price, before slippage.
    """
    state = position.state
    wanted = state[s.LEFT] - state[s.CUT_TO]
    if wanted > DUST * state[s.START]:
        wanted -= sell(position, bar, wanted, base, state[s.LEFT], Order(o.LIMIT_OF_RISK, -1, True))
    if wanted <= DUST * state[s.START]:
        state[s.CUT_TO] = -1.0


@inlined
def sell_at_market(position: Position, bar: int, base: float, j: int) -> None:
    """Sell rung j as a market or stop order; the part that volume caps goes on at the next open (S4).

    Parameters
    ----------
    position : Position
    bar : int
    base : float
        Signed market price, before slippage.
    j : int
        Rung number from 0.
    """
    rungs = position.rungs
    rungs[s.STATUS, j] = o.PENDING
    lots = sell(position, bar, rungs[s.LOTS, j], base, part_of(position, j), Order(o.RUNG, j, True))
    filled(position, j, lots)
    if rungs[s.STATUS, j] == o.PENDING:
        position.state[s.WAITING] = 1.0


@inlined
def sell_at_limit(position: Position, bar: int, base: float, j: int) -> None:
    """Sell rung j as a limit order; the part that volume caps stays resting (S4).

    Parameters
    ----------
    position : Position
    bar : int
    base : float
        Signed price.
    j : int
        Rung number from 0.
    """
    lots = sell(position, bar, position.rungs[s.LOTS, j], base, part_of(position, j), Order(o.RUNG, j, False))
    filled(position, j, lots)


@inlined
def fall(position: Position, bar: Bar, bottom: float, level: float, order: int) -> None:
    """Let the price fall: partial stop-outs and the stop fill at their prices, the nearest first (X3).

    Parameters
    ----------
    position : Position
    bar : Bar
    bottom : float
        Signed price that it falls to.
    level : float
        Signed price of the stop in force.
    order : int
        Order code of the stop in force.
    """
    state = position.state
    stopped = down_to(bottom, level)
    stop_out(position, bar, bottom, level, stopped)
    if stopped and state[s.LEFT] > 0.0:
        sell_all(position, bar.number, min(max(level, bar.low), bar.high), order)


@inlined
def stop_out(position: Position, bar: Bar, bottom: float, level: float, stopped: bool) -> None:
    """Fill the partial stop-outs that a fall reaches before the stop, the nearest first.

    Parameters
    ----------
    position : Position
    bar : Bar
    bottom : float
        Signed price that it falls to.
    level : float
        Signed price of the stop in force.
    stopped : bool
        Whether the fall reaches it.
    """
    state, rungs = position.state, position.rungs
    for k in range(int(state[s.N_DOWN])):
        j = int(rungs[s.DOWN, k])
        # At one price the stop goes before the partial stop-out: all that is left is sold.
        if stopped and rungs[s.LEVEL, j] <= level:
            break
        if rungs[s.STATUS, j] == o.RESTING and down_to(bottom, rungs[s.LEVEL, j]):
            sell_at_market(position, bar.number, min(max(rungs[s.LEVEL, j], bar.low), bar.high), j)
            if state[s.LEFT] <= 0.0:
                return


@inlined
def rise(position: Position, bar: Bar, top: float) -> None:
    """Let the price rise to `top` (signed): limit rungs reached fill at their own price, the nearest first (X3).

    Parameters
    ----------
    position : Position
    bar : Bar
    top : float
        Signed price that it rises to.
    """
    state, rungs = position.state, position.rungs
    for k in range(int(state[s.N_UP])):
        j = int(rungs[s.UP, k])
        if top < rungs[s.REACH, j]:
            return
        if rungs[s.STATUS, j] == o.RESTING:
            sell_at_limit(position, bar.number, min(max(rungs[s.LEVEL, j], bar.low), bar.high), j)
            if state[s.LEFT] <= 0.0:
                return
