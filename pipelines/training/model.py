"""The exhaustion model trained on prepared trades and evaluated out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from exitladder.clock import interval_name
from exitladder.features import describe_catalogue, event_of, row_matrix
from exitladder.features.stored_set import feature_set_to_mapping
from exitladder.models.estimators.trainer import LIGHTGBM
from exitladder.models.exhaustion import SERIES
from exitladder.models.exhaustion.leak_check import LeakReport, check_leaks, next_bar_return
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.exhaustion.own import names_of
from exitladder.models.exhaustion.paths import path_measures
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.books import book_rows, books_known, with_findings
from exitladder.pipelines.inputs.predictions import RowPredictions, predict_rows, predicted_trades
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.training.backend import HERE, TrainingBackend
from exitladder.pipelines.training.books import BookResult, book_results
from exitladder.pipelines.training.evaluation import (
    calibration_by_group,
    calibration_mapping,
    evaluated_rows,
    model_baselines,
)
from exitladder.pipelines.training.knowledge import with_knowledge
from exitladder.pipelines.training.labels import RowLabels, n_effective, row_labels
from exitladder.pipelines.training.value import ModelValue, model_value
from exitladder.pipelines.tuning.folds import LEAST_TRADES
from exitladder.pipelines.tuning.model_policy import ModelPolicy, tune_model_policy
from exitladder.pipelines.tuning.policies import EDGE
from exitladder.runtime.memory import matrix_on_disk
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings


@dataclass(frozen=True)
class Trained:
    """A trained model with its evaluation.

    Parameters
    ----------
    outcomes : DataFrame
        predicted and outcome of exhaustion for the reachable rows that are predicted out of fold.
    n_effective : dict of str to float
        Effective sample size of the labels, by the model's series.
    calibration : DataFrame
        Calibration overall and by side, symbol and year; see `calibration_table`.
    policy : ModelPolicy or None
        Threshold and trail tuned on all out-of-fold trades; None if there are too few.
    books : tuple of BookResult
        By book, if several are pooled.
    rows_stored : str
        Where the rows were kept during training: in memory, on disk, or on workers of a cluster.
    """

    model: ExhaustionModel
    baselines: dict[str, dict[str, float]]
    value: ModelValue
    leaks: LeakReport
    predictions: RowPredictions
    outcomes: pd.DataFrame
    n_trades: int
    n_rows: int
    n_effective: dict[str, float]
    calibration: pd.DataFrame
    policy: ModelPolicy | None = None
    books: tuple[BookResult, ...] = ()
    rows_stored: str = "in memory"

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder train`` prints, without the run."""
        against, metrics = self.value.comparison, self.model.metrics
        return {
            "n_trades": self.n_trades,
            "n_rows": self.n_rows,
            "rows_stored": self.rows_stored,
            "n_effective": self.n_effective,
            "log_loss": metrics["log_loss"],
            "brier": metrics["brier"],
            "base_rate": metrics["base_rate"],
            "auc": metrics["auc"],
            "calibration_error": metrics["calibration_error"],
            "hold_correlation": metrics["hold_correlation"],
            "n_rows_out_of_fold": metrics["n_rows"],
            "n_trades_out_of_fold": metrics["n_trades"],
            "n_stages": metrics["n_stages"],
            "stages": _stages(self.model),
            "log_loss_gain": metrics.get("log_loss_gain"),
            "log_loss_gain_error": metrics.get("log_loss_gain_error"),
            "hold_gain_r2": metrics.get("hold_gain_r2"),
            "hold_gain_r2_error": metrics.get("hold_gain_r2_error"),
            **{f"n_stages_silent_on_{name}": sum(flags) for name, flags in self.model.silent.items()},
            "value_r": against.difference_r if against else None,
            "value_interval": [against.low, against.high] if against else None,
            "value_finding": self.value.finding,
            "value_shuffled_r": _known(self.value.shuffled_gain_r),
            "value_same_age_r": _known(self.value.same_age_gain_r),
            "policy": self.policy.to_mapping() if self.policy else None,
            **({"books": [book.to_mapping() for book in self.books]} if self.books else {}),
            "baselines": self.baselines,
            "leak_check": self.leaks.verdict,
            "leak_reasons": list(self.leaks.reasons),
            "leak_notes": list(self.leaks.notes),
            "leak_measures": {k: None if np.isnan(v) else v for k, v in self.leaks.measures.items()},
            "predictions": self.predictions.counts(),
            **calibration_mapping(self.calibration),
        }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _stages(model: ExhaustionModel) -> list[dict[str, Any]]:
    """Return when each stage predicts from, the weights of its learners, and whether it is silent, by series."""
    found = []
    for stage in model.stages:
        row: dict[str, Any] = {"valid_from": pd.Timestamp(stage.valid_from_ns, unit="ns", tz="UTC").isoformat()}
        for name, blend in (("exhaustion", stage.race_blend), ("hold_value_r", stage.hold_blend)):
            row[name] = None if blend is None else blend.stack.to_mapping()
        row["families"] = list(stage.families)
        row["memory"] = dict(stage.memory)
        row["symbols"] = {name: names_of(stage.own_models(name)) for name in SERIES}
        found.append(row)
    return found


