"""``exitladder tune``: a ladder tuned walk-forward, its worth on trades it had not seen, written and tracked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exitladder.bars.bars import BarSet
from exitladder.files.output import Content, write_folder
from exitladder.models.exhaustion.file import load_model
from exitladder.pipelines.inputs.predictions import predict_rows, with_features_of
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.plots.pictures import diagnostic_pictures, tuned_pictures
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.tuning.backend import search_backend
from exitladder.pipelines.tuning.tuned import Tuned, tune_ladder
from exitladder.plans.file import ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@dataclass(frozen=True)
class TuneResult:
    """What ``exitladder tune`` found, and its run."""

    run_id: str
    tuned: Tuned

    def to_mapping(self) -> dict[str, Any]:
        """Return what the command prints."""
        return {"run_id": self.run_id, **self.tuned.to_mapping()}


def tune(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    model: str | None = None,
    ladder: Ladder | None = None,
    fresh: bool = False,
    out: Path,
    progress: Progress = SILENT,
) -> TuneResult:
    """Tune a ladder on the user's trades, write ``ladder.toml`` and track the run.

    Studies are kept (``tuning.storage``): the same tuning, interrupted, goes on where it was; finished, its
    candidates are read and not looked at again.

    Parameters
    ----------
    model : str, optional
        A REF: run id, ``models:/NAME/VERSION``, ``models:/NAME@alias`` or a model folder.
    ladder : Ladder, optional
        The user's own, to start from and to be judged against.
    fresh : bool
        Delete what is kept of these studies, and begin anew.
    out : Path
        Folder for ``ladder.toml``, ``trials.csv``, ``folds.csv``, ``net_r.csv`` and ``tune.json``, and what the ladder
        is like: ``importance.csv``, ``slices.csv``, ``stability.csv`` and ``front.csv``.
    """
    tracker = Tracker.from_settings(settings)
    learnt = load_model(resolve_model(model, tracker.store)) if model else None
    if learnt is not None:
        settings = with_features_of(learnt, settings, bars)
    prepared = prepare(bars, trades, settings)
    with tracker.run("tune", bars=bars, trades=trades, settings=settings) as run:
        predictions = predict_rows(prepared, learnt, progress) if learnt else None
        with search_backend(settings, fresh=fresh) as backend:
            tuned = tune_ladder(
                prepared, settings, predictions=predictions, own_ladder=ladder, backend=backend, progress=progress
            )
        log_tuned(run, tuned)
        write_folder(out, tuned_files(tuned))
    return TuneResult(run_id=run.run_id, tuned=tuned)


def tuned_files(tuned: Tuned) -> dict[str, Content]:
    """Return what is written of a tuned ladder, by file name."""
    return {
        "ladder.toml": ladder_to_toml(tuned.ladder),
        "trials.csv": tuned.choice.trials_frame(),
        "folds.csv": tuned.folds_frame(),
        "net_r.csv": tuned.results_frame(),
        "importance.csv": tuned.diagnostics.importance,
        "slices.csv": tuned.diagnostics.slices,
        "stability.csv": tuned.diagnostics.stability,
        "front.csv": tuned.diagnostics.front,
        "tune.json": tuned.to_mapping(),
    }


def log_tuned(run: TrackedRun, tuned: Tuned) -> None:
    """Keep what the search found, how it was judged, and the pictures, with the run."""
    described = tuned.to_mapping()
    run.describe(f"**{described['verdict'].replace('_', ' ')}** — {described['verdict_text']}")
    run.log_metrics({k: v for k, v in described.items() if isinstance(v, (int, float))})
    run.log_metrics({"low": described["interval"][0], "high": described["interval"][1]})
    for row in described["policies"]:
        run.log_metrics({f"{row['policy']}.{name}": row[name] for name in ("expectancy_r", "win_rate", "cvar_r")})
    for row in described["folds"]:
        kept = ("n_test", "tuned_r", "baseline_r", "difference_r")
        run.log_metrics({f"fold {row['fold']}.{name}": row[name] for name in kept})
    for row in described["continuous"]:
        run.log_metrics({f"{row['policy']}.account.{k}": v for k, v in row.items() if k not in ("policy", "n_days")})
    of_ladder = {f"ladder.{k}": v for k, v in described["portrait"].items() if isinstance(v, (int, float))}
    run.log_metrics({k: v for k, v in of_ladder.items() if math.isfinite(v)})
    run.log_tags({"verdict": described["verdict"], "baseline": described["baseline"]})
    run.log_files(tuned_files(tuned))
    for picture in (*tuned_pictures(tuned), *diagnostic_pictures(tuned.diagnostics)):
        run.log_artifact(picture.image, f"pictures/{picture.kind}.svg")
