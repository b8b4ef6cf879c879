"""The whole way from features to executed exits, on markets whose best exit is known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exitladder.settings import ModelSettings

# Less than the product's default, for parts this small.
SMALL = ModelSettings(n_estimators=100, learning_rate=0.03, num_leaves=7)


@pytest.fixture(scope="module")
def planted(root: Path) -> Any:
    """The benchmark, which is no package."""
    spec = importlib.util.spec_from_file_location("planted_market", root / "benchmarks" / "planted_market.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["planted_market"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("world", "value"), [("strong", 3.05), ("moderate", 5.79), ("null_const", 1.58)])
def test_the_oracle_earns_what_dynamic_programming_gave_elsewhere(planted: Any, world: str, value: float) -> None:
    earned = planted.solve(planted.WORLDS[world]).policy(planted.draw(planted.WORLDS[world], 4_000, seed=1))
    assert earned.mean() == pytest.approx(value, abs=3 * earned.std() / np.sqrt(len(earned)))


def test_a_planted_exhaustion_is_found_and_worth_its_price(planted: Any) -> None:
    found = planted.measure("strong", 500, 1_000, settings=SMALL, memory=True, threads=1)
    assert found.leaks.verdict == "passed"
    assert found.model.metrics["auc"] > 0.53
    for series in ("exhaustion", "hold_value_r"):
        assert found.gap_share(series) > 0.15
        assert found.t_over_trail(series) > 3
        assert found.learnt[series].mean() < found.oracle.mean() + 3 * found.oracle.std() / np.sqrt(1_000)


def test_nothing_is_found_on_a_random_walk(planted: Any) -> None:
    found = planted.measure("null_rw", 250, 1_000, settings=SMALL, memory=True, threads=1)
    assert found.leaks.verdict == "passed"
    for series in ("exhaustion", "hold_value_r"):
        assert abs(found.t_over_nothing(series)) < 3
        assert abs(found.t_over_trail(series)) < 3


def test_features_of_the_next_bar_earn_on_a_random_walk_and_are_flagged(planted: Any) -> None:
    found = planted.measure("null_rw", 250, 500, settings=SMALL, shift=1, threads=1)
    assert found.leaks.verdict == "flagged"
    assert any("'clv'" in reason for reason in found.leaks.reasons)
    assert found.t_over_nothing("hold_value_r") > 3
