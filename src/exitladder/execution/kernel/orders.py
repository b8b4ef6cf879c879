"""How one order fills: what is sold, what is paid, and what follows for the stop (X5, X9, S1 to S4, S6)."""

from __future__ import annotations

from numba import njit

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.rounding import commission_of, down_to, on_grid, to_tick

SNAP = o.SNAP
DUST = o.DUST


@njit(error_model="numpy")
def record(
    state: FloatArray,
    book: FloatTable,
    bar: int,
    order: int,
    rung: int,
    quantity: float,
    price: float,
    commission: float,
    slippage: float,
    net_r: float,
) -> None:
    """Count a fill and write it down where there is a book."""
    state[s.FILLS] += 1.0
    row = int(state[s.FILL_ROW])
    if row < 0:
        return
    book[row, s.B_TRADE] = state[s.TRADE]
    book[row, s.B_BAR] = bar
    book[row, s.B_ORDER] = order
    book[row, s.B_RUNG] = rung
    book[row, s.B_QUANTITY] = quantity
    book[row, s.B_PRICE] = state[s.SIDE] * price
    book[row, s.B_COMMISSION] = commission
    book[row, s.B_SLIPPAGE] = slippage
    book[row, s.B_NET_R] = net_r
    state[s.FILL_ROW] += 1.0


@njit(error_model="numpy")
def sell(
    state: FloatArray,
    number: FloatArray,
    book: FloatTable,
    bar: int,
    wanted: float,
    base: float,
    slips: bool,
    order: int,
    rung: int,
) -> float:
    """Sell `wanted` lots at `base` and return how many were sold: less where the bar's volume caps it (S4)."""
    lots = min(wanted, state[s.LEFT])  # X9: never more than what is left
    rest = state[s.LEFT] - lots
    if rest < state[s.LEAST] * (1.0 - SNAP) or rest <= DUST * state[s.START]:
        lots = state[s.LEFT]  # S1: a remainder below the minimum goes with this fill
    if lots > state[s.BUDGET]:
        lots = state[s.BUDGET]
        if state[s.LEFT] - lots <= DUST * state[s.START] and lots > 0.0:
            lots = state[s.LEFT]  # what the cap seems to leave is an error of rounding
    if lots <= 0.0 or (lots <= DUST * state[s.START] and lots < state[s.LEFT]):
        return 0.0  # nor is what the cap seems to give
    price = base
    if slips:
        price -= (
            abs(base) * number[n.N_SLIP_RATE]
            + number[n.N_SLIP_TICKS] * number[n.N_TICK]
            + (number[n.N_SLIP_ATR] * state[s.ATR_BEFORE] if number[n.N_SLIP_ATR] > 0.0 else 0.0)
        )
    price = to_tick(price, number[n.N_TICK])
    quantity = on_grid(lots, number[n.N_LOT])
    start = on_grid(state[s.START], number[n.N_LOT])
    gain = (price - state[s.ENTRY]) * quantity
    commission = commission_of(price, quantity, number)
    state[s.LEFT] -= lots
    state[s.BUDGET] -= lots
    state[s.GROSS] += gain
    state[s.COMMISSION] += commission
    state[s.SOLD] += quantity
    state[s.SOLD_VALUE] += price * quantity
    state[s.LAST_ORDER] = order
    state[s.LAST_BAR] = bar
    state[s.BAR_BEST] = max(state[s.BAR_BEST], base)
    state[s.BAR_WORST] = min(state[s.BAR_WORST], base)
    # S2: the entry's commission is spread over the exits by quantity; what financing has accrued since the
    # last fill is settled with this one.
    share = state[s.ENTRY_COMMISSION] * (quantity / start)
    net_r = (gain - commission - share - state[s.FINANCING_DUE]) / (state[s.RISK] * start)
    state[s.FINANCING_DUE] = 0.0
    record(state, book, bar, order, rung, quantity, price, commission, (base - price) * quantity, net_r)
    return float(lots)


