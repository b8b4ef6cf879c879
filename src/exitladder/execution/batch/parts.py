"""Ladders whose position is sold in parts, as the arrays that `exitladder.execution.batch.part_pairs` walks over.

A part is a slice (X10), or the rest that the stop of the trade covers. Ladders with a rung that sells the rest (X12)
or with exits by the clock (X11) run here too, with one part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exitladder.arrays import FloatArray, FloatTable, IntArray, IntTable
from exitladder.execution.batch.grouping import Distinct
from exitladder.execution.batch.packed import MOST_RUNGS
from exitladder.execution.kernel.codes import UNITS
from exitladder.execution.kernel.packed import Timing, timing_of
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Distance

# Columns of Parts.ladder.
(
    L_RUNGS,  # number of rungs
    L_SPLIT,  # row of Parts.fraction
    L_TIME,  # bars, 0 without a time stop
    L_DUE,  # row of `Entries.due`, -1 without exits by the clock
    L_BREAKEVEN,
    L_BREAKEVEN_AFTER,  # the rung from 0, -1 without
    L_TRAIL,  # -1 without
    L_ARMED_BY,
    LADDER_COLUMNS,
) = range(9)
# Columns of Parts.rung.
(
    R_TOUCH,  # target or set of conditions, a place of `Prepared.code`; -1 without either
    R_OWN,  # 1 if it is a slice
    R_STOP,  # place of its own stop
    R_TRAIL,  # -1 without
    R_ARMED_BY,
    R_FOLLOW,
    R_REST,  # 1 if it sells the rest
    RUNG_COLUMNS,
) = range(8)
# What arms a trail: the entry, a rung from 0 on, or from MOST_RUNGS on a place of `Batch.arm_from`.
BY_ENTRY = -1


class Parts(NamedTuple):
    """Ladders in rows, beside the `exitladder.execution.batch.packed.Batch` of the settings that they share.

    Parameters
    ----------
    ladder : int64 array, shape (n_ladders, LADDER_COLUMNS)
    rung : int64 array, shape (n_ladders, max_rungs, RUNG_COLUMNS)
    fraction : float64 array, shape (n_splits, max_rungs)
        Different splits of the quantity; 0 beyond the last rung, and for one that sells the rest.
    own : bool array, shape (n_splits, max_rungs)
        Whether the rung is a slice, to which no other's quantity passes.
    stop_unit, stop_value : arrays, shape (n_stops,)
        Different stops of slices; unit 0 is the stop of the trade.
    due : int64 array
        The rows of `Entries.due` that limit how long every ladder may hold; empty if one of them has none.
    """

    ladder: IntTable
    rung: IntTable
    fraction: FloatTable
    own: IntTable
    stop_unit: IntArray
    stop_value: FloatArray
    due: IntArray


def make_parts(ladders: Sequence[Ladder], timings: Sequence[Timing]) -> Parts:
    """Return the parts of ladders that share what `exitladder.execution.batch.grouping.batches` groups by.

    Parameters
    ----------
    ladders : sequence of Ladder
    timings : sequence of Timing
        Of the rows of `Entries.due`.

    Returns
    -------
    Parts
    """
    distinct = Distinct.of(ladders)
    most = distinct.most_rungs
    stops: dict[Distance | None, int] = {None: 0}
    splits: dict[tuple[tuple[float, bool], ...], int] = {}
    ladder_rows, rung_rows = [], np.full((len(ladders), most, RUNG_COLUMNS), -1, dtype=np.int64)
    for m, ladder in enumerate(ladders):
        split = tuple((rung.fraction, rung.is_slice) for rung in ladder.rungs)
        row = splits.setdefault(split, len(splits))
        ladder_rows.append(_ladder_row(ladder, distinct, row, timings))
        for j, rung in enumerate(ladder.rungs):
            rung_rows[m, j] = _rung_row(rung, distinct, stops.setdefault(rung.stop, len(stops)))
    fraction, own = np.zeros((len(splits), most)), np.zeros((len(splits), most), dtype=np.int64)
    for split, k in splits.items():
        for j, (share, is_own) in enumerate(split):
            fraction[k, j], own[k, j] = share, is_own
    timed = all(ladder.stop.is_timed for ladder in ladders)
    return Parts(
        ladder=np.array(ladder_rows, dtype=np.int64),
        rung=rung_rows,
        fraction=fraction,
        own=own,
        stop_unit=np.array([0 if stop is None else UNITS.index(stop.unit) for stop in stops], dtype=np.int64),
        stop_value=np.array([0.0 if stop is None else stop.value for stop in stops], dtype=np.float64),
        due=np.unique([row[L_DUE] for row in ladder_rows]).astype(np.int64) if timed else np.empty(0, dtype=np.int64),
    )


def _ladder_row(ladder: Ladder, distinct: Distinct, split: int, timings: Sequence[Timing]) -> list[int]:
    stop = ladder.stop
    row = [-1] * LADDER_COLUMNS
    row[L_RUNGS], row[L_SPLIT], row[L_TIME] = len(ladder.rungs), split, stop.time or 0
    if stop.is_timed:
        row[L_DUE] = timings.index(timing_of(ladder))
    if stop.breakeven_after is not None:
        row[L_BREAKEVEN] = distinct.breakeven[stop.breakeven_offset]
        row[L_BREAKEVEN_AFTER] = stop.breakeven_after - 1
    row[L_TRAIL], row[L_ARMED_BY] = _trail(stop, distinct)
    return row


def _rung_row(rung: Rung, distinct: Distinct, stop: int) -> list[int]:
    row = [-1] * RUNG_COLUMNS
    if rung.target is not None:
        row[R_TOUCH] = distinct.target[rung.target]
    elif rung.when:
        row[R_TOUCH] = len(distinct.target) + distinct.conditions[rung.when]
    row[R_OWN], row[R_STOP] = int(rung.is_slice), stop
    row[R_TRAIL], row[R_ARMED_BY] = _trail(rung, distinct)
    row[R_FOLLOW], row[R_REST] = int(rung.follow), int(rung.sells_rest)
    return row


def _trail(of: Stop | Rung, distinct: Distinct) -> tuple[int, int]:
    """Return the trail of a stop or a slice, and what arms it."""
    if of.trail is None:
        return -1, BY_ENTRY
    armed_by = BY_ENTRY
    if of.trail_after is not None:
        armed_by = of.trail_after - 1
    elif of.trail_from is not None:
        armed_by = MOST_RUNGS + distinct.trail_from[of.trail_from.value]
    return distinct.trail[of.trail], armed_by
