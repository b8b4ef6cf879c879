"""The choice of policies on each training part, and the results of the choices one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.execution.signals import Signals
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.classic import CLASSIC, classic_ladders
from exitladder.models.search.space.space import SearchSpace
from exitladder.pipelines.inputs.predictions import RowPredictions, predicted_trades, readable_of
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.tuning.backend import ALONE, SearchBackend, identity_of
from exitladder.pipelines.tuning.folds import LEAST_TRADES, Mask, WalkForward, known_by
from exitladder.pipelines.tuning.model_policy import best_model_policy, known_rows, model_conditions
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.policies import (
    MODEL_OR_TRAIL,
    OWN_EXITS,
    OWN_LADDER,
    SIMPLEST,
    TUNED,
    Policy,
    tune_baselines,
)
from exitladder.pipelines.tuning.pruned_objectives import PrunedObjectives
from exitladder.pipelines.tuning.results import net_r_of
from exitladder.plans.ladder import Ladder
from exitladder.plans.words import in_words
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings

_HOLD_VALUE_QUANTILES = (0.005, 0.5)


@dataclass(frozen=True)
class Choice:
    """The policies chosen on one training part.

    Parameters
    ----------
    policies : tuple of Policy
        The tuned ladder first, then the baselines at their best parameters, then the model's own exit if there is a
        model, then the user's own ladder.
    simplest : str
        The baseline that was best on the training part.
    search : SearchResult
    training : bool array, shape (n_trades,)
        The trades it was chosen on.
    best : int
        Position of the tuned ladder among those of the search.
    own_exits : Evaluation, optional
        The objectives of the user's own exits on the training part, if the trades file has them.
    """

    policies: tuple[Policy, ...]
    simplest: str
    search: SearchResult
    training: Mask
    best: int
    own_exits: Evaluation | None = None

    @property
    def keeps_own_exits(self) -> bool:
        """Whether no change was best: own exits are feasible and score at least as high as the tuned ladder.

        Then the choice is to keep them, and the tuned policy is executed by them.
        """
        own, best = self.own_exits, self.search.evaluation.take([self.best])
        if own is None or not own.feasible[0]:
            return False
        return bool(not best.feasible[0] or own.values[0, 0] >= best.values[0, 0])

    def trials_frame(self) -> pd.DataFrame:
        """Return the search's table with each ladder in words, and the user's own exits as a last row if known."""
        table = self.search.table.assign(ladder=[in_words(ladder) for ladder in self.search.ladders])
        if self.own_exits is None:
            return table
        own = self.own_exits
        row = {
            "source": "own_exits",
            **dict(zip(own.objectives, own.values[0], strict=True)),
            **dict(zip(own.constraints, own.violations[0], strict=True)),
            "ladder": f"no change: {OWN_EXITS}",
        }
        return pd.concat([table, pd.DataFrame([row], index=[len(table)])]).astype({"trial": "Int64"})

    @property
    def ladder(self) -> Ladder:
        """The tuned ladder."""
        return self.policies[0].ladder

    def ladder_of(self, policy: str) -> Ladder:
        """Return the ladder that executes a policy; `SIMPLEST` is the best baseline's."""
        name = self.simplest if policy == SIMPLEST else policy
        return next(p.ladder for p in self.policies if p.name == name)


