"""The user's own exits, measured with the same R, costs and words as a ladder's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution.clock_exits import clock_exits
from exitladder.execution.contracts import contract_groups, simulate_groups
from exitladder.execution.dividends import credited, without_dividends
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import grows
from exitladder.execution.kernel.bar_close import count_bar
from exitladder.execution.kernel.compiled import SOURCES, inlined
from exitladder.execution.kernel.entry_facts import make_entries, make_market
from exitladder.execution.kernel.loops import mark, record_fills
from exitladder.execution.kernel.orders import record, sell
from exitladder.execution.kernel.packed import Inputs, Market, Readings, atr_windows, make_plan
from exitladder.execution.kernel.rounding import commission_of, on_grid
from exitladder.execution.kernel.state import Fill, Order, Position, Record
from exitladder.execution.kernel.trade_start import enter, facts_of, set_up
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import Simulation
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.size import Size
from exitladder.runtime.compiling import njit
from exitladder.trades.checks import after_the_bars, fills_outside_bars
from exitladder.trades.trade_fills import OwnExits
from exitladder.trades.trades import PlacedTrades

BEFORE_ENTRY, OUTSIDE_BAR = -2, -3
_NO_MAXIMUM = 1e15


class PlacedExits(NamedTuple):
    """The exits of all trades, placed on bars.

    Parameters
    ----------
    start : int64 array, shape (n_trades + 1,)
        Exits of trade i are ``start[i]`` to ``start[i + 1]``.
    bar : int64 array, shape (n_exits,)
        `BEFORE_ENTRY` if the exit precedes the entry, `OUTSIDE_BAR` if its price was not traded (E2).
    price : float64 array, shape (n_exits,)
    lots : float64 array, shape (n_exits,)
        Infinite for an exit of everything left.
    is_entry : bool array, shape (n_exits,)
        Whether it is one more entry; of a position that grew only.
    """

    start: IntArray
    bar: IntArray
    price: FloatArray
    lots: FloatArray
    is_entry: npt.NDArray[np.bool_]


@inlined
def follow_bars(position: Position, market: Market, first: int, end: int) -> int:
    """Count extremes and financing of the bars from `first` to `end`; return the later of the two.

    Parameters
    ----------
    position : Position
    market : Market
    first, end : int
        Bar numbers through the whole `BarSet`.

    Returns
    -------
    int
    """
    state = position.state
    side = state[s.SIDE]
    for bar in range(first, end):
        high, low = side * market.high[bar], side * market.low[bar]
        state[s.BEST] = max(state[s.BEST], high, low)
        state[s.WORST] = min(state[s.WORST], high, low)
        if grows(position):
            # from the average before the bar: an entry in it counts from the next bar on
            growth = position.growth
            growth[s.G_BEST] = max(growth[s.G_BEST], max(high, low) - growth[s.G_AVERAGE_BEFORE])
            growth[s.G_WORST] = min(growth[s.G_WORST], min(high, low) - growth[s.G_AVERAGE_BEFORE])
            growth[s.G_AVERAGE_BEFORE] = growth[s.G_AVERAGE]
        count_bar(position, side * market.close[bar])
    return max(first, end)


@inlined
def start_growth(position: Position, exits: PlacedExits, i: int) -> None:
    """Set up the growth of trade i; its planned risk is the most that its stop would lose after any of its fills.

    Parameters
    ----------
    position : Position
        Set up and not yet entered.
    exits : PlacedExits
    i : int
    """
    state, growth, lot = position.state, position.growth, position.number[n.N_LOT]
    growth[:] = 0.0
    position.adds[:] = 0.0
    entry = state[s.ENTRY]
    growth[s.G_AVERAGE] = growth[s.G_AVERAGE_BEFORE] = growth[s.G_HELD_AVERAGE] = entry
    growth[s.G_ENTERED] = state[s.START]
    held, average, stop = on_grid(state[s.START], lot), entry, entry - state[s.RISK]
    growth[s.G_PLANNED_RISK] = held * state[s.RISK]
    for k in range(exits.start[i], exits.start[i + 1]):
        quantity = on_grid(min(exits.lots[k], 1e300), lot)
        if exits.is_entry[k]:
            average = (held * average + quantity * state[s.SIDE] * exits.price[k]) / (held + quantity)
            held += quantity
        else:
            held = max(held - quantity, 0.0)
        growth[s.G_PLANNED_RISK] = max(growth[s.G_PLANNED_RISK], held * (average - stop))


@inlined
def buy_own(position: Position, bar: int, lots: float, price: float) -> None:
    """Add to the position at the price that was paid.

    Parameters
    ----------
    position : Position
    bar : int
    lots : float
    price : float
        Signed.
    """
    if lots <= 0.0:
        return
    state, number, growth, lot = position.state, position.number, position.growth, position.number[n.N_LOT]
    quantity, entered, held = on_grid(lots, lot), on_grid(growth[s.G_ENTERED], lot), on_grid(state[s.LEFT], lot)
    growth[s.G_AVERAGE] = (entered * growth[s.G_AVERAGE] + quantity * price) / (entered + quantity)
    growth[s.G_HELD_AVERAGE] = (held * growth[s.G_HELD_AVERAGE] + quantity * price) / (held + quantity)
    growth[s.G_ENTERED] += lots
    growth[s.G_MADE] += 1.0
    state[s.LEFT] += lots
    commission = commission_of(price, quantity, number)
    state[s.COMMISSION] += commission
    growth[s.G_COSTS_DUE] += commission
    record(position, Fill(bar, o.ADD, -1, quantity, price, commission, 0.0, 0.0, 0.0))


@inlined
def cannot_run(exits: PlacedExits, i: int, has_bars: bool) -> int:
    """Return the code that says why trade i cannot be replayed, or `NOT_SKIPPED`.

    Parameters
    ----------
    exits : PlacedExits
    i : int
    has_bars : bool
        Whether the trade was exposed to any bar.

    Returns
    -------
    int
    """
    first, end = exits.start[i], exits.start[i + 1]
    if first == end:
        return o.NOT_SKIPPED if has_bars else o.NO_BAR
    if exits.bar[first] == BEFORE_ENTRY:
        return o.EXIT_BEFORE_ENTRY
    return o.EXIT_OUTSIDE_BAR if exits.bar[first] == OUTSIDE_BAR else o.NOT_SKIPPED


@inlined
def run_own_exit(position: Position, inputs: Inputs, exits: PlacedExits, i: int, row: int) -> None:
    """Hold trade i through its own exits, at the prices that were got; mark at the last close what has no exit.

    Parameters
    ----------
    position : Position
    inputs : Inputs
    exits : PlacedExits
    i : int
    row : int
        Row of the book at which its fills begin, -1 to count them only.
    """
    entries, market, state = inputs.entries, inputs.market, position.state
    first, end = entries.first_bar[i], entries.end_bar[i]
    if set_up(position, i, facts_of(entries, market.atr[position.code[n.C_ATR]], i)) != o.NOT_SKIPPED:
        return
    why = cannot_run(exits, i, first < end)
    if why != o.NOT_SKIPPED:
        state[s.SKIPPED_WHY] = why
        return
    if grows(position):
        start_growth(position, exits, i)
    enter(position, entries.entry_bar[i], row)
    if grows(position):
        position.growth[s.G_COSTS_DUE] = state[s.ENTRY_COMMISSION]
    side, bar = state[s.SIDE], first
    for k in range(exits.start[i], exits.start[i + 1]):
        at, price = exits.bar[k], side * exits.price[k]
        bar = follow_bars(position, market, bar, at)
        if grows(position) and exits.is_entry[k]:
            buy_own(position, at, exits.lots[k], price)
            continue
        # X4: on the bar of the last fill only its open and the fill count.
        opened = side * market.open[at] if at >= first else price
        state[s.BEST] = max(state[s.BEST], opened, price)
        state[s.WORST] = min(state[s.WORST], opened, price)
        if grows(position):
            growth = position.growth
            growth[s.G_BEST] = max(growth[s.G_BEST], max(opened, price) - growth[s.G_AVERAGE_BEFORE])
            growth[s.G_WORST] = min(growth[s.G_WORST], min(opened, price) - growth[s.G_AVERAGE_BEFORE])
        state[s.BUDGET] = np.inf
        # The price includes slippage already. Of the orders' names "time" comes nearest to "when the user left".
        sell(position, at, min(exits.lots[k], state[s.LEFT]), price, state[s.LEFT], Order(o.TIME, -1, False))
        if state[s.LEFT] <= 0.0:
            return
    follow_bars(position, market, bar, end)
    mark(position, end - 1, side * market.close[end - 1])


def _compile(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy")
    def run_own_exits(inputs: Inputs, exits: PlacedExits, to: Record) -> None:
        """Hold every trade through its own exits and record how each ended, with its fills if the book has rows.

        Parameters
        ----------
        inputs : Inputs
        exits : PlacedExits
        to : Record
        """
        _ = sources
        plan = inputs.plan
        for i in range(len(inputs.entries.side)):
            position = Position(
                to.states[i], to.rungs[i], plan.number[0], plan.code[0], to.book, plan.slices,
                to.growth[i], to.adds[i], plan.grows,
            )  # fmt: skip
            run_own_exit(position, inputs, exits, i, to.rows[i] if len(to.book) > 0 else -1)

    return run_own_exits


run_own_exits = _compile(SOURCES)


def simulate_own_exits(placed: PlacedTrades, ladder: Ladder) -> Simulation:
    """Return the result of the trades with the exits that the user's file gives.

    Parameters
    ----------
    placed : PlacedTrades
        Quantity without an exit is marked at the last close, and the trade is open. If the trades' fills are known,
        each partial exit counts with its own quantity, price and bar, and so does each entry after the one that the
        trade is placed at (`exitladder.trades.trade_fills.from_first_entry`).
    ladder : Ladder
        Defines R for trades without a stop, and the costs. The recorded exit price is the price realised: the
        exit pays commission but no slippage. The order that closed a trade reads `time`.

    Returns
    -------
    Simulation

    Notes
    -----
    An exit after the end of the bars counts as one in the last bar. A trade with an exit outside its bar by more than
    a tenth of its risk (E2) is skipped: nobody got that price.
    """
    return _replayed(placed, ladder, placed.trades.own_fills().is_entry is not None)


def _replayed(placed: PlacedTrades, ladder: Ladder, has_grown: bool) -> Simulation:
    """Return the result of own exits; `has_grown` if any of all trades has later entries, which its fills then are."""
    if placed.bars.dividends is not None:
        return credited(_replayed(without_dividends(placed), ladder, has_grown), placed)
    if groups := contract_groups(placed):
        return simulate_groups(lambda part, of, _: _replayed(part, of, has_grown), groups, placed, ladder)
    plain = Ladder(
        name=ladder.name,
        atr_window=ladder.atr_window,
        stop=Stop(initial=ladder.stop.initial),
        costs=ladder.costs,
        execution=Execution(),
    )
    # a maximum that is never met makes it a plan, whose growth the kernel follows
    bare = replace(plain, size=Size(maximum_units=_NO_MAXIMUM)) if has_grown else plain
    windows = atr_windows([bare])
    market = make_market(placed.bars, windows, None)
    none = Signals.none(len(placed))
    inputs = Inputs(
        plan=make_plan([bare], (), windows),
        entries=make_entries(placed, [bare], market, None, clock_exits(placed, ())),
        market=market,
        readings=Readings(none.values, none.base, none.first, none.end),
    )
    own = placed.trades.own_fills()
    is_entry = np.zeros(len(own.time), dtype=np.bool_) if own.is_entry is None else own.is_entry
    exits = PlacedExits(own.start, _exit_bars(placed, own), own.price, _lots(own, bare.costs.lot), is_entry)
    found = record_fills(lambda to: run_own_exits(inputs, exits, to), len(placed), 0, int(has_grown))
    return Simulation(
        placed=placed,
        ladder=plain,
        states=found.states,
        rungs=found.rungs,
        book=found.book,
        growth=found.growth if has_grown else None,
    )


def _exit_bars(placed: PlacedTrades, exits: OwnExits) -> IntArray:
    """Return the bar of each own exit; a code if it precedes the entry or if its price is outside its bar."""
    bars, trade = placed.bars, exits.trade
    out = np.empty(len(trade), dtype=np.int64)
    for k in np.unique(placed.symbol_index):
        rows = np.flatnonzero(placed.symbol_index[trade] == k)
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        out[rows] = low + np.searchsorted(bars.time[low:high], exits.time[rows], side="right") - 1
    outside = fills_outside_bars(placed)
    impossible = np.unique(outside["trade"][outside["fill"] == "exit"].to_numpy(dtype=np.int64))
    out[np.isin(trade, impossible) | np.isin(trade, trade[after_the_bars(placed, trade, exits.time)])] = OUTSIDE_BAR
    return np.where(exits.time < placed.trades.entry_time[trade], BEFORE_ENTRY, out)


def _lots(exits: OwnExits, lot: float) -> FloatArray:
    """Return the lots of each exit: the rounded sum of the exits so far, less the sum before; of entries likewise."""
    finite = np.where(np.isfinite(exits.quantity), exits.quantity, 0.0)
    if lot > 0:
        kind = np.zeros(len(finite), dtype=np.int64) if exits.is_entry is None else exits.is_entry.astype(np.int64)
        groups = pd.Series(finite / lot).groupby([exits.trade, kind])
        # a quotient such as 2.9999999999999996 is 3 lots
        whole = pd.Series(np.floor(groups.cumsum().to_numpy() * (1 + 1e-12)))
        before = whole.groupby([exits.trade, kind]).shift(fill_value=0.0)
        finite = (whole - before).to_numpy()
    return np.where(np.isfinite(exits.quantity), finite, np.inf)
