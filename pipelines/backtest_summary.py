"""The summary of a backtest: measures, intrabar policies, exits beside it, its sample and its verdict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.execution.book.book import BookResult, simulate_book
from exitladder.execution.signals import Signals
from exitladder.execution.simulation import STATUS
from exitladder.measures.adds import IN_PLANNED_RISK, adds_summary
from exitladder.measures.book import book_frame, book_summary
from exitladder.measures.data_gaps import coarse_bars, inactive_rungs, removed_rungs, removed_text
from exitladder.measures.exposure import exposure_of, plain_exposure
from exitladder.measures.limited import account_result, trades_taken
from exitladder.measures.marked import marked_account
from exitladder.measures.price_of_gain import DRAWDOWNS, price_of_gain
from exitladder.measures.sizing import Sized
from exitladder.measures.sizing.growth import constant_size, sizing_summary
from exitladder.measures.summary import summarise
from exitladder.pipelines.inputs.job import Job
from exitladder.pipelines.inputs.predictions import outlives_rows, signal_bars
from exitladder.pipelines.inputs.usable_trades import BEFORE_COSTS
from exitladder.pipelines.liquidity.costs import impact_summary
from exitladder.pipelines.tuning.policies import OWN_EXITS, TUNED
from exitladder.pipelines.tuning.samples.labels import (
    OUT_OF_SAMPLE,
    WALK_FORWARD_COMMAND,
    Labels,
    SampleCounts,
    n_duplicates,
    samples_of,
)
from exitladder.plans.adds import without_adds
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.size import without_size_rule
from exitladder.plans.units import Target
from exitladder.runtime.progress import Progress
from exitladder.settings.tables import AccountSettings, Settings
from exitladder.statistics.comparison import SAME_R, Comparison, compare_r, holm
from exitladder.statistics.mean import MeanInterval, mean_interval
from exitladder.statistics.metrics import max_drawdown_of_sum
from exitladder.statistics.ratios import with_interval
from exitladder.statistics.verdict import open_trades, verdict
from exitladder.trades.trades import PlacedTrades

SPREAD_POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme")
ALL_OUT = "all out at the first target"
OTHER_COMMANDS = "For a verdict, use exitladder compare or exitladder tune."
NO_TARGET = (
    "No verdict: without a target, there is no first target to sell all at, and so no simple exit to compare with "
    f"here. {OTHER_COMMANDS}"
)
WITHOUT_ADDS = "without the adds"
WITHOUT_LIMITS = "without the limits"
NOTHING_EXECUTED = (
    "No verdict: no trade could be simulated; trades.csv names the reason of each. If it is a quantity below the lot, "
    "correct lot and min_quantity in [symbols] of the settings and in [costs] of the ladder."
)
NO_VERDICT_ON_TARGETS = (
    "No verdict: R is of the first quantity of a trade, and a volatility target changes the quantity, so its R cannot "
    "be compared with other exits. Compare profit and largest fall of the book, with the target and without it."
)
OF_FIRST_QUANTITY = (
    "R of a position with a volatility target divides by the risk of its first quantity: purchases make it larger. "
    "Compare money."
)
_STILL_OPEN = np.iinfo(np.int64).max


@dataclass(frozen=True)
class BacktestPart:
    """Trades that one ladder executes; a backtest of one ladder has a single part.

    Parameters
    ----------
    simulation : Simulation
    signals : Signals
        What the ladder reads, for these trades.
    ladder : Ladder
    finer : BarSet or None
        Bars of a shorter interval for the policy ``finer_bars``.
    keeps_own_exits : bool
        Whether the tuning of the part found no ladder better than the trader's own exits; the simulation is then
        theirs.
    book : BookResult or None
        The account, if the plan has limits or a book.
    sized : Sized or None
        The trades with the quantities of the plan's size rule, if it has one or the equity of its book is given.
    given : PlacedTrades or None
        The trades with their own quantities, where the rule changed them.
    """

    simulation: Simulation
    signals: Signals
    ladder: Ladder
    finer: BarSet | None
    keeps_own_exits: bool = False
    book: BookResult | None = None
    sized: Sized | None = None
    given: PlacedTrades | None = None

    @property
    def plan(self) -> Ladder:
        """The ladder of each position alone, without size rule (`simulation` has the quantities) and limits."""
        return without_size_rule(self.ladder.alone)

    @cached_property
    def samples(self) -> Labels:
        """Whether each trade is in-sample, mixed or out of sample for the ladder, shape (n_trades,)."""
        done = self.simulation
        close = done.placed.bars.close_time
        ended = np.where(done.status == STATUS.index("closed"), close[done.exit_bar], _STILL_OPEN)
        return samples_of(done.placed, self.ladder.tuned, ended)

    def under(self, policy: str) -> Simulation:
        """Return the simulation under another intrabar policy."""
        if self.keeps_own_exits or policy == self.ladder.execution.intrabar:
            return self.simulation
        other = replace(self.ladder, execution=replace(self.ladder.execution, intrabar=policy))
        if self.sized is not None:
            return self.sized.under(other, self.signals, finer=self.finer)
        if self.book is not None:
            return simulate_book(self.simulation.placed, other, self.signals, finer=self.finer).simulation
        return simulate(self.simulation.placed, other, self.signals, finer=self.finer)

    @cached_property
    def all_out(self) -> Simulation:
        """The trades with everything sold at the first target."""
        return simulate(self.simulation.placed, all_out(self.plan), self.signals, finer=self.finer)

    @cached_property
    def without_adds(self) -> Simulation:
        """The trades under the same plan without its adds."""
        plain = replace(without_adds(self.plan), name=WITHOUT_ADDS)
        return simulate(self.simulation.placed, plain, self.signals, finer=self.finer)

    @cached_property
    def without_limits(self) -> Simulation:
        """The trades under the same plan without limits of any kind, and with all the money they need."""
        return simulate(self.simulation.placed, self.plan, self.signals, finer=self.finer)

    @cached_property
    def book_frame(self) -> pd.DataFrame:
        """The content of ``book.csv``."""
        assert self.book is not None
        return book_frame(self.book, self.without_limits)

    @cached_property
    def own_exits(self) -> Simulation:
        """The trades with the user's own exits."""
        return simulate_own_exits(self.given or self.simulation.placed, self.plan)


