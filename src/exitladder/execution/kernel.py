"""One trade under one ladder, bar by bar: the only place that decides when and at what price a position is reduced.

The rule numbers (X1 to X9, S1 to S7) are those of the documentation of execution. Prices are signed (see
`exitladder.execution.state`): "up" is in the trade's favour for both sides. Where a rule leaves a choice, the
choice that is worse for the trader is taken, at the line that says so.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from exitladder.execution import order_codes as o
from exitladder.execution import plan as n
from exitladder.execution import state as s

SLACK = o.SLACK
SNAP = o.SNAP
DUST = o.DUST


@njit(error_model="numpy")
def on_grid(count, step):
    """Return ``count`` steps as a price or quantity; 5040 ticks of 0.01 are 50.4 and not 50.400000000000006."""
    if step <= 0.0:
        return count
    if step < 1.0:
        return count / (1.0 / step)
    return count * step


@njit(error_model="numpy")
def whole_steps(amount, step):
    """Return how many steps fit into `amount`, rounding down; float multiples are snapped first (S1)."""
    if step <= 0.0:
        return amount
    count = amount / step
    nearest = math.floor(count + 0.5)
    if abs(count - nearest) <= SNAP * max(1.0, abs(count)):
        return nearest
    return math.floor(count)


@njit(error_model="numpy")
def to_tick(price, tick):
    """Return a signed price rounded to the tick against the trader: what is sold rounds down (S3)."""
    if tick <= 0.0:
        return price
    return on_grid(whole_steps(price, tick), tick)


@njit(error_model="numpy")
def down_to(low, level):
    """Whether a price fell to a level; prices within `SLACK` of one another are one price."""
    return low <= level + abs(level) * SLACK


@njit(error_model="numpy")
def commission_of(price, quantity, number):
    """Return the commission of one fill (S2)."""
    cost = abs(price) * quantity * number[n.N_COMMISSION] + number[n.N_PER_UNIT] * quantity + number[n.N_FIXED]
    return max(cost, number[n.N_LEAST])


@njit(error_model="numpy")
def distance(unit, value, risk, atr, price):
    """Return a length in price; NaN where its ATR is not known."""
    if unit == o.IN_R:
        return value * risk
    if unit == o.IN_ATR:
        return value * atr
    return abs(price) * value / 100.0


@njit(error_model="numpy")
def record(state, book, bar, order, rung, quantity, price, commission, slippage, net_r):
    """Count a fill and write it down where there is a book."""
    state[s.FILLS] += 1.0
    row = int(state[s.FILL_ROW])
    if row < 0:
        return
    book.trade[row] = int(state[s.TRADE])
    book.bar[row] = bar
    book.order[row] = order
    book.rung[row] = rung
    book.quantity[row] = quantity
    book.price[row] = state[s.SIDE] * price
    book.commission[row] = commission
    book.slippage[row] = slippage
    book.net_r[row] = net_r
    state[s.FILL_ROW] += 1.0


@njit(error_model="numpy")
def sell(state, number, book, bar, wanted, base, slips, order, rung):
    """Sell `wanted` lots at `base` and return how many were sold: less where the bar's volume caps it (S4)."""
    lots = min(wanted, state[s.LEFT])  # X9: never more than what is left
    rest = state[s.LEFT] - lots
    if rest < state[s.LEAST] * (1.0 - SNAP) or rest <= DUST * state[s.START]:
        lots = state[s.LEFT]  # S1: a remainder below the minimum goes with this fill
    if lots > state[s.BUDGET]:
        lots = state[s.BUDGET]
    if lots <= 0.0:
        return 0.0
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
    return lots


