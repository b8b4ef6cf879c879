"""One who takes part in a search: claims batches, asks for their candidates, has them evaluated, keeps the result."""

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
from exitladder.models.search.studies.studies import KnownBatch, Study
from exitladder.plans.ladder import Ladder

# Between looks at whether others are done, and between signs of life.
_PAUSE_SECONDS, _KEEP_SECONDS = 0.05, 5.0


class Executor(Protocol):
    """Evaluates several batches at once."""

    capacity: int

    def submit(self, ladders: list[Ladder], incumbent: FloatArray | None) -> Any:
        """Begin to evaluate, held against a rival where there is one; returns what `first_done` knows it by."""

    def first_done(self, flying: Sequence[Any]) -> list[tuple[Any, Evaluation]]:
        """Return those that are done, at least one."""


Asked = tuple[list[Ladder], FloatArray | None]


class Inline:
    """Evaluates a batch when it is waited for, in this process."""

    capacity = 1

    def __init__(self, judging: Evaluator) -> None:
        self.judging = judging

    def submit(self, ladders: list[Ladder], incumbent: FloatArray | None) -> Asked:
        """Return what is to be evaluated."""
        return ladders, incumbent

    def first_done(self, flying: Sequence[Asked]) -> list[tuple[Asked, Evaluation]]:
        """Evaluate the first batch."""
        return [(flying[0], self.judging(*flying[0]))]


class SearchWorker:
    """One who takes part in a study.

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
        executor: Executor,
        advance: Callable[[int], None] = lambda n: None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Return when all batches are known, or this one's part is no longer wanted."""
        flying: dict[int, tuple[Any, list[Candidate]]] = {}
        with _kept(self.study, flying):
            while is_wanted():
                self._read_news(advance)
                while len(flying) < executor.capacity and (claimed := self.study.claim()) is not None:
                    if self.plan.known_before(claimed) >= self.next_recorded:
                        # What it has to know may have become known since.
                        self._read_news(advance)
                    candidates = self._ask(claimed)
                    work = executor.submit([c.ladder for c in candidates], self._incumbent(claimed))
                    flying[claimed] = (work, candidates)
                if flying:
                    for done, evaluation in executor.first_done([work for work, _ in flying.values()]):
                        number = next(k for k, (work, _) in flying.items() if work is done)
                        candidates = flying.pop(number)[1]
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
        """Return what all candidates are worth, in order."""
        return Evaluation.joined([self._evaluation[batch] for batch in self.plan.batches])

    def _read_news(self, advance: Callable[[int], None]) -> None:
        for batch in self.study.news():
            advance(self._know(batch.number, self._given(batch), batch.evaluation))

    def _know(self, number: int, candidates: list[Candidate], evaluation: Evaluation) -> int:
        self._candidates[number], self._evaluation[number] = candidates, evaluation
        return len(candidates)

    def _given(self, batch: KnownBatch) -> list[Candidate]:
        if batch.number:
            return [self.cube.given(parameters) for parameters in batch.parameters]
        return [self.cube.warm(ladder) for ladder in self.warm_starts]

    def _begin(self) -> None:
        self.sampler: Sampler = sampler_of(self.plan.search, self.cube)
        self.n_asked, self.next_recorded = 0, self.plan.batches[0]

    def _ask(self, batch: int) -> list[Candidate]:
        """Return a batch's candidates, with the sampler knowing what it would had all come in turn."""
        if batch == 0:
            return [self.cube.warm(ladder) for ladder in self.warm_starts]
        # Having been told too much, or asked for too much, is undone by beginning again.
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
        """Return what the best ladder known before a batch is worth on every block of trades, where that is told."""
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
            raise ModelError(f"evaluate must return what each of {n} ladders is worth, but returned {len(evaluation)}.")
        if (evaluation.objectives, evaluation.constraints) != (self.plan.objectives, self.plan.constraints):
            raise ModelError(
                f"evaluate must judge every batch by {[*self.plan.objectives, *self.plan.constraints]}, "
                f"but judged one by {[*evaluation.objectives, *evaluation.constraints]}."
            )


@contextmanager
def _kept(study: Study, flying: Mapping[int, object]) -> Iterator[None]:
    """Renew the claims on batches while they are evaluated, and give up those that are left."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(_KEEP_SECONDS):
            for batch in list(flying):
                study.keep(batch)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        # Left in the middle: others need not wait until the claims have run out.
        with suppress(ModelError):
            for batch in flying:
                study.release(batch)