class Executed(NamedTuple):
    """All trades under one exit.

    Parameters
    ----------
    parts : list of Simulation
    r : float64 array, shape (n_trades,)
        Net R of every trade of all parts, NaN if it was skipped or is unknown.
    """

    parts: list[Simulation]
    r: FloatArray

    @property
    def ends(self) -> IntArray:
        """Bar of each trade's last fill or mark, nanoseconds since 1970 UTC; 0 if it was skipped, shape (n_trades,)."""
        return np.concatenate([np.where(p.last_bar >= 0, p.placed.bars.time[p.last_bar], 0) for p in self.parts])

    @property
    def is_open(self) -> BoolArray:
        """Whether each trade is still open and valued at the last close, shape (n_trades,)."""
        return np.concatenate([p.status == STATUS.index("open") for p in self.parts])

    def exposure(self, leverage: float, among: BoolArray | None = None) -> dict[str, Any]:
        """Return time, capital and drawdown, of all trades or of those among `among`, shape (n_trades,)."""
        kept = np.isfinite(self.r) if among is None else among & np.isfinite(self.r)
        edges = np.cumsum([len(part) for part in self.parts])[:-1]
        account = marked_account(self.parts, [part.astype(np.float64) for part in np.split(kept, edges)])
        fall = np.nan if account is None else max_drawdown_of_sum(account.pnl)
        taken = exposure_of(self.parts, leverage=leverage, among=kept)
        return plain_exposure(taken | {"max_drawdown_account_r": fall})

    def limited(self, limits: AccountSettings, leverage: float) -> dict[str, Any] | None:
        """Return the results of one account with these limits; None without a limit."""
        if not limits.is_limited:
            return None
        known = [np.ones(len(part)) for part in self.parts]
        return account_result(self.parts, known, trades_taken(self.parts, limits, leverage))


