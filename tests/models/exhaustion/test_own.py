"""A symbol with a law of its own gets a model of its own, and other symbols do not learn it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exitladder.models.calibration.calibrators import sigmoid
from exitladder.models.exhaustion.file import load_model, save_model
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.rows import RowSymbols, TrainingRows
from exitladder.settings.tables import ModelSettings

HOUR = 3_600 * 10**9
QUICK = ModelSettings(n_estimators=10, num_leaves=4, min_child_samples=50, learning_rate=0.2, row_step=1)
NAMES = ("A", "B", "C", "D", "E", "F")


def fitted(rows: TrainingRows, settings: ModelSettings = QUICK) -> ExhaustionModel:
    return ExhaustionModel.fit(rows, settings, n_folds=3, embargo_ns=5 * HOUR, threads=1)


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    """Trades of six symbols in turn; the second feature tells the labels of A alone, the others' are luck."""
    made: TrainingRows = make.training_rows(n_trades=900, bars_a_trade=10, skill=0.0)
    index = made.trade % len(NAMES)
    rng = np.random.default_rng(5)
    x = np.where(index == 0, made.X[:, 1].astype(np.float64), 0.0)
    race = (rng.random(len(made)) < sigmoid(1.5 * x)).astype(np.float64)
    hold = rng.standard_normal(len(made)) - 0.7 * x
    return replace(made, race=race, hold=hold, symbols=RowSymbols(NAMES, index.astype(np.int64)))


@pytest.fixture(scope="module")
def model(rows: TrainingRows) -> ExhaustionModel:
    return fitted(rows)


def test_the_symbol_with_the_law_has_its_own_model_and_learns_it(rows: TrainingRows, model: ExhaustionModel) -> None:
    last = model.stages[-1]
    for series, sign in (("exhaustion", 1), ("hold_value_r", -1)):
        weight = {m.symbol: m.stack.linear * np.array(m.linear.weight) for m in last.own_models(series)}
        assert np.argmax(np.abs(weight["A"])) == 1 and sign * weight["A"][1] > 0.2
        # Others may only say that the diluted law of all rows is not theirs.
        assert all(np.abs(w).max() < 0.3 * abs(weight["A"][1]) for name, w in weight.items() if name != "A")
    said = model.predict(rows.X, rows.time_ns, symbols=rows.symbols)
    assert rows.symbols is not None
    own = said.own["exhaustion"] & (said.stage == len(model.stages) - 2) & (rows.symbols.index == 0)
    assert np.corrcoef(said.exhaustion[own], rows.race[own])[0, 1] > 0.3


def test_its_gain_shows_out_of_fold(rows: TrainingRows, model: ExhaustionModel) -> None:
    pooled = fitted(rows, replace(QUICK, by_symbol=False))
    assert not any(stage.race_own or stage.hold_own for stage in pooled.stages)
    assert model.metrics["log_loss_gain"] > pooled.metrics["log_loss_gain"] + 0.01
    assert model.metrics["hold_gain_r2"] > pooled.metrics["hold_gain_r2"]


def test_rules_read_the_own_model_of_a_silent_stage(rows: TrainingRows, model: ExhaustionModel) -> None:
    said = model.predict(rows.X, rows.time_ns, symbols=rows.symbols)
    own = said.own["exhaustion"]
    assert np.array_equal(said.reading("exhaustion")[own], said.exhaustion[own])
    is_silent = np.array([*model.silent["exhaustion"], False])[said.stage]
    assert np.isnan(said.reading("exhaustion")[is_silent & ~own]).all()


def test_without_symbols_every_row_is_that_of_an_unknown_one(rows: TrainingRows, model: ExhaustionModel) -> None:
    plain = model.predict(rows.X, rows.time_ns)
    assert rows.symbols is not None
    renamed = RowSymbols(tuple(f"other {name}" for name in NAMES), rows.symbols.index)
    other = model.predict(rows.X, rows.time_ns, symbols=renamed)
    assert np.array_equal(plain.exhaustion, other.exhaustion, equal_nan=True) and not plain.own


def test_saved_and_loaded_it_predicts_the_same_to_the_bit(
    rows: TrainingRows, model: ExhaustionModel, tmp_path: Path
) -> None:
    again = load_model(save_model(model, tmp_path / "model"))
    one, other = (m.predict(rows.X, rows.time_ns, symbols=rows.symbols) for m in (model, again))
    assert np.array_equal(one.exhaustion, other.exhaustion, equal_nan=True)
    assert np.array_equal(one.hold_value_r, other.hold_value_r, equal_nan=True)


def test_contributions_add_up_to_the_prediction(rows: TrainingRows, model: ExhaustionModel) -> None:
    """Of an own model that leaves no weight to the forest, they are exact and add up to the log-odds less the rest."""
    last = model.stages[-1]
    alone = replace(last.race_own[0], stack=replace(last.race_own[0].stack, forest=0.0))
    stage = replace(last, race_own=(alone,))
    symbols = RowSymbols(NAMES, np.zeros(50, dtype=np.int64))
    X = rows.X[:50]
    parts = stage.contributions(X, "exhaustion", 1, symbols)
    own, at = stage.of_symbols(X, "exhaustion", symbols, 1)
    assert np.array_equal(at, np.arange(50))
    np.testing.assert_allclose(np.diff(parts.sum(axis=1)), np.diff(own), atol=1e-9)


def test_a_prediction_does_not_change_with_later_labels(rows: TrainingRows, model: ExhaustionModel) -> None:
    """Own models know nothing later than their stage: labels after it are turned around, and earlier rows stay."""
    start = model.stages[2].valid_from_ns
    late = rows.end_ns > start
    other = fitted(replace(rows, race=np.where(late, 1 - rows.race, rows.race)))
    before = rows.time_ns < start
    one, two = (m.predict(rows.X, rows.time_ns, symbols=rows.symbols).exhaustion[before] for m in (model, other))
    assert np.array_equal(one, two, equal_nan=True)
