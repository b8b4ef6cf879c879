"""The models behind exhaustion and hold value as estimators of scikit-learn, for use with its tools."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin  # type: ignore[import-untyped]
from sklearn.utils import check_random_state  # type: ignore[import-untyped]
from sklearn.utils.multiclass import check_classification_targets, type_of_target  # type: ignore[import-untyped]
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data  # type: ignore[import-untyped]

from exitladder.arrays import FloatArray
from exitladder.models.forests.boosting import BinnedRows, Forest, booster_parameters
from exitladder.settings.tables import ModelSettings


class _BoostedEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: LightGBM's parameters, and training on weighted rows."""

    def __init__(
        self,
        n_estimators: int = 150,
        learning_rate: float = 0.05,
        num_leaves: int = 15,
        min_child_samples: int = 20,
        subsample: float = 0.7,
        colsample: float = 0.7,
        random_state: Any = 0,
        n_jobs: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.subsample = subsample
        self.colsample = colsample
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _train(self, X: FloatArray, y: FloatArray, weight: FloatArray | None, objective: str) -> Forest:
        if weight is not None:
            # A row without weight is no row: it must not count in the least size of a leaf either.
            X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        settings = ModelSettings(
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            num_leaves=self.num_leaves,
            min_child_samples=self.min_child_samples,
            # So few rows that a share of them is none are all taken.
            subsample=self.subsample if len(X) * self.subsample >= 2 else 1.0,
            colsample=self.colsample,
        )
        given = self.random_state
        seed = int(given) if isinstance(given, (int, np.integer)) else check_random_state(given).randint(2**31 - 1)
        parameters = booster_parameters(settings, objective, seed, self.n_jobs)
        return BinnedRows(X, (), parameters).train(np.arange(len(X)), y, self.n_estimators, objective, weight=weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class ExhaustionClassifier(ClassifierMixin, _BoostedEstimator):  # type: ignore[misc]
    """Probability of one of two outcomes, such as that a move gives back before it extends.

    Probabilities are the booster's own; to calibrate them use `sklearn.calibration` with a purged split
    (`exitladder.models.splits`).

    Parameters
    ----------
    n_estimators, learning_rate, num_leaves, min_child_samples, subsample, colsample
        As `exitladder.settings.ModelSettings`; the default leaf is smaller, for rows that do not overlap.
    random_state : int, RandomState or None
    n_jobs : int
        Threads; 0 means all cores.

    Attributes
    ----------
    classes_ : array, shape (2,)
    n_features_in_ : int
    feature_names_in_ : object array of str, where X was a DataFrame

    Examples
    --------
    >>> X = np.arange(1000.0)[:, None]
    >>> model = ExhaustionClassifier(n_estimators=20, n_jobs=1).fit(X, X[:, 0] > 500)
    >>> model.predict(np.array([[100.0], [900.0]]))
    array([False,  True])
    """

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> ExhaustionClassifier:
        """Train and return the estimator.

        Parameters
        ----------
        X : array, shape (n_rows, n_features)
            NaN where a feature is not known.
        y : array, shape (n_rows,)
            Two classes at most.
        sample_weight : array, shape (n_rows,), optional

        Returns
        -------
        ExhaustionClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If there are not two classes with weight.
        """
        X, y = validate_data(self, X, y, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan")
        check_classification_targets(y)
        if type_of_target(y, input_name="y") != "binary":
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(y)}; give two classes, such as the race label's 0 and 1."
            )
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        kept = y if weight is None else y[weight > 0]
        self.classes_ = np.unique(y)
        if len(np.unique(kept)) < 2:
            raise ValueError(
                f"Training needs rows of two classes with weight, but there is one class: {np.unique(kept)}."
            )
        self.forest_ = self._train(X, (y == self.classes_[1]).astype(np.float64), weight, "binary")
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of either class, shape (n_rows, 2), in the order of `classes_`."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan", reset=False)
        p = self.forest_.predict(X, self.n_jobs)
        return np.column_stack([1 - p, p])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier class of each row, shape (n_rows,)."""
        likelier = np.argmax(self.predict_proba(X), axis=1)
        return np.asarray(self.classes_[likelier])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class HoldValueRegressor(RegressorMixin, _BoostedEstimator):  # type: ignore[misc]
    """Expected value, such as the advantage in R of holding over leaving now.

    Parameters and attributes are those of `ExhaustionClassifier`, without `classes_`.
    """

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> HoldValueRegressor:
        """Train and return the estimator.

        Parameters
        ----------
        X : array, shape (n_rows, n_features)
            NaN where a feature is not known.
        y : array, shape (n_rows,)
            Such as R; finite.
        sample_weight : array, shape (n_rows,), optional

        Returns
        -------
        HoldValueRegressor
            The estimator itself.
        """
        X, y = validate_data(self, X, y, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan", y_numeric=True)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        self.forest_ = self._train(X, np.asarray(y, dtype=np.float64), weight, "regression")
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the expected value of each row, shape (n_rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan", reset=False)
        return self.forest_.predict(X, self.n_jobs)
