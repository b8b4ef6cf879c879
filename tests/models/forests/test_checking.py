"""Every forest that LightGBM grows on data as it comes passes the check of its text, and predicts the same after it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.models.forests.boosting import Forest, booster_parameters, load_lightgbm
from exitladder.models.forests.checking import check_booster
from exitladder.models.forests.mean_forest import mean_text
from exitladder.settings.tables import ModelSettings


def grown(seed: int, objective: str, n_rows: int, rounds: int, leaves: int) -> tuple[str, np.ndarray]:
    """A booster's text, and its data: values missing with and without meaning, steps, constants, huge and tiny ones."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 7))
    y = X[:, 0] + rng.normal(size=n_rows)
    X[:, 1] = np.where(y > 0.5, np.nan, 1e300)
    X[rng.random(n_rows) < 0.5, 2] = np.nan
    X[:, 3] = rng.integers(-1, 2, n_rows)
    X[:, 4] = rng.choice([np.nan, 0.0, 1e-300, -1e300], n_rows)
    X[:, 5] = 1.0
    X[:, 6] = np.nan
    label = (y > 0).astype(float) if objective == "binary" else y * 10.0 ** rng.integers(-8, 9)
    lightgbm = load_lightgbm()
    parameters = booster_parameters(ModelSettings(num_leaves=leaves, min_child_samples=5), objective, seed, 1)
    booster = lightgbm.train(parameters, lightgbm.Dataset(X, label), rounds)
    return booster.model_to_string(), X


@given(
    seed=st.integers(0, 2**31),
    objective=st.sampled_from(["binary", "regression"]),
    n_rows=st.sampled_from([20, 300]),
    rounds=st.integers(1, 8),
    leaves=st.sampled_from([2, 31]),
)
def test_what_lightgbm_grows_is_read(seed: int, objective: str, n_rows: int, rounds: int, leaves: int) -> None:
    text, X = grown(seed, objective, n_rows, rounds, leaves)
    names = Forest(text).names()
    other, _ = grown(seed + 1, objective, n_rows, rounds, leaves)
    for whole in (text, mean_text([text, other])):
        check_booster(whole, len(names), "stage.txt")
        assert np.isfinite(Forest(whole).predict(X)).all()


@pytest.mark.parametrize("objective", ["binary", "regression"])
def test_a_split_of_what_is_missing_from_all_else(objective: str) -> None:
    text, X = grown(0, objective, 300, 3, 31)
    assert any("inf" in line.split("=")[1].split() for line in text.splitlines() if line.startswith("threshold="))
    check_booster(text, 7, "stage.txt")
    missing = np.isnan(X[:, 1])
    values = Forest(text).predict(X)
    assert values[missing].min() > values[~missing].mean()
