"""One trade under every ladder of a batch, once `exitladder.execution.batch.kernel` has prepared the trade.

Where only net r is asked for, `ends` is None, and the compiler leaves out all that writes them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from exitladder.arrays import CountArray, CountTable, FloatArray, FloatTable, IntArray
from exitladder.execution.batch.touches import NEVER, clamp, first_at_least, follow_trail, sell_of, stop_code
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel.packed import Ends
from exitladder.execution.kernel.rounding import commission_of, on_grid, to_tick

SLACK = o.SLACK

# Columns of a batch's table of ladders.
P_PLACE, P_STAYS, P_TIME, P_BREAKEVEN, P_BREAKEVEN_CELL, P_TRAIL, P_TRAIL_CELL, P_IN_ORDER, P_CELLS = range(9)


@njit(error_model="numpy", forceinline=True)
def at_market(base: float, rate: float, slip_ticks: float, slip_atr: float, atr_before: float, tick: float) -> float:
    """Return what a market or stop order receives (S3)."""
    return to_tick(base - (abs(base) * rate + slip_ticks + (slip_atr * atr_before if slip_atr > 0.0 else 0.0)), tick)


@njit(error_model="numpy")
def write_skipped(row: int, out: FloatTable, ends: Ends | None) -> None:
    """Write that a trade was skipped under every ladder."""
    for m in range(out.shape[1]):
        out[row, m] = np.nan
        if ends is not None:
            ends.last_bar[row, m], ends.n_fills[row, m], ends.mfe_r[row, m] = -1, 0, np.nan


@njit(error_model="numpy")
def first_touch_cells(
    cell_target: IntArray, cell_slot: IntArray, code: IntArray, received: FloatArray, size: FloatArray,
    sells: FloatArray, entry: float, risk: float, arm_from: FloatArray, best: FloatArray, count: int,
    number: FloatArray, cell_code: CountArray, cell_after: CountArray, cell_gain: FloatArray, cell_fee: FloatArray,
) -> None:  # fmt: skip
    """For every cell write when it is met, from which bar on that matters, and the money where there is room for it."""
    n_met = len(cell_target)
    for c in range(n_met):
        met = code[cell_target[c]]
        cell_code[c] = met
        cell_after[c] = (met >> 2) + 1 if met < NEVER and size[cell_slot[c]] > 0.0 else count
    for c in range(n_met, len(cell_code)):
        cell_code[c] = NEVER
    cell_after[n_met] = count
    cell_after[n_met + 1] = 0
    for k in range(len(arm_from)):
        from_price = entry + arm_from[k] * risk
        from_price -= abs(from_price) * SLACK
        cell_after[n_met + 2 + k] = min(first_at_least(best, from_price, count) + 1, count)
    for c in range(min(n_met, len(cell_gain))):
        cell_gain[c] = cell_fee[c] = 0.0
        quantity, price = sells[cell_slot[c]], received[cell_target[c]]
        if code[cell_target[c]] < NEVER and quantity > 0.0:
            cell_gain[c] = (price - entry) * quantity
            cell_fee[c] = commission_of(price, quantity, number)


@njit(error_model="numpy")
def sell_as_met(
    row: CountArray, cell_target: IntArray, cell_slot: IntArray, cell_code: CountArray, size: FloatArray,
    code: IntArray, level: FloatArray, received: FloatArray, leave: int, entry: float, lots: float, lot: float,
    least: float, number: FloatArray, cost: float, order: IntArray,
) -> tuple[float, float, float, int, int]:  # fmt: skip
    """Sell rungs as they are met, the nearest first, of equal prices the first.

    Returns gain, cost and lots left, the number of sales and the target of the last.
    """
    count = 0
    for j in range(P_CELLS, len(row)):
        cell = int(row[j])
        if int(cell_code[cell]) >= leave:
            continue
        target = cell_target[cell]
        k = count
        while k > 0:
            before = cell_target[order[k - 1]]
            if code[before] < code[target] or (code[before] == code[target] and level[before] <= level[target]):
                break
            order[k] = order[k - 1]
            k -= 1
        order[k] = cell
        count += 1
    left, gross = lots, 0.0
    sales, last = 0, -1
    for k in range(count):
        part = sell_of(size[cell_slot[order[k]]], left, lots, least)
        if part > 0.0:
            price, quantity = received[cell_target[order[k]]], on_grid(part, lot)
            left -= part
            gross += (price - entry) * quantity
            cost += commission_of(price, quantity, number)
            sales += 1
            last = cell_target[order[k]]
    return gross, cost, left, sales, last


@njit(error_model="numpy", forceinline=True)
def sold_at(met: int, level: float, opens: FloatArray, highs: FloatArray, lows: FloatArray) -> float:
    """Return the market's price, before slippage and tick, at which an order with this number and level fills."""
    h = met >> 2
    return clamp(level, lows[h], highs[h]) if met & 3 == 3 else float(opens[h])


@njit(error_model="numpy", forceinline=True)
def peak_of(entry: float, h: int, base: float, opens: FloatArray, best: FloatArray) -> float:
    """Return the best price of a trade whose last fill is in bar h at `base`.

    X4: of that bar its open and its fills count. Other fills in it were at its open or, met on the way, not beyond.
    """
    return float(max(best[h - 1] if h > 0 else entry, opens[h], base))


