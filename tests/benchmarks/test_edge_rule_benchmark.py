"""The error rates of the edge rule: what is chosen on some trades is scored on others."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def rule(root: Path) -> Any:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("edge_rule")
    sys.path.remove(str(root / "benchmarks"))


def test_the_best_of_some_trades_is_scored_on_the_others(rule: Any) -> None:
    # The first trail is best on trades 0 and 1, the second exit with the model is best there, too.
    alone = np.array([[1.0, 0.0], [1.0, 0.0], [0.2, 5.0], [0.4, 5.0]])
    by_model = np.array([[0.0, 2.0, 1.0], [0.0, 2.0, 1.0], [9.0, 1.0, 9.0], [9.0, 3.0, 9.0]])
    known, asked = np.array([0, 1]), np.array([2, 3])
    np.testing.assert_allclose(rule.gains(alone, by_model, known, asked), [1.0 - 0.2, 3.0 - 0.4])
    np.testing.assert_allclose(rule.gains(alone, by_model, asked, known), [0.0 - 0.0, 0.0 - 0.0])


def test_noise_is_slow_and_as_wide_at_every_age(rule: Any) -> None:
    lengths = np.full(4_000, 20)
    lengths[0] = 3
    noise = rule._noise(lengths, 0)
    assert len(noise) == lengths.sum()
    by_age = noise[3:].reshape(-1, 20)
    np.testing.assert_allclose(by_age.std(axis=0), 1.0, atol=0.05)
    assert np.corrcoef(by_age[:, 5], by_age[:, 6])[0, 1] == pytest.approx(rule.SLOW, abs=0.02)