@njit(error_model="numpy")
def stop_in_force(state):
    """Return the tightest of the stops, and which one it is; of equal ones the earlier in life, but liquidation first."""
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
def filled(state, code, rungs, j, lots):
    """Book what rung j has sold; once all of it is sold, the stop moves that it causes are due next bar (X5)."""
    rungs.left[j] -= lots
    if state[s.LEFT] <= 0.0 or rungs.left[j] <= DUST * state[s.START]:
        rungs.left[j] = 0.0
        rungs.status[j] = o.DONE
        if code[n.C_BREAKEVEN_AFTER] == j:
            state[s.BREAKEVEN_NEXT] = 1.0
        if code[n.C_TRAIL_AFTER] == j:
            state[s.ARMED_NEXT] = 1.0


@njit(error_model="numpy")
def sell_all(state, number, book, bar, base, order):
    """Sell all that is left as a market or stop order; what volume does not take goes on at the next open (S4)."""
    sell(state, number, book, bar, state[s.LEFT], base, True, order, -1)
    state[s.EXIT_ORDER] = order if state[s.LEFT] > 0.0 else -1.0


@njit(error_model="numpy")
def sell_at_market(state, number, code, rungs, book, bar, base, j):
    """Sell rung j as a market or stop order; what volume does not take goes on at the next open (S4)."""
    rungs.status[j] = o.PENDING
    filled(state, code, rungs, j, sell(state, number, book, bar, rungs.left[j], base, True, o.RUNG, j))


@njit(error_model="numpy")
def fall(state, number, code, rungs, book, bar, bottom, low, high, level, order):
    """Let the price fall to `bottom`: partial stop-outs and the stop fill at their prices, the nearest first (X3)."""
    stopped = down_to(bottom, level)
    for k in range(rungs.n_down[0]):
        j = rungs.down[k]
        # At one price the stop goes before the partial stop-out: all that is left is sold.
        if stopped and rungs.level[j] <= level:
            break
        if rungs.status[j] == o.RESTING and down_to(bottom, rungs.level[j]):
            sell_at_market(state, number, code, rungs, book, bar, min(max(rungs.level[j], low), high), j)
            if state[s.LEFT] <= 0.0:
                return
    if stopped:
        sell_all(state, number, book, bar, min(max(level, low), high), order)


@njit(error_model="numpy")
def rise(state, number, code, rungs, book, bar, top, low, high):
    """Let the price rise to `top`: limit rungs reached fill at their own price, the nearest first (X3)."""
    for k in range(rungs.n_up[0]):
        j = rungs.up[k]
        if top < rungs.reach[j]:
            return
        if rungs.status[j] == o.RESTING:
            price = min(max(rungs.level[j], low), high)
            filled(state, code, rungs, j, sell(state, number, book, bar, rungs.left[j], price, False, o.RUNG, j))
            if state[s.LEFT] <= 0.0:
                return


@njit(error_model="numpy")
def meet_open(state, number, code, rungs, book, bar, price, is_entry_bar):
    """X2: what happens at a bar's open, in the order of the rule."""
    # X2a. After a stop that volume did not let out, nothing but the rest of it is in the market.
    if state[s.EXIT_ORDER] < 0.0 or state[s.EXIT_ORDER] == o.TIME:
        for j in range(code[n.C_RUNGS]):
            if rungs.status[j] == o.PENDING and state[s.LEFT] > 0.0:
                sell_at_market(state, number, code, rungs, book, bar, price, j)
    if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] >= 0.0:
        sell_all(state, number, book, bar, price, int(state[s.EXIT_ORDER]))
    if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
        return
    # X2b: a gap is never filled at the stop's price.
    level, order = stop_in_force(state)
    if down_to(price, level):
        sell_all(state, number, book, bar, price, order)
        return
    for k in range(rungs.n_down[0]):
        j = rungs.down[k]
        if rungs.status[j] == o.RESTING and down_to(price, rungs.level[j]):
            sell_at_market(state, number, code, rungs, book, bar, price, j)
            if state[s.LEFT] <= 0.0:
                return
    # X2c. Not on the bar of an entry at the open: the trade was entered at its own price, and an open beyond
    # a target (a user's fill that differs from the bar) must not pay more than the target.
    if is_entry_bar:
        return
    for k in range(rungs.n_up[0]):
        j = rungs.up[k]
        if price < rungs.reach[j]:
            return
        if rungs.status[j] == o.RESTING:
            filled(state, code, rungs, j, sell(state, number, book, bar, rungs.left[j], price, False, o.RUNG, j))
            if state[s.LEFT] <= 0.0:
                return


