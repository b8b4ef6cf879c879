"""Advice on each open trade for the next bar, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError, OutputFileError, TradesError
from exitladder.files.output import write_json, write_table, write_text
from exitladder.pipelines.advice.advice import ACTIONS
from exitladder.pipelines.advice.drift import drift_notice, drift_now
from exitladder.pipelines.advice.open_trades import (
    advice_job,
    entered_after,
    flat_scores,
    open_trades,
    score_open,
    unscored,
)
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@dataclass(frozen=True)
class ScoreResult:
    """The advice on every open trade.

    Parameters
    ----------
    frame : DataFrame
        The columns of `COLUMNS`, one row an open trade; ``orders`` holds lists of dict, ``reasons``
        and ``warnings`` lists of str.
    drift : DataFrame
        The drift of the last bars from the model's training data; see `exitladder.pipelines.advice.drift.drift_now`.
        Features that have moved are named in the warnings of every row.
    notice : str
        That warning; empty if nothing has moved.
    """

    run_id: str
    frame: pd.DataFrame
    drift: pd.DataFrame
    notice: str


def score(
    bars: BarSet,
    trades: Trades,
    ladder: Ladder,
    model: str,
    settings: Settings,
    *,
    asof: int | None = None,
    finer: BarSet | None = None,
    progress: Progress = SILENT,
) -> ScoreResult:
    """Return advice on each open trade for the bar after `asof`.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        Closed ones serve to measure drift.
    ladder : Ladder
    model : str
        A REF: run id, ``models:/NAME/VERSION``, ``models:/NAME@alias`` or a model folder.
    settings : Settings
    asof : int, optional
        Nanoseconds since 1970 UTC; only bars closed by then are used, and trades entered later or ended before are
        left out. All bars by default.
    finer : BarSet, optional
        Bars of a shorter interval, needed if the ladder's policy is ``finer_bars``.
    progress : Progress

    Raises
    ------
    TradesError
        If no trade is open.
    LadderError
        If the ladder walks finer bars and none are given.
    TrackingError
        If there is no such model.
    FeatureError
        If the model's features cannot be computed on these bars as they were in its training.
    """
    if ladder.execution.intrabar == "finer_bars" and finer is None:
        raise LadderError(
            'A ladder with execution.intrabar = "finer_bars" is followed on bars of a shorter interval, but none are '
            "given. Name them with --finer-bars, or set another policy."
        )
    seen = bars if asof is None else bars.until(asof)
    if finer is not None and asof is not None:
        finer = finer.until(asof)
    still_open = open_trades(trades, asof)
    too_late = entered_after(still_open, seen)
    if too_late.all():
        raise TradesError(
            f"At least one open trade must have been entered by the last closed bar, but all {len(still_open)} were "
            f"entered later, such as '{still_open.trade_id[0]}'. Load newer bars."
        )
    waiting, still_open = still_open.take(too_late), still_open.take(~too_late)
    job = advice_job(seen, still_open, settings, model, progress)
    with job.run("score", ladder) as run:
        frame = score_open(job, ladder, finer)
        if len(waiting):
            frame = pd.concat([frame, unscored(waiting, seen)], ignore_index=True)
        with progress.stage("drift", 1) as advance:
            drift = drift_now(seen, trades, still_open.symbol, job.trained_model, job.settings)
            advance(1)
        notice = drift_notice(drift, len(set(still_open.symbol)))
        if notice:
            frame["warnings"] = [[*warnings, notice] for warnings in frame["warnings"]]
        run.log_metrics({"n_open": len(frame), **{f"n_{a}": int((frame["action"] == a).sum()) for a in ACTIONS}})
        run.log_metrics({"n_moved": int(drift["has_moved"].sum())})
        run.log_artifact(flat_scores(frame).to_csv(index=False), "scores.csv")
        run.log_artifact(drift.to_csv(index=False), "drift.csv")
    return ScoreResult(run.run_id, frame, drift, notice)


def write_scores(frame: pd.DataFrame, path: Path) -> None:
    """Write the scores as .csv, .json or .html, by the file's ending.

    Raises
    ------
    OutputFileError
        If the file has another ending or cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        write_table(flat_scores(frame), path)
    elif kind == ".json":
        write_json(frame.to_dict("records"), path)
    elif kind == ".html":
        from exitladder.pipelines.pages.score import score_page

        write_text(score_page(frame), path)
    else:
        raise OutputFileError(f"Scores are written as .csv, .json or .html, but the file is '{path}'.")
