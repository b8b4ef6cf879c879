"""CMA-ES: a sampler that adapts the covariance of its candidates."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.evolution import order_of, reflected
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.space.candidates import Candidate, Cube


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
                f"Sampler cmaes searches for one objective, but there are {plan.n_objectives}. Use nsga2 or mixture."
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

    def tell(self, batch: int, candidates: list[Candidate], evaluation: Evaluation) -> None:
        """Move the distribution towards better candidates; see `Sampler.tell`.

        Parameters
        ----------
        batch : int
            0 for the warm starts.
        candidates : list of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """
        order = order_of(evaluation)
        points = self.cube.points(candidates)
        if batch == 0:
            best = points[[k for k in order if evaluation.has_values[k] and candidates[k].parameters][:1]]
            if len(best):
                self.strategy = self._begun(reflected(np.where(np.isnan(best[0]), 0.5, best[0])))
        elif len(candidates) == self.plan.batch_size:
            points = np.where(np.isnan(points), self.strategy.mean, points)
            place = np.empty(len(order))
            place[order] = np.arange(len(order))
            self.strategy.tell(list(zip(points, place.tolist(), strict=True)))
            if self.strategy.should_stop():
                self.strategy = self._begun(self.plan.rng(batch).random(self.cube.n))
