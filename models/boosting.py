"""LightGBM: the only file that loads it, at first use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.bars import FloatArray, IntArray
from exitladder.models.forest_text import mean_text, n_trees
from exitladder.settings import ModelSettings

# A quarter less time than with 255 on a million rows, and an AUC that differs in the third decimal.
MAX_BIN = 63
ROWS_OF_THREADS = 100_000

Matrix = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def _lightgbm() -> Any:
    # GNU's OpenMP spins while it waits, which costs many times the work itself where cores are shared;
    # it reads this when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import lightgbm

    return lightgbm


def n_threads(threads: int, n_rows: int) -> int:
    """Return a fixed number of threads for so many rows; the trees are the same to the bit with any.

    Parameters
    ----------
    threads : int
        0 chooses: all cores that this process may use where there are `ROWS_OF_THREADS` rows, else one. On
        fewer, threads wait for each other longer than they work, and much longer where cores are shared.
    n_rows : int
    """
    if threads > 0:
        return threads
    if n_rows < ROWS_OF_THREADS:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def booster_parameters(settings: ModelSettings, objective: str, seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM's parameters, such that the same data give the same trees to the bit.

    Parameters
    ----------
    settings : ModelSettings
    objective : {"binary", "regression"}
    seed : int
    threads : int
        0 chooses by the number of rows; see `n_threads`.
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
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "max_bin": MAX_BIN,
        # Bins are then the same whatever the leaves' least size is.
        "feature_pre_filter": False,
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

    @property
    def n_trees(self) -> int:
        """Number of trees; of a mean of boosters, those of all of them."""
        return n_trees(self.text)

    def predict(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return a probability (binary) or a value (regression) for each row of X, shape (n_rows,)."""
        if not len(X):
            return np.empty(0)
        return np.asarray(self._booster.predict(X, num_threads=n_threads(threads, len(X))), dtype=np.float64)

    def contributions(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return what each feature adds to the raw prediction (Shapley values), shape (n_rows, n_features)."""
        if not len(X):
            return np.empty((0, self._booster.num_feature()))
        parts = self._booster.predict(X, pred_contrib=True, num_threads=n_threads(threads, len(X)))
        return np.asarray(parts, dtype=np.float64)[:, :-1]

    def gain(self) -> FloatArray:
        """Return each feature's share of the loss that all splits together took away, shape (n_features,)."""
        total = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        return total / total.sum() if total.sum() > 0 else total


@dataclass(frozen=True)
class Grown:
    """A forest with how it did on rows that were held out while it grew.

    Parameters
    ----------
    forest : Forest
    n_rounds : int
        Trees of each of its boosters.
    held_out_loss : float
        Log loss or squared error on held-out rows.
    """

    forest: Forest
    n_rounds: int
    held_out_loss: float


class BinnedRows:
    """Rows cut into bins once, for several boosters.

    Bins depend on the values of the rows given here and on nothing else, so a stage that is to know only
    the past must be given only the past.
    """

    def __init__(self, X: Matrix, names: tuple[str, ...], parameters: dict[str, Any]) -> None:
        parameters = {**parameters, "num_threads": n_threads(parameters["num_threads"], len(X))}
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
        parameters: dict[str, Any] | None = None,
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
        parameters : dict, optional
            Of LightGBM, in place of those of the same name that the rows were cut with.
        """
        chosen = {**self._parameters, **(parameters or {}), "objective": objective}
        booster = _lightgbm().train(chosen, self._subset(rows, y, chosen, weight), num_boost_round=n_trees)
        return Forest(booster.model_to_string(num_iteration=-1))

    def train_held_out(
        self,
        rows: IntArray,
        y: FloatArray,
        folds: Sequence[tuple[IntArray, IntArray]],
        objective: str,
        *,
        n_trees: int,
        patience: int,
        parameters: dict[str, Any] | None = None,
    ) -> Grown:
        """Return the mean of one forest a fold, all grown until their held-out loss no longer falls.

        The forests grow side by side, a tree each at a time. The loss is the mean over all held-out rows, so
        that one fold's chance does not decide.

        Parameters
        ----------
        rows, y, objective, parameters
            As in `train`.
        folds : sequence of (int64 array, int64 array)
            Positions in `rows` to train on and to hold out, each increasing.
        n_trees : int
            Trees of each forest at most.
        patience : int
            Trees without a smaller loss after which growing ends; the trees after the smallest are taken off.
            0 grows all and keeps them.
        """
        chosen = {**self._parameters, **(parameters or {}), "objective": objective}
        boosters = []
        for train, test in folds:
            booster = _lightgbm().Booster(chosen, self._subset(rows[train], y[train], chosen))
            boosters.append(booster.add_valid(self._subset(rows[test], y[test], chosen), "held out"))
        sizes = [len(test) for _, test in folds]
        losses: list[float] = []
        best = 0
        for number in range(n_trees):
            for booster in boosters:
                booster.update()
            loss = float(np.average([booster.eval_valid()[0][2] for booster in boosters], weights=sizes))
            # Threads add up in any order: the last digits must not choose the number of trees.
            losses.append(float(f"{loss:.9g}"))
            if losses[-1] < losses[best]:
                best = number
            if patience and number - best >= patience:
                break
        n_rounds = best + 1 if patience else n_trees
        texts = [booster.model_to_string(num_iteration=n_rounds) for booster in boosters]
        return Grown(Forest(mean_text(texts)), n_rounds, losses[n_rounds - 1])

    def _subset(
        self, rows: IntArray, y: FloatArray, parameters: dict[str, Any], weight: FloatArray | None = None
    ) -> Any:
        data = self._data.subset(rows.tolist(), params=parameters).construct()
        data.set_label(y)
        if weight is not None:
            data.set_weight(weight)
        return data