@njit(error_model="numpy")
def trail_of(state, number, code, best, atr):
    """Return where the trail stands for a best price, rounded against the trader; NaN without trail or ATR."""
    if code[n.C_TRAIL_UNIT] == o.NO_UNIT:
        return np.nan
    away = distance(code[n.C_TRAIL_UNIT], number[n.N_TRAIL], state[s.RISK], atr, best)
    return to_tick(best - away, number[n.N_TICK])


@njit(error_model="numpy")
def ratchet_walk(state, number, code, best):
    """Ratchet the trail inside a bar, with the ATR of the last closed bar (walking policies)."""
    line = trail_of(state, number, code, best, state[s.ATR_BEFORE])
    if line > state[s.WALK_LINE]:
        state[s.WALK_LINE] = line


@njit(error_model="numpy")
def note_ambiguity(state, number, code, rungs, high, low):
    """X7b: note a bar inside which the order of high and low decides.

    Besides a stop and a limit rung both in reach, this is a bar whose own high lifts an armed trail into the
    reach of its low: there the walking policies differ from those that know completed bars only.
    """
    level, order = stop_in_force(state)
    adverse = down_to(low, level)
    for k in range(rungs.n_down[0]):
        j = rungs.down[k]
        if rungs.status[j] == o.RESTING and down_to(low, rungs.level[j]):
            adverse = True
    if adverse:
        for k in range(rungs.n_up[0]):
            j = rungs.up[k]
            if rungs.status[j] == o.RESTING and high >= rungs.reach[j]:
                state[s.AMBIGUOUS_HERE] = 1.0
    if state[s.ARMED] > 0.0:
        line = trail_of(state, number, code, max(state[s.BEST], high), state[s.ATR_BEFORE])
        if line > level and down_to(low, line):
            state[s.AMBIGUOUS_HERE] = 1.0


@njit(error_model="numpy")
def walk(state, number, code, rungs, book, bar, opened, high, low, close, high_first):
    """Walk open, one extreme, the other, close; orders fill as they are met and the trail ratchets along (X3)."""
    best = max(state[s.BEST], opened)
    ratchet_walk(state, number, code, best)
    previous = opened
    for leg in range(3):
        if leg == 2:
            target = close
        elif (leg == 0) == high_first:
            target = high
        else:
            target = low
        if target >= previous:
            rise(state, number, code, rungs, book, bar, target, low, high)
            best = max(best, target)
            ratchet_walk(state, number, code, best)
        if target <= previous and state[s.LEFT] > 0.0:
            level, order = stop_in_force(state)
            fall(state, number, code, rungs, book, bar, target, low, high, level, order)
        if state[s.LEFT] <= 0.0 or state[s.EXIT_ORDER] >= 0.0:
            return
        previous = target


