"""Families that say nothing are left out of a stage; one that says something is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exitladder.models.calibration.calibrators import sigmoid
from exitladder.models.exhaustion.file import load_model, save_model
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings

HOUR = 3_600 * 10**9
QUICK = ModelSettings(n_estimators=15, num_leaves=4, min_child_samples=50, learning_rate=0.2, row_step=1)
FAMILIES = ("", "", "luck", "luck", "luck", "signal")


def fitted(rows: TrainingRows, settings: ModelSettings = QUICK) -> ExhaustionModel:
    return ExhaustionModel.fit(rows, settings, n_folds=2, embargo_ns=5 * HOUR, threads=1)


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    """The first feature tells a little, the last one of a family `signal` more, those of `luck` nothing."""
    made: TrainingRows = make.training_rows(n_trades=400, bars_a_trade=10, n_features=len(FAMILIES))
    x = (0.7 * made.X[:, 0] + made.X[:, -1]).astype(np.float64)
    race = (np.random.default_rng(1).random(len(made)) < sigmoid(x)).astype(np.float64)
    return replace(made, race=race, families=FAMILIES)


@pytest.fixture(scope="module")
def model(rows: TrainingRows) -> ExhaustionModel:
    return fitted(rows)


def test_the_family_with_the_signal_is_used_and_luck_is_not(model: ExhaustionModel) -> None:
    last = model.stages[-1]
    assert last.families == ("signal",)
    for series in ("exhaustion", "hold_value_r"):
        share = last.gain(series)
        assert np.array_equal(share[2:5], np.zeros(3)), "trees and line leave the columns of luck alone"
    assert model.importance().set_index("feature")["exhaustion"]["feature_5"] > 0.4


def test_without_screening_every_feature_may_be_used(rows: TrainingRows) -> None:
    every = fitted(rows, replace(QUICK, screen=False))
    assert (every.stages[-1].gain("exhaustion") > 0).all()
    assert every.stages[-1].families == ()


def test_nothing_to_screen_changes_nothing(rows: TrainingRows) -> None:
    plain = replace(rows, families=())
    one, other = fitted(plain), fitted(plain, replace(QUICK, screen=False))
    assert one.stages[-1].race.text == other.stages[-1].race.text


def test_a_model_of_families_alone_uses_them_all(rows: TrainingRows) -> None:
    """Features that someone names without any of the default set are what he asks for."""
    named = fitted(replace(rows, families=("signal",) * len(FAMILIES)))
    assert named.stages[-1].families == ("signal",) and (named.stages[-1].gain("exhaustion") > 0).all()


def test_saved_and_loaded_it_names_its_families(rows: TrainingRows, model: ExhaustionModel, tmp_path: Path) -> None:
    again = load_model(save_model(model, tmp_path / "model"))
    assert again.stages[-1].families == ("signal",)
    one, other = (m.predict(rows.X, rows.time_ns).exhaustion for m in (model, again))
    assert np.array_equal(one, other, equal_nan=True)
