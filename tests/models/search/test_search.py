"""The search: every suggestion is a valid ladder, the best is found again by the same seed, baselines are there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.errors import ModelError
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.sampler import SAMPLERS
from exitladder.models.search.search import search
from exitladder.models.search.space.space import SearchSpace
from exitladder.plans.costs import Costs
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Execution, Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.loading import load_settings
from exitladder.settings.ranges import DistanceRange
from exitladder.settings.tables import SearchSettings

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


def first_target(ladder: Ladder) -> float:
    return ladder.rungs[0].target.value  # type: ignore[union-attr]


def nearness(ladders: list[Ladder]) -> Evaluation:
    """Greatest for a first target of 2R, a trail of 3 ATR and half of the position at the first target."""
    return Evaluation.of_values(
        [
            -abs(ladder.rungs[0].target.value - 2.0)  # type: ignore[union-attr]
            - abs((ladder.stop.trail.value if ladder.stop.trail else 9.0) - 3.0)
            - 2 * abs(ladder.rungs[0].fraction - 0.5)
            for ladder in ladders
        ]
    )


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_search_repeats_itself_and_those_that_learn_beat_chance(sampler: str) -> None:
    ranges = SearchSettings(n_rungs=(1, 3), trail_width=(DistanceRange(1.5, 8.0, "ATR"),), time_bars=(10, 100))
    space = SearchSpace(ranges, BASE, BOTH)
    n = 300 if sampler == "nsga2" else 120  # six generations of it
    found = search(space, nearness, n, seed=3, sampler=sampler, batch_size=8)
    again = search(space, nearness, n, seed=3, sampler=sampler, batch_size=8)
    assert found.table.equals(again.table)
    assert found.best == again.best
    assert found.best_value == nearness([found.best]).values[0, 0] == found.table["value"].max()
    late, early = found.table["value"][2 * n // 3 :].median(), found.table["value"][:24].median()
    if sampler not in ("random", "qmc"):
        assert late > early + 0.5
    assert found.n_trials == len(found.table) == len(found.ladders) == n
    np.testing.assert_array_equal(nearness(list(found.ladders)).values[:, 0], found.table["value"])
    other = search(space, nearness, 20, seed=4, sampler=sampler)
    assert not other.table.equals(search(space, nearness, 20, seed=5, sampler=sampler).table)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "mixture", "random"])
def test_two_objectives_and_a_constraint_give_a_feasible_front(sampler: str) -> None:
    space = SearchSpace(SearchSettings(n_rungs=(1, 3)), BASE)

    def near_1_and_near_3(ladders: list[Ladder]) -> Evaluation:
        """First targets from 1R to 3R are the front; no time stop below 30 bars."""
        first = np.array([first_target(ladder) for ladder in ladders])
        least = np.array([[30.0 - (ladder.stop.time or 0)] for ladder in ladders]).reshape(-1, 1)
        return Evaluation(
            np.column_stack([-((first - 1) ** 2), -((first - 3) ** 2)]), least, ("near 1", "near 3"), ("time",)
        )

    found = search(
        space, near_1_and_near_3, 96, sampler=sampler, batch_size=16, warm_starts=[ladder_from_mapping(CLASSIC)]
    )
    assert list(found.table.columns[:5]) == ["trial", "source", "near 1", "near 3", "time"]
    assert found.evaluation.feasible[found.front].all()
    targets = sorted(first_target(found.ladders[k]) for k in found.front)
    assert targets[0] >= 0.75
    assert targets[-1] <= 3.5
    assert len(targets) >= 4
    assert found.best_value == found.table["near 1"][found.evaluation.feasible].max()


def test_samplers_refuse_what_they_cannot_search() -> None:
    space = SearchSpace(SearchSettings(n_rungs=(1, 3)), BASE)
    with pytest.raises(ModelError, match=r"sampler must be one of random, .*, but is 'tp'. Did you mean 'tpe'?"):
        search(space, nearness, 5, sampler="tp")
    with pytest.raises(ModelError, match="batches of at least 4"):
        search(space, nearness, 5, sampler="cmaes", batch_size=2)
    two = Evaluation(np.empty((0, 2)), np.empty((0, 0)), ("a", "b"), ())
    with pytest.raises(ModelError, match="one objective, but there are 2"):
        search(space, lambda ladders: two, 5, sampler="cmaes")


def test_warm_starts_are_tried_first_and_win_where_they_are_best() -> None:
    space = SearchSpace(SearchSettings(n_rungs=(1, 3)), BASE)
    classic = ladder_from_mapping(CLASSIC)
    outside = replace(classic, stop=replace(classic.stop, time=None))
    sizes: list[int] = []

    def prefers_the_classic(ladders: list[Ladder]) -> Evaluation:
        sizes.append(len(ladders))
        return Evaluation.of_values([1.0 if ladder in (classic, outside) else 0.0 for ladder in ladders])

    found = search(space, prefers_the_classic, 10, batch_size=4, warm_starts=[outside, classic])
    assert sizes == [0, 2, 4, 4, 2]
    assert found.best == outside
    assert found.table["source"].tolist() == ["warm_start"] * 2 + ["search"] * 10
    assert np.isnan(found.table["n_rungs"][0])
    assert found.table["n_rungs"][1] == 2
    assert found.n_trials == 12


def test_ladders_without_a_value_are_never_best() -> None:
    space = SearchSpace(SearchSettings(n_rungs=(1, 3)), BASE)
    odd = iter(range(1_000))

    def half(ladders: list[Ladder]) -> Evaluation:
        return Evaluation.of_values([np.nan if next(odd) % 2 else -5.0 for _ in ladders])

    for sampler in SAMPLERS:
        assert search(space, half, 12, sampler=sampler, batch_size=6).best_value == -5.0
    with pytest.raises(ModelError, match="all 5 tried have none"):
        search(space, lambda ladders: Evaluation.of_values(np.full(len(ladders), np.nan)), 5)
    with pytest.raises(ModelError, match=r"a value for each of 5 ladders, but returned 2"):
        search(space, lambda ladders: Evaluation.of_values(np.zeros(2)), 5)
    with pytest.raises(ModelError, match=r"for every batch, \['a'\], but used \['b'\]"):
        search(space, lambda ladders: Evaluation.of_values(np.zeros(len(ladders)), "b" if ladders else "a"), 5)
    with pytest.raises(ModelError, match="n_trials must be a whole number from 1"):
        search(space, nearness, 0)


def test_a_fixed_range_fixes_its_parameter() -> None:
    texts = ("n_rungs=2", "first_target=1R", "target_gap=1R", "trail_width=3ATR", "time_bars=40")
    fixed = load_settings(None, [f"search.{text}" for text in texts]).search
    for ladder in search(
        SearchSpace(fixed, BASE), lambda ladders: Evaluation.of_values(np.zeros(len(ladders))), 20
    ).ladders:
        assert [str(rung.target) for rung in ladder.rungs] == ["1R", "2R"]
        assert ladder.stop.trail in (None, Distance(3.0, "ATR"))
        assert ladder.stop.time == 40
