"""The compiled loops over trades: one ladder with its fills recorded, or many ladders without fills."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exitladder.arrays import FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import costs_of_entries, grows, planned_risk
from exitladder.execution.kernel.adds.planned import start_plan
from exitladder.execution.kernel.bar_close import RungConditions
from exitladder.execution.kernel.compiled import SOURCES, counted, inlined
from exitladder.execution.kernel.one_bar import trail_of
from exitladder.execution.kernel.one_trade import BarArrays, run_bar, run_bars, run_entry, set_due
from exitladder.execution.kernel.orders import record
from exitladder.execution.kernel.packed import Ends, Entries, Inputs, Market, Plan, Readings
from exitladder.execution.kernel.rounding import on_grid
from exitladder.execution.kernel.slices import has_slices, raise_own_lines, set_up_slices
from exitladder.execution.kernel.state import Fill, Position, Record
from exitladder.execution.kernel.trade_start import enter, facts_of, place_rungs, set_up, size_rungs
from exitladder.runtime.compiling import njit, prange

# What `run_steps` does with a trade instead of running it through a bar.
ENTER, END = -1, -2


@inlined
def begin_trade(position: Position, inputs: Inputs, m: int, i: int, row: int) -> bool:
    """Enter trade i under ladder m.

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
    plan, entries = inputs.plan, inputs.entries
    atr = inputs.market.atr[position.code[n.C_ATR]]
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
    if grows(position):
        tables = (plan.add_number[m], plan.add_code[m], rung_number, rung_code)
        if start_plan(position, tables, facts) != o.NOT_SKIPPED:
            return False
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
    if grows(position):
        position.growth[s.G_COSTS_DUE] = state[s.ENTRY_COMMISSION]
    return True


@inlined
def bars_of(position: Position, market: Market) -> BarArrays:
    """Return the bars, with the ATR that the ladder uses."""
    atr = market.atr[position.code[n.C_ATR]]
    return BarArrays(market.open, market.high, market.low, market.close, market.volume, atr, market.idle)


@inlined
def conditions_of(inputs: Inputs, m: int) -> RungConditions:
    """Return the conditions of ladder m with the series that they read."""
    plan, readings = inputs.plan, inputs.readings
    return RungConditions(
        plan.rung_code[m], plan.series, plan.comparison, plan.threshold,
        readings.values, readings.base, readings.first, readings.end,
    )  # fmt: skip


@inlined
def run_trade(position: Position, inputs: Inputs, m: int, i: int, row: int) -> bool:
    """Simulate trade i under ladder m from the entry to the end.

    Parameters
    ----------
    position : Position
    inputs : Inputs
    m, i, row : int
        As in `begin_trade`.

    Returns
    -------
    bool
        Whether the trade counts; False if it is skipped.
    """
    if not begin_trade(position, inputs, m, i, row):
        return False
    entries, market, state = inputs.entries, inputs.market, position.state
    run_bars(position, bars_of(position, market), conditions_of(inputs, m), entries, market)
    if state[s.LEFT] > 0.0:
        last = entries.end_bar[i] - 1
        mark(position, last, state[s.SIDE] * market.close[last])
    return True


@inlined
def run_step(position: Position, inputs: Inputs, m: int, t: int, trade: int, row: int) -> None:
    """Run a trade under ladder m one step on.

    Parameters
    ----------
    position : Position
    inputs : Inputs
    m : int
    t : int
        `ENTER`, `END`, or the number of a bar.
    trade : int
    row : int
        As in `begin_trade`.
    """
    entries, market, state = inputs.entries, inputs.market, position.state
    if t == ENTER:
        if begin_trade(position, inputs, m, trade, row):
            run_entry(position, bars_of(position, market), entries, market)
    elif t == END:
        last = entries.end_bar[trade] - 1
        mark(position, last, state[s.SIDE] * market.close[last])
    else:
        is_entry_bar = t == entries.entry_bar[trade]
        run_bar(position, bars_of(position, market), conditions_of(inputs, m), market, t, is_entry_bar)


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
    gain = (price - (position.growth[s.G_HELD_AVERAGE] if grows(position) else state[s.ENTRY])) * quantity
    state[s.GROSS] += gain
    share = costs_of_entries(position, state[s.LEFT], quantity / start)
    net_r = (gain - share - state[s.FINANCING_DUE]) / planned_risk(position)
    record(position, Fill(bar, o.MARK, -1, quantity, price, 0.0, 0.0, state[s.FINANCING_DUE], net_r))


