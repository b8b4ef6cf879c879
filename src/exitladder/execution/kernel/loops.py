"""The compiled loops over trades: one ladder with fills written down, or many ladders without fills."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit, prange

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.compiled import SOURCES
from exitladder.execution.kernel.one_trade import live
from exitladder.execution.kernel.orders import record
from exitladder.execution.kernel.packed import Ends, Entries, Market, Plan, Readings
from exitladder.execution.kernel.rounding import on_grid
from exitladder.execution.kernel.trade_start import enter, place_rungs, set_up, size_rungs


@njit(error_model="numpy", forceinline=True)
def run_trade(
    state: FloatArray,
    rungs: FloatTable,
    book: FloatTable,
    row: int,
    m: int,
    i: int,
    plan: Plan,
    entries: Entries,
    market: Market,
    readings: Readings,
) -> bool:
    """Simulate trade i under ladder m from the entry to the end; return whether it counts."""
    number, code = plan.number[m], plan.code[m]
    known, end_bar = entries.known_bar[i], entries.end_bar[i]
    atr = market.atr[code[n.C_ATR], known] if known >= 0 else np.nan
    why = set_up(
        state, number, code, i, float(entries.side[i]), entries.price[i], entries.stop[i], entries.quantity[i], atr
    )
    if why != o.NOT_SKIPPED:
        return False
    place_rungs(
        state, number, code, plan.unit[m], plan.value[m], atr, entries.anchor[i], entries.swing[i], entries.levels[i],
        rungs,
    )  # fmt: skip
    size_rungs(state, number, code, plan.fraction[m], rungs)
    if entries.first_bar[i] >= end_bar:
        # Kept set up, so that its orders for the first bar can be told.
        state[s.SKIPPED_WHY] = o.NO_BAR
        return False
    enter(state, number, book, entries.entry_bar[i], row)
    live(
        state, number, code, rungs, book, i,
        entries.entry_bar[i], entries.first_bar[i], end_bar, entries.finer_entry[i],
        market.open, market.high, market.low, market.close, market.volume, market.atr[code[n.C_ATR]],
        market.finer_open, market.finer_high, market.finer_low, market.finer_close, market.finer_volume,
        market.finer_first, market.finer_end,
        plan.condition_first[m], plan.condition_end[m], plan.series, plan.comparison, plan.threshold,
        readings.values, readings.base, readings.first, readings.end,
    )  # fmt: skip
    if state[s.LEFT] > 0.0:
        mark(state, number, book, end_bar - 1, state[s.SIDE] * market.close[end_bar - 1])
    return True


@njit(error_model="numpy", forceinline=True)
def mark(state: FloatArray, number: FloatArray, book: FloatTable, bar: int, price: float) -> None:
    """X8: value what is left at the last close. Not a sale: it costs nothing and leaves the quantity."""
    quantity = on_grid(state[s.LEFT], number[n.N_LOT])
    start = on_grid(state[s.START], number[n.N_LOT])
    gain = (price - state[s.ENTRY]) * quantity
    state[s.GROSS] += gain
    share = state[s.ENTRY_COMMISSION] * (quantity / start)
    net_r = (gain - share - state[s.FINANCING_DUE]) / (state[s.RISK] * start)
    record(state, book, bar, o.MARK, -1, quantity, price, 0.0, 0.0, net_r)


@njit(error_model="numpy", forceinline=True)
def net_r_of(state: FloatArray, number: FloatArray) -> float:
    """Return profit after costs, what is left marked, in R of the entered quantity."""
    net = state[s.GROSS] - state[s.COMMISSION] - state[s.FINANCING]
    return float(net / (state[s.RISK] * on_grid(state[s.START], number[n.N_LOT])))


@njit(error_model="numpy")
def write_end(state: FloatArray, counts: bool, end_bar: int, row: int, m: int, ends: Ends) -> None:
    """Write how a trade ended. In a function, because the parallel compiler drops writes to arrays of a tuple."""
    is_open = state[s.LEFT] > 0.0
    last = end_bar - 1 if is_open else int(state[s.LAST_BAR])
    ends.last_bar[row, m] = last if counts else -1
    # The mark of what is still open is counted as a fill, but is no sale.
    ends.n_fills[row, m] = int(state[s.FILLS]) - int(is_open) if counts else 0
    ends.mfe_r[row, m] = (state[s.BEST] - state[s.ENTRY]) / state[s.RISK] if counts else np.nan


def _compile_one_ladder(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy")
    def run_one_ladder(
        plan: Plan,
        entries: Entries,
        market: Market,
        readings: Readings,
        book: FloatTable,
        rows: IntArray,
        states: FloatTable,
        rungs: FloatTable,
    ) -> None:
        """Simulate every trade under ladder 0 and write out how each ended; its fills go to `book` from ``rows[i]``.

        With a book without rows the fills are only counted.
        """
        _ = sources
        for i in range(len(entries.side)):
            row = rows[i] if len(book) > 0 else -1
            run_trade(states[i], rungs[i], book, row, 0, i, plan, entries, market, readings)

    return run_one_ladder


def _compile_many_ladders(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy", parallel=True)
    def run_many_ladders(
        plan: Plan,
        entries: Entries,
        market: Market,
        readings: Readings,
        trades: IntArray,
        out: FloatTable,
        ends: Ends | None,
    ) -> None:
        """Write net r of the trades at `trades` under every ladder, shape (len(trades), n_ladders); NaN: skipped.

        How they ended is written where `ends` is not None.
        """
        _ = sources
        for row in prange(len(trades)):
            i = trades[row]
            book = np.zeros((0, s.BOOK_COLUMNS))
            state = np.zeros(s.SIZE)
            rungs = np.zeros((s.RUNG_ROWS, plan.fraction.shape[1]))
            for m in range(len(plan.code)):
                counts = run_trade(state, rungs, book, -1, m, i, plan, entries, market, readings)
                out[row, m] = net_r_of(state, plan.number[m]) if counts else np.nan
                if ends is not None:
                    write_end(state, counts, entries.end_bar[i], row, m, ends)

    return run_many_ladders


run_one_ladder = _compile_one_ladder(SOURCES)
run_many_ladders = _compile_many_ladders(SOURCES)