def backtest_summary(
    job: Job,
    parts: Sequence[BacktestPart],
    tables: tuple[pd.DataFrame, pd.DataFrame],
    *,
    walk_forward: bool = False,
) -> dict[str, Any]:
    """Return the content of ``summary.json``, except for the prices after the exits.

    Parameters
    ----------
    job : Job
    parts : sequence of BacktestPart
    tables : (DataFrame, DataFrame)
        Trades and fills of all parts.
    walk_forward : bool
        Whether the parts are those of a walk-forward. Own exits still open are then marked, as in its tuning.

    Returns
    -------
    dict
        Plain values for strict JSON.
    """
    trades, fills = tables
    intervals = job.settings.intervals
    by_policy, coarse = _under_each_policy(parts, job.progress)
    # The rungs of several ladders have no common measures.
    ladder = parts[0].ladder if not walk_forward else Ladder()
    labels = np.concatenate([part.samples for part in parts])
    r = np.concatenate([part.simulation.r for part in parts])
    ours = Executed([part.simulation for part in parts], r)
    beside = _beside_exits(parts, job.progress, marks_open=walk_forward)
    results = {other: done.r for other, done in beside.items()}
    leverage, limits = parts[0].ladder.execution.leverage, job.settings.account
    time = np.concatenate([part.simulation.placed.trades.entry_time for part in parts])
    known = labels == OUT_OF_SAMPLE
    against = {}
    follows_target = any(part.ladder.target is not None for part in parts)
    with job.progress.stage("comparing exits", len(results)) as advance:
        for other, theirs in results.items():
            if known.any() and not follows_target:
                against[other] = compare_r(
                    r[known],
                    theirs[known],
                    time=time[known],
                    until=np.maximum(ours.ends, beside[other].ends)[known],
                    is_open=(ours.is_open[known], beside[other].is_open[known]),
                    intervals=intervals,
                )
            advance(1)
    baseline = next(name for name in (OWN_EXITS, WITHOUT_LIMITS, ALL_OUT) if name in results or name == ALL_OUT)
    name = TUNED if walk_forward else parts[0].ladder.name
    taken: list[str] = []
    with job.progress.stage("summary", 4) as advance:
        if baseline in against:
            among = known & np.isfinite(r) & np.isfinite(results[baseline])
            sides = ours.exposure(leverage, among), beside[baseline].exposure(leverage, among)
            taken = price_of_gain(against[baseline].difference_r, *sides)
        advance(1)
        account = marked_account(ours.parts, [part.money_per_r for part in ours.parts])
        advance(1)
        summary = {
            **_sample_and_verdict(SampleCounts.of(labels), name, baseline, against, taken),
            **summarise(
                trades,
                fills,
                ladder,
                policies=by_policy,
                intervals=intervals,
                account=account,
            ),
        }
        advance(1)
        if follows_target and summary["n_trades"]:
            summary["verdict_text"] = NO_VERDICT_ON_TARGETS
        summary |= {
            "n_near_duplicates": sum(n_duplicates(part.simulation.placed) for part in parts),
            **ours.exposure(leverage),
            "account": ours.limited(limits, leverage),
            "drawdowns": DRAWDOWNS,
        }
        advance(1)
    if coarse is not None:
        summary["intrabar"]["coarse_bars"] = coarse
    summary["inactive_rungs"] = _by_rung(parts, inactive_rungs)
    summary["n_small_rests"] = sum(int(part.simulation.small_rests.sum()) for part in parts)
    summary["n_next_sessions"] = sum(int(part.simulation.next_sessions.sum()) for part in parts)
    summary["removed_rungs"] = _by_rung(parts, removed_rungs)
    if follows_target or any(part.ladder.adds for part in parts):
        summary["adds"] = adds_summary([part.simulation for part in parts])
    if parts[0].sized is not None and parts[0].given is not None:
        with job.progress.stage("sizes", 1) as advance:
            constant = constant_size(parts[0].sized, parts[0].given, parts[0].signals, finer=parts[0].finer)
            summary["sizes"] = sizing_summary(parts[0].sized, constant, intervals)
            advance(1)
    for part in parts:
        if part.book is not None:
            summary["book"] = book_summary(part.book, part.without_limits, part.book_frame, intervals)
    notes = job.prepared.notes
    n_left_out = {reason: len(some) for reason, some in notes.left_out.items()}
    summary["n_skipped"] += sum(n_left_out.values())
    summary["skipped_reasons"] |= n_left_out
    removed = removed_text(summary["removed_rungs"], summary["n_trades"])
    if removed:
        warnings.warn(removed, ExitladderWarning, stacklevel=4)
    summary["data"] = notes.to_mapping()
    summary["data"]["notes"] += [removed] if removed else []
    if "adds" in summary:
        summary["data"]["notes"].append(OF_FIRST_QUANTITY if follows_target else IN_PLANNED_RISK)
    if notes.is_before_costs and summary["verdict_text"]:
        summary["verdict_text"] += f" {BEFORE_COSTS}"
    # With no trade out of sample, the other exits are shown on all trades.
    shown = known if known.any() else np.ones(len(known), dtype=bool)
    adjusted = adjusted_p(against, results)
    summary["beside"] = {}
    with job.progress.stage("summary of other exits", len(results)) as advance:
        for other, theirs in results.items():
            mean = mean_interval(theirs[shown], time=time[shown], intervals=intervals)
            summary["beside"][other] = (
                _beside(mean, against.get(other))
                | {"p_adjusted": None if np.isnan(adjusted.get(other, np.nan)) else adjusted[other]}
                | beside[other].exposure(leverage)
                | {"account": beside[other].limited(limits, leverage)}
            )
            advance(1)
    predictions = job.predictions_for([part.ladder for part in parts])
    if predictions is not None:
        summary["predictions"] = predictions.counts()
    most = job.settings.labels.max_bars if walk_forward else signal_bars(parts[0].ladder, job.settings)
    return summary | _signals_end(parts, most)


