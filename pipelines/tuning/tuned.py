"""A ladder tuned walk-forward, with its results on the trades that followed each tuning."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ExitladderWarning
from exitladder.execution import simulate
from exitladder.execution.simulation import STATUS, joined_tables
from exitladder.measures.data_gaps import removed_rungs, removed_text
from exitladder.measures.price_of_gain import DRAWDOWNS, price_of_gain
from exitladder.measures.sizing.rules import annual_volatility
from exitladder.models.search.search import SearchResult
from exitladder.models.search.space.outside import outside_ranges
from exitladder.pipelines.inputs.predictions import RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.inputs.usable_trades import BEFORE_COSTS, NO_NOTES, TradeNotes
from exitladder.pipelines.liquidity.costs import impact_of_exits
from exitladder.pipelines.tuning.backend import ALONE, SearchBackend
from exitladder.pipelines.tuning.choice import Choice, Tuning, stitched, with_no_change, with_own_exits
from exitladder.pipelines.tuning.diagnostics import LadderDiagnostics, diagnostics
from exitladder.pipelines.tuning.evidence import (
    SearchLuck,
    account,
    all_at_once,
    risk_of,
    search_luck,
)
from exitladder.pipelines.tuning.executed import Executed, ScoredPart, execute_policies, with_exposure
from exitladder.pipelines.tuning.folds import WalkForward, fitting_walk
from exitladder.pipelines.tuning.policies import (
    EDGE,
    OWN_EXITS,
    OWN_LADDER,
    SIMPLEST,
    TUNED,
    WITHOUT_ADDS,
    WITHOUT_MODEL,
    Policy,
)
from exitladder.pipelines.tuning.recommendation.contradictions import Witnesses
from exitladder.pipelines.tuning.recommendation.exit_choice import (
    Lives,
    Recommendation,
    levels_of,
    pasts_of,
    recommend,
)
from exitladder.pipelines.tuning.recommendation.recommended import (
    RecommendedExit,
    choice_of,
    model_note,
    provenance,
    recommended_exit,
    warnings_on,
)
from exitladder.pipelines.tuning.recommendation.simpler_tuning import SimplerTuning
from exitladder.pipelines.tuning.recommendation.size_shares import VOLATILITY, Results, Units
from exitladder.pipelines.tuning.recommendation.sizes import TunedSize, size_candidates, tuned_size
from exitladder.pipelines.tuning.recommendation.without_adds import refuse_adds_with, tuned_without_adds
from exitladder.pipelines.tuning.recommendation.without_model import without_model
from exitladder.pipelines.tuning.samples.labels import duplicate_note
from exitladder.pipelines.tuning.scoreboard import Scoreboard, score_policies
from exitladder.plans.file import ladder_to_mapping
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import without_size_rule
from exitladder.plans.words import in_words
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison
from exitladder.statistics.spa import SuperiorAbility
from exitladder.statistics.verdict import Verdict, open_trades, verdict
from exitladder.trades.trades import PlacedTrades, Trades


@dataclass(frozen=True)
class Tuned:
    """A ladder tuned on all past trades, and the walk-forward result of tuning in this way.

    Parameters
    ----------
    choice : Choice
        The ladder to use from now on, and the baselines, chosen on all trades that had ended.
    walk : WalkForward
    folds : tuple of Choice
        The choices before each test part; the results are theirs.
    baseline : str
        The policy that the verdict compares with: the user's own exits if known, else the user's ladder, else
        the baseline that was best on each training part.
    entry_time : int64 array, shape (n_trades,)
    net_r : DataFrame, shape (n_trades, n_policies)
        Net R of every trade under every policy as its fold chose it, by trade_id; see `results_frame`.
    scoreboard : Scoreboard
        On the trades of all test parts.
    luck : SearchLuck
    superior : dict of str to SuperiorAbility
        For each benchmark, whether any other exit beats it.
    accounts : DataFrame
        The continuous run over all test parts; see `exitladder.pipelines.tuning.evidence.account`.
    verdict : Verdict
    predictions : RowPredictions or None
    diagnostics : LadderDiagnostics
    executed : Executed
        The test parts under every policy.
    recommendation : Recommendation
    simpler : dict of str to SimplerTuning
        By policy, the same tuning without the model, if there is one, or without adds, if candidates have any.
    size : TunedSize or None
        The size to use from now on, if ``tuning.sizes`` or the user's plan asks for one.
    base : Ladder
        Costs, execution and initial stop of every candidate.
    placed : PlacedTrades
    notes : TradeNotes
        On the trades left out.
    removed : mapping
        Rungs of the final ladder that rounding removed, over all trades; see `removed_rungs`.
    outside : tuple of str
        What the ranges of the search do not cover of the user's own exits.
    impact : mapping or None
        Market impact under each exit, and the verdict's difference after it; None without a law.
    """

    choice: Choice
    walk: WalkForward
    folds: tuple[Choice, ...]
    baseline: str
    entry_time: IntArray
    net_r: pd.DataFrame
    scoreboard: Scoreboard
    luck: SearchLuck
    superior: dict[str, SuperiorAbility]
    accounts: pd.DataFrame
    verdict: Verdict
    predictions: RowPredictions | None
    diagnostics: LadderDiagnostics
    executed: Executed
    recommendation: Recommendation
    base: Ladder
    placed: PlacedTrades
    simpler: Mapping[str, SimplerTuning] = field(default_factory=dict)
    size: TunedSize | None = None
    notes: TradeNotes = NO_NOTES
    removed: Mapping[str, Any] = field(default_factory=lambda: {"n_trades": 0, "by_rung": []})
    outside: tuple[str, ...] = ()
    impact: Mapping[str, Any] | None = None

    @cached_property
    def recommended(self) -> RecommendedExit:
        """The recommended exit as a ladder, with the sentence that says what to do."""
        return recommended_exit(self)

    @cached_property
    def ladder(self) -> Ladder:
        """The ladder to use from now on, with its training trades."""
        ladder, last = self.choice.ladder, int(self.placed.bars.close_time.max())
        known = provenance(self, choice_of(TUNED, ladder), TUNED, trades=self.walk.final, last=last)
        return replace(ladder, tuned=known)

    @property
    def without_model(self) -> SimplerTuning | None:
        """The same tuning without the model, if there is one."""
        return self.simpler.get(WITHOUT_MODEL)

    @property
    def parts(self) -> tuple[ScoredPart, ...]:
        """The test parts as the policy tuned before each executes them."""
        return self.executed.parts

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The tuned ladder first, then the baselines and the user's own ladder, for use from now on."""
        return self.choice.policies

    @property
    def search(self) -> SearchResult:
        """The search on all trades that had ended."""
        return self.choice.search

    @property
    def against(self) -> Comparison:
        """The comparison that the verdict is about."""
        return self.scoreboard.comparisons[self.baseline]

    @property
    def no_change(self) -> str:
        """The user's own exits or ladder if it was the best of all candidates and should be kept; "" for a change."""
        if self.choice.keeps_own_exits:
            return OWN_EXITS
        own = [p.ladder for p in self.policies if p.name == OWN_LADDER]
        return OWN_LADDER if own and replace(own[0], name=TUNED) == self.ladder else ""

    def results_frame(self) -> pd.DataFrame:
        """Return net R of every trade under every policy: trade_id, entry_time, part, fold, then a column per policy.

        `fold` is the test part's number from 1 in rows of the part "test". Rows before the first cut are
        executed as the first fold chose on them: in-sample, and in no statistic.
        """
        table = self.net_r.reset_index()
        table.insert(1, "entry_time", pd.to_datetime(self.entry_time, utc=True, unit="ns"))
        table.insert(2, "part", self.walk.part_of())
        table.insert(3, "fold", np.where(self.walk.test, self.walk.fold_of(self.entry_time) + 1, 0))
        return table

    def folds_frame(self) -> pd.DataFrame:
        """Return one row per test part.

        Columns: fold, test_from, n_training, n_purged, n_test, ladder_text, baseline (the name of the
        best simple exit), tuned_r and baseline_r (mean net R per trade), difference_r.
        """
        rows = []
        fold = self.walk.fold_of(self.entry_time)
        for k, (cut, choice) in enumerate(zip(self.walk.folds, self.folds, strict=True)):
            part = self.net_r[cut.test & (fold == k)]
            both = part[[TUNED, self.baseline]].dropna()
            rows.append(
                {
                    "fold": k + 1,
                    "test_from": cut.cut_time.isoformat(),
                    "n_training": int(choice.training.sum()),
                    "n_purged": cut.n_purged,
                    "n_test": len(part),
                    "ladder_text": f"no change: {OWN_EXITS}" if choice.keeps_own_exits else in_words(choice.ladder),
                    "baseline": choice.simplest if self.baseline == SIMPLEST else self.baseline,
                    "tuned_r": float(both[TUNED].mean()) if len(both) else math.nan,
                    "baseline_r": float(both[self.baseline].mean()) if len(both) else math.nan,
                    "difference_r": float((both[TUNED] - both[self.baseline]).mean()) if len(both) else math.nan,
                }
            )
        return pd.DataFrame(rows)

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return trades and fills of all test parts, with the columns of ``trades.csv`` and ``fills.csv``."""
        return joined_tables([part.simulation for part in self.parts])

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder tune`` prints, without the run."""
        folds = self.folds_frame().to_dict("records")
        for row, choice in zip(folds, self.folds, strict=True):
            row["ladder"] = ladder_to_mapping(choice.ladder)
            row["n_trials"] = choice.search.n_trials
        first = self.walk.folds[0]
        advice = self.recommended
        data = self.notes.to_mapping()
        data["notes"] += [self.removed["text"]] if self.removed.get("text") else []
        data["notes"] += self.outside
        return {
            "recommendation": advice.sentence,
            "recommended": advice.to_mapping(),
            "recommended_parts": advice.parts,
            "recommended_evidence": advice.evidence,
            "ladder": ladder_to_mapping(self.ladder),
            "baseline": self.baseline,
            "difference_r": self.against.difference_r,
            "interval": [self.against.low, self.against.high],
            "p_value": self.against.p_value,
            "detectable_r": self.against.detectable_r,
            "dsr": self.luck.dsr,
            "psr": self.luck.psr,
            "min_track_record": self.luck.min_track_record if math.isfinite(self.luck.min_track_record) else None,
            "pbo": self.luck.pbo,
            "spa_p": self.superior[self.baseline].p_value,
            "superior": {name: list(found.superior) for name, found in self.superior.items()},
            "n_trials": self.luck.n_trials,
            "n_trials_final": self.search.n_trials,
            "n_training": int(first.training.sum()),
            "n_training_final": int(self.choice.training.sum()),
            "n_test": int(self.walk.test.sum()),
            "n_purged": first.n_purged,
            "test_from": self.walk.cut_time.isoformat(),
            "folds": folds,
            "continuous": self.accounts.to_dict("records"),
            "account": self.executed.limited,
            **({} if self.impact is None else {"impact": self.impact}),
            "policies": self.scoreboard.table.to_dict("records"),
            **({} if self.size is None else {"sizes": self.size.to_mapping()}),
            "drawdowns": DRAWDOWNS | {"max_drawdown_r": "whole trades in order of their entries"},
            "predictions": self.predictions.counts() if self.predictions else None,
            "data": data,
            "removed_rungs": {name: self.removed[name] for name in ("n_trades", "by_rung")},
            "verdict": self.verdict.kind,
            "verdict_text": self.verdict.text,
            "open_trades": open_trades(self.against, self.verdict),
            "no_change": self.no_change,
            "diagnostics": self.diagnostics.to_mapping(),
            "diagnostics_text": self.diagnostics.text,
        }


