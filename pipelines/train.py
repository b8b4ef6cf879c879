"""``exitladder train``: the exhaustion model, tracked and registered."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning, ModelError
from exitladder.files.output import Content, csv_text
from exitladder.models.estimators.trainer import LIGHTGBM, Estimators
from exitladder.pipelines.inputs.job import open_job
from exitladder.pipelines.inputs.prepare import placed_at_entries
from exitladder.pipelines.pages.model_card import verdict_of
from exitladder.pipelines.pages.training import training_pages
from exitladder.pipelines.tracking.tracker import check_model_name
from exitladder.pipelines.training.backend import training_backend
from exitladder.pipelines.training.label_comparison import compare_labels
from exitladder.pipelines.training.model import Trained, model_paths, train_model
from exitladder.pipelines.training.record import log_trained, model_name
from exitladder.runtime.progress import SILENT, Progress
from exitladder.runtime.shown import Shown
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@dataclass(frozen=True, repr=False)
class TrainResult(Shown):
    """The trained model, its reference in the registry, its run, the optional tables, and the files of its card."""

    run_id: str
    model: str
    trained: Trained
    labels: pd.DataFrame | None = None
    paths: pd.DataFrame | None = None
    pages: Mapping[str, Content] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that the command prints."""
        summary = {"run_id": self.run_id, "model": self.model, **self.trained.to_mapping()}
        tables = {"labels": self.labels, "paths": self.paths}
        return summary | {name: table.to_dict("records") for name, table in tables.items() if table is not None}

    def headline(self) -> str:
        """Return the model's reference and whether it has an edge."""
        return f"{self.model or 'a model that is not recorded (tracking is off)'}. {verdict_of(self.trained)}"

    def to_frame(self) -> pd.DataFrame:
        """Return the measures of the model and of the baselines, one row each."""
        names = ("log_loss", "brier", "auc", "calibration_error", "hold_correlation")
        rows = {"model": self.trained.model.metrics, **self.trained.baselines}
        table = pd.DataFrame([{"predictor": who, **{n: one.get(n) for n in names}} for who, one in rows.items()])
        return table.dropna(axis=1, how="all")


def train(
    bars: BarSet,
    trades: Trades,
    settings: Settings,
    *,
    with_labels: bool = False,
    with_paths: bool = False,
    estimators: Estimators = LIGHTGBM,
    books: tuple[str, ...] = (),
    command: str = "",
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
    estimators : Estimators
        Trained in place of LightGBM; by default those of ``model.estimator`` and ``model.hold_estimator``. A model of
        estimators that cannot be saved without pickle is not registered, and a warning says so before the training.
    books : tuple of str
        Names of the books that `exitladder.pipelines.inputs.books.pooled` put together; none if they are not pooled.
    command : str
        The command line, shown on the model card under how to get the same numbers again.
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
    if books and settings.model.combine != "stack":
        raise ModelError(
            'A pool of books needs a level and calibration for each, which model.combine = "stack" gives, but it is '
            f"{settings.model.combine!r}. Leave the key out."
        )
    with training_backend(settings.model, estimators) as backend:
        reason = backend.estimators.why_not_saved()
        if reason:
            warnings.warn(_not_saved(reason), ExitladderWarning, stacklevel=2)
        job = open_job(bars, placed_at_entries(trades, settings), settings, progress=progress)
        if books:
            job = replace(job, prepared=replace(job.prepared, books=books))
        with job.run("train") as run:
            trained = train_model(job.prepared, settings, progress, backend)
            with progress.stage("model card and registry", 2) as advance:
                name, pages = model_name(settings.project), training_pages(trained, settings, run.run_id, command)
                advance(1)
                reference = log_trained(
                    job.tracker, run, trained, name, pages, verdict_of(trained), is_saved=not reason
                )
                advance(1)
            labels = compare_labels(job.prepared, settings, progress, backend) if with_labels else None
            paths = model_paths(job.prepared, settings, progress, backend) if with_paths else None
            for name, table in (("labels", labels), ("paths", paths)):
                if table is not None:
                    run.log_artifact(csv_text(table), f"{name}.csv")
    return TrainResult(run.run_id, reference or ("" if reason else run.run_id), trained, labels, paths, pages)


def _not_saved(reason: str) -> str:
    return (
        f"The model of this training will not be saved or registered: {reason}. It is evaluated, and available as "
        "result.trained.model while this process runs."
    )
