"""Candidates as points, which candidates are best, and batches that depend on nothing but what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.choice import sampler_of
from exitladder.models.search.samplers.evolution import N_KEPT, Evolution, crowding_distance, fronts, order_of
from exitladder.models.search.samplers.sampler import SAMPLERS, SearchPlan
from exitladder.models.search.space.candidates import Candidate, Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.space.trials import Range
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import SearchSettings

CUBE = Cube(SearchSpace(SearchSettings(), Ladder(atr_window=10, stop=Stop(initial=Distance(2.0, "ATR")))))

ranges = st.one_of(
    st.builds(Range, st.just("float"), st.floats(0.01, 5), st.floats(5.5, 50), st.booleans()),
    st.builds(Range, st.just("int"), st.integers(1, 5), st.integers(5, 60), st.booleans()),
    st.integers(1, 6).map(lambda n: Range("categorical", 0, n - 1, False, tuple("abcdef"[:n]))),
)


@given(within=ranges, share=st.floats(0, 1))
def test_a_value_is_in_its_range_and_is_found_again(within: Range, share: float) -> None:
    value = within.value_at(share)
    if within.choices:
        assert value in within.choices
    else:
        assert within.low <= value <= within.high
    again = within.value_at(within.share_of(value))
    assert again == pytest.approx(value) if within.kind == "float" else again == value


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_have_equal_shares_or_those_of_their_logarithm(log: bool) -> None:
    within = Range("int", 1, 4, log)
    found = [within.value_at(s) for s in (np.arange(100_000) + 0.5) / 100_000]
    edges = np.array([0.5, 1.5, 2.5, 3.5, 4.5])
    wanted = np.diff(np.log(edges)) / np.log(9) if log else np.full(4, 0.25)
    np.testing.assert_allclose(np.bincount(found, minlength=5)[1:] / 100_000, wanted, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(point=arrays(np.float64, CUBE.n, elements=st.floats(0, 1)))
def test_a_candidate_is_found_again_by_its_parameters_and_its_point(point: np.ndarray) -> None:
    candidate = CUBE.at(point)
    assert CUBE.given(candidate.parameters) == candidate
    back = CUBE.points([candidate])[0]
    assert set(np.array(CUBE.names)[~np.isnan(back)]) == set(candidate.parameters)
    assert CUBE.at(np.where(np.isnan(back), point, back)).ladder == candidate.ladder


@given(
    values=arrays(np.float64, st.tuples(st.integers(1, 25), st.integers(1, 3)), elements=st.integers(-3, 3).map(float))
)
def test_fronts_are_those_that_nobody_beats_once_better_ones_are_gone(values: np.ndarray) -> None:
    front = fronts(values)
    left = list(range(len(values)))
    level = 0
    while left:
        unbeaten = [
            i for i in left
            if not any((values[j] >= values[i]).all() and (values[j] > values[i]).any() for j in left)
        ]  # fmt: skip
        assert [i for i in left if front[i] == level] == unbeaten
        left = [i for i in left if i not in unbeaten]
        level += 1


def test_crowding_distance_of_a_front() -> None:
    """Deb et al. (2002), section III B: neighbours' distance over the spread, in each objective."""
    values = np.array([[0.0, 10.0], [1.0, 6.0], [4.0, 5.0], [10.0, 0.0]])
    np.testing.assert_allclose(crowding_distance(values), [np.inf, 4 / 10 + 5 / 10, 9 / 10 + 6 / 10, np.inf])


def test_the_order_puts_constraints_first_then_worth_and_the_unknown_last() -> None:
    evaluation = Evaluation(
        np.array([[9.0], [1.0], [np.nan], [3.0], [8.0], [3.0]]),
        np.array([[2.0], [0.0], [0.0], [-1.0], [1.0], [0.0]]),
        ("a",),
        ("c",),
    )
    assert order_of(evaluation).tolist() == [3, 5, 1, 4, 0, 2]
    two = Evaluation(np.array([[1.0, 1], [5, 0], [3, 3], [0, 5], [3, 3]]), np.empty((5, 0)), ("a", "b"), ())
    assert set(order_of(two)[:4].tolist()) == {1, 2, 3, 4}
    assert order_of(two)[4] == 0


def judged_at(candidates: list[Candidate]) -> Evaluation:
    """Worth of a smooth hill in the cube, at those coordinates that a candidate has."""
    points = np.nan_to_num(CUBE.points(candidates), nan=0.3)
    return Evaluation.of_values(-((points - 0.3) ** 2).sum(axis=1))


def test_evolution_keeps_the_best_and_its_children_stay_in_the_cube() -> None:
    rng = np.random.default_rng(0)
    evolution = Evolution(CUBE)
    candidates = [CUBE.at(point) for point in rng.random((200, CUBE.n))]
    evaluation = judged_at(candidates)
    for start in range(0, 200, 40):
        evolution.take(candidates[start : start + 40], evaluation.take(np.arange(start, start + 40)))
    assert evolution.evaluation is not None
    best = np.sort(np.unique(evaluation.values))[::-1][:N_KEPT]
    np.testing.assert_array_equal(np.sort(evolution.evaluation.values[:, 0])[::-1], best)
    children = evolution.children(500, rng)
    assert children.shape == (500, CUBE.n)
    assert ((children >= 0) & (children <= 1)).all()
    assert judged_at([CUBE.at(c) for c in children]).values.mean() > evaluation.values.mean()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_depends_on_nothing_but_what_it_says(sampler: str) -> None:
    plan = SearchPlan(sampler, 7, 44, 8)
    assert [plan.size_of(batch) for batch in range(1, plan.n_batches + 1)] == [8, 8, 8, 8, 8, 4]
    first, second = sampler_of(plan, CUBE), sampler_of(plan, CUBE)
    result = {batch: first.ask(batch, plan.size_of(batch)) for batch in (1, 2, 3)}
    if not first.learns:
        assert {batch: second.ask(batch, 8) for batch in (3, 1, 2)} == result
        whole = sampler_of(SearchPlan(sampler, 7, 44, 24), CUBE).ask(1, 24)
        if sampler == "qmc":
            assert whole == [*result[1], *result[2], *result[3]]
        return
    fresh = sampler_of(plan, CUBE)
    for batch in (1, 2):
        if fresh.in_turn:
            fresh.ask(batch, 8)
    if fresh.in_turn:
        assert fresh.ask(3, 8) == result[3]
    else:
        assert second.ask(3, 8) == result[3]  # asked for without those before, as nothing was told
        third = sampler_of(plan, CUBE)
        for batch in (1, 2):
            third.tell(batch, result[batch], judged_at(result[batch]))
            second.tell(batch, result[batch], judged_at(result[batch]))
        assert third.ask(5, 8) == second.ask(5, 8)
    assert sampler_of(SearchPlan(sampler, 8, 44, 8), CUBE).ask(1, 8) != result[1]


def test_sobol_points_are_even() -> None:
    """Of 256 points, each sixteenth of every coordinate holds 16: the net's property that random points lack."""
    sampler = sampler_of(SearchPlan("qmc", 3, 256, 64), CUBE)
    points = np.concatenate([sampler.points(start, 64) for start in range(0, 256, 64)])
    for column in points.T:
        assert np.bincount((column * 16).astype(int), minlength=16).tolist() == [16] * 16
