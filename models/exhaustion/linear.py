"""Linear models of the labels: a logistic regression of the race, a ridge regression of the value of holding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError

# Enough rows to fit some sixty coefficients; evenly spaced in the order of the rows.
_MOST_ROWS = 25_000
# Standardised features are clipped here, or a single outlier would dominate the fit.
_FARTHEST = 5.0
# L2 penalty of the loss of one row: small beside a feature's own curvature (1 for a value, 1/4 for log-odds), large
# beside that of the differences between features that say the same.
PENALTY = {"binary": 0.01, "regression": 0.04}
_LISTS = ("middle", "mean", "spread", "weight")


@dataclass(frozen=True)
class Linear:
    """A linear model of standardised features; unknown values count as the median.

    Parameters
    ----------
    middle, mean, spread : tuple of float
        Median, mean and standard deviation of each feature on the training rows.
    weight : tuple of float
        By feature; 0 for one without a known value in training.
    intercept : float
    """

    middle: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(
        cls,
        X: npt.NDArray[np.float32],
        rows: IntArray,
        y: FloatArray,
        objective: str,
        *,
        penalty: float | None = None,
        columns: npt.NDArray[np.bool_] | None = None,
        weight: FloatArray | None = None,
    ) -> Linear:
        """Return the model of least penalised loss; of more than 25,000 rows, evenly spaced ones are used.

        Parameters
        ----------
        X : float32 array, shape (n_rows, n_features)
            NaN where a feature is not known.
        rows : int64 array, shape (n,)
            Positions of the training rows, increasing.
        y : float64 array, shape (n,)
            Their labels: 0 or 1, or R.
        objective : {"binary", "regression"}
        penalty : float, optional
            L2 penalty of the loss of one row; that of the objective by default.
        columns : bool array, shape (n_features,), optional
            The features that may have a weight; all by default.
        weight : float64 array, shape (n,), optional
            Of each row in the loss; 1 by default.

        Returns
        -------
        Linear
        """
        from sklearn.linear_model import LogisticRegression, Ridge  # type: ignore[import-untyped]

        step = max(1, len(rows) // _MOST_ROWS)
        given, y = X[rows[::step]], y[::step]
        known = np.isfinite(given).any(axis=0)
        if columns is not None:
            known &= columns
        middle, mean, spread = np.zeros(X.shape[1]), np.zeros(X.shape[1]), np.ones(X.shape[1])
        middle[known] = np.nanmedian(given[:, known], axis=0)
        filled = np.where(np.isnan(given), middle, given)
        mean[known], found = filled[:, known].mean(axis=0), filled[:, known].std(axis=0)
        spread[known] = np.where(found > 0, found, 1.0)
        z = np.clip((filled - mean) / spread, -_FARTHEST, _FARTHEST)[:, known]
        of_row = None if weight is None else weight[::step]
        total = (PENALTY[objective] if penalty is None else penalty) * (len(y) if of_row is None else of_row.sum())
        # Many more rows than features: a few exact steps instead of many cheap ones.
        line = (
            LogisticRegression(solver="newton-cholesky", C=1 / total)
            if objective == "binary"
            else Ridge(alpha=total, solver="cholesky")
        ).fit(z, y, sample_weight=of_row)
        slope = np.zeros(X.shape[1])
        slope[known] = np.ravel(line.coef_)
        middle_of, mean_of, spread_of, weight_of = (
            tuple(map(float, values)) for values in (middle, mean, spread, slope)
        )
        return cls(middle_of, mean_of, spread_of, weight_of, float(np.ravel(line.intercept_)[0]))

    def standardised(self, X: npt.NDArray[np.float32]) -> FloatArray:
        """Return the standardised features, unknown values at the median, shape (n_rows, n_features)."""
        filled = np.where(np.isnan(X), np.asarray(self.middle), X)
        return np.asarray(np.clip((filled - np.asarray(self.mean)) / np.asarray(self.spread), -_FARTHEST, _FARTHEST))

    def predict(self, X: npt.NDArray[np.float32]) -> FloatArray:
        """Return log-odds (of the race) or values in R, shape (n_rows,)."""
        return np.asarray(self.standardised(X) @ np.asarray(self.weight) + self.intercept, dtype=np.float64)

    def contributions(self, X: npt.NDArray[np.float32]) -> FloatArray:
        """Return what each feature adds to the prediction, from its mean in training, shape (n_rows, n_features)."""
        return np.asarray(self.standardised(X) * np.asarray(self.weight), dtype=np.float64)

    def gain(self) -> FloatArray:
        """Return each feature's share of the absolute weights, shape (n_features,)."""
        size = np.abs(self.weight)
        return size / size.sum() if size.sum() > 0 else size

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values from which `linear_from_mapping` makes an equal model."""
        return {name: list(getattr(self, name)) for name in _LISTS} | {"intercept": self.intercept}


def linear_from_mapping(table: Mapping[str, Any], n_features: int) -> Linear:
    """Return the linear model that plain values describe.

    Raises
    ------
    ModelError
        If they are not finite numbers, one for each feature.
    """
    columns = [table[name] for name in _LISTS]
    numbers = [*(value for column in columns for value in column), table["intercept"]]
    has_numbers = all(isinstance(v, (int, float)) and abs(v) < 1e300 for v in numbers)
    if not has_numbers or {len(column) for column in columns} != {n_features} or min(table["spread"]) <= 0:
        raise ModelError(
            f"A linear model must have {n_features} finite numbers of each kind, and spreads above 0, but has not. "
            "Train the model again."
        )
    middle, mean, spread, weight = (tuple(map(float, column)) for column in columns)
    return Linear(middle, mean, spread, weight, float(table["intercept"]))
