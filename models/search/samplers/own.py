"""Samplers that work on the unit cube: random, Sobol' points, mixture.

A batch is a function of the seed, its number and the results of batches before it. So a search that was interrupted
or shared suggests the same candidates as one that was not.
"""

from __future__ import annotations

import importlib
import warnings

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.evolution import Evolution
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.space.candidates import Candidate, Cube


class RandomSampler:
    """Points drawn evenly from the cube."""

    learns = False
    in_turn = False

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        self.plan, self.cube = plan, cube

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        return [self.cube.at(point) for point in self.plan.rng(batch).random((n, self.cube.n))]

    def tell(self, batch: int, candidates: list[Candidate], evaluation: Evaluation) -> None:
        """Learn nothing; see `Sampler.tell`.

        Parameters
        ----------
        batch : int
            0 for the warm starts.
        candidates : list of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """


class QmcSampler:
    """Points of a scrambled Sobol' sequence, which fills the cube evenly."""

    learns = False
    in_turn = False

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        self.plan, self.cube = plan, cube

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        return [self.cube.at(point) for point in self.points((batch - 1) * self.plan.batch_size, n)]

    def tell(self, batch: int, candidates: list[Candidate], evaluation: Evaluation) -> None:
        """Learn nothing; see `Sampler.tell`.

        Parameters
        ----------
        batch : int
            0 for the warm starts.
        candidates : list of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """

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

    def tell(self, batch: int, candidates: list[Candidate], evaluation: Evaluation) -> None:
        """Keep the best candidates; see `Sampler.tell`.

        Parameters
        ----------
        batch : int
            0 for the warm starts.
        candidates : list of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """
        self.evolution.take(candidates, evaluation)
