"""The user's own exits, measured with the same R, costs and words as a ladder's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numba import njit

from exitladder.arrays import FloatArray, FloatTable, IntArray
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
from exitladder.trades.checks import fills_outside_bars
from exitladder.trades.trade_fills import OwnExits
from exitladder.trades.trades import PlacedTrades

BEFORE_ENTRY, OUTSIDE_BAR = -2, -3


@njit(error_model="numpy")
def live_until(state: FloatArray, number: FloatArray, market: Market, side: float, first: int, end: int) -> int:
    """Hold what is left from the open of bar `first` to the open of bar `end`; return the later of the two."""
    for bar in range(first, end):
        high, low = side * market.high[bar], side * market.low[bar]
        state[s.BEST] = max(state[s.BEST], high, low)
        state[s.WORST] = min(state[s.WORST], high, low)
        count_bar(state, number, side * market.close[bar])
    return max(first, end)


def _compile(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy")
    def run_own_exits(
        plan: Plan,
        entries: Entries,
        market: Market,
        exit_start: IntArray,
        exit_bar: IntArray,
        exit_price: FloatArray,
        exit_lots: FloatArray,
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
            first_exit, end_exit = exit_start[i], exit_start[i + 1]
            if end_exit > first_exit and exit_bar[first_exit] == BEFORE_ENTRY:
                state[s.SKIPPED_WHY] = o.EXIT_BEFORE_ENTRY
                continue
            if end_exit > first_exit and exit_bar[first_exit] == OUTSIDE_BAR:
                state[s.SKIPPED_WHY] = o.EXIT_OUTSIDE_BAR
                continue
            if end_exit == first_exit and first >= end:
                state[s.SKIPPED_WHY] = o.NO_BAR
                continue
            enter(state, number, book, entries.entry_bar[i], rows[i] if len(book) > 0 else -1)
            bar = first
            for k in range(first_exit, end_exit):
                bar = live_until(state, number, market, side, bar, exit_bar[k])
                price = side * exit_price[k]
                if bar == exit_bar[k] and exit_bar[k] >= first:
                    # X4: on the bar of the last fill only its open and the fill count.
                    opened = side * market.open[bar]
                    state[s.BEST] = max(state[s.BEST], opened)
                    state[s.WORST] = min(state[s.WORST], opened)
                state[s.BEST] = max(state[s.BEST], price)
                state[s.WORST] = min(state[s.WORST], price)
                state[s.BUDGET] = np.inf
                # Slippage is in the price already. Of the orders' names "time" comes nearest to "when the user left".
                sell(state, number, book, exit_bar[k], exit_lots[k], price, False, o.TIME, -1)
                if state[s.LEFT] <= 0.0:
                    break
            if state[s.LEFT] > 0.0:
                live_until(state, number, market, side, bar, end)
                mark(state, number, book, end - 1, side * market.close[end - 1])

    return run_own_exits


run_own_exits = _compile(SOURCES)


def simulate_own_exits(placed: PlacedTrades, ladder: Ladder) -> Simulation:
    """Return what the trades made with the exits that the user's file gives.

    Parameters
    ----------
    placed : PlacedTrades
        What has no exit is marked at the last close, and the trade is open. Where the trades' fills are known,
        each partial exit counts with its own quantity, price and bar.
    ladder : Ladder
        Defines R for trades without a stop, and the costs. The exit's price is what was got: it pays
        commission and no slippage. The order that closed a trade reads `time`.

    Notes
    -----
    A trade that was left later than the bars reach counts as left in the last bar. One with an exit outside of its
    bar by more than a tenth of its risk (E2) is skipped: nobody got that price.
    """
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
    exits = placed.trades.own_exits()
    bar = _exit_bars(placed, exits)
    lots = _lots(placed, exits, bare.costs.lot)
    states = np.zeros((len(placed), s.SIZE))
    rows = np.zeros(len(placed), dtype=np.int64)
    run_own_exits(
        plan, entries, market, exits.start, bar, exits.price, lots, np.zeros((0, s.BOOK_COLUMNS)), rows, states
    )
    counts = states[:, s.FILLS].astype(np.int64)
    np.cumsum(counts[:-1], out=rows[1:])
    book = np.zeros((int(counts.sum()), s.BOOK_COLUMNS))
    run_own_exits(plan, entries, market, exits.start, bar, exits.price, lots, book, rows, states)
    rungs = np.zeros((len(placed), s.RUNG_ROWS, 0))
    return Simulation(placed=placed, ladder=bare, states=states, rungs=rungs, book=book)


def _exit_bars(placed: PlacedTrades, exits: OwnExits) -> IntArray:
    """Return the bar of each own exit; a code where one lies before the entry, or its price outside of its bar."""
    bars, trade = placed.bars, exits.trade
    out = np.empty(len(trade), dtype=np.int64)
    for k in np.unique(placed.symbol_index):
        rows = np.flatnonzero(placed.symbol_index[trade] == k)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        out[rows] = low + np.searchsorted(bars.time[low:high], exits.time[rows], side="right") - 1
    outside = fills_outside_bars(placed)
    impossible = np.unique(outside["trade"][outside["fill"] == "exit"].to_numpy(dtype=np.int64))
    out[np.isin(trade, impossible)] = OUTSIDE_BAR
    return np.where(exits.time < placed.trades.entry_time[trade], BEFORE_ENTRY, out)


def _lots(placed: PlacedTrades, exits: OwnExits, lot: float) -> FloatArray:
    """Return the lots that each exit sells: what the exits so far sold, rounded, less what it was before."""
    finite = np.where(np.isfinite(exits.quantity), exits.quantity, 0.0)
    if lot > 0:
        so_far = pd.Series(finite / lot).groupby(exits.trade).cumsum().to_numpy()
        # a quotient such as 2.9999999999999996 is 3 lots
        whole = np.floor(so_far * (1 + 1e-12))
        first = np.isin(np.arange(len(whole)), exits.start[:-1])
        finite = whole - np.where(first, 0.0, np.concatenate([[0.0], whole])[:-1])
    return np.where(np.isfinite(exits.quantity), finite, np.inf)