def with_impact(settings: Settings, parts: Sequence[BacktestPart], baseline: str) -> tuple[FloatArray, dict[str, Any]]:
    """Return the market impact of each trade in R, and its summary, beside the same cost of the baseline.

    Parameters
    ----------
    settings : Settings
    parts : sequence of BacktestPart
    baseline : str
        As in ``summary.json``.

    Returns
    -------
    float64 array, shape (n_trades,)
    dict
    """
    known = np.concatenate([part.samples for part in parts]) == OUT_OF_SAMPLE
    is_comparable = baseline != OWN_EXITS and all(part.ladder.target is None for part in parts)
    theirs = [_under(part, baseline) for part in parts] if is_comparable else None
    return impact_summary([part.simulation for part in parts], theirs, baseline, settings, known)


def _signals_end(parts: Sequence[BacktestPart], most: int) -> dict[str, Any]:
    """Return after how many bars the model is unknown, and the trades held longer under ladders that read it."""
    reading = [part for part in parts if not part.keeps_own_exits and outlives_rows(part.ladder, most)]
    if not reading:
        return {}
    n_trades = sum(int((part.simulation.bars_held > most).sum()) for part in reading)
    return {"signals_end": {"after_bars": most, "n_trades": n_trades}}


def _sample_and_verdict(
    counts: SampleCounts, name: str, baseline: str, against: Mapping[str, Comparison], taken: Sequence[str]
) -> dict[str, Any]:
    """Return the sample of the trades, and the verdict on those out of sample against the baseline.

    Parameters
    ----------
    counts : SampleCounts
    name, baseline : str
    against : mapping of str to Comparison
    taken : sequence of str
        What a gain takes in time, capital and drawdown.

    Returns
    -------
    dict
    """
    facts = {**counts.to_mapping(), "baseline": baseline, "open_trades": None}
    if counts.n_out_of_sample and baseline not in against:
        return facts | {"detectable_r": None, "verdict": None, "verdict_text": NOTHING_EXECUTED}
    if not counts.n_out_of_sample:
        return facts | {"detectable_r": None, "verdict": None, "verdict_text": no_verdict(counts)}
    found = against[baseline]
    evaluation = verdict(found, name, baseline)
    only = "" if counts.sample == OUT_OF_SAMPLE else f"{counts.text} The verdict covers only these. "
    return facts | {
        "detectable_r": None if np.isnan(found.detectable_r) else found.detectable_r,
        "verdict": evaluation.kind,
        "verdict_text": " ".join([only + evaluation.text, *taken]),
        "open_trades": open_trades(found, evaluation),
    }


