"""Optuna's samplers, asked in batches; Optuna is loaded at first use."""

from __future__ import annotations

from typing import Any

from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.space.candidates import Candidate, Cube
from exitladder.models.search.space.trials import Range

_MOST_AT_RANDOM, _LEAST_AT_RANDOM = 40, 10


class TpeSampler:
    """Optuna's tree-structured Parzen estimator, with a new seed for each batch.

    Within a batch, pending candidates count as bad (constant liar), so that candidates differ. They are withdrawn
    from the sampler's study when all are requested and added again once they are evaluated: so the study is the
    same whether the batch was evaluated here, elsewhere or before an interruption.
    """

    learns = True
    in_turn = False

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        self.optuna = _optuna()
        self.plan, self.cube = plan, cube
        self.study = self.optuna.create_study(directions=["maximize"] * plan.n_objectives)
        self.distributions: dict[tuple[str, Range], Any] = {}

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        self.study.sampler = self.optuna.samplers.TPESampler(
            seed=int(self.plan.rng(batch).integers(2**31)), n_startup_trials=n_startup(self.plan.n_trials)
        )
        trials = [self.study.ask() for _ in range(n)]
        candidates = [_suggested(self.cube, trial) for trial in trials]
        for trial in trials:
            self.study.tell(trial, state=self.optuna.trial.TrialState.FAIL)
        return candidates

    def tell(self, batch: int, candidates: list[Candidate], evaluation: Evaluation) -> None:
        """Add evaluated and pruned candidates to the study; pruned ones rank by how long they lasted.

        Parameters
        ----------
        batch : int
            0 for the warm starts.
        candidates : list of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """
        trials = []
        for k, candidate in enumerate(candidates):
            outcome = self._outcome(evaluation, k)
            if outcome and candidate.parameters:
                trials.append(
                    self.optuna.trial.create_trial(
                        **outcome,
                        params=dict(candidate.parameters),
                        distributions={name: self._distribution(name, r) for name, r in candidate.ranges.items()},
                        constraints=_constraints(evaluation, k),
                    )
                )
        self.study.add_trials(trials)

    def _outcome(self, evaluation: Evaluation, k: int) -> dict[str, Any]:
        """Return a candidate's outcome as arguments of Optuna's `create_trial`; empty if it failed."""
        if evaluation.block_scores is not None and evaluation.is_pruned[k]:
            # The mean of all blocks so far is more informative than the last one alone.
            until = {int(evaluation.block_scores.n_looked[k]) - 1: float(evaluation.block_scores.mean[k])}
            return {"state": self.optuna.trial.TrialState.PRUNED, "intermediate_values": until}
        return {"values": evaluation.values[k].tolist()} if evaluation.has_values[k] else {}

    def _distribution(self, name: str, within: Range) -> Any:
        if (name, within) not in self.distributions:
            self.distributions[name, within] = distribution_of(self.optuna, within)
        return self.distributions[name, within]


class NsgaSampler:
    """Optuna's NSGA-II, for one objective or several; its generations follow from the order of asking."""

    learns = True
    in_turn = True

    def __init__(self, plan: SearchPlan, cube: Cube) -> None:
        self.optuna = _optuna()
        self.cube = cube
        self.study = self.optuna.create_study(
            directions=["maximize"] * plan.n_objectives,
            sampler=self.optuna.samplers.NSGAIISampler(seed=plan.seed),
        )
        self.asked: dict[int, list[Any]] = {}

    def ask(self, batch: int, n: int) -> list[Candidate]:
        """Return the candidates of a batch."""
        self.asked[batch] = [self.study.ask() for _ in range(n)]
        return [_suggested(self.cube, trial) for trial in self.asked[batch]]

    def tell(self, batch: int, candidates: list[Candidate], evaluation: Evaluation) -> None:
        """Report the evaluation to the study; warm starts belong to the first generation.

        Parameters
        ----------
        batch : int
            0 for the warm starts.
        candidates : list of Candidate
        evaluation : Evaluation
            Of the candidates, in the same order.
        """
        if batch == 0:
            for candidate in candidates:
                if candidate.parameters:
                    self.study.enqueue_trial(dict(candidate.parameters))
            known = [k for k, candidate in enumerate(candidates) if candidate.parameters]
            self.ask(0, len(known))
        else:
            known = list(range(len(candidates)))
        for k, trial in zip(known, self.asked.pop(batch), strict=True):
            if evaluation.has_values[k]:
                for name, violation in _constraints(evaluation, k).items():
                    trial.set_constraint(name, violation)
                self.study.tell(trial, evaluation.values[k].tolist())
            else:
                state = self.optuna.trial.TrialState
                self.study.tell(trial, state=state.PRUNED if evaluation.is_pruned[k] else state.FAIL)


def n_startup(n_trials: int) -> int:
    """Return how many trials are drawn at random before TPE learns: enough to fill a space of ten."""
    return min(max(n_trials // 4, _LEAST_AT_RANDOM), _MOST_AT_RANDOM)


def distribution_of(optuna: Any, within: Range) -> Any:
    """Return Optuna's distribution of a range."""
    if within.kind == "categorical":
        return optuna.distributions.CategoricalDistribution(within.choices)
    if within.kind == "int":
        return optuna.distributions.IntDistribution(int(within.low), int(within.high), log=within.log)
    return optuna.distributions.FloatDistribution(within.low, within.high, log=within.log)


def distribution_json(within: Range) -> str:
    """Return Optuna's distribution of a range as its tables hold it."""
    optuna = _optuna()
    return str(optuna.distributions.distribution_to_json(distribution_of(optuna, within)))


def _range_of(distribution: Any) -> Range:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return Range("categorical", 0, len(choices) - 1, False, tuple(choices))
    kind = "int" if isinstance(distribution.low, int) else "float"
    return Range(kind, distribution.low, distribution.high, distribution.log)


def _suggested(cube: Cube, trial: Any) -> Candidate:
    ladder = cube.space.suggest(trial)
    return Candidate(ladder, trial.params, {name: _range_of(d) for name, d in trial.distributions.items()})


def _constraints(evaluation: Evaluation, k: int) -> dict[str, float]:
    """Return what a ladder breaks, by constraint; an unknown violation breaks it by more than anything."""
    pairs = zip(evaluation.constraints, evaluation.violations[k].tolist(), strict=True)
    return {name: float("inf") if violation != violation else violation for name, violation in pairs}


def _optuna() -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
