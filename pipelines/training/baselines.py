"""What the model is held against out of fold: plain probabilities by their losses, plain exits by what they earn."""

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
    """Return log_loss, brier and auc of each plain probability, and expectancy_r of each exit.

    Probabilities come from the model's own stages and are judged on the rows that the model is judged on. Exits
    are tuned and scored on the halves that the model's exit is; where one is on a probability, it is that or a
    trail, as with the model.
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