def no_verdict(counts: SampleCounts) -> str:
    """Return why trades give no verdict, with the command that gives one."""
    return f"No verdict: {counts.text} For a verdict on trades that no ladder has seen, run: {WALK_FORWARD_COMMAND}."


def _under_each_policy(
    parts: Sequence[BacktestPart], progress: Progress
) -> tuple[dict[str, FloatArray], dict[str, int] | None]:
    """Return net R under each intrabar policy that these bars allow, and `coarse_bars` with finer ones."""
    found: dict[str, FloatArray] = {}
    coarse = None
    names = [*SPREAD_POLICIES, *(["finer_bars"] if any(part.finer is not None for part in parts) else [])]
    with progress.stage("intrabar policies", len(names)) as advance:
        for name in names:
            done = [part.under(name) for part in parts]
            found[name] = np.concatenate([one.r for one in done])
            if name == "finer_bars":
                counts = [coarse_bars(one) for one in done]
                coarse = {key: sum(count[key] for count in counts) for key in counts[0]}
            advance(1)
    return found, coarse


def _beside_exits(parts: Sequence[BacktestPart], progress: Progress, *, marks_open: bool) -> dict[str, Executed]:
    """Return the trades sold all at once and with the user's own exits; net R is NaN if it is unknown."""
    placed = [part.simulation.placed for part in parts]
    is_open = np.concatenate([some.trades.is_open for some in placed])
    names = [ALL_OUT] if is_open.all() else [ALL_OUT, OWN_EXITS]
    if any(part.ladder.adds for part in parts):
        names.append(WITHOUT_ADDS)
    if any(part.book is not None for part in parts):
        names.append(WITHOUT_LIMITS)
    found = {}
    with progress.stage("simulating other exits", len(names)) as advance:
        for name in names:
            done = [_under(part, name) for part in parts]
            r = np.concatenate([one.r for one in done])
            if name == OWN_EXITS and not marks_open:
                r = np.where(is_open, np.nan, r)
            if not np.isnan(r).all():
                found[name] = Executed(done, r)
            advance(1)
    return found


def _under(part: BacktestPart, name: str) -> Simulation:
    if name == WITHOUT_ADDS:
        return part.without_adds
    if name == WITHOUT_LIMITS:
        return part.without_limits
    return part.own_exits if name == OWN_EXITS else part.all_out


