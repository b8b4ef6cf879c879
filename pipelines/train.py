"""``exitladder train``: the exhaustion model, tracked and registered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from exitladder.bars.bars import BarSet
from exitladder.models.exhaustion.file import save_model
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.pages.model_card import MODEL_CARD, model_card, verdict_of
from exitladder.pipelines.plots.pictures import model_pictures
from exitladder.pipelines.tracking.flavour import write_flavour
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.training.backend import training_backend
from exitladder.pipelines.training.label_comparison import compare_labels
from exitladder.pipelines.training.model import Trained, model_paths, train_model
from exitladder.plans.file import ladder_to_toml
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades


@dataclass(frozen=True)
class TrainResult:
    """What ``exitladder train`` made: the run, the model's reference, and what is said about it."""

    run_id: str
    model: str
    trained: Trained
    labels: pd.DataFrame | None = None
    paths: pd.DataFrame | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Return what the command prints."""
        described = {"run_id": self.run_id, "model": self.model, **self.trained.to_mapping()}
        further = {"labels": self.labels, "paths": self.paths}
        return described | {name: table.to_dict("records") for name, table in further.items() if table is not None}


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
        Also learn every other label and compare what each is worth, which takes four times as long again.
    with_paths : bool
        Also measure over the histories of combinatorial purged cross-validation, which trains fifteen times.
    """
    tracker = Tracker.from_settings(settings)
    with training_backend(settings) as backend:
        prepared = prepare(bars, trades, settings)
        with tracker.run("train", bars=bars, trades=trades, settings=settings) as run:
            trained = train_model(prepared, settings, progress, backend)
            reference = log_trained(tracker, run, trained, settings)
            labels = compare_labels(prepared, settings, progress, backend) if with_labels else None
            paths = model_paths(prepared, settings, progress, backend) if with_paths else None
            for name, table in (("labels", labels), ("paths", paths)):
                if table is not None:
                    run.log_artifact(table.to_csv(index=False), f"{name}.csv")
    return TrainResult(run.run_id, reference or run.run_id, trained, labels, paths)


def log_trained(tracker: Tracker, run: TrackedRun, trained: Trained, settings: Settings) -> str:
    """Keep the model, its numbers and its pictures with the run; return the model's reference."""
    described = trained.to_mapping()
    run.log_metrics({k: v for k, v in described.items() if isinstance(v, (int, float))})
    run.log_metrics({"baselines": described["baselines"], "predictions": described["predictions"]})
    run.log_tags({"leak_check": described["leak_check"]})
    run.log_artifact(trained.calibration.to_csv(index=False), "calibration_by_group.csv")
    if trained.policy:
        run.log_artifact(ladder_to_toml(trained.policy.ladder), "model_policy.toml")
    pictures = model_pictures(trained)
    for picture in pictures:
        run.log_artifact(picture.image, f"pictures/{picture.kind}.svg")
    name, verdict = f"{settings.project.name}-exhaustion", verdict_of(trained)
    run.describe(f"{verdict} The card of the model is in `{MODEL_CARD}`.")
    run.log_artifact(model_card(trained, settings, pictures, name=name, run_id=run.run_id).html(), MODEL_CARD)
    with TemporaryDirectory() as folder:
        saved = save_model(trained.model, Path(folder) / "model")
        if tracker.enabled:
            write_flavour(saved, trained.model.names)
        return tracker.log_model(run, Path(folder) / "model", name, description=verdict)
