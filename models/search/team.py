"""Where the batches of a search are evaluated: in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError
from exitladder.models.search.evaluation import Evaluation, Evaluator
from exitladder.models.search.loop import Inline, SearchWorker
from exitladder.models.search.space.candidates import Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StoredStudy, StudyStore
from exitladder.plans.ladder import Ladder
from exitladder.runtime.cluster import distributed, join_cluster, workers_of
from exitladder.runtime.fingerprints import refuse_other_programs
from exitladder.runtime.threads import use_threads

Advance = Callable[[int], None]


class Executor(Protocol):
    """Runs a search.

    Attributes
    ----------
    size : int
        Batches evaluated at the same time.
    """

    size: int

    def search(self, worker: SearchWorker, evaluator: Evaluator, advance: Advance) -> None:
        """Return when all batches are known.

        Parameters
        ----------
        worker : SearchWorker
        evaluator : Evaluator
        advance : callable
            Called with the number of candidates of each batch that becomes known.
        """


class InProcess:
    """Runs a search in this process alone."""

    size = 1

    def search(self, worker: SearchWorker, evaluator: Evaluator, advance: Advance) -> None:
        """Return when all batches are known.

        Parameters
        ----------
        worker : SearchWorker
        evaluator : Evaluator
        advance : callable
            Called with the number of candidates of each batch that becomes known.
        """
        worker.take_part(Inline(evaluator), advance)


class Processes:
    """Several processes on this machine, including this one, that share a study in a store.

    Parameters
    ----------
    n : int
        Number of processes.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ModelError(f"workers must be at least 1, but is {n}.")
        self.size = n

    def search(self, worker: SearchWorker, evaluator: Evaluator, advance: Advance) -> None:
        """Return when all batches are known.

        Parameters
        ----------
        worker : SearchWorker
            Its study must be in a store.
        evaluator : Evaluator
            Sent to the other processes by pickling.
        advance : callable
            Called with the number of candidates of each batch that becomes known.

        Raises
        ------
        ModelError
            If the study is in no store.
        """
        study = worker.study
        if not isinstance(study, StoredStudy):
            raise ModelError(
                "Several workers must share a storage, but this search has none. Give one with --storage, "
                "such as sqlite:///mlruns/studies.db or postgresql://USER@HOST/DATABASE."
            )
        job = SearchJob(
            study.store.url, study.store.lease_seconds, study.name, worker.cube.space, evaluator, worker.warm_starts,
            _threads(self.size),
        )  # fmt: skip
        # Fresh processes: a forked one would inherit locks of the threads here.
        context = multiprocessing.get_context("spawn")
        helpers = [context.Process(target=join_search, args=(job,), daemon=True) for _ in range(self.size - 1)]
        for helper in helpers:
            helper.start()
        try:
            with use_threads(_threads(self.size)):
                worker.take_part(Inline(evaluator), advance)
            for helper in helpers:
                helper.join()
        finally:
            for helper in helpers:
                helper.terminate()


@dataclass(frozen=True)
class SearchJob:
    """Everything a process needs to work on a search."""

    url: str
    lease_seconds: float
    name: str
    space: SearchSpace
    evaluator: Evaluator
    warm_starts: tuple[Ladder, ...]
    threads: int


def join_search(job: SearchJob) -> None:
    """Take part in a search until all batches are known, or the process that started it has ended."""
    store = StudyStore(job.url, job.lease_seconds)
    parent = multiprocessing.parent_process()
    with use_threads(job.threads):
        worker = SearchWorker(store.join(job.name), Cube(job.space), job.warm_starts)
        worker.take_part(Inline(job.evaluator), is_wanted=lambda: parent is None or parent.is_alive())
    store.close()