def adjusted_p(against: Mapping[str, Comparison], results: Mapping[str, FloatArray]) -> dict[str, float]:
    """Return the p-values after `holm`; exits with the same result on every trade are one hypothesis.

    Parameters
    ----------
    against : mapping of str to Comparison
    results : mapping of str to float64 array, shape (n_trades,)
        Net R of every trade under each exit.

    Returns
    -------
    dict of str to float
    """
    same: dict[str, str] = {}
    for name in against:
        like = (one for one in same.values() if np.allclose(results[one], results[name], 0, SAME_R, equal_nan=True))
        same[name] = next(like, name)
    tested = sorted(set(same.values()), key=list(against).index)
    found = dict(zip(tested, holm([against[name].p_value for name in tested]), strict=True))
    return {name: float(found[one]) for name, one in same.items()}


def _beside(mean: MeanInterval, against: Comparison | None) -> dict[str, Any]:
    """Return the results of another exit, with the ladder's advantage over it on trades out of sample, if known."""
    return {
        "n_trades": mean.n,
        "expectancy_r": with_interval(mean.value, mean.low, mean.high),
        "difference_r": with_interval(against.difference_r, against.low, against.high) if against else None,
        "n_pairs": against.n if against else 0,
        "p_value": None if against is None or np.isnan(against.p_value) else against.p_value,
    }


def _by_rung(parts: Sequence[BacktestPart], count_of: Callable[[Simulation], dict[str, Any]]) -> dict[str, Any]:
    counts = [count_of(part.simulation) for part in parts if not part.keeps_own_exits]
    return {
        "n_trades": sum(count["n_trades"] for count in counts),
        "by_rung": [sum(numbers) for numbers in zip_longest(*(count["by_rung"] for count in counts), fillvalue=0)],
    }


def all_out(ladder: Ladder) -> Ladder:
    """Return the all-in, all-out version of a ladder: everything is sold at its first target, with the same stop.

    A ladder without a target keeps only its stop, trail and time stop.
    """
    targets = [rung.target for rung in ladder.rungs if rung.target is not None and rung.target.value > 0]
    stop = replace(
        ladder.stop,
        breakeven_after=None,
        breakeven_offset=type(ladder.stop.breakeven_offset)(0.0, "R"),
        breakeven_from="entry",
        trail_after=None,
        trail=None if ladder.stop.trail_after is not None else ladder.stop.trail,
    )
    if not targets:
        return replace(ladder, name=ALL_OUT, rungs=(), stop=stop)
    return replace(ladder, name=ALL_OUT, rungs=(Rung(1.0, Target(targets[0].value, targets[0].unit)),), stop=stop)


def has_target(ladder: Ladder) -> bool:
    """Return whether a ladder sells at any target with a gain, so that all can be sold at the first one."""
    return any(rung.target is not None and rung.target.value > 0 for rung in ladder.rungs)


def without_all_out(summary: dict[str, Any]) -> dict[str, Any]:
    """Return a summary without the exit at the first target, and without a verdict if that was against it.

    Parameters
    ----------
    summary : dict
        The content of ``summary.json`` of ladders without any target: the exit at the first one is the ladder itself.
    """
    quality = summary.get("exit_quality") or {"policies": {}, "notes": []}
    policies = {name: found for name, found in quality["policies"].items() if name != ALL_OUT}
    beside = {name: found for name, found in summary.get("beside", {}).items() if name != ALL_OUT}
    kept = {**summary, "beside": beside, "exit_quality": {**quality, "policies": policies}}
    if summary.get("verdict") and summary.get("baseline") == ALL_OUT:
        before = f" {BEFORE_COSTS}" if (summary.get("data") or {}).get("before_costs") else ""
        kept |= {"verdict": None, "open_trades": None, "verdict_text": f"{NO_TARGET}{before}"}
    return kept


def to_show(summary: dict[str, Any], ladders: Sequence[Ladder]) -> dict[str, Any]:
    """Return a summary for people: of ladders without any target, without the exit at the first one.

    Parameters
    ----------
    summary : dict
        The content of ``summary.json``.
    ladders : sequence of Ladder
        Those of the backtest; none if they are not known.
    """
    return without_all_out(summary) if ladders and not any(map(has_target, ladders)) else summary
