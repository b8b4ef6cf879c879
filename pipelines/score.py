"""Advice on each open trade for the next bar, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError, OutputFileError, TradesError
from exitladder.files.output import csv_text, write_json, write_table, write_text
from exitladder.models.answer_drift import NO_ANSWERS, AnswerDrift
from exitladder.pipelines.advice.advice import ACTIONS, HOLD
from exitladder.pipelines.advice.drift import drift_notice, drift_now
from exitladder.pipelines.advice.open_trades import (
    advice_job,
    entered_after,
    flat_scores,
    open_trades,
    score_open,
    unscored,
)
from exitladder.pipelines.inputs.predictions import MODEL_SERIES
from exitladder.pipelines.training.answers import answers_now, log_answers
from exitladder.plans.ladder import Ladder
from exitladder.plans.provenance import TunedOn
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.session_dates import on_session_dates
from exitladder.trades.targets import check_price_targets
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
        That warning, and one if the model's probabilities no longer agree with outcomes; empty if nothing has moved.
    verdict : str
        The verdict of the ladder's tuning; empty for a ladder that was not tuned.
    answers : AnswerDrift
        The model's probabilities against the outcomes since its training; see `watch_answers`.
    """

    run_id: str
    frame: pd.DataFrame
    drift: pd.DataFrame
    notice: str
    verdict: str = ""
    answers: AnswerDrift = NO_ANSWERS


def score(
    bars: BarSet,
    trades: Trades,
    ladder: Ladder,
    model: str | None,
    settings: Settings,
    *,
    asof: int | None = None,
    finer: BarSet | None = None,
    progress: Progress = SILENT,
) -> ScoreResult:
    """Return advice on each open trade for the bar after `asof`.

    If the ladder stands for the user's own exits (``choice = "own_exits"`` in its ``[tuned]`` table), there are no
    orders, and the reason says why.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        Closed ones serve to measure drift.
    ladder : Ladder
    model : str or None
        A REF: run id, ``models:/NAME/VERSION``, ``models:/NAME@alias`` or a model folder. None only for a ladder that
        does not read the model: there are then no predictions and no drift.
    settings : Settings
    asof : int, optional
        Nanoseconds since 1970 UTC; only bars closed by then are used, and trades entered later or ended before are
        left out. All bars by default.
    finer : BarSet, optional
        Bars of a shorter interval, needed if the ladder's policy is ``finer_bars``.
    progress : Progress

    Returns
    -------
    ScoreResult

    Raises
    ------
    TradesError
        If no trade is open.
    LadderError
        If the ladder walks finer bars and none are given, or reads the model and there is none.
    TrackingError
        If there is no such model.
    FeatureError
        If the model's features cannot be computed on these bars as they were in its training.
    """
    trades = on_session_dates(trades, bars, settings.data.tz, settings.symbols)
    if ladder.execution.intrabar == "finer_bars" and finer is None:
        raise LadderError(
            'A ladder with execution.intrabar = "finer_bars" is followed on bars of a shorter interval, but none are '
            "given. Name them with --finer-bars, or set another policy."
        )
    read = sorted(set(ladder.series) & set(MODEL_SERIES))
    if model is None and read:
        known = ladder.tuned.model if ladder.tuned is not None and ladder.tuned.model else "REF"
        raise LadderError(
            f"A ladder that reads the model needs one, but '{ladder.name}' reads {' and '.join(read)} and no model is "
            f"given. Name it with --model {known}."
        )
    seen = bars if asof is None else bars.until(asof)
    if finer is not None and asof is not None:
        finer = finer.until(asof)
    everyone = open_trades(trades, asof)
    check_price_targets(ladder, everyone)
    still_open, waiting = _entered_on_bars(everyone, seen)
    job = advice_job(seen, still_open, settings, model, progress, ladder)
    with job.run("score", ladder) as run:
        with progress.stage("scoring open trades", 1):
            frame = score_open(job, ladder, finer)
        if len(waiting):
            frame = pd.concat([frame, unscored(waiting, seen)], ignore_index=True)
        with progress.stage("drift", 2) as advance:
            drift = drift_now(seen, trades, still_open.symbol, job.model, job.settings)
            advance(1)
            answers = log_answers(run, answers_now(seen, trades, job.model, job.settings))
            advance(1)
        notice = " ".join(filter(None, [drift_notice(drift, len(set(still_open.symbol))), answers.warning]))
        if notice:
            frame["warnings"] = [[*warnings, notice] for warnings in frame["warnings"]]
        if ladder.tuned is not None and ladder.tuned.choice == "own_exits":
            frame = without_orders(frame, everyone, ladder.tuned)
        run.log_metrics({"n_open": len(frame), **{f"n_{a}": int((frame["action"] == a).sum()) for a in ACTIONS}})
        run.log_metrics({"n_moved": int(drift["has_moved"].sum())})
        run.log_artifact(csv_text(flat_scores(frame)), "scores.csv")
        run.log_artifact(csv_text(drift), "drift.csv")
    return ScoreResult(run.run_id, frame, drift, notice, tuning_verdict(ladder), answers)


def _entered_on_bars(trades: Trades, bars: BarSet) -> tuple[Trades, Trades]:
    """Return the trades entered by the last closed bar of their symbol, and the later ones."""
    too_late = entered_after(trades, bars)
    if too_late.all():
        raise TradesError(
            f"At least one open trade must have been entered by the last closed bar, but all {len(trades)} were "
            f"entered later, such as '{trades.trade_id[0]}'. Load newer bars."
        )
    return trades.take(~too_late), trades.take(too_late)


def tuning_verdict(ladder: Ladder) -> str:
    """Return the verdict of the tuning that made a ladder, as one line; empty for a ladder that was not tuned."""
    if ladder.tuned is None:
        return ""
    kind = ladder.tuned.verdict.replace("_", " ")
    return f"'{ladder.name}' was tuned on data until {ladder.tuned.last_time[:10]}; verdict of the tuning: {kind}. " + (
        ladder.tuned.verdict_text
    )


def without_orders(frame: pd.DataFrame, trades: Trades, tuned: TunedOn) -> pd.DataFrame:
    """Return the scores with no orders: the trades are closed by the user's own exits.

    Parameters
    ----------
    frame : DataFrame
    trades : Trades
        The open ones; their own stop is shown.
    tuned : TunedOn

    Returns
    -------
    DataFrame
        A row per open trade, as in `frame`.
    """
    reason = f"No orders: your own exits close this trade. {tuned.verdict_text}".strip()
    stops = dict(zip(map(str, trades.trade_id), trades.stop_price, strict=True))
    index = frame.index
    return frame.assign(
        action=HOLD,
        action_quantity=0.0,
        stop_price=[float(stops[trade_id]) for trade_id in frame["trade_id"]],
        orders=pd.Series([[] for _ in index], index=index, dtype=object),
        reasons=pd.Series([[reason] for _ in index], index=index, dtype=object),
    )


def write_scores(frame: pd.DataFrame, path: Path, verdict: str = "") -> None:
    """Write the scores as .csv, .json or .html, by the file's ending; a page also shows the verdict of the tuning.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    verdict : str

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

        write_text(score_page(frame, verdict), path)
    else:
        raise OutputFileError(f"Scores are written as .csv, .json or .html, but the file is '{path}'.")