@njit(error_model="numpy")
def meet_bar(state, number, code, rungs, book, bar, opened, high, low, close, volume, policy, is_entry_bar):
    """X2 and X3: let one bar meet what rests in the market."""
    state[s.BAR_BEST], state[s.BAR_WORST] = -np.inf, np.inf
    state[s.BUDGET] = np.inf
    if number[n.N_PARTICIPATION] > 0.0:
        # S4. The share is of the bar, for all fills in it together; a bar of unknown volume takes nothing.
        most = number[n.N_PARTICIPATION] * volume
        state[s.BUDGET] = whole_steps(most, number[n.N_LOT]) if most > 0.0 else 0.0
    meet_open(state, number, code, rungs, book, bar, opened, is_entry_bar)
    if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] < 0.0:
        note_ambiguity(state, number, code, rungs, high, low)
        level, order = stop_in_force(state)
        if policy == o.OHLC:
            # The price itself walks open, high, low, close: for a short the high is the adverse extreme.
            walk(state, number, code, rungs, book, bar, opened, high, low, close, state[s.SIDE] > 0.0)
        elif policy == o.NEARER_EXTREME:
            walk(state, number, code, rungs, book, bar, opened, high, low, close, high - opened < opened - low)
        elif policy == o.TARGET_FIRST:
            rise(state, number, code, rungs, book, bar, high, low, high)
            if state[s.LEFT] > 0.0:
                fall(state, number, code, rungs, book, bar, low, low, high, level, order)
        else:
            fall(state, number, code, rungs, book, bar, low, low, high, level, order)
            if state[s.LEFT] > 0.0 and state[s.EXIT_ORDER] < 0.0:
                rise(state, number, code, rungs, book, bar, high, low, high)
    if state[s.LEFT] <= 0.0:
        # X4: on the bar of the last fill only its open and its fills count.
        high = max(opened, state[s.BAR_BEST])
        low = min(opened, state[s.BAR_WORST])
    state[s.BEST] = max(state[s.BEST], high)
    state[s.WORST] = min(state[s.WORST], low)
    # X5: what a fill in this bar decided about the stop is in force from the next one.
    if state[s.BREAKEVEN_NEXT] > 0.0:
        state[s.BREAKEVEN_ON] = 1.0
    if state[s.ARMED_NEXT] > 0.0:
        state[s.ARMED] = 1.0
    if number[n.N_TRAIL_FROM] > 0.0:
        from_price = state[s.ENTRY] + number[n.N_TRAIL_FROM] * state[s.RISK]
        if state[s.BEST] >= from_price - abs(from_price) * SLACK:
            state[s.ARMED] = 1.0


@njit(error_model="numpy")
def meet_finer(state, number, code, rungs, book, bar, market, first, end, entered_at_open):
    """X3, finer_bars: walk the finer bars that make up a bar, each stop first, the trail ratcheting after each."""
    for f in range(first, end):
        opened, high = state[s.SIDE] * market.finer_open[f], state[s.SIDE] * market.finer_high[f]
        low, close = state[s.SIDE] * market.finer_low[f], state[s.SIDE] * market.finer_close[f]
        if low > high:
            high, low = low, high
        volume = market.finer_volume[f]
        meet_bar(
            state, number, code, rungs, book, bar, opened, high, low, close, volume, o.STOP_FIRST,
            entered_at_open and f == first,
        )  # fmt: skip
        if state[s.LEFT] <= 0.0:
            return
        ratchet_walk(state, number, code, state[s.BEST])


@njit(error_model="numpy")
def value_of(state, series, close, i, bar, readings):
    """Return a series at a bar's close: trade state (negative codes) or a reading; NaN where there is none."""
    risk = state[s.RISK]
    open_r = (close - state[s.ENTRY]) / risk
    if series >= 0:
        if readings.first[series, i] <= bar < readings.end[series, i]:
            return readings.values[readings.base[series, i] + bar]
        return np.nan
    if series == -1:
        return open_r
    if series == -2:
        return (state[s.BEST] - state[s.ENTRY]) / risk
    if series == -3:
        return (state[s.WORST] - state[s.ENTRY]) / risk
    if series == -4:
        return (state[s.BEST] - state[s.ENTRY]) / risk - open_r
    if series == -5:
        return state[s.HELD]
    level, order = stop_in_force(state)
    return (close - level) / risk


@njit(error_model="numpy")
def holds(state, plan, m, j, close, i, bar, readings):
    """Whether all conditions of rung j hold at a bar's close; a NaN makes one false (X4)."""
    for c in range(plan.condition_first[m, j], plan.condition_end[m, j]):
        value = value_of(state, plan.series[c], close, i, bar, readings)
        threshold = plan.threshold[c]
        comparison = plan.comparison[c]
        if comparison == 0:
            true = value >= threshold
        elif comparison == 1:
            true = value <= threshold
        elif comparison == 2:
            true = value > threshold
        else:
            true = value < threshold
        if not true:
            return False
    return True


