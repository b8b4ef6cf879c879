"""Which ladders can be run as a batch (`exitladder.execution.batch.kernel`), and which of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exitladder.arrays import CountTable, FloatArray, IntArray
from exitladder.execution.batch.kernel import MOST_RUNGS, Batch
from exitladder.execution.batch.pairs import P_CELLS, P_TRAIL
from exitladder.execution.batch.signal_touches import condition_sets
from exitladder.execution.batch.touches import NEVER
from exitladder.execution.kernel.codes import IN_ATR, IN_PERCENT, IN_R, UNITS
from exitladder.execution.kernel.packed import C_INITIAL_UNIT, Entries, make_plan
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Target

# Fewer ladders do not repay what a batch prepares for each trade.
LEAST_LADDERS = 4
# Next meetings are prepared for all bars where this many ladders share a breakeven or trail on average.
LADDERS_PER_TABLE = 4
_TARGET_UNITS = ("R", "ATR", "%")
_LEAST_VALUE = 1e-6
# The one trade state that depends on the ladder.
_SERIES_OF_THE_STOP = "stop_distance_r"


def is_batchable(ladder: Ladder) -> bool:
    """Return whether a ladder has targets beyond the entry or signals, stop, breakeven, trail and time stop only."""
    execution, costs = ladder.execution, ladder.costs
    return (
        execution.intrabar == "stop_first"
        and execution.participation == 0
        and execution.leverage == 0
        and costs.funding_bps_per_bar == 0
        and costs.borrow_bps_per_bar == 0
        and len(ladder.rungs) <= MOST_RUNGS
        and all(_rung_fits(rung) for rung in ladder.rungs)
    )


def _rung_fits(rung: Rung) -> bool:
    # Smaller ones may vanish in rounding, which the general kernel looks after.
    if rung.fraction <= _LEAST_VALUE:
        return False
    if rung.target is None:
        return all(condition.series != _SERIES_OF_THE_STOP for condition in rung.when)
    return rung.target.unit in _TARGET_UNITS and rung.target.value > _LEAST_VALUE


def needs_atr(ladder: Ladder) -> bool:
    """Return whether anything of a ladder is resolved by the ATR at the entry."""
    units = [rung.target.unit for rung in ladder.rungs if rung.target is not None]
    stop = ladder.stop
    units += [d.unit for d in (stop.initial, stop.trail, stop.breakeven_offset) if d is not None]
    return "ATR" in units or ladder.costs.slippage_atr > 0


def batchable_trades(ladders: Sequence[Ladder], entries: Entries, atr: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which trades a batch of these ladders serves, shape (n_trades,); `atr` is that of every bar.

    Those whose ATR is known, where it is needed, and whose targets lie beyond the entry: where R or ATR vanish beside
    the price, as on bars that do not move, a target is at the entry and thereby a stop order.
    """
    price = entries.side * entries.price
    entry_atr = np.where(entries.known_bar >= 0, atr[entries.known_bar], np.nan)
    found = np.full(len(price), True)
    if any(needs_atr(ladder) for ladder in ladders):
        found = np.isfinite(entry_atr)
    units = {rung.target.unit for ladder in ladders for rung in ladder.rungs if rung.target is not None}
    if "ATR" in units:
        found &= price + _LEAST_VALUE * entry_atr > price
    if "R" in units:
        initial = ladders[0].stop.initial
        away = np.full(len(price), np.nan)
        if initial is not None:
            away = initial.value * (entry_atr if initial.unit == "ATR" else np.abs(price) / 100.0)
        risk = price - np.where(np.isnan(entries.stop), price - away, entries.side * entries.stop)
        # Without a risk the trade is skipped, which batches know.
        found &= ~(risk > 0) | (price + _LEAST_VALUE * risk > price)
    return found


def batches(ladders: Sequence[Ladder]) -> tuple[list[IntArray], IntArray]:
    """Return the positions of the ladders of each batch, and of those that fit into none."""
    shared: dict[object, list[int]] = {}
    alone: list[int] = []
    for m, ladder in enumerate(ladders):
        if is_batchable(ladder):
            key = (ladder.atr_window, ladder.stop.initial, ladder.costs, ladder.execution)
            shared.setdefault(key, []).append(m)
        else:
            alone.append(m)
    groups = []
    for members in shared.values():
        if len(members) >= LEAST_LADDERS:
            groups.append(np.array(members, dtype=np.int64))
        else:
            alone.extend(members)
    return groups, np.array(sorted(alone), dtype=np.int64)


