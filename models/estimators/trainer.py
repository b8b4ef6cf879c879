"""Training of estimators on a stage's rows, with the folds, purging and seeds that forests have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.models.calibration.calibrators import logit
from exitladder.models.estimators.fitted import Fitted, Scale
from exitladder.models.estimators.names import check_estimator, estimator_of
from exitladder.models.estimators.saving import why_not_saved
from exitladder.models.forests.boosting import TrainedForest
from exitladder.models.forests.growing import ForestTrainer, InnerFold, MakeTrainer, train_here
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings


@dataclass(frozen=True)
class Estimators:
    """Estimators that are trained instead of LightGBM.

    Parameters
    ----------
    race : object, optional
        Classifier of the race, for the probability of exhaustion; None keeps LightGBM.
    hold : object, optional
        Regressor of the value of holding; None keeps LightGBM.
    """

    race: Any = None
    hold: Any = None

    def __bool__(self) -> bool:
        return self.race is not None or self.hold is not None

    def why_not_saved(self) -> str:
        """Return why a model of these cannot be saved; empty if it can."""
        return next(filter(None, (why_not_saved(one) for one in (self.race, self.hold) if one is not None)), "")

    def of(self, objective: str) -> Any:
        """Return the estimator of a label, None if LightGBM keeps it."""
        return self.race if objective == "binary" else self.hold


LIGHTGBM = Estimators()
"""Nothing instead of LightGBM."""


def chosen_estimators(settings: ModelSettings, race: Any = None, hold: Any = None) -> Estimators:
    """Return the estimators that were given, or those that the settings name.

    Parameters
    ----------
    settings : ModelSettings
        ``model.estimator`` and ``model.hold_estimator``.
    race, hold : estimator, optional
        Given instead.

    Returns
    -------
    Estimators

    Raises
    ------
    SettingsError
        If one is no estimator, is of the wrong kind, or does not go together with other settings.
    """
    found = Estimators(
        check_estimator(race, "classifier") if race is not None else _named(settings.estimator, "classifier"),
        check_estimator(hold, "regressor") if hold is not None else _named(settings.hold_estimator, "regressor"),
    )
    if found and settings.tune_trials:
        raise ModelError(
            f"model.tune_trials tunes LightGBM's parameters, but is {settings.tune_trials} with another estimator. Set "
            "it to 0, and tune the estimator beforehand, such as by the folds of exitladder.models.splits."
        )
    if (found or settings.scheduler) and "decay" in settings.forget:
        raise ModelError(
            'model.forget = "decay" weights the rows of LightGBM in this process, but another estimator or a scheduler '
            'is set. Use "window", which needs no weights.'
        )
    if found and settings.scheduler:
        raise ModelError("model.scheduler trains LightGBM, but another estimator is set. Leave model.scheduler empty.")
    return found


def _named(text: str, kind: Any) -> Any:
    return estimator_of(text, kind) if text else None


def estimator_trainer(estimators: Estimators) -> MakeTrainer:
    """Return the function that prepares rows for these estimators."""

    def make(rows: TrainingRows, train: IntArray, parameters: dict[str, Any]) -> ForestTrainer:
        if rows.is_on_disk:
            raise ModelError(
                "An estimator of scikit-learn needs its rows in memory, but these are kept on disk. Raise "
                "model.memory_gb, or train on fewer rows (model.row_step, labels.max_bars)."
            )
        return EstimatorTrainer(rows, train, parameters, estimators)

    return make


class EstimatorTrainer:
    """A stage's training rows, ready for estimators; labels that keep LightGBM are trained by it.

    Parameters
    ----------
    rows : TrainingRows
    train : int64 array, shape (n,)
        The stage's training rows.
    parameters : dict
        LightGBM's; the seed counts for estimators too.
    estimators : Estimators
    """

    def __init__(self, rows: TrainingRows, train: IntArray, parameters: dict[str, Any], estimators: Estimators) -> None:
        self._names, self._estimators, self._parameters = rows.names, estimators, parameters
        self._X = np.asarray(rows.X[train])
        keeps = estimators.race is None or estimators.hold is None
        self._forests = train_here(rows, train, parameters) if keeps else None

    def train(
        self,
        rows: IntArray,
        y: FloatArray,
        n_trees: int,
        objective: str,
        *,
        parameters: dict[str, Any] | None = None,
        weight: FloatArray | None = None,
    ) -> Any:
        """Return an estimator trained on some of the rows; see `ForestTrainer.train`.

        Parameters
        ----------
        rows : int64 array, shape (n,)
        y : float64 array, shape (n,)
        n_trees : int
            Of LightGBM's forest.
        objective : {"binary", "regression"}
        parameters : dict, optional
        weight : float64 array, optional
            Of LightGBM's rows; estimators have none, see `chosen_estimators`.

        Returns
        -------
        Fitted or Forest
        """
        if self._estimators.of(objective) is None:
            assert self._forests is not None
            return self._forests.train(rows, y, n_trees, objective, parameters=parameters, weight=weight)
        scale = self._scale(parameters)
        return self._shared(self._fitted(rows, y, objective, scale), rows)

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
        """Return the mean of one estimator per fold; see `ForestTrainer.train_held_out`.

        Parameters
        ----------
        rows : int64 array, shape (n,)
        y : float64 array, shape (n,)
        folds : sequence of (int64 array, int64 array)
        objective : {"binary", "regression"}
        n_trees, patience : int
            Of LightGBM's forests.
        parameters : dict, optional
        weight : float64 array, optional
            Of LightGBM's rows; estimators have none, see `chosen_estimators`.

        Returns
        -------
        TrainedForest
        """
        if self._estimators.of(objective) is None:
            assert self._forests is not None
            return self._forests.train_held_out(
                rows, y, folds, objective, n_trees=n_trees, patience=patience, parameters=parameters, weight=weight
            )
        scale, parts, total, count = self._scale(parameters), [], 0.0, 0
        for fit, held in folds:
            part = self._fitted(rows[fit], y[fit], objective, scale)
            said, truth = part.predict(self._X[rows[held]]), y[held]
            if objective == "binary":
                line = logit(said)
                total += float((np.logaddexp(0.0, line) - truth * line).sum())
            else:
                total += float(((said - truth) ** 2).sum())
            count += len(held)
            parts.append(part)
        every = Fitted(self._names, tuple(e for part in parts for e in part.estimators), scale, objective)
        return TrainedForest(self._shared(every, rows), 0, total / max(count, 1), tuple(parts))

    def _scale(self, parameters: dict[str, Any] | None) -> Scale:
        """Return the scale of the stage's rows, without the features that the screening left out."""
        used = (parameters or self._parameters).get("feature_contri")
        return Scale.of(self._X, None if used is None else np.asarray(used, dtype=float) > 0)

    def _fitted(self, rows: IntArray, y: FloatArray, objective: str, scale: Scale) -> Fitted:
        from sklearn.base import clone  # type: ignore[import-untyped]

        estimator = clone(self._estimators.of(objective))
        seeds = {name: int(self._parameters["seed"]) for name, v in estimator.get_params().items()
                 if (name == "random_state" or name.endswith("__random_state")) and v is None}  # fmt: skip
        estimator.set_params(**seeds)
        target = y.astype(np.int64) if objective == "binary" else y
        try:
            estimator.fit(scale.apply(self._X[rows]), target)
        except (ValueError, TypeError, ArithmeticError) as cause:
            reason = " ".join(str(cause).split()).rstrip(".")
            raise ModelError(
                f"{type(estimator).__name__} must be able to train on {len(rows):,} rows of {self._X.shape[1]} "
                f"standardised features, but reports: {reason}. Change its parameters."
            ) from cause
        return Fitted(self._names, (estimator,), scale, objective)

    def _shared(self, fitted: Fitted, rows: IntArray) -> Fitted:
        from dataclasses import replace

        return replace(fitted, shares=fitted.shares_on(self._X[rows]))