@njit(error_model="numpy")
def settle(
    table: CountTable, cell_target: IntArray, cell_slot: IntArray, trail_unit: IntArray, trail_value: FloatArray,
    tabled_breakevens: bool, tabled_trails: bool, tabled_cells: bool, number: FloatArray, side_close: float,
    entry: float, risk: float, lots: float, least: float, count: int, bars_left: int, stop: float, exit_by_stop: int,
    opens: FloatArray, highs: FloatArray, lows: FloatArray, best: FloatArray, atr: FloatArray, atr_before: FloatArray,
    code: IntArray, level: FloatArray, received: FloatArray, cell_code: CountArray, cell_after: CountArray,
    cell_gain: FloatArray, cell_fee: FloatArray, size: FloatArray, sells: FloatArray, stays: FloatArray,
    breakeven: FloatArray, breakeven_next: CountTable, trail_next: CountTable, trail_at: FloatTable, order: IntArray,
    out: FloatArray, first: int, row: int, ends: Ends | None,
) -> None:  # fmt: skip
    """Write net r of one trade under every ladder of the batch, and how it ended where that is asked for.

    `side_close` is the signed last close, `first` the bar that counts as 0 here.
    """
    tick, lot = number[n.N_TICK], number[n.N_LOT]
    rate, slip_atr = number[n.N_SLIP_RATE], number[n.N_SLIP_ATR]
    slip_ticks = number[n.N_SLIP_TICKS] * tick
    start = on_grid(lots, lot)
    entry_cost = commission_of(entry, start, number)
    whole = risk * start
    latest = min(exit_by_stop, 4 * bars_left)
    # The tables are unsigned, so that the compiler need not look for places counted from the end.
    for m in range(len(table)):
        leave, kept = exit_by_stop, stop
        time = int(table[m, P_TIME])
        if time < latest:
            leave = time
        h = int(cell_after[int(table[m, P_BREAKEVEN_CELL])])
        if h < count:
            k = int(table[m, P_BREAKEVEN])
            then = NEVER
            if tabled_breakevens:
                then = int(breakeven_next[h, k])
            else:
                while h < count and 4 * h < leave:
                    then = stop_code(h, opens[h], lows[h], breakeven[k])
                    if then < NEVER:
                        break
                    h += 1
            if then < leave:
                leave, kept = then, breakeven[k]
            elif then == leave:
                kept = max(kept, breakeven[k])
        h = int(cell_after[int(table[m, P_TRAIL_CELL])])
        if h < count and 4 * h < leave:
            k = int(table[m, P_TRAIL])
            if tabled_trails:
                then, at = int(trail_next[h, k]), trail_at[h, k]
            else:
                then, at = follow_trail(
                    trail_unit[k], trail_value[k], risk, tick, best, atr, opens, lows, h, min(count - 1, leave >> 2)
                )
            if then < leave:
                leave, kept = then, at
            elif then == leave:
                kept = max(kept, at)

        left, gross, cost = lots, 0.0, entry_cost
        sales, last_target = 0, -1
        if table[m, P_IN_ORDER] > 0:
            stay = int(table[m, P_STAYS])
            for j in range(P_CELLS, table.shape[1]):
                cell = int(table[m, j])
                if int(cell_code[cell]) >= leave:
                    break
                if tabled_cells:
                    gross += cell_gain[cell]
                    cost += cell_fee[cell]
                else:
                    quantity, price = sells[cell_slot[cell]], received[cell_target[cell]]
                    if quantity > 0.0:
                        gross += (price - entry) * quantity
                        cost += commission_of(price, quantity, number)
                if ends is not None and sells[cell_slot[cell]] > 0.0:
                    sales += 1
                    last_target = cell_target[cell]
                stay += 1
            left = stays[stay]
        else:
            gross, cost, left, sales, last_target = sell_as_met(
                table[m], cell_target, cell_slot, cell_code, size, code, level, received, leave, entry, lots, lot,
                least, number, cost, order,
            )  # fmt: skip
        if left > 0.0:
            quantity = on_grid(left, lot)
            if leave == NEVER:
                gross += (side_close - entry) * quantity
            else:
                base = sold_at(leave, kept, opens, highs, lows)
                paid = at_market(base, rate, slip_ticks, slip_atr, atr_before[leave >> 2], tick)
                gross += (paid - entry) * quantity
                cost += commission_of(paid, quantity, number)
        place = int(table[m, P_PLACE])
        out[place] = (gross - cost - 0.0) / whole
        if ends is not None:
            if left > 0.0 and leave == NEVER:
                h, peak = count - 1, best[count - 1]
            elif left > 0.0:
                h, sales = leave >> 2, sales + 1
                peak = peak_of(entry, h, sold_at(leave, kept, opens, highs, lows), opens, best)
            else:
                met = code[last_target]
                h = met >> 2
                peak = peak_of(entry, h, sold_at(met, level[last_target], opens, highs, lows), opens, best)
            ends.last_bar[row, place] = first + h
            ends.n_fills[row, place] = 1 + sales
            ends.mfe_r[row, place] = (peak - entry) / risk
