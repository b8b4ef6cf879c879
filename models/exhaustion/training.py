"""Training of the stages of the exhaustion model, one after another in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import (
    Calibrator,
    Identity,
    discriminates,
    fit_calibrator,
    logit,
    sigmoid,
)
from exitladder.models.calibration.measures import probability_measures, reliability
from exitladder.models.calibration.ranks import Ranks
from exitladder.models.exhaustion.blending import fit_blend
from exitladder.models.exhaustion.forgetting import decayed, latest
from exitladder.models.exhaustion.own import OwnModel, Unseen, fit_books, fit_own
from exitladder.models.exhaustion.screening import screened
from exitladder.models.exhaustion.stacking import gain_over
from exitladder.models.exhaustion.stage import Blend, Stage
from exitladder.models.forests.boosting import Learner, booster_parameters
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


@dataclass(frozen=True)
class _Learnt:
    """The forest of one label, the linear model with the weights of both, and models of single symbols."""

    forest: Learner
    blend: Blend | None = None
    own: tuple[OwnModel, ...] = ()
    unseen: Unseen | None = None


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
        *,
        way: str = "off",
    ) -> None:
        self.way = way
        # When the memory of the stage being trained begins.
        self.since_ns = np.iinfo(np.int64).min
        self.rows, self.settings, self.embargo_ns, self.make_trainer = rows, settings, embargo_ns, make_trainer
        self.parameters = booster_parameters(settings, "binary", seed, threads)
        self.threads = threads
        self.sampled = rows.every(settings.row_step)
        self.stages: list[Stage] = []
        # Before calibration, and whether silent or not.
        self.raw = np.full(len(rows), np.nan)
        self.hold = np.full(len(rows), np.nan)
        # The mean of each stage's training labels, by series: log-odds or R.
        self.constants: dict[str, list[float]] = {"exhaustion": [], "hold_value_r": []}
        # Stages whose held-out rows let them speak, whatever the record of the stages before them said, by series.
        self.would_speak: dict[str, list[bool]] = {"exhaustion": [], "hold_value_r": []}
        # What models of single symbols said out of fold, log-odds or R, and whether they were used.
        self.own = {name: np.full(len(rows), np.nan) for name in self.constants}
        self.own_is_used = {name: np.zeros(len(rows), dtype=bool) for name in self.constants}
        # What they said if used, books that are silent their constant, and the constants of books.
        self.own_said = {name: np.full(len(rows), np.nan) for name in self.constants}
        self.own_constant = {name: np.full(len(rows), np.nan) for name in self.constants}
        # Those of the last stage, whatever their record.
        self.candidates: dict[str, tuple[OwnModel, ...]] = {}
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
            learnt = self._learnt(training, "binary")
            stage = Stage(0, 0, 0, 0, learnt.forest, learnt.forest, Identity(), learnt.blend)
            self.first_calibration[later] = predict_rows(
                partial(stage.raw, series="exhaustion", threads=self.threads), rows, later
            )

    def add_stage(self, train: IntArray, valid_from_ns: int) -> None:
        """Train a stage on these rows if they suffice; the stage before predicts all rows until then."""
        self._predict(valid_from_ns)
        rows = self.rows
        train = train[self.sampled[train]]
        if not enough(rows, train):
            return
        if self.way != "off":
            remembered = latest(rows, train, self.settings.memory)
            self.since_ns = int(rows.time_ns[remembered].min())
            train = remembered if self.way == "window" else train
        training = self._stage_training(train)
        race, hold = self._learnt(training, "binary"), self._learnt(training, "regression")
        race_blend, hold_blend = race.blend, hold.blend
        self.candidates = {"exhaustion": race.own, "hold_value_r": hold.own}
        own = {series: self._own_used(series, models, valid_from_ns) for series, models in self.candidates.items()}
        calibrator = self._calibrator(valid_from_ns)
        if race_blend is not None and not discriminates(calibrator):
            race_blend = _silenced(race_blend)
        self.constants["exhaustion"].append(float(logit(np.array(np.nanmean(rows.race[train])))))
        self.constants["hold_value_r"].append(float(np.nanmean(rows.hold[train])))
        blends = {"exhaustion": race_blend, "hold_value_r": hold_blend}
        for series, blend in blends.items():
            speaks = blend is None or not blend.stack.silent
            if blend is not None and speaks and self._record_is_bad(series, valid_from_ns):
                blends[series] = _silenced(blend)
            self.would_speak[series].append(speaks)
        self.stages.append(
            Stage(
                valid_from_ns=valid_from_ns,
                last_label_ns=int(rows.end_ns[train].max()),
                n_rows=len(train),
                n_trades=len(np.unique(rows.trade[train])),
                race=race.forest,
                hold=hold.forest,
                calibrator=calibrator,
                race_blend=blends["exhaustion"],
                hold_blend=blends["hold_value_r"],
                families=training.families,
                race_own=own["exhaustion"],
                hold_own=own["hold_value_r"],
                ranks=_ranks(race.unseen, hold.unseen, calibrator),
                memory={} if self.way == "off" else dict.fromkeys(self.constants, self.way),
            )
        )

    def _learnt(self, training: StageTraining, objective: str) -> _Learnt:
        """Return the forest of one label, and what the settings ask for beside it."""
        forest, parts = training.forest_and_parts(objective)
        if self.settings.combine != "stack":
            return _Learnt(forest)
        blend, unseen = fit_blend(training, parts, objective)
        if self.rows.books is not None:
            return _Learnt(forest, blend, fit_books(training, unseen, objective), unseen)
        own = fit_own(training, unseen, objective) if self.settings.by_symbol else ()
        return _Learnt(forest, blend, own, unseen)

    def _own_used(self, series: str, models: tuple[OwnModel, ...], valid_from_ns: int) -> tuple[OwnModel, ...]:
        """Return the models of symbols with a good record, or all books, silent if theirs is bad."""
        bad = [self._own_record_is_bad(series, model.symbol, valid_from_ns) for model in models]
        if self.rows.books is None:
            return tuple(model for model, is_bad in zip(models, bad, strict=True) if not is_bad)
        return tuple(
            replace(m, stack=replace(m.stack, silent=m.stack.silent or is_bad))
            for m, is_bad in zip(models, bad, strict=True)
        )

    def _own_record_is_bad(self, series: str, symbol: str, valid_from_ns: int) -> bool:
        """Return whether the models of a symbol or book in earlier stages were worse than without them.

        A symbol is then predicted by the stages, a book by the mean of its own labels.
        """
        rows = self.rows
        if rows.groups is None:
            return False
        label = rows.race if series == "exhaustion" else rows.hold
        of_symbol = rows.groups.rows_of(symbol)
        known = of_symbol[
            np.isfinite(self.own[series][of_symbol])
            & np.isfinite(label[of_symbol])
            & (rows.over_ns[of_symbol] <= valid_from_ns - self.embargo_ns)
        ]
        known = self._remembered(known)
        if rows.books is None:
            beaten, _ = self.said(series, known, as_spoken=True, with_own=False)
        else:
            beaten = self.own_constant[series][known]
        objective = "binary" if series == "exhaustion" else "regression"
        own = self.own[series][known]
        gain = gain_over(own, beaten, label[known], rows.time_ns[known], rows.over_ns[known], objective)
        return bool(gain.mean < 0)

    def _record_is_bad(self, series: str, valid_from_ns: int) -> bool:
        """Return whether what earlier stages would have said was worse than their constants on labels known by now."""
        rows = self.rows
        known, label = self.known_by(series, valid_from_ns)
        known = self._remembered(known[np.array([*self.would_speak[series], False])[self.stage[known]]])
        said, constant = self.said(series, known, as_spoken=False, with_own=False)
        objective = "binary" if series == "exhaustion" else "regression"
        gain = gain_over(said, constant, label[known], rows.time_ns[known], rows.over_ns[known], objective)
        return bool(gain.mean < 0)

    def _remembered(self, predicted: IntArray) -> IntArray:
        """Return predicted rows from the memory of the stage being trained on: all of them if it does not forget."""
        return predicted[self.rows.time_ns[predicted] >= self.since_ns]

    def known_by(self, series: str, valid_from_ns: int) -> tuple[IntArray, FloatArray]:
        """Return the rows that a stage predicted and whose label was known by a moment, and the labels of all rows."""
        rows = self.rows
        label = rows.race if series == "exhaustion" else rows.hold
        is_known = (self.stage >= 0) & np.isfinite(label) & (rows.over_ns <= valid_from_ns - self.embargo_ns)
        return np.flatnonzero(is_known), label

    def uncalibrated(self, series: str, chosen: IntArray) -> FloatArray:
        """Return the combination's out-of-fold predictions of some rows, whether silent or not: log-odds or R."""
        return logit(self.raw[chosen]) if series == "exhaustion" else self.hold[chosen]

    def said(
        self, series: str, chosen: IntArray, *, as_spoken: bool, with_own: bool = True
    ) -> tuple[FloatArray, FloatArray]:
        """Return out-of-fold predictions of some rows and the constants of their stages: log-odds or R.

        Parameters
        ----------
        series : {"exhaustion", "hold_value_r"}
        chosen : int64 array, shape (n,)
            Rows that a stage predicted.
        as_spoken : bool
            The constant where the stage is silent.
        with_own : bool
            Include the models of symbols and books.

        Returns
        -------
        said, constant : float64 array, shape (n,)
        """
        constant = np.array([*self.constants[series], np.nan])[self.stage[chosen]]
        if with_own:
            of_book = self.own_constant[series][chosen]
            constant = np.where(np.isnan(of_book), constant, of_book)
        if series == "exhaustion":
            return logit(self._probability(chosen, as_spoken=as_spoken, with_own=with_own)), constant
        silent = np.array([*(as_spoken and stage.silent(series) for stage in self.stages), False])
        said = np.where(silent[self.stage[chosen]], constant, self.hold[chosen])
        if as_spoken and with_own:
            said = np.where(self.own_is_used[series][chosen], self.own_said[series][chosen], said)
        return said, constant

    def _probability(self, chosen: IntArray, *, as_spoken: bool, with_own: bool = True) -> FloatArray:
        """Return the out-of-fold probabilities of some rows; the constant, if asked, where the stage is silent."""
        p = np.full(len(chosen), np.nan)
        for k, stage in enumerate(self.stages):
            own = self.stage[chosen] == k
            if as_spoken and stage.silent("exhaustion"):
                p[own] = sigmoid(np.array(self.constants["exhaustion"][k]))
            else:
                p[own] = stage.calibrator.apply(self.raw[chosen[own]])
        if as_spoken and with_own:
            used = self.own_is_used["exhaustion"][chosen]
            p[used] = sigmoid(self.own_said["exhaustion"][chosen[used]])
        return p

    def _stage_training(self, train: IntArray) -> StageTraining:
        weight = decayed(self.rows, train, self.settings.memory) if self.way == "decay" else None
        training = StageTraining.of(
            self.rows, train, self.settings, self.parameters, self.embargo_ns, self.make_trainer, weight=weight
        )
        return screened(training) if self.settings.screen else training

    def _predict(self, until_ns: int) -> None:
        """Predict the labelled rows decided before `until_ns`, and not predicted yet, by the valid stage."""
        rows = self.rows
        due = np.flatnonzero(rows.is_used & (rows.time_ns >= self._predicted_to) & (rows.time_ns < until_ns))
        self._predicted_to = until_ns
        if not self.stages or not len(due):
            return
        for series, found in (("exhaustion", self.raw), ("hold_value_r", self.hold)):
            found[due] = predict_rows(partial(self.stages[-1].raw, series=series, threads=self.threads), rows, due)
        self.stage[due] = len(self.stages) - 1
        self._predict_own(due)

    def _predict_own(self, due: IntArray) -> None:
        """Predict rows by the models of their symbols or books, whatever their record."""
        rows, stage = self.rows, self.stages[-1]
        if rows.groups is None:
            return
        groups = rows.groups.take(due)
        for series, models in self.candidates.items():
            pooled = self.raw if series == "exhaustion" else self.hold
            for model in models:
                own = due[groups.rows_of(model.symbol)]
                for part in rows.pieces(own):
                    said = logit(pooled[part]) if series == "exhaustion" else pooled[part]
                    self.own[series][part] = model.combine(rows.X[part], said)
                used = next((m for m in stage.own_models(series) if m.symbol == model.symbol), None)
                self.own_is_used[series][own] = used is not None
                if used is not None:
                    self.own_said[series][own] = used.stack.constant if used.stack.silent else self.own[series][own]
                if rows.books is not None:
                    self.own_constant[series][own] = model.stack.constant

    def _calibrator(self, valid_from_ns: int) -> Calibrator:
        """Fit on predictions whose label was known when the stage became valid; with too few, do not calibrate."""
        rows = self.rows
        predicted = np.where(self.stage >= 0, self.raw, self.first_calibration)
        usable = np.flatnonzero(
            np.isfinite(predicted) & np.isfinite(rows.race) & (rows.over_ns <= valid_from_ns - self.embargo_ns)
        )
        recent = self._remembered(usable)
        if len(recent) >= CALIBRATION_ROWS and self._calibrates(recent):
            usable = recent
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
        evaluation = np.flatnonzero((self.stage >= 0) & np.isfinite(rows.race))
        held = np.flatnonzero((self.stage >= 0) & np.isfinite(rows.hold))
        p = self._probability(evaluation, as_spoken=True)
        race, race_constant = self.said("exhaustion", evaluation, as_spoken=True)
        hold, hold_constant = self.said("hold_value_r", held, as_spoken=True)
        spread = len(held) > 1 and hold.std() > 0 and rows.hold[held].std() > 0
        metrics: dict[str, float] = probability_measures(p, rows.race[evaluation])
        metrics["hold_correlation"] = float(np.corrcoef(hold, rows.hold[held])[0, 1]) if spread else np.nan
        metrics["n_rows"] = len(evaluation)
        metrics["n_trades"] = len(np.unique(rows.trade[evaluation]))
        metrics["n_stages"] = len(self.stages)
        of_race = evaluation, race, race_constant, rows.race, "binary"
        of_hold = held, hold, hold_constant, rows.hold, "regression"
        for name, (at, said, constant, label, objective) in (("log_loss_gain", of_race), ("hold_gain_r2", of_hold)):
            gain = gain_over(said, constant, label[at], rows.time_ns[at], rows.over_ns[at], objective)
            metrics |= {name: gain.mean, f"{name}_error": gain.error}
        return metrics, reliability(p, rows.race[evaluation])


def _silenced(blend: Blend) -> Blend:
    return replace(blend, stack=replace(blend.stack, silent=True))


def _ranks(race: Unseen | None, hold: Unseen | None, calibrator: Calibrator) -> Ranks | None:
    """Return the ranks among the predictions of the held-out rows that both labels have."""
    if race is None or hold is None:
        return None
    _, of_race, of_hold = np.intersect1d(race.at, hold.at, return_indices=True)
    if not len(of_race):
        return None
    return Ranks.fit(calibrator.apply(sigmoid(race.pooled[of_race])), hold.pooled[of_hold])