@inlined
def net_r_of(position: Position) -> float:
    """Return profit after costs, the rest marked, in units of the planned risk: R of the quantity without adds."""
    state = position.state
    net = state[s.GROSS] - state[s.COMMISSION] - state[s.FINANCING]
    return float(net / planned_risk(position))


@inlined
def write_end(position: Position, counts: bool, end_bar: int, at: tuple[int, int], ends: Ends) -> None:
    """Write how a trade ended; -1 fills if liquidation comes before an averaging add, which makes the plan invalid.

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
    if grows(position) and position.growth[s.G_LIQUIDATED] > 0.0:
        ends.n_fills[at] = -1
    best = position.growth[s.G_BEST] if grows(position) else state[s.BEST] - state[s.ENTRY]
    ends.mfe_r[at] = best / state[s.RISK] if counts else np.nan


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
    growth, adds = np.zeros(0), np.zeros((0, 0))
    if plan.grows is not None:
        growth = np.zeros(s.GROWTH)
        adds = np.zeros((s.ADD_ROWS, max(1, plan.add_code.shape[1], plan.rung_code.shape[1])))
    for m in range(len(plan.code)):
        position = Position(state, rungs, plan.number[m], plan.code[m], book, plan.slices, growth, adds, plan.grows)
        if grows(position):
            growth[s.G_LIQUIDATED] = 0.0  # of the plan before it, if the trade is skipped
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
            position = Position(
                to.states[i], to.rungs[i], plan.number[0], plan.code[0], to.book, plan.slices,
                to.growth[i], to.adds[i], plan.grows,
            )  # fmt: skip
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


def _compile_steps(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy")
    def run_steps(inputs: Inputs, to: Record, trades: IntArray, ladders: IntArray, bars: IntArray) -> None:
        """Run each of some trades one step on: positions that share an account are run side by side, close by close.

        Parameters
        ----------
        inputs : Inputs
        to : Record
            States of all trades, as the step before left them.
        trades : int64 array, shape (n,)
            Positions of the trades.
        ladders : int64 array, shape (n,)
            The ladder of each.
        bars : int64 array, shape (n,)
            `ENTER` to enter the trade, the number of a bar to run it through, or `END` to mark the rest.
        """
        _ = sources
        plan = inputs.plan
        for k in range(len(trades)):
            i, m, t = trades[k], ladders[k], bars[k]
            position = Position(
                to.states[i], to.rungs[i], plan.number[m], plan.code[m], to.book, plan.slices,
                to.growth[i], to.adds[i], plan.grows,
            )  # fmt: skip
            run_step(position, inputs, m, t, i, to.rows[i] if len(to.book) > 0 else -1)

    return run_steps


run_one_ladder = _compile_one_ladder(SOURCES)
run_many_ladders = _compile_many_ladders(SOURCES)
run_steps = _compile_steps(SOURCES)


def record_fills(run: Callable[[Record], None], n_trades: int, n_rungs: int, n_columns: int = 0) -> Record:
    """Return what a run over trades writes down, fills included.

    Parameters
    ----------
    run : callable
        Takes a `Record` and fills it; runs twice, because the number of fills (one capped by volume may come
        in any number of parts) is known only afterwards.
    n_trades, n_rungs : int
    n_columns : int
        Columns of the table of adds: adds or rungs of the plan, whichever is more; 0 for a ladder.

    Returns
    -------
    Record
    """
    grown = n_columns > 0
    empty = Record(
        states=np.zeros((n_trades, s.SIZE)),
        rungs=np.zeros((n_trades, s.RUNG_ROWS, n_rungs)),
        book=np.zeros((0, s.BOOK_COLUMNS)),
        rows=np.zeros(n_trades, dtype=np.int64),
        growth=np.zeros((n_trades, s.GROWTH if grown else 0)),
        adds=np.zeros((n_trades, s.ADD_ROWS if grown else 0, n_columns)),
    )
    run(empty)
    counts = empty.states[:, s.FILLS].astype(np.int64)
    np.cumsum(counts[:-1], out=empty.rows[1:])
    full = empty._replace(book=np.zeros((int(counts.sum()), s.BOOK_COLUMNS)))
    run(full)
    return full
