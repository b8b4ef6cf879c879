"""Many ladders on one trade at once, by event codes instead of bar by bar.

For ladders of resting targets, signal rungs, a stop, breakeven and trail under ``stop_first``
(`exitladder.execution.batch` says which), the rules come down to comparing when each order would be met. Every
event gets a number that grows with time and, within a bar, in the order of X2 and X3:

    4 * bar      a signal rung's market order (X2a)
    4 * bar + 1  the time stop's market order (X2a), or the open at or beyond a stop (X2b): one price for all
    4 * bar + 2  the open at or beyond a limit rung (X2c)
    4 * bar + 3  inside the bar; of a stop and a limit rung the stop counts (X3, stop_first)

A rung fills if its number is below that of the exit. The exit is the smallest number of the initial stop, the
time stop, the breakeven stop from the bar after its rung, and the trail from the bar after it is armed. When a rung
does not fill before the exit, what it would have caused comes later than the exit and changes nothing; so no
case has to be told from another.

What a trade needs is prepared once: first meetings of all targets by one pass over the bars, first closes at which
conditions hold (`exitladder.execution.signal_meetings`), next meetings of every breakeven and trail by one pass
backwards (`exitladder.execution.meetings`). Where there are nearly as many different trails as ladders, that is more
than following the one trail of each ladder, which is then done instead.

Prices and money are computed by the same functions, in the same order, as bar by bar, so that results are equal
to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from exitladder.bars import FloatArray, IntArray
from exitladder.execution import order_codes as o
from exitladder.execution import plan as n
from exitladder.execution.meetings import (
    NEVER,
    clamp,
    first_at_least,
    follow_trail,
    meet_targets,
    stop_code,
    table_stop,
    table_trail,
)
from exitladder.execution.plan import Entries, FloatTable, IntTable, Market, Readings
from exitladder.execution.rounding import commission_of, distance, on_grid, to_tick, whole_steps
from exitladder.execution.signal_meetings import Conditions, meet_conditions, read_series
from exitladder.execution.sources import SOURCES

SLACK = o.SLACK
SNAP = o.SNAP
DUST = o.DUST
MOST_RUNGS = 8


class Batch(NamedTuple):
    """Ladders that share costs, steps, ATR window, initial stop and fill rule.

    Parameters
    ----------
    number : float64 array, shape (19,)
        The shared numbers of `exitladder.execution.plan`.
    through, initial_unit : int
    target_unit, target_value : arrays, shape (n_targets,)
        Different targets, by unit and within a unit ascending; `unit_end` says where each unit ends.
    breakeven_unit, breakeven_value : arrays, shape (n_breakevens,)
    trail_unit, trail_value : arrays, shape (n_trails,)
    fraction : float64 array, shape (n_sizes, max_rungs)
        Different splits of the quantity.
    ladder : int64 array, shape (n_ladders, 8 + max_rungs)
        By ladder: rungs, split, time stop, breakeven, its rung, trail, its rung (-1: from the entry, -2: from
        `arm_from`), whether rungs can only be met in their order, and the target of every rung. Targets from
        n_targets on are sets of conditions.
    arm_from : float64 array, shape (n_ladders,)
        MFE in R that arms the trail.
    tabled_breakevens, tabled_trails : bool
        Whether next meetings are prepared for all bars.
    longest : int
        Longest time stop, 0 where some ladder has none.
    """

    number: FloatArray
    through: int
    initial_unit: int
    target_unit: IntArray
    target_value: FloatArray
    unit_end: IntArray
    breakeven_unit: IntArray
    breakeven_value: FloatArray
    trail_unit: IntArray
    trail_value: FloatArray
    fraction: FloatTable
    ladder: IntTable
    arm_from: FloatArray
    tabled_breakevens: bool
    tabled_trails: bool
    longest: int


L_RUNGS, L_SPLIT, L_TIME, L_BREAKEVEN, L_BREAKEVEN_RUNG, L_TRAIL, L_TRAIL_RUNG, L_IN_ORDER, L_TARGETS = range(9)
FROM_ENTRY, FROM_R = -1, -2


def _compile_batch(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy", parallel=True)
    def run_batch(
        batch: Batch,
        conditions: Conditions,
        readings: Readings,
        entries: Entries,
        market: Market,
        atr_row: int,
        trades: IntArray,
        out: FloatTable,
    ) -> None:
        """Write net r of the trades at `trades` under every ladder of a batch, shape (len(trades), n_ladders)."""
        _ = sources
        number = batch.number
        tick, lot = number[n.N_TICK], number[n.N_LOT]
        rate, slip_atr = number[n.N_SLIP_RATE], number[n.N_SLIP_ATR]
        slip_ticks = number[n.N_SLIP_TICKS] * tick
        least = number[n.N_MINIMUM] / lot if lot > 0.0 else number[n.N_MINIMUM]
        # Plain names for the arrays: reaching into the batch for every pair costs more than the pair.
        table, arm_from, fraction = batch.ladder, batch.arm_from, batch.fraction
        trail_unit, trail_value = batch.trail_unit, batch.trail_value
        tabled_breakevens, tabled_trails = batch.tabled_breakevens, batch.tabled_trails
        n_ladders, n_targets = len(table), len(batch.target_unit)
        n_sets = len(conditions.set_end)
        n_breakevens, n_trails, n_splits = len(batch.breakeven_unit), len(trail_unit), len(fraction)
        for row in prange(len(trades)):
            i = trades[row]
            side = float(entries.side[i])
            entry = side * entries.price[i]
            entry_atr = market.atr[atr_row, entries.known_bar[i]] if entries.known_bar[i] >= 0 else np.nan
            stop = side * entries.stop[i]
            if np.isnan(stop):
                stop = entry - distance(batch.initial_unit, number[n.N_INITIAL], np.nan, entry_atr, entry)
            risk = entry - stop
            lots = whole_steps(entries.quantity[i], lot)
            first, end = entries.first_bar[i], entries.end_bar[i]
            skipped = not risk > 0.0 or not lots > 0.0 or lots < least * (1.0 - SNAP) or first >= end
            if skipped:
                for m in range(n_ladders):
                    out[row, m] = np.nan
                continue
            stop = to_tick(stop, tick)
            at_open = first == entries.entry_bar[i]

            # The bars that any ladder may live through: to the initial stop or the longest time stop.
            most = end - first
            if batch.longest > 0:
                most = min(most, batch.longest + 1)
            exit_by_stop, count = NEVER, most
            for h in range(most):
                opened, low = side * market.open[first + h], side * market.low[first + h]
                if side < 0.0:
                    low = side * market.high[first + h]
                exit_by_stop = stop_code(h, opened, low, stop)
                if exit_by_stop < NEVER:
                    count = h + 1
                    break
            opens, highs, lows = np.empty(count), np.empty(count), np.empty(count)
            best, atr = np.empty(count), np.empty(count)
            top = entry
            for h in range(count):
                bar = first + h
                opens[h] = side * market.open[bar]
                highs[h] = side * market.high[bar] if side > 0.0 else side * market.low[bar]
                lows[h] = side * market.low[bar] if side > 0.0 else side * market.high[bar]
                top = max(top, highs[h])
                best[h], atr[h] = top, market.atr[atr_row, bar]
            # ATR known before bar h, for slippage: of bar h - 1.
            atr_before_first = market.atr[atr_row, first - 1] if first > entries.entry_bar[i] else entry_atr

            code = np.empty(n_targets + n_sets, np.int64)
            level, received = np.empty(n_targets + n_sets), np.empty(n_targets + n_sets)
            meet_targets(
                batch.target_unit, batch.target_value, batch.unit_end, batch.through, tick, entry, risk, entry_atr,
                at_open, opens, highs, lows, count, code, level, received,
            )  # fmt: skip
            if n_sets > 0:
                # What is decided at the last of these bars' closes would fill after the exit.
                read = read_series(
                    conditions, readings, i, first, side, entry, risk, best, lows, market.close, count - 1
                )
                meet_conditions(conditions, read, code[n_targets:])
            for k in range(n_targets, n_targets + n_sets):
                level[k] = -np.inf
                if code[k] < NEVER:
                    h = code[k] >> 2
                    received[k] = _at_market(opens[h], rate, slip_ticks, slip_atr, atr[h - 1], tick)
            breakeven = np.empty(n_breakevens)
            for k in range(n_breakevens):
                away = 0.0
                if batch.breakeven_value[k] != 0.0:
                    away = distance(batch.breakeven_unit[k], batch.breakeven_value[k], risk, entry_atr, entry)
                breakeven[k] = to_tick(entry + away, tick)
            breakeven_next = np.empty((n_breakevens if tabled_breakevens else 0, count), np.int64)
            if tabled_breakevens:
                for k in range(n_breakevens):
                    table_stop(breakeven[k], opens, lows, count, breakeven_next[k])
            tabled = n_trails if tabled_trails else 0
            trail_next, trail_line = np.empty((tabled, count), np.int64), np.empty((tabled, count))
            for k in range(tabled):
                table_trail(
                    trail_unit[k], trail_value[k], risk, tick, best, atr, opens, lows, count,
                    trail_line[k], trail_next[k],
                )  # fmt: skip
            start_quantity = on_grid(lots, lot)
            sizes = np.empty((n_splits, fraction.shape[1]))
            for k in range(n_splits):
                passed_on = 0.0
                for j in range(fraction.shape[1]):
                    wanted = fraction[k, j] * start_quantity + passed_on
                    size = whole_steps(wanted, lot)
                    if size <= 0.0 or size < least * (1.0 - SNAP):
                        passed_on = wanted
                        size = 0.0
                    else:
                        passed_on = 0.0
                    sizes[k, j] = size
            entry_cost = commission_of(entry, start_quantity, number)
            last_close = side * market.close[end - 1]
            order = np.empty(MOST_RUNGS, np.int64)

            for m in range(n_ladders):
                rungs, split = table[m, L_RUNGS], table[m, L_SPLIT]
                leave = exit_by_stop
                kept = stop
                time = table[m, L_TIME]
                if 0 < time < end - first:
                    leave = min(leave, 4 * time + 1)
                if table[m, L_BREAKEVEN] >= 0:
                    j = table[m, L_BREAKEVEN_RUNG]
                    met = code[table[m, L_TARGETS + j]]
                    if met < leave and sizes[split, j] > 0.0:
                        then, at = NEVER, breakeven[table[m, L_BREAKEVEN]]
                        h = (met >> 2) + 1
                        if tabled_breakevens:
                            if h < count:
                                then = breakeven_next[table[m, L_BREAKEVEN], h]
                        else:
                            while h < count and 4 * h < leave:
                                then = stop_code(h, opens[h], lows[h], at)
                                if then < NEVER:
                                    break
                                h += 1
                        if then < leave:
                            leave, kept = then, at
                        elif then == leave:
                            kept = max(kept, at)
                if table[m, L_TRAIL] >= 0:
                    armed = 0
                    j = table[m, L_TRAIL_RUNG]
                    if j == FROM_R:
                        from_price = entry + arm_from[m] * risk
                        armed = first_at_least(best, from_price - abs(from_price) * SLACK, count) + 1
                    elif j >= 0:
                        met = code[table[m, L_TARGETS + j]]
                        armed = (met >> 2) + 1 if met < leave and sizes[split, j] > 0.0 else count
                    if armed < count and 4 * armed < leave:
                        k = table[m, L_TRAIL]
                        if tabled_trails:
                            then = trail_next[k, armed]
                            at = trail_line[k, then >> 2] if then < NEVER else -np.inf
                        else:
                            then, at = follow_trail(
                                trail_unit[k], trail_value[k], risk, tick, best, atr, opens, lows, armed,
                                min(count - 1, leave >> 2),
                            )  # fmt: skip
                        if then < leave:
                            leave, kept = then, at
                        elif then == leave:
                            kept = max(kept, at)

                left, gross, cost = lots, 0.0, entry_cost
                in_order = table[m, L_IN_ORDER] > 0
                if not in_order:
                    # As they are met, the nearest first; of equal prices the first rung.
                    for j in range(rungs):
                        at_j, k = table[m, L_TARGETS + j], j
                        while k > 0 and _later(code, level, table[m, L_TARGETS + order[k - 1]], at_j):
                            order[k] = order[k - 1]
                            k -= 1
                        order[k] = j
                for k in range(rungs):
                    j = k if in_order else order[k]
                    target = table[m, L_TARGETS + j]
                    if code[target] >= leave or left <= 0.0:
                        break
                    part = min(sizes[split, j], left)
                    if part <= 0.0:
                        continue
                    if left - part < least * (1.0 - SNAP) or left - part <= DUST * lots:
                        part = left
                    quantity = on_grid(part, lot)
                    left -= part
                    gross += (received[target] - entry) * quantity
                    cost += commission_of(received[target], quantity, number)
                if left > 0.0:
                    quantity = on_grid(left, lot)
                    if leave == NEVER:
                        gross += (last_close - entry) * quantity
                    else:
                        h = leave >> 2
                        base = clamp(kept, lows[h], highs[h]) if leave & 3 == 3 else opens[h]
                        atr_before = atr[h - 1] if h > 0 else atr_before_first
                        paid = _at_market(base, rate, slip_ticks, slip_atr, atr_before, tick)
                        gross += (paid - entry) * quantity
                        cost += commission_of(paid, quantity, number)
                out[row, m] = (gross - cost - 0.0) / (risk * start_quantity)

    return run_batch


@njit(error_model="numpy", forceinline=True)
def _later(code: IntArray, level: FloatArray, a: int, b: int) -> bool:
    """Whether target a is met after target b."""
    return bool(code[a] > code[b] or (code[a] == code[b] and level[a] > level[b]))


@njit(error_model="numpy", forceinline=True)
def _at_market(base: float, rate: float, slip_ticks: float, slip_atr: float, atr_before: float, tick: float) -> float:
    """Return what a market or stop order receives (S3)."""
    return to_tick(base - (abs(base) * rate + slip_ticks + (slip_atr * atr_before if slip_atr > 0.0 else 0.0)), tick)


run_batch = _compile_batch(SOURCES)
