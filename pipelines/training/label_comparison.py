"""A comparison of labels by the net R that a model trained on each earns out of fold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.training.backend import HERE, TrainingBackend
from exitladder.pipelines.training.labels import n_effective, row_labels
from exitladder.pipelines.training.model import fit_model, training_rows
from exitladder.pipelines.training.value import gain_over_trail
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings

DECISIONS = ("continuation_advantage", "forward_return", "remaining_mfe", "triple_barrier")
EXHAUSTIONS = ("race", "pivot_hazard")
# Each training learns one of either kind.
PAIRS = tuple(zip(DECISIONS, (*EXHAUSTIONS, *EXHAUSTIONS), strict=True))


def compare_labels(
    prepared: Prepared, settings: Settings, progress: Progress = SILENT, backend: TrainingBackend = HERE
) -> pd.DataFrame:
    """Return the results of the model with each label, all else equal.

    Every label is trained in the same stages. Threshold and trail are tuned on the earlier half of the trades that are
    predicted out of fold, and the later half is scored once.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings
    progress : Progress
    backend : TrainingBackend

    Returns
    -------
    DataFrame
        Columns label, output (the series that it trains), n_rows, n_effective, auc (of a probability),
        correlation (of a value, with its label), expectancy_r, and value_r with value_low and value_high:
        the exit on it or on a trail, and its gain over the best trailing stop, in R per trade.
    """
    found: list[dict[str, Any]] = []
    for decision, exhaustion in PAIRS:
        chosen = replace(settings, labels=replace(settings.labels, decision=decision, exhaustion=exhaustion))
        labels = row_labels(prepared, chosen.labels)
        rows = training_rows(prepared, chosen, labels, backend)
        model = fit_model(rows, prepared, chosen, progress, backend)
        predictions = predict_rows(prepared, model, progress)
        taught = [(decision, "hold_value_r", labels.decision)]
        if exhaustion not in {row["label"] for row in found}:
            taught.append((exhaustion, "exhaustion", labels.exhaustion))
        for label, output, values in taught:
            against, earned = gain_over_trail(prepared, predictions, chosen, rungs=(output,))
            found.append(
                {
                    "label": label,
                    "output": output,
                    "n_rows": int((values.is_known & labels.reachable).sum()),
                    "n_effective": n_effective(prepared, values, labels.reachable),
                    "auc": model.metrics["auc"] if output == "exhaustion" else float("nan"),
                    "correlation": model.metrics["hold_correlation"] if output != "exhaustion" else float("nan"),
                    "expectancy_r": earned.get(MODEL_OR_TRAIL, float("nan")),
                    "value_r": against.difference_r if against else float("nan"),
                    "value_low": against.low if against else float("nan"),
                    "value_high": against.high if against else float("nan"),
                }
            )
    return pd.DataFrame(found)
