"""Books of a pool: each has its own level and silence, and a small one learns from the others."""

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
NAMES = ("large", "small", "blind")


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    """One law in two books of different levels; the third book, whose level is another again, has none."""
    made: TrainingRows = make.training_rows(n_trades=900, bars_a_trade=10, skill=0.0)
    index = np.where(made.trade % 3 == 2, 2, np.where(made.trade % 9 == 1, 1, 0)).astype(np.int64)
    level, law = np.array([0.0, 1.0, -1.0])[index], np.where(index == 2, 0.0, 0.8)
    rng = np.random.default_rng(5)
    x = made.X[:, 0].astype(np.float64)
    race = (rng.random(len(made)) < sigmoid(level + law * x)).astype(np.float64)
    hold = rng.standard_normal(len(made)) - 0.5 * law * x - 0.3 * level
    return replace(made, race=race, hold=hold, books=RowSymbols(NAMES, index))


@pytest.fixture(scope="module")
def model(rows: TrainingRows) -> ExhaustionModel:
    return ExhaustionModel.fit(rows, QUICK, n_folds=3, embargo_ns=5 * HOUR, threads=1)


def test_each_book_has_its_level_and_the_blind_one_is_silent(rows: TrainingRows, model: ExhaustionModel) -> None:
    said = model.predict(rows.X, rows.time_ns, symbols=rows.books)
    assert rows.books is not None
    late = said.stage == len(model.stages) - 2
    for k in range(len(NAMES)):
        own = late & (rows.books.index == k)
        assert said.exhaustion[own].mean() == pytest.approx(rows.race[own].mean(), abs=0.05)
    for series in ("exhaustion", "hold_value_r"):
        read = np.isfinite(said.reading(series))
        assert [bool(read[late & (rows.books.index == k)].any()) for k in range(len(NAMES))] == [True, True, False]
    blind = late & (rows.books.index == 2)
    assert len(np.unique(said.exhaustion[blind])) == 1
    assert np.isnan(said.reading("exit_rank")[blind]).all()


def test_a_small_book_predicts_better_in_the_pool_than_alone(rows: TrainingRows, model: ExhaustionModel) -> None:
    assert rows.books is not None
    own = np.flatnonzero(rows.books.index == 1)
    columns = {
        name: getattr(rows, name)[own]
        for name in ("X", "trade", "time_ns", "race", "race_end_ns", "hold", "hold_end_ns", "reachable")
    }
    alone = ExhaustionModel.fit(replace(rows, **columns, books=None), QUICK, n_folds=3, embargo_ns=5 * HOUR, threads=1)
    p = [
        alone.predict(rows.X[own], rows.time_ns[own]).exhaustion,
        model.predict(rows.X[own], rows.time_ns[own], symbols=rows.books.take(own)).exhaustion,
    ]
    # from where on it has the 60 trades that a level of its own needs
    y, both = rows.race[own], rows.time_ns[own] >= model.stages[2].valid_from_ns
    loss = [-np.mean(y[both] * np.log(q[both]) + (1 - y[both]) * np.log(1 - q[both])) for q in p]
    assert loss[1] < loss[0] - 0.002


def test_the_gain_is_measured_against_the_mean_of_each_book(rows: TrainingRows, model: ExhaustionModel) -> None:
    """Books of different levels would else seem predictable without any law."""
    rng = np.random.default_rng(1)
    assert rows.books is not None
    level = np.array([0.0, 1.0, -1.0])[rows.books.index]
    lawless = replace(rows, race=(rng.random(len(rows)) < sigmoid(level)).astype(np.float64))
    found = ExhaustionModel.fit(lawless, QUICK, n_folds=3, embargo_ns=5 * HOUR, threads=1)
    assert found.metrics["log_loss_gain"] < 0.002 < model.metrics["log_loss_gain"]


def test_a_saved_pool_is_the_same(rows: TrainingRows, model: ExhaustionModel, tmp_path: Path) -> None:
    again = load_model(save_model(model, tmp_path / "model"))
    one, other = (m.predict(rows.X, rows.time_ns, symbols=rows.books) for m in (model, again))
    for series in ("exhaustion", "hold_value_r", "exit_rank"):
        assert np.array_equal(one.reading(series), other.reading(series), equal_nan=True)


def test_a_book_of_few_trades_is_silent_at_its_own_level(rows: TrainingRows, model: ExhaustionModel) -> None:
    first = {m.symbol: m.stack for m in model.stages[0].race_own}
    assert first["small"].silent and first["small"].constant > 0.5 > first["large"].constant


def test_a_row_of_no_book_is_predicted_by_the_pool(rows: TrainingRows, model: ExhaustionModel) -> None:
    stranger = RowSymbols(("(OTHER)",), np.zeros(len(rows), dtype=np.int64))
    said, plain = model.predict(rows.X, rows.time_ns, symbols=stranger), model.predict(rows.X, rows.time_ns)
    assert np.array_equal(said.exhaustion, plain.exhaustion, equal_nan=True)


def test_a_book_of_one_stretch_of_days_has_the_level_of_all_books(rows: TrainingRows) -> None:
    """Known answer: 90% of many labels of one short stretch are 1, and the book's next labels are as all others."""
    later = {name: getattr(rows, name) + 72 * HOUR for name in ("race_end_ns", "hold_end_ns")}
    begin = rows.time_ns.min() + np.ptp(rows.time_ns) // 3
    inside = (rows.time_ns >= begin) & (rows.time_ns < begin + 20 * 24 * HOUR)
    race = np.where(inside, np.arange(len(rows)) % 10 > 0, rows.race)
    short = replace(rows, race=race, books=RowSymbols(("long", "short"), inside.astype(np.int64)), **later)
    assert inside.sum() > 400
    found = ExhaustionModel.fit(short, QUICK, n_folds=3, embargo_ns=5 * HOUR, threads=1)
    of_last = {m.symbol: m.stack for m in found.stages[-1].race_own}
    assert of_last["short"].silent
    assert sigmoid(np.array([of_last["short"].constant]))[0] == pytest.approx(short.race.mean(), abs=0.05)
