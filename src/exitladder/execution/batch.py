"""Which ladders can be run as a batch (`exitladder.execution.batch_kernel`), and which of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from exitladder.bars import IntArray
from exitladder.execution.batch_kernel import FROM_ENTRY, FROM_R, L_TARGETS, MOST_RUNGS, Batch
from exitladder.execution.order_codes import UNITS
from exitladder.execution.plan import C_INITIAL_UNIT, make_plan
from exitladder.execution.signal_meetings import condition_sets
from exitladder.ladder import Ladder, Rung, Stop, Target

# Fewer ladders do not repay what a batch prepares for each trade.
LEAST_LADDERS = 4
# Next meetings are prepared for all bars where this many ladders share a breakeven or trail on average.
LADDERS_PER_TABLE = 4
_TARGET_UNITS = ("R", "ATR", "%")
_LEAST_VALUE = 1e-6
# The one trade state that depends on the ladder.
_SERIES_OF_THE_STOP = "stop_distance_r"


def fits_batch(ladder: Ladder) -> bool:
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


def batches(ladders: Sequence[Ladder]) -> tuple[list[IntArray], IntArray]:
    """Return the positions of the ladders of each batch, and of those that fit into none."""
    shared: dict[object, list[int]] = {}
    alone: list[int] = []
    for m, ladder in enumerate(ladders):
        if fits_batch(ladder):
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
    trails = list(dict.fromkeys(ladder.stop.trail for ladder in ladders if ladder.stop.trail is not None))
    splits = list(dict.fromkeys(tuple(r.fraction for r in ladder.rungs) for ladder in ladders))
    most = max(len(split) for split in splits)
    fraction = np.zeros((len(splits), max(most, 1)))
    for k, split in enumerate(splits):
        fraction[k, : len(split)] = split
    where = {t: k for k, t in enumerate(targets)}
    set_at = condition_sets(ladders)
    split_at = {split: k for k, split in enumerate(splits)}
    trail_at = {trail: k for k, trail in enumerate(trails)}
    table = np.full((len(ladders), L_TARGETS + max(most, 1)), -1, dtype=np.int64)
    for m, ladder in enumerate(ladders):
        stop = ladder.stop
        table[m, :L_TARGETS] = (
            len(ladder.rungs),
            split_at[tuple(r.fraction for r in ladder.rungs)],
            stop.time or 0,
            -1 if stop.breakeven_after is None else breakevens.index(stop.breakeven_offset),
            -1 if stop.breakeven_after is None else stop.breakeven_after - 1,
            -1 if stop.trail is None else trail_at[stop.trail],
            _armed_by(ladder),
            int(_met_in_order(ladder)),
        )
        for j, rung in enumerate(ladder.rungs):
            table[m, L_TARGETS + j] = len(targets) + set_at[rung.when] if rung.target is None else where[rung.target]
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
        fraction=fraction,
        ladder=table,
        arm_from=np.array([0.0 if d is None else d.value for d in (ladder.stop.trail_from for ladder in ladders)]),
        tabled_breakevens=len(breakevens) * LADDERS_PER_TABLE <= len(ladders),
        tabled_trails=len(trails) * LADDERS_PER_TABLE <= len(ladders),
        longest=0 if any(t is None for t in times) else max(t for t in times if t is not None),
    )


def _armed_by(ladder: Ladder) -> int:
    if ladder.stop.trail_after is not None:
        return ladder.stop.trail_after - 1
    return FROM_ENTRY if ladder.stop.trail_from is None else FROM_R


def _met_in_order(ladder: Ladder) -> bool:
    """Return whether no rung can be met before one of a lower number: targets of one unit that do not descend."""
    targets = [rung.target for rung in ladder.rungs]
    return all(
        a is not None and b is not None and a.unit == b.unit and a.value <= b.value for a, b in pairwise(targets)
    )


def _unit_ends(targets: Sequence[Target]) -> IntArray:
    ends = [k + 1 for k in range(len(targets)) if k + 1 == len(targets) or targets[k].unit != targets[k + 1].unit]
    return np.array(ends, dtype=np.int64)
