"""The search: every suggestion is a valid ladder, the best is found again by the same seed, baselines are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.costs import Costs
from exitladder.errors import ModelError, SettingsError
from exitladder.ladder import Distance, Execution, Ladder, Stop
from exitladder.ladder_file import ladder_from_mapping, ladder_to_mapping
from exitladder.models.judged import Judged
from exitladder.models.ladder_search import search
from exitladder.models.search_space import SearchSpace
from exitladder.settings import SearchSettings

BASE = Ladder(
    name="base",
    atr_window=10,
    stop=Stop(initial=Distance(2.0, "ATR")),
    costs=Costs(commission_bps=2.0),
    execution=Execution(intrabar="ohlc"),
)
BOTH = ("exhaustion", "hold_value_r")
CLASSIC = {
    "name": "classic",
    "atr_window": 10,
    "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
    "stop": {"initial": "2ATR", "trail": "3ATR", "trail_after": 1, "breakeven_after": 1, "time": 60},
    "costs": {"commission_bps": 2.0},
    "execution": {"intrabar": "ohlc"},
}


class Drawn:
    """A trial whose parameters hypothesis draws."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self.data.draw(st.integers(low, high), label=name)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return self.data.draw(st.floats(low, high), label=name)

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self.data.draw(st.sampled_from(list(choices)), label=name)


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    rungs=st.sampled_from([(0, 3), (1, 1), (2, 6), (0, 0), (18, 18)]),
    signals=st.sampled_from([(), ("exhaustion",), BOTH]),
)
def test_every_suggestion_is_a_valid_ladder_on_its_steps(
    data: st.DataObject, rungs: tuple[int, int], signals: tuple[str, ...]
) -> None:
    space = SearchSpace(SearchSettings(n_rungs=rungs), BASE, signals)
    ladder = space.suggest(Drawn(data))
    prices = [rung.target.value for rung in ladder.rungs if rung.target is not None]
    assert rungs[0] <= len(prices) <= rungs[1]
    assert prices == sorted(set(prices))
    assert all(value / 0.25 == round(value / 0.25) for value in prices)
    parts = [rung.fraction * 20 for rung in ladder.rungs]
    assert all(abs(part - round(part)) < 1e-9 and part > 0.99 for part in parts)
    assert sum(parts) < 20 + 1e-9
    assert set(ladder.series) <= set(signals)
    assert (ladder.costs, ladder.execution, ladder.atr_window) == (BASE.costs, BASE.execution, 10)
    assert ladder.stop.initial == BASE.stop.initial
    assert ladder_from_mapping(ladder_to_mapping(ladder)) == ladder


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_price_ladder_of_the_space_is_found_in_it(data: st.DataObject) -> None:
    """So that a warm start teaches the search."""
    space = SearchSpace(SearchSettings(), BASE)
    ladder = space.suggest(Drawn(data))
    parameters = space.parameters_of(ladder)
    # The last steps of a range are rounded to from outside of it: those ladders are only evaluated.
    inside = all(
        rung.target is not None and rung.target.value <= 4.0 * number for number, rung in enumerate(ladder.rungs, 1)
    )
    if inside and ladder.stop.time is not None:
        assert parameters is not None
        assert parameters["n_rungs"] == len(ladder.rungs)


def test_ladders_outside_the_space_are_not_found_in_it() -> None:
    space = SearchSpace(SearchSettings(), BASE, BOTH)
    classic = ladder_from_mapping(CLASSIC)
    assert space.parameters_of(classic) is not None
    for change in (
        {"costs": Costs()},
        {"stop": replace(classic.stop, trail=Distance(9.0, "ATR"))},
        {"stop": replace(classic.stop, trail=Distance(2.0, "R"))},
        {"stop": replace(classic.stop, time=None)},
        {"stop": replace(classic.stop, time=500)},
    ):
        assert space.parameters_of(replace(classic, **change)) is None


