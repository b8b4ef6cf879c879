"""Baselines: trained where the model's stages were, and as good as they should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from exitladder.arrays import FloatArray
from exitladder.models.calibration.measures import auc, probability_measures
from exitladder.models.exhaustion.baselines import CONSTANT, LOGISTIC, SHUFFLED, baseline_probabilities
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.training import stage_spans
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings

QUICK = ModelSettings(n_estimators=20, num_leaves=4, min_child_samples=20, learning_rate=0.2, row_step=1)


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    """A line of two features tells the label; the third is unknown at times, the fourth always."""
    made: TrainingRows = make.training_rows(n_trades=200, seed=5)
    X = made.X.copy()
    X[::3, 2] = np.nan
    X[:, 3] = np.nan
    return replace(made, X=X)


@pytest.fixture(scope="module")
def model(rows: TrainingRows) -> ExhaustionModel:
    return ExhaustionModel.fit(rows, QUICK, n_folds=3, threads=1)


@pytest.fixture(scope="module")
def probabilities(rows: TrainingRows, model: ExhaustionModel) -> dict[str, FloatArray]:
    return baseline_probabilities(rows, model, n_folds=3, threads=1)


def test_they_answer_the_rows_that_the_model_answers(
    rows: TrainingRows, model: ExhaustionModel, probabilities: dict[str, FloatArray]
) -> None:
    known = model.predict(rows.X, rows.time_ns).is_known
    assert set(probabilities) == {CONSTANT, LOGISTIC, SHUFFLED}
    for p in probabilities.values():
        np.testing.assert_array_equal(np.isfinite(p), known)
        assert ((p[known] > 0) & (p[known] < 1)).all()


def test_the_constant_is_what_each_stage_had_seen(
    rows: TrainingRows, model: ExhaustionModel, probabilities: dict[str, FloatArray]
) -> None:
    stage = model.stage_of(rows.time_ns)
    for k, span in enumerate(stage_spans(rows, 3)[: len(model.stages)]):
        assert (probabilities[CONSTANT][stage == k] == rows.race[span.train].mean()).all()


def test_a_line_is_found_where_the_truth_is_one_and_luck_finds_nothing(
    rows: TrainingRows, probabilities: dict[str, FloatArray]
) -> None:
    known = np.isfinite(probabilities[LOGISTIC])
    truth = probability_measures(1 / (1 + np.exp(-rows.X[known, 0].astype(float))), rows.race[known])
    line = probability_measures(probabilities[LOGISTIC][known], rows.race[known])
    assert line["log_loss"] < truth["log_loss"] + 0.004
    assert abs(auc(probabilities[SHUFFLED][known], rows.race[known]) - 0.5) < 0.06


def test_the_line_equals_scikit_learns_on_rows_filled_and_standardised_by_hand(
    rows: TrainingRows, model: ExhaustionModel, probabilities: dict[str, FloatArray]
) -> None:
    span = stage_spans(rows, 3)[0]
    X = rows.X[:, :3].astype(float)
    median = np.nanmedian(X[span.train], axis=0)
    X = np.where(np.isnan(X), median, X)
    Z = np.clip((X - X[span.train].mean(axis=0)) / X[span.train].std(axis=0), -5, 5)
    line = LogisticRegression(max_iter=200).fit(Z[span.train], rows.race[span.train])
    asked = model.stage_of(rows.time_ns) == 0
    np.testing.assert_allclose(probabilities[LOGISTIC][asked], line.predict_proba(Z[asked])[:, 1], atol=1e-4)


def test_probabilities_do_not_depend_on_later_rows(rows: TrainingRows, model: ExhaustionModel) -> None:
    moment = model.stages[1].valid_from_ns
    later = rows.time_ns >= moment
    rng = np.random.default_rng(0)
    other = replace(
        rows,
        X=np.where(later[:, None], np.float32(9), rows.X),
        race=np.where(rows.race_end_ns > moment, rng.integers(0, 2, len(rows)).astype(float), rows.race),
    )
    again = baseline_probabilities(other, ExhaustionModel.fit(other, QUICK, n_folds=3, threads=1), n_folds=3, threads=1)
    first = baseline_probabilities(rows, model, n_folds=3, threads=1)
    for name, p in first.items():
        np.testing.assert_array_equal(again[name][~later], p[~later])
