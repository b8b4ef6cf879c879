"""The compiled loops over trades: one ladder with its fills recorded, or many ladders without fills."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit, prange

from exitladder.arrays import FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.bar_close import RungConditions
from exitladder.execution.kernel.compiled import SOURCES, counted, inlined
from exitladder.execution.kernel.one_bar import trail_of
from exitladder.execution.kernel.one_trade import BarArrays, run_bars, set_due
from exitladder.execution.kernel.orders import record
from exitladder.execution.kernel.packed import Ends, Entries, Inputs, Market, Plan, Readings
from exitladder.execution.kernel.rounding import on_grid
from exitladder.execution.kernel.slices import has_slices, raise_own_lines, set_up_slices
from exitladder.execution.kernel.state import Fill, Position, Record
from exitladder.execution.kernel.trade_start import enter, facts_of, place_rungs, set_up, size_rungs


@inlined
def run_trade(position: Position, inputs: Inputs, m: int, i: int, row: int) -> bool:
    """Simulate trade i under ladder m from the entry to the end.

    Parameters
    ----------
    position : Position
        With the numbers and codes of ladder m; its state and rungs are overwritten.
    inputs : Inputs
    m, i : int
    row : int
        Row of the book at which the trade's fills begin, -1 to count them only.

    Returns
    -------
    bool
        Whether the trade counts; False if it is skipped.
    """
    plan, entries, market, readings = inputs.plan, inputs.entries, inputs.market, inputs.readings
    atr = market.atr[position.code[n.C_ATR]]
    end_bar = entries.end_bar[i]
    facts = facts_of(entries, atr, i)
    if set_up(position, i, facts) != o.NOT_SKIPPED:
        return False
    rung_number, rung_code = plan.rung_number[m], plan.rung_code[m]
    if has_slices(position):
        set_up_slices(position, rung_number, rung_code, facts.atr)
    place_rungs(position, rung_number, rung_code, facts)
    size_rungs(position, rung_number)
    state = position.state
    if entries.first_bar[i] > entries.entry_bar[i]:
        # X5b: the line of the entry, drawn from its own price, which binds the first bar it is exposed to.
        line = trail_of(position, facts.price, facts.atr)
        if line > state[s.LINE]:
            state[s.LINE] = line
        if has_slices(position):
            raise_own_lines(position, facts.price, facts.atr)
    set_due(position, entries)
    if entries.first_bar[i] >= end_bar:
        # Kept set up, so that its orders for the first bar can be listed.
        state[s.SKIPPED_WHY] = o.NO_BAR
        return False
    enter(position, entries.entry_bar[i], row)
    bars = BarArrays(market.open, market.high, market.low, market.close, market.volume, atr, market.idle)
    conditions = RungConditions(
        rung_code, plan.series, plan.comparison, plan.threshold,
        readings.values, readings.base, readings.first, readings.end,
    )  # fmt: skip
    run_bars(position, bars, conditions, entries, market)
    if state[s.LEFT] > 0.0:
        mark(position, end_bar - 1, state[s.SIDE] * market.close[end_bar - 1])
    return True


@inlined
def mark(position: Position, bar: int, price: float) -> None:
    """X8: value the rest at the last close (signed). Not a sale: it costs nothing and leaves the quantity.

    Parameters
    ----------
    position : Position
    bar : int
        Bar number through the whole `BarSet`.
    price : float
        Signed.
    """
    state, number = position.state, position.number
    quantity = on_grid(state[s.LEFT], number[n.N_LOT])
    start = on_grid(state[s.START], number[n.N_LOT])
    gain = (price - state[s.ENTRY]) * quantity
    state[s.GROSS] += gain
    share = state[s.ENTRY_COMMISSION] * (quantity / start)
    net_r = (gain - share - state[s.FINANCING_DUE]) / (state[s.RISK] * start)
    record(position, Fill(bar, o.MARK, -1, quantity, price, 0.0, 0.0, state[s.FINANCING_DUE], net_r))


@inlined
def net_r_of(position: Position) -> float:
    """Return profit after costs, the rest marked, in R of the entered quantity."""
    state = position.state
    net = state[s.GROSS] - state[s.COMMISSION] - state[s.FINANCING]
    return float(net / (state[s.RISK] * on_grid(state[s.START], position.number[n.N_LOT])))


@inlined
def write_end(position: Position, counts: bool, end_bar: int, at: tuple[int, int], ends: Ends) -> None:
    """Write how a trade ended.

    Parameters
    ----------
    position : Position
    counts : bool
        Whether the trade was simulated and not skipped.
    end_bar : int
        End of the symbol's bars.
    at : tuple of int
        Row and column of the tables.
    ends : Ends
    """
    state = position.state
    is_open = state[s.LEFT] > 0.0
    last = end_bar - 1 if is_open else int(state[s.LAST_BAR])
    ends.last_bar[at] = last if counts else -1
    # The mark of an open position is counted as a fill, but is no sale.
    ends.n_fills[at] = int(state[s.FILLS]) - int(is_open) if counts else 0
    ends.mfe_r[at] = (state[s.BEST] - state[s.ENTRY]) / state[s.RISK] if counts else np.nan


@counted
def run_ladders(inputs: Inputs, i: int, row: int, out: FloatTable, ends: Ends) -> None:
    """Write net r of trade i under every ladder to one row, and how it ended.

    Parameters
    ----------
    inputs : Inputs
    i, row : int
        The trade, and its row of the tables.
    out : float64 array, shape (n_trades, n_ladders)
    ends : Ends
    """
    plan = inputs.plan
    state, book = np.zeros(s.SIZE), np.zeros((0, s.BOOK_COLUMNS))
    rungs = np.zeros((s.RUNG_ROWS, plan.rung_code.shape[1]))
    for m in range(len(plan.code)):
        position = Position(state, rungs, plan.number[m], plan.code[m], book, plan.slices)
        counts = run_trade(position, inputs, m, i, -1)
        out[row, m] = net_r_of(position) if counts else np.nan
        write_end(position, counts, inputs.entries.end_bar[i], (row, m), ends)


def _compile_one_ladder(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy")
    def run_one_ladder(inputs: Inputs, to: Record) -> None:
        """Simulate every trade under ladder 0 and record how each ended, with its fills if the book has rows."""
        _ = sources
        plan = inputs.plan
        for i in range(len(inputs.entries.side)):
            position = Position(to.states[i], to.rungs[i], plan.number[0], plan.code[0], to.book, plan.slices)
            run_trade(position, inputs, 0, i, to.rows[i] if len(to.book) > 0 else -1)

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
        ends: Ends,
    ) -> None:
        """Write net r of some trades under every ladder, and how they ended.

        Parameters
        ----------
        plan, entries, market, readings : Plan, Entries, Market, Readings
            One by one: the parallel compiler takes no tuples of tuples.
        trades : int64 array, shape (n_trades,)
            Positions of the trades.
        out : float64 array, shape (n_trades, n_ladders)
            NaN if the trade was skipped.
        ends : Ends
        """
        _ = sources
        for row in prange(len(trades)):
            run_ladders(Inputs(plan, entries, market, readings), trades[row], row, out, ends)

    return run_many_ladders


run_one_ladder = _compile_one_ladder(SOURCES)
run_many_ladders = _compile_many_ladders(SOURCES)


def record_fills(run: Callable[[Record], None], n_trades: int, n_rungs: int) -> Record:
    """Return what a run over trades writes down, fills included.

    Parameters
    ----------
    run : callable
        Takes a `Record` and fills it; runs twice, because the number of fills (one capped by volume may come
        in any number of parts) is known only afterwards.
    n_trades, n_rungs : int

    Returns
    -------
    Record
    """
    empty = Record(
        states=np.zeros((n_trades, s.SIZE)),
        rungs=np.zeros((n_trades, s.RUNG_ROWS, n_rungs)),
        book=np.zeros((0, s.BOOK_COLUMNS)),
        rows=np.zeros(n_trades, dtype=np.int64),
    )
    run(empty)
    counts = empty.states[:, s.FILLS].astype(np.int64)
    np.cumsum(counts[:-1], out=empty.rows[1:])
    full = empty._replace(book=np.zeros((int(counts.sum()), s.BOOK_COLUMNS)))
    run(full)
    return full
