"""Baselines of the exhaustion model: probabilities from simpler learners in the same stages.

Each baseline is trained on the rows that a stage of the model was trained on and predicts the rows that the stage
predicts, so that only the learner differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import sigmoid
from exitladder.models.exhaustion.leak_check import shuffled_by_trade
from exitladder.models.exhaustion.linear import Linear
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.training import stage_spans
from exitladder.models.forests.boosting import booster_parameters
from exitladder.models.forests.growing import MakeTrainer, StageTraining, predict_rows, train_here
from exitladder.models.forests.rows import TrainingRows

CONSTANT, LOGISTIC, SHUFFLED = "constant", "logistic regression", "LightGBM on shuffled labels"
# L2 penalty of all rows together, which is next to none: the plain regression.
_LOGISTIC_PENALTY = 1.0

Learner = Callable[[IntArray, IntArray], FloatArray]


def baseline_probabilities(
    rows: TrainingRows,
    model: ExhaustionModel,
    *,
    n_folds: int,
    embargo_ns: int = 0,
    seed: int = 0,
    threads: int = 0,
    make_trainer: MakeTrainer = train_here,
) -> dict[str, FloatArray]:
    """Return the probability of every row by each baseline, NaN where no stage of the model is valid.

    Parameters
    ----------
    rows : TrainingRows
        Those the model was trained on.
    model : ExhaustionModel
    n_folds : int
        Walk-forward folds, as the model was trained with.
    embargo_ns : int
        Embargo, nanoseconds.
    seed, threads : int
        0 threads means all cores.
    make_trainer : callable
        As in `ExhaustionModel.fit`.

    Returns
    -------
    dict of str to float64 array, shape (n_rows,)
        By name of the baseline.

    Notes
    -----
    *constant* is the share of ones among the training labels. The *logistic regression* sees features
    standardised by the training rows, with unknown values at their median. *LightGBM on shuffled labels* is a
    forest like the model's, trained after each trade got another trade's labels: the result of chance alone.
    """
    spans = {span.valid_from_ns: span.train for span in stage_spans(rows, n_folds, embargo_ns)}
    sampled = rows.every(model.settings.row_step)
    answered_by = model.stage_of(rows.time_ns)
    settings = replace(model.settings, ensemble=1, tune_trials=0)
    parameters = booster_parameters(settings, "binary", seed, threads)

    def constant(train: IntArray, asked: IntArray) -> FloatArray:
        return np.full(len(asked), rows.race[train].mean())

    def logistic(train: IntArray, asked: IntArray) -> FloatArray:
        return _logistic(rows, train, asked)

    def shuffled(train: IntArray, asked: IntArray) -> FloatArray:
        race = rows.race.copy()
        race[train] = shuffled_by_trade(rows.trade[train], rows.time_ns[train], rows.race[train], seed)
        training = StageTraining.of(replace(rows, race=race), train, settings, parameters, embargo_ns, make_trainer)
        return predict_rows(partial(training.forest("binary").predict, threads=threads), rows, asked)

    learners: dict[str, Learner] = {CONSTANT: constant, LOGISTIC: logistic, SHUFFLED: shuffled}
    predicted = {name: np.full(len(rows), np.nan) for name in learners}
    for k, stage in enumerate(model.stages):
        train = spans[stage.valid_from_ns]
        train = train[sampled[train] & np.isfinite(rows.race[train])]
        asked = np.flatnonzero(answered_by == k)
        if len(asked):
            for name, learner in learners.items():
                predicted[name][asked] = learner(train, asked)
    return predicted


def _logistic(rows: TrainingRows, train: IntArray, asked: IntArray) -> FloatArray:
    """Return the probabilities of the rows `asked` by a logistic regression trained on the rows `train`."""
    line = Linear.fit(rows.X, train, rows.race[train], "binary", penalty=_LOGISTIC_PENALTY / len(train))
    return sigmoid(predict_rows(line.predict, rows, asked))
