"""The user's own exits, measured with the same R, costs and words as a ladder's."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.bar_close import count_bar
from exitladder.execution.kernel.compiled import SOURCES, inlined
from exitladder.execution.kernel.entry_facts import make_entries, make_market
from exitladder.execution.kernel.loops import mark, record_fills
from exitladder.execution.kernel.orders import sell
from exitladder.execution.kernel.packed import Inputs, Market, Readings, atr_windows, make_plan
from exitladder.execution.kernel.state import Order, Position, Record
from exitladder.execution.kernel.trade_start import enter, facts_of, set_up
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.trades.trades import PlacedTrades

NO_EXIT, BEFORE_ENTRY = -1, -2


class OwnExits(NamedTuple):
    """Where trades were left.

    Parameters
    ----------
    bar : int64 array, shape (n_trades,)
        `NO_EXIT` while open, `BEFORE_ENTRY` if it precedes the entry.
    price : float64 array, shape (n_trades,)
    """

    bar: IntArray
    price: FloatArray


@inlined
def follow_bars(position: Position, market: Market, first: int, end: int) -> None:
    """Count extremes and financing of the bars from `first` to `end`.

    Parameters
    ----------
    position : Position
    market : Market
    first, end : int
        Bar numbers through the whole `BarSet`.
    """
    state = position.state
    side = state[s.SIDE]
    for bar in range(first, end):
        high, low = side * market.high[bar], side * market.low[bar]
        state[s.BEST] = max(state[s.BEST], high, low)
        state[s.WORST] = min(state[s.WORST], high, low)
        count_bar(position, side * market.close[bar])


@inlined
def run_own_exit(position: Position, inputs: Inputs, exits: OwnExits, i: int, row: int) -> None:
    """Hold trade i until its own exit, at the price that was got; mark it if there is none.

    Parameters
    ----------
    position : Position
    inputs : Inputs
    exits : OwnExits
    i : int
    row : int
        Row of the book at which its fills begin, -1 to count them only.
    """
    entries, market, state = inputs.entries, inputs.market, position.state
    first, end, at = entries.first_bar[i], entries.end_bar[i], exits.bar[i]
    if set_up(position, i, facts_of(entries, market.atr[position.code[n.C_ATR]], i)) != o.NOT_SKIPPED:
        return
    if at == BEFORE_ENTRY:
        state[s.SKIPPED_WHY] = o.EXIT_BEFORE_ENTRY
        return
    if at == NO_EXIT and first >= end:
        state[s.SKIPPED_WHY] = o.NO_BAR
        return
    enter(position, entries.entry_bar[i], row)
    follow_bars(position, market, first, at if at >= 0 else end)
    side = state[s.SIDE]
    if at == NO_EXIT:
        mark(position, end - 1, side * market.close[end - 1])
        return
    price = side * exits.price[i]
    # X4: on the bar of the last fill only its open and the fill count.
    opened = side * market.open[at] if at >= first else price
    state[s.BEST] = max(state[s.BEST], opened, price)
    state[s.WORST] = min(state[s.WORST], opened, price)
    state[s.BUDGET] = np.inf
    # The price includes slippage already. Of the orders' names "time" comes nearest to "when the user left".
    sell(position, at, state[s.LEFT], price, Order(o.TIME, -1, False))


def _compile(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy")
    def run_own_exits(inputs: Inputs, exits: OwnExits, to: Record) -> None:
        """Hold every trade until its own exit and record how each ended, with its fills if the book has rows.

        Parameters
        ----------
        inputs : Inputs
        exits : OwnExits
        to : Record
        """
        _ = sources
        plan = inputs.plan
        for i in range(len(inputs.entries.side)):
            position = Position(to.states[i], to.rungs[i], plan.number[0], plan.code[0], to.book)
            run_own_exit(position, inputs, exits, i, to.rows[i] if len(to.book) > 0 else -1)

    return run_own_exits


run_own_exits = _compile(SOURCES)


def simulate_own_exits(placed: PlacedTrades, ladder: Ladder) -> Simulation:
    """Return the result of the trades with the exits that the user's file gives.

    Parameters
    ----------
    placed : PlacedTrades
        Trades without an exit are marked at the last close and are open.
    ladder : Ladder
        Defines R for trades without a stop, and the costs. The exit's price is what was got: it pays
        commission and no slippage. The order that closed a trade reads `time`.

    Returns
    -------
    Simulation

    Notes
    -----
    An exit after the end of the bars counts as one in the last bar.
    """
    bare = Ladder(
        name=ladder.name,
        atr_window=ladder.atr_window,
        stop=Stop(initial=ladder.stop.initial),
        costs=ladder.costs,
        execution=Execution(),
    )
    windows = atr_windows([bare])
    market = make_market(placed.bars, windows, None)
    none = Signals.none(len(placed))
    inputs = Inputs(
        plan=make_plan([bare], (), windows),
        entries=make_entries(placed, [bare], market, None),
        market=market,
        readings=Readings(none.values, none.base, none.first, none.end),
    )
    exits = OwnExits(_exit_bars(placed), placed.trades.exit_price)
    found = record_fills(lambda to: run_own_exits(inputs, exits, to), len(placed), 0)
    return Simulation(placed=placed, ladder=bare, states=found.states, rungs=found.rungs, book=found.book)


def _exit_bars(placed: PlacedTrades) -> IntArray:
    """Return the bar of each own exit, -1 while open, -2 if it precedes the entry."""
    trades, bars = placed.trades, placed.bars
    out = np.full(len(placed), NO_EXIT, dtype=np.int64)
    for k in np.unique(placed.symbol_index):
        rows = np.flatnonzero((placed.symbol_index == k) & ~trades.is_open)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        out[rows] = low + np.searchsorted(bars.time[low:high], trades.exit_time[rows], side="right") - 1
    early = ~trades.is_open & (trades.exit_time < trades.entry_time)
    return np.where(early, BEFORE_ENTRY, out)
