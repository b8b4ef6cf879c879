"""LightGBM: the only file that loads it, at first use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.bars import FloatArray, IntArray
from exitladder.settings import ModelSettings

Matrix = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def _lightgbm() -> Any:
    # GNU's OpenMP spins while it waits, which costs many times the work itself where cores are shared;
    # it reads this when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import lightgbm

    return lightgbm


def n_threads(threads: int) -> int:
    """Return a fixed number of threads; 0 means all cores."""
    return threads if threads > 0 else (os.cpu_count() or 1)


def booster_parameters(settings: ModelSettings, objective: str, seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM's parameters, such that the same data give the same trees to the bit.

    Parameters
    ----------
    settings : ModelSettings
    objective : {"binary", "regression"}
    seed : int
    threads : int
        0 means all cores.
    """
    return {
        "objective": objective,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.num_leaves,
        "min_data_in_leaf": settings.min_child_samples,
        "bagging_fraction": settings.subsample,
        "bagging_freq": 1 if settings.subsample < 1 else 0,
        "feature_fraction": settings.colsample,
        "seed": seed,
        "num_threads": n_threads(threads),
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


@dataclass(frozen=True)
class Forest:
    """A trained booster, held as its text: that text is the model of record."""

    text: str

    @cached_property
    def _booster(self) -> Any:
        return _lightgbm().Booster(model_str=self.text)

    def names(self) -> tuple[str, ...]:
        """Return the features it was trained on, in order."""
        line = next((line for line in self.text.splitlines() if line.startswith("feature_names=")), "feature_names=")
        return tuple(line.removeprefix("feature_names=").split())

    def predict(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return a probability (binary) or a value (regression) for each row of X, shape (n_rows,)."""
        if not len(X):
            return np.empty(0)
        return np.asarray(self._booster.predict(X, num_threads=n_threads(threads)), dtype=np.float64)

    def contributions(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return what each feature adds to the raw prediction (Shapley values), shape (n_rows, n_features)."""
        if not len(X):
            return np.empty((0, self._booster.num_feature()))
        parts = self._booster.predict(X, pred_contrib=True, num_threads=n_threads(threads))
        return np.asarray(parts, dtype=np.float64)[:, :-1]

    def gain(self) -> FloatArray:
        """Return each feature's share of the loss that all splits together took away, shape (n_features,)."""
        total = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        return total / total.sum() if total.sum() > 0 else total


class BinnedRows:
    """Rows cut into bins once, for several boosters.

    Bins depend on the values of the rows given here and on nothing else, so a stage that is to know only
    the past must be given only the past.
    """

    def __init__(self, X: Matrix, names: tuple[str, ...], parameters: dict[str, Any]) -> None:
        self._parameters = parameters
        self._data = (
            _lightgbm()
            .Dataset(X, feature_name=list(names) or "auto", params=parameters, free_raw_data=True)
            .construct()
        )

    def train(
        self,
        rows: IntArray,
        y: FloatArray,
        n_trees: int,
        objective: str,
        weight: FloatArray | None = None,
    ) -> Forest:
        """Return a forest trained on some of the rows.

        Parameters
        ----------
        rows : int64 array, shape (n,)
            Positions in the binned rows, increasing.
        y : float64 array, shape (n,)
        n_trees : int
        objective : {"binary", "regression"}
        weight : float64 array, shape (n,), optional
        """
        lightgbm = _lightgbm()
        parameters = {**self._parameters, "objective": objective}
        data = self._data.subset(rows.tolist(), params=parameters).construct()
        data.set_label(y)
        if weight is not None:
            data.set_weight(weight)
        booster = lightgbm.train(parameters, data, num_boost_round=n_trees)
        return Forest(booster.model_to_string(num_iteration=-1))
