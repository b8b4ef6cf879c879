"""Forests trained by LightGBM's Dask estimators on the workers of a cluster, for rows that do not fit in one process.

Every worker holds its share of the rows' blocks, sent once. Which rows a worker gets follows from their number and
the number of workers alone, and LightGBM adds up the workers' histograms in a fixed order. So the same rows on the
same number of workers give bit-identical trees, whichever workers they are and whichever of them died meanwhile.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ExitladderWarning, ModelError
from exitladder.models.forests.boosting import (
    Forest,
    Patience,
    TrainedForest,
    first_trees,
    load_lightgbm,
    losses_by_tree,
)
from exitladder.models.forests.growing import InnerFold
from exitladder.models.forests.mean_forest import mean_text
from exitladder.models.forests.rows import TrainingRows
from exitladder.runtime.cluster import distributed, join_cluster, workers_of
from exitladder.runtime.fingerprints import refuse_other_programs

# Blocks that a worker gets of a small matrix: each worker finds the bins of some features on its own rows, so each
# has to have some of all times. Of a large matrix there are more, as what is sent at once is held here.
_BLOCKS_A_WORKER = 64
_BYTES_AT_ONCE = 64 * 2**20
_TRIES = 4
# Time for a dead worker to come back before its share goes to the others, seconds.
_PATIENCE_WITH_WORKERS = 30.0
# Interval of the check that all workers are alive, seconds.
_CHECK_INTERVAL = 0.5
# LightGBM's names for parameters, and those that its estimators take in their place.
_ESTIMATORS_NAMES = {
    "min_data_in_leaf": "min_child_samples",
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "feature_fraction": "colsample_bytree",
    "lambda_l2": "reg_lambda",
    "seed": "random_state",
}
# Lines about the network in a booster's text: they differ between runs and do not affect the trees.
_NETWORK = re.compile(r"^\[(machines|local_listen_port): .*\]$", re.MULTILINE)

Block = npt.NDArray[np.float32]
T = TypeVar("T")


class ClusterTrainer:
    """The workers of a Dask cluster, to be given as ``make_trainer``; close it after use.

    Parameters
    ----------
    scheduler : str
        Address such as ``tcp://10.0.0.1:8786``; its workers must have the same version of exitladder, and be such
        that they can reach each other on any port.

    Attributes
    ----------
    size : int
        Workers that share the rows.

    Raises
    ------
    ModelError
        If Dask is not installed, the scheduler does not respond, or a worker has another version.
    """

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        self._distributed = distributed("Training", ModelError)
        self._useless: set[str] = set()
        self._workers: dict[str, str] = {}
        self._share: _Share | None = None
        self._client = self._joined()
        self.size = len(workers_of(self._client))
        if not self.size:
            raise ModelError(f"The cluster at '{scheduler}' must have at least one worker, but has none.")

    def __call__(self, rows: TrainingRows, train: IntArray, parameters: dict[str, Any]) -> ClusterRows:
        """Return a stage's training rows, ready for training forests.

        Parameters
        ----------
        rows : TrainingRows
        train : int64 array, shape (n,)
            Positions of the stage's training rows, increasing.
        parameters : dict
            LightGBM's.

        Returns
        -------
        ClusterRows
        """
        return ClusterRows(self, rows, train, parameters)

    def close(self) -> None:
        """Leave the cluster; it forgets the rows."""
        self._share = None
        self._client.close()

    def do(self, X: Block, work: Callable[[_Share], T]) -> T:
        """Return the result of some work on the rows held by the workers; repeated if a worker is lost.

        Raises
        ------
        ModelError
            If it fails several times in a row.
        """
        failures = (
            CancelledError, OSError, TimeoutError, self._distributed.CancelledError, self._distributed.KilledWorker,
            load_lightgbm().basic.LightGBMError,
        )  # fmt: skip
        for left in reversed(range(_TRIES)):
            is_lost = threading.Event()
            try:
                if self._share is None or self._share.X is not X:
                    self._share, self._workers = None, _processes(self._client, self._present())
                with _watched(self._client, self._workers, is_lost):
                    if self._share is None:
                        self._share = _Share(self._client, list(self._workers), X)
                    return work(self._share)
            except Exception as cause:
                # Once its client is closed, Dask can fail in many ways.
                if not isinstance(cause, failures) and not is_lost.is_set():
                    raise
                if not left:
                    raise ModelError(
                        f"Training on the cluster at '{self._scheduler}' failed {_TRIES} times, last with: "
                        f"{cause!r}. Check the logs of its workers. A worker that exceeds its memory limit is killed; "
                        "in that case add workers or give each more memory."
                    ) from cause
                self._restart()
        raise AssertionError

    def _joined(self) -> Any:
        client = join_cluster(self._scheduler, "Training", ModelError, _ordered_client(self._distributed))
        refuse_other_programs(client)
        return client

    def _present(self) -> list[str]:
        """Return workers that can be used, no more than there were at first."""
        return sorted(set(workers_of(self._client)) - self._useless)[: self.size]

    def _restart(self) -> None:
        """Discard the work in progress and restart the workers that took part.

        LightGBM on a worker may wait for a lost worker for ever; only restarting its process ends that.
        """
        self._share = None
        with contextlib.suppress(OSError, TimeoutError):
            self._client.close(timeout=5)
        self._client = join_cluster(self._scheduler, "Training", ModelError, _ordered_client(self._distributed))
        known = workers_of(self._client)
        stuck = [worker for worker in self._workers if worker in known]
        guarded = [worker for worker in stuck if known[worker]["nanny"]]
        # Without a nanny nobody starts them again.
        self._useless |= set(stuck) - set(guarded)
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            self._client.restart_workers(guarded, timeout=_PATIENCE_WITH_WORKERS, raise_for_error=False)
        until = time.monotonic() + _PATIENCE_WITH_WORKERS
        while len(self._present()) < self.size and time.monotonic() < until:
            time.sleep(0.1)
        size, self.size = self.size, len(self._present())
        if not self.size:
            raise ModelError(
                f"The cluster at '{self._scheduler}' has lost all its workers while training. Restart them with "
                "nannies (the default of 'dask worker'), and with more memory if they ran out of it."
            )
        refuse_other_programs(self._client)
        if self.size < size:
            warnings.warn(
                f"The cluster at '{self._scheduler}' has lost workers: {self.size} of {size} continue. Trees "
                "trained from now on differ slightly from those that all workers would have trained.",
                ExitladderWarning,
                stacklevel=2,
            )


def _processes(client: Any, workers: Sequence[str]) -> dict[str, str]:
    """Return an identity of each worker process by address, for the workers that are present.

    A restarted worker may have the address of its predecessor, but has a folder of its own.
    """
    known = workers_of(client)
    return {worker: known[worker]["local_directory"] for worker in workers if worker in known}


@contextlib.contextmanager
def _watched(client: Any, workers: dict[str, str], is_lost: threading.Event) -> Iterator[None]:
    """Close the client and set `is_lost` as soon as a worker is lost, which ends every wait for it.

    Dask itself would keep waiting for the worker assigned to the task.
    """
    is_done = threading.Event()

    def watch() -> None:
        with contextlib.suppress(OSError, TimeoutError, RuntimeError, ValueError):
            while _processes(client, list(workers)) == workers:
                if is_done.wait(_CHECK_INTERVAL):
                    return
        is_lost.set()
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            client.close(timeout=5)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_done.set()
        watcher.join()


class ClusterRows:
    """A stage's training rows, on a cluster; see `exitladder.models.forests.growing.ForestTrainer`."""

    def __init__(
        self, make_trainer: ClusterTrainer, rows: TrainingRows, train: IntArray, parameters: dict[str, Any]
    ) -> None:
        self._trainer, self._rows, self._train, self._parameters = make_trainer, rows, train, parameters

    def train(
        self,
        rows: IntArray,
        y: FloatArray,
        n_trees: int,
        objective: str,
        *,
        parameters: dict[str, Any] | None = None,
        weight: FloatArray | None = None,
    ) -> Forest:
        """Return a forest of some of the rows; see `BinnedRows.train`.

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
        weight : float64 array, optional
            None: rows on a cluster have no weights, see `chosen_estimators`.

        Returns
        -------
        Forest
        """
        chosen = {**self._parameters, **(parameters or {}), "objective": objective}
        where = self._train[rows]
        return Forest(
            self._trainer.do(self._rows.X, lambda share: share.trained(where, y, self._rows.names, n_trees, chosen))
        )

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
        """Return the mean of one forest per fold, each with as many trees as training them in parallel would keep.

        The forests are trained one after another, each with all its trees; the workers then compute the loss after
        each tree, and the rule of `BinnedRows.train_held_out` decides how many trees are kept.

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
        weight : float64 array, optional
            None: rows on a cluster have no weights, see `chosen_estimators`.

        Returns
        -------
        TrainedForest
        """
        texts, total = [], np.zeros(n_trees)
        for train, test in folds:
            text = self.train(rows[train], y[train], n_trees, objective, parameters=parameters).text
            total += self._losses(rows[test], y[test], text, objective, n_trees)
            texts.append(text)
        patient = Patience(patience)
        for loss in total / sum(len(test) for _, test in folds):
            if patient.is_over(loss):
                break
        n_rounds = patient.n_rounds
        cut = [first_trees(text, n_rounds) for text in texts]
        parts = tuple(Forest(text) for text in cut)
        return TrainedForest(Forest(mean_text(cut)), n_rounds, patient.losses[n_rounds - 1], parts)

    def _losses(self, rows: IntArray, y: FloatArray, text: str, objective: str, n_trees: int) -> FloatArray:
        where = self._train[rows]
        return self._trainer.do(self._rows.X, lambda share: share.losses(where, y, text, objective, n_trees))


