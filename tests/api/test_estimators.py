"""Training with an estimator of scikit-learn in place of LightGBM, from the settings and from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.neighbors import KNeighborsClassifier  # type: ignore[import-untyped]
from sklearn.tree import DecisionTreeRegressor  # type: ignore[import-untyped]

import exitladder
from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning, InputTypeError, ModelError, SettingsError
from exitladder.models.estimators.fitted import Fitted
from exitladder.models.exhaustion.file import load_model, save_model
from exitladder.models.forests.boosting import Forest

QUICK: dict[str, Any] = {
    "validation": {"n_folds": 2, "n_bootstrap": 100},
    "model": {"n_estimators": 4, "ensemble": 2, "patience": 0, "combine": "forest", "by_symbol": False},
}


def settings(store: Path | None = None, **model: Any) -> dict[str, Any]:
    """Quick settings; without a store nothing is tracked."""
    tracking = {"enabled": False} if store is None else {"store": str(store)}
    return {**QUICK, "tracking": tracking, "model": {**QUICK["model"], **model}}


@pytest.fixture(scope="module")
def inputs() -> tuple[Any, Any]:
    """Bars of one symbol, and breakouts."""
    sample, _ = exitladder.load_sample_bars()
    bars = BarSet([sample["IBM"].head(1500)])
    return bars, exitladder.make_trades(bars, "donchian")


@pytest.mark.slow
def test_from_settings_and_from_python_is_the_same_model_saved_and_loaded(
    inputs: tuple[Any, Any], tmp_path: Path
) -> None:
    named = exitladder.train(
        *inputs, settings(estimator="LogisticRegression(C=0.01)", hold_estimator="DecisionTreeRegressor(max_depth=2)")
    ).trained.model
    given = exitladder.train(
        *inputs, settings(), estimator=LogisticRegression(C=0.01), hold_estimator=DecisionTreeRegressor(max_depth=2)
    ).trained.model
    last = named.stages[-1]
    assert isinstance(last.race, Fitted) and isinstance(last.hold, Fitted)
    assert [type(one).__name__ for one in last.race.estimators] == ["LogisticRegression"] * 2
    assert given.settings.estimator == "sklearn.linear_model.LogisticRegression(C=0.01)"
    # every stage is trained on labels that were known before it predicts, as with forests
    assert all(stage.last_label_ns < stage.valid_from_ns for stage in named.stages)
    X = np.random.default_rng(0).normal(size=(60, len(named.names))).astype(np.float32)
    X[::5, 2] = np.nan
    time = np.full(len(X), last.valid_from_ns + 1)
    again = load_model(save_model(named, tmp_path / "model"))
    for other in (given, again):
        for series in ("exhaustion", "hold_value_r"):
            found = getattr(other.predict(X, time), series)
            np.testing.assert_array_equal(found, getattr(named.predict(X, time), series))
            assert np.isfinite(found).all() and found.std() > 0
    assert again.importance()["exhaustion"].sum() == pytest.approx(1)
    assert not list((tmp_path / "model").glob("*.pkl"))
    # its own file changed: refused by the checksum
    part = next((tmp_path / "model").glob("*race*.skops"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="must be unchanged"):
        load_model(tmp_path / "model")


@pytest.mark.slow
def test_an_estimator_that_cannot_be_saved_is_evaluated_and_not_registered(
    inputs: tuple[Any, Any], tmp_path: Path
) -> None:
    with pytest.warns(ExitladderWarning, match="will not be saved or registered: sklearn's KNeighborsClassifier"):
        found = exitladder.train(*inputs, settings(tmp_path / "runs"), estimator=KNeighborsClassifier(50))
    assert found.run_id and found.model == ""
    assert isinstance(found.trained.model.stages[-1].hold, Forest)
    assert 0.3 < found.trained.model.metrics["auc"] < 0.8
    with pytest.raises(ModelError, match="saved without pickle"):
        exitladder.backtest(*inputs, {"rungs": [], "stop": {"time": 5}}, settings(), model=found)


def test_what_does_not_go_together_is_refused_before_training(inputs: tuple[Any, Any]) -> None:
    for model, kind, words in (
        ({"estimator": "Ridge"}, SettingsError, "must be a classifier"),
        ({"hold_estimator": "LogisticRegression"}, SettingsError, "model.hold_estimator must be a regressor"),
        ({"estimator": "LogisticRegression", "tune_trials": 5}, ModelError, "tunes LightGBM's parameters, but is 5"),
        ({"estimator": "xgboost.XGBClassifier"}, SettingsError, "exitladder.train"),
    ):
        with pytest.raises(kind, match=words):
            exitladder.train(*inputs, settings(**model))

    class Mine(LogisticRegression):  # type: ignore[misc]
        """An estimator of nobody's package."""

    with pytest.raises(InputTypeError, match=r"exitladder.train\(..., estimator=...\)"):
        exitladder.train(*inputs, settings(estimator=Mine()))
