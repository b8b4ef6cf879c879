"""The objectives and constraints of the settings, evaluated for ladders on given trades."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.errors import ModelError, SettingsError
from exitladder.execution import simulate_own_exits
from exitladder.execution.signals import Signals
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.space.neighbours import neighbours
from exitladder.models.search.space.space import SearchSpace
from exitladder.pipelines.tuning.measures import CONSTRAINTS, OBJECTIVES, Z_LOWER, Measure, standard_error
from exitladder.pipelines.tuning.results import Results, results_of, results_of_simulation
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings, TuningSettings
from exitladder.trades.trades import PlacedTrades

_NEIGHBOURS = 8
# The account's days take 8 bytes per trade, ladder and day held.
_WITH_DAYS_AT_ONCE = 16


@dataclass(frozen=True)
class Objectives:
    """Evaluates ladders on these trades; made by `of`.

    Parameters
    ----------
    settings : TuningSettings
    placed : PlacedTrades
        The trades tuned on.
    signals : Signals or None
        Of these trades.
    base : Ladder
        Its initial stop defines the R of the results.
    space : SearchSpace or None
        The space of neighbours; needed for ``robust = "neighbours"``.
    threads, seed : int
    """

    settings: TuningSettings
    placed: PlacedTrades
    signals: Signals | None
    base: Ladder
    space: SearchSpace | None = None
    threads: int = 0
    seed: int = 0

    @classmethod
    def of(
        cls,
        settings: Settings,
        placed: PlacedTrades,
        signals: Signals | None,
        base: Ladder,
        space: SearchSpace | None = None,
    ) -> Objectives:
        """Return the objectives of the settings on these trades.

        Parameters
        ----------
        settings : Settings
        placed : PlacedTrades
        signals : Signals or None
            Of these trades.
        base : Ladder
        space : SearchSpace, optional

        Returns
        -------
        Objectives

        Raises
        ------
        SettingsError
            If costs are to be doubled but are 0, if the stop is to be searched but every trade has its own, or if the
            objectives cannot be pruned.
        """
        tuning = settings.tuning
        if settings.search.stop and len(placed) and np.isfinite(placed.trades.stop_price).all():
            raise SettingsError(
                "search.stop has no effect because every trade has its own stop_price; leave it empty, or remove the "
                "column stop_price from the trades."
            )
        if tuning.robust == "double_costs" and base.costs.times(2.0) == base.costs:
            raise SettingsError(
                "tuning.robust = 'double_costs' requires costs, but all costs are 0; set them in [costs]."
            )
        if tuning.pruner != "none":
            _refuse_to_prune(tuning)
        return cls(tuning, placed, signals, base, space, settings.project.threads, settings.project.seed)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objectives, the most important first."""
        return tuple(dict.fromkeys(self.settings.objectives))

    @property
    def constraints(self) -> tuple[str, ...]:
        """Names of the constraints in force."""
        return tuple(name for name in CONSTRAINTS if getattr(self.settings, name) > 0)

    def judge(self, ladders: list[Ladder]) -> Evaluation:
        """Return the evaluation of ladders; that of a ladder does not depend on its batch."""
        ladders = self.at_costs(ladders)
        near: list[list[Ladder]] = []
        if self.settings.robust == "neighbours" and self.space is not None:
            near = [neighbours(self.space, ladder, _NEIGHBOURS, self.seed) for ladder in ladders]
        # Neighbours of one ladder are often those of another.
        every = list(dict.fromkeys([*ladders, *(other for others in near for other in others)]))
        worth, broken = self._evaluated(every)
        at = {ladder: k for k, ladder in enumerate(every)}
        rows = [at[ladder] for ladder in ladders]
        values = worth[rows]
        if near:
            around = [
                worth[[at[ladder], *(at[other] for other in others)]]
                for ladder, others in zip(ladders, near, strict=True)
            ]
            values = np.array([np.median(part, axis=0) for part in around]).reshape(values.shape)
        return Evaluation(values, broken[rows], self.names, self.constraints)

    def _evaluated(self, ladders: list[Ladder]) -> tuple[FloatArray, FloatArray]:
        """Return objectives and violations of each ladder; the days of all of them at once would fill the memory."""
        at_once = _WITH_DAYS_AT_ONCE if self._needs_days else max(len(ladders), 1)
        values, broken = [], []
        for k in range(0, max(len(ladders), 1), at_once):
            results = self.results(ladders[k : k + at_once])
            values.append(self.values(results))
            broken.append(self.violations(results))
        return np.concatenate(values), np.concatenate(broken)

    def judge_own_exits(self) -> Evaluation | None:
        """Return the evaluation of the user's own exits, as if they were a ladder: the candidate "no change".

        It has no neighbours; its costs are doubled if those of ladders are. None if most of the trades have no known
        exit.
        """
        if self.placed.trades.is_open.mean() > 0.5:
            return None
        (base,) = self.at_costs([self.base])
        free = replace(self.base, costs=self.base.costs.times(0.0))
        results = results_of_simulation(
            simulate_own_exits(self.placed, base),
            simulate_own_exits(self.placed, free) if self._needs_gross else None,
            base if self._needs_time else None,
            with_days=self._needs_days,
            with_drawdown=self._needs_drawdown,
            with_drift=self._needs_drift,
        )
        return Evaluation(self.values(results), self.violations(results), self.names, self.constraints)

    def choose(self, evaluation: Evaluation, ladders: list[Ladder]) -> int:
        """Return the position of the ladder to use.

        With one objective it is the feasible ladder with the highest value, the earliest of equals. With
        several it is a point of the Pareto front: of those whose first objective is within one standard error of
        the highest, the one that is best in the others (by its mean rank among them). The standard error is that of
        the difference from the best, by the block jackknife, so the loss in the first objective is within chance.

        Parameters
        ----------
        evaluation : Evaluation
        ladders : list of Ladder
            Those evaluated.

        Raises
        ------
        ModelError
            If no ladder has values.
        """
        front = evaluation.front()
        if not len(front):
            raise ModelError(
                f"At least one ladder must have a value, but all {len(evaluation)} have none in "
                f"{', '.join(self.names)}. "
                "Check that trades have a stop_price, or give the ladder an initial stop."
            )
        values = evaluation.values[front]
        best = int(np.argmax(values[:, 0]))
        if len(self.names) == 1 or len(front) == 1:
            return int(front[best])
        allowed = self.standard_errors([ladders[k] for k in front], best)
        near = np.flatnonzero(values[best, 0] - values[:, 0] <= allowed)
        others = values[near, 1:]
        rank = (others[None, :, :] > others[:, None, :]).sum(axis=1).mean(axis=1)
        order = np.lexsort((near, -values[near, 0], rank))
        return int(front[near[order[0]]])

    def standard_errors(self, ladders: list[Ladder], best: int) -> FloatArray:
        """Return the standard error of each ladder's first objective less that of `best`, shape (n_ladders,)."""
        results = self.results(ladders)
        first = self.measure(self.names[0])

        def behind(part: Results) -> FloatArray:
            worth = first(part)
            return np.asarray(worth[best] - worth)

        return np.nan_to_num(standard_error(behind, results))

    def standard_error(self, ladder: Ladder) -> float:
        """Return the standard error of a ladder's first objective."""
        return float(standard_error(self.measure(self.names[0]), self.results([ladder]))[0])

    def results(self, ladders: list[Ladder], *, with_drawdown: bool = True) -> Results:
        """Return the results of the trades under each ladder, as far as they are needed.

        Parameters
        ----------
        ladders : list of Ladder
        with_drawdown : bool
            Whether to include the account's drawdown if a constraint needs it: it takes all trades.

        Returns
        -------
        Results
        """
        return results_of(
            self.placed,
            ladders,
            self.signals,
            self.base,
            with_fills=any(OBJECTIVES[n].needs_fills for n in self.names)
            or any(CONSTRAINTS[n].needs_fills for n in self.constraints),
            with_gross=self._needs_gross,
            with_time=self._needs_time,
            with_days=self._needs_days,
            with_drawdown=with_drawdown and self._needs_drawdown,
            with_drift=self._needs_drift,
            threads=self.threads,
        )

    def at_costs(self, ladders: list[Ladder]) -> list[Ladder]:
        """Return ladders with the costs that they are evaluated at."""
        if self.settings.robust != "double_costs":
            return ladders
        return [replace(ladder, costs=ladder.costs.times(2.0)) for ladder in ladders]

    @property
    def _needs_gross(self) -> bool:
        return any(CONSTRAINTS[n].needs_gross for n in self.constraints)

    @property
    def _needs_time(self) -> bool:
        return any(OBJECTIVES[n].needs_time for n in self.names)

    @property
    def _needs_days(self) -> bool:
        return any(OBJECTIVES[n].needs_days for n in self.names)

    @property
    def _needs_drift(self) -> bool:
        return any(OBJECTIVES[n].needs_drift for n in self.names)

    @property
    def _needs_drawdown(self) -> bool:
        return any(CONSTRAINTS[n].needs_drawdown for n in self.constraints)

    def with_drawdown(self, results: Results, ladders: list[Ladder]) -> Results:
        """Return results of all trades with the account's drawdown under these ladders, if a constraint needs it."""
        if not self._needs_drawdown:
            return results
        found = results_of(self.placed, ladders, self.signals, self.base, with_drawdown=True, threads=self.threads)
        return replace(results, drawdown_r=found.drawdown_r)

    def values(self, results: Results) -> FloatArray:
        """Return each objective of each ladder, shape (n_ladders, n_objectives)."""
        columns = []
        for measure in map(self.measure, self.names):
            value = measure(results)
            if self.settings.robust == "lower_bound":
                value = np.asarray(value - Z_LOWER * standard_error(measure, results))
            columns.append(value)
        return np.stack(columns, axis=1)

    def measure(self, name: str) -> Measure:
        """Return the function that computes an objective, with the weights of the settings."""
        return lambda results: OBJECTIVES[name].measure(results, self.settings)

    def violations(self, results: Results) -> FloatArray:
        """Return by how much each constraint is broken, shape (n_ladders, n_constraints)."""
        columns = [CONSTRAINTS[n].violation(results, getattr(self.settings, n)) for n in self.constraints]
        return np.stack(columns, axis=1) if columns else np.empty((results.net_r.shape[1], 0))


def _refuse_to_prune(tuning: TuningSettings) -> None:
    names = tuple(dict.fromkeys(tuning.objectives))
    able = [name for name, objective in OBJECTIVES.items() if objective.is_mean]
    if len(names) > 1 or names[0] not in able:
        raise SettingsError(
            f"tuning.pruner = 'wilcoxon' compares ladders by blocks of trades and needs one objective of "
            f"{', '.join(able)}, but tuning.objectives = {list(names)}. Use one of these, or tuning.pruner = 'none'."
        )
    if tuning.robust not in ("none", "double_costs"):
        raise SettingsError(
            f"tuning.pruner = 'wilcoxon' cannot be combined with tuning.robust = '{tuning.robust}', which cannot be "
            "computed from single blocks of trades. Use 'none' or 'double_costs', or tuning.pruner = 'none'."
        )