def tune_ladder(
    prepared: Prepared,
    settings: Settings,
    *,
    predictions: RowPredictions | None = None,
    own_ladder: Ladder | None = None,
    backend: SearchBackend = ALONE,
    progress: Progress = SILENT,
) -> Tuned:
    """Return the ladder that is best on all past trades, with the out-of-sample result of tuning in the same way.

    Before each test part a ladder and the baselines' parameters are tuned on the trades that had ended by
    then. Each test part is scored once, by the choice made before it.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings
    predictions : RowPredictions, optional
        Adds rungs on the model's signal to the search.
    own_ladder : Ladder, optional
        The user's ladder. It gives costs, execution and initial stop, is one of the candidates, and is evaluated too.
    backend : SearchBackend
        Where studies are kept and which processes evaluate candidates; by default none are kept and this process does.
    progress : Progress

    Returns
    -------
    Tuned

    Raises
    ------
    TradesError
        If there are too few trades to tune on or to score.
    SettingsError
        If adds are searched with a model, or by an objective that does not know them.
    """
    refuse_adds_with(settings, own_ladder, model=predictions is not None)
    given, own_ladder = own_ladder, None if own_ladder is None else without_size_rule(own_ladder)
    walk, settings = fitting_walk(prepared, settings)
    with progress.stage("features", 1):
        tuning = Tuning.of(prepared, settings, predictions, own_ladder, progress, backend)
    folds, final = tuning.choose_each(walk, backend.name)
    made = {WITHOUT_MODEL: without_model(tuning, walk), WITHOUT_ADDS: tuned_without_adds(tuning, walk)}
    simpler = {name: found for name, found in made.items() if found is not None}

    time, test = prepared.entry_time, walk.test
    fold_of = walk.fold_of(time)
    net_r = with_no_change(with_own_exits(stitched(tuning, folds, fold_of), tuning, walk), folds, fold_of)
    for name, plain in simpler.items():
        net_r.insert(1, name, plain.net_r(OWN_EXITS in net_r, fold_of))
    baseline = OWN_EXITS if OWN_EXITS in net_r else OWN_LADDER if own_ladder is not None else SIMPLEST
    tested = {str(name): net_r[name].to_numpy(np.float64)[test] for name in net_r}
    executed = execute_policies(tuning, folds, walk, tested, simpler)
    ends = {name: end[test] for name, end in executed.ends.items()}
    is_open = {name: mask[test] for name, mask in executed.is_open.items()}
    with progress.stage("comparing exits", 3) as advance:
        board = score_policies(tested, time[test], TUNED, settings.intervals, ends, is_open)
        board = replace(board, table=with_exposure(board.table, executed.exposures))
        against = board.comparisons[baseline]
        advance(1)
        luck = search_luck(tuning, folds, tested[TUNED] - tested[baseline], tested[baseline], against, walk)
        advance(1)
        superior = all_at_once(tested, time[test], [baseline, SIMPLEST], settings.intervals)
        advance(1)
    accounts = account({name: executed.marked[name] for name in (TUNED, baseline, SIMPLEST)}, int(time[test].min()))
    risk = risk_of(board.table, accounts, baseline)
    judged = _verdict(against, baseline, walk, risk, superior[baseline], keeps=final.keeps_own_exits)
    witnesses = Witnesses(luck.dsr, luck.pbo, superior[baseline])
    said = warnings_on(board.table, baseline, judged.kind, witnesses)
    said += [BEFORE_COSTS] if tuning.base.costs.is_free else []
    rows: dict[Any, dict[Any, Any]] = board.table.set_index("policy").to_dict("index")
    said += price_of_gain(against.difference_r, rows[TUNED], rows[baseline])
    said += duplicate_note(prepared.placed.take(test))
    with progress.stage("recommendation", 1):
        recommendation = recommend(
            net_r,
            Lives(time, executed.ends, executed.is_open),
            pasts_of(prepared.placed.trades, walk, int(prepared.placed.bars.close_time.max())),
            [cut.test for cut in walk.folds],
            levels_of(
                [str(name) for name in net_r], model_has_edge=predictions is not None and predictions.finding == EDGE
            ),
            settings.intervals,
        )
        size = _size_of(recommendation, executed, walk, prepared.placed, settings, given)
    with progress.stage("diagnostics", 1):
        found = diagnostics(
            tuning.objectives(final.training),
            final.search.evaluation,
            final.search.ladders,
            final.ladder,
            {f"{cut.cut_time:%Y-%m-%d}": choice.ladder for cut, choice in zip(walk.folds, folds, strict=True)},
        )
    tuned = Tuned(
        choice=final,
        walk=walk,
        folds=folds,
        baseline=baseline,
        entry_time=time,
        net_r=net_r,
        scoreboard=board,
        luck=luck,
        superior=superior,
        accounts=accounts,
        verdict=replace(judged, text=" ".join([judged.text, *said])),
        predictions=predictions,
        diagnostics=found,
        executed=executed,
        recommendation=recommendation,
        base=tuning.base,
        placed=prepared.placed,
        simpler=simpler,
        size=size,
        notes=prepared.notes,
        removed=_removed(tuning, final.ladder),
        outside=outside_ranges(settings.search, own_ladder, _wins(net_r)),
        impact=None
        if settings.impact.law == "none"
        else impact_of_exits(
            tested,
            {name: cost[test] for name, cost in executed.impact.items()},
            time[test],
            (TUNED, baseline),
            settings,
        ),
    )
    note = model_note(tuned.recommended.facts)
    return replace(tuned, verdict=replace(tuned.verdict, text=f"{tuned.verdict.text} {note}".strip()))


