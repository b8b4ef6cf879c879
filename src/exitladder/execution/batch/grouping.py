"""Which ladders can be run as a batch (`exitladder.execution.batch.kernel`), and which of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from exitladder.arrays import BoolArray, CountTable, FloatArray, FloatTable, IntArray
from exitladder.execution.batch.packed import (
    MOST_RUNGS,
    P_BREAKEVEN,
    P_BREAKEVEN_CELL,
    P_CELLS,
    P_IN_ORDER,
    P_PLACE,
    P_STAYS,
    P_TIME,
    P_TRAIL,
    P_TRAIL_CELL,
    Batch,
)
from exitladder.execution.batch.signal_touches import condition_sets
from exitladder.execution.batch.touches import NEVER
from exitladder.execution.kernel.codes import IN_ATR, IN_PERCENT, IN_R, UNITS
from exitladder.execution.kernel.packed import C_INITIAL_UNIT, Entries, Market, make_plan
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target

_T = TypeVar("_T")

# Fewer ladders do not repay what a batch prepares for each trade.
LEAST_LADDERS = 4
# Next touches are prepared for all bars if this many ladders share a breakeven or trail on average.
LADDERS_PER_TABLE = 4
_TARGET_UNITS = ("R", "ATR", "%")
_LEAST_VALUE = 1e-6
# The one trade state that depends on the ladder.
_SERIES_OF_THE_STOP = "stop_distance_r"


def is_batchable(ladder: Ladder) -> bool:
    """Return whether a ladder can run in a batch: ``stop_first``, targets beyond the entry, no adds, cap, financing."""
    execution, costs = ladder.execution, ladder.costs
    return (
        execution.intrabar == "stop_first"
        and not ladder.is_plan
        and execution.participation == 0
        and execution.leverage == 0
        and costs.funding_bps_per_bar == 0
        and costs.borrow_bps_per_bar == 0
        and len(ladder.rungs) <= MOST_RUNGS
        and all(_rung_fits(rung) for rung in ladder.rungs)
    )


def _rung_fits(rung: Rung) -> bool:
    # Smaller ones may vanish in rounding, which the general kernel handles.
    if not rung.sells_rest and rung.fraction <= _LEAST_VALUE:
        return False
    if rung.target is None:
        return all(condition.series != _SERIES_OF_THE_STOP for condition in rung.when)
    return rung.target.unit in _TARGET_UNITS and rung.target.value > _LEAST_VALUE


def has_parts(ladder: Ladder) -> bool:
    """Return whether a ladder has slices, a rung that sells the rest, or exits by the clock: its batch runs in parts.

    See `exitladder.execution.batch.part_pairs`.
    """
    return ladder.stop.is_timed or any(rung.is_slice or rung.sells_rest for rung in ladder.rungs)


def needs_atr(ladder: Ladder) -> bool:
    """Return whether anything of a ladder is resolved by the ATR at the entry."""
    units = [rung.target.unit for rung in ladder.rungs if rung.target is not None]
    stop = ladder.stop
    units += [d.unit for d in (stop.initial, stop.trail, stop.breakeven_offset) if d is not None]
    units += [d.unit for rung in ladder.rungs for d in (rung.stop, rung.trail) if d is not None]
    return "ATR" in units or ladder.costs.slippage_atr > 0


def batchable_trades(ladders: Sequence[Ladder], entries: Entries, market: Market) -> npt.NDArray[np.bool_]:
    """Return which trades can run in a batch of these ladders.

    A trade can if its ATR is known (where a ladder needs it) and every target is beyond the entry. If R or ATR is
    negligible against the price, as on bars that do not move, a target is at the entry and acts as a stop order.
    A trade that may live through a bar in which nothing traded (S4a) cannot.

    Parameters
    ----------
    ladders : sequence of Ladder
        They share what `batches` groups by.
    entries : Entries
    market : Market
        With the ATR of the ladders' window alone.

    Returns
    -------
    bool array, shape (n_trades,)
    """
    price, atr = entries.side * entries.price, market.atr[0]
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
        # Without a risk the trade is skipped, which batches handle.
        found &= ~(risk > 0) | (price + _LEAST_VALUE * risk > price)
    if len(market.idle):
        found &= ~_meets_idle_bars(entries, market.idle, _longest(ladders))
    return found


def _longest(ladders: Sequence[Ladder]) -> int:
    """Return the longest time stop, 0 if a ladder has none."""
    times = [ladder.stop.time or 0 for ladder in ladders]
    return 0 if 0 in times else max(times)


def _meets_idle_bars(entries: Entries, idle: BoolArray, longest: int) -> BoolArray:
    """Return which trades have an idle bar between their first bar and the end of the data or the longest time stop."""
    before = np.concatenate([[0], np.cumsum(idle)])
    end = entries.end_bar if longest == 0 else np.minimum(entries.end_bar, entries.first_bar + longest + 1)
    return np.asarray(before[end] > before[np.minimum(entries.first_bar, end)])


def batches(ladders: Sequence[Ladder]) -> tuple[list[IntArray], IntArray]:
    """Return the positions of each batch's ladders, and of the ladders that fit into none."""
    shared: dict[object, list[int]] = {}
    alone: list[int] = []
    for m, ladder in enumerate(ladders):
        if is_batchable(ladder):
            key = (ladder.atr_window, ladder.stop.initial, ladder.costs, ladder.execution, has_parts(ladder))
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


