"""A comparison of runs, paired by trade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.errors import InputFileError, TradesError
from exitladder.pipelines.tracking.runs import run_artifact
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison, compare_r, holm
from exitladder.statistics.verdict import verdict


def compare(sources: list[str], settings: Settings) -> dict[str, Any]:
    """Compare every later source with the first, paired by trade.

    Parameters
    ----------
    sources : list of str
        Run ids, folders written by ``exitladder backtest``, or ``trades.csv`` files.
    settings : Settings

    Returns
    -------
    dict
        ``baseline``, ``sources`` (metrics of each) and ``pairs``: difference_r (later minus first),
        interval, p_value, p_adjusted (Holm), verdict, verdict_text, n_trades.

    Raises
    ------
    TradesError
        If fewer than two sources are given or a pair shares no trade.
    """
    if len(sources) < 2:
        raise TradesError(f"A comparison needs at least two runs, but only {len(sources)} is given.")
    tracker = Tracker.from_settings(settings)
    tables = {name: _trades_of(name, tracker) for name in dict.fromkeys(sources)}
    if len(tables) < 2:
        raise TradesError(f"A comparison needs two different runs, but '{sources[0]}' is given twice.")
    first, *others = tables
    pairs: list[dict[str, Any]] = []
    for other in others:
        both = tables[other].merge(tables[first], left_index=True, right_index=True, suffixes=("", "_first"))
        if both.empty:
            raise TradesError(
                f"Runs are compared on shared trades, but '{first}' and '{other}' share no trade_id. "
                "Run them on the same trades file."
            )
        both = both.sort_values("entry_time", kind="stable")
        found = compare_r(
            both["r"].to_numpy(np.float64),
            both["r_first"].to_numpy(np.float64),
            time=_nanoseconds(both["entry_time"]),
            intervals=settings.intervals,
        )
        pairs.append({"source": other, "against": first, "n_trades": found.n, "found": found})
    adjusted = holm([pair["found"].p_value for pair in pairs])
    return {
        "baseline": first,
        "sources": {name: _metrics(table) for name, table in tables.items()},
        "pairs": [_result(pair, float(p)) for pair, p in zip(pairs, adjusted, strict=True)],
    }


def _result(pair: dict[str, Any], p_adjusted: float) -> dict[str, Any]:
    found: Comparison = pair.pop("found")
    evaluation = verdict(found, pair["source"], pair["against"], p_adjusted=p_adjusted)
    return {
        **pair,
        "difference_r": found.difference_r,
        "interval": [found.low, found.high],
        "p_value": found.p_value,
        "p_adjusted": p_adjusted,
        "verdict": evaluation.kind,
        "verdict_text": evaluation.text,
    }


def _nanoseconds(stamps: pd.Series) -> Any:
    return pd.DatetimeIndex(stamps).as_unit("ns").asi8


def _trades_of(source: str, tracker: Tracker) -> pd.DataFrame:
    path = Path(source)
    if path.is_dir():
        path = path / "trades.csv"
    elif not path.is_file():
        path = run_artifact(source, "trades.csv", tracker.store)
    if not path.is_file():
        raise InputFileError(f"'{source}' holds no trades.csv; give a backtest's folder or run id.")
    table = pd.read_csv(path, dtype={"trade_id": str, "symbol": str})
    missing = {"trade_id", "entry_time", "r", "status"} - set(table)
    if missing:
        raise InputFileError(f"'{path}' must be the trades.csv of a backtest, but has no column {sorted(missing)[0]}.")
    table["entry_time"] = pd.to_datetime(table["entry_time"], utc=True)
    return table.set_index("trade_id")


def _metrics(table: pd.DataFrame) -> dict[str, Any]:
    r = table["r"].dropna().to_numpy(np.float64)
    counts = table["status"].value_counts()
    return {
        "n_trades": len(table),
        "n_open": int(counts.get("open", 0)),
        "n_skipped": int(counts.get("skipped", 0)),
        "expectancy_r": float(r.mean()) if len(r) else None,
        "win_rate": float((r > 0).mean()) if len(r) else None,
        "sd_r": float(r.std(ddof=1)) if len(r) > 1 else None,
        "total_r": float(r.sum()),
    }
