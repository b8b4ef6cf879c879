"""The baselines of the model, out of fold: simple probabilities by their loss, simple exits by their expectancy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exitladder.models.calibration.measures import probability_measures
from exitladder.models.exhaustion.baselines import CONSTANT, baseline_probabilities
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.growing import MakeTrainer, train_here
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.predictions import RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.training.policy import MODEL_OR_TRAIL
from exitladder.pipelines.training.value import ModelValue, model_value
from exitladder.settings.tables import Settings


def model_baselines(
    prepared: Prepared,
    rows: TrainingRows,
    model: ExhaustionModel,
    predictions: RowPredictions,
    value: ModelValue,
    settings: Settings,
    make_trainer: MakeTrainer = train_here,
) -> dict[str, dict[str, float]]:
    """Return log_loss, brier and auc of each simple probability, and expectancy_r of each exit.

    Probabilities come from the same stages and are scored on the same rows as the model's. Exits are tuned and scored
    on the same halves of the trades as the model's; an exit on a probability is combined with a trail, as with
    the model.

    Parameters
    ----------
    prepared : Prepared
    rows : TrainingRows
    model : ExhaustionModel
    predictions : RowPredictions
        The model's, out of fold.
    value : ModelValue
        The worth of the model's signal.
    settings : Settings
    make_trainer : MakeTrainer
        Makes the trainer of the forests.
    """
    evaluation = (predictions.stage >= 0) & rows.is_used & np.isfinite(rows.race)
    found: dict[str, dict[str, float]] = {}
    if evaluation.any():
        predicted = baseline_probabilities(
            rows,
            model,
            n_folds=settings.validation.n_folds,
            seed=settings.project.seed,
            threads=settings.project.threads,
            make_trainer=make_trainer,
        )
        for name, p in predicted.items():
            measured = probability_measures(p[evaluation], rows.race[evaluation])
            found[name] = {key: measured[key] for key in ("log_loss", "brier", "auc")}
            if name != CONSTANT:
                others = replace(predictions, exhaustion=p)
                earned = model_value(prepared, others, settings, series=("exhaustion",)).expectancy_r
                found[name] |= {"expectancy_r": earned[MODEL_OR_TRAIL]} if earned else {}
    return found | {name: {"expectancy_r": mean} for name, mean in value.expectancy_r.items()}
