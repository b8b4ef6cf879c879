"""Which candidates a search tries next, batch by batch.

A batch is a function of the seed, its number and what is known of batches before it. So a search that was
interrupted, or shared by many, asks for the same candidates as one that was not.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from exitladder.bars import FloatArray
from exitladder.errors import ModelError, did_you_mean
from exitladder.models.candidates import Candidate, Cube
from exitladder.models.evolution import Evolution, order_of, reflected
from exitladder.models.judged import Judged

SAMPLERS = ("random", "qmc", "tpe", "nsga2", "cmaes", "mixture")


class Sampler(Protocol):
    """Asks for batches of candidates and is told what they are worth.

    Attributes
    ----------
    learns : bool
        Whether a batch depends on what is known of others; without, batches may be asked for in any order.
    in_turn : bool
        Whether every batch has to be asked for in turn, also those that are known already.
    """

    learns: bool
    in_turn: bool

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch; `batch` counts from 1."""

    def tell(self, batch: int, candidates: list[Candidate], judged: Judged) -> None:
        """Take in what a batch was worth; batches come in order, the warm starts first, as batch 0."""


@dataclass(frozen=True)
class SearchPlan:
    """What makes a search the search it is, besides its data.

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


def sampler_of(plan: SearchPlan, cube: Cube) -> Sampler:
    """Return the sampler that a plan names.

    Raises
    ------
    ModelError
        If it cannot search as many objectives, or its package is missing.
    """
    if plan.sampler == "random":
        return RandomSampler(plan, cube)
    if plan.sampler == "qmc":
        return QmcSampler(plan, cube)
    if plan.sampler == "cmaes":
        return CmaesSampler(plan, cube)
    if plan.sampler == "mixture":
        return MixtureSampler(plan, cube)
    # Loaded at first use: Optuna takes a while.
    from exitladder.models.optuna_samplers import NsgaSampler, TpeSampler

    return TpeSampler(plan, cube) if plan.sampler == "tpe" else NsgaSampler(plan, cube)


class RandomSampler:
    """Points drawn evenly from the cube."""

    learns = False
    in_turn = False

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        self.plan, self.cube = plan, cube

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        return [self.cube.at(point) for point in self.plan.rng(batch).random((n, self.cube.n))]

    def tell(self, batch: int, candidates: list[Candidate], judged: Judged) -> None:
        """Learn nothing."""


class QmcSampler:
    """Points of a scrambled Sobol' sequence, which leaves no part of the cube out for long."""

    learns = False
    in_turn = False

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        self.plan, self.cube = plan, cube

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        return [self.cube.at(point) for point in self.points((batch - 1) * self.plan.batch_size, n)]

    def tell(self, batch: int, candidates: list[Candidate], judged: Judged) -> None:
        """Learn nothing."""

    def points(self, start: int, n: int) -> FloatArray:
        """Return n points of the sequence from one on, shape (n, cube.n)."""
        qmc = importlib.import_module("scipy.stats.qmc")
        sequence = qmc.Sobol(self.cube.n, scramble=True, rng=np.random.default_rng((self.plan.seed, 0)))
        with warnings.catch_warnings():
            # A number of points that is not a power of two is a little less even.
            warnings.simplefilter("ignore", UserWarning)
            if start:
                sequence.fast_forward(start)
            return np.asarray(sequence.random(n), dtype=np.float64)


class MixtureSampler:
    """A quarter of the candidates of the Sobol' sequence, then crossings and variations of the best so far."""

    learns = True
    in_turn = False

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        self.plan, self.cube = plan, cube
        self.first = QmcSampler(plan, cube)
        self.n_first = max(1, plan.n_batches // 4)
        self.evolution = Evolution(cube)

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        if batch <= self.n_first or self.evolution.is_empty:
            return self.first.ask(batch, n)
        return [self.cube.at(point) for point in self.evolution.children(n, self.plan.rng(batch))]

    def tell(self, batch: int, candidates: list[Candidate], judged: Judged) -> None:
        """Keep what is among the best."""
        self.evolution.take(candidates, judged)


class CmaesSampler:
    """CMA-ES of package `cmaes`, a generation a batch; begins at the best warm start.

    Choices and whole numbers are searched as if they were continuous; what a candidate does not need stays
    where the mean is.
    """

    learns = True
    in_turn = False
    _SIGMA = 0.25

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        if plan.n_objectives > 1:
            raise ModelError(
                f"Sampler cmaes searches for one objective, but there are {plan.n_objectives}. Take nsga2 or mixture."
            )
        if plan.batch_size < 4:
            raise ModelError(f"Sampler cmaes needs batches of at least 4 (a generation), but has {plan.batch_size}.")
        try:
            self.cmaes = importlib.import_module("cmaes")
        except ImportError:
            raise ModelError(
                "Sampler cmaes needs the package cmaes, which is not installed. Install it with: "
                "pip install 'exitladder[cmaes]'"
            ) from None
        self.plan, self.cube = plan, cube
        self.strategy = self._begun(np.full(cube.n, 0.5))

    def _begun(self, mean: FloatArray) -> Any:
        bounds = np.tile([0.0, 1.0], (self.cube.n, 1))
        return self.cmaes.CMA(mean=mean, sigma=self._SIGMA, bounds=bounds, population_size=self.plan.batch_size)

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        self.strategy.reseed_rng(int(self.plan.rng(batch).integers(2**31)))
        return [self.cube.at(self.strategy.ask()) for _ in range(n)]

    def tell(self, batch: int, candidates: list[Candidate], judged: Judged) -> None:
        """Move the distribution towards what is better."""
        order = order_of(judged)
        points = self.cube.points(candidates)
        if batch == 0:
            best = points[[k for k in order if judged.has_values[k] and candidates[k].parameters][:1]]
            if len(best):
                self.strategy = self._begun(reflected(np.where(np.isnan(best[0]), 0.5, best[0])))
        elif len(candidates) == self.plan.batch_size:
            points = np.where(np.isnan(points), self.strategy.mean, points)
            place = np.empty(len(order))
            place[order] = np.arange(len(order))
            self.strategy.tell(list(zip(points, place.tolist(), strict=True)))
            if self.strategy.should_stop():
                self.strategy = self._begun(self.plan.rng(batch).random(self.cube.n))
