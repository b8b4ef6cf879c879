"""Stages that forget: the latest trades, weights that halve, and a choice that waits for evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exitladder.errors import ModelError
from exitladder.models.estimators.trainer import chosen_estimators
from exitladder.models.exhaustion.file import load_model, save_model
from exitladder.models.exhaustion.forgetting import decayed, latest
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.boosting import BinnedRows, booster_parameters
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings

HOUR = 3_600 * 10**9
QUICK = ModelSettings(n_estimators=10, num_leaves=4, min_child_samples=50, learning_rate=0.2, row_step=1)


def fitted(rows: TrainingRows, *ways: str) -> ExhaustionModel:
    return ExhaustionModel.fit(rows, replace(QUICK, forget=ways), n_folds=9, embargo_ns=5 * HOUR, threads=1)


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    made: TrainingRows = make.training_rows(n_trades=600, bars_a_trade=10, skill=1.5)
    return made


@pytest.fixture(scope="module")
def turned(rows: TrainingRows) -> TrainingRows:
    """The first feature tells the labels, and from a third of the trades on the opposite."""
    X = rows.X.copy()
    X[rows.trade >= 200, 0] *= -1
    return replace(rows, X=X)


def test_the_window_is_the_latest_trades_and_the_decay_halves_over_it(rows: TrainingRows) -> None:
    train = np.flatnonzero(rows.trade < 400)
    assert set(rows.trade[latest(rows, train, 0.25)]) == set(range(300, 400))
    weight = decayed(rows, train, 0.25)
    assert weight.max() == 1.0 and (weight[rows.trade[train] == 399] == 1.0).all()
    assert weight[rows.trade[train] == 299] == pytest.approx(0.5) and weight[0] == pytest.approx(0.5 ** (399 / 100))
    few = np.flatnonzero(rows.trade < 12)
    assert np.array_equal(latest(rows, few, 0.25), few)


def test_weights_count_as_repeated_rows_do(rows: TrainingRows) -> None:
    """A row of weight 2 is as good as the same row twice."""
    twice = np.sort(np.concatenate([np.arange(3_000), np.arange(1_000)]))
    weight = np.where(np.arange(3_000) < 1_000, 2.0, 1.0)
    for objective, y in (("binary", rows.race), ("regression", rows.hold)):
        one = Linear.fit(rows.X, np.arange(3_000), y[:3_000], objective, weight=weight)
        other = Linear.fit(rows.X, twice, y[twice], objective)
        assert np.corrcoef(one.predict(rows.X), other.predict(rows.X))[0, 1] > 0.9999
        parameters = booster_parameters(
            replace(QUICK, subsample=1.0, colsample=1.0, min_child_samples=1), objective, 0, 1
        )
        forests = [
            BinnedRows(rows.X[at], (), parameters).train(np.arange(len(at)), y[at], 5, objective, weight=of)
            for at, of in ((np.arange(3_000), weight), (twice, None))
        ]
        a, b = (forest.predict(rows.X) for forest in forests)
        assert np.corrcoef(a, b)[0, 1] > 0.97


def test_where_the_law_turns_a_stage_forgets_and_predicts_better(turned: TrainingRows, tmp_path: Path) -> None:
    keeps, chooses = fitted(turned, "off"), fitted(turned, "off", "window", "decay")
    assert chooses.metrics["log_loss_gain"] > keeps.metrics["log_loss_gain"] + 0.01
    assert chooses.stages[-1].memory["exhaustion"] == "window" and not chooses.stages[-1].silent("exhaustion")
    assert chooses.stages[0].memory == {}  # nothing is known yet
    again = load_model(save_model(chooses, tmp_path / "model"))
    assert [s.memory for s in again.stages] == [s.memory for s in chooses.stages]
    predicted, loaded = (m.predict(turned.X, turned.time_ns).exhaustion for m in (chooses, again))
    assert np.array_equal(predicted, loaded, equal_nan=True)


def test_where_the_law_holds_no_stage_forgets(rows: TrainingRows) -> None:
    keeps, chooses = fitted(rows, "off"), fitted(rows, "off", "window")
    assert all(stage.memory == {} for stage in chooses.stages)
    assert chooses.metrics == pytest.approx(keeps.metrics, nan_ok=True)


def test_the_choice_knows_nothing_later_than_its_stage(turned: TrainingRows) -> None:
    whole = fitted(turned, "off", "window")
    cut = whole.stages[6].valid_from_ns
    assert whole.stages[5].memory
    race = np.where(turned.time_ns > cut, 1 - turned.race, turned.race)
    other = fitted(replace(turned, race=race), "off", "window")
    assert [s.memory for s in other.stages[:7]] == [s.memory for s in whole.stages[:7]]
    before = turned.time_ns < cut
    a, b = (m.predict(turned.X[before], turned.time_ns[before]).exhaustion for m in (whole, other))
    assert np.array_equal(a, b, equal_nan=True)


def test_decay_needs_forests_in_this_process() -> None:
    decays = replace(QUICK, forget=("off", "decay"))
    for settings in (
        replace(decays, estimator="sklearn.linear_model.LogisticRegression()"),
        replace(decays, scheduler="tcp://10.0.0.1:8786"),
    ):
        with pytest.raises(ModelError, match="needs no weights"):
            chosen_estimators(settings)