@dataclass(frozen=True)
class _OfWorker:
    """Some rows on one worker: futures of their values and labels, and how many they are."""

    X: Any
    y: Any
    n: int


class _Share:
    """A matrix in blocks, shared among workers: block k is on worker k modulo their number."""

    def __init__(self, client: Any, workers: Sequence[str], X: Block) -> None:
        self.client, self.workers, self.X = client, tuple(workers), X
        n = len(self.workers)
        most = max(1, _BYTES_AT_ONCE // (X.itemsize * X.shape[1]))
        self.size = max(1, min(most, -(-len(X) // (n * _BLOCKS_A_WORKER))))
        self.blocks: list[list[Any]] = [[] for _ in self.workers]
        for k, at in enumerate(range(0, len(X), self.size)):
            self.blocks[k % n].append(self._sent(np.array(X[at : at + self.size]), k % n))

    def trained(
        self, rows: IntArray, y: FloatArray, names: tuple[str, ...], n_trees: int, parameters: dict[str, Any]
    ) -> str:
        """Return the text of a booster of these rows (positions in X, increasing)."""
        parts = self._parts(rows, y)
        for_estimator = {_ESTIMATORS_NAMES.get(name, name): value for name, value in parameters.items()}
        # Each worker uses the threads that it has.
        for_estimator.pop("num_threads")
        # The regressor for probabilities too, with their objective: the classifier numbers the classes anew on
        # each worker, and takes ones for zeros where a worker has nothing else.
        estimator = load_lightgbm().DaskLGBMRegressor(client=self.client, n_estimators=n_trees, **for_estimator)
        shape = (self.X.shape[1],)
        # It prints what it does, and warns of a number of threads that it has set itself.
        with self.client.as_current(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            estimator.fit(
                _as_array([(part.X, (part.n, *shape)) for part in parts], np.float32),
                _as_array([(part.y, (part.n,)) for part in parts], np.float64),
                feature_name=list(names),
            )
        return _NETWORK.sub(r"[\1: ]", estimator.booster_.model_to_string(num_iteration=-1))

    def losses(self, rows: IntArray, y: FloatArray, text: str, objective: str, n_trees: int) -> FloatArray:
        """Return the sum of the rows' losses after each tree, shape (n_trees,)."""
        futures = [
            self.client.submit(losses_by_tree, text, part.X, part.y, objective, n_trees, pure=False)
            for part in self._parts(rows, y)
        ]
        found: list[FloatArray] = self.client.gather(futures)
        return np.asarray(np.sum(found, axis=0))

    def _parts(self, rows: IntArray, y: FloatArray) -> list[_OfWorker]:
        """Return these rows grouped by the worker that holds them, in the order of the workers."""
        n, block = len(self.workers), rows // self.size
        # All blocks are full but the last of all, so a worker's rows count on through its blocks.
        local = block // n * self.size + rows % self.size
        found = []
        for worker in range(n):
            here = block % n == worker
            if here.any():
                positions, labels = self._sent(local[here], worker), self._sent(y[here], worker)
                values = self.client.submit(
                    _rows_of, self.blocks[worker], positions, workers=[self.workers[worker]], pure=False
                )
                found.append(_OfWorker(values, labels, int(here.sum())))
        return found

    def _sent(self, array: npt.NDArray[Any], worker: int) -> Any:
        # By itself: large arguments inside of a task slow the scheduler down.
        return self.client.scatter(array, workers=[self.workers[worker]], hash=False)


def _ordered_client(distributed: Any) -> Any:
    """Return a Dask client class whose `who_has` keeps the order of the futures.

    LightGBM ranks the workers by that order, and the rank decides which worker finds the bins of which features.
    Dask's own order is that of a set, which changes from one time to the next.
    """

    class Client(distributed.Client):  # type: ignore[misc]
        def who_has(self, futures: Any = None, **options: Any) -> Any:
            described = super().who_has(futures, **options)
            return described if futures is None else {future.key: described[future.key] for future in futures}

    return Client


def _as_array(parts: list[tuple[Any, tuple[int, ...]]], dtype: Any) -> Any:
    """Return a Dask array of the parts on the workers, one chunk per part."""
    dask, arrays = importlib.import_module("dask"), importlib.import_module("dask.array")
    chunks = [arrays.from_delayed(dask.delayed(future), shape, dtype) for future, shape in parts]
    return arrays.concatenate(chunks)


def _rows_of(blocks: list[Block], positions: IntArray) -> Block:
    """Return rows (counted through all blocks, increasing) of a worker's blocks; runs there."""
    # Loaded here first, so that OpenMP reads the spin count of `load_lightgbm`.
    load_lightgbm()
    ends = np.cumsum([0, *(len(block) for block in blocks)])
    cut = np.searchsorted(positions, ends)
    out = np.empty((len(positions), blocks[0].shape[1]), dtype=np.float32)
    for k, block in enumerate(blocks):
        out[cut[k] : cut[k + 1]] = block[positions[cut[k] : cut[k + 1]] - ends[k]]
    return out
