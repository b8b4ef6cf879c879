"""The protocol of samplers, and the plan of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from exitladder.errors import ModelError, did_you_mean
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.space.candidates import Candidate

SAMPLERS = ("random", "qmc", "tpe", "nsga2", "cmaes", "mixture")


class Sampler(Protocol):
    """Suggests batches of candidates and learns from their evaluation.

    Attributes
    ----------
    learns : bool
        Whether a batch depends on the results of others; if not, batches may be requested in any order.
    in_turn : bool
        Whether batches must be requested in order, including those that are already known.
    """

    learns: bool
    in_turn: bool

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch; `batch` counts from 1."""

    def tell(self, batch: int, candidates: list[Candidate], evaluation: Evaluation) -> None:
        """Take in the evaluation of a batch; batches come in order, the warm starts first.

        Parameters
        ----------
        batch : int
            0 for the warm starts.
        candidates : list of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """


@dataclass(frozen=True)
class SearchPlan:
    """Everything that determines a search except its data.

    Parameters
    ----------
    sampler : str
        One of `SAMPLERS`.
    seed : int
    n_trials : int
        Candidates besides the warm starts.
    batch_size : int
    n_objectives : int
    """

    sampler: str
    seed: int
    n_trials: int
    batch_size: int
    n_objectives: int = 1

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ModelError(
                f"sampler must be one of {', '.join(SAMPLERS)}, but is {self.sampler!r}. "
                f"{did_you_mean(self.sampler, SAMPLERS)}"
            )
        for name in ("n_trials", "batch_size"):
            count = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
                raise ModelError(f"{name} must be a whole number from 1, but is {count!r}.")

    @property
    def n_batches(self) -> int:
        """Batches besides that of the warm starts."""
        return -(-self.n_trials // self.batch_size)

    def size_of(self, batch: int) -> int:
        """Return how many candidates a batch has; `batch` counts from 1."""
        return min(self.batch_size, self.n_trials - (batch - 1) * self.batch_size)

    def rng(self, batch: int) -> np.random.Generator:
        """Return the random numbers of a batch."""
        return np.random.default_rng((self.seed, batch))
