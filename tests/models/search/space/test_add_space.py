"""Adds in the search space: valid plans within the ranges, found again by their parameters, off unless asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import ne
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.errors import SettingsError
from exitladder.models.search.space.candidates import Cube
from exitladder.models.search.space.columns import column_of, ladder_columns
from exitladder.models.search.space.edges import at_edges
from exitladder.models.search.space.neighbours import neighbours
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.space.trials import Range, RecordedTrial, exact_trial, nearest_trial
from exitladder.plans.file import ladder_from_mapping, ladder_to_mapping
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.size import Size
from exitladder.plans.units import Distance
from exitladder.settings.ranges import DistanceRange
from exitladder.settings.tables import SearchSettings

BASE = Ladder(name="base", stop=Stop(initial=Distance(2.0, "ATR")))
DISTANCES = (DistanceRange(0.25, 1.0, "R"), DistanceRange(0.5, 2.0, "ATR"), DistanceRange(0.5, 3.0, "%"))
WIDTHS = (DistanceRange(1.0, 3.0, "ATR"), DistanceRange(0.5, 1.0, "R"))


def drawn_from(within: Range) -> st.SearchStrategy[Any]:
    if within.choices:
        return st.sampled_from(within.choices)
    if within.kind == "float":
        return st.floats(within.low, within.high)
    return st.integers(int(within.low), int(within.high))


def drawn(data: st.DataObject) -> RecordedTrial:
    def value(name: str, within: Range) -> Any:
        assert within.low < within.high
        return data.draw(drawn_from(within), label=name)

    return RecordedTrial(value)


def some(values: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    chosen = SearchSettings(
        n_rungs=(0, 1),
        stop=draw(st.sampled_from([(), (1.0, 4.0)])),
        adds=draw(some(("off", "average", "pyramid"))),
        n_adds=draw(st.sampled_from([(1, 3), (2, 2), (3, 4)])),
        add_distance=draw(some(DISTANCES)),
        add_factor=draw(st.sampled_from([(1.0, 1.0), (0.5, 2.0)])),
        add_stop=draw(some(("off", "average", "fill"))),
        add_stop_width=draw(some(WIDTHS)),
        add_maximum=draw(st.sampled_from([(), (2.0, 2.0), (1.5, 6.0)])),
    )
    return SearchSpace(chosen, BASE)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), space=spaces())
def test_every_plan_is_valid_and_within_the_ranges(data: st.DataObject, space: SearchSpace) -> None:
    s = space.settings
    plan = space.suggest(drawn(data))
    assert ladder_from_mapping(ladder_to_mapping(plan)) == plan
    if not plan.adds:
        assert not plan.is_plan
        assert "off" in s.adds or s.adds == ("average",)
        return
    assert s.n_adds[0] <= len(plan.adds) <= s.n_adds[-1]
    total = 1.0
    for k, add in enumerate(plan.adds, start=1):
        assert add.at is not None
        assert add.quantity is not None
        assert ("pyramid" if add.at.value > 0 else "average") in s.adds
        away = add.at.value if add.at.value > 0 else -add.at.value / k
        (limits,) = (item for item in s.add_distance if item.unit == add.at.unit)
        assert limits.low - 1e-9 <= away <= limits.high + 1e-9
        assert add.spacing == ("previous" if add.at.value > 0 else "entry")
        first = plan.adds[0].quantity
        assert first is not None
        assert s.add_factor[0] <= first <= s.add_factor[-1]
        assert add.quantity == pytest.approx(first**k)
        kind = "fill" if isinstance(add.stop, Distance) else add.stop or "off"
        assert kind in s.add_stop or (kind == "off" and add.at.value < 0)
        total += add.quantity
    if plan.size != Size():
        assert plan.size.maximum is not None
        assert s.add_maximum[0] <= plan.size.maximum <= s.add_maximum[-1]
        assert plan.size.maximum < total
    elif s.add_maximum:
        assert total <= s.add_maximum[0] + 1e-9


@settings(max_examples=40, deadline=None)
@given(data=st.data(), space=spaces())
def test_a_plan_is_found_again_by_its_parameters(data: st.DataObject, space: SearchSpace) -> None:
    trial = drawn(data)
    plan = space.suggest(trial)
    found = space.parameters_of(replace(plan, name="mine"))
    assert found is not None
    assert space.suggest(exact_trial(found)) == plan
    numbers = {name for name, within in trial.ranges.items() if within.kind != "float"}
    assert {name: found[name] for name in numbers} == {name: trial.parameters[name] for name in numbers}
    for name in numbers:
        moved: st.SearchStrategy[Any] = drawn_from(trial.ranges[name]).filter(partial(ne, trial.parameters[name]))
        other = space.suggest(nearest_trial({**trial.parameters, name: data.draw(moved, label=name)}))
        assert other != plan
        if name.startswith(("add", "n_adds")):
            assert column_of(name) in {**ladder_columns(plan), **ladder_columns(other)}


def test_the_default_search_has_no_adds_and_the_parameters_it_had() -> None:
    plain = Cube(SearchSpace(SearchSettings(), BASE))
    assert not [name for name in plain.names if "add" in name]
    points = np.random.default_rng(0).random((50, plain.n))
    assert not any(plain.at(point).ladder.is_plan for point in points)
    asked = Cube(SearchSpace(SearchSettings(adds=("off", "pyramid")), BASE))
    assert set(plain.names) < set(asked.names)


def test_plans_outside_the_space_are_not_taken_for_others() -> None:
    space = SearchSpace(SearchSettings(adds=("off", "average", "pyramid"), time_stop=("off",), n_rungs=(0,)), BASE)
    plan = space.suggest(nearest_trial({"adds": "pyramid", "n_adds_of_3_beyond": 2, "add_distance_atr_steps": 2}))
    assert [str(add.at) for add in plan.adds] == ["0.5ATR", "0.5ATR"]
    assert space.parameters_of(plan) is not None
    for adds in (
        [{"quantity": 1.0, "at": "0.5ATR"}],
        [{"quantity": 1.0, "at": "0.3ATR", "spacing": "previous"}],
        [{"units": 3.0, "at": "0.5ATR", "spacing": "previous"}],
        [{"quantity": 1.0, "when": ["open_r >= 1"]}],
        [{"quantity": 1.0, "at": 95.0}],
    ):
        other = ladder_from_mapping({**ladder_to_mapping(plan), "adds": adds})
        assert space.parameters_of(other) is None
    assert space.parameters_of(replace(plan, adds=(), size=Size(maximum=2.0))) is None


def test_neighbours_keep_the_number_of_adds_and_edges_name_their_keys() -> None:
    space = SearchSpace(SearchSettings(adds=("pyramid",), n_rungs=(0,), add_factor=(0.5, 2.0)), BASE)
    plan = space.suggest(
        nearest_trial({"n_adds_of_3_beyond": 3, "add_distance_atr_steps": 8, "add_factor_steps": 4, "time_bars": 40})
    )
    assert {len(other.adds) for other in neighbours(space, plan, 12, 0)} == {3}
    assert {edge.key for edge in at_edges(space, plan)} >= {"search.n_adds", "search.add_distance"}


@pytest.mark.parametrize(
    ("search", "base", "message"),
    [
        ({"adds": ("off", "average"), "slices": ("stop",)}, BASE, "search.adds and search.slices cannot be combined"),
        ({"adds": ("average",)}, replace(BASE, execution=Execution(leverage=5.0)), 'must not hold "average" with'),
        ({"adds": ("pyramid",), "n_adds": (0, 2)}, BASE, "search.n_adds must be at least 1"),
        ({"adds": ("pyramid",), "add_maximum": (1.0, 3.0)}, BASE, "search.add_maximum is a multiple"),
        ({"adds": ("pyramid",), "add_factor": (0.3, 0.4)}, BASE, "search.add_factor must hold a multiple"),
    ],
)
def test_adds_that_cannot_be_searched_are_refused(search: dict[str, Any], base: Ladder, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SearchSpace(SearchSettings(**search), base)
