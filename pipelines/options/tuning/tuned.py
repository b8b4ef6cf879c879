"""Tuning of plans on options by walk-forward, compared with doing nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.errors import OptionsError
from exitladder.options.market import OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import GREEK_SERIES, OptionPlan, check_targets, option_plan
from exitladder.options.positions.tables import net_money
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.tuning.candidates import Candidate, grid
from exitladder.options.tuning.greeks import prepare
from exitladder.options.tuning.paths import Path, paths_of
from exitladder.options.tuning.table import ResultTable
from exitladder.pipelines.options.evidence import (
    HOLD,
    Results,
    compared,
    counted,
    mean_r,
    no_verdict,
    same_positions,
    with_ends,
)
from exitladder.pipelines.options.tuning.policies import OWN, TUNED, Policies, replayed
from exitladder.pipelines.options.tuning.walk import Cut, chosen, cuts_of, step_of
from exitladder.pipelines.options.tuning.words import no_walk_text, plan_in_words
from exitladder.pipelines.tuning.recommendation.exit_choice import ExitChoice, Lives, Recommendation, recommend
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.verdict import Verdict, few_episodes, verdict


@dataclass(frozen=True)
class Trial:
    """A plan tried: one of the exits that are always compared (by name), or one of the search."""

    name: str
    candidate: Candidate | None
    n_parts: int

    def option_plan(self, policies: Policies) -> OptionPlan:
        """Return it as a plan on options."""
        if self.candidate is None:
            return policies.option_plan(self.name)
        return option_plan(self.ladder(policies))

    def ladder(self, policies: Policies) -> Ladder:
        """Return it as a plan's file has it."""
        return policies.ladder(self.name) if self.candidate is None else self.candidate.ladder(policies.base, TUNED)

    def text(self, policies: Policies) -> str:
        """Return it in words."""
        return HOLD if self.name == HOLD else plan_in_words(self.ladder(policies))


@dataclass(frozen=True)
class OptionsTuning:
    """What a tuning found.

    Parameters
    ----------
    policies : Policies
    trades : list of OptionTrade
        Those that could be replayed, in order of time.
    skipped : dict of str to int
        Reasons, and how many trades they left out.
    groups : int64 array, shape (n,)
        Repeated rows share a number.
    trials : list of Trial
    training_r : float64 array, shape (n_trials, n_cuts + 1)
        Mean net R of each trial on the positions tuned on, before each part and now.
    choices : list of Trial
        Chosen before each part, and now.
    cuts : list of Cut
        Of the different positions; empty without a walk-forward.
    results : dict of str to Results
        Of every position scored under each exit; of all with a result, in sample, without a walk-forward.
    scored : bool array, shape (n,)
        Positions of `results`.
    is_known : bool array, shape (n,)
        Whether a position had expired at the last quote.
    recommendation : Recommendation or None
        None without a walk-forward.
    intervals : Intervals
    """

    policies: Policies
    trades: list[OptionTrade]
    skipped: dict[str, int]
    groups: IntArray
    trials: list[Trial]
    training_r: FloatArray
    choices: list[Trial]
    cuts: list[Cut]
    results: dict[str, Results]
    scored: BoolArray
    is_known: BoolArray
    recommendation: Recommendation | None
    intervals: Intervals

    @property
    def choice(self) -> ExitChoice:
        """The recommended exit and the comparisons behind it."""
        return ExitChoice(self.policies.default, ()) if self.recommendation is None else self.recommendation.choice

    @property
    def recommended(self) -> Ladder:
        """The recommended plan."""
        name = self.choice.exit
        return self.choices[-1].ladder(self.policies) if name == TUNED else self.policies.ladder(name)

    @property
    def n_scored(self) -> int:
        """Different positions scored out of sample."""
        return int(sum(cut.test.sum() for cut in self.cuts))

    @cached_property
    def _rows(self) -> IntArray:
        """The groups of the positions in `results`, numbered from 0."""
        return np.unique(self.groups[self.scored], return_inverse=True)[1].astype(np.int64)

    @cached_property
    def _against(self) -> dict[str, Comparison]:
        ours = self.results[TUNED]
        return {name: compared(ours, self.results[name], self._rows, self.intervals) for name in self.policies.names}

    def against(self, name: str) -> Comparison:
        """Return the tuned plans minus another exit on the positions of `results`."""
        return self._against[name]

    @property
    def few(self) -> list[str]:
        """Why the positions scored give no interval; empty if they do."""
        if not self.cuts:
            return ["they were tuned on"]
        found = self.against(HOLD)
        # two exits that differ on few of them are the verdict's concern
        return few_episodes(replace(found, n_different=None)) if found.is_known else []

    @property
    def verdict(self) -> Verdict:
        """The tuned plans against holding to expiry, out of sample."""
        if not self.cuts:
            known = np.unique(self.groups[self.is_known])
            n_open = len(np.unique(self.groups)) - len(known)
            return Verdict("no_difference", no_walk_text(len(known), n_open))
        found, few = self.against(HOLD), self.few
        if few:
            return Verdict("no_difference", no_verdict(found, TUNED, HOLD, few))
        return verdict(found, TUNED, HOLD)

    def table(self) -> list[dict[str, Any]]:
        """Return a row per exit: its mean, and the tuned plans minus it, with intervals where there are any."""
        rows, few = [], self.few
        for name in (TUNED, *self.policies.names):
            row: dict[str, Any] = {"policy": name} | {
                "expectancy_r": mean_r(self.results[name], self._rows, self.intervals, few)
            }
            if name != TUNED:
                found = self.against(name)
                row["difference_r"] = with_ends(found.difference_r, found.low, found.high, few)
                row["p_value"] = None if few or math.isnan(found.p_value) else found.p_value
            rows.append(row)
        return rows


