"""Forests of a stage: how many trees they get, and that the mean of several is one booster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exitladder.errors import ModelError
from exitladder.models.calibration.calibrators import logit
from exitladder.models.forests.boosting import BinnedRows, Forest, booster_parameters
from exitladder.models.forests.growing import StageTraining
from exitladder.models.forests.mean_forest import mean_text
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings

HOUR = 3_600 * 10**9
SETTINGS = ModelSettings(n_estimators=60, learning_rate=0.3, num_leaves=8, min_child_samples=20, patience=10)


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    made: TrainingRows = make.training_rows(n_trades=120, skill=0.7)
    return made


def training(rows: TrainingRows, embargo_ns: int = 5 * HOUR, **changes: Any) -> StageTraining:
    settings = replace(SETTINGS, **changes)
    parameters = booster_parameters(settings, "binary", 0, 1)
    return StageTraining.of(rows, np.arange(len(rows)), settings, parameters, embargo_ns)


def boosters(rows: TrainingRows, n: int) -> list[Forest]:
    """Return forests of different trades and lengths, of features with and without unknown values."""
    X = rows.X.copy()
    X[::5, 1] = np.nan
    binned = BinnedRows(X, rows.names, booster_parameters(SETTINGS, "binary", 0, 1))
    parts = np.array_split(np.arange(len(rows)), n)
    return [binned.train(part, rows.race[part], 3 + k, "binary") for k, part in enumerate(parts)]


def test_the_mean_of_boosters_is_a_booster_with_the_mean_of_their_log_odds(rows: TrainingRows) -> None:
    X = rows.X.copy()
    X[::7, 1] = np.nan
    several = boosters(rows, 3)
    mean = Forest(mean_text([f.text for f in several]))
    expected = np.mean([logit(f.predict(X, 1)) for f in several], axis=0)
    np.testing.assert_allclose(logit(mean.predict(X, 1)), expected, rtol=0, atol=1e-9)
    parts = np.mean([f.contributions(X, 1) for f in several], axis=0)
    np.testing.assert_allclose(mean.contributions(X, 1), parts, rtol=0, atol=1e-9)
    assert mean.n_trees == 3 + 4 + 5
    assert mean.names() == rows.names
    assert mean.gain().sum() == pytest.approx(1)


def test_the_mean_of_one_booster_is_itself_and_others_features_are_refused(rows: TrainingRows) -> None:
    one = boosters(rows, 1)[0].text
    assert mean_text([one]) == one
    with pytest.raises(ModelError, match="features and objective are the same"):
        mean_text([one, one.replace("feature_0", "other")])


def test_growing_ends_where_the_loss_on_held_out_trades_no_longer_falls(rows: TrainingRows) -> None:
    """An independent count: the loss of each length of forest, from predictions of the held-out rows."""
    grows = training(rows)
    losses = np.zeros(SETTINGS.n_estimators)
    for train, held in grows.folds:
        for k in range(SETTINGS.n_estimators):
            p = grows.binned.train(train, rows.race[train], k + 1, "binary").predict(rows.X[held], 1)
            y = rows.race[held]
            losses[k] -= np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(rows)
            if k > losses[: k + 1].argmin() + 30:
                losses[k + 1 :] = np.inf
                break
    grown = grows.forest("binary")
    best = int(losses.argmin()) + 1
    assert 1 < best < 40
    assert grown.n_trees == 3 * best


def test_a_forest_alone_takes_its_number_of_trees_from_the_latest_quarter_and_grows_on_all(rows: TrainingRows) -> None:
    grows = training(rows, ensemble=1)
    ((train, held),) = grows.folds
    assert rows.end_ns[train].max() <= rows.time_ns[held].min() - 5 * HOUR
    assert len(np.unique(rows.trade[held])) == 30
    forest = grows.forest("regression")
    same = grows.binned.train(np.arange(len(rows)), rows.hold, forest.n_trees, "regression")
    assert forest.text == same.text
    assert forest.n_trees < 30


def test_held_out_trades_are_purged_from_the_forest_that_is_judged_on_them(rows: TrainingRows) -> None:
    grows = training(rows)
    assert len(grows.folds) == 3
    np.testing.assert_array_equal(np.sort(np.concatenate([held for _, held in grows.folds])), np.arange(len(rows)))
    for train, held in grows.folds:
        first, last = rows.time_ns[held].min(), rows.end_ns[held].max()
        assert ((rows.end_ns[train] < first) | (rows.time_ns[train] > last + 5 * HOUR)).all()
        assert len(train) > 0.5 * len(rows)


def test_without_patience_all_trees_grow(rows: TrainingRows) -> None:
    assert training(rows, patience=0).forest("binary").n_trees == 3 * SETTINGS.n_estimators
    assert training(rows, patience=0, ensemble=1).forest("binary").n_trees == SETTINGS.n_estimators


def test_too_few_trades_to_hold_some_out_grow_one_forest_with_all_trees(make: Any) -> None:
    few = make.training_rows(n_trades=12)
    grows = training(few)
    assert grows.folds == ()
    assert grows.forest("binary").n_trees == SETTINGS.n_estimators


def test_rows_without_one_of_the_labels_are_left_out_of_that_forest_only(rows: TrainingRows) -> None:
    """Unknown race labels change the race's forest as if their rows were not there, and leave the other's."""
    unknown = np.random.default_rng(0).random(len(rows)) < 0.3
    holed = replace(rows, race=np.where(unknown, np.nan, rows.race), race_end_ns=rows.hold_end_ns)
    full = replace(rows, race_end_ns=rows.hold_end_ns)
    one, other = training(holed), training(full)
    assert one.forest("regression").text == other.forest("regression").text
    poisoned = training(replace(holed, race=np.where(unknown, 1.0, rows.race)))
    assert one.forest("binary").text != poisoned.forest("binary").text


# Tuning of the parameters


def test_tuning_finds_parameters_of_a_smaller_held_out_loss_and_grows_with_them(make: Any) -> None:
    """Parameters that are wrong on purpose: one leaf of half the rows cannot learn, smaller ones can."""
    rows = make.training_rows(n_trades=120, skill=1.5)
    wrong: dict[str, Any] = {"min_child_samples": 1_400, "colsample": 0.3, "n_estimators": 20}
    plain, tuned = training(rows, **wrong), training(rows, tune_trials=12, **wrong)
    assert tuned.loss({}) < plain.loss({}) - 0.05
    assert tuned.parameters["min_data_in_leaf"] < 1_400
    expected = plain.binned.train_held_out(
        np.arange(len(rows)), rows.race, plain.folds, "binary", n_trees=20, patience=10, parameters=tuned.parameters
    )
    assert tuned.forest("binary").text == expected.forest.text
    assert f"[num_leaves: {tuned.parameters['num_leaves']}]" in tuned.forest("binary").text


def test_tuning_is_the_same_again_and_looks_at_nothing_outside_the_training_rows(rows: TrainingRows) -> None:
    settings = replace(SETTINGS, tune_trials=4, n_estimators=5)
    parameters = booster_parameters(settings, "binary", 0, 1)
    train = np.arange(0, 2_400)
    poisoned = replace(rows, X=np.where(np.arange(len(rows))[:, None] < 2_400, rows.X, np.float32(7)))
    found = [
        StageTraining.of(data, train, settings, parameters, 5 * HOUR).parameters for data in (rows, rows, poisoned)
    ]
    assert found[0] == found[1] == found[2]
