"""The user's own exits, measured with the same R, costs and words as a ladder's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.execution.contracts import contract_groups, simulate_groups
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.bar_close import count_bar
from exitladder.execution.kernel.compiled import SOURCES
from exitladder.execution.kernel.entry_facts import make_entries, make_market
from exitladder.execution.kernel.loops import mark
from exitladder.execution.kernel.orders import sell
from exitladder.execution.kernel.packed import Entries, Market, Plan, atr_windows, make_plan
from exitladder.execution.kernel.trade_start import enter, set_up
from exitladder.execution.simulation import Simulation
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.trades.trades import PlacedTrades

NO_EXIT, BEFORE_ENTRY = -1, -2


def _compile(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy")
    def run_own_exits(
        plan: Plan,
        entries: Entries,
        market: Market,
        exit_bar: IntArray,
        exit_price: FloatArray,
        book: FloatTable,
        rows: IntArray,
        states: FloatTable,
    ) -> None:
        """Hold every trade until its own exit, at the price that was got; mark it where there is none."""
        _ = sources
        number, code = plan.number[0], plan.code[0]
        for i in range(len(entries.side)):
            state = states[i]
            known, first, end = entries.known_bar[i], entries.first_bar[i], entries.end_bar[i]
            atr = market.atr[code[n.C_ATR], known] if known >= 0 else np.nan
            side = float(entries.side[i])
            why = set_up(state, number, code, i, side, entries.price[i], entries.stop[i], entries.quantity[i], atr)
            if why != o.NOT_SKIPPED:
                continue
            if exit_bar[i] == BEFORE_ENTRY:
                state[s.SKIPPED_WHY] = o.EXIT_BEFORE_ENTRY
                continue
            if exit_bar[i] == NO_EXIT and first >= end:
                state[s.SKIPPED_WHY] = o.NO_BAR
                continue
            enter(state, number, book, entries.entry_bar[i], rows[i] if len(book) > 0 else -1)
            for bar in range(first, exit_bar[i] if exit_bar[i] >= 0 else end):
                high, low = side * market.high[bar], side * market.low[bar]
                state[s.BEST] = max(state[s.BEST], high, low)
                state[s.WORST] = min(state[s.WORST], high, low)
                count_bar(state, number, side * market.close[bar])
            if exit_bar[i] == NO_EXIT:
                mark(state, number, book, end - 1, side * market.close[end - 1])
                continue
            price = side * exit_price[i]
            # X4: on the bar of the last fill only its open and the fill count.
            opened = side * market.open[exit_bar[i]] if exit_bar[i] >= first else price
            state[s.BEST] = max(state[s.BEST], opened, price)
            state[s.WORST] = min(state[s.WORST], opened, price)
            state[s.BUDGET] = np.inf
            # Slippage is in the price already. Of the orders' names "time" comes nearest to "when the user left".
            sell(state, number, book, exit_bar[i], state[s.LEFT], price, False, o.TIME, -1)

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
    if groups := contract_groups(placed):
        return simulate_groups(lambda part, of, _: simulate_own_exits(part, of), groups, placed, ladder)
    bare = Ladder(
        name=ladder.name,
        atr_window=ladder.atr_window,
        stop=Stop(initial=ladder.stop.initial),
        costs=ladder.costs,
        execution=Execution(),
    )
    windows = atr_windows([bare])
    plan = make_plan([bare], (), windows)
    market = make_market(placed.bars, windows, None)
    entries = make_entries(placed, [bare], market, None)
    exit_bar = _exit_bars(placed)
    price = placed.trades.exit_price
    states = np.zeros((len(placed), s.SIZE))
    rows = np.zeros(len(placed), dtype=np.int64)
    run_own_exits(plan, entries, market, exit_bar, price, np.zeros((0, s.BOOK_COLUMNS)), rows, states)
    counts = states[:, s.FILLS].astype(np.int64)
    np.cumsum(counts[:-1], out=rows[1:])
    book = np.zeros((int(counts.sum()), s.BOOK_COLUMNS))
    run_own_exits(plan, entries, market, exit_bar, price, book, rows, states)
    rungs = np.zeros((len(placed), s.RUNG_ROWS, 0))
    return Simulation(placed=placed, ladder=bare, states=states, rungs=rungs, book=book)


def _exit_bars(placed: PlacedTrades) -> IntArray:
    """Return the bar of each own exit, -1 while open, -2 where it lies before the entry."""
    trades, bars = placed.trades, placed.bars
    out = np.full(len(placed), NO_EXIT, dtype=np.int64)
    for k in np.unique(placed.symbol_index):
        rows = np.flatnonzero((placed.symbol_index == k) & ~trades.is_open)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        out[rows] = low + np.searchsorted(bars.time[low:high], trades.exit_time[rows], side="right") - 1
    early = ~trades.is_open & (trades.exit_time < trades.entry_time)
    return np.where(early, BEFORE_ENTRY, out)