@njit(error_model="numpy")
def ratchet(state, number, code, atr):
    """X5: ratchet the trail at a bar's close; a bar whose ATR is not known adds nothing."""
    line = trail_of(state, number, code, state[s.BEST], atr)
    if line > state[s.LINE]:
        state[s.LINE] = line
    state[s.WALK_LINE] = -np.inf
    state[s.ATR_BEFORE] = atr


@njit(error_model="numpy")
def decide(state, number, plan, m, i, rungs, close, bar, readings):
    """X4: count the bar, pay financing, and decide market orders for the next open."""
    code = plan.code[m]
    state[s.HELD] += 1.0
    rate = number[n.N_FUNDING] if state[s.SIDE] > 0.0 else number[n.N_BORROW] - number[n.N_FUNDING]
    if rate != 0.0:  # S5: on what is held at the close
        cost = rate * abs(close) * on_grid(state[s.LEFT], number[n.N_LOT])
        state[s.FINANCING] += cost
        state[s.FINANCING_DUE] += cost
    if state[s.EXIT_ORDER] >= 0.0:
        return
    for j in range(code[n.C_RUNGS]):
        if rungs.kind[j] == o.SIGNAL and rungs.status[j] == o.RESTING:
            if holds(state, plan, m, j, close, i, bar, readings):
                rungs.status[j] = o.PENDING
    if code[n.C_TIME] > 0 and state[s.HELD] >= code[n.C_TIME]:
        state[s.EXIT_ORDER] = o.TIME


@njit(error_model="numpy")
def live(state, plan, m, entries, i, market, readings, rungs, book):
    """Live through the bars of a trade that `exitladder.execution.setup.set_up` has set up."""
    number, code = plan.number[m], plan.code[m]
    finer = code[n.C_POLICY] == o.FINER_BARS and len(market.finer_first) > 0
    side = state[s.SIDE]
    atr = market.atr[code[n.C_ATR]]
    e = entries.entry_bar[i]
    if finer and entries.finer_entry[i] >= 0:
        # X6: an entry inside bar e lives through the finer bars after it; no decision is taken at e's close.
        meet_finer(state, number, code, rungs, book, e, market, entries.finer_entry[i], market.finer_end[e], True)
        if state[s.LEFT] > 0.0:
            ratchet(state, number, code, atr[e])
        state[s.AMBIGUOUS] += state[s.AMBIGUOUS_HERE]
        state[s.AMBIGUOUS_HERE] = 0.0
    if entries.first_bar[i] > e:
        state[s.ATR_BEFORE] = atr[e]
    for bar in range(entries.first_bar[i], entries.end_bar[i]):
        if state[s.LEFT] <= 0.0:
            return
        opened, high = side * market.open[bar], side * market.high[bar]
        low, close = side * market.low[bar], side * market.close[bar]
        if low > high:
            high, low = low, high
        policy = code[n.C_POLICY]
        if finer and market.finer_end[bar] > market.finer_first[bar]:
            meet_finer(
                state, number, code, rungs, book, bar, market, market.finer_first[bar], market.finer_end[bar], bar == e
            )
        else:
            if policy == o.FINER_BARS:
                state[s.COARSE] += 1.0
            volume = market.volume[bar]
            meet_bar(
                state, number, code, rungs, book, bar, opened, high, low, close, volume, policy, bar == e
            )
        state[s.AMBIGUOUS] += state[s.AMBIGUOUS_HERE]
        state[s.AMBIGUOUS_HERE] = 0.0
        if state[s.LEFT] > 0.0:
            ratchet(state, number, code, atr[bar])
            decide(state, number, plan, m, i, rungs, close, bar, readings)
