"""Variation of the model's measures over several backtest paths (combinatorial purged cross-validation).

Walk-forward gives one backtest path. Combinatorial purged cross-validation (CPCV) tests every combination of
blocks of trades and trains on the others. The tests combine into several paths, each of which predicts every trade.
The training data include trades after the tested ones, unlike in live trading. So the paths measure only the
uncertainty of the measures, and no exit is tuned on them.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from exitladder.models.calibration.measures import probability_measures
from exitladder.models.forests.boosting import booster_parameters
from exitladder.models.forests.growing import MakeTrainer, StageTraining, enough, predict_rows, train_here
from exitladder.models.forests.rows import TrainingRows
from exitladder.models.splits import CombinatorialPurged
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import ModelSettings


def path_measures(
    rows: TrainingRows,
    settings: ModelSettings,
    *,
    n_blocks: int = 6,
    n_test_blocks: int = 2,
    embargo_ns: int = 0,
    seed: int = 0,
    threads: int = 0,
    progress: Progress = SILENT,
    make_trainer: MakeTrainer = train_here,
) -> pd.DataFrame:
    """Return the measures of each path, one row per path.

    Parameters
    ----------
    rows : TrainingRows
    settings : ModelSettings
    n_blocks, n_test_blocks : int
        As in `CombinatorialPurged`: 6 and 2 train 15 times and give 5 paths.
    embargo_ns : int
        Embargo, nanoseconds.
    seed, threads : int
        0 threads means all cores.
    progress : Progress
    make_trainer : callable
        As in `ExhaustionModel.fit`.

    Returns
    -------
    DataFrame
        Columns path, n_rows, log_loss, brier, auc (of the uncalibrated probability) and hold_correlation. Rows of
        a block whose fold had too little to train on are left out.

    Notes
    -----
    Source: M. López de Prado, Advances in Financial Machine Learning (2018), chapter 12. Paths share trades and
    most of their training rows, so they vary less than independent histories would.
    """
    splitter = CombinatorialPurged(n_blocks, n_test_blocks, embargo_ns)
    used = np.flatnonzero(rows.is_used)
    folds = splitter.folds(rows.time_ns[used], rows.over_ns[used], rows.trade[used])
    sampled = rows.every(settings.row_step)
    parameters = booster_parameters(settings, "binary", seed, threads)
    predicted = np.full((2, len(folds), len(rows)), np.nan, dtype=np.float32)
    with progress.stage("paths", len(folds)) as advance:
        for fold in folds:
            train, test = used[fold.train], used[fold.test]
            train = train[sampled[train]]
            if enough(rows, train):
                training = StageTraining.of(rows, train, settings, parameters, embargo_ns, make_trainer)
                for k, objective in enumerate(("binary", "regression")):
                    predicted[k, fold.number, test] = predict_rows(
                        partial(training.forest(objective).predict, threads=threads), rows, test
                    )
            advance(1)
    block = _blocks(splitter, [used[fold.test] for fold in folds], len(rows))
    found = []
    for number, path in enumerate(splitter.paths()):
        at = path[np.maximum(block, 0)], np.arange(len(rows))
        race, hold = (np.where(block >= 0, part[at], np.nan).astype(np.float64) for part in predicted)
        evaluation = np.isfinite(race) & np.isfinite(rows.race)
        held = np.isfinite(hold) & np.isfinite(rows.hold)
        measured = probability_measures(race[evaluation], rows.race[evaluation])
        spread = held.sum() > 1 and hold[held].std() > 0 and rows.hold[held].std() > 0
        found.append(
            {
                "path": number,
                "n_rows": int(evaluation.sum()),
                **{name: measured[name] for name in ("log_loss", "brier", "auc")},
                "hold_correlation": float(np.corrcoef(hold[held], rows.hold[held])[0, 1]) if spread else np.nan,
            }
        )
    return pd.DataFrame(found)


def _blocks(splitter: CombinatorialPurged, tests: list[np.ndarray], n_rows: int) -> np.ndarray:
    """Return each row's block, -1 for rows of none, shape (n_rows,)."""
    counts = np.zeros((splitter.n_blocks, n_rows), dtype=np.int64)
    for chosen, test in zip(splitter.test_blocks(), tests, strict=True):
        for block in chosen:
            counts[block, test] += 1
    # A row is tested whenever its own block is chosen, and less often together with any other block.
    block = counts.argmax(axis=0)
    return np.where(counts.any(axis=0), block, -1)
