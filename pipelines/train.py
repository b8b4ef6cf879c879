"""``exitladder train``: the exhaustion model, tracked and registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.files.output import csv_text
from exitladder.pipelines.inputs.job import open_job
from exitladder.pipelines.pages.model_card import verdict_of
from exitladder.pipelines.pages.training import training_pages
from exitladder.pipelines.tracking.tracker import check_model_name
from exitladder.pipelines.training.backend import training_backend
from exitladder.pipelines.training.label_comparison import compare_labels
from exitladder.pipelines.training.model import Trained, model_paths, train_model
from exitladder.pipelines.training.record import log_trained, model_name
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@dataclass(frozen=True)
class TrainResult:
    """The trained model, its reference in the registry, its run, and the optional tables."""

    run_id: str
    model: str
    trained: Trained
    labels: pd.DataFrame | None = None
    paths: pd.DataFrame | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that the command prints."""
        summary = {"run_id": self.run_id, "model": self.model, **self.trained.to_mapping()}
        tables = {"labels": self.labels, "paths": self.paths}
        return summary | {name: table.to_dict("records") for name, table in tables.items() if table is not None}


def train(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    with_labels: bool = False,
    with_paths: bool = False,
    progress: Progress = SILENT,
) -> TrainResult:
    """Train the exhaustion model on the user's trades, track the run and register the model.

    Parameters
    ----------
    bars : BarSet
    trades : Trades
        Open ones count as well: labels follow the market, not the trade's own exit.
    settings : Settings
    with_labels : bool
        Also train on every other label and compare the results; this takes about four times as long in addition.
    with_paths : bool
        Also measure over the paths of combinatorial purged cross-validation; this trains fifteen times.
    progress : Progress

    Returns
    -------
    TrainResult

    Raises
    ------
    TradesError
        If there are too few trades, or a trade is outside its bars.
    ModelError
        If the model cannot be trained on these rows.
    TrackingError
        If the model could not be registered under the project's name.
    """
    if settings.tracking.enabled:
        # before hours of training, not after them
        check_model_name(model_name(settings.project))
    with training_backend(settings.model) as backend:
        job = open_job(bars, trades, settings, progress=progress)
        with job.run("train") as run:
            trained = train_model(job.prepared, settings, progress, backend)
            with progress.stage("model card and registry", 2) as advance:
                name, pages = model_name(settings.project), training_pages(trained, settings, run.run_id)
                advance(1)
                reference = log_trained(job.tracker, run, trained, name, pages, verdict_of(trained))
                advance(1)
            labels = compare_labels(job.prepared, settings, progress, backend) if with_labels else None
            paths = model_paths(job.prepared, settings, progress, backend) if with_paths else None
            for name, table in (("labels", labels), ("paths", paths)):
                if table is not None:
                    run.log_artifact(csv_text(table), f"{name}.csv")
    return TrainResult(run.run_id, reference or run.run_id, trained, labels, paths)
