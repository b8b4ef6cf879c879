"""The sampler that a search plan names."""

from __future__ import annotations

from exitladder.models.search.samplers.cmaes import CmaesSampler
from exitladder.models.search.samplers.own import MixtureSampler, QmcSampler, RandomSampler
from exitladder.models.search.samplers.sampler import Sampler, SearchPlan
from exitladder.models.search.space.candidates import Cube


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
    from exitladder.models.search.samplers.optuna import NsgaSampler, TpeSampler

    return TpeSampler(plan, cube) if plan.sampler == "tpe" else NsgaSampler(plan, cube)
