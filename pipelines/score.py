"""What to do about each open trade at the next bar, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import OutputFileError
from exitladder.files.output import write_json, write_table, write_text
from exitladder.models.exhaustion.file import load_model
from exitladder.pipelines.advice.advice import ACTIONS
from exitladder.pipelines.advice.drift import drift_notice, drift_now
from exitladder.pipelines.advice.open_trades import flat_scores, open_trades, score_open
from exitladder.pipelines.inputs.predictions import with_features_of
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
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
        How far the last bars of the symbols scored lie from what the model was trained on; see
        `exitladder.pipelines.advice.drift.drift_now`. What has moved is named in every row's warnings.
    notice : str
        That warning; empty where nothing has moved.
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
    progress: Progress = SILENT,
) -> ScoreResult:
    """Return what to do about each open trade at the bar after `asof`.

    Parameters
    ----------
    model : str
        A REF: run id, ``models:/NAME/VERSION``, ``models:/NAME@alias`` or a model folder.
    asof : int, optional
        Nanoseconds since 1970 UTC; only bars that have closed by then are seen, and trades that
        were entered later or had ended by then are left out. All bars by default.
    """
    tracker = Tracker.from_settings(settings)
    learnt = load_model(resolve_model(model, tracker.store))
    settings = with_features_of(learnt, settings, bars)
    seen = bars if asof is None else bars.until(asof)
    still_open = open_trades(trades, asof)
    check_price_targets(ladder, still_open)
    with tracker.run("score", bars=seen, trades=still_open, settings=settings, ladder=ladder) as run:
        frame = score_open(seen, still_open, ladder, learnt, settings, progress)
        with progress.stage("drift", 1) as advance:
            drift = drift_now(seen, trades, still_open.symbol, learnt, settings)
            advance(1)
        notice = drift_notice(drift, len(set(still_open.symbol)))
        if notice:
            frame["warnings"] = [[*predicted, notice] for predicted in frame["warnings"]]
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
        If the ending is another, or the file cannot be written.
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
