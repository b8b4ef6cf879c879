"""Many plans with adds at once: every outcome is the one of each plan alone, to the bit, adds refused alike."""

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
from exitladder.execution import many_ladders, simulate, simulate_many, simulate_moments
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

Place = Callable[..., PlacedTrades]
COLUMNS = ("net_r", "last_bar", "n_fills", "mfe_r")


def plans_from(tables: list[dict[str, Any]]) -> list[Ladder]:
    found = []
    for table in tables:
        try:
            found.append(ladder_from_mapping(table))
        except LadderError:
            continue  # an averaging add at or beyond the stop
    return found


@settings(max_examples=max(settings().max_examples // 2, 1))
@given(data=st.data())
def test_many_plans_equal_one_by_one(
    data: st.DataObject, worlds: ModuleType, against: ModuleType, bars_from: Callable[..., Bars], placed_on: Place
) -> None:
    world = data.draw(worlds.worlds(with_slices=False))
    plans = plans_from(data.draw(st.lists(worlds.plan_tables(world), min_size=3, max_size=6)))
    ladders = [*plans, ladder_from_mapping(world.ladder)]
    ladders = data.draw(st.permutations(ladders))
    placed = against.on_bars(world, placed_on)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals, finer = Signals.from_bars(placed, arrays, arrays), against.finer_set(world, bars_from)
    try:
        alone = [many_ladders.outcome_columns(simulate(placed, ladder, signals, finer=finer)) for ladder in ladders]
    except LadderError as refusal:
        with pytest.raises(LadderError) as again:
            many_ladders.simulate_outcomes(placed, ladders, signals, finer=finer)
        assert "liquidated at" in str(refusal)
        assert "liquidated at" in str(again.value)
        return
    found = many_ladders.simulate_outcomes(placed, ladders, signals, finer=finer)
    for m, columns in enumerate(alone):
        for name, want in zip(COLUMNS, columns, strict=True):
            np.testing.assert_array_equal(getattr(found, name)[:, m], want)
    np.testing.assert_array_equal(simulate_many(placed, ladders, signals, finer=finer), found.net_r)
    assume(len(placed) > 1)
    moments = simulate_moments(placed, ladders, signals, finer=finer)
    np.testing.assert_array_equal(moments.n, np.isfinite(found.net_r).sum(axis=0))


def test_a_plan_without_a_stop_is_refused_among_many(placed_on: Place) -> None:
    placed = placed_on([[100.0, 101.0, 99.0, 100.0]] * 3, {"entry": 100.0, "stop": None})
    plan = ladder_from_mapping({"adds": [{"quantity": 1.0, "at": "-0.5ATR"}]})
    with pytest.raises(LadderError, match="unplanned averaging down"):
        simulate_many(placed, [ladder_from_mapping({"stop": {"initial": "2ATR"}}), plan])


@settings(max_examples=max(settings().max_examples // 4, 1))
@given(data=st.data())
def test_many_plans_whose_adds_are_out_of_reach_end_as_their_ladders(
    data: st.DataObject, worlds: ModuleType, against: ModuleType, bars_from: Callable[..., Bars], placed_on: Place
) -> None:
    """The general kernel of ladders, the one of plans and the bars that both pass over, to the bit."""
    world = data.draw(worlds.worlds(with_slices=False))
    table = dict(world.ladder)
    # While adds rest, dust of a position stays: that is the one difference (docs/plans.md).
    table["costs"] = {k: v for k, v in table["costs"].items() if k != "min_quantity"}
    far = [{"quantity": 1.0, "at": "900R"}, {"quantity": 1.0, "when": ["open_r >= 900"]}]
    placed = against.on_bars(world, placed_on)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals, finer = Signals.from_bars(placed, arrays, arrays), against.finer_set(world, bars_from)
    ladders = [ladder_from_mapping(table), ladder_from_mapping({**table, "adds": far})]
    found = many_ladders.simulate_outcomes(placed, ladders, signals, finer=finer)
    for name in COLUMNS[1:]:
        column = getattr(found, name)
        np.testing.assert_array_equal(column[:, 1], column[:, 0])
