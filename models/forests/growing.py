"""Training of the forests of one stage: on folds of its own training rows, purged and grouped by trade.

Nothing outside the stage's training rows is used, so every choice made here (the number of trees,
LightGBM's parameters) rests on the same past as the stage itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.models.forests.boosting import BinnedRows, Learner, TrainedForest
from exitladder.models.forests.parameter_search import Span, minimum
from exitladder.models.forests.rows import TrainingRows
from exitladder.models.splits import CombinatorialPurged, PurgedWalkForward
from exitladder.settings.tables import ModelSettings

# No forest is trained on less than this; on fewer rows its trees give little more than the base rate.
LEAST_ROWS, LEAST_TRADES, LEAST_OF_A_CLASS = 100, 10, 10

InnerFold = tuple[IntArray, IntArray]


class ForestTrainer(Protocol):
    """A stage's training rows, ready for training forests."""

    def train(
        self,
        rows: IntArray,
        y: FloatArray,
        n_trees: int,
        objective: str,
        *,
        parameters: dict[str, Any] | None = None,
        weight: FloatArray | None = None,
    ) -> Learner:
        """Return a forest trained on some of the rows; see `BinnedRows.train`.

        Parameters
        ----------
        rows : int64 array, shape (n,)
            Positions in the prepared rows, increasing.
        y : float64 array, shape (n,)
            Labels: 0 or 1, or R.
        n_trees : int
        objective : {"binary", "regression"}
        parameters : dict, optional
            LightGBM parameters that override those used for preparing the rows.
        weight : float64 array, shape (n,), optional
            Of each row in the loss.

        Returns
        -------
        Learner
        """

    def train_held_out(
        self,
        rows: IntArray,
        y: FloatArray,
        folds: Sequence[InnerFold],
        objective: str,
        *,
        n_trees: int,
        patience: int,
        parameters: dict[str, Any] | None = None,
        weight: FloatArray | None = None,
    ) -> TrainedForest:
        """Return the mean of one forest per fold; see `BinnedRows.train_held_out`.

        Parameters
        ----------
        rows : int64 array, shape (n,)
            Positions in the prepared rows, increasing.
        y : float64 array, shape (n,)
            Labels: 0 or 1, or R.
        folds : sequence of (int64 array, int64 array)
            Positions in `rows` to train on and to hold out, each increasing.
        objective : {"binary", "regression"}
        n_trees : int
            Trees of each forest at most.
        patience : int
            Trees without a smaller loss after which training ends; the trees after the smallest loss are dropped.
            0 trains all trees and keeps them.
        parameters : dict, optional
            LightGBM parameters that override those used for preparing the rows.
        weight : float64 array, shape (n,), optional
            Of each row in the loss, of training and held out.

        Returns
        -------
        TrainedForest
        """


# Makes rows ready: all of them, the positions of the stage's among them, LightGBM's parameters.
MakeTrainer = Callable[[TrainingRows, IntArray, dict[str, Any]], ForestTrainer]


def train_here(rows: TrainingRows, train: IntArray, parameters: dict[str, Any]) -> ForestTrainer:
    """Prepare rows in this process: cut into bins, from memory or from disk, with the same trees.

    Parameters
    ----------
    rows : TrainingRows
    train : int64 array, shape (n,)
        Positions of the stage's training rows, increasing.
    parameters : dict
        LightGBM's.

    Returns
    -------
    ForestTrainer
    """
    return BinnedRows(rows.X, rows.names, parameters, train)


