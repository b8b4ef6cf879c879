"""A backtest of positions in options, against holding them to expiry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray
from exitladder.files.output import Content, write_folder
from exitladder.options.hedging import Hedge, HedgedBook, check_hedge, hedge_frame, hedged_book, hedges_of
from exitladder.options.market import OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import OptionPlan, check_targets, option_plan
from exitladder.options.positions.replay import Outcome, replay
from exitladder.options.positions.tables import (
    FLAGS,
    decisions_frame,
    fills_frame,
    is_beyond_width,
    net_r,
    trades_frame,
)
from exitladder.options.positions.trades import OptionTrade
from exitladder.pipelines.options.described import describe_quotes, options_run
from exitladder.pipelines.options.evidence import (
    HOLD,
    STOP_ONLY,
    Results,
    compared,
    counted,
    mean_r,
    no_verdict,
    same_positions,
    with_ends,
)
from exitladder.pipelines.options.samples import samples_of, tuned_on_text
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tuning.samples.labels import IN_SAMPLE, MIXED, OUT_OF_SAMPLE
from exitladder.plans.file import ladder_fingerprint, ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import MIN_TRADES
from exitladder.statistics.paired_days.accounts import compare_daily_accounts
from exitladder.statistics.verdict import Verdict, few_episodes, verdict


@dataclass(frozen=True)
class OptionsResult:
    """The results of a plan on positions in options.

    Parameters
    ----------
    plan : Ladder
    fills, trades : DataFrame
        The columns of ``fills.csv`` and ``trades.csv``.
    summary : dict
        The content of ``summary.json``.
    hedge : DataFrame or None
        The columns of ``hedge.csv``.
    decisions : DataFrame or None
        The columns of ``decisions.csv``.
    run_id : str
        Of its record; empty if tracking is off.
    """

    plan: Ladder
    fills: pd.DataFrame
    trades: pd.DataFrame
    summary: dict[str, Any]
    hedge: pd.DataFrame | None = None
    decisions: pd.DataFrame | None = None
    run_id: str = ""

    def files(self) -> dict[str, Content]:
        """Return the files to write, by name."""
        return {
            "fills.csv": self.fills,
            "trades.csv": self.trades,
            **({} if self.decisions is None else {"decisions.csv": self.decisions}),
            **({} if self.hedge is None else {"hedge.csv": self.hedge}),
            "summary.json": self.summary,
            "ladder.toml": ladder_to_toml(self.plan),
        }

    def write(self, out: Path, progress: Progress = SILENT) -> None:
        """Write the tables, the summary and the plan into a folder, all or none."""
        write_folder(out, self.files(), progress)


def backtest_options(
    trades: Sequence[OptionTrade],
    ladder: Ladder,
    market: OptionMarket,
    settings: Settings,
    *,
    notes: Sequence[str] = (),
    command: str = "",
    progress: Progress = SILENT,
) -> OptionsResult:
    """Return the results of a plan on positions in options, beside doing nothing.

    Parameters
    ----------
    trades : sequence of OptionTrade
    ladder : Ladder
        With conditions on premium, Greeks and time; see docs/options.md.
    market : OptionMarket
    settings : Settings
        Confidence, resamples and seed; ``options.hedge`` and its terms.
    notes : sequence of str
        Notes on the data, which the summary repeats.
    command : str
        The command line, shown on the page for reproduction.
    progress : Progress

    Returns
    -------
    OptionsResult
        Recorded as a run, unless ``tracking.enabled`` is false.

    Raises
    ------
    OptionsError
        If the plan has a part that options do not know, or a settlement price is missing.
    """
    plan = option_plan(ladder)
    if plan.name in (HOLD, STOP_ONLY):
        plan = replace(plan, name=f"{plan.name} (plan)")
    check_targets(plan, list(trades))
    check_hedge(settings.options, market)
    quotes = describe_quotes(market.quotes)
    with options_run("backtest", trades, ladder, market, quotes, settings) as run:
        result = _backtested(trades, (ladder, plan), market, settings, notes, progress)
        result.summary["terms"] = _terms(quotes, settings)
        if command:
            result.summary.update(command=command, seed=settings.project.seed)
        _record(run, result)
    return replace(result, run_id=run.run_id)


def _backtested(
    trades: Sequence[OptionTrade],
    plans: tuple[Ladder, OptionPlan],
    market: OptionMarket,
    settings: Settings,
    notes: Sequence[str],
    progress: Progress,
) -> OptionsResult:
    """Return the results of a plan, given as its ladder too."""
    ladder, plan = plans
    is_hedged = settings.options.hedge != "none"
    valuer = Valuer(market)
    policies = {plan.name: plan, HOLD: plan.held()}
    if not math.isnan(plan.stop_share) or any(not math.isnan(trade.stop_price) for trade in trades):
        policies[STOP_ONLY] = plan.stop_only()
    found = {}
    with progress.stage("replaying positions", len(policies)) as advance:
        for name, policy in policies.items():
            found[name] = replay(trades, policy, valuer, keeps_path=is_hedged and policy is plan)
            advance(1)
    outcomes = found.pop(plan.name)
    table = trades_frame(outcomes)
    for name, others in found.items():
        table[f"{name.replace(' ', '_')}_r"] = [net_r(outcome) for outcome in others]
    samples = samples_of(trades, ladder.tuned)
    if ladder.tuned is not None:
        table["sample"] = np.select(samples, [IN_SAMPLE, MIXED], OUT_OF_SAMPLE)
    with progress.stage("confidence intervals", 1):
        summary = _summary(plan, (outcomes, table), found, settings.intervals, samples)
    summary |= {"ladder": plan.name, "ladder_hash": ladder_fingerprint(ladder), "quotes": market.quotes.name}
    summary |= {"n_greeks_unknown": valuer.n_unknown, "notes": list(notes), "options": _plain(settings)}
    hedge = None
    if is_hedged:
        with progress.stage("hedging", 1):
            hedges = hedges_of(outcomes, market)
            hedge = hedge_frame(hedges)
            summary["hedge"] = _hedge_summary(hedges, hedged_book(outcomes, hedges, market), settings.intervals)
    return OptionsResult(ladder, fills_frame(outcomes), table, summary, hedge, decisions_frame(outcomes))


def _terms(quotes: Mapping[str, str | int], settings: Settings) -> dict[str, Any]:
    """Return what the numbers rest on beside the plan, by which `compare` sees whether two runs can be compared."""
    shown = {name: quotes[name] for name in ("n_contracts", "n_quotes", "first_quote", "last_quote")}
    plain = {name: value for name, value in _plain(settings).items() if not name.startswith("hedge")}
    return {"quotes": shown | {"fingerprint": quotes["quotes_fingerprint"]}, "options": plain}


def _record(run: TrackedRun, result: OptionsResult) -> None:
    """Write results, verdict and files into the record of a run."""
    summary = result.summary
    found, against = summary["expectancy_r"], summary["beside"][HOLD]["difference_r"]
    run.log_metrics(
        {
            "expectancy_r": found["value"],
            "difference_r": against["value"],
            "low": against["low"],
            "high": against["high"],
            **{name: summary[name] for name in ("n_trades", "n_closed", "n_open", "n_skipped", "pnl", "costs")},
            **{name: {"expectancy_r": one["expectancy_r"]["value"]} for name, one in summary["beside"].items()},
        }
    )
    verdict_word = summary["verdict"].replace("_", " ")
    run.log_tags({"verdict": verdict_word})
    page = f" The page: `exitladder report {run.run_id} --out page.html`." if run.run_id else ""
    run.describe(f"{summary['verdict_text']}{page}")
    run.log_result(verdict_word, of=result.plan.name)
    run.log_files(result.files())


def _hedge_summary(hedges: Mapping[str, Hedge], book: HedgedBook | None, intervals: Intervals) -> dict[str, Any]:
    """Return what the hedge traded and cost, and the options with it against the options alone, day by day."""
    found: dict[str, Any] = {
        "n_trades": sum(len(one.trades) for one in hedges.values()),
        "n_unknown": sum(one.n_unknown for one in hedges.values()),
        "costs": math.fsum(one.costs for one in hedges.values()),
        "units": {name: one.units for name, one in hedges.items()},
        "pnl": None,
        "sd_daily": None,
        "against_no_hedge": {},
    }
    if book is None or not len(book.dates):
        return found
    plain, hedge = (np.diff(values, prepend=0.0) for values in (book.plain, book.hedge))
    found["pnl"] = float(book.hedge[-1])
    if book.is_held.sum() > 1:
        both = {"without": plain, "with": plain + hedge}
        found["sd_daily"] = {name: float(days[book.is_held].std(ddof=1)) for name, days in both.items()}
    if book.is_held.sum() >= MIN_TRADES:
        measures = compare_daily_accounts(plain + hedge, plain, book.is_held, intervals)
        found["against_no_hedge"] = {name: one.to_mapping() for name, one in measures.items()}
    return found


def _plain(settings: Settings) -> dict[str, Any]:
    return settings.to_mapping()["options"]


def _summary(
    plan: OptionPlan,
    ours: tuple[Sequence[Outcome], pd.DataFrame],
    others: dict[str, list[Outcome]],
    intervals: Intervals,
    samples: tuple[BoolArray, BoolArray],
) -> dict[str, Any]:
    """Return the summary of outcomes, given with their table, beside those of other exits."""
    outcomes, table = ours
    status = table["status"]
    groups = same_positions([outcome.trade for outcome in outcomes])
    results = Results.of(outcomes)
    in_sample, mixed = samples
    # positions that the plan was tuned on say nothing about it
    fair = replace(results, net_r=np.where(in_sample | mixed, np.nan, results.net_r))
    against = compared(fair, Results.of(others[HOLD]), groups, intervals)
    few = few_episodes(against) if against.is_known else []
    beside = {}
    for name, them in others.items():
        theirs = Results.of(them)
        found = compared(fair, theirs, groups, intervals)
        beside[name] = {
            "expectancy_r": mean_r(theirs, groups, intervals, few),
            "difference_r": with_ends(found.difference_r, found.low, found.high, few),
        }
    said = verdict(against, plan.name, HOLD)
    if few:
        said = Verdict("no_difference", no_verdict(against, plan.name, HOLD, few))
    if (in_sample | mixed).any():
        rest = said.text if against.n else "tune.json has the result out of sample."
        said = Verdict(said.kind, f"{tuned_on_text(*samples)} {rest}", said.without_open)
    flags = {flag: int(table[flag].sum()) for flag in FLAGS}
    return {
        "n_trades": len(outcomes),
        "n_closed": int((status == "closed").sum()),
        "n_open": int((status == "open").sum()),
        "n_skipped": int((status == "skipped").sum()),
        "skipped": counted(outcome.reason for outcome in outcomes if outcome.status == "skipped"),
        "n_repeated": len(outcomes) - len(np.unique(groups)),
        "n_in_sample": int(in_sample.sum()),
        "n_mixed": int(mixed.sum()),
        "expectancy_r": mean_r(results, groups, intervals, few),
        "pnl": float(table["pnl"].sum()),
        "costs": float(table["costs"].sum()),
        "baseline": HOLD,
        "beside": beside,
        "verdict": said.kind,
        "verdict_text": said.text,
        "comparison": against.to_mapping(),
        **{f"n_{flag}": count for flag, count in flags.items()},
        "n_beyond_width": sum(map(is_beyond_width, outcomes)),
        "n_closes_without_mark": int(sum(outcome.state.get("n_unknown", 0) for outcome in outcomes)),
    }
