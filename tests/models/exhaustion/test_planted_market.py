"""The whole way from features to executed exits, on markets whose best exit is known."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def benchmarks(root: Path) -> Any:
    """The folder of benchmarks, which is no package, on the path."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield
    sys.path.remove(str(root / "benchmarks"))


@pytest.fixture(scope="module")
def world(benchmarks: Any) -> Any:
    return importlib.import_module("planted_world")


@pytest.fixture(scope="module")
def planted(benchmarks: Any) -> Any:
    return importlib.import_module("planted_market")


def error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize(("name", "value"), [("strong", 3.05), ("moderate", 5.79), ("null_const", 1.58)])
def test_the_oracle_earns_what_dynamic_programming_gave_elsewhere(world: Any, name: str, value: float) -> None:
    earned = world.solve(world.WORLDS[name]).policy(world.draw(world.WORLDS[name], 4_000, seed=1))
    assert earned.mean() == pytest.approx(value, abs=3 * error(earned))


def test_the_worlds_hazard_is_the_one_that_was_drawn(world: Any) -> None:
    """Where a climax ends a trend in strong, and nothing but chance does under a constant hazard."""
    stretch, climax = np.zeros(2), np.array([False, True])
    np.testing.assert_allclose(world.WORLDS["strong"].hazard(stretch, climax), [0.00091, 0.73106], rtol=1e-2)
    np.testing.assert_allclose(world.WORLDS["null_const"].hazard(stretch, climax), 0.02660, rtol=1e-3)


def test_a_planted_exhaustion_is_found_and_worth_its_price(planted: Any) -> None:
    found = planted.measure("strong", 500, 1_000, 0, planted.settings_of(threads=1))
    assert found.trained.leaks.verdict == "passed"
    assert found.trained.model.metrics["auc"] > 0.55
    assert found.share(found.forced) > 0.30
    assert found.t_over_trail(found.forced) > 4
    assert found.forced.mean() < found.oracle.mean() + 3 * error(found.oracle)
    # Half of 417 trades are few for an edge at the 5% level: what is advised follows that finding alone.
    assert found.trained.value.comparison is not None and found.trained.value.comparison.low > 0
    assert found.policy.uses_model == (found.trained.value.finding == "edge")


def test_nothing_is_found_on_a_random_walk(planted: Any) -> None:
    found = planted.measure("null_rw", 200, 1_000, 0, planted.settings_of(threads=1))
    assert found.trained.leaks.verdict == "passed"
    for earned in (found.trail, found.forced, found.chosen):
        assert abs(planted.t_of(earned)) < 3
    assert abs(found.t_over_trail(found.forced)) < 3


def test_where_the_end_cannot_be_foreseen_the_model_does_no_harm(planted: Any) -> None:
    found = planted.measure("null_const", 200, 1_000, 0, planted.settings_of(threads=1))
    assert found.trained.leaks.verdict == "passed"
    assert found.t_over_trail(found.chosen) > -2
    assert found.chosen.mean() < found.oracle.mean() + 2 * error(found.oracle - found.chosen)


def test_features_of_the_next_bar_earn_on_a_random_walk_and_are_flagged(planted: Any) -> None:
    """The whole product, but for features that are computed a bar late: its own check must say so."""
    with planted.features_of_the_next_bar():
        found = planted.measure("null_rw", 200, 300, 0, planted.settings_of(threads=1))
    assert found.trained.leaks.verdict == "flagged"
    assert any("'clv'" in reason for reason in found.trained.leaks.reasons)
    assert found.trained.to_mapping()["leak_check"] == "flagged"
    assert planted.t_of(found.forced) > 3
