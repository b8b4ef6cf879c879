"""A study: which batches of a search are being evaluated and which are known; in memory, or in a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from exitladder.errors import ModelError
from exitladder.models.search.evaluation import BlockScores, Evaluation
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.space.candidates import Candidate


@dataclass(frozen=True)
class StudyPlan:
    """Everything that the workers of a study must agree on.

    Parameters
    ----------
    search : SearchPlan
    n_warm : int
        Warm starts, which make up batch 0.
    learns : bool
        Whether a batch depends on earlier ones, through the sampler or the pruner.
    ahead : int
        A batch is requested knowing all batches up to `ahead` before it, so `ahead` of them can be evaluated at once.
    objectives, constraints : tuple of str
    identity : mapping of str to str
        Fingerprints of everything that determines the result, such as the bars, the trades and the space.
    """

    search: SearchPlan
    n_warm: int
    learns: bool
    ahead: int
    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    identity: Mapping[str, str]

    @property
    def batches(self) -> range:
        """Numbers of all batches."""
        return range(0 if self.n_warm else 1, self.search.n_batches + 1)

    def size_of(self, batch: int) -> int:
        """Return how many candidates a batch has."""
        return self.search.size_of(batch) if batch else self.n_warm

    def first_trial(self, batch: int) -> int:
        """Return the number of a batch's first trial; warm starts count from 0."""
        return self.n_warm + (batch - 1) * self.search.batch_size if batch else 0

    def known_before(self, batch: int) -> int:
        """Return the last batch whose results the sampler knows when it generates this batch; -1 for none."""
        return max(batch - self.ahead, 0) if self.learns and batch else -1

    def may_begin(self, batch: int, finished: set[int]) -> bool:
        """Whether all that a batch has to know is known."""
        return all(k in finished for k in range(self.batches[0], self.known_before(batch) + 1))


@dataclass(frozen=True)
class KnownBatch:
    """A batch that has been evaluated: its candidates' parameters and their evaluation."""

    number: int
    parameters: Sequence[Mapping[str, Any]]
    evaluation: Evaluation


class Study(Protocol):
    """Coordinates the workers that share a search: which worker evaluates which batch."""

    plan: StudyPlan

    def claim(self) -> int | None:
        """Claim and return the lowest batch that is free and may begin, or None."""

    def finish(self, batch: int, candidates: Sequence[Candidate], evaluation: Evaluation) -> bool:
        """Store the evaluation of a batch, unless another worker did; returns whether it was stored.

        Parameters
        ----------
        batch : int
        candidates : sequence of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.

        Returns
        -------
        bool
        """

    def news(self) -> list[KnownBatch]:
        """Return batches that other workers have finished since the last call."""

    def keep(self, batch: int) -> None:
        """Renew the claim on a batch."""

    def release(self, batch: int) -> None:
        """Give up the claim on a batch."""


class StudyInMemory:
    """A study of one process, in memory only.

    Parameters
    ----------
    plan : StudyPlan
    """

    def __init__(self, plan: StudyPlan) -> None:
        self.plan = plan
        self._claimed: set[int] = set()
        self._known: set[int] = set()

    def claim(self) -> int | None:
        """Claim and return a batch, or None."""
        for batch in self.plan.batches:
            if batch not in self._claimed and self.plan.may_begin(batch, self._known):
                self._claimed.add(batch)
                return batch
        return None

    def finish(self, batch: int, candidates: Sequence[Candidate], evaluation: Evaluation) -> bool:
        """Note that a batch is known; see `Study.finish`.

        Parameters
        ----------
        batch : int
        candidates : sequence of Candidate
        evaluation : Evaluation
            Not stored; the worker keeps it.

        Returns
        -------
        bool
            Always True.
        """
        self._known.add(batch)
        return True

    def news(self) -> list[KnownBatch]:
        """Return nothing: there is no other worker."""
        return []

    def keep(self, batch: int) -> None:
        """Do nothing: there is no other worker."""

    def release(self, batch: int) -> None:
        """Give up the claim on a batch."""
        self._claimed.discard(batch)


def kept_of(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation of a batch as plain values to store."""
    kept: dict[str, Any] = {"values": evaluation.values.tolist(), "violations": evaluation.violations.tolist()}
    if evaluation.block_scores is not None:
        kept |= {
            "blocks": evaluation.block_scores.values.tolist(),
            "n_looked": evaluation.block_scores.n_looked.tolist(),
        }
    return kept


def evaluation_of(plan: StudyPlan, kept: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation of a batch from stored values; see `kept_of`."""
    n = len(kept["parameters"])
    for name, width in (("values", len(plan.objectives)), ("violations", len(plan.constraints))):
        if len(kept[name]) != n or any(len(row) != width for row in kept[name]):
            raise ModelError(f"{name} must be {n} rows of {width}, but are not. Search again.")
    block_scores = None
    if "blocks" in kept:
        blocks = np.asarray(kept["blocks"], dtype=np.float64).reshape(n, -1)
        block_scores = BlockScores(blocks, np.asarray(kept["n_looked"], dtype=np.int64))
    return Evaluation(
        np.asarray(kept["values"], dtype=np.float64).reshape(n, len(plan.objectives)),
        np.asarray(kept["violations"], dtype=np.float64).reshape(n, len(plan.constraints)),
        plan.objectives,
        plan.constraints,
        block_scores,
    )