def train_model(
    prepared: Prepared, settings: Settings, progress: Progress = SILENT, backend: TrainingBackend = HERE
) -> Trained:
    """Return the model trained on all these trades in purged walk-forward stages, evaluated out of fold.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings
    progress : Progress
    backend : TrainingBackend

    Returns
    -------
    Trained

    Raises
    ------
    ModelError
        If the model cannot be trained on these rows.
    """
    with progress.stage("labels and features", 2) as advance:
        labels = row_labels(prepared, settings.labels)
        advance(1)
        rows = training_rows(prepared, settings, labels, backend)
        advance(1)
    model = fit_model(rows, prepared, settings, progress, backend)
    predictions = predict_rows(prepared, model, progress)
    with progress.stage("evaluating the model", 6) as advance:
        model = with_knowledge(model, prepared, rows, predictions)
        advance(1)
        value = model_value(prepared, predictions, settings)
        advance(1)
        model = replace(model, context={**model.context, "value_finding": value.finding})
        books = book_results(prepared, rows, model, predictions, settings)
        model = with_findings(model, {book.name: book.value.finding for book in books})
        enough = len(predicted_trades(prepared, predictions)) >= LEAST_TRADES
        evaluation = evaluated_rows(rows, predictions)
        outcomes = pd.DataFrame({"predicted": predictions.exhaustion[evaluation], "outcome": rows.race[evaluation]})
        forests = replace(backend, estimators=LIGHTGBM).make_trainer(rows)
        baselines = model_baselines(prepared, rows, model, predictions, settings, forests)
        advance(1)
        leaks = check_leaks(
            rows,
            model,
            next_bar_return(prepared.placed, prepared.rows, prepared.atr),
            n_folds=settings.validation.n_folds,
            seed=settings.project.seed,
            threads=settings.project.threads,
        )
        advance(1)
        calibration = calibration_by_group(prepared, rows, predictions, settings.intervals)
        advance(1)
        policy = tune_model_policy(prepared, predictions, settings) if enough else None
        if policy is not None:
            policy = policy.advised(value.finding == EDGE)
        advance(1)
    return Trained(
        model=model,
        baselines=baselines | {name: {"expectancy_r": mean} for name, mean in value.expectancy_r.items()},
        value=value,
        leaks=leaks,
        predictions=predictions,
        outcomes=outcomes,
        n_trades=len(prepared.placed),
        n_rows=int(rows.is_used.sum()),
        n_effective={
            "exhaustion": n_effective(prepared, labels.exhaustion, labels.reachable),
            "hold_value_r": n_effective(prepared, labels.decision, labels.reachable),
        },
        calibration=calibration,
        policy=policy,
        books=books,
        rows_stored=backend.describe(rows),
    )


def fit_model(
    rows: TrainingRows, prepared: Prepared, settings: Settings, progress: Progress, backend: TrainingBackend = HERE
) -> ExhaustionModel:
    """Return the model of these rows, with the features, intervals and labels that its user needs in its context.

    Parameters
    ----------
    rows : TrainingRows
    prepared : Prepared
    settings : Settings
    progress : Progress
    backend : TrainingBackend

    Returns
    -------
    ExhaustionModel
    """
    return ExhaustionModel.fit(
        rows,
        # Where it was trained is not part of a model, and its reader must not learn an address of a network.
        replace(settings.model, memory_gb=0.0, scheduler="", book=""),
        n_folds=settings.validation.n_folds,
        seed=settings.project.seed,
        threads=settings.project.threads,
        progress=progress,
        context={
            "features": feature_set_to_mapping(prepared.features),
            "intervals": sorted({interval_name(int(ns)) for ns in prepared.placed.bars.interval_ns}),
            "labels": settings.to_mapping()["labels"],
            **({"books": books_known(prepared)} if prepared.books else {}),
        },
        make_trainer=backend.make_trainer(rows),
    )


def model_paths(
    prepared: Prepared, settings: Settings, progress: Progress = SILENT, backend: TrainingBackend = HERE
) -> pd.DataFrame:
    """Return the model's measures over several paths of cross-validation of the same trades; see `path_measures`.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings
    progress : Progress
    backend : TrainingBackend

    Returns
    -------
    DataFrame
        One row per path.
    """
    with progress.stage("labels and features", 1):
        rows = training_rows(prepared, settings, backend=backend)
    return path_measures(
        rows,
        settings.model,
        seed=settings.project.seed,
        threads=settings.project.threads,
        progress=progress,
        make_trainer=backend.make_trainer(rows),
    )


def training_rows(
    prepared: Prepared, settings: Settings, labels: RowLabels | None = None, backend: TrainingBackend = HERE
) -> TrainingRows:
    """Return the rows that the model is trained on: features, labels, and which rows are reachable.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings
    labels : RowLabels, optional
        Those of the settings by default.
    backend : TrainingBackend

    Returns
    -------
    TrainingRows

    Raises
    ------
    ModelError
        If they do not fit into memory; see `exitladder.models.forests.memory_budget`.
    """
    placed, rows = prepared.placed, prepared.rows
    shape = rows.n_rows, len(prepared.features.names)
    place = backend.place(*shape, settings.model)
    labels = labels or row_labels(prepared, settings.labels)
    matrix = row_matrix(placed, rows, prepared.features, out=None if place == "memory" else matrix_on_disk(*shape))
    return TrainingRows.of(
        placed,
        rows,
        matrix.values,
        matrix.names,
        race=labels.exhaustion,
        hold=labels.decision,
        reachable=labels.reachable,
        embargo_bars=settings.validation.embargo_bars,
        families=screened_families(matrix.names),
        books=book_rows(prepared),
    )


def screened_families(names: Sequence[str]) -> tuple[str, ...]:
    """Return the family of each feature beyond the default set, to be screened; empty for those of the set.

    Each kind of event is screened by itself: one that says something is lost among five that do not.
    """
    known = describe_catalogue(names).set_index("name")

    def screened(name: str) -> str:
        if known.loc[name, "in_default"]:
            return ""
        family, kind = str(known.loc[name, "family"]), event_of(name)
        return f"{family}: {kind}" if kind else family

    return tuple(screened(name) for name in names)
