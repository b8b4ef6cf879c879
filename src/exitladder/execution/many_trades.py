"""The compiled loops over trades: one ladder with fills written down, or many ladders with net r only."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from exitladder.execution import order_codes as o
from exitladder.execution import plan as n
from exitladder.execution import state as s
from exitladder.execution.kernel import live, on_grid, record
from exitladder.execution.setup import new_rungs, set_up
from exitladder.execution.sources import SOURCES


@njit(error_model="numpy")
def run_trade(state, plan, m, entries, i, market, readings, rungs, book, row):
    """Simulate trade i under ladder m from the entry to the end; return whether it counts."""
    lives = entries.first_bar[i] < entries.end_bar[i]
    why = set_up(state, plan, m, entries, i, market, rungs, book, row if lives else -1)
    if why == o.NOT_SKIPPED and not lives:
        # Kept set up, so that its orders for the first bar can be told.
        state[s.SKIPPED_WHY] = o.NO_BAR
        state[s.FILLS] = 0.0
        return False
    if why != o.NOT_SKIPPED:
        return False
    live(state, plan, m, entries, i, market, readings, rungs, book)
    if state[s.LEFT] > 0.0:
        mark(state, plan.number[m], book, entries.end_bar[i] - 1, state[s.SIDE] * market.close[entries.end_bar[i] - 1])
    return True


@njit(error_model="numpy")
def mark(state, number, book, bar, price):
    """X8: value what is left at the last close. Not a sale: it costs nothing and leaves the quantity."""
    quantity = on_grid(state[s.LEFT], number[n.N_LOT])
    start = on_grid(state[s.START], number[n.N_LOT])
    gain = (price - state[s.ENTRY]) * quantity
    state[s.GROSS] += gain
    share = state[s.ENTRY_COMMISSION] * (quantity / start)
    r = (gain - share - state[s.FINANCING_DUE]) / (state[s.RISK] * start)
    record(state, book, bar, o.MARK, -1, quantity, price, 0.0, 0.0, r)


@njit(error_model="numpy")
def net_pnl(state):
    """Return profit after costs, what is left marked, in account currency."""
    return state[s.GROSS] - state[s.COMMISSION] - state[s.FINANCING]


@njit(error_model="numpy")
def net_r(state, number):
    """Return profit after costs in R of the entered quantity."""
    return net_pnl(state) / (state[s.RISK] * on_grid(state[s.START], number[n.N_LOT]))


def _compile_one_ladder(sources):
    @njit(cache=True, error_model="numpy")
    def run_one_ladder(plan, entries, market, readings, book, rows, states, left, status, kind, level):
        """Simulate every trade under ladder 0 and write out how each ended; fills go to `book` from row ``rows[i]``.

        With a book without room the fills are only counted.
        """
        _ = sources
        rungs = new_rungs(plan.fraction.shape[1])
        recording = len(book.trade) > 0
        for i in range(len(entries.side)):
            run_trade(states[i], plan, 0, entries, i, market, readings, rungs, book, rows[i] if recording else -1)
            for j in range(plan.code[0, n.C_RUNGS]):
                left[i, j] = rungs.left[j]
                status[i, j] = rungs.status[j]
                kind[i, j] = rungs.kind[j]
                level[i, j] = rungs.level[j]

    return run_one_ladder


def _compile_many_ladders(sources):
    @njit(cache=True, error_model="numpy", parallel=True)
    def run_many_ladders(plan, entries, market, readings, book, out):
        """Write net r of every trade under every ladder to `out`, shape (n_trades, n_ladders); NaN where skipped."""
        _ = sources
        for i in prange(len(entries.side)):
            state = np.zeros(s.SIZE)
            rungs = new_rungs(plan.fraction.shape[1])
            for m in range(len(plan.code)):
                counts = run_trade(state, plan, m, entries, i, market, readings, rungs, book, -1)
                out[i, m] = net_r(state, plan.number[m]) if counts else np.nan

    return run_many_ladders


run_one_ladder = _compile_one_ladder(SOURCES)
run_many_ladders = _compile_many_ladders(SOURCES)
