"""A trained model in words and numbers for pages, and its record in the run and the registry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exitladder.files.output import Content, csv_text
from exitladder.models.exhaustion.file import save_model
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.pipelines.tracking.flavour import write_flavour
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.training.knowledge import family_importance
from exitladder.pipelines.training.model import Trained
from exitladder.plans.file import ladder_to_toml
from exitladder.settings.tables import ProjectSettings


def model_name(project: ProjectSettings) -> str:
    """Return the name that a project's model is registered by."""
    return f"{project.name}-exhaustion"


def log_trained(
    tracker: Tracker,
    run: TrackedRun,
    trained: Trained,
    name: str,
    pages: Mapping[str, Content],
    description: str,
    *,
    is_saved: bool = True,
) -> str:
    """Record a trained model with its numbers and pages, register it, and return its reference.

    Parameters
    ----------
    tracker : Tracker
    run : TrackedRun
    trained : Trained
    name : str
        Name under which the model is registered; see `model_name`.
    pages : mapping of str to content
        Its card and pictures, by file name.
    description : str
        How well it predicts, in a sentence or two.
    is_saved : bool
        Whether the model can be saved; if not, the run has its numbers and pages only.

    Returns
    -------
    str
        ``models:/NAME/VERSION``, empty if tracking is off.
    """
    summary = trained.to_mapping()
    run.log_metrics({k: v for k, v in summary.items() if isinstance(v, (int, float))})
    run.log_metrics({"baselines": summary["baselines"], "predictions": summary["predictions"]})
    low, high = summary["value_interval"] or (None, None)
    run.log_metrics({"difference_r": summary["value_r"], "low": low, "high": high})
    run.log_tags({"leak_check": summary["leak_check"], "verdict": summary["value_finding"] or "too few trades"})
    run.log_result(summary["value_finding"] or "too few trades")
    run.log_artifact(csv_text(trained.calibration), "calibration_by_group.csv")
    if trained.policy:
        run.log_artifact(ladder_to_toml(trained.policy.ladder), "model_policy.toml")
    for book in trained.books:
        if book.policy:
            run.log_artifact(ladder_to_toml(book.policy.ladder), f"model_policy_{book.name}.toml")
    for file, content in pages.items():
        run.log_artifact(content if isinstance(content, bytes) else str(content), file)
    run.describe(f"{description} See the model card, `model_card.html`.")
    if not is_saved:
        return ""
    with TemporaryDirectory() as folder:
        saved = save_model(trained.model, Path(folder) / "model")
        if tracker.enabled:
            has_symbols = any(stage.race_own or stage.hold_own for stage in trained.model.stages)
            write_flavour(saved, trained.model.names, has_symbols=has_symbols)
        return tracker.log_model(run, Path(folder) / "model", name, description=description)


def model_summary(model: ExhaustionModel) -> dict[str, Any]:
    """Return the quality of a model and its feature importance, as plain values for the page of a tuning."""
    names = ("auc", "base_rate", "calibration_error", "log_loss")
    known = {name: float(model.metrics[name]) for name in names if name in model.metrics}
    return {
        **{name: value for name, value in known.items() if math.isfinite(value)},
        "importance": model.importance().to_dict("records"),
        "families": family_importance(model).to_dict("records"),
        "dependence": model.context.get("dependence", []),
    }


def trained_summary(trained: Trained) -> dict[str, Any]:
    """Return the summary of a model that was just trained, with the value of its signal in R and the leak check."""
    found = trained.value.comparison
    value = None
    if found is not None:
        ends = [found.low, found.high]
        value = {"difference_r": found.difference_r, "interval": ends, "confidence": found.confidence}
    return model_summary(trained.model) | {"value": value, "leak_check": trained.leaks.verdict}