@dataclass(frozen=True)
class Tuning:
    """The inputs of every choice; nothing in it depends on a cut.

    Parameters
    ----------
    base : Ladder
        Costs, execution and initial stop of every candidate.
    own_ladder : Ladder, optional
    predictions : RowPredictions, optional
        Each by a stage of the model that was trained before it.
    signals : Signals
        The series that candidates read, for all trades.
    backend : SearchBackend
        Where the studies are kept and which processes evaluate the candidates.
    """

    prepared: Prepared
    settings: Settings
    base: Ladder
    own_ladder: Ladder | None
    predictions: RowPredictions | None
    signals: Signals
    progress: Progress
    backend: SearchBackend

    @classmethod
    def of(
        cls,
        prepared: Prepared,
        settings: Settings,
        predictions: RowPredictions | None,
        own_ladder: Ladder | None,
        progress: Progress = SILENT,
        backend: SearchBackend = ALONE,
    ) -> Tuning:
        """Return the tuning of these trades; the user's ladder gives costs, execution and initial stop.

        Parameters
        ----------
        prepared : Prepared
        settings : Settings
        predictions : RowPredictions or None
            Adds rungs on the model's signal to the search space.
        own_ladder : Ladder or None
        progress : Progress
        backend : SearchBackend

        Returns
        -------
        Tuning
            With the signals that any candidate or the own ladder reads.
        """
        base = _base(settings, own_ladder)
        space = SearchSpace(settings.search, base, readable_of(predictions, settings.search))
        names = {*space.series, *(own_ladder.series if own_ladder else ())}
        signals = signals_for(prepared.placed, names, prepared, predictions)
        return cls(prepared, settings, base, own_ladder, predictions, signals, progress, backend)

    def choose(self, training: Mask, name: str, until: int | None = None) -> Choice:
        """Return the best policies on a training part; no other trade is used.

        Parameters
        ----------
        training : bool array, shape (n_trades,)
        name : str
            Of the search's study.
        until : int, optional
            The cut, nanoseconds since 1970 UTC: nothing after it is known.

        Returns
        -------
        Choice
            The tuned policy first, then the baselines, the model's own exit and the own ladder, with the search behind
            them.
        """
        settings = self.settings
        training = self._tuned_on(training)
        objectives = self.objectives(training, until)
        space = self._space(training, until)
        baselines = tune_baselines(objectives.placed, self.base, settings, objectives.signals, self.progress)
        simple = [p.ladder for p in baselines]
        simplest = objectives.choose(objectives.judge(simple), simple)
        model = self._model_exit(objectives, training, until)
        known = classic_ladders(self.base) if CLASSIC in settings.search.indicator_rungs else ()
        own = [Policy(OWN_LADDER, self.own_ladder)] if self.own_ladder is not None else []
        pruned = PrunedObjectives(objectives) if settings.tuning.pruner != "none" else None
        found = search(
            space,
            objectives.judge if pruned is None else pruned.judge,
            settings.tuning.n_trials,
            seed=settings.project.seed,
            sampler=settings.tuning.sampler,
            batch_size=settings.tuning.batch_size,
            # Those outside the space are candidates all the same; the sampler learns from those inside.
            warm_starts=[*(p.ladder for p in (*own, *model, *baselines)), *known],
            prune=None if pruned is None else pruned.judge_against,
            store=self.backend.store,
            name=name,
            identity=identity_of(objectives) if self.backend.store is not None else None,
            team=self.backend.team,
            ahead=self.backend.ahead,
            progress=self.progress,
        )
        best = objectives.choose(found.evaluation, list(found.ladders))
        tuned = Policy(TUNED, replace(found.ladders[best], name=TUNED))
        return Choice(
            (tuned, *baselines, *model, *own),
            baselines[simplest].name,
            found,
            training,
            best,
            objectives.judge_own_exits(),
        )

    def choose_each(self, walk: WalkForward, name: str) -> tuple[tuple[Choice, ...], Choice]:
        """Return the choice before each test part, and the final one on all trades.

        Parameters
        ----------
        walk : WalkForward
        name : str
            Of the final search's study; those of the parts are named after it.

        Returns
        -------
        folds : tuple of Choice
        final : Choice
        """
        folds = []
        with self.progress.stage("tuning", len(walk.folds) + 1) as advance:
            for k, cut in enumerate(walk.folds, start=1):
                folds.append(self.choose(cut.training, f"{name}-fold-{k}", cut.cut))
                advance(1)
            final = self.choose(walk.final, name)
            advance(1)
        return tuple(folds), final

    def objectives(self, training: Mask, until: int | None = None) -> Objectives:
        """Return the objectives of ladders on these trades, as far as they were known by the cut."""
        placed = self.prepared.placed.take(training)
        return Objectives.of(
            self.settings,
            placed if until is None else known_by(placed, until),
            self.signals.take(np.flatnonzero(training)),
            self.base,
            self._space(training, until),
        )

    def _model_exit(self, objectives: Objectives, training: Mask, until: int | None) -> list[Policy]:
        """Return the model's own exit as `train` would tune it on these trades; nothing without a model."""
        if self.predictions is None:
            return []
        conditions = model_conditions(
            self.prepared,
            self.predictions,
            training,
            reachable_atr=self.settings.labels.reachable_trail_atr,
            until=until,
            rungs=self.settings.search.model_rungs,
        )
        found = best_model_policy(objectives, conditions, self.settings.search)
        return [Policy(MODEL_OR_TRAIL, replace(found.ladder, name=MODEL_OR_TRAIL))]

    def _tuned_on(self, training: Mask) -> Mask:
        """Return the training trades on which every candidate can be evaluated: with a model, the predicted ones.

        Before its first stage the model predicts nothing. Trades from then would be executed without the
        model's rungs and would make every threshold look the same.
        """
        if self.predictions is None:
            return training
        both = np.zeros(len(training), dtype=bool)
        predicted = predicted_trades(self.prepared, self.predictions)
        both[predicted] = training[predicted]
        return both if both.sum() >= LEAST_TRADES else training

    def _space(self, training: Mask, until: int | None) -> SearchSpace:
        """Return the settings' space, with hold-value thresholds in the range of the training part's predictions."""
        space = SearchSpace(self.settings.search, self.base)
        if self.predictions is None:
            return space
        rows = known_rows(self.prepared, training, until)
        series = readable_of(self.predictions, self.settings.search)
        read = {name: self.predictions.reading(name)[rows] for name in series}
        # A series that no stage speaks of cannot make a rung.
        known = {name: values[np.isfinite(values)] for name, values in read.items() if np.isfinite(values).any()}
        if "hold_value_r" not in known:
            return replace(space, signals=tuple(known))
        low, high = (round(float(q), 4) for q in np.quantile(known["hold_value_r"], _HOLD_VALUE_QUANTILES))
        return replace(space, signals=tuple(known), hold_value_r=(low, high))

    def net_r(self, ladders: Sequence[Ladder], trades: Mask, until: int | None = None) -> FloatArray:
        """Return net R of these trades under each ladder in the base's R, shape (n_chosen, n_ladders).

        Parameters
        ----------
        ladders : sequence of Ladder
        trades : bool array, shape (n_trades,)
            The trades to execute.
        until : int, optional
            As in `choose`.

        Returns
        -------
        float64 array, shape (n_chosen, n_ladders)
            In the base's R; rows in the order of the trades.
        """
        at = np.flatnonzero(trades)
        placed = self.prepared.placed.take(at)
        return net_r_of(
            placed if until is None else known_by(placed, until),
            ladders,
            self.signals.take(at),
            self.base,
            threads=self.settings.project.threads,
        )

    def simulate(self, ladder: Ladder, trades: IntArray) -> Simulation:
        """Return every fill of these trades under a ladder."""
        return simulate(self.prepared.placed.take(trades), ladder, self.signals.take(trades))


