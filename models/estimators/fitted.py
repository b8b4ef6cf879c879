"""Trained estimators of one label in place of a forest: the same questions, the same answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import sigmoid

# Standardised features are clipped here, as for the linear model.
_FARTHEST = 5.0
# A probability of 0 or 1 of an uncalibrated estimator is no certainty.
_LEAST = 1e-4
_ROWS_AT_ONCE = 20_000
# Training rows on which the importance of features is measured.
_ROWS_OF_SHARES = 200


@dataclass(frozen=True)
class Scale:
    """How features are prepared for an estimator: unknown values at the median, standardised, clipped at 5.

    Parameters
    ----------
    middle, mean, spread : tuple of float
        Median, mean and standard deviation of each feature on the training rows.
    used : tuple of bool
        Features that the estimator gets; the others are always 0.
    """

    middle: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    used: tuple[bool, ...]

    @classmethod
    def of(cls, X: npt.NDArray[Any], used: npt.NDArray[np.bool_] | None = None) -> Scale:
        """Return the scale of training rows.

        Parameters
        ----------
        X : float array, shape (n_rows, n_features)
            NaN where a feature is not known.
        used : bool array, shape (n_features,), optional
            All by default; a feature without any known value is never used.
        """
        n = X.shape[1]
        known = np.isfinite(X).any(axis=0)
        middle, mean, spread = np.zeros(n), np.zeros(n), np.ones(n)
        middle[known] = np.nanmedian(X[:, known], axis=0)
        filled = np.where(np.isfinite(X), X, middle)
        mean[known], found = filled[:, known].mean(axis=0), filled[:, known].std(axis=0)
        spread[known] = np.where(found > 0, found, 1.0)
        chosen = known if used is None else known & used
        numbers = [tuple(map(float, v)) for v in (middle, mean, spread)]
        return cls(numbers[0], numbers[1], numbers[2], tuple(map(bool, chosen)))

    def apply(self, X: npt.NDArray[Any]) -> FloatArray:
        """Return the prepared features, shape (n_rows, n_features)."""
        filled = np.where(np.isfinite(X), X, np.asarray(self.middle))
        z = np.clip((filled - np.asarray(self.mean)) / np.asarray(self.spread), -_FARTHEST, _FARTHEST)
        return np.asarray(np.where(np.asarray(self.used), z, 0.0), dtype=np.float64)


@dataclass(frozen=True)
class Fitted:
    """Estimators trained on the same label, one a fold or a single one; their mean predicts.

    Parameters
    ----------
    features : tuple of str
    estimators : tuple of object
    scale : Scale
    objective : {"binary", "regression"}
    shares : tuple of float
        Each feature's share in the predictions of the training rows; see `gain`.
    """

    features: tuple[str, ...]
    estimators: tuple[Any, ...]
    scale: Scale
    objective: str
    shares: tuple[float, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the features it was trained on, in order."""
        return self.features

    def predict(self, X: npt.NDArray[Any], threads: int = 0) -> FloatArray:
        """Return a probability (binary) or a value (regression) for each row of X, shape (n_rows,)."""
        found = [self._mean(self.scale.apply(X[at : at + _ROWS_AT_ONCE])) for at in range(0, len(X), _ROWS_AT_ONCE)]
        return np.concatenate([np.empty(0), *found])

    def contributions(self, X: npt.NDArray[Any], threads: int = 0) -> FloatArray:
        """Return by how much each feature moves the prediction from where its mean would leave it.

        One feature at a time; exact for a linear estimator, and without interactions for any other, so that the
        values of a row need not add up to its prediction. Log-odds or R, shape (n_rows, n_features).
        """
        n = len(self.features)
        out = np.zeros((len(X), n))
        step = max(1, _ROWS_AT_ONCE // max(n, 1))
        used = np.flatnonzero(self.scale.used)
        for at in range(0, len(X), step):
            z = self.scale.apply(X[at : at + step])
            whole = self._line(z)
            for feature in used:
                without = z.copy()
                without[:, feature] = 0.0
                out[at : at + step, feature] = whole - self._line(without)
        return out

    def gain(self) -> FloatArray:
        """Return each feature's share of the absolute contributions on training rows, shape (n_features,)."""
        return np.asarray(self.shares or np.zeros(len(self.features)))

    def shares_on(self, X: npt.NDArray[Any]) -> tuple[float, ...]:
        """Return each feature's share of the absolute contributions on some of these rows."""
        size = np.abs(self.contributions(X[:: max(1, len(X) // _ROWS_OF_SHARES)])).mean(axis=0)
        return tuple(map(float, size / size.sum() if size.sum() > 0 else size))

    def _line(self, z: FloatArray) -> FloatArray:
        found = self._mean(z)
        return np.asarray(np.log(found / (1 - found))) if self.objective == "binary" else found

    def _mean(self, z: FloatArray) -> FloatArray:
        return np.asarray(np.mean([_of_one(estimator, z, self.objective) for estimator in self.estimators], axis=0))


def _of_one(estimator: Any, z: FloatArray, objective: str) -> FloatArray:
    """Return what one estimator says of prepared rows."""
    if objective != "binary":
        return np.ravel(np.asarray(estimator.predict(z), dtype=np.float64))
    if hasattr(estimator, "predict_proba"):
        p = np.asarray(estimator.predict_proba(z), dtype=np.float64)[:, 1]
    elif hasattr(estimator, "decision_function"):
        p = sigmoid(np.ravel(np.asarray(estimator.decision_function(z), dtype=np.float64)))
    else:
        p = np.asarray(estimator.predict(z), dtype=np.float64)
    return np.asarray(np.clip(p, _LEAST, 1 - _LEAST))


def rows_of(X: npt.NDArray[Any], chosen: IntArray) -> npt.NDArray[Any]:
    """Return rows of a matrix in memory."""
    return np.asarray(X[chosen])
