"""Which kernel executes which ladders on which trades: batches if possible, else pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatTable, IntArray
from exitladder.bars.bars import BarSet
from exitladder.execution.batch.grouping import alike, batchable_trades, batches, has_parts, make_batch
from exitladder.execution.batch.kernel import run_batch
from exitladder.execution.batch.part_kernel import run_part_batch
from exitladder.execution.batch.parts import make_parts
from exitladder.execution.batch.signal_touches import make_conditions
from exitladder.execution.clock_exits import clock_exits
from exitladder.execution.kernel.entry_facts import make_entries, make_market
from exitladder.execution.kernel.loops import run_many_ladders
from exitladder.execution.kernel.packed import Ends, Readings, atr_windows, make_plan, timings_of
from exitladder.execution.one_ladder import check_stops, checked_signals, simulate
from exitladder.execution.signals import Signals
from exitladder.plans.ladder import Ladder
from exitladder.plans.limits import refuse_limits
from exitladder.plans.size import refuse_size_rule
from exitladder.trades.trades import PlacedTrades


@dataclass(frozen=True)
class Written:
    """The results that kernels write, of shape (n_trades, n_ladders).

    Parameters
    ----------
    net_r : float64 array
        NaN if a trade was skipped.
    ends : Ends, optional
        How trades ended; without it, batches run by a kernel that leaves it out.
    """

    net_r: FloatTable
    ends: Ends | None = None

    def blank(self, *shape: int) -> Written:
        """Return tables of another shape for a part of these."""
        return Written(np.empty(shape), None if self.ends is None else blank_ends(shape))

    def put(self, part: Written, at: npt.NDArray[np.bool_] | tuple[slice, IntArray]) -> None:
        """Copy a part to its place."""
        self.net_r[at] = part.net_r
        if self.ends is not None and part.ends is not None:
            for whole, piece in zip(self.ends, part.ends, strict=True):
                whole[at] = piece


def blank_ends(shape: tuple[int, ...]) -> Ends:
    """Return tables for how trades end."""
    return Ends(np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape))


Run = Callable[[IntArray, Written], None]


def prepare_run(
    placed: PlacedTrades, ladders: Sequence[Ladder], signals: Signals | None, finer: BarSet | None
) -> Callable[[IntArray, Written, Callable[[int], None]], None]:
    """Return a function that executes some trades under all ladders.

    Parameters
    ----------
    placed : PlacedTrades
    ladders : sequence of Ladder
    signals : Signals, optional
        Holds the series that the ladders' signal rungs read.
    finer : BarSet, optional
        Bars of a shorter interval.

    Returns
    -------
    callable
        Takes the positions of trades, the `Written` to fill, and a function that it calls with the number of
        pairs done.
    """
    read = checked_signals(placed, signals)
    for ladder in ladders:
        refuse_size_rule(ladder)
        refuse_limits(ladder, "A run of many ladders")
        check_stops(ladder, placed)
    windows, timings = atr_windows(ladders), timings_of(ladders)
    market = make_market(placed.bars, windows, finer)
    entries = make_entries(placed, ladders, market, finer, clock_exits(placed, timings))
    readings = Readings(read.values, read.base, read.first, read.end)
    groups, alone = batches(ladders)

    def general(which: IntArray) -> Run:
        plan = make_plan([ladders[m] for m in which], read.names, windows, timings)

        def run(trades: IntArray, out: Written) -> None:
            # Always with ends: without them a second kernel would have to be compiled, for nothing that shows in time.
            ends = blank_ends(out.net_r.shape) if out.ends is None else out.ends
            run_many_ladders(plan, entries, market, readings, trades, out.net_r, ends)
            if plan.grows:
                for column in np.flatnonzero((ends.n_fills < 0).any(axis=0)):
                    simulate(placed, ladders[which[column]], read, finer=finer)  # refuses the plan, with the trade
                np.maximum(ends.n_fills, 0, out=ends.n_fills)  # only trades above the maximum size would have been

        return run

    def batched(which: IntArray) -> Run:
        members = [ladders[m] for m in which]
        row = windows.index(members[0].atr_window)
        in_parts, conditions = has_parts(members[0]), make_conditions(members, read.names)
        batch = make_batch(members, in_parts=in_parts)
        own = market._replace(atr=market.atr[row : row + 1])
        shared = (conditions, readings, entries, own)

        def plain(trades: IntArray, out: Written) -> None:
            run_batch(batch, *shared, trades, out.net_r, out.ends)

        as_batch: Run = plain
        if in_parts:
            parts = make_parts(members, timings)

            def by_parts(trades: IntArray, out: Written) -> None:
                ends = blank_ends(out.net_r.shape) if out.ends is None else out.ends  # one kernel, as above
                run_part_batch(batch, parts, *shared, trades, out.net_r, ends)

            as_batch = by_parts

        ready = batchable_trades(members, entries, own)
        if ready.all():
            return as_batch
        rest = general(which)

        def run(trades: IntArray, out: Written) -> None:
            for kernel, mask in ((rest, ~ready[trades]), (as_batch, ready[trades])):
                part = out.blank(int(mask.sum()), len(which))
                kernel(trades[mask], part)
                out.put(part, mask)

        return run

    parts = [(which, batched(which)) for which in groups] + [(which, general(which)) for which in alike(ladders, alone)]

    def run_all(trades: IntArray, out: Written, advance: Callable[[int], None]) -> None:
        for which, run in parts:
            if len(which) == len(ladders):
                run(trades, out)
            else:
                part = out.blank(len(trades), len(which))
                run(trades, part)
                out.put(part, (slice(None), which))
            advance(len(trades) * len(which))

    return run_all
