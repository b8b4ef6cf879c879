"""A backtest of positions in options, against holding them to expiry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.clock import NO_TIME
from exitladder.files.output import Content, write_folder
from exitladder.options.market import OptionMarket
from exitladder.options.positions.measures import Valuer
from exitladder.options.positions.plan import OptionPlan, check_targets, option_plan
from exitladder.options.positions.replay import Outcome, replay
from exitladder.options.positions.tables import FLAGS, fills_frame, is_beyond_width, net_r, trades_frame
from exitladder.options.positions.trades import OptionTrade
from exitladder.plans.file import ladder_fingerprint, ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison, compare_r
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import mean_interval
from exitladder.statistics.verdict import verdict

HOLD, STOP_ONLY = "hold to expiry", "stop only"
_KINDS = {
    "no quotes of": "no quotes of the contract",
    "debit of": "debit not between 0 and the width",
    "credit of": "credit not between 0 and the width",
    "premium of": "premium at the entry beyond the stop",
}


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
    """

    plan: Ladder
    fills: pd.DataFrame
    trades: pd.DataFrame
    summary: dict[str, Any]

    def files(self) -> dict[str, Content]:
        """Return the files to write, by name."""
        return {
            "fills.csv": self.fills,
            "trades.csv": self.trades,
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
        Confidence, resamples and seed.
    notes : sequence of str
        Notes on the data, which the summary repeats.
    progress : Progress

    Returns
    -------
    OptionsResult

    Raises
    ------
    OptionsError
        If the plan has a part that options do not know, or a settlement price is missing.
    """
    plan = option_plan(ladder)
    check_targets(plan, list(trades))
    valuer = Valuer(market)
    policies = {plan.name: plan, HOLD: plan.held()}
    if not math.isnan(plan.stop_share) or any(not math.isnan(trade.stop_price) for trade in trades):
        policies[STOP_ONLY] = plan.stop_only()
    found = {}
    with progress.stage("replaying positions", len(policies)) as advance:
        for name, policy in policies.items():
            found[name] = [replay(trade, policy, valuer) for trade in trades]
            advance(1)
    outcomes = found.pop(plan.name)
    table = trades_frame(outcomes)
    for name, others in found.items():
        table[f"{name.replace(' ', '_')}_r"] = [net_r(outcome) for outcome in others]
    with progress.stage("confidence intervals", 1):
        summary = _summary(plan, outcomes, found, settings.intervals)
    summary |= {"ladder": ladder.name, "ladder_hash": ladder_fingerprint(ladder), "quotes": market.quotes.name}
    summary |= {"n_greeks_unknown": valuer.n_unknown, "notes": list(notes), "options": _plain(settings)}
    return OptionsResult(ladder, fills_frame(outcomes), table, summary)


def _plain(settings: Settings) -> dict[str, Any]:
    return settings.to_mapping()["options"]


def _summary(
    plan: OptionPlan, outcomes: Sequence[Outcome], others: dict[str, list[Outcome]], intervals: Intervals
) -> dict[str, Any]:
    table = trades_frame(outcomes)
    status = table["status"]
    beside = {name: _beside(outcomes, them, intervals) for name, them in others.items()}
    against = _compared(outcomes, others[HOLD], intervals)
    said = verdict(against, plan.name, HOLD)
    flags = {flag: int(table[flag].sum()) for flag in FLAGS}
    return {
        "n_trades": len(outcomes),
        "n_closed": int((status == "closed").sum()),
        "n_open": int((status == "open").sum()),
        "n_skipped": int((status == "skipped").sum()),
        "skipped": _reasons(outcomes),
        "expectancy_r": _mean(outcomes, intervals),
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


def _reasons(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return how many trades were skipped for each reason, without what differs between them."""
    found: dict[str, int] = {}
    for outcome in outcomes:
        if outcome.status == "skipped":
            reason = next((text for start, text in _KINDS.items() if outcome.reason.startswith(start)), outcome.reason)
            found[reason] = found.get(reason, 0) + 1
    return found


def _times(outcomes: Sequence[Outcome]) -> np.ndarray:
    return np.array([o.entry_time if o.entry_time != NO_TIME else o.trade.entry_time for o in outcomes], dtype=np.int64)


def _mean(outcomes: Sequence[Outcome], intervals: Intervals) -> dict[str, float | None]:
    found = mean_interval([net_r(o) for o in outcomes], time=_times(outcomes), intervals=intervals)
    values = {"value": found.value, "low": found.low, "high": found.high}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def _compared(ours: Sequence[Outcome], theirs: Sequence[Outcome], intervals: Intervals) -> Comparison:
    ends = [max(_end(one), _end(other)) for one, other in zip(ours, theirs, strict=True)]
    return compare_r(
        [net_r(outcome) for outcome in ours],
        [net_r(outcome) for outcome in theirs],
        time=_times(ours),
        until=np.array(ends, dtype=np.int64),
        is_open=tuple([outcome.status == "open" for outcome in them] for them in (ours, theirs)),  # type: ignore[arg-type]
        intervals=intervals,
    )


def _end(outcome: Outcome) -> int:
    fills = [] if outcome.position is None else outcome.position.fills
    return fills[-1].time if fills else outcome.trade.contract.expiry


def _beside(ours: Sequence[Outcome], theirs: Sequence[Outcome], intervals: Intervals) -> dict[str, Any]:
    """Return the expectancy of another exit, and by how much the plan differs from it."""
    found = _compared(ours, theirs, intervals).to_mapping()
    return {
        "expectancy_r": _mean(theirs, intervals),
        "difference_r": {"value": found["difference_r"], "low": found["low"], "high": found["high"]},
    }
