"""Runs, ladders and own exits compared with the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from exitladder.clock import DAY_NS
from exitladder.measures.price_of_gain import DRAWDOWNS
from exitladder.pipelines.comparison.account import Account, compare_accounts, limits_for
from exitladder.pipelines.comparison.books import compare_books
from exitladder.pipelines.comparison.groups import decisive_trades, groups_of
from exitladder.pipelines.comparison.options import too_few
from exitladder.pipelines.comparison.outcomes import bookings, calendar, outcomes
from exitladder.pipelines.comparison.pairs import Pair, paired, verdict_of
from exitladder.pipelines.comparison.sources import Source
from exitladder.pipelines.tuning.samples.labels import OUT_OF_SAMPLE, SampleCounts
from exitladder.runtime.progress import Progress
from exitladder.settings.tables import AccountSettings, Settings
from exitladder.statistics.bootstrap import shared_draws
from exitladder.statistics.comparison import Comparison, compare_r, holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import MIN_TRADES, nanoseconds
from exitladder.statistics.paired_days.measures import compare_groups, compare_measures, resampled_days
from exitladder.statistics.spa import N_BOOTSTRAP, superior_ability

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet

# what each drawdown is, by its key
_DRAWDOWNS = {
    "sources.max_drawdown_account_r": DRAWDOWNS["max_drawdown_account_r"],
    "pairs.measures.max_drawdown_r": "entry-locked drawdown: every trade of both runs, booked with each fill",
    "pairs.account.measures.max_drawdown_r": "drawdown booked with each fill, of the account with limited capital",
}


def compare_sources(
    sources: Sequence[Source],
    settings: Settings,
    *,
    bars: BarSet | None = None,
    allows_differences: bool = False,
    of_options: bool = False,
    progress: Progress,
) -> dict[str, Any]:
    """Return every later source compared with the first; see `exitladder.pipelines.compare.compare`.

    Parameters
    ----------
    sources : sequence of Source
        At least two.
    settings : Settings
    bars : BarSet, optional
        For the volatility regimes.
    allows_differences : bool
    of_options : bool
        Whether all are backtests of options: no account at notional value, and no interval on too few days.
    progress : Progress

    Returns
    -------
    dict

    Raises
    ------
    TradesError
        If two of them cannot be compared.
    """
    first, *others = sources
    limits, account_text = limits_for(first, settings.account) if not of_options else (AccountSettings(), "")
    account = None if of_options else Account(limits)
    pairs, details = [], []
    shared = shared_draws() if len(others) > 1 else nullcontext()
    with progress.stage("comparing runs", len(others)) as advance, shared:
        for other in others:
            pair = paired(other, first, settings.intervals, allows_differences=allows_differences)
            pairs.append(pair)
            book = compare_books(other.book, first.book, settings.intervals)
            details.append(_details(pair, account, settings.intervals, bars) | ({"book": book} if book else {}))
            advance(1)
    adjusted = holm([pair.found.p_value for pair in pairs])
    _adjust_measures(details)
    free = all(source.before_costs for source in sources)
    results = [
        verdict_of(pair, float(p), before_costs=free) | more
        for pair, p, more in zip(pairs, adjusted, details, strict=True)
    ]
    if of_options:
        results = [too_few(pair, result) for pair, result in zip(pairs, results, strict=True)]
    return {
        **({"kind": "options"} if of_options else {}),
        "baseline": first.name,
        "sources": {source.name: _metrics(source) | source.exposure() for source in sources},
        "pairs": results,
        "account_limits": {"max_open": limits.max_open, "capital": limits.capital, "text": account_text},
        "stepwise": _stepwise(pairs, settings.intervals),
        "drawdowns": _DRAWDOWNS,
    }


def _details(pair: Pair, account: Account | None, intervals: Intervals, bars: BarSet | None) -> dict[str, Any]:
    """Return the measures of a pair, the account, the groups and the trades that made the difference."""
    ids = pair.ids
    if not len(ids):
        return {"measures": {}, "account": None, "by": {}, "decisive": None}
    sides = (pair.other, pair.first)
    booked = (bookings(pair.other, ids), bookings(pair.first, ids))
    shared = pair.both.loc[ids]
    entered = nanoseconds(shared["entry_time"])
    first, n_days = calendar(entered, booked)
    daily = [one.daily(first, n_days) for one in booked]
    ours, theirs = (outcomes(side, ids, day) for side, day in zip(sides, daily, strict=True))
    day = entered // DAY_NS - first
    difference = ours.r - theirs.r
    days = resampled_days(ours, theirs, day, intervals)
    measures = {name: one.to_mapping() for name, one in compare_measures(ours, theirs, days).items()}
    # One number has one interval: that of the verdict.
    measures["expectancy_r"] |= _interval(pair.found)
    measures = {"expectancy_r": measures.pop("expectancy_r"), **_after_impact(pair, intervals), **measures}
    return {
        "measures": measures,
        "account": None if account is None else compare_accounts(sides, ids, booked, account, intervals),
        "by": compare_groups(difference, groups_of(shared, bars), days),
        "decisive": decisive_trades(shared, difference),
    }


def _interval(found: Comparison) -> dict[str, float | None]:
    values = {"low": found.low, "high": found.high, "p_value": found.p_value, "detectable": found.detectable_r}
    return {name: None if np.isnan(value) else float(value) for name, value in values.items()}


def _after_impact(pair: Pair, intervals: Intervals) -> dict[str, dict[str, Any]]:
    """Return net R less market impact as a measure; empty without one law of both, or where no cost is known."""
    first, other = pair.first, pair.other
    if not first.impact or other.impact != first.impact:
        return {}
    after = [side.trades.loc[pair.ids, "r"] - side.trades.loc[pair.ids, "impact_r"] for side in (other, first)]
    found = compare_r(*after, time=pair.both.loc[pair.ids, "entry_time"], intervals=intervals)
    means = {"candidate": found.candidate_r, "baseline": found.baseline_r, "difference": found.difference_r}
    return {"after_impact_r": means | _interval(found)} if found.n else {}


def _adjust_measures(details: Sequence[dict[str, Any]]) -> None:
    """Add ``p_adjusted`` (Holm) to all measures of all pairs and their books, and to all groups of a grouping."""
    rows = [row for one in details for row in one["measures"].values()]
    rows += [row for one in details if "book" in one for row in one["book"]["measures"].values()]
    families = [rows, *(list(group) for one in details for group in one["by"].values())]
    for family in families:
        p = [np.nan if row["p_value"] is None else row["p_value"] for row in family]
        for row, adjusted in zip(family, holm(p), strict=True):
            row["p_adjusted"] = None if np.isnan(adjusted) else float(adjusted)


def _stepwise(pairs: Sequence[Pair], intervals: Intervals) -> dict[str, Any] | None:
    """Return the test of all later sources against the first on the trades that all share; None for a single pair."""
    if len(pairs) < 2:
        return None
    ids = pairs[0].ids
    for pair in pairs[1:]:
        ids = ids[pair.ids.get_indexer(ids) >= 0]
    if len(ids) < MIN_TRADES:
        return None
    baseline = pairs[0].first.trades.loc[ids]
    found = superior_ability(
        {pair.other.name: pair.other.trades.loc[ids, "r"].to_numpy(np.float64) for pair in pairs},
        baseline["r"].to_numpy(np.float64),
        time=baseline["entry_time"],
        intervals=Intervals(intervals.confidence, min(N_BOOTSTRAP, intervals.n_bootstrap), intervals.seed),
    )
    return {
        "p_value": None if np.isnan(found.p_value) else found.p_value,
        "superior": list(found.superior),
        "n_trades": found.n,
    }


def _metrics(source: Source) -> dict[str, Any]:
    table = source.trades
    r = table["r"].dropna().to_numpy(np.float64)
    counts = table["status"].value_counts()
    sample = table["sample"] if "sample" in table else [OUT_OF_SAMPLE] * len(table)
    return {
        **SampleCounts.of(sample).to_mapping(),
        "n_trades": len(table),
        "n_open": int(counts.get("open", 0)),
        "n_skipped": int(counts.get("skipped", 0)),
        "expectancy_r": float(r.mean()) if len(r) else None,
        "win_rate": float((r > 0).mean()) if len(r) else None,
        "sd_r": float(r.std(ddof=1)) if len(r) > 1 else None,
        "total_r": float(r.sum()),
    }