def _threads(n: int) -> int:
    return max(1, (os.cpu_count() or 1) // n)


class DaskExecutor:
    """Runs a search on the workers of a Dask cluster; this process requests the candidates.

    Parameters
    ----------
    scheduler : str
        Address such as ``tcp://10.0.0.1:8786``; its workers must have the same version of exitladder.

    Raises
    ------
    ModelError
        If Dask is not installed or the scheduler does not respond.
    """

    def __init__(self, scheduler: str) -> None:
        self.scheduler, self.distributed = scheduler, distributed("Searching", ModelError)
        self.client = join_cluster(scheduler, "Searching", ModelError)
        self.size = len(workers_of(self.client))
        if not self.size:
            raise ModelError(f"The cluster at '{scheduler}' must have at least one worker, but has none.")

    def search(self, worker: SearchWorker, evaluator: Evaluator, advance: Advance) -> None:
        """Return when all batches are known; the data of `evaluator` are sent to every worker once.

        Parameters
        ----------
        worker : SearchWorker
        evaluator : Evaluator
        advance : callable
            Called with the number of candidates of each batch that becomes known.

        Raises
        ------
        ModelError
            If a worker of the cluster has another version of exitladder, or the scheduler stops.
        """
        refuse_other_programs(self.client)
        try:
            worker.take_part(_Cluster(self.client, self.distributed, evaluator, 2 * self.size), advance)
        except ModelError:
            raise
        except Exception as cause:
            if self.client.status == "running":
                raise
            raise ModelError(
                f"The Dask scheduler must run until the search ends, but '{self.scheduler}' no longer answers. Start "
                "it and its workers again, then run the same command: a search that has a storage continues."
            ) from cause

    def close(self) -> None:
        """Leave the cluster."""
        self.client.close()


class _Sent:
    """A batch on its way; `future` changes where it has to be sent again."""

    def __init__(self, ladders: list[Ladder], incumbent: FloatArray | None, future: Any) -> None:
        self.ladders, self.incumbent, self.future = ladders, incumbent, future


class _Cluster:
    """Sends batches to a cluster; a worker that dies has its batch done by another, which Dask sees to.

    If all workers that hold the evaluator's data die, the data are sent again to the workers that have joined since.
    """

    def __init__(self, client: Any, distributed: Any, evaluator: Evaluator, capacity: int) -> None:
        self.client, self.distributed, self.capacity = client, distributed, capacity
        self.evaluator, self.held = evaluator, self._scattered(evaluator)

    def submit(self, ladders: list[Ladder], incumbent: FloatArray | None) -> _Sent:
        """Send a batch."""
        return _Sent(ladders, incumbent, self._sent(ladders, incumbent))

    def first_done(self, in_flight: Sequence[_Sent]) -> list[tuple[_Sent, Evaluation]]:
        """Return batches that are done."""
        while True:
            # The status is checked below: a lost future counts as cancelled.
            with self.client.as_current(), suppress(CancelledError):
                self.distributed.wait([sent.future for sent in in_flight], return_when="FIRST_COMPLETED")
            lost = [sent for sent in in_flight if sent.future.status in ("cancelled", "lost")]
            if lost:
                self.held = self._scattered(self.evaluator)
                for sent in lost:
                    sent.future = self._sent(sent.ladders, sent.incumbent)
            done = [(sent, sent.future.result()) for sent in in_flight if sent.future.status in ("finished", "error")]
            if done:
                return done

    def _scattered(self, evaluator: Evaluator) -> Any:
        # Sent before it is used, to all: large arguments inside of a task slow the scheduler down.
        return self.client.scatter(evaluator, broadcast=True, hash=False)

    def _sent(self, ladders: list[Ladder], incumbent: FloatArray | None) -> Any:
        return self.client.submit(_evaluation, self.held, ladders, incumbent, pure=False)


def _evaluation(evaluator: Evaluator, ladders: list[Ladder], incumbent: FloatArray | None) -> Evaluation:
    """Evaluate a batch; runs on a worker."""
    return evaluator(ladders, incumbent)
