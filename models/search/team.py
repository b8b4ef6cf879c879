"""Who evaluates the batches of a search: this process, more processes that share its study, or a Dask cluster."""

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
    """Those who take part in a search.

    Attributes
    ----------
    size : int
        Batches that are looked at at once.
    """

    size: int

    def search(self, worker: SearchWorker, judging: Evaluator, advance: Advance) -> None:
        """Return when all batches are known."""


class InProcess:
    """Nobody but this process."""

    size = 1

    def search(self, worker: SearchWorker, judging: Evaluator, advance: Advance) -> None:
        """Return when all batches are known."""
        worker.take_part(Inline(judging), advance)


class Processes:
    """Several processes on this machine, this one among them, which ask, evaluate and share a study in a store.

    Parameters
    ----------
    n : int
        Processes in all.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ModelError(f"workers must be at least 1, but is {n}.")
        self.size = n

    def search(self, worker: SearchWorker, judging: Evaluator, advance: Advance) -> None:
        """Return when all batches are known; `judging` must be such that processes can be sent it."""
        study = worker.study
        if not isinstance(study, StoredStudy):
            raise ModelError(
                "Several workers must share a storage, but this search has none. Give one with --storage, "
                "such as sqlite:///mlruns/studies.db or postgresql://USER@HOST/DATABASE."
            )
        job = SearchJob(
            study.store.url, study.store.lease_seconds, study.name, worker.cube.space, judging, worker.warm_starts,
            _threads(self.size),
        )  # fmt: skip
        # Fresh processes: a forked one would inherit locks of the threads here.
        context = multiprocessing.get_context("spawn")
        helpers = [context.Process(target=join_search, args=(job,), daemon=True) for _ in range(self.size - 1)]
        for helper in helpers:
            helper.start()
        try:
            with use_threads(_threads(self.size)):
                worker.take_part(Inline(judging), advance)
            for helper in helpers:
                helper.join()
        finally:
            for helper in helpers:
                helper.terminate()


@dataclass(frozen=True)
class SearchJob:
    """What a process has to know to take part."""

    url: str
    lease_seconds: float
    name: str
    space: SearchSpace
    judging: Evaluator
    warm_starts: tuple[Ladder, ...]
    threads: int


def join_search(job: SearchJob) -> None:
    """Take part in a search until all is known, or the process that began it is gone."""
    store = StudyStore(job.url, job.lease_seconds)
    parent = multiprocessing.parent_process()
    with use_threads(job.threads):
        worker = SearchWorker(store.join(job.name), Cube(job.space), job.warm_starts)
        worker.take_part(Inline(job.judging), is_wanted=lambda: parent is None or parent.is_alive())
    store.close()


def _threads(n: int) -> int:
    return max(1, (os.cpu_count() or 1) // n)


class DaskExecutor:
    """The workers of a Dask cluster, which evaluate what this process asks for.

    Parameters
    ----------
    scheduler : str
        Address such as ``tcp://10.0.0.1:8786``; its workers must have the same version of exitladder.

    Raises
    ------
    ModelError
        If Dask is not installed or the scheduler does not answer.
    """

    def __init__(self, scheduler: str) -> None:
        self.distributed = distributed("Searching", ModelError)
        self.client = join_cluster(scheduler, "Searching", ModelError)
        self.size = len(workers_of(self.client))
        if not self.size:
            raise ModelError(f"The cluster at '{scheduler}' must have a worker at least, but has none.")

    def search(self, worker: SearchWorker, judging: Evaluator, advance: Advance) -> None:
        """Return when all batches are known; what `judging` holds is sent to every worker once."""
        refuse_other_programs(self.client)
        worker.take_part(_Cluster(self.client, self.distributed, judging, 2 * self.size), advance)

    def close(self) -> None:
        """Leave the cluster."""
        self.client.close()


class _Sent:
    """A batch on its way; `future` changes where it has to be sent again."""

    def __init__(self, ladders: list[Ladder], incumbent: FloatArray | None, future: Any) -> None:
        self.ladders, self.incumbent, self.future = ladders, incumbent, future


class _Cluster:
    """Sends batches to a cluster; a worker that dies has its batch done by another, which Dask sees to.

    Should all workers die that hold what `judging` holds, it is sent anew to those that have come since.
    """

    def __init__(self, client: Any, distributed: Any, judging: Evaluator, capacity: int) -> None:
        self.client, self.distributed, self.capacity = client, distributed, capacity
        self.judging, self.held = judging, self._scattered(judging)

    def submit(self, ladders: list[Ladder], incumbent: FloatArray | None) -> _Sent:
        """Send a batch."""
        return _Sent(ladders, incumbent, self._sent(ladders, incumbent))

    def first_done(self, flying: Sequence[_Sent]) -> list[tuple[_Sent, Evaluation]]:
        """Return batches that are done."""
        while True:
            # Told below, by status: one that is lost counts as cancelled.
            with self.client.as_current(), suppress(CancelledError):
                self.distributed.wait([sent.future for sent in flying], return_when="FIRST_COMPLETED")
            lost = [sent for sent in flying if sent.future.status in ("cancelled", "lost")]
            if lost:
                self.held = self._scattered(self.judging)
                for sent in lost:
                    sent.future = self._sent(sent.ladders, sent.incumbent)
            done = [(sent, sent.future.result()) for sent in flying if sent.future.status in ("finished", "error")]
            if done:
                return done

    def _scattered(self, judging: Evaluator) -> Any:
        # Sent before it is used, to all: large arguments inside of a task slow the scheduler down.
        return self.client.scatter(judging, broadcast=True, hash=False)

    def _sent(self, ladders: list[Ladder], incumbent: FloatArray | None) -> Any:
        return self.client.submit(_evaluation, self.held, ladders, incumbent, pure=False)


def _evaluation(judging: Evaluator, ladders: list[Ladder], incumbent: FloatArray | None) -> Evaluation:
    """Judge a batch; runs on a worker."""
    return judging(ladders, incumbent)