def tune_options(
    trades: Sequence[OptionTrade],
    own: Ladder | None,
    market: OptionMarket,
    settings: Settings,
    progress: Progress = SILENT,
) -> OptionsTuning:
    """Return the plans that positions in options support, tuned and scored by walk-forward.

    Parameters
    ----------
    trades : sequence of OptionTrade
    own : Ladder or None
        Your plan. Its stop gives R, and its costs count; without one, those of ``[costs]`` do.
    market : OptionMarket
    settings : Settings
        ``[options_search]``, ``[validation]`` and the seed.
    progress : Progress

    Returns
    -------
    OptionsTuning

    Raises
    ------
    OptionsError
        If no position can be replayed, or a plan has a part that options do not know.
    SettingsError
        If ``[options_search]`` cannot be read.
    """
    ordered = sorted(trades, key=lambda trade: (trade.entry_time, trade.trade_id))
    base = Ladder(name=HOLD, costs=settings.costs) if own is None else replace(own, tuned=None)
    plan = option_plan(base)
    check_targets(plan, ordered)
    search = grid(settings.options_search, ordered, plan.stop_share)
    policies = Policies(base, own is not None, ordered)
    series = {c.series for one in [*search, *policies.classics.values()] for r in one.rungs for c in r.when}
    valuer = Valuer(market)
    with progress.stage("preparing positions", len(ordered)) as advance:
        if series & set(GREEK_SERIES):
            prepare(valuer, ordered)
        paths, reasons = paths_of(ordered, plan, valuer, sorted(series), advance)
    kept = [i for i, path in enumerate(paths) if path is not None]
    skipped = counted(reasons.values())
    if not kept:
        raise OptionsError(
            f"At least one position must have quotes and R, but none of {len(ordered)} has: "
            f"{'; '.join(f'{count} with {reason}' for reason, count in skipped.items())}."
        )
    policies = replace(policies, trades=[ordered[i] for i in kept])
    known = [path for path in paths if path is not None]
    with progress.stage("trying plans", 1):
        trials, results = _tried(policies, search, ResultTable(known, plan), valuer)
    return _walked(_Tried(policies, known, trials, results, skipped), valuer, settings, progress)


@dataclass(frozen=True)
class _Tried:
    """All plans on all positions: `results` has shape (n_trials, n)."""

    policies: Policies
    paths: list[Path]
    trials: list[Trial]
    results: FloatArray
    skipped: dict[str, int]


def _tried(
    policies: Policies, search: Sequence[Candidate], table: ResultTable, valuer: Valuer
) -> tuple[list[Trial], FloatArray]:
    """Return all plans tried and their results on each position, shape (n_trials, n)."""
    trials, rows = [], []
    risks = [path.risk for path in table.paths]
    for name in policies.names:
        candidate = policies.classics.get(name)
        if name == HOLD:
            rows.append(np.array([net_money(path.held) for path in table.paths]) / table.at_risk)
        elif name == OWN:
            rows.append(replayed({OWN: policies.plan}, policies.trades, risks, valuer)[OWN].net_r)
        else:
            rows.append(table.net_r(candidate or policies.stop_only))
        trials.append(Trial(name, None, candidate.n_parts if candidate else 0))
    for one in search:
        trials.append(Trial("", one, one.n_parts))
        rows.append(table.net_r(one))
    return trials, np.array(rows)


