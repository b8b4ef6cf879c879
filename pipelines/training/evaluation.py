"""The evaluation of a model out of fold: calibration by group, and the baselines it is compared with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.models.calibration.measures import probability_measures
from exitladder.models.calibration.table import MEASURES, calibration_table
from exitladder.models.exhaustion.baselines import CONSTANT, baseline_probabilities
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.growing import MakeTrainer, train_here
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.predictions import RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.training.value import gain_over_trail
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL
from exitladder.settings.tables import Settings
from exitladder.statistics.intervals import Intervals


def evaluated_rows(rows: TrainingRows, predictions: RowPredictions) -> npt.NDArray[np.bool_]:
    """Return which rows the model is evaluated on: reachable, labelled, predicted out of fold; shape (n_rows,)."""
    return np.asarray((predictions.stage >= 0) & rows.is_used & np.isfinite(rows.race))


def calibration_by_group(
    prepared: Prepared, rows: TrainingRows, predictions: RowPredictions, intervals: Intervals
) -> pd.DataFrame:
    """Return the table of `calibration_table` for the reachable rows that are predicted out of fold.

    Years are those of the rows, so a trade over New Year counts in both.

    Parameters
    ----------
    prepared : Prepared
    rows : TrainingRows
    predictions : RowPredictions
    intervals : Intervals

    Returns
    -------
    DataFrame
        See `calibration_table`.
    """
    evaluation = np.flatnonzero(evaluated_rows(rows, predictions))
    trade, trades = rows.trade[evaluation], prepared.placed.trades
    groups = {
        "side": np.where(trades.side[trade] > 0, "long", "short"),
        "symbol": trades.symbol[trade].astype(str),
        "year": pd.DatetimeIndex(pd.to_datetime(rows.time_ns[evaluation], utc=True, unit="ns"))
        .year.astype(str)
        .to_numpy(),
    }
    return calibration_table(
        predictions.exhaustion[evaluation],
        rows.race[evaluation],
        trade,
        groups,
        intervals=intervals,
    )


def calibration_mapping(table: pd.DataFrame) -> dict[str, Any]:
    """Return the table as ``exitladder train`` prints it: the overall intervals, and a row per group."""
    rows = []
    for record in table.to_dict("records"):
        ends = {name: {"value": record.pop(name)} for name in MEASURES}
        for name, measured in ends.items():
            measured |= {"low": record.pop(f"{name}_low"), "high": record.pop(f"{name}_high")}
        rows.append({str(key): value for key, value in record.items()} | ends)
    intervals = {
        f"{name}_interval": [rows[0][name]["low"], rows[0][name]["high"]] if rows else None for name in MEASURES
    }
    return {**intervals, "calibration_by_group": rows}


def model_baselines(
    prepared: Prepared,
    rows: TrainingRows,
    model: ExhaustionModel,
    predictions: RowPredictions,
    settings: Settings,
    make_trainer: MakeTrainer = train_here,
) -> dict[str, dict[str, float]]:
    """Return log_loss, brier and auc of each simple probability, and expectancy_r of the exit on it.

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
    settings : Settings
    make_trainer : MakeTrainer
        Makes the trainer of the forests.

    Returns
    -------
    dict of str to dict
        The measures of each baseline, by its name.
    """
    evaluation = evaluated_rows(rows, predictions)
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
                _, earned = gain_over_trail(prepared, others, settings, rungs=("exhaustion",))
                found[name] |= {"expectancy_r": earned[MODEL_OR_TRAIL]} if earned else {}
    return found
