"""The stack gives the weight to the learner that knows something, and is silent where none does."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.errors import ModelError
from exitladder.models.exhaustion.stacking import HeldOut, Stack, fit_stack, gain_over, stack_from_mapping

HOUR = 3_600 * 10**9
N = 6_000


def held_out(seed: int, objective: str, *, truth: str, scale: float = 1.0) -> HeldOut:
    """Three independent opinions of rows an hour apart; the labels follow the one named, times a scale."""
    rng = np.random.default_rng(seed)
    opinions = {"linear": 0.8 * rng.standard_normal(N), "forest": 0.8 * rng.standard_normal(N), "none": np.zeros(N)}
    line = scale * opinions[truth]
    y = (rng.random(N) < 1 / (1 + np.exp(-line))).astype(float) if objective == "binary" else line + rng.normal(size=N)
    time = np.arange(N) * HOUR
    return HeldOut(np.zeros(N), opinions["linear"], opinions["forest"], y, time, time + 5 * HOUR)


@pytest.mark.parametrize("objective", ["binary", "regression"])
@pytest.mark.parametrize("truth", ["linear", "forest"])
def test_the_learner_that_is_right_gets_the_weight(objective: str, truth: str) -> None:
    stack = fit_stack(held_out(1, objective, truth=truth), 0.0, objective)
    other = "forest" if truth == "linear" else "linear"
    assert getattr(stack, truth) == pytest.approx(1.0, abs=0.12)
    assert getattr(stack, other) < 0.06
    assert not stack.silent


@pytest.mark.parametrize("objective", ["binary", "regression"])
def test_an_opinion_twice_too_strong_gets_half_the_weight_and_one_too_weak_no_more_than_all(objective: str) -> None:
    assert fit_stack(held_out(2, objective, truth="forest", scale=0.5), 0.0, objective).forest == pytest.approx(
        0.5, abs=0.08
    )
    weak = fit_stack(held_out(2, objective, truth="forest", scale=3.0), 0.0, objective)
    assert weak.linear + weak.forest == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("objective", ["binary", "regression"])
def test_where_nothing_is_known_the_weight_is_the_constants_and_most_stacks_are_silent(objective: str) -> None:
    """By chance a gain exceeds its standard error in about one of six, less for the weights that are chosen."""
    stacks = [fit_stack(held_out(seed, objective, truth="none"), 0.0, objective) for seed in range(20)]
    assert max(s.linear + s.forest for s in stacks) < 0.15
    assert sum(s.silent for s in stacks) >= 15


def test_an_opinion_that_is_wrong_way_round_is_not_turned() -> None:
    held = held_out(3, "binary", truth="forest", scale=-1.0)
    stack = fit_stack(held, 0.3, "binary")
    assert stack.forest == 0
    assert stack.silent
    np.testing.assert_allclose(stack.combine(np.array([5.0]), np.array([-5.0])), 0.3, atol=0.3)


def test_two_opinions_that_share_the_truth_are_averaged() -> None:
    """Equal independent errors on one truth: equal weights, as least squares has it."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=N)
    time = np.arange(N) * HOUR
    held = HeldOut(
        np.zeros(N), truth + rng.normal(size=N), truth + rng.normal(size=N), truth, time, time + HOUR
    )  # fmt: skip
    stack = fit_stack(held, 0.0, "regression")
    # Var of the mean of the two: 1 + 1/2; the best multiple of it is 2/3, a third for each.
    assert (stack.linear, stack.forest) == pytest.approx((1 / 3, 1 / 3), abs=0.03)


def test_without_rows_to_hold_out_nothing_is_said() -> None:
    assert fit_stack(None, 0.2, "binary") == Stack(0.2, 0.0, 0.0, silent=True)


def test_the_error_counts_blocks_of_days_and_not_rows() -> None:
    """A hundred rows on each of forty days with one difference a day: the error is that of forty values."""
    rng = np.random.default_rng(0)
    daily = rng.normal(size=40)
    y = np.repeat(daily, 100)
    time = np.repeat(np.arange(40) * 24 * HOUR, 100) + np.tile(np.arange(100) * 10**9, 40)
    found = gain_over(np.ones(4000), np.zeros(4000), y, time, time + HOUR, "regression")
    # y² − (1 − y)² = 2y − 1
    assert found.mean == pytest.approx((2 * daily - 1).mean())
    assert found.error == pytest.approx((2 * daily).std(ddof=1) / np.sqrt(40))
    longer = gain_over(np.ones(4000), np.zeros(4000), y, time, time + 4 * 24 * HOUR, "regression")
    assert (found.n_blocks, longer.n_blocks) == (40, 10)
    assert not np.isfinite(gain_over(np.ones(4000), np.zeros(4000), y, time, time + 9 * 24 * HOUR, "regression").error)


def test_plain_values_make_the_same_stack_and_wrong_ones_are_refused() -> None:
    stack = Stack(0.1, 0.2, 0.3, False, 0.004, 0.001)
    assert stack_from_mapping(stack.to_mapping()) == stack
    with pytest.raises(ModelError, match=r"at least 0 and at most 1 together, but are 0\.8"):
        stack_from_mapping(stack.to_mapping() | {"linear": 0.8})