@njit(error_model="numpy", forceinline=True)
def stop_in_force(state: FloatArray) -> tuple[float, int]:
    """Return the tightest stop, and which it is; of equal ones the earlier in life, but liquidation first."""
    level, order = state[s.STOP], o.STOP
    if state[s.BREAKEVEN_ON] > 0.0 and state[s.BREAKEVEN] > level:
        level, order = state[s.BREAKEVEN], o.BREAKEVEN
    if state[s.ARMED] > 0.0:
        line = max(state[s.LINE], state[s.WALK_LINE])
        if line > level:
            level, order = line, o.TRAIL
    if state[s.LIQUIDATION] >= level:  # S6: nothing can veto it
        level, order = state[s.LIQUIDATION], o.LIQUIDATION
    return level, order


@njit(error_model="numpy")
def filled(state: FloatArray, code: IntArray, rungs: FloatTable, j: int, lots: float) -> None:
    """Book what rung j has sold; once all of it is sold, the stop moves that it causes are due next bar (X5)."""
    rungs[s.LOTS, j] -= lots
    if state[s.LEFT] <= 0.0 or rungs[s.LOTS, j] <= DUST * state[s.START]:
        rungs[s.LOTS, j] = 0.0
        rungs[s.STATUS, j] = o.DONE
        if code[n.C_BREAKEVEN_AFTER] == j:
            state[s.BREAKEVEN_NEXT] = 1.0
        if code[n.C_TRAIL_AFTER] == j:
            state[s.ARMED_NEXT] = 1.0


@njit(error_model="numpy")
def sell_all(state: FloatArray, number: FloatArray, book: FloatTable, bar: int, base: float, order: int) -> None:
    """Sell all that is left as a market or stop order; what volume does not take goes on at the next open (S4)."""
    sell(state, number, book, bar, state[s.LEFT], base, True, order, -1)
    state[s.EXIT_ORDER] = order if state[s.LEFT] > 0.0 else -1.0


@njit(error_model="numpy")
def sell_at_market(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    bar: int,
    base: float,
    j: int,
) -> None:
    """Sell rung j as a market or stop order; what volume does not take goes on at the next open (S4)."""
    rungs[s.STATUS, j] = o.PENDING
    filled(state, code, rungs, j, sell(state, number, book, bar, rungs[s.LOTS, j], base, True, o.RUNG, j))
    if rungs[s.STATUS, j] == o.PENDING:
        state[s.WAITING] = 1.0


@njit(error_model="numpy")
def fall(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    bar: int,
    bottom: float,
    low: float,
    high: float,
    level: float,
    order: int,
) -> None:
    """Let the price fall to `bottom`: partial stop-outs and the stop fill at their prices, the nearest first (X3)."""
    stopped = down_to(bottom, level)
    for k in range(int(state[s.N_DOWN])):
        j = int(rungs[s.DOWN, k])
        # At one price the stop goes before the partial stop-out: all that is left is sold.
        if stopped and rungs[s.LEVEL, j] <= level:
            break
        if rungs[s.STATUS, j] == o.RESTING and down_to(bottom, rungs[s.LEVEL, j]):
            sell_at_market(state, number, code, rungs, book, bar, min(max(rungs[s.LEVEL, j], low), high), j)
            if state[s.LEFT] <= 0.0:
                return
    if stopped:
        sell_all(state, number, book, bar, min(max(level, low), high), order)


@njit(error_model="numpy")
def rise(
    state: FloatArray,
    number: FloatArray,
    code: IntArray,
    rungs: FloatTable,
    book: FloatTable,
    bar: int,
    top: float,
    low: float,
    high: float,
) -> None:
    """Let the price rise to `top`: limit rungs reached fill at their own price, the nearest first (X3)."""
    for k in range(int(state[s.N_UP])):
        j = int(rungs[s.UP, k])
        if top < rungs[s.REACH, j]:
            return
        if rungs[s.STATUS, j] == o.RESTING:
            price = min(max(rungs[s.LEVEL, j], low), high)
            filled(state, code, rungs, j, sell(state, number, book, bar, rungs[s.LOTS, j], price, False, o.RUNG, j))
            if state[s.LEFT] <= 0.0:
                return
