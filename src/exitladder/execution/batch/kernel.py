"""Many ladders on one trade at once, by event codes instead of bar by bar.

For ladders of resting targets, signal rungs, a stop, breakeven and trail under ``stop_first``
(`exitladder.execution.batch.grouping` says which), the rules come down to comparing when each order would be met. Every
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
conditions hold (`exitladder.execution.batch.signal_touches`), next meetings of every breakeven and trail by one pass
backwards (`exitladder.execution.batch.touches`). Where there are nearly as many different trails as ladders, that is
more than following the one trail of each ladder, which is then done instead.

Prices and money are computed by the same functions, in the same order, as bar by bar, so that results are equal
to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit, prange

from exitladder.arrays import CountTable, FloatArray, FloatTable, IntArray
from exitladder.execution.batch.pairs import at_market, first_touch_cells, settle, write_skipped
from exitladder.execution.batch.signal_touches import Conditions, first_touch_conditions, read_series
from exitladder.execution.batch.touches import (
    NEVER,
    first_stop,
    first_touch_targets,
    size_splits,
    table_stops,
    table_trails,
)
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel.compiled import SOURCES
from exitladder.execution.kernel.packed import Ends, Entries, Market, Readings
from exitladder.execution.kernel.rounding import distance, on_grid, to_tick, whole_steps

SNAP = o.SNAP
MOST_RUNGS = 8
# Trades that share what is written down for one trade at a time.
BLOCK = 32


class Batch(NamedTuple):
    """Ladders that share costs, steps, ATR window, initial stop and fill rule.

    Parameters
    ----------
    number : float64 array, shape (19,)
        The shared numbers of `exitladder.execution.kernel.packed`.
    through, initial_unit : int
    target_unit, target_value : arrays, shape (n_targets,)
        Different targets, by unit and within a unit ascending; `unit_end` says where each unit ends.
    breakeven_unit, breakeven_value : arrays, shape (n_breakevens,)
    trail_unit, trail_value : arrays, shape (n_trails,)
        By unit; `trail_end` says where each of R, ATR and per cent ends.
    fraction : float64 array, shape (n_splits, max_rungs)
        Different splits of the quantity.
    cell_target, cell_slot : int64 arrays, shape (n_cells,)
        Different pairs of a target and a place in `fraction`: what a rung sells and where. Targets from n_targets
        on are sets of conditions. Three kinds of cells follow without a target: one that is never met, one that
        is met from the entry on, and one for each of `arm_from`.
    arm_from : float64 array, shape (n_froms,)
        MFE in R that arms a trail.
    arming : int64 array
        Cells by which trails are armed.
    table : uint32 array, shape (n_ladders, 8 + max_rungs)
        By ladder: its place among the results, where `stays` of its split begin, the time stop's number, breakeven
        and the cell it waits for, trail and the cell it waits for, whether rungs can only be met in their order, and
        the cell of every rung. Ladders that behave alike follow one another: the processor then guesses branches.
    tabled_breakevens, tabled_trails, tabled_cells : bool
        Whether next meetings are prepared for all bars, and money for all cells.
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
    trail_end: IntArray
    fraction: FloatTable
    cell_target: IntArray
    cell_slot: IntArray
    arm_from: FloatArray
    arming: IntArray
    table: CountTable
    tabled_breakevens: bool
    tabled_trails: bool
    tabled_cells: bool
    longest: int


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
        ends: Ends | None,
    ) -> None:
        """Write net r of the trades at `trades` under every ladder of a batch, shape (len(trades), n_ladders).

        How they ended is written where `ends` is not None.
        """
        _ = sources
        number = batch.number
        tick, lot = number[n.N_TICK], number[n.N_LOT]
        rate, slip_atr = number[n.N_SLIP_RATE], number[n.N_SLIP_ATR]
        slip_ticks = number[n.N_SLIP_TICKS] * tick
        least = number[n.N_MINIMUM] / lot if lot > 0.0 else number[n.N_MINIMUM]
        fraction, trail_value, cell_target, cell_slot = (
            batch.fraction,
            batch.trail_value,
            batch.cell_target,
            batch.cell_slot,
        )
        tabled_breakevens, tabled_trails, tabled_cells = (
            batch.tabled_breakevens,
            batch.tabled_trails,
            batch.tabled_cells,
        )
        n_targets, n_sets, n_breakevens = len(batch.target_unit), len(conditions.set_end), len(batch.breakeven_unit)
        n_slots, n_cells = fraction.size, len(cell_target) + 2 + len(batch.arm_from)
        n_prices = n_cells if tabled_cells else 0
        # Trades in blocks, so that what is written down for a trade is made once a block and not once a trade.
        for block in prange((len(trades) + BLOCK - 1) // BLOCK):
            room = 0
            opens, highs, lows = np.empty(room), np.empty(room), np.empty(room)
            best, atr, atr_before = np.empty(room), np.empty(room), np.empty(room)
            breakeven_next = np.empty((room, 0), np.uint32)
            trail_next, trail_at = np.empty((room, 0), np.uint32), np.empty((room, 0))
            code = np.empty(n_targets + n_sets, np.int64)
            level, received = np.empty(len(code)), np.empty(len(code))
            cell_code, cell_after = np.empty(n_cells, np.uint32), np.empty(n_cells, np.uint32)
            cell_gain, cell_fee = np.empty(n_prices), np.empty(n_prices)
            size, sells, stays = np.empty(n_slots), np.empty(n_slots), np.empty(n_slots + len(fraction))
            breakeven, order = np.empty(n_breakevens), np.empty(MOST_RUNGS, np.int64)
            for row in range(block * BLOCK, min((block + 1) * BLOCK, len(trades))):
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
                    write_skipped(row, out, ends)
                    continue
                stop = to_tick(stop, tick)
                at_open = first == entries.entry_bar[i]

                # The bars that any ladder may live through: to the initial stop or the longest time stop.
                most = end - first
                if batch.longest > 0:
                    most = min(most, batch.longest + 1)
                exit_by_stop, count = first_stop(side, stop, market.open, market.high, market.low, first, most)
                if count > room:
                    room = 2 * count
                    opens, highs, lows = np.empty(room), np.empty(room), np.empty(room)
                    best, atr, atr_before = np.empty(room), np.empty(room), np.empty(room)
                    breakeven_next = np.empty((room, n_breakevens if tabled_breakevens else 0), np.uint32)
                    tabled = len(trail_value) if tabled_trails else 0
                    trail_next, trail_at = np.empty((room, tabled), np.uint32), np.empty((room, tabled))
                top = entry
                for h in range(count):
                    bar = first + h
                    opens[h] = side * market.open[bar]
                    highs[h] = side * market.high[bar] if side > 0.0 else side * market.low[bar]
                    lows[h] = side * market.low[bar] if side > 0.0 else side * market.high[bar]
                    top = max(top, highs[h])
                    best[h], atr[h] = top, market.atr[atr_row, bar]
                # ATR known before each bar, for slippage.
                atr_before[0] = market.atr[atr_row, first - 1] if first > entries.entry_bar[i] else entry_atr
                # A loop: written as slices, the parallel compiler moved it in front of what fills `atr`.
                for h in range(1, count):
                    atr_before[h] = atr[h - 1]

                first_touch_targets(
                    batch.target_unit, batch.target_value, batch.unit_end, batch.through, tick, entry, risk, entry_atr,
                    at_open, opens, highs, lows, count, code, level, received,
                )  # fmt: skip
                if n_sets > 0:
                    # What is decided at the last of these bars' closes would fill after the exit.
                    read = read_series(
                        conditions, readings, i, first, side, entry, risk, best, lows, market.close, count - 1
                    )
                    first_touch_conditions(conditions, read, code[n_targets:])
                for k in range(n_targets, n_targets + n_sets):
                    level[k] = -np.inf
                    if code[k] < NEVER:
                        h = code[k] >> 2
                        received[k] = at_market(opens[h], rate, slip_ticks, slip_atr, atr_before[h], tick)
                for k in range(n_breakevens):
                    away = 0.0
                    if batch.breakeven_value[k] != 0.0:
                        away = distance(batch.breakeven_unit[k], batch.breakeven_value[k], risk, entry_atr, entry)
                    breakeven[k] = to_tick(entry + away, tick)
                if tabled_breakevens:
                    table_stops(breakeven, opens, lows, count, breakeven_next)
                size_splits(fraction, on_grid(lots, lot), lots, lot, least, size, sells, stays)
                # When each target is met by each rung that it is a target of, and the bar from which that matters.
                first_touch_cells(
                    cell_target, cell_slot, code, received, size, sells, entry, risk, batch.arm_from, best, count,
                    number, cell_code, cell_after, cell_gain, cell_fee,
                )  # fmt: skip
                if tabled_trails:
                    earliest = count
                    for c in batch.arming:
                        earliest = min(earliest, int(cell_after[c]))
                    if earliest < count:
                        table_trails(
                            batch.trail_end, trail_value, risk, tick, best, atr, opens, lows, earliest, count,
                            trail_at, trail_next,
                        )  # fmt: skip
                settle(
                    batch.table, cell_target, cell_slot, batch.trail_unit, trail_value, tabled_breakevens,
                    tabled_trails, tabled_cells, number, side * market.close[end - 1], entry, risk, lots, least,
                    count, end - first, stop, exit_by_stop, opens, highs, lows, best, atr, atr_before, code, level,
                    received, cell_code, cell_after, cell_gain, cell_fee, size, sells, stays, breakeven,
                    breakeven_next, trail_next, trail_at, order, out[row], first, row, ends,
                )  # fmt: skip

    return run_batch


run_batch = _compile_batch(SOURCES)