def _size_of(
    recommendation: Recommendation,
    executed: Executed,
    walk: WalkForward,
    placed: PlacedTrades,
    settings: Settings,
    given: Ladder | None,
) -> TunedSize | None:
    """Return the size tuned on the results of the exits that were recommended before each part.

    Parameters
    ----------
    recommendation : Recommendation
    executed : Executed
    walk : WalkForward
    placed : PlacedTrades
    settings : Settings
    given : Ladder or None
        The user's, with its size rule.

    Returns
    -------
    TunedSize or None
    """
    candidates = size_candidates(settings, given)
    if not candidates:
        return None
    time = placed.trades.entry_time
    part = walk.fold_of(time)
    close = np.zeros(len(time), dtype=np.int64)
    planned, money, in_base = (np.full(len(time), np.nan) for _ in range(3))
    for k, choice in enumerate(recommendation.parts):
        scored, of = part == k, executed.unit_risk[choice.exit]
        close[scored] = executed.ends[choice.exit][scored]
        planned[scored], money[scored], in_base[scored] = of.planned[scored], of.money[scored], of.in_base[scored]
    rows = np.flatnonzero(walk.test & np.isfinite(recommendation.net_r))
    rows = rows[np.argsort(time[rows], kind="stable")]
    volatility = {size.window: annual_volatility(placed, size.window) for size in candidates if size.rule == VOLATILITY}
    units = Units(
        planned[rows],
        (np.abs(placed.trades.entry_price) * money)[rows],
        {window: (found * money)[rows] for window, found in volatility.items()},
    )
    # in the R of the exit itself, by which a rule sizes
    results = Results(time[rows], close[rows], (recommendation.net_r / in_base)[rows], units)
    return tuned_size(results, part[rows], [cut.cut for cut in walk.folds], settings, given)


