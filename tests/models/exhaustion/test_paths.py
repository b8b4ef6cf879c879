"""Measures over the histories of combinatorial purged cross-validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exitladder.models.calibration.measures import probability_measures
from exitladder.models.exhaustion.paths import path_measures
from exitladder.models.forests.boosting import booster_parameters
from exitladder.models.forests.growing import StageTraining
from exitladder.models.splits import CombinatorialPurged
from exitladder.settings.tables import ModelSettings

QUICK = ModelSettings(n_estimators=15, num_leaves=4, min_child_samples=20, learning_rate=0.2, ensemble=1, row_step=1)


def test_every_path_tells_all_trades_by_folds_that_did_not_train_on_them(make: Any) -> None:
    """The first path put together by hand: for each block the first fold, in order, that tests it."""
    rows = make.training_rows(n_trades=90, bars_a_trade=20)
    table = path_measures(rows, QUICK, n_blocks=4, n_test_blocks=2, threads=1)
    assert table["path"].tolist() == [0, 1, 2]
    assert (table["n_rows"] == len(rows)).all()
    splitter = CombinatorialPurged(4, 2)
    folds = splitter.folds(rows.time_ns, rows.over_ns, rows.trade)
    starts = np.sort(rows.time_ns[::20])
    block = np.searchsorted(starts[[k * 90 // 4 for k in range(4)]], rows.time_ns[::20], side="right") - 1
    p = np.full(len(rows), np.nan)
    for b in range(4):
        number = next(k for k, chosen in enumerate(splitter.test_blocks()) if b in chosen)
        own = np.flatnonzero(block[rows.trade] == b)
        training = StageTraining.of(rows, folds[number].train, QUICK, booster_parameters(QUICK, "binary", 0, 1), 0)
        p[own] = training.forest("binary").predict(rows.X[own], 1)
    expected = probability_measures(p, rows.race)
    for name in ("log_loss", "brier", "auc"):
        assert table[name][0] == pytest.approx(expected[name], rel=1e-5)


def test_skill_shows_on_every_path_and_its_absence_too(make: Any) -> None:
    with_skill = path_measures(make.training_rows(n_trades=100, bars_a_trade=20), QUICK, n_blocks=4, threads=1)
    without = path_measures(make.training_rows(n_trades=100, bars_a_trade=20, skill=0.0), QUICK, n_blocks=4, threads=1)
    assert (with_skill["auc"] > 0.65).all()
    assert (with_skill["hold_correlation"] > 0.15).all()
    assert (abs(without["auc"] - 0.5) < 0.06).all()


def test_rows_without_labels_belong_to_no_path(make: Any) -> None:
    rows = make.training_rows(n_trades=60, bars_a_trade=20)
    gone = np.random.default_rng(0).random(len(rows)) < 0.3
    table = path_measures(replace(rows, reachable=~gone), QUICK, n_blocks=3, n_test_blocks=1, threads=1)
    assert table["n_rows"].tolist() == [int((~gone).sum())]
