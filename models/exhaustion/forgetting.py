"""Stages that forget: trained on the latest trades only, or with weights that decay with age.

Forgetting costs information while a law holds and saves a model when the law changes. So several ways can be trained
side by side, and each series of a stage takes another way than the first only if that way's earlier stages predicted
better out of fold, on labels known when the stage became valid, by more than two standard errors of the difference.
They are compared before calibration and silence, which then follow the way's own record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.exhaustion import SERIES
from exitladder.models.exhaustion.stacking import gain_over
from exitladder.models.forests.growing import enough
from exitladder.models.forests.rows import TrainingRows

if TYPE_CHECKING:
    from exitladder.models.exhaustion.stage import Stage
    from exitladder.models.exhaustion.training import Training

WAYS = ("off", "window", "decay")
# Several ways are tried, so one standard error is too little.
LEAST_ERRORS = 2.0
# What a training keeps of the models of symbols and books, by series and row.
_OF_GROUPS = ("own", "own_is_used", "own_said", "own_constant")


def latest(rows: TrainingRows, train: IntArray, memory: float) -> IntArray:
    """Return the training rows of the latest trades; all if these are too few to train on.

    Parameters
    ----------
    rows : TrainingRows
    train : int64 array, shape (n,)
        Positions of the stage's training rows, increasing.
    memory : float
        Share of the trades that is kept, above 0.

    Returns
    -------
    int64 array
        Increasing.
    """
    age, n_trades = ages(rows, train)
    kept = train[age < np.ceil(memory * n_trades)]
    return kept if enough(rows, kept) else train


def decayed(rows: TrainingRows, train: IntArray, memory: float) -> FloatArray:
    """Return weights that halve over each `memory` share of the trades, 1 for the latest, shape (n,).

    Parameters
    ----------
    rows : TrainingRows
    train : int64 array, shape (n,)
        Positions of the stage's training rows, increasing.
    memory : float
        Half-life as a share of the trades.

    Returns
    -------
    float64 array, shape (n,)
    """
    age, n_trades = ages(rows, train)
    return np.asarray(0.5 ** (age / (memory * n_trades)))


def ages(rows: TrainingRows, train: IntArray) -> tuple[IntArray, int]:
    """Return how many trades began after each row's trade, among the trades of these rows, and their number."""
    _, of_row = np.unique(rows.trade[train], return_inverse=True)
    n_trades = int(of_row.max(initial=-1)) + 1
    starts = np.full(n_trades, np.iinfo(np.int64).max)
    np.minimum.at(starts, of_row, rows.time_ns[train])
    order = np.argsort(starts, kind="stable")
    age = np.empty(n_trades, dtype=np.int64)
    age[order] = np.arange(n_trades)[::-1]
    return age[of_row], n_trades


class Ways:
    """Trainings side by side, each with its way of forgetting, and the way that each stage takes.

    Parameters
    ----------
    make : callable
        Makes the training of a way.
    ways : sequence of str
        Of `WAYS`; the simplest of them is kept unless another is clearly better.
    """

    def __init__(self, make: Callable[[str], Training], ways: Sequence[str]) -> None:
        self.trainings = {way: make(way) for way in WAYS if way in ways}
        self.first = next(iter(self.trainings))
        # The way of each stage, by series.
        self.taken: dict[str, list[str]] = {series: [] for series in SERIES}

    def predict_for_first_calibration(self, train: IntArray) -> None:
        """Predict as `Training.predict_for_first_calibration`, in every way."""
        for training in self.trainings.values():
            training.predict_for_first_calibration(train)

    def add_stage(self, train: IntArray, valid_from_ns: int) -> None:
        """Train a stage in every way, and choose the way of each series by what earlier stages predicted."""
        for training in self.trainings.values():
            training.add_stage(train, valid_from_ns)
        if len(self.trainings[self.first].stages) > len(self.taken[SERIES[0]]):
            for series in SERIES:
                self.taken[series].append(self._best(series, valid_from_ns))

    def _best(self, series: str, valid_from_ns: int) -> str:
        base = self.trainings[self.first]
        best, most = self.first, 0.0
        for way, training in self.trainings.items():
            if way == self.first:
                continue
            known, label = base.known_by(series, valid_from_ns)
            said, than = (each.uncalibrated(series, known) for each in (training, base))
            objective = "binary" if series == "exhaustion" else "regression"
            rows = base.rows
            gain = gain_over(said, than, label[known], rows.time_ns[known], rows.over_ns[known], objective)
            if gain.mean > max(most, LEAST_ERRORS * gain.error):
                best, most = way, gain.mean
        return best

    def merged(self) -> Training:
        """Return a training with the stages, and out-of-fold predictions, of the ways that were taken."""
        base = self.trainings[self.first]
        if len(self.trainings) == 1:
            return base
        found = copy(base)
        found.raw, found.hold = base.raw.copy(), base.hold.copy()
        for name in _OF_GROUPS:
            setattr(found, name, {series: values.copy() for series, values in getattr(base, name).items()})
        found.constants = {series: list(values) for series, values in base.constants.items()}
        found.stages = [self._stage(k) for k in range(len(base.stages))]
        for series, ways in self.taken.items():
            for k, way in enumerate(ways):
                other, at = self.trainings[way], base.stage == k
                for name in _OF_GROUPS:
                    getattr(found, name)[series][at] = getattr(other, name)[series][at]
                values, source = (found.raw, other.raw) if series == "exhaustion" else (found.hold, other.hold)
                values[at] = source[at]
                found.constants[series][k] = other.constants[series][k]
        return found

    def _stage(self, k: int) -> Stage:
        """Return stage k with the learners of each series from the way that it takes."""
        race, hold = (self.trainings[self.taken[series][k]].stages[k] for series in SERIES)
        taken = {series: self.taken[series][k] for series in SERIES}
        return replace(
            race,
            hold=hold.hold,
            hold_blend=hold.hold_blend,
            hold_own=hold.hold_own,
            families=tuple(sorted({*race.families, *hold.families})),
            memory={series: way for series, way in taken.items() if way != "off"},
        )
