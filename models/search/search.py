"""The search for a ladder: candidates are requested and evaluated in batches, by one process or by many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.errors import ModelError
from exitladder.models.search.evaluation import Evaluate, Evaluation, Evaluator, Prune
from exitladder.models.search.loop import SearchWorker
from exitladder.models.search.samplers.choice import sampler_of
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.space.candidates import Candidate, Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StudyStore
from exitladder.models.search.studies.studies import Study, StudyInMemory, StudyPlan
from exitladder.models.search.team import Executor, InProcess
from exitladder.plans.ladder import Ladder
from exitladder.runtime.fingerprints import digest_of, program_fingerprint
from exitladder.runtime.progress import SILENT, Progress


@dataclass(frozen=True)
class SearchResult:
    """Result of a search.

    Parameters
    ----------
    ladders : tuple of Ladder
        All ladders evaluated, in order: warm starts first.
    evaluation : Evaluation
        Of all ladders, in the same order.
    table : DataFrame
        One row per ladder: trial, source (warm_start or search), the objectives, the constraints' violations,
        pruned_after (blocks of trades, 0 for a ladder that was evaluated on all; only if ladders may be
        pruned), and the space's parameters.
    n_trials : int
        Number of ladders evaluated, warm starts included: the number of trials of a deflated Sharpe ratio.
    """

    ladders: tuple[Ladder, ...]
    evaluation: Evaluation
    table: pd.DataFrame
    n_trials: int

    @property
    def front(self) -> IntArray:
        """Positions of the ladders that no other beats."""
        return self.evaluation.front()

    @property
    def best(self) -> Ladder:
        """The ladder of the front that is greatest in the first objective; the earliest of equals."""
        return self.ladders[self._best_at]

    @property
    def best_value(self) -> float:
        """The first objective of `best`."""
        return float(self.evaluation.values[self._best_at, 0])

    @property
    def _best_at(self) -> int:
        front = self.front
        return int(front[np.argmax(self.evaluation.values[front, 0])])


def search(
    space: SearchSpace,
    evaluate: Evaluate,
    n_trials: int,
    *,
    seed: int = 0,
    sampler: str = "tpe",
    batch_size: int = 16,
    warm_starts: Sequence[Ladder] = (),
    prune: Prune | None = None,
    store: StudyStore | None = None,
    name: str = "search",
    identity: Mapping[str, str] | None = None,
    team: Executor | None = None,
    ahead: int = 0,
    progress: Progress = SILENT,
) -> SearchResult:
    """Return what a search finds; the same seed tries the same ladders, interrupted or not.

    Parameters
    ----------
    space : SearchSpace
    evaluate : callable
        Takes a list of ladders and returns their evaluation; for an empty list, only the names of objectives
        and constraints. A ladder with a value of NaN is never best.
    n_trials : int
        Ladders that the search suggests, besides the warm starts.
    seed : int
    sampler : str
        One of `exitladder.models.search.samplers.sampler.SAMPLERS`.
    batch_size : int
        Ladders requested before any of them is evaluated.
    warm_starts : sequence of Ladder
        Evaluated first. The sampler learns from those that are in the space.
    prune : callable, optional
        Takes ladders and the values of the best ladder so far on every block of trades, and may drop ladders that
        are worse. `evaluate` must then return block scores, too.
    store : StudyStore, optional
        Stores finished batches; a search that is already there continues where it stopped.
    name : str
        The study's name in the store.
    identity : mapping of str to str, optional
        Fingerprints of what `evaluate` depends on; a study with different ones is not continued.
    team : Executor, optional
        Where batches are evaluated; by default in this process.
    ahead : int
        Batches evaluated at the same time by everyone who shares the study; the result of a sampler that learns
        depends on it. 0 means as many as `team` evaluates at once. An existing study keeps its own.
    progress : Progress

    Returns
    -------
    SearchResult

    Raises
    ------
    ModelError
        If no ladder has a value, or the study in the store is of another search.
    """
    named = evaluate([])
    if prune is not None and named.block_scores is None:
        raise ModelError("If ladders may be pruned, evaluate must return their values on every block of trades.")
    plan = SearchPlan(sampler, seed, n_trials, batch_size, len(named.objectives))
    cube = Cube(space)
    team = team or InProcess()
    asked = StudyPlan(
        search=plan,
        n_warm=len(warm_starts),
        # Pruning compares a batch with earlier ones, even if the sampler does not learn.
        learns=sampler_of(plan, cube).learns or prune is not None,
        ahead=ahead or team.size,
        objectives=named.objectives,
        constraints=named.constraints,
        identity={
            "program": program_fingerprint(),
            "space": digest_of(space),
            "warm starts": digest_of(tuple(warm_starts)),
            **(identity or {}),
        },
    )
    study: Study = StudyInMemory(asked) if store is None else store.open(name, asked)
    worker = SearchWorker(study, cube, tuple(warm_starts))
    with progress.stage("searching ladders", len(warm_starts) + n_trials) as advance:
        team.search(worker, Evaluator(evaluate, prune), advance)
    return _result(worker.candidates(), worker.evaluation(), len(warm_starts))


def _result(candidates: list[Candidate], evaluation: Evaluation, n_warm: int) -> SearchResult:
    n = len(candidates)
    if not evaluation.has_values.any():
        raise ModelError(
            f"At least one ladder must have a value, but all {n} tried have none: no trade could be "
            "simulated. Check that trades have a stop_price, or give the ladder an initial stop."
        )
    table = pd.DataFrame(
        {
            "trial": np.arange(n),
            "source": np.where(np.arange(n) < n_warm, "warm_start", "search"),
            **dict(zip(evaluation.objectives, evaluation.values.T, strict=True)),
            **dict(zip(evaluation.constraints, evaluation.violations.T, strict=True)),
            **(
                {}
                if evaluation.block_scores is None
                else {"pruned_after": np.where(evaluation.is_pruned, evaluation.block_scores.n_looked, 0)}
            ),
        }
    )
    parameters = pd.DataFrame([dict(c.parameters) for c in candidates], index=table.index)
    return SearchResult(tuple(c.ladder for c in candidates), evaluation, pd.concat([table, parameters], axis=1), n)