def alike(ladders: Sequence[Ladder], alone: IntArray) -> list[IntArray]:
    """Return the positions of ladders that fit into no batch, those with adds or a maximum size apart from the others.

    A ladder does not pay for what only plans need.
    """
    grows = np.array([ladders[m].is_plan for m in alone], dtype=np.bool_)
    return [part for part in (alone[~grows], alone[grows]) if len(part)]


@dataclass(frozen=True)
class Distinct:
    """The different targets, sets of conditions, splits and stop moves of some ladders, each with its number."""

    target: dict[Target, int]  # by unit, and within a unit ascending
    conditions: dict[tuple[Condition, ...], int]
    split: dict[tuple[float, ...], int]
    breakeven: dict[Distance, int]
    trail: dict[Distance, int]  # by unit, and within a unit ascending
    trail_from: dict[float, int]
    most_rungs: int

    @classmethod
    def of(cls, ladders: Sequence[Ladder]) -> Distinct:
        """Return those of some ladders."""
        stops = [ladder.stop for ladder in ladders]
        splits = [_split(ladder) for ladder in ladders]
        targets = {rung.target for ladder in ladders for rung in ladder.rungs if rung.target is not None}
        trailing = _trailing(ladders)
        trails = {own.trail for own in trailing if own.trail is not None}
        froms = {own.trail_from.value for own in trailing if own.trail_from is not None}
        return cls(
            target=_numbered(sorted(targets, key=_by_unit)),
            conditions=condition_sets(ladders),
            split=_numbered(splits),
            breakeven=_numbered(stop.breakeven_offset for stop in stops if stop.breakeven_after is not None),
            trail=_numbered(sorted(trails, key=_by_unit)),
            trail_from=_numbered(sorted(froms)),
            most_rungs=max(1, *(len(split) for split in splits)),
        )

    def cells(self, ladder: Ladder) -> list[tuple[int, int]]:
        """Return the target and the place in `Batch.fraction` of every rung; sets of conditions follow the targets."""
        slot = self.split[_split(ladder)] * self.most_rungs
        found = []
        for j, rung in enumerate(ladder.rungs):
            if rung.target is None:
                found.append((len(self.target) + self.conditions[rung.when], slot + j))
            else:
                found.append((self.target[rung.target], slot + j))
        return found

    def fractions(self) -> FloatTable:
        """Return `Batch.fraction`."""
        fraction = np.zeros((len(self.split), self.most_rungs))
        for split, k in self.split.items():
            fraction[k, : len(split)] = split
        return fraction


def make_batch(ladders: Sequence[Ladder], *, in_parts: bool = False) -> Batch:
    """Return ladders that share what `batches` groups by as one batch; run in parts, it has neither cells nor table."""
    first = replace(ladders[0], rungs=(), stop=Stop(initial=ladders[0].stop.initial))
    plan = make_plan([first], (), [first.atr_window])
    distinct = Distinct.of(ladders)
    by_cell = () if in_parts else ladders
    cell_of = _numbered(sorted({cell for ladder in by_cell for cell in distinct.cells(ladder)}))
    rows = [_table_row(m, ladder, distinct, cell_of) for m, ladder in enumerate(by_cell)]
    table = np.array(rows, dtype=np.uint32).reshape(len(rows), P_CELLS + distinct.most_rungs)
    trailed = [m for m, ladder in enumerate(by_cell) if ladder.stop.trail is not None]
    n_trailed = len(ladders)
    if in_parts:
        n_trailed = sum(own.trail is not None for own in _trailing(ladders))
    tabled_trails = _is_shared(len(distinct.trail), n_trailed)
    trail_unit = _units(distinct.trail)
    return Batch(
        number=plan.number[0],
        through=int(ladders[0].execution.limit_fill == "through"),
        initial_unit=int(plan.code[0, C_INITIAL_UNIT]),
        target_unit=_units(distinct.target),
        target_value=_values(distinct.target),
        unit_end=_unit_ends(_units(distinct.target)),
        breakeven_unit=_units(distinct.breakeven),
        breakeven_value=_values(distinct.breakeven),
        trail_unit=trail_unit,
        trail_value=_values(distinct.trail),
        trail_end=np.searchsorted(trail_unit, [IN_R, IN_ATR, IN_PERCENT], side="right"),
        fraction=distinct.fractions(),
        cell_target=np.array([target for target, _ in cell_of], dtype=np.int64),
        cell_slot=np.array([slot for _, slot in cell_of], dtype=np.int64),
        arm_from=np.array(list(distinct.trail_from), dtype=np.float64),
        arming=np.unique(table[trailed, P_TRAIL_CELL]).astype(np.int64),
        table=table[_alike(table, tabled_trails)],
        tabled_breakevens=_is_shared(len(distinct.breakeven), len(ladders)),
        tabled_trails=tabled_trails,
        tabled_cells=_is_shared(len(cell_of), len(ladders) * distinct.most_rungs),
        longest=_longest(ladders),
    )


