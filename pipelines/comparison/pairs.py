"""Two runs paired by trade: the same entries under both exits, on trades that no ladder was tuned on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, IntArray
from exitladder.errors import TradesError
from exitladder.measures.price_of_gain import price_of_gain
from exitladder.pipelines.comparison.books import NO_VERDICT
from exitladder.pipelines.comparison.outcomes import money_of_r
from exitladder.pipelines.comparison.sources import Source
from exitladder.pipelines.inputs.usable_trades import BEFORE_COSTS
from exitladder.pipelines.run_terms import check_same_trades, unlike_terms
from exitladder.pipelines.tuning.samples.labels import (
    IN_SAMPLE,
    MIXED,
    OUT_OF_SAMPLE,
    WALK_FORWARD_COMMAND,
    SampleCounts,
)
from exitladder.statistics.comparison import Comparison, compare_r
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import nanoseconds
from exitladder.statistics.verdict import open_trades, verdict

ALLOW = "--allow-differences"


@dataclass(frozen=True)
class Pair:
    """A later source against the first.

    Parameters
    ----------
    other, first : Source
    both : DataFrame
        Shared trades by trade_id, in order of entry; the columns of the first source end in ``_first``.
    known : bool array, shape (n_shared,)
        Trades out of sample for both.
    found : Comparison
        On these.
    counts : SampleCounts
    difference_seen_r : float or None
        Mean difference on the other trades.
    terms : list of str
        What differs beside the exits.
    """

    other: Source
    first: Source
    both: pd.DataFrame
    known: BoolArray
    found: Comparison
    counts: SampleCounts
    difference_seen_r: float | None
    terms: list[str]

    @property
    def ids(self) -> pd.Index:
        """Ids of the trades that count: out of sample and with a result under both, in order of entry."""
        has_result = np.isfinite(self.both["r"].to_numpy(np.float64) - self.both["r_first"].to_numpy(np.float64))
        found: pd.Index = self.both.index[self.known & has_result]
        return found


def paired(other: Source, first: Source, intervals: Intervals, *, allows_differences: bool = False) -> Pair:
    """Return two sources paired by trade_id.

    Parameters
    ----------
    other, first : Source
    intervals : Intervals
    allows_differences : bool
        Whether other costs, bars, accounts, entry prices or risk are only named.

    Returns
    -------
    Pair

    Raises
    ------
    TradesError
        If they share no trade, an id stands for two trades, or more than the exits differs.
    """
    both = other.trades.merge(first.trades, left_index=True, right_index=True, suffixes=("", "_first"))
    if both.empty:
        raise TradesError(
            f"Runs are compared on shared trades, but '{first.name}' and '{other.name}' share no trade_id. "
            "Run them on the same trades file."
        )
    check_same_trades(both, first.name, other.name)
    names = (first.name, other.name)
    barring, terms = unlike_terms(both, (first.costs, other.costs), (first.terms, other.terms), names)
    if barring and not allows_differences:
        raise TradesError(
            f"Runs are compared on the same entries, costs, bars and account. {' '.join(barring)} To compare them all "
            f"the same, with this in the verdict: {ALLOW}."
        )
    both = both.sort_values("entry_time", kind="stable")
    ours, theirs = both["r"].to_numpy(np.float64), both["r_first"].to_numpy(np.float64)
    # A trade is as little out of sample as the run that has seen more of it.
    labels = np.select(
        [(both[["sample", "sample_first"]] == name).any(axis=1) for name in (IN_SAMPLE, MIXED)],
        [IN_SAMPLE, MIXED],
        OUT_OF_SAMPLE,
    )
    known = np.asarray(labels == OUT_OF_SAMPLE)
    is_open = [both[name].to_numpy()[known] == "open" for name in ("status", "status_first")]
    seen = (ours - theirs)[~known]
    seen = seen[np.isfinite(seen)]
    found = compare_r(
        ours[known],
        theirs[known],
        time=nanoseconds(both["entry_time"])[known],
        until=_until(both[known]),
        is_open=(is_open[0], is_open[1]),
        intervals=intervals,
    )
    seen_r = float(seen.mean()) if len(seen) else None
    return Pair(other, first, both, known, found, SampleCounts.of(labels), seen_r, [*barring, *terms])


def _until(both: pd.DataFrame) -> IntArray | None:
    """Return when each trade had ended in both runs; None if the files do not say."""
    if not {"exit_time", "exit_time_first"} <= set(both):
        return None
    ends = [pd.to_datetime(both[name], utc=True) for name in ("exit_time", "exit_time_first")]
    # A trade without an exit is still open.
    return np.maximum(*(np.where(end.isna(), np.iinfo(np.int64).max, nanoseconds(end)) for end in ends))


def verdict_of(pair: Pair, p_adjusted: float, *, before_costs: bool) -> dict[str, Any]:
    """Return the result of a pair: counts, difference with interval, and the verdict.

    Parameters
    ----------
    pair : Pair
    p_adjusted : float
        Of the difference, adjusted for the number of pairs.
    before_costs : bool
        Whether all sources are before costs.

    Returns
    -------
    dict
    """
    found, counts = pair.found, pair.counts
    ours, theirs = pair.other.name, pair.first.name
    result = {
        "source": ours,
        "against": theirs,
        "n_trades": found.n,
        "n_not_shared": len(pair.other.trades) + len(pair.first.trades) - 2 * len(pair.both),
        **counts.to_mapping(),
        "difference_r": found.difference_r,
        "interval": [found.low, found.high],
        "p_value": found.p_value,
        "p_adjusted": p_adjusted,
        "detectable_r": None if math.isnan(found.detectable_r) else found.detectable_r,
        "difference_seen_r": pair.difference_seen_r,
        "terms_differ": pair.terms,
    }
    if not counts.n_out_of_sample:
        text = f"No verdict: {_seen(counts)} For a verdict on trades that no ladder has seen, compare with the output "
        return result | {
            "verdict": None,
            "verdict_text": f"{text}of: {WALK_FORWARD_COMMAND}.",
            "open_trades": None,
        }
    if any(side.book is not None and side.book.has_target for side in (pair.other, pair.first)):
        return result | {"verdict": None, "verdict_text": NO_VERDICT, "open_trades": None}
    money = _in_money(pair)
    evaluation = verdict(found, ours, theirs, p_adjusted=p_adjusted)
    only = "" if counts.sample == OUT_OF_SAMPLE else f"{_seen(counts)} Only these count. "
    taken = price_of_gain(found.difference_r, *_shared_exposures(pair))
    free = [BEFORE_COSTS] if before_costs else []
    return result | {
        "open_trades": open_trades(found, evaluation),
        "verdict": evaluation.kind,
        "verdict_text": " ".join(
            [only + evaluation.text, *pair.terms, *([money["text"]] if money else []), *taken, *free]
        ),
        **({"money": money} if money else {}),
    }


def _in_money(pair: Pair) -> dict[str, Any] | None:
    """Return the planned risk and the profit per trade in money, if a plan makes r = 1 other money in the two.

    Parameters
    ----------
    pair : Pair

    Returns
    -------
    dict or None
        ``planned_risk`` and ``profit`` (candidate and baseline, means per trade; profit also difference) and ``text``.
    """
    sides = [side.trades.loc[pair.ids] for side in (pair.other, pair.first)]
    needed = {"risk", "quantity", "entry_price"}
    if not any("planned_risk" in side for side in sides) or not all(needed <= set(side) for side in sides):
        return None
    units = [money_of_r(side) for side in sides]
    if not len(units[0]) or np.allclose(units[0], units[1], rtol=1e-9, equal_nan=True):
        return None
    profits = [side["r"].to_numpy(np.float64) * unit for side, unit in zip(sides, units, strict=True)]
    risk = [float(np.nanmean(unit)) for unit in units]
    profit = [float(np.nanmean(values)) for values in profits]
    text = (
        f"R divides by the planned risk of each trade, on average {risk[0]:,.2f} in '{pair.other.name}' and "
        f"{risk[1]:,.2f} in '{pair.first.name}': equal R means equal profit for the money at risk. Profit per trade in "
        f"money: {profit[0]:+,.2f} and {profit[1]:+,.2f}."
    )
    return {
        "planned_risk": {"candidate": risk[0], "baseline": risk[1]},
        "profit": {"candidate": profit[0], "baseline": profit[1], "difference": profit[0] - profit[1]},
        "text": text,
    }


def _shared_exposures(pair: Pair) -> list[Mapping[str, Any]]:
    """Return the exposure of both sources on the trades that they share: more trades take more capital."""
    shared = pair.both.index
    sides = (pair.other, pair.first)
    return [side.exposure(None if len(shared) == len(side.trades) else shared) for side in sides]


def _seen(counts: SampleCounts) -> str:
    return counts.text.replace("The ladder was tuned", "A ladder of this pair was tuned", 1)
