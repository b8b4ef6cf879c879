"""Plans with adds: the compiled kernel finds what the slow reference finds, on everything hypothesis can think of."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exitladder.bars.bars import Bars
from exitladder.errors import LadderError
from exitladder.execution import Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades

near: Any = pytest.approx
# 45 s of processor time; the long proof (`.ci/long plans`) has 20,000.
SOME = settings(max_examples=max(2_000, settings().max_examples))
HALF = settings(max_examples=max(10, settings().max_examples // 2))


def assert_grown(simulation: Simulation, i: int, want: Any, scale: float) -> None:
    if want.skipped:
        return
    close = {"rel": 1e-12 * scale, "abs": 1e-10 * scale}
    assert simulation.n_adds[i] == want.made
    assert simulation.dropped_adds[i] == want.dropped
    assert simulation.inactive_adds[i] == want.inactive_adds
    assert simulation.quantity_entered[i] == near(float(want.entered), rel=1e-12)
    assert simulation.average_entry[i] == near(float(want.average), rel=1e-12)
    assert simulation.planned_risk[i] == near(float(want.planned_risk), rel=1e-9)
    rows = np.flatnonzero(simulation.fills.trade == i)
    assert simulation.fills.r[rows] == near(np.array([float(share) for share in want.shares]), **close)


@pytest.mark.slow
@SOME
@given(data=st.data())
def test_plans_equal_reference(
    data: st.DataObject,
    reference: ModuleType,
    plan_reference: ModuleType,
    against: ModuleType,
    worlds: ModuleType,
    bars_from: Callable[..., Bars],
    placed_on: Callable[..., PlacedTrades],
) -> None:
    world = data.draw(worlds.worlds(with_slices=False))
    table = data.draw(worlds.plan_tables(world))
    try:
        plan = ladder_from_mapping(table)
    except LadderError:
        assume(False)  # an averaging add at or beyond the stop
    placed = against.on_bars(world, placed_on)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    finer = against.finer_set(world, bars_from)
    players = [
        against.player(reference, world, placed, plan, i, None, plan_reference.PlanReference)
        for i in range(len(placed))
    ]
    wants = [player.play() for player in players]
    if any(getattr(player, "refused", None) is not None for player in players):
        with pytest.raises(LadderError, match="would be liquidated at"):
            simulate(placed, plan, signals, finer=finer)
        return
    simulation = simulate(placed, plan, signals, finer=finer)
    for i, want in enumerate(wants):
        against.assert_equal(simulation, i, want, world.start / 100)
        assert_grown(simulation, i, want, world.start / 100)


@HALF
@given(data=st.data())
def test_plans_with_exits_by_the_clock_equal_reference(
    data: st.DataObject,
    reference: ModuleType,
    plan_reference: ModuleType,
    clock_reference: ModuleType,
    against: ModuleType,
    clocks: ModuleType,
    worlds: ModuleType,
    bars_from: Callable[..., Bars],
    placed_on: Callable[..., PlacedTrades],
) -> None:
    world = data.draw(worlds.worlds(with_slices=False))
    if world.start > 100:
        # at a million, slippage of basis points ends within rounding of the tick
        world.ladder["costs"] = {k: v for k, v in world.ladder["costs"].items() if k not in ("tick", "slippage_ticks")}
    exchange = data.draw(st.sampled_from(clocks.EXCHANGES))
    starts = data.draw(clocks.stamps(len(world.rows)))
    table = data.draw(worlds.plan_tables(world))
    table["stop"] = {**table["stop"], **data.draw(clocks.time_exits(exchange.get("session", "")))}
    try:
        plan = ladder_from_mapping(table)
    except LadderError:
        assume(False)  # an averaging add at or beyond the stop
    placed = clocks.placed_at(world, starts, exchange, bars_from, placed_on)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    finer = clocks.finer_at(world, starts, bars_from)
    players = [
        against.player(
            reference, world, placed, plan, i,
            clocks.clock_of(clock_reference, placed, plan.stop, exchange, i), plan_reference.PlanReference,
        )
        for i in range(len(placed))
    ]  # fmt: skip
    wants = [player.play() for player in players]
    assume(not any(getattr(player, "refused", None) is not None for player in players))
    simulation = simulate(placed, plan, signals, finer=finer)
    for i, want in enumerate(wants):
        against.assert_equal(simulation, i, want, world.start / 100)
        assert_grown(simulation, i, want, world.start / 100)