def make_batch(ladders: Sequence[Ladder]) -> Batch:
    """Return ladders that share what `batches` groups by as one batch."""
    first = replace(ladders[0], rungs=(), stop=Stop(initial=ladders[0].stop.initial))
    plan = make_plan([first], (), [first.atr_window])
    targets = sorted(
        {r.target for ladder in ladders for r in ladder.rungs if r.target is not None},
        key=lambda t: (UNITS.index(t.unit), t.value),
    )
    breakevens = list(
        dict.fromkeys(ladder.stop.breakeven_offset for ladder in ladders if ladder.stop.breakeven_after is not None)
    )
    trails = sorted(
        {ladder.stop.trail for ladder in ladders if ladder.stop.trail is not None},
        key=lambda d: (UNITS.index(d.unit), d.value),
    )
    splits = list(dict.fromkeys(_split(ladder) for ladder in ladders))
    most = max(1, *(len(split) for split in splits))
    fraction = np.zeros((len(splits), most))
    for k, split in enumerate(splits):
        fraction[k, : len(split)] = split
    froms = sorted({ladder.stop.trail_from.value for ladder in ladders if ladder.stop.trail_from is not None})
    where: dict[object, int] = {target: k for k, target in enumerate(targets)}
    where |= {when: len(targets) + k for when, k in condition_sets(ladders).items()}
    split_at = {split: k for k, split in enumerate(splits)}
    breakeven_at = {offset: k for k, offset in enumerate(breakevens)}
    trail_at = {trail: k for k, trail in enumerate(trails)}
    sold = [
        [
            (where[rung.when if rung.target is None else rung.target], split_at[_split(ladder)] * most + j)
            for j, rung in enumerate(ladder.rungs)
        ]
        for ladder in ladders
    ]
    cell_of = {cell: c for c, cell in enumerate(sorted({cell for row in sold for cell in row}))}
    never, from_entry, from_r = len(cell_of), len(cell_of) + 1, len(cell_of) + 2
    table = np.full((len(ladders), P_CELLS + most), never, dtype=np.uint32)
    arming = set()
    for m, ladder in enumerate(ladders):
        stop, cells = ladder.stop, [cell_of[cell] for cell in sold[m]]
        table[m, P_CELLS : P_CELLS + len(cells)] = cells
        armed_by = never
        if stop.trail is not None:
            armed_by = from_entry
            if stop.trail_after is not None:
                armed_by = cells[stop.trail_after - 1]
            elif stop.trail_from is not None:
                armed_by = from_r + froms.index(stop.trail_from.value)
            arming.add(armed_by)
        table[m, :P_CELLS] = (
            m,
            split_at[_split(ladder)] * (most + 1),
            NEVER if stop.time is None else min(4 * stop.time + 1, NEVER),
            0 if stop.breakeven_after is None else breakeven_at[stop.breakeven_offset],
            never if stop.breakeven_after is None else cells[stop.breakeven_after - 1],
            0 if stop.trail is None else trail_at[stop.trail],
            armed_by,
            _met_in_order(ladder),
        )
    tabled_trails = len(trails) * LADDERS_PER_TABLE <= len(ladders)
    times = [ladder.stop.time for ladder in ladders]
    return Batch(
        number=plan.number[0],
        through=int(ladders[0].execution.limit_fill == "through"),
        initial_unit=int(plan.code[0, C_INITIAL_UNIT]),
        target_unit=np.array([UNITS.index(t.unit) for t in targets], dtype=np.int64),
        target_value=np.array([t.value for t in targets], dtype=np.float64),
        unit_end=_unit_ends(targets),
        breakeven_unit=np.array([UNITS.index(d.unit) for d in breakevens], dtype=np.int64),
        breakeven_value=np.array([d.value for d in breakevens], dtype=np.float64),
        trail_unit=np.array([UNITS.index(d.unit) for d in trails], dtype=np.int64),
        trail_value=np.array([d.value for d in trails], dtype=np.float64),
        trail_end=np.searchsorted([UNITS.index(d.unit) for d in trails], [IN_R, IN_ATR, IN_PERCENT], side="right"),
        fraction=fraction,
        cell_target=np.array([target for target, _ in cell_of], dtype=np.int64),
        cell_slot=np.array([slot for _, slot in cell_of], dtype=np.int64),
        arm_from=np.array(froms, dtype=np.float64),
        arming=np.array(sorted(arming), dtype=np.int64),
        table=table[_alike(table, tabled_trails)],
        tabled_breakevens=len(breakevens) * LADDERS_PER_TABLE <= len(ladders),
        tabled_trails=tabled_trails,
        tabled_cells=len(cell_of) * LADDERS_PER_TABLE <= len(ladders) * most,
        longest=0 if any(t is None for t in times) else max(t for t in times if t is not None),
    )


def _split(ladder: Ladder) -> tuple[float, ...]:
    return tuple(rung.fraction for rung in ladder.rungs)


def _alike(table: CountTable, tabled_trails: bool) -> IntArray:
    """Return an order of ladders in which those that behave alike follow one another: by trail, then by targets."""
    columns = [table[:, c] for c in range(P_CELLS, table.shape[1])]
    if tabled_trails:
        columns.insert(0, table[:, P_TRAIL])
    return np.lexsort(columns[::-1])


def _met_in_order(ladder: Ladder) -> bool:
    """Return whether no rung can be met before one of a lower number: targets of one unit that do not descend."""
    targets = [rung.target for rung in ladder.rungs]
    return all(
        a is not None and b is not None and a.unit == b.unit and a.value <= b.value for a, b in pairwise(targets)
    )


def _unit_ends(targets: Sequence[Target]) -> IntArray:
    ends = [k + 1 for k in range(len(targets)) if k + 1 == len(targets) or targets[k].unit != targets[k + 1].unit]
    return np.array(ends, dtype=np.int64)
