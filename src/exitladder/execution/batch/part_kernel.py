"""The compiled loop over trades for ladders that are sold in parts (`exitladder.execution.batch.part_pairs`)."""

from __future__ import annotations

from collections.abc import Callable

from exitladder.arrays import FloatTable, IntArray
from exitladder.execution.batch.kernel import (
    BLOCK,
    BatchInputs,
    empty_path,
    empty_prepared,
    set_breakevens,
    terms_of,
    touch_conditions,
    with_tables,
    write_path,
)
from exitladder.execution.batch.packed import Batch, Path, Prepared, TradeTerms
from exitladder.execution.batch.pairs import write_skipped
from exitladder.execution.batch.part_pairs import InParts, Room, empty_room, run_parts
from exitladder.execution.batch.parts import Parts
from exitladder.execution.batch.signal_touches import Conditions
from exitladder.execution.batch.touches import NEVER, first_at_least, first_touch_targets, stop_code, table_trails
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel.compiled import SOURCES, counted, inlined
from exitladder.execution.kernel.packed import Ends, Entries, Market, Readings
from exitladder.execution.kernel.rounding import armed_at, distance, stop_to_tick, whole_steps
from exitladder.runtime.compiling import njit, prange

SNAP = o.SNAP


@inlined
def longest_by_clock(parts: Parts, entries: Entries, i: int) -> int:
    """Return the bars that a trade is held at most by exits by the clock, `NEVER` if they set no limit.

    Parameters
    ----------
    parts : Parts
    entries : Entries
    i : int
        The trade.

    Returns
    -------
    int
    """
    longest = 0
    for row in parts.due:
        if entries.due[row, i, n.D_BAR] < 0:
            return NEVER
        longest = max(longest, entries.due[row, i, n.D_BAR] - entries.first_bar[i] + 2)
    return max(longest, 1) if len(parts.due) > 0 else NEVER


@inlined
def size_parts(parts: Parts, lot: float, terms: TradeTerms, room: Room) -> None:
    """Write the lots of every split's rungs; one without size passes its quantity on, but never to a slice (S1, X10).

    Parameters
    ----------
    parts : Parts
    lot : float
    terms : TradeTerms
    room : Room
    """
    fraction, own = parts.fraction, parts.own
    for k in range(len(fraction)):
        passed_on = 0.0
        for j in range(fraction.shape[1]):
            room.size[k, j] = 0.0
            if fraction[k, j] <= 0.0:
                continue  # it sells the rest, or there is none
            kept = passed_on if own[k, j] > 0 else 0.0
            wanted = fraction[k, j] * terms.start + (passed_on - kept)
            lots = whole_steps(wanted, lot)
            if lots <= 0.0 or lots < terms.least * (1.0 - SNAP):
                passed_on = wanted + kept
            else:
                passed_on = kept
                room.size[k, j] = lots


@inlined
def place_own_stops(parts: Parts, tick: float, terms: TradeTerms, path: Path, room: Room) -> None:
    """Write the price of every stop of slices, never below the trade's, and the event at which it is reached.

    Parameters
    ----------
    parts : Parts
    tick : float
    terms : TradeTerms
    path : Path
    room : Room
    """
    for k in range(len(parts.stop_unit)):
        room.stop_at[k], room.stop_event[k] = terms.stop, terms.exit_by_stop
        unit = parts.stop_unit[k]
        if unit == o.NO_UNIT:
            continue
        stop = terms.entry - distance(unit, parts.stop_value[k], terms.risk, terms.entry_atr, terms.entry)
        level = stop_to_tick(stop, terms.entry, tick)
        if level > terms.stop:
            room.stop_at[k], room.stop_event[k] = level, NEVER
            for h in range(terms.n_bars):
                event = stop_code(h, path.open[h], path.low[h], level)
                if event < NEVER:
                    room.stop_event[k] = event
                    break


@inlined
def prepare_parts(
    inputs: BatchInputs, parts: Parts, terms: TradeTerms, path: Path, prepared: Prepared, room: Room
) -> None:
    """Work out everything about a trade that all ladders in parts use, sets of conditions excepted.

    Parameters
    ----------
    inputs : BatchInputs
    parts : Parts
    terms : TradeTerms
    path : Path
    prepared : Prepared
    room : Room
    """
    batch, number = inputs.batch, inputs.batch.number
    first_touch_targets(batch, terms, path, prepared)
    set_breakevens(batch, terms, path, prepared)
    size_parts(parts, number[n.N_LOT], terms, room)
    place_own_stops(parts, number[n.N_TICK], terms, path, room)
    for k in range(len(batch.arm_from)):
        from_price = armed_at(terms.entry, batch.arm_from[k], terms.risk)
        room.armed[k] = min(first_at_least(path.best, from_price, terms.n_bars) + 1, terms.n_bars)
    if batch.tabled_trails and len(batch.trail_unit) > 0:
        table_trails(batch, terms, path, prepared, 0)


@counted
def run_part_block(
    inputs: BatchInputs, parts: Parts, trades: IntArray, block: int, out: FloatTable, ends: Ends
) -> None:
    """Write the results of one block of `BLOCK` trades under every ladder of a batch in parts.

    Parameters
    ----------
    inputs : BatchInputs
    parts : Parts
    trades : int64 array, shape (n_trades,)
        Positions of the trades of all blocks.
    block : int
    out : float64 array, shape (n_trades, n_ladders)
    ends : Ends
    """
    batch, entries, closes = inputs.batch, inputs.entries, inputs.market.close
    n_sets, bars = len(inputs.conditions.set_end), 0
    path, prepared, room = empty_path(bars), empty_prepared(batch, n_sets), empty_room(batch, parts)
    for row in range(block * BLOCK, min((block + 1) * BLOCK, len(trades))):
        terms = terms_of(inputs, trades[row], row, longest_by_clock(parts, entries, trades[row]))
        if terms.n_bars == 0:
            write_skipped(row, out, ends)
            continue
        if terms.n_bars > bars:
            bars = 2 * terms.n_bars
            path, prepared = empty_path(bars), with_tables(batch, prepared, bars)
        write_path(inputs, terms, path)
        if n_sets > 0:
            touch_conditions(inputs, terms, path, prepared)
        prepare_parts(inputs, parts, terms, path, prepared, room)
        run_parts(InParts(batch, parts, terms, path, prepared, room), entries, closes, out, ends)


def _compile_parts(sources: int) -> Callable[..., None]:
    @njit(cache=True, error_model="numpy", parallel=True)
    def run_part_batch(
        batch: Batch,
        parts: Parts,
        conditions: Conditions,
        readings: Readings,
        entries: Entries,
        market: Market,
        trades: IntArray,
        out: FloatTable,
        ends: Ends,
    ) -> None:
        """Write net r of some trades under every ladder of a batch in parts, and how they ended.

        Parameters
        ----------
        batch, parts, conditions, readings, entries, market
            One by one: the parallel compiler takes no tuples of tuples.
        trades : int64 array, shape (n_trades,)
            Positions of the trades.
        out : float64 array, shape (n_trades, n_ladders)
            NaN if the trade was skipped.
        ends : Ends
        """
        _ = sources
        for block in prange((len(trades) + BLOCK - 1) // BLOCK):
            inputs = BatchInputs(batch, conditions, readings, entries, market)
            run_part_block(inputs, parts, trades, block, out, ends)

    return run_part_batch


run_part_batch = _compile_parts(SOURCES)