def _walked(tried: _Tried, valuer: Valuer, settings: Settings, progress: Progress) -> OptionsTuning:
    """Choose before each part, score the part once, and recommend."""
    policies, paths, trials, market = tried.policies, tried.paths, tried.trials, valuer.market
    groups = same_positions(policies.trades)
    firsts = np.unique(groups, return_index=True)[1]
    entry = np.array([trade.entry_time for trade in policies.trades], dtype=np.int64)
    expired = np.array([market.clock.moment(trade.contract.expiry) for trade in policies.trades], dtype=np.int64)
    is_known = np.array([path.held.status == "closed" for path in paths])
    # one observation per position, however many rows repeat it
    one = np.stack([np.bincount(groups, row) for row in tried.results]) / np.bincount(groups)
    embargo = settings.validation.embargo_bars * step_of(market.quotes)
    cuts = cuts_of(entry[firsts], expired[firsts], settings.validation, embargo)
    picks, means = _picked(trials, one, entry[firsts], [*(cut.training for cut in cuts), is_known[firsts]])
    by_cut = [(picks[k], np.flatnonzero(cut.test[groups])) for k, cut in enumerate(cuts)]
    if not cuts:
        by_cut = [(picks[-1], np.flatnonzero(is_known) if is_known.any() else np.arange(len(groups)))]
    with progress.stage("scoring parts", len(by_cut)) as advance:
        scored_parts = []
        for pick, rows in by_cut:
            at = rows.tolist()
            plans = {TUNED: pick.option_plan(policies)} | {n: policies.option_plan(n) for n in policies.names}
            scored_parts.append(replayed(plans, [policies.trades[i] for i in at], [paths[i].risk for i in at], valuer))
            advance(1)
    scored = np.zeros(len(groups), dtype=bool)
    scored[np.concatenate([at for _, at in by_cut])] = True
    joined = {name: _joined([part[name] for part in scored_parts]) for name in scored_parts[0]}
    tuning = OptionsTuning(
        policies=policies,
        trades=list(policies.trades),
        skipped=tried.skipped,
        groups=groups,
        trials=trials,
        training_r=means,
        choices=picks,
        cuts=cuts,
        results=joined,
        scored=scored,
        is_known=is_known,
        recommendation=None,
        intervals=settings.intervals,
    )
    if not cuts:
        return tuning
    with progress.stage("confidence intervals", 1):
        return replace(tuning, recommendation=_recommended(tuning, expired[firsts]))


def _picked(
    trials: list[Trial], results: FloatArray, entry: IntArray, masks: Sequence[BoolArray]
) -> tuple[list[Trial], FloatArray]:
    """Return the trial chosen on each part of the positions, and the mean of every trial on it."""
    parts = np.array([trial.n_parts for trial in trials], dtype=np.int64)
    picks, means = [], np.full((len(trials), len(masks)), np.nan)
    for k, mask in enumerate(masks):
        if mask.any():
            means[:, k] = results[:, mask].mean(axis=1)
            picks.append(trials[chosen(results[:, mask], entry[mask], parts)])
        else:
            # nothing has a result yet: the default
            picks.append(trials[0])
    return picks, means


def _recommended(tuning: OptionsTuning, expired: IntArray) -> Recommendation:
    """Return the recommended exit, and the result of choosing it in the same way before each part."""
    rows = tuning._rows
    found = {name: results.grouped(rows) for name, results in tuning.results.items()}
    at = np.unique(tuning.groups[tuning.scored])
    entry = next(iter(found.values())).time
    lives = Lives(entry, {n: one.end for n, one in found.items()}, {n: one.is_open for n, one in found.items()})
    known = expired[at]
    firsts = np.unique(tuning.groups, return_index=True)[1]
    ended = [known <= cut.moment for cut in tuning.cuts] + [tuning.is_known[firsts][at]]
    return recommend(
        pd.DataFrame({name: one.net_r for name, one in found.items()}),
        lives,
        [(mask, mask) for mask in ended],
        [cut.test[at] for cut in tuning.cuts],
        tuning.policies.levels,
        tuning.intervals,
    )


def _joined(parts: Sequence[Results]) -> Results:
    return Results(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("net_r", "time", "end", "is_open"))
    )