def held_at_the_end(trades: Trades, tuned: Tuned) -> Trades:
    """Return the trades, sorted by entry, that the tuned ladders still hold at the last bar."""
    test = [np.flatnonzero(cut.test) for cut in tuned.walk.folds]
    is_open = [part.simulation.status == STATUS.index("open") for part in tuned.parts]
    return trades.take(np.concatenate([at[held] for at, held in zip(test, is_open, strict=True)]))


def _wins(net_r: pd.DataFrame) -> FloatArray:
    """Return the net R of the winners among the user's own exits, empty if these are unknown."""
    r = net_r[OWN_EXITS].to_numpy(np.float64) if OWN_EXITS in net_r else np.empty(0)
    return r[r > 0]


def _removed(tuning: Tuning, ladder: Ladder) -> dict[str, Any]:
    """Return the rungs of a ladder that rounding removes, with a warning if there are any."""
    done = simulate(tuning.prepared.placed, ladder, tuning.signals)
    counts = removed_rungs(done)
    text = removed_text(counts, int((done.status != STATUS.index("skipped")).sum()))
    if text:
        warnings.warn(f"The tuned ladder: {text}", ExitladderWarning, stacklevel=3)
    return counts | {"text": text}


def _verdict(
    against: Comparison,
    baseline: str,
    walk: WalkForward,
    risk: dict[str, tuple[float, float]],
    superior: SuperiorAbility,
    *,
    keeps: bool,
) -> Verdict:
    """Return the verdict on tuning in this way, with its meaning for the ladder that is written."""
    found = verdict(against, TUNED, baseline, risk=risk)
    often = "once," if len(walk.folds) == 1 else f"{len(walk.folds)} times, each time"
    how = (
        f"It was tuned {often} on trades that had ended before the trades it was scored on. The final ladder is tuned "
        "in the same way on all trades, so this result is the best estimate of its performance."
    )
    others = [f"'{name}'" for name in superior.superior if name != TUNED]
    also = (
        f"Of the other exits, {' and '.join(others)} earned more than '{baseline}' (significant after correction for "
        f"their number; SPA p = {superior.p_value:.2g})."
        if others
        else ""
    )
    keep = (
        f"On all past trades, no ladder tried scored higher than {OWN_EXITS}: keep what you do. The final ladder is "
        "the best of those tried."
        if keeps
        else ""
    )
    return replace(found, text=" ".join(s for s in (found.text, also, how, keep, walk.note()) if s))
