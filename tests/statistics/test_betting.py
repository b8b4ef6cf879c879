"""The test that is valid at any time: known answers, its error rate with looks after every observation, its power."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.statistics.betting import STAKES, bet_on_gain


def test_the_capital_is_the_mean_of_the_gamblers() -> None:
    gains, bounds = [0.5, -0.2, 0.1], [1.0, 0.4, 0.2]
    expected = np.mean([(1 + s * 0.5) * (1 - s * 0.5) * (1 + s * 0.5) for s in STAKES])
    found = bet_on_gain(gains, bounds)
    assert found.capital == pytest.approx(expected)
    assert found.highest == pytest.approx(np.mean([1 + s * 0.5 for s in STAKES]))
    assert found.p_value == pytest.approx(1 / found.highest)
    assert bet_on_gain([]).p_value == 1


def test_without_a_gain_it_is_wrong_less_often_than_alpha_however_often_one_looks() -> None:
    rng = np.random.default_rng(0)
    wins = 0
    for _ in range(1000):
        # skewed, and dependent in size on the past: only the mean given the past is zero
        size = np.minimum(1.0, 0.1 + np.abs(np.convolve(rng.normal(0, 0.3, 300), np.ones(5), "same")))
        wins += bet_on_gain(size * rng.choice([-0.25, 1.0], 300, p=[0.8, 0.2]), 1.0, alpha=0.05).has_won
    # 50 at most are expected; 75 would be beyond three standard errors
    assert wins <= 75


def test_a_gain_is_found() -> None:
    rng = np.random.default_rng(1)
    wins = sum(bet_on_gain(rng.choice([-1.0, 1.0], 400, p=[0.4, 0.6])).has_won for _ in range(100))
    assert wins >= 90


@pytest.mark.parametrize(("gains", "bounds"), [([2.0], 1.0), ([0.1], 0.0)])
def test_a_gain_beyond_its_bound_is_refused(gains: list[float], bounds: float) -> None:
    with pytest.raises(ValueError, match="bound"):
        bet_on_gain(gains, bounds)
