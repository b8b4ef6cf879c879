"""The estimators: scikit-learn's own checks, and that they are the model's trees."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone  # type: ignore[import-untyped]
from sklearn.model_selection import GridSearchCV  # type: ignore[import-untyped]
from sklearn.utils.estimator_checks import parametrize_with_checks  # type: ignore[import-untyped]

from exitladder.models.exhaustion.estimators import ExhaustionClassifier, HoldValueRegressor
from exitladder.models.splits import PurgedWalkForward

SMALL: dict[str, Any] = {"n_estimators": 60, "n_jobs": 1}


# Few trees suffice for every check, and a larger step makes up for them.
@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [
        ExhaustionClassifier(n_estimators=25, learning_rate=0.2, n_jobs=1),
        HoldValueRegressor(n_estimators=25, learning_rate=0.2, n_jobs=1),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def table(n: int = 3_000) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((n, 3)), columns=["rsi_14", "stretch", "volume_z"])
    X.iloc[::7, 1] = np.nan
    return X, (rng.random(n) < 1 / (1 + np.exp(-2 * X["rsi_14"]))).to_numpy()


def test_probabilities_name_their_features_and_take_what_is_not_known() -> None:
    X, y = table()
    model = ExhaustionClassifier(**SMALL).fit(X, y)
    assert model.feature_names_in_.tolist() == ["rsi_14", "stretch", "volume_z"]
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[y, 1].mean() > p[~y, 1].mean() + 0.2


def test_features_by_other_names_or_in_another_order_are_refused() -> None:
    X, y = table(300)
    for model in (ExhaustionClassifier(**SMALL).fit(X, y), HoldValueRegressor(**SMALL).fit(X, y)):
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(X.rename(columns={"stretch": "squeeze"}))
        with pytest.raises(ValueError, match="must be in the same order"):
            model.predict(X[["stretch", "rsi_14", "volume_z"]])
        with pytest.raises(ValueError, match="seen at fit time, yet now missing"):
            model.predict(X[["rsi_14", "stretch"]])


def test_parameters_are_read_set_and_copied() -> None:
    for kind in (ExhaustionClassifier, HoldValueRegressor):
        model = kind(num_leaves=7, random_state=3)
        given = model.get_params()
        assert set(given) == set(inspect.signature(kind).parameters)
        assert clone(model).get_params() == given
        assert model.set_params(num_leaves=9).get_params() == {**given, "num_leaves": 9}


def test_a_row_without_weight_is_no_row_and_weight_pulls() -> None:
    X, y = table()
    first = np.arange(len(y)) < 1_500
    weighted = HoldValueRegressor(**SMALL).fit(X, y, sample_weight=first * 2.0)
    plain = HoldValueRegressor(**SMALL).fit(X[first], y[first], sample_weight=np.full(1_500, 2.0))
    np.testing.assert_array_equal(weighted.predict(X), plain.predict(X))
    weight = np.where(y, 5.0, 1.0)
    pulled = ExhaustionClassifier(**SMALL).fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
    assert np.average(pulled, weights=weight) == pytest.approx(np.average(y, weights=weight), abs=0.02)


def test_more_than_two_classes_are_refused() -> None:
    X, _ = table(30)
    with pytest.raises(ValueError, match="Only binary classification"):
        ExhaustionClassifier().fit(X, np.arange(30) % 3)


def test_a_grid_search_over_purged_folds() -> None:
    X, y = table(1_200)
    start = np.arange(len(X))
    searched = GridSearchCV(
        ExhaustionClassifier(n_estimators=10, n_jobs=1),
        {"num_leaves": [2, 8]},
        cv=PurgedWalkForward(3, 5),
        scoring="roc_auc",
    ).fit(X, y, groups=np.column_stack([start, start + 10]))
    assert searched.best_score_ > 0.75
