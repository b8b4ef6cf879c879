"""LightGBM: the only file that loads it, at first use."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.models.forests.mean_forest import loadable, mean_text, n_trees
from exitladder.settings.tables import ModelSettings

# A quarter less time than with 255 on a million rows, and an AUC that differs in the third decimal.
MAX_BIN = 63
ROWS_OF_THREADS = 100_000
# Rows that are cut at once where they lie on disk.
PIECE = 65_536
# Rows whose loss after each tree is found at once.
_ROWS_BY_TREE = 10_000

Matrix = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def load_lightgbm() -> Any:
    """Return the library, loaded at first use."""
    # GNU's OpenMP spins while it waits, which costs many times the work itself where cores are shared;
    # it reads this when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import lightgbm

    return lightgbm


def n_threads(threads: int, n_rows: int) -> int:
    """Return the number of threads for a number of rows; the trees are bit-identical with any number of threads.

    Parameters
    ----------
    threads : int
        0 means all cores available to this process from `ROWS_OF_THREADS` rows on, else one. With fewer
        rows, threads wait for each other longer than they work, and much longer if cores are shared.
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

    Returns
    -------
    dict of str to Any
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


class Learner(Protocol):
    """A trained model of one label: LightGBM's forest, or estimators in its place."""

    def names(self) -> tuple[str, ...]:
        """Return the features it was trained on, in order."""

    def predict(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return a probability (binary) or a value (regression) for each row of X, shape (n_rows,)."""

    def contributions(self, X: Matrix, threads: int = 0) -> FloatArray:
        """Return what each feature adds to the raw prediction, shape (n_rows, n_features)."""

    def gain(self) -> FloatArray:
        """Return each feature's share of importance, shape (n_features,)."""


@dataclass(frozen=True)
class Forest:
    """A trained booster, held as its text: that text is the model of record."""

    text: str

    @cached_property
    def _booster(self) -> Any:
        lightgbm = load_lightgbm()
        try:
            return lightgbm.Booster(model_str=loadable(self.text))
        except (lightgbm.basic.LightGBMError, ValueError, KeyError) as cause:
            reason = " ".join(str(cause).split()).rstrip(".")
            raise ModelError(
                f"LightGBM must be able to read a booster's text, but reports: {reason}. Train the model again."
            ) from cause

    def names(self) -> tuple[str, ...]:
        """Return the features it was trained on, in order."""
        line = next((line for line in self.text.splitlines() if line.startswith("feature_names=")), "feature_names=")
        return tuple(line.removeprefix("feature_names=").split())

    @property
    def n_trees(self) -> int:
        """Number of trees; for a mean of boosters, the total."""
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
class TrainedForest:
    """A forest and its loss on rows that were held out of its training.

    Parameters
    ----------
    forest : Learner
    n_rounds : int
        Trees of each of its boosters.
    held_out_loss : float
        Log loss or squared error on held-out rows.
    parts : tuple of Learner
        The forest of each fold, which has not seen the rows that the fold holds out.
    """

    forest: Learner
    n_rounds: int
    held_out_loss: float
    parts: tuple[Learner, ...] = ()


class Patience:
    """Early stopping: end training once a number of trees in a row has not lowered the smallest loss.

    Parameters
    ----------
    trees : int
        0 never stops.

    Attributes
    ----------
    losses : list of float
        After each tree.
    """

    def __init__(self, trees: int) -> None:
        self.trees = trees
        self.losses: list[float] = []
        self._best = 0

    def is_over(self, loss: float) -> bool:
        """Take the loss after one more tree, and return whether training ends with it."""
        # Threads add up in any order: the last digits must not choose the number of trees.
        self.losses.append(float(f"{loss:.9g}"))
        last = len(self.losses) - 1
        if self.losses[last] < self.losses[self._best]:
            self._best = last
        return bool(self.trees) and last - self._best >= self.trees

    @property
    def n_rounds(self) -> int:
        """Trees to keep: up to the smallest loss, or all without early stopping."""
        return self._best + 1 if self.trees else len(self.losses)


class BinnedRows:
    """Rows cut into bins once, for several boosters.

    Bins depend only on the values of the rows given here, so a stage that may know only the past must be given only
    past rows.

    Parameters
    ----------
    X : float32 or float64 array, shape (n, n_features)
        A memory map is read in pieces; the bins are the same.
    names : tuple of str
        Of the features; none lets LightGBM name them.
    parameters : dict
        LightGBM's.
    chosen : int64 array, optional
        Positions of the rows of X to take, increasing; all by default.
    """

    def __init__(
        self, X: Matrix, names: tuple[str, ...], parameters: dict[str, Any], chosen: IntArray | None = None
    ) -> None:
        lightgbm = load_lightgbm()
        n_rows = len(X) if chosen is None else len(chosen)
        parameters = {**parameters, "num_threads": n_threads(parameters["num_threads"], n_rows)}
        self._parameters = parameters
        self._drawn: dict[str, int] = {}
        if isinstance(X, np.memmap):
            given = _pieces_of(X, np.arange(n_rows) if chosen is None else chosen)
            # Given pieces, LightGBM draws the rows that bins are found on by this, and does not derive it itself.
            self._drawn = {"data_random_seed": _data_random_seed(parameters["seed"])}
        else:
            given = X if chosen is None else X[chosen]
        self._data = lightgbm.Dataset(
            given, feature_name=list(names) or "auto", params=parameters | self._drawn, free_raw_data=True
        ).construct()

    def train(
        self,
        rows: IntArray,
        y: FloatArray,
        n_trees: int,
        objective: str,
        *,
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
            LightGBM parameters that override those used for binning the rows.

        Returns
        -------
        Forest
        """
        chosen = {**self._parameters, **(parameters or {}), "objective": objective}
        booster = load_lightgbm().train(chosen, self._subset(rows, y, chosen, weight), num_boost_round=n_trees)
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
        weight: FloatArray | None = None,
    ) -> TrainedForest:
        """Return the mean of one forest a fold, all trained until their held-out loss no longer falls.

        The forests are trained in parallel, one tree each at a time. The loss is the mean over all held-out rows, so
        that one fold's chance does not decide.

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
        chosen = {**self._parameters, **(parameters or {}), "objective": objective}
        boosters = []
        for train, test in folds:
            of_train, of_test = (None if weight is None else weight[part] for part in (train, test))
            booster = load_lightgbm().Booster(chosen, self._subset(rows[train], y[train], chosen, of_train))
            boosters.append(booster.add_valid(self._subset(rows[test], y[test], chosen, of_test), "held out"))
        sizes = [len(test) if weight is None else float(weight[test].sum()) for _, test in folds]
        patient = Patience(patience)
        for _ in range(n_trees):
            for booster in boosters:
                booster.update()
            if patient.is_over(float(np.average([booster.eval_valid()[0][2] for booster in boosters], weights=sizes))):
                break
        n_rounds = patient.n_rounds
        texts = [booster.model_to_string(num_iteration=n_rounds) for booster in boosters]
        parts = tuple(Forest(text) for text in texts)
        return TrainedForest(Forest(mean_text(texts)), n_rounds, patient.losses[n_rounds - 1], parts)

    def _subset(
        self, rows: IntArray, y: FloatArray, parameters: dict[str, Any], weight: FloatArray | None = None
    ) -> Any:
        data = self._data.subset(rows.tolist(), params=parameters | self._drawn).construct()
        data.set_label(y)
        if weight is not None:
            data.set_weight(weight)
        return data


def first_trees(text: str, n: int) -> str:
    """Return the text of a booster's first `n` trees."""
    return str(load_lightgbm().Booster(model_str=text).model_to_string(num_iteration=n))


def losses_by_tree(text: str, X: Matrix, y: FloatArray, objective: str, n_trees: int) -> FloatArray:
    """Return a booster's loss after each tree: log loss or squared error, summed over rows.

    If it has fewer trees, because nothing was left to split, its last loss is repeated.

    Parameters
    ----------
    text : str
        The booster.
    X : float32 or float64 array, shape (n_rows, n_features)
    y : float64 array, shape (n_rows,)
    objective : {"binary", "regression"}
    n_trees : int

    Returns
    -------
    float64 array, shape (n_trees,)
    """
    booster = load_lightgbm().Booster(model_str=text)
    lines = re.findall(r"^leaf_value=(.*)$", text, re.MULTILINE)
    n_known = min(len(lines), n_trees)
    values = np.zeros((n_known, max(len(line.split()) for line in lines)))
    for k, line in enumerate(lines[:n_known]):
        worth = np.array(line.split(), dtype=np.float64)
        values[k, : len(worth)] = worth
    total = np.zeros(n_known)
    for at in range(0, len(X), _ROWS_BY_TREE):
        leaves = booster.predict(X[at : at + _ROWS_BY_TREE], pred_leaf=True, num_iteration=n_known, num_threads=1)
        raw = values[np.arange(n_known), leaves.astype(np.int64).reshape(-1, n_known)].cumsum(axis=1)
        truth = y[at : at + _ROWS_BY_TREE, None]
        loss = np.logaddexp(0.0, raw) - truth * raw if objective == "binary" else (raw - truth) ** 2
        total += loss.sum(axis=0)
    return np.concatenate([total, np.full(n_trees - n_known, total[-1])])


def _pieces_of(X: Matrix, chosen: IntArray) -> Any:
    """Return rows of X in a form that LightGBM reads in pieces."""

    class Pieces(load_lightgbm().Sequence):  # type: ignore[misc]
        batch_size = PIECE

        def __len__(self) -> int:
            return len(chosen)

        def __getitem__(self, at: Any) -> npt.NDArray[np.float64]:
            return np.asarray(X[chosen[at]], dtype=np.float64)

    return Pieces()


@cache
def _data_random_seed(seed: int) -> int:
    """Return the seed that LightGBM derives for drawing rows; it writes it into the text of any booster."""
    lightgbm = load_lightgbm()
    data = lightgbm.Dataset(np.arange(4.0)[:, None], label=np.arange(4.0), params={"verbosity": -1})
    text = lightgbm.train({"seed": seed, "verbosity": -1}, data, num_boost_round=1).model_to_string()
    found = re.search(r"^\[data_random_seed: (\d+)\]$", text, re.MULTILINE)
    return int(found[1]) if found else 1
