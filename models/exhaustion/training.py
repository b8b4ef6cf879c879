"""Training of the stages of the exhaustion model, one after another in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import Calibrator, Identity, fit_calibrator, logit
from exitladder.models.calibration.measures import probability_measures, reliability
from exitladder.models.exhaustion.stage import Stage
from exitladder.models.forests.boosting import booster_parameters
from exitladder.models.forests.growing import (
    LEAST_OF_A_CLASS,
    LEAST_ROWS,
    LEAST_TRADES,
    MakeTrainer,
    StageTraining,
    enough,
    predict_rows,
    train_here,
)
from exitladder.models.forests.rows import TrainingRows
from exitladder.models.splits import PurgedWalkForward
from exitladder.settings.tables import ModelSettings

# What automatic calibration chooses among, the simplest first.
CHOICES = ("platt", "isotonic", "venn_abers")
CHOICE_STRETCHES = 4
# More flexible calibrations than Platt's need about 1,000 independent predictions; bars of a trade count as one.
FREER_TRADES = 1_000
# A calibrator is not fitted on less; bars of a trade overlap, so trades count as well as rows.
CALIBRATION_ROWS, CALIBRATION_TRADES, CALIBRATION_OF_A_CLASS = 500, 30, 50


@dataclass(frozen=True)
class StageSpan:
    """The training rows of a stage, and the time from which it is valid.

    Parameters
    ----------
    train : int64 array
        Positions of rows, increasing.
    valid_from_ns : int
    """

    train: IntArray
    valid_from_ns: int


def stage_spans(rows: TrainingRows, n_folds: int, embargo_ns: int = 0) -> list[StageSpan]:
    """Return the training span of each walk-forward fold, and a last one of all rows with labels.

    Parameters
    ----------
    rows : TrainingRows
        At least one of them with a label.
    n_folds : int
    embargo_ns : int
        Embargo, nanoseconds.

    Returns
    -------
    list of StageSpan
        In time order.

    Raises
    ------
    ModelError
        If there are fewer trades than blocks.
    """
    used = np.flatnonzero(rows.is_used)
    folds = PurgedWalkForward(n_folds, embargo_ns).folds(
        rows.time_ns[used], rows.over_ns[used], rows.trade[used], block_starts=rows.trade_starts
    )
    spans = [StageSpan(used[fold.train], fold.test_start_ns) for fold in folds]
    return [*spans, StageSpan(used, int(rows.over_ns[used].max()) + embargo_ns)]


class Training:
    """Stages trained so far, and their out-of-fold predictions."""

    def __init__(
        self,
        rows: TrainingRows,
        settings: ModelSettings,
        embargo_ns: int,
        seed: int,
        threads: int,
        make_trainer: MakeTrainer = train_here,
    ) -> None:
        self.rows, self.settings, self.embargo_ns, self.make_trainer = rows, settings, embargo_ns, make_trainer
        self.parameters = booster_parameters(settings, "binary", seed, threads)
        self.threads = threads
        self.sampled = rows.every(settings.row_step)
        self.stages: list[Stage] = []
        self.raw = np.full(len(rows), np.nan)
        self.hold = np.full(len(rows), np.nan)
        self.stage = np.full(len(rows), -1, dtype=np.int16)
        self.first_calibration = np.full(len(rows), np.nan)
        self._predicted_to = np.iinfo(np.int64).min

    def predict_for_first_calibration(self, train: IntArray) -> None:
        """Predict the later half of the first stage's trades by a booster trained on the earlier half.

        Without these predictions the first stage would be uncalibrated. They only fit its calibrator: the booster
        is then discarded, and the model's predictions never come from it.
        """
        rows, train = self.rows, train[self.sampled[train]]
        train = train[np.isfinite(rows.race[train])]
        trades = rows.trade[train]
        if len(np.unique(rows.time_ns[train])) < 2 or len(np.unique(trades)) < 2 * LEAST_TRADES:
            return
        halves = PurgedWalkForward(1, self.embargo_ns).folds(rows.time_ns[train], rows.over_ns[train], trades)
        for half in halves:
            earlier, later = train[half.train], train[half.test]
            ones = int(rows.race[earlier].sum())
            if len(earlier) < LEAST_ROWS or min(ones, len(earlier) - ones) < LEAST_OF_A_CLASS:
                continue
            training = self._stage_training(earlier)
            self.first_calibration[later] = predict_rows(training.forest("binary"), rows, later, self.threads)

    def add_stage(self, train: IntArray, valid_from_ns: int) -> None:
        """Train a stage on these rows if they suffice; the stage before predicts all rows until then."""
        self._predict(valid_from_ns)
        rows = self.rows
        train = train[self.sampled[train]]
        if not enough(rows, train):
            return
        training = self._stage_training(train)
        self.stages.append(
            Stage(
                valid_from_ns=valid_from_ns,
                last_label_ns=int(rows.end_ns[train].max()),
                n_rows=len(train),
                n_trades=len(np.unique(rows.trade[train])),
                race=training.forest("binary"),
                hold=training.forest("regression"),
                calibrator=self._calibrator(valid_from_ns),
            )
        )

    def _stage_training(self, train: IntArray) -> StageTraining:
        return StageTraining.of(self.rows, train, self.settings, self.parameters, self.embargo_ns, self.make_trainer)

    def _predict(self, until_ns: int) -> None:
        """Predict the labelled rows decided before `until_ns`, and not predicted yet, by the valid stage."""
        rows = self.rows
        due = np.flatnonzero(rows.is_used & (rows.time_ns >= self._predicted_to) & (rows.time_ns < until_ns))
        self._predicted_to = until_ns
        if not self.stages or not len(due):
            return
        self.raw[due] = predict_rows(self.stages[-1].race, rows, due, self.threads)
        self.hold[due] = predict_rows(self.stages[-1].hold, rows, due, self.threads)
        self.stage[due] = len(self.stages) - 1

    def _calibrator(self, valid_from_ns: int) -> Calibrator:
        """Fit on predictions whose label was known when the stage became valid; with too few, do not calibrate."""
        rows = self.rows
        predicted = np.where(self.stage >= 0, self.raw, self.first_calibration)
        usable = np.flatnonzero(
            np.isfinite(predicted) & np.isfinite(rows.race) & (rows.over_ns <= valid_from_ns - self.embargo_ns)
        )
        if len(usable) < CALIBRATION_ROWS or not self._calibrates(usable):
            return Identity()
        kind = self.settings.calibration
        if kind == "auto":
            kind = self._best_kind(predicted, usable)
        return fit_calibrator(kind, predicted[usable], rows.race[usable])

    def _best_kind(self, predicted: FloatArray, usable: IntArray) -> str:
        """Return the calibration with the least log loss on later quarters, each fitted on earlier predictions only.

        Dependent rows (bars of a trade, trades of a day) let flexible calibrations win by chance, so the simplest
        one is kept unless another gains two standard errors over it, estimated between stretches of time.
        """
        rows = self.rows
        if len(np.unique(rows.trade[usable])) < FREER_TRADES:
            return CHOICES[0]
        spans = rows.time_ns[usable], rows.over_ns[usable], rows.trade[usable]
        parts = [(usable[f.train], usable[f.test]) for f in PurgedWalkForward(3, self.embargo_ns).folds(*spans)]
        parts = [part for part in parts if self._calibrates(part[0]) and self._calibrates(part[1])]
        simplest = self._stretches(CHOICES[0], predicted, parts)
        best, most = CHOICES[0], 0.0
        for kind in CHOICES[1:] if parts else ():
            gain = simplest - self._stretches(kind, predicted, parts)
            if gain.mean() > max(most, 2 * gain.std(ddof=1) / np.sqrt(len(gain))):
                best, most = kind, float(gain.mean())
        return best

    def _stretches(self, kind: str, predicted: FloatArray, parts: list[tuple[IntArray, IntArray]]) -> FloatArray:
        """Return the mean log loss of a calibration in each stretch of the later parts, fitted on the earlier."""
        rows, found = self.rows, []
        for earlier, later in parts:
            x = logit(fit_calibrator(kind, predicted[earlier], rows.race[earlier]).apply(predicted[later]))
            loss = np.logaddexp(0.0, x) - rows.race[later] * x
            in_time = np.argsort(rows.time_ns[later], kind="stable")
            found += [loss[stretch].mean() for stretch in np.array_split(in_time, CHOICE_STRETCHES)]
        return np.array(found)

    def _calibrates(self, chosen: IntArray) -> bool:
        """Return whether rows with a race label are enough of both outcomes and of enough trades."""
        y = self.rows.race[chosen]
        few = min(int(y.sum()), len(y) - int(y.sum())) < CALIBRATION_OF_A_CLASS
        return not few and len(np.unique(self.rows.trade[chosen])) >= CALIBRATION_TRADES

    def measures(self) -> tuple[dict[str, float], pd.DataFrame]:
        """Return the metrics and the reliability of the out-of-fold predictions."""
        rows = self.rows
        p = np.full(len(rows), np.nan)
        for k, stage in enumerate(self.stages):
            chosen = self.stage == k
            p[chosen] = stage.calibrator.apply(self.raw[chosen])
        evaluation = (self.stage >= 0) & np.isfinite(rows.race)
        held = (self.stage >= 0) & np.isfinite(rows.hold)
        spread = held.sum() > 1 and self.hold[held].std() > 0 and rows.hold[held].std() > 0
        metrics: dict[str, float] = probability_measures(p[evaluation], rows.race[evaluation])
        metrics["hold_correlation"] = float(np.corrcoef(self.hold[held], rows.hold[held])[0, 1]) if spread else np.nan
        metrics["n_rows"] = int(evaluation.sum())
        metrics["n_trades"] = len(np.unique(rows.trade[evaluation]))
        metrics["n_stages"] = len(self.stages)
        return metrics, reliability(p[evaluation], rows.race[evaluation])
