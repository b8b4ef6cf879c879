"""Rows on disk, read in pieces, teach what rows in memory teach, to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exitladder.errors import ModelError
from exitladder.models.exhaustion.baselines import baseline_probabilities
from exitladder.models.exhaustion.leak_check import check_leaks
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.paths import path_measures
from exitladder.models.forests import rows as training_rows
from exitladder.models.forests.boosting import BinnedRows, booster_parameters, losses_by_tree
from exitladder.models.forests.rows import TrainingRows, check_matrix
from exitladder.runtime.memory import matrix_on_disk
from exitladder.settings.tables import ModelSettings

QUICK = ModelSettings(n_estimators=25, patience=5, min_child_samples=40, row_step=1)


def copied_to_disk(rows: TrainingRows) -> TrainingRows:
    X = matrix_on_disk(*rows.X.shape)
    X[:] = rows.X
    return replace(rows, X=X)


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    made: TrainingRows = make.training_rows(n_trades=160, seed=3)
    X = made.X.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return replace(made, X=X)


@pytest.fixture(scope="module")
def on_disk(rows: TrainingRows) -> TrainingRows:
    return copied_to_disk(rows)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_rows, "ROWS_AT_ONCE", 700)


def texts(model: ExhaustionModel) -> list[str]:
    return [forest.text for stage in model.stages for forest in (stage.race, stage.hold)]


@pytest.mark.parametrize(
    "settings", [QUICK, replace(QUICK, ensemble=1, row_step=2), replace(QUICK, ensemble=2, tune_trials=2)]
)
def test_the_model_is_the_same_to_the_bit(rows: TrainingRows, on_disk: TrainingRows, settings: ModelSettings) -> None:
    assert on_disk.is_on_disk
    assert not rows.is_on_disk
    from_memory, from_disk = (ExhaustionModel.fit(r, settings, n_folds=2, threads=1) for r in (rows, on_disk))
    assert len(from_memory.stages) == 3
    assert texts(from_disk) == texts(from_memory)
    assert from_disk.metrics == from_memory.metrics
    assert [s.calibrator.to_mapping() for s in from_disk.stages] == [
        s.calibrator.to_mapping() for s in from_memory.stages
    ]


def test_baselines_leak_check_and_paths_are_the_same(rows: TrainingRows, on_disk: TrainingRows) -> None:
    model = ExhaustionModel.fit(rows, QUICK, n_folds=2, threads=1)
    in_memory, again = (baseline_probabilities(r, model, n_folds=2, threads=1) for r in (rows, on_disk))
    for name, values in in_memory.items():
        np.testing.assert_array_equal(again[name], values)
    following = np.random.default_rng(1).normal(size=len(rows))
    assert check_leaks(on_disk, model, following, n_folds=2, threads=1) == check_leaks(
        rows, model, following, n_folds=2, threads=1
    )
    assert path_measures(on_disk, QUICK, n_blocks=3, n_test_blocks=1, threads=1).equals(
        path_measures(rows, QUICK, n_blocks=3, n_test_blocks=1, threads=1)
    )


@pytest.mark.parametrize("seed", [0, 7])
def test_bins_are_found_on_the_same_rows_where_not_all_are_looked_at(seed: int) -> None:
    """LightGBM draws 200,000 rows; from pieces it would draw others than from a matrix unless it is told."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((230_000, 2), dtype=np.float32)
    X[rng.random(X.shape) < 0.1] = np.nan
    on_disk = matrix_on_disk(*X.shape)
    on_disk[:] = X
    chosen = np.flatnonzero(rng.random(len(X)) < 0.95)
    y = (rng.random(len(chosen)) < 0.5).astype(np.float64)
    parameters = booster_parameters(ModelSettings(), "binary", seed, 1)
    made = [BinnedRows(given, ("a", "b"), parameters, chosen) for given in (X, on_disk)]
    first, second = (binned.train(np.arange(0, len(chosen), 3), y[::3], 3, "binary").text for binned in made)
    assert first == second


def test_an_infinite_value_is_found_in_any_piece(on_disk: TrainingRows) -> None:
    X = np.array(on_disk.X)
    X[2_000, 1] = np.inf
    with pytest.raises(ModelError, match="'feature_1' holds an infinite value"):
        check_matrix(X, on_disk.names)


@pytest.mark.parametrize("objective", ["binary", "regression"])
def test_the_loss_after_each_tree_is_that_of_the_first_trees_alone(rows: TrainingRows, objective: str) -> None:
    y = rows.race if objective == "binary" else rows.hold
    parameters = booster_parameters(QUICK, objective, 0, 1)
    binned, half = BinnedRows(rows.X, rows.names, parameters), np.arange(0, len(rows), 2)
    text = binned.train(half, y[half], 12, objective).text
    losses = losses_by_tree(text, rows.X, y, objective, 15)
    for n in (1, 5, 12):
        p = binned.train(half, y[half], n, objective).predict(rows.X, 1)
        loss = -np.log(np.where(y == 1, p, 1 - p)) if objective == "binary" else (p - y) ** 2
        assert losses[n - 1] == pytest.approx(loss.sum(), rel=1e-12)
    # A booster with nothing left to split has fewer trees than were asked for.
    assert (losses[12:] == losses[11]).all()
