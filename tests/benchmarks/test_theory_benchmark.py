"""Problems of optimal stopping with known answers: their rules earn the published values, the product comes near."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def theory(root: Path) -> Any:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("theory")
    sys.path.remove(str(root / "benchmarks"))


@pytest.mark.parametrize(("name", "paths"), [("disorder", 6_000), ("ou", 20_000)])
def test_the_known_rule_earns_the_theoretical_value(theory: Any, name: str, paths: int) -> None:
    problem = theory.TRADED[name](paths, 3)
    value, error = theory.mean_of(problem.best / problem.unit)
    assert abs(value - problem.theory) < 3 * error < 0.1 * problem.theory + 0.2


def test_the_filter_tells_a_turned_drift(theory: Any) -> None:
    # In a steady rise, the next moment may still be the turn: it never falls below about a tenth.
    up, down = np.full((1, 60), 0.5), np.full((1, 60), -0.5)
    assert theory.turned(up)[0, -1] < 0.12 and theory.turned(down)[0, -1] > 0.95
    assert theory.stopped(down, theory.turned(down) >= theory.BARRIER)[0] > -15


@pytest.mark.parametrize(("name", "hurst"), [("fbm-0.3", 0.3), ("fbm-0.7", 0.7)])
def test_fractional_motion_spreads_as_it_should_and_holds_each_price_for_two_bars(
    theory: Any, name: str, hurst: float
) -> None:
    problem = theory.TRADED[name](20_000, 1)
    level = problem.close[:, theory.WARM_UP + 2 :: 2] / problem.unit
    at = np.arange(1, theory.DATES + 1) / theory.DATES
    np.testing.assert_allclose(level.std(axis=0), at**hurst, rtol=0.03)
    later = np.cov(level[:, 19], level[:, 79])[0, 1]
    assert later == pytest.approx((0.2 ** (2 * hurst) + 0.8 ** (2 * hurst) - 0.6 ** (2 * hurst)) / 2, rel=0.1)
    assert (problem.close[:, theory.WARM_UP] == 0).all()
    np.testing.assert_array_equal(problem.close[:, ::2], problem.close[:, 1::2])


@pytest.mark.slow
def test_the_learnt_exercise_of_a_max_call_is_worth_less_than_the_best_and_more_than_holding(theory: Any) -> None:
    last = list(theory.asset_paths(8_000, 5))[-1]
    european = theory.payoff(last).mean() * np.exp(-theory.RATE * theory.YEARS)
    for n_trees in (0, 5):
        value, error = theory.max_call(8_000, 8_000, 0, n_trees=n_trees, threads=1)
        assert european + 2 < value < theory.MAX_CALL + 3 * error and value > theory.MAX_CALL - 1.0


@pytest.mark.slow
def test_tuning_finds_most_of_what_a_price_that_returns_is_worth(theory: Any) -> None:
    found = theory.traded("ou", (200, 300), 0, ("tuning.n_trials=64",), threads=1)
    value, error = found["tuned ladder"]
    assert 0.5 * found["the known rule"][0] < value < found["the known rule"][0] + 3 * error