def _table_row(m: int, ladder: Ladder, distinct: Distinct, cell_of: Mapping[tuple[int, int], int]) -> list[int]:
    """Return one row of `Batch.table`, for the ladder whose results belong at place m."""
    # Cells without a target follow those with one.
    never, from_entry, from_r = len(cell_of), len(cell_of) + 1, len(cell_of) + 2
    stop, cells = ladder.stop, [cell_of[cell] for cell in distinct.cells(ladder)]
    armed_by = never
    if stop.trail is not None:
        armed_by = from_entry
        if stop.trail_after is not None:
            armed_by = cells[stop.trail_after - 1]
        elif stop.trail_from is not None:
            armed_by = from_r + distinct.trail_from[stop.trail_from.value]
    row = [never] * (P_CELLS + distinct.most_rungs)
    row[P_PLACE] = m
    row[P_STAYS] = distinct.split[_split(ladder)] * (distinct.most_rungs + 1)
    row[P_TIME] = NEVER if stop.time is None else min(4 * stop.time + 1, NEVER)
    row[P_BREAKEVEN] = 0 if stop.breakeven_after is None else distinct.breakeven[stop.breakeven_offset]
    row[P_BREAKEVEN_CELL] = never if stop.breakeven_after is None else cells[stop.breakeven_after - 1]
    row[P_TRAIL] = 0 if stop.trail is None else distinct.trail[stop.trail]
    row[P_TRAIL_CELL] = armed_by
    row[P_IN_ORDER] = int(_reached_in_order(ladder))
    row[P_CELLS : P_CELLS + len(cells)] = cells
    return row


def _trailing(ladders: Sequence[Ladder]) -> list[Stop | Rung]:
    """Return all that may have a trail."""
    return [ladder.stop for ladder in ladders] + [rung for ladder in ladders for rung in ladder.rungs]


def _numbered(things: Iterable[_T]) -> dict[_T, int]:
    """Return the number of each different thing, in the order of their first appearance."""
    return {thing: k for k, thing in enumerate(dict.fromkeys(things))}


def _is_shared(n_different: int, n_uses: int) -> bool:
    """Return whether each distinct value is used often enough for a table over all bars to pay off."""
    return n_different * LADDERS_PER_TABLE <= n_uses


def _by_unit(length: Target | Distance) -> tuple[int, float]:
    return UNITS.index(length.unit), length.value


def _units(lengths: Iterable[Target | Distance]) -> IntArray:
    return np.array([UNITS.index(length.unit) for length in lengths], dtype=np.int64)


def _values(lengths: Iterable[Target | Distance]) -> FloatArray:
    return np.array([length.value for length in lengths], dtype=np.float64)


def _split(ladder: Ladder) -> tuple[float, ...]:
    return tuple(rung.fraction for rung in ladder.rungs)


def _alike(table: CountTable, tabled_trails: bool) -> IntArray:
    """Return an order that groups similar ladders: by trail, then by targets."""
    columns = [table[:, c] for c in range(P_CELLS, table.shape[1])]
    if tabled_trails:
        columns.insert(0, table[:, P_TRAIL])
    return np.lexsort(columns[::-1])


def _reached_in_order(ladder: Ladder) -> bool:
    """Return whether no rung can be reached before one of a lower number: one unit, targets that do not descend."""
    targets = [rung.target for rung in ladder.rungs]
    return all(
        a is not None and b is not None and a.unit == b.unit and a.value <= b.value for a, b in pairwise(targets)
    )


def _unit_ends(units: IntArray) -> IntArray:
    """Return the end of each run of equal units."""
    if not len(units):
        return np.empty(0, dtype=np.int64)
    return np.append(np.flatnonzero(np.diff(units)) + 1, len(units)).astype(np.int64)