def nearness(ladders: list[Ladder]) -> Judged:
    """Greatest for a first target of 2R, a trail of 3 ATR and half of the position at the first target."""
    return Judged.of_values(
        [
            -abs(ladder.rungs[0].target.value - 2.0)  # type: ignore[union-attr]
            - abs((ladder.stop.trail.value if ladder.stop.trail else 9.0) - 3.0)
            - 2 * abs(ladder.rungs[0].fraction - 0.5)
            for ladder in ladders
        ]
    )


def test_the_search_beats_chance_and_repeats_itself() -> None:
    space = SearchSpace(SearchSettings(), BASE, BOTH)
    found = search(space, nearness, 120, seed=3, batch_size=8)
    again = search(space, nearness, 120, seed=3, batch_size=8)
    assert found.table.equals(again.table)
    assert found.best == again.best
    assert found.best_value == nearness([found.best]).values[0, 0] == found.table["value"].max()
    late, early = found.table["value"][60:].median(), found.table["value"][:30].median()
    assert late > early + 0.5
    assert found.n_trials == len(found.table) == len(found.ladders) == 120
    np.testing.assert_array_equal(nearness(list(found.ladders)).values[:, 0], found.table["value"])
    assert not search(space, nearness, 20, seed=4).table.equals(search(space, nearness, 20, seed=5).table)


def test_warm_starts_are_tried_first_and_win_where_they_are_best() -> None:
    space = SearchSpace(SearchSettings(), BASE)
    classic = ladder_from_mapping(CLASSIC)
    outside = replace(classic, stop=replace(classic.stop, time=None))
    sizes: list[int] = []

    def prefers_the_classic(ladders: list[Ladder]) -> Judged:
        sizes.append(len(ladders))
        return Judged.of_values([1.0 if ladder in (classic, outside) else 0.0 for ladder in ladders])

    found = search(space, prefers_the_classic, 10, batch_size=4, warm_starts=[outside, classic])
    assert sizes == [2, 4, 4, 2]
    assert found.best == outside
    assert found.table["source"].tolist() == ["warm_start"] * 2 + ["search"] * 10
    assert np.isnan(found.table["n_rungs"][0])
    assert found.table["n_rungs"][1] == 2
    assert found.n_trials == 12


def test_ladders_without_a_value_are_never_best() -> None:
    space = SearchSpace(SearchSettings(), BASE)
    odd = iter(range(1_000))

    def half(ladders: list[Ladder]) -> Judged:
        return Judged.of_values([np.nan if next(odd) % 2 else -5.0 for _ in ladders])

    assert search(space, half, 12).best_value == -5.0
    with pytest.raises(ModelError, match="all 5 tried have none"):
        search(space, lambda ladders: Judged.of_values(np.full(len(ladders), np.nan)), 5)
    with pytest.raises(ModelError, match=r"one value a ladder \(5\), but returned shape \(2, 1\)"):
        search(space, lambda ladders: Judged.of_values(np.zeros(2)), 5)
    with pytest.raises(ModelError, match="n_trials must be a whole number from 1"):
        search(space, nearness, 0)


def test_a_fixed_range_fixes_its_parameter() -> None:
    fixed = SearchSettings(
        n_rungs=(2, 2), first_target_r=(1.0, 1.0), target_gap_r=(1.0, 1.0), trail_atr=(3.0, 3.0), time_bars=(40, 40)
    )
    for ladder in search(
        SearchSpace(fixed, BASE), lambda ladders: Judged.of_values(np.zeros(len(ladders))), 20
    ).ladders:
        assert [str(rung.target) for rung in ladder.rungs] == ["1R", "2R"]
        assert ladder.stop.trail in (None, Distance(3.0, "ATR"))
        assert ladder.stop.time == 40


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_rungs": (1, 19)}, "search.n_rungs must lie in 0 to 18"),
        ({"n_rungs": (-1, 2)}, "search.n_rungs must lie in 0 to 18"),
        ({"first_target_r": (0.0, 2.0)}, "search.first_target_r must be above 0"),
        ({"time_bars": (0, 2)}, "search.time_bars must be above 0"),
    ],
)
def test_impossible_ranges_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SearchSpace(SearchSettings(**wrong), BASE)
