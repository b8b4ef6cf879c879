"""A worker of a search: claims batches, requests their candidates, has them evaluated, stores the result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError
from exitladder.models.search.evaluation import Evaluation, Evaluator
from exitladder.models.search.samplers.choice import sampler_of
from exitladder.models.search.samplers.sampler import Sampler
from exitladder.models.search.space.candidates import Candidate, Cube
from exitladder.models.search.space.trials import OutsideSpaceError
from exitladder.models.search.studies.studies import KnownBatch, Study
from exitladder.plans.ladder import Ladder

# Pause before checking the study again, and interval of renewing claims.
_PAUSE_SECONDS, _KEEP_SECONDS = 0.05, 5.0


class BatchExecutor(Protocol):
    """Evaluates several batches at the same time."""

    capacity: int

    def submit(self, ladders: list[Ladder], incumbent: FloatArray | None) -> Any:
        """Start evaluating a batch, pruned against the incumbent if there is one; returns a handle for `first_done`."""

    def first_done(self, in_flight: Sequence[Any]) -> list[tuple[Any, Evaluation]]:
        """Return the batches that are done, at least one."""


Asked = tuple[list[Ladder], FloatArray | None]


class Inline:
    """Evaluates a batch in this process, when its result is waited for."""

    capacity = 1

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def submit(self, ladders: list[Ladder], incumbent: FloatArray | None) -> Asked:
        """Return the ladders, to be evaluated by `first_done`."""
        return ladders, incumbent

    def first_done(self, in_flight: Sequence[Asked]) -> list[tuple[Asked, Evaluation]]:
        """Evaluate the first batch."""
        return [(in_flight[0], self.evaluator(*in_flight[0]))]


class SearchWorker:
    """A worker that takes part in a study.

    Parameters
    ----------
    study : Study
    cube : Cube
    warm_starts : tuple of Ladder
        Batch 0.
    """

    def __init__(self, study: Study, cube: Cube, warm_starts: tuple[Ladder, ...]) -> None:
        self.study, self.plan, self.cube, self.warm_starts = study, study.plan, cube, warm_starts
        self._candidates: dict[int, list[Candidate]] = {}
        self._evaluation: dict[int, Evaluation] = {}
        self._begin()

    def take_part(
        self,
        executor: BatchExecutor,
        advance: Callable[[int], None] = lambda n: None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Return when all batches are known, or the worker is no longer wanted.

        Parameters
        ----------
        executor : BatchExecutor
            Evaluates the batches that this worker claims.
        advance : callable
            Called with the number of candidates of each batch that becomes known.
        is_wanted : callable
            Asked before each round; False ends the work.

        Raises
        ------
        ModelError
            If an evaluation has another size, or other objectives, than the plan.
        """
        in_flight: dict[int, tuple[Any, list[Candidate]]] = {}
        with _renewed_claims(self.study, in_flight):
            while is_wanted():
                self._read_news(advance)
                while len(in_flight) < executor.capacity and (claimed := self.study.claim()) is not None:
                    if self.plan.known_before(claimed) >= self.next_recorded:
                        # Batches that it depends on may have become known since.
                        self._read_news(advance)
                    candidates = self._ask(claimed)
                    work = executor.submit([c.ladder for c in candidates], self._incumbent(claimed))
                    in_flight[claimed] = (work, candidates)
                if in_flight:
                    for done, evaluation in executor.first_done([work for work, _ in in_flight.values()]):
                        number = next(k for k, (work, _) in in_flight.items() if work is done)
                        candidates = in_flight.pop(number)[1]
                        self._check(evaluation, len(candidates))
                        if self.study.finish(number, candidates, evaluation):
                            advance(self._know(number, candidates, evaluation))
                elif len(self._evaluation) == len(self.plan.batches):
                    return
                else:
                    time.sleep(_PAUSE_SECONDS)

    def candidates(self) -> list[Candidate]:
        """Return all candidates, in order."""
        return [c for batch in self.plan.batches for c in self._candidates[batch]]

    def evaluation(self) -> Evaluation:
        """Return the evaluation of all candidates, in order."""
        return Evaluation.joined([self._evaluation[batch] for batch in self.plan.batches])

    def _read_news(self, advance: Callable[[int], None]) -> None:
        for batch in self.study.news():
            advance(self._know(batch.number, self._given(batch), batch.evaluation))

    def _know(self, number: int, candidates: list[Candidate], evaluation: Evaluation) -> int:
        self._candidates[number], self._evaluation[number] = candidates, evaluation
        return len(candidates)

    def _given(self, batch: KnownBatch) -> list[Candidate]:
        if batch.number:
            try:
                return [self.cube.given(parameters) for parameters in batch.parameters]
            except (OutsideSpaceError, ValueError, TypeError) as cause:
                raise ModelError(
                    f"A saved trial must be within the search space, but one of batch {batch.number} is not "
                    f"({str(cause)[:100]}). Start again with --fresh, which deletes this study, or give another name "
                    "(tuning.study)."
                ) from cause
        return [self.cube.warm(ladder) for ladder in self.warm_starts]

    def _begin(self) -> None:
        self.sampler: Sampler = sampler_of(self.plan.search, self.cube)
        self.n_asked, self.next_recorded = 0, self.plan.batches[0]

    def _ask(self, batch: int) -> list[Candidate]:
        """Return a batch's candidates, with the sampler in the state of a search in order."""
        if batch == 0:
            return [self.cube.warm(ladder) for ladder in self.warm_starts]
        # A sampler that knows too much, or was asked too far ahead, starts again.
        if self.next_recorded > self.plan.known_before(batch) + 1 or (self.sampler.in_turn and self.n_asked >= batch):
            self._begin()
        for number in range(self.n_asked + 1 if self.sampler.in_turn else batch, batch + 1):
            while self.next_recorded <= self.plan.known_before(number):
                k = self.next_recorded
                self.sampler.tell(k, self._candidates[k], self._evaluation[k])
                self.next_recorded += 1
            candidates = self.sampler.ask(number, self.plan.size_of(number))
            self.n_asked = number
        return candidates

    def _incumbent(self, batch: int) -> FloatArray | None:
        """Return the values of the best ladder known before a batch on every block of trades, if there are any."""
        best, incumbent = -np.inf, None
        for number in self.plan.batches:
            if number > self.plan.known_before(batch):
                break
            evaluation = self._evaluation[number]
            if evaluation.block_scores is None or not evaluation.feasible.any():
                continue
            first = np.where(evaluation.feasible, evaluation.values[:, 0], -np.inf)
            k = int(np.argmax(first))
            if first[k] > best:
                best, incumbent = float(first[k]), evaluation.block_scores.values[k]
        return incumbent

    def _check(self, evaluation: Evaluation, n: int) -> None:
        if len(evaluation) != n:
            raise ModelError(f"evaluate must return a value for each of {n} ladders, but returned {len(evaluation)}.")
        if (evaluation.objectives, evaluation.constraints) != (self.plan.objectives, self.plan.constraints):
            raise ModelError(
                "evaluate must use the same objectives and constraints for every batch, "
                f"{[*self.plan.objectives, *self.plan.constraints]}, "
                f"but used {[*evaluation.objectives, *evaluation.constraints]}."
            )


@contextmanager
def _renewed_claims(study: Study, in_flight: Mapping[int, object]) -> Iterator[None]:
    """Renew the claims on batches while they are evaluated, and release the unfinished ones at the end."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(_KEEP_SECONDS):
            for batch in list(in_flight):
                # a storage that is away for a moment: the next renewal counts
                with suppress(ModelError):
                    study.keep(batch)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        # Interrupted: others need not wait until the claims expire.
        with suppress(ModelError):
            for batch in in_flight:
                study.release(batch)
