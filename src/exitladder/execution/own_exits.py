"""The user's own exits, measured with the same R, costs and words as a ladder's."""

from __future__ import annotations

import numpy as np
from numba import njit

from exitladder.bars import IntArray
from exitladder.execution import order_codes as o
from exitladder.execution import plan as n
from exitladder.execution import state as s
from exitladder.execution.entry_facts import make_entries, make_market
from exitladder.execution.kernel import on_grid, sell
from exitladder.execution.many_trades import mark
from exitladder.execution.plan import FillBook, make_plan
from exitladder.execution.setup import new_rungs, set_up
from exitladder.execution.simulation import RungStates, Simulation
from exitladder.execution.sources import SOURCES
from exitladder.ladder import Execution, Ladder, Stop
from exitladder.trades import PlacedTrades


def _compile(sources):
    @njit(cache=True, error_model="numpy")
    def run_own_exits(plan, entries, market, exit_bar, exit_price, book, rows, states):
        """Hold every trade until its own exit, at the price that was got; mark it where there is none."""
        _ = sources
        number = plan.number[0]
        rungs = new_rungs(0)
        recording = len(book.trade) > 0
        for i in range(len(entries.side)):
            state = states[i]
            leaves = exit_bar[i] >= 0
            usable = exit_bar[i] != -2 and (leaves or entries.first_bar[i] < entries.end_bar[i])
            why = set_up(state, plan, 0, entries, i, market, rungs, book, rows[i] if recording and usable else -1)
            if why != o.NOT_SKIPPED:
                continue
            if not usable:
                state[s.SKIPPED_WHY] = o.EXIT_BEFORE_ENTRY if exit_bar[i] == -2 else o.NO_BAR
                state[s.FILLS] = 0.0
                continue
            side = state[s.SIDE]
            rate = number[n.N_FUNDING] if side > 0.0 else number[n.N_BORROW] - number[n.N_FUNDING]
            last = exit_bar[i] if leaves else entries.end_bar[i]
            for bar in range(entries.first_bar[i], last):
                high, low = side * market.high[bar], side * market.low[bar]
                state[s.BEST] = max(state[s.BEST], high, low)
                state[s.WORST] = min(state[s.WORST], high, low)
                state[s.HELD] += 1.0
                cost = rate * abs(market.close[bar]) * on_grid(state[s.LEFT], number[n.N_LOT])
                state[s.FINANCING] += cost
                state[s.FINANCING_DUE] += cost
            if leaves:
                price = side * exit_price[i]
                if exit_bar[i] >= entries.first_bar[i]:
                    # X4: on the bar of the last fill only its open and the fill count.
                    state[s.BEST] = max(state[s.BEST], side * market.open[exit_bar[i]])
                    state[s.WORST] = min(state[s.WORST], side * market.open[exit_bar[i]])
                state[s.BEST], state[s.WORST] = max(state[s.BEST], price), min(state[s.WORST], price)
                state[s.BUDGET] = np.inf
                # Slippage is in the price already. Of the orders' names "time" comes nearest to "when the user left".
                sell(state, number, book, exit_bar[i], state[s.LEFT], price, False, o.TIME, -1)
            else:
                last_bar = entries.end_bar[i] - 1
                mark(state, number, book, last_bar, side * market.close[last_bar])

    return run_own_exits


run_own_exits = _compile(SOURCES)


def simulate_own_exits(placed: PlacedTrades, ladder: Ladder) -> Simulation:
    """Return what the trades made with the exits that the user's file gives.

    Parameters
    ----------
    placed : PlacedTrades
        Trades without an exit are marked at the last close and are open.
    ladder : Ladder
        Defines R for trades without a stop, and the costs. The exit's price is what was got: it pays
        commission and no slippage. The order that closed a trade reads `time`.

    Notes
    -----
    A trade that was left later than the bars reach counts as left in the last bar.
    """
    bare = Ladder(
        name=ladder.name,
        atr_window=ladder.atr_window,
        stop=Stop(initial=ladder.stop.initial),
        costs=ladder.costs,
        execution=Execution(),
    )
    plan, windows = make_plan([bare], ())
    market = make_market(placed.bars, windows, None)
    entries = make_entries(placed, [bare], market, None)
    exit_bar = _exit_bars(placed)
    price = placed.trades.exit_price
    states = np.zeros((len(placed), s.SIZE))
    rows = np.zeros(len(placed), dtype=np.int64)
    run_own_exits(plan, entries, market, exit_bar, price, FillBook.empty(0), rows, states)
    counts = states[:, s.FILLS].astype(np.int64)
    np.cumsum(counts[:-1], out=rows[1:])
    book = FillBook.empty(int(counts.sum()))
    run_own_exits(plan, entries, market, exit_bar, price, book, rows, states)
    none = np.zeros((len(placed), 0))
    rungs = RungStates(none, none.astype(np.int64), none.astype(np.int64), none)
    return Simulation(placed=placed, ladder=bare, states=states, rungs=rungs, book=book)


def _exit_bars(placed: PlacedTrades) -> IntArray:
    """Return the bar of each own exit, -1 while open, -2 where it lies before the entry."""
    trades, bars = placed.trades, placed.bars
    out = np.full(len(placed), -1, dtype=np.int64)
    for k in np.unique(placed.symbol_index):
        rows = np.flatnonzero((placed.symbol_index == k) & ~trades.is_open)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        out[rows] = low + np.searchsorted(bars.time[low:high], trades.exit_time[rows], side="right") - 1
    early = ~trades.is_open & (trades.exit_time < trades.entry_time)
    return np.where(early, -2, out)