@dataclass(frozen=True)
class StageTraining:
    """Training data of one stage: rows cut into bins once, and the folds to hold out.

    Parameters
    ----------
    rows : TrainingRows
    train : int64 array, shape (n,)
        The stage's training rows, increasing.
    binned : ForestTrainer
        Of those rows.
    folds : tuple of (int64 array, int64 array)
        Positions in `train` to train on and to hold out, increasing; empty if there are too few rows.
    settings : ModelSettings
    parameters : dict
        LightGBM's.
    columns : bool array, shape (n_features,), optional
        The features that may be used; all by default.
    families : tuple of str
        The screened families among them.
    weight : float64 array, shape (n,), optional
        Of each row of `train` in every loss; 1 by default.
    """

    rows: TrainingRows
    train: IntArray
    binned: ForestTrainer
    folds: tuple[InnerFold, ...]
    settings: ModelSettings
    parameters: dict[str, Any]
    columns: npt.NDArray[np.bool_] | None = None
    families: tuple[str, ...] = ()
    weight: FloatArray | None = None

    @classmethod
    def of(
        cls,
        rows: TrainingRows,
        train: IntArray,
        settings: ModelSettings,
        parameters: dict[str, Any],
        embargo_ns: int,
        make_trainer: MakeTrainer = train_here,
        *,
        weight: FloatArray | None = None,
    ) -> StageTraining:
        """Return the training data of a stage with these rows, tuned if the settings ask for it.

        Parameters
        ----------
        rows : TrainingRows
        train : int64 array, shape (n,)
            Positions of the stage's training rows, increasing.
        settings : ModelSettings
        parameters : dict
            LightGBM's.
        embargo_ns : int
            Embargo between training and held-out rows of a fold, nanoseconds.
        make_trainer : callable
            Prepares the rows in this process (`train_here`) or on a cluster (`ClusterTrainer`).
        weight : float64 array, shape (n,), optional
            Of each row of `train`.

        Returns
        -------
        StageTraining
        """
        needed = settings.ensemble > 1 or _holds_out(settings) or settings.tune_trials > 0
        folds = _inner_folds(rows, train, settings.ensemble, embargo_ns) if needed else ()
        training = cls(rows, train, make_trainer(rows, train, parameters), folds, settings, parameters, weight=weight)
        return training._tuned() if folds and settings.tune_trials > 0 else training

    def forest(self, objective: str) -> Learner:
        """Return the stage's forest for the race (``binary``) or for the advantage of holding (``regression``)."""
        return self.forest_and_parts(objective)[0]

    def forest_and_parts(self, objective: str) -> tuple[Learner, tuple[Learner, ...]]:
        """Return the stage's forest, and one for each fold that has not seen the fold's rows; none without folds."""
        known, y = self.labelled(objective)
        parts: tuple[Learner, ...] = ()
        n_trees = self.settings.n_estimators
        if self.folds and (self.settings.ensemble > 1 or _holds_out(self.settings)):
            trained = self._held_out(objective, self.parameters)
            if self.settings.ensemble > 1:
                return trained.forest, trained.parts
            n_trees, parts = trained.n_rounds, trained.parts
        forest = self.binned.train(
            known, y, n_trees, objective, parameters=self.parameters, weight=self.weight_of(known)
        )
        return forest, parts

    def weight_of(self, chosen: IntArray) -> FloatArray | None:
        """Return the weights of rows given by their positions in `train`; None if all count alike."""
        return None if self.weight is None else self.weight[chosen]

    def loss(self, changes: Mapping[str, float]) -> float:
        """Return the held-out loss with some of LightGBM's parameters changed.

        The log loss of the race and the squared error of the advantage, each divided by the loss of a
        constant prediction, added up.
        """
        total = 0.0
        for objective in ("binary", "regression"):
            _, y = self.labelled(objective)
            share = y.mean()
            constant = -share * np.log(share) - (1 - share) * np.log(1 - share) if objective == "binary" else y.var()
            trained = self._held_out(objective, {**self.parameters, **changes})
            total += trained.held_out_loss / max(float(constant), 1e-12)
        return total

    def labelled(self, objective: str) -> tuple[IntArray, FloatArray]:
        """Return positions in `train` of rows with that label, and the labels."""
        label = self.rows.race if objective == "binary" else self.rows.hold
        known = np.flatnonzero(np.isfinite(label[self.train]))
        return known, label[self.train[known]]

    def _held_out(self, objective: str, parameters: dict[str, Any]) -> TrainedForest:
        known, y = self.labelled(objective)
        folds = [(_within(known, fit), _within(known, held)) for fit, held in self.folds]
        n_trees, patience = self.settings.n_estimators, self.settings.patience
        return self.binned.train_held_out(
            known,
            y,
            folds,
            objective,
            n_trees=n_trees,
            patience=patience,
            parameters=parameters,
            weight=self.weight_of(known),
        )

    def _tuned(self) -> StageTraining:
        """Return the same with the parameters of the least held-out loss among those tried, its own tried first."""
        most_in_leaf = max(len(self.train) // 10, 40)
        spans = {
            "num_leaves": Span(4, 63, log=True, is_whole=True),
            "min_data_in_leaf": Span(20, most_in_leaf, log=True, is_whole=True),
            "feature_fraction": Span(0.2, 1.0),
            "bagging_fraction": Span(0.3, 1.0),
            "lambda_l2": Span(0.0, 100.0),
        }
        own = {"lambda_l2": 0.0, **self.parameters}
        first = {name: min(max(own[name], span.low), span.high) for name, span in spans.items()}
        tuned = minimum(self.loss, spans, first, self.settings.tune_trials, self.parameters["seed"])
        return replace(self, parameters={**self.parameters, **tuned, "bagging_freq": 1})


def predict_rows(
    predict: Callable[[npt.NDArray[np.float32]], FloatArray], rows: TrainingRows, chosen: IntArray
) -> FloatArray:
    """Return a learner's predictions of some rows; `X` is read in pieces.

    Parameters
    ----------
    predict : callable
        Takes features, float32 array of shape (n, n_features), and returns predictions, shape (n,).
    rows : TrainingRows
    chosen : int64 array, shape (n_chosen,)
        Positions of the rows, increasing.

    Returns
    -------
    float64 array, shape (n_chosen,)
    """
    return np.concatenate([np.empty(0), *(predict(rows.X[part]) for part in rows.pieces(chosen))])


def enough(rows: TrainingRows, train: IntArray) -> bool:
    """Return whether these rows are enough to grow both forests."""
    race, hold = rows.race[train], rows.hold[train]
    known = np.isfinite(race)
    ones = int(race[known].sum())
    return bool(
        min(known.sum(), np.isfinite(hold).sum()) >= LEAST_ROWS
        and min(ones, int(known.sum()) - ones) >= LEAST_OF_A_CLASS
        and len(np.unique(rows.trade[train])) >= LEAST_TRADES
    )


def _holds_out(settings: ModelSettings) -> bool:
    """Return whether even a single forest needs rows held out: for its number of trees, or for its weight."""
    return settings.patience > 0 or settings.combine == "stack"


def _inner_folds(rows: TrainingRows, train: IntArray, ensemble: int, embargo_ns: int) -> tuple[InnerFold, ...]:
    """Return purged folds: positions in `train` to grow on and to hold out; none if a part has too few rows.

    For an ensemble each of its forests holds out one block of trades in time; a single forest finds its
    number of trees on the latest quarter of the trades.
    """
    spans = rows.time_ns[train], rows.over_ns[train], rows.trade[train]
    try:
        if ensemble > 1:
            found = CombinatorialPurged(ensemble, 1, embargo_ns).folds(*spans)
        else:
            found = PurgedWalkForward(3, embargo_ns).folds(*spans)[-1:]
    except ModelError:
        return ()
    if not all(enough(rows, train[fold.train]) and enough(rows, train[fold.test]) for fold in found):
        return ()
    return tuple((fold.train, fold.test) for fold in found)


def _within(known: IntArray, chosen: IntArray) -> IntArray:
    """Return the positions in `known` of those chosen that are known; both increasing."""
    return np.flatnonzero(np.isin(known, chosen, assume_unique=True)).astype(np.int64)
