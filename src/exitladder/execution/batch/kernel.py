"""Many ladders on one trade at once, by event numbers instead of bar by bar.

For ladders of resting targets, signal rungs, a stop, breakeven and trail under ``stop_first``
(`exitladder.execution.batch.grouping` says which), the rules reduce to comparing when each order is reached. Every
event gets a number that grows with time and, within a bar, in the order of X2 and X3:

    4 * bar      a signal rung's market order (X2a)
    4 * bar + 1  the time stop's market order (X2a), or the open at or beyond a stop (X2b): one price for all
    4 * bar + 2  the open at or beyond a limit rung (X2c)
    4 * bar + 3  inside the bar; of a stop and a limit rung the stop counts (X3, stop_first)

A rung fills if its number is below that of the exit. The exit is the smallest number of the initial stop, the
time stop, the breakeven stop from the bar after its rung, and the trail from the bar after it is armed. If a rung
does not fill before the exit, its effects come later than the exit and change nothing; so no case needs to be
distinguished from another.

Each trade is prepared once: first touches of all targets by one pass over the bars, first closes at which
conditions hold (`exitladder.execution.batch.signal_touches`), next touches of every breakeven and trail by one pass
backwards (`exitladder.execution.batch.touches`). If there are nearly as many different trails as ladders, that is
more work than following the one trail of each ladder, which is then done instead.

Prices and money are computed by the same functions, in the same order, as bar by bar, so that results are equal
to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from exitladder.arrays import FloatTable, IntArray
from exitladder.execution.batch.packed import MOST_RUNGS, Batch, Path, Prepared, TradeTerms
from exitladder.execution.batch.pairs import at_market, first_touch_cells, run_pairs, slippage_of, write_skipped
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
from exitladder.execution.kernel.compiled import SOURCES, counted, inlined
from exitladder.execution.kernel.packed import Ends, Entries, Market, Readings
from exitladder.execution.kernel.rounding import (
    commission_of,
    distance,
    on_grid,
    stop_to_tick,
    to_tick,
    whole_steps,
)
from exitladder.runtime.compiling import njit, prange

SNAP = o.SNAP
# Trades that share the arrays a trade is prepared in.
BLOCK = 32


class BatchInputs(NamedTuple):
    """Everything that a batch reads; `Market.atr` has one row, that of its ATR window."""

    batch: Batch
    conditions: Conditions
    readings: Readings
    entries: Entries
    market: Market


@inlined
def terms_of(inputs: BatchInputs, i: int, row: int, longest: int) -> TradeTerms:
    """Return trade i as the batch sees it, to be written to a row of the results; its `n_bars` is 0 if it is skipped.

    Parameters
    ----------
    inputs : BatchInputs
    i : int
        Position of the trade.
    row : int
        Its row of the results.
    longest : int
        Bars that any ladder may hold it at most, if its time stops do not say less.

    Returns
    -------
    TradeTerms
    """
    batch, entries, market, number = inputs.batch, inputs.entries, inputs.market, inputs.batch.number
    tick, lot = number[n.N_TICK], number[n.N_LOT]
    least = number[n.N_MINIMUM] / lot if lot > 0.0 else number[n.N_MINIMUM]
    known, first, end = entries.known_bar[i], entries.first_bar[i], entries.end_bar[i]
    side = float(entries.side[i])
    entry, stop = side * entries.price[i], side * entries.stop[i]
    entry_atr = market.atr[0, known] if known >= 0 else np.nan
    if np.isnan(stop):
        stop = entry - distance(batch.initial_unit, number[n.N_INITIAL], np.nan, entry_atr, entry)
    risk = entry - stop
    lots = whole_steps(entries.quantity[i], lot)
    count, exit_by_stop, last_close, cost = 0, NEVER, np.nan, 0.0
    start = on_grid(lots, lot)
    if risk > 0.0 and lots > 0.0 and not lots < least * (1.0 - SNAP) and first < end:
        stop = stop_to_tick(stop, entry, tick)
        # The bars that any ladder may hold it: to the initial stop or the longest time stop.
        most = min(end - first, longest)
        if batch.longest > 0:
            most = min(most, batch.longest + 1)
        exit_by_stop, count = first_stop(market, side, stop, first, most)
        last_close = side * market.close[end - 1]
        cost = commission_of(entry, start, number)
    return TradeTerms(
        i, row, first, end - first, count, exit_by_stop, first == entries.entry_bar[i], side,
        entry, stop, last_close, risk, entry_atr, lots, least, start, cost,
    )  # fmt: skip


@counted
def empty_path(room: int) -> Path:
    """Return room for the bars of a trade."""
    return Path(np.empty(room), np.empty(room), np.empty(room), np.empty(room), np.empty(room), np.empty(room))


@inlined
def write_path(inputs: BatchInputs, terms: TradeTerms, path: Path) -> None:
    """Write the bars of a trade in signed prices, its best price so far, and ATR.

    Parameters
    ----------
    inputs : BatchInputs
    terms : TradeTerms
    path : Path
    """
    market, side, first = inputs.market, terms.side, terms.first
    opens, highs, lows, best, atr, atr_before = path.open, path.high, path.low, path.best, path.atr, path.atr_before
    above, below = (market.high, market.low) if side > 0.0 else (market.low, market.high)
    top = terms.entry
    for h in range(terms.n_bars):
        bar = first + h
        opens[h], highs[h], lows[h] = side * market.open[bar], side * above[bar], side * below[bar]
        top = max(top, highs[h])
        best[h], atr[h] = top, market.atr[0, bar]
    # ATR known before each bar, for slippage.
    atr_before[0] = terms.entry_atr if terms.at_open else market.atr[0, first - 1]
    for h in range(1, terms.n_bars):
        atr_before[h] = atr[h - 1]


@counted
def empty_prepared(batch: Batch, n_sets: int) -> Prepared:
    """Return room to prepare trades in, without that for tables by bar; `n_sets` counts the sets of conditions."""
    n_codes = len(batch.target_unit) + n_sets
    n_cells = len(batch.cell_target) + 2 + len(batch.arm_from)
    n_prices = n_cells if batch.tabled_cells else 0
    n_slots = batch.fraction.size
    return Prepared(
        np.empty(n_codes, np.int64), np.empty(n_codes), np.empty(n_codes),
        np.empty(n_cells, np.uint32), np.empty(n_cells, np.uint32), np.empty(n_prices), np.empty(n_prices),
        np.empty(n_slots), np.empty(n_slots), np.empty(n_slots + len(batch.fraction)),
        np.empty(len(batch.breakeven_unit)), np.empty((0, 0), np.uint32), np.empty((0, 0), np.uint32),
        np.empty((0, 0)), np.empty(MOST_RUNGS, np.int64),
    )  # fmt: skip


@counted
def with_tables(batch: Batch, prepared: Prepared, room: int) -> Prepared:
    """Return the same arrays with room for tables of that many bars.

    Parameters
    ----------
    batch : Batch
    prepared : Prepared
    room : int
        Number of bars.

    Returns
    -------
    Prepared
    """
    p = prepared
    n_breakevens = len(batch.breakeven_unit) if batch.tabled_breakevens else 0
    n_trails = len(batch.trail_unit) if batch.tabled_trails else 0
    return Prepared(
        p.code, p.level, p.received, p.cell_code, p.cell_after, p.cell_gain, p.cell_fee, p.size, p.sells, p.stays,
        p.breakeven, np.empty((room, n_breakevens), np.uint32), np.empty((room, n_trails), np.uint32),
        np.empty((room, n_trails)), p.order,
    )  # fmt: skip


@counted
def touch_conditions(inputs: BatchInputs, terms: TradeTerms, path: Path, prepared: Prepared) -> None:
    """For every set of conditions write when it is acted upon, and the price that its market order gets.

    Parameters
    ----------
    inputs : BatchInputs
    terms : TradeTerms
    path : Path
    prepared : Prepared
    """
    n_targets = len(inputs.batch.target_unit)
    code, level, received = prepared.code, prepared.level, prepared.received
    read = read_series(inputs.conditions, inputs.readings, terms, path, inputs.market.close)
    first_touch_conditions(inputs.conditions, read, code[n_targets:])
    slippage = slippage_of(inputs.batch.number)
    for k in range(n_targets, len(code)):
        level[k] = -np.inf
        if code[k] < NEVER:
            h = code[k] >> 2
            received[k] = at_market(path.open[h], path.atr_before[h], slippage)


@inlined
def set_breakevens(batch: Batch, terms: TradeTerms, path: Path, prepared: Prepared) -> None:
    """Write the price of every breakeven stop, and when it is reached from every bar on if that is prepared.

    Parameters
    ----------
    batch : Batch
    terms : TradeTerms
    path : Path
    prepared : Prepared
    """
    for k in range(len(batch.breakeven_unit)):
        away, value = 0.0, batch.breakeven_value[k]
        if value != 0.0:
            away = distance(batch.breakeven_unit[k], value, terms.risk, terms.entry_atr, terms.entry)
        prepared.breakeven[k] = to_tick(terms.entry + away, batch.number[n.N_TICK])
    if batch.tabled_breakevens:
        table_stops(terms, path, prepared)


@inlined
def prepare(inputs: BatchInputs, terms: TradeTerms, path: Path, prepared: Prepared) -> None:
    """Work out everything about a trade that all ladders use, sets of conditions excepted.

    Parameters
    ----------
    inputs : BatchInputs
    terms : TradeTerms
    path : Path
    prepared : Prepared
    """
    batch, number = inputs.batch, inputs.batch.number
    first_touch_targets(batch, terms, path, prepared)
    set_breakevens(batch, terms, path, prepared)
    size_splits(batch.fraction, number[n.N_LOT], terms, prepared)
    first_touch_cells(batch, terms, path, prepared)
    if batch.tabled_trails:
        earliest = terms.n_bars
        for c in batch.arming:
            earliest = min(earliest, int(prepared.cell_after[c]))
        if earliest < terms.n_bars:
            table_trails(batch, terms, path, prepared, earliest)


@counted
def run_block(inputs: BatchInputs, trades: IntArray, block: int, out: FloatTable, ends: Ends | None) -> None:
    """Write the results of one block of `BLOCK` trades under every ladder of a batch.

    Parameters
    ----------
    inputs : BatchInputs
    trades : int64 array, shape (n_trades,)
        Positions of the trades of all blocks.
    block : int
    out : float64 array, shape (n_trades, n_ladders)
    ends : Ends, optional
    """
    batch, n_sets, room = inputs.batch, len(inputs.conditions.set_end), 0
    path, prepared = empty_path(room), empty_prepared(batch, n_sets)
    for row in range(block * BLOCK, min((block + 1) * BLOCK, len(trades))):
        terms = terms_of(inputs, trades[row], row, NEVER)
        if terms.n_bars == 0:
            write_skipped(row, out, ends)
            continue
        if terms.n_bars > room:
            room = 2 * terms.n_bars
            path, prepared = empty_path(room), with_tables(batch, prepared, room)
        write_path(inputs, terms, path)
        if n_sets > 0:
            touch_conditions(inputs, terms, path, prepared)
        prepare(inputs, terms, path, prepared)
        run_pairs(batch, terms, path, prepared, out, ends)


def _compile_batch(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy", parallel=True)
    def run_batch(
        batch: Batch,
        conditions: Conditions,
        readings: Readings,
        entries: Entries,
        market: Market,
        trades: IntArray,
        out: FloatTable,
        ends: Ends | None,
    ) -> None:
        """Write net r of some trades under every ladder of a batch, and how they ended if `ends` is given.

        Parameters
        ----------
        batch, conditions, readings, entries, market
            The fields of `BatchInputs`, one by one: the parallel compiler takes no tuples of tuples.
        trades : int64 array, shape (n_trades,)
            Positions of the trades.
        out : float64 array, shape (n_trades, n_ladders)
            NaN if the trade was skipped.
        ends : Ends, optional
        """
        _ = sources
        # Trades in blocks, so that room to prepare them in is made once a block and not once a trade.
        for block in prange((len(trades) + BLOCK - 1) // BLOCK):
            run_block(BatchInputs(batch, conditions, readings, entries, market), trades, block, out, ends)

    return run_batch


run_batch = _compile_batch(SOURCES)
