"""A comparison of runs, paired by trade."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.errors import InputFileError, TradesError
from exitladder.measures.exposure import exposure, plain_exposure
from exitladder.measures.price_of_gain import price_of_gain
from exitladder.pipelines.inputs.usable_trades import BEFORE_COSTS
from exitladder.pipelines.run_terms import check_same_trades, costs_of_run, is_before_costs, terms_that_differ
from exitladder.pipelines.tracking.runs import run_artifact
from exitladder.pipelines.tracking.saved_files import files_of_run, read_saved_table
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.tuning.samples.labels import (
    IN_SAMPLE,
    MIXED,
    OUT_OF_SAMPLE,
    WALK_FORWARD_COMMAND,
    SampleCounts,
)
from exitladder.plans.costs import Costs
from exitladder.plans.file import read_ladder
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison, compare_r, holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import nanoseconds
from exitladder.statistics.verdict import open_trades, verdict


def compare(sources: list[str], settings: Settings) -> dict[str, Any]:
    """Compare every later source with the first, paired by trade.

    Only trades that are out of sample for both runs count: a ladder is not compared on the trades it was tuned on.

    Parameters
    ----------
    sources : list of str
        Run ids, folders written by ``exitladder backtest``, or ``trades.csv`` files.
    settings : Settings

    Returns
    -------
    dict
        ``baseline``, ``sources`` (sample, metrics, time and capital of each) and ``pairs``: difference_r (later minus
        first), interval, p_value, p_adjusted (Holm), detectable_r (minimum detectable difference), verdict,
        verdict_text, n_trades, sample, n_in_sample, n_mixed, n_out_of_sample, difference_seen_r (the difference on
        the other trades, which is no evidence), open_trades (the trades still open in one of the runs, and the result
        without them; None if there are none), terms_differ (a sentence for each of costs, entry price, quantity and
        risk that differs between the runs; verdict_text has them too). Without a trade out of sample, there is no
        verdict, and verdict_text names the command that gives one.

    Raises
    ------
    TradesError
        If fewer than two sources are given, a pair shares no trade, or an id stands for two trades.
    """
    if len(sources) < 2:
        raise TradesError(f"A comparison needs at least two runs, but only {len(sources)} is given.")
    tracker = Tracker.from_settings(settings)
    tables = {name: _trades_of(name, tracker) for name in dict.fromkeys(sources)}
    if len(tables) < 2:
        raise TradesError(f"A comparison needs two different runs, but '{sources[0]}' is given twice.")
    first, *others = tables
    exposures = {name: _exposure(name, table, tracker) for name, table in tables.items()}
    costs = {name: costs_of_run(_path_of(name, tracker).parent) for name in tables}
    pairs = [_paired(tables, (first, other), (costs[first], costs[other]), settings.intervals) for other in others]
    if all(is_before_costs(_path_of(name, tracker).parent) for name in tables):
        for pair in pairs:
            pair["before_costs"] = [BEFORE_COSTS]
    adjusted = holm([pair["found"].p_value for pair in pairs])
    return {
        "baseline": first,
        "sources": {name: _metrics(table) | exposures[name] for name, table in tables.items()},
        "pairs": [
            _result(pair, float(p), _shared_exposures(pair, tables, exposures, tracker))
            for pair, p in zip(pairs, adjusted, strict=True)
        ],
    }


def _paired(
    tables: dict[str, pd.DataFrame],
    names: tuple[str, str],
    costs: tuple[Costs | None, Costs | None],
    intervals: Intervals,
) -> dict[str, Any]:
    first, other = names
    both = tables[other].merge(tables[first], left_index=True, right_index=True, suffixes=("", "_first"))
    if both.empty:
        raise TradesError(
            f"Runs are compared on shared trades, but '{first}' and '{other}' share no trade_id. "
            "Run them on the same trades file."
        )
    check_same_trades(both, first, other)
    both = both.sort_values("entry_time", kind="stable")
    ours, theirs = both["r"].to_numpy(np.float64), both["r_first"].to_numpy(np.float64)
    # A trade is as little out of sample as the run that has seen more of it.
    labels = np.select(
        [(both[["sample", "sample_first"]] == name).any(axis=1) for name in (IN_SAMPLE, MIXED)],
        [IN_SAMPLE, MIXED],
        OUT_OF_SAMPLE,
    )
    known = labels == OUT_OF_SAMPLE
    is_open = [both[name].to_numpy()[known] == "open" for name in ("status", "status_first")]
    time = nanoseconds(both["entry_time"])
    seen = (ours - theirs)[~known]
    seen = seen[np.isfinite(seen)]
    return {
        "source": other,
        "against": first,
        "found": compare_r(
            ours[known],
            theirs[known],
            time=time[known],
            until=_until(both[known]),
            is_open=(is_open[0], is_open[1]),
            intervals=intervals,
        ),
        "counts": SampleCounts.of(labels),
        "difference_seen_r": float(seen.mean()) if len(seen) else None,
        "terms": terms_that_differ(both, costs, names),
    }


def _until(both: pd.DataFrame) -> IntArray | None:
    """Return when each trade had ended in both runs; None if the files do not say."""
    if not {"exit_time", "exit_time_first"} <= set(both):
        return None
    ends = [pd.to_datetime(both[name], utc=True) for name in ("exit_time", "exit_time_first")]
    # A trade without an exit is still open.
    return np.maximum(*(np.where(end.isna(), np.iinfo(np.int64).max, nanoseconds(end)) for end in ends))


def _result(pair: dict[str, Any], p_adjusted: float, exposures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    found: Comparison = pair["found"]
    counts: SampleCounts = pair["counts"]
    result = {
        "source": pair["source"],
        "against": pair["against"],
        "n_trades": found.n,
        **counts.to_mapping(),
        "difference_r": found.difference_r,
        "interval": [found.low, found.high],
        "p_value": found.p_value,
        "p_adjusted": p_adjusted,
        "detectable_r": None if math.isnan(found.detectable_r) else found.detectable_r,
        "difference_seen_r": pair["difference_seen_r"],
        "terms_differ": pair["terms"],
    }
    if not counts.n_out_of_sample:
        text = f"No verdict: {_seen(counts)} For a verdict on trades that no ladder has seen, compare with the output "
        return result | {
            "verdict": None,
            "verdict_text": f"{text}of: {WALK_FORWARD_COMMAND}.",
            "open_trades": None,
        }
    evaluation = verdict(found, pair["source"], pair["against"], p_adjusted=p_adjusted)
    only = "" if counts.sample == OUT_OF_SAMPLE else f"{_seen(counts)} Only these count. "
    taken = price_of_gain(found.difference_r, exposures[pair["source"]], exposures[pair["against"]])
    return result | {
        "open_trades": open_trades(found, evaluation),
        "verdict": evaluation.kind,
        "verdict_text": " ".join([only + evaluation.text, *pair["terms"], *taken, *pair.get("before_costs", [])]),
    }


def _seen(counts: SampleCounts) -> str:
    return counts.text.replace("The ladder was tuned", "A ladder of this pair was tuned", 1)


def _path_of(source: str, tracker: Tracker) -> Path:
    path = Path(source)
    if path.is_dir():
        return path / "trades.csv"
    return path if path.is_file() else run_artifact(source, "trades.csv", tracker.store)


def _shared_exposures(
    pair: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], exposures: Mapping[str, Any], tracker: Tracker
) -> dict[str, dict[str, Any]]:
    """Return the exposure of both runs on the trades that they share: more trades take more capital."""
    names = (pair["source"], pair["against"])
    shared = tables[names[0]].index.intersection(tables[names[1]].index)
    found = {}
    for name in names:
        own = tables[name]
        found[name] = exposures[name] if len(shared) == len(own) else _exposure(name, own.loc[shared], tracker)
        if len(shared) != len(own):
            # the drawdown in the run's summary is that of all its trades
            found[name].pop("max_drawdown_account_r", None)
    return found


def _exposure(source: str, table: pd.DataFrame, tracker: Tracker) -> dict[str, Any]:
    """Return the time and the capital that a run took; empty without its fills."""
    beside = _path_of(source, tracker).parent
    if not (beside / "fills.csv").is_file():
        return {}
    with files_of_run(beside):
        return _exposure_of(table, beside)


def _exposure_of(table: pd.DataFrame, beside: Path) -> dict[str, Any]:
    fills = read_saved_table(beside / "fills.csv", {"trade_id": str})
    fills = fills[fills["trade_id"].isin(table.index)]
    ladder = beside / "ladder.toml"
    leverage = read_ladder(ladder).execution.leverage if ladder.is_file() else 0.0
    found = plain_exposure(exposure(table.reset_index(), fills, leverage=leverage))
    # The tables hold no prices between fills; the run's summary has the drawdown at every close, from version 0.2 on.
    summary = beside / "summary.json"
    known = json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else {}
    return found | {"max_drawdown_account_r": known.get("max_drawdown_account_r")}


def _trades_of(source: str, tracker: Tracker) -> pd.DataFrame:
    path = _path_of(source, tracker)
    if not path.is_file():
        raise InputFileError(f"'{source}' holds no trades.csv; give a backtest's folder or run id.")
    table = read_saved_table(path, {"trade_id": str, "symbol": str})
    missing = {"trade_id", "entry_time", "r", "status"} - set(table)
    if missing:
        raise InputFileError(f"'{path}' must be the trades.csv of a backtest, but has no column {sorted(missing)[0]}.")
    try:
        table["entry_time"] = pd.to_datetime(table["entry_time"], utc=True)
    except (ValueError, TypeError, OverflowError) as cause:
        raise InputFileError(f"entry_time must be stamps, but is not in '{path}': {cause}. Copy it again.") from cause
    if table["trade_id"].isna().any() or table["trade_id"].duplicated().any() or np.isinf(table["r"]).any():
        raise InputFileError(
            f"Each trade must come once, with a finite r or none, but one in '{path}' does not. Copy it from its run "
            "again, or run the backtest again."
        )
    # Only ladders that were tuned have seen trades; see `exitladder.pipelines.backtest`.
    if "sample" not in table:
        table["sample"] = OUT_OF_SAMPLE
    return table.set_index("trade_id")


def _metrics(table: pd.DataFrame) -> dict[str, Any]:
    r = table["r"].dropna().to_numpy(np.float64)
    counts = table["status"].value_counts()
    return {
        **SampleCounts.of(table["sample"]).to_mapping(),
        "n_trades": len(table),
        "n_open": int(counts.get("open", 0)),
        "n_skipped": int(counts.get("skipped", 0)),
        "expectancy_r": float(r.mean()) if len(r) else None,
        "win_rate": float((r > 0).mean()) if len(r) else None,
        "sd_r": float(r.std(ddof=1)) if len(r) > 1 else None,
        "total_r": float(r.sum()),
    }