def stitched(tuning: Tuning, choices: Sequence[Choice], fold: IntArray) -> pd.DataFrame:
    """Return net R of every trade under every policy, by trade_id: each as its fold chose it.

    Parameters
    ----------
    choices : sequence of Choice
        One a fold.
    fold : int array, shape (n_trades,)
        The fold whose choice executes each trade, from its entry to its end.

    Returns
    -------
    DataFrame, shape (n_trades, n_policies)
        A column per policy, `SIMPLEST` among them.
    """
    names = [p.name for p in choices[0].policies]
    table = pd.DataFrame(
        np.nan,
        index=pd.Index(tuning.prepared.placed.trades.trade_id, name="trade_id"),
        columns=[names[0], SIMPLEST, *names[1:]],
    )
    for k, choice in enumerate(choices):
        part = fold == k
        table.loc[part, names] = tuning.net_r([choice.ladder_of(name) for name in names], part)
        table.loc[part, SIMPLEST] = table.loc[part, choice.simplest]
    return table


def with_own_exits(table: pd.DataFrame, tuning: Tuning, walk: WalkForward) -> pd.DataFrame:
    """Return the table with the user's own exits added if most test trades have a known exit.

    Parameters
    ----------
    table : DataFrame, shape (n_trades, n_policies)
        From `stitched`.
    tuning : Tuning
    walk : WalkForward

    Returns
    -------
    DataFrame, shape (n_trades, n_policies)
        Net R; with one more column, `OWN_EXITS`, if at least half of the test trades have a known exit.
    """
    trades = tuning.prepared.placed.trades
    if (~trades.is_open[walk.test]).mean() < 0.5:
        return table
    return table.assign(**{OWN_EXITS: simulate_own_exits(tuning.prepared.placed, tuning.base).r})


def with_no_change(table: pd.DataFrame, choices: Sequence[Choice], fold: IntArray) -> pd.DataFrame:
    """Return the table in which the tuned policy has the results of the user's own exits if its fold kept them.

    Parameters
    ----------
    table : DataFrame, shape (n_trades, n_policies)
        From `with_own_exits`.
    choices : sequence of Choice
        One a fold.
    fold : int array, shape (n_trades,)

    Returns
    -------
    DataFrame, shape (n_trades, n_policies)
        Net R; the same table if it has no own exits.
    """
    if OWN_EXITS not in table:
        return table
    kept = np.array([choice.keeps_own_exits for choice in choices])[fold]
    return table.assign(**{TUNED: np.where(kept, table[OWN_EXITS], table[TUNED])})


def _base(settings: Settings, own_ladder: Ladder | None) -> Ladder:
    base = base_ladder(settings)
    if own_ladder is None:
        return base
    return replace(
        base,
        atr_window=own_ladder.atr_window,
        stop=replace(base.stop, initial=own_ladder.stop.initial or base.stop.initial, **own_ladder.stop.hours_kept),
        costs=own_ladder.costs,
        execution=own_ladder.execution,
    )
