"""The exhaustion model from prepared trades, and what its word is worth in R out of fold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.bars import FloatArray, interval_name
from exitladder.execution import simulate_many
from exitladder.execution.comparison import Comparison, compare_r
from exitladder.features import row_matrix
from exitladder.ladder import Condition, Distance, Ladder, Rung
from exitladder.models.exhaustion import ExhaustionModel
from exitladder.models.labels import continuation_advantage, race, reachable_rows
from exitladder.models.leak_check import LeakReport, check_leaks, next_bar_return
from exitladder.models.probability_measures import probability_measures
from exitladder.models.training_rows import TrainingRows
from exitladder.pipelines.policies import objective_values, steps
from exitladder.pipelines.predictions import RowPredictions, predict_rows, signals_for
from exitladder.pipelines.prepare import Prepared, base_ladder
from exitladder.pipelines.split import LEAST_TRADES
from exitladder.progress import SILENT, Progress
from exitladder.settings import Settings

TRAIL, MODEL_OR_TRAIL, INDICATOR_OR_TRAIL = "best trailing stop", "model or trail", "RSI and Bollinger or trail"
_HOLD_VALUES = tuple(round(-1.5 + 0.1 * k, 10) for k in range(21))


@dataclass(frozen=True)
class ModelValue:
    """What exiting on the model's word adds to the best trailing stop, on trades it never saw.

    Parameters
    ----------
    comparison : Comparison or None
        Model and trail against the trail alone, on the later half of the out-of-fold trades; both
        tuned on the earlier half. None where there are too few trades.
    expectancy_r : dict of str to float
        Mean net R a trade of each policy on the same later half.
    """

    comparison: Comparison | None
    expectancy_r: dict[str, float]


@dataclass(frozen=True)
class Trained:
    """A trained model with everything that is said about it.

    Parameters
    ----------
    outcomes : DataFrame
        predicted and outcome of exhaustion for the reachable rows that a fold model spoke about.
    """

    model: ExhaustionModel
    baselines: dict[str, dict[str, float]]
    value: ModelValue
    leaks: LeakReport
    predictions: RowPredictions
    outcomes: pd.DataFrame
    n_trades: int
    n_rows: int

    def to_mapping(self) -> dict[str, Any]:
        """Return what ``exitladder train`` prints, without the run."""
        against, metrics = self.value.comparison, self.model.metrics
        return {
            "n_trades": self.n_trades,
            "n_rows": self.n_rows,
            "log_loss": metrics["log_loss"],
            "brier": metrics["brier"],
            "base_rate": metrics["base_rate"],
            "auc": metrics["auc"],
            "calibration_error": metrics["calibration_error"],
            "hold_correlation": metrics["hold_correlation"],
            "n_rows_out_of_fold": metrics["n_rows"],
            "n_trades_out_of_fold": metrics["n_trades"],
            "n_stages": metrics["n_stages"],
            "value_r": against.difference_r if against else None,
            "value_interval": [against.low, against.high] if against else None,
            "baselines": self.baselines,
            "leak_check": self.leaks.verdict,
            "leak_reasons": list(self.leaks.reasons),
            "predictions": self.predictions.counts(),
        }


def train_model(prepared: Prepared, settings: Settings, progress: Progress = SILENT) -> Trained:
    """Return the model trained on all these trades in purged walk-forward, judged out of fold."""
    rows = training_rows(prepared, settings)
    model = ExhaustionModel.fit(
        rows,
        settings.model,
        n_folds=settings.validation.n_folds,
        seed=settings.project.seed,
        threads=settings.project.threads,
        progress=progress,
        context={
            "features": prepared.features.to_mapping(),
            "intervals": sorted({interval_name(int(ns)) for ns in prepared.placed.bars.interval_ns}),
            "labels": settings.to_mapping()["labels"],
        },
    )
    predictions = predict_rows(prepared, model, progress)
    value = model_value(prepared, predictions, settings)
    judged = (predictions.stage >= 0) & rows.is_used & np.isfinite(rows.race)
    outcomes = pd.DataFrame({"predicted": predictions.exhaustion[judged], "outcome": rows.race[judged]})
    return Trained(
        model=model,
        baselines=_baselines(outcomes, value),
        value=value,
        leaks=check_leaks(
            rows,
            model,
            next_bar_return(prepared.placed, prepared.rows, prepared.atr),
            n_folds=settings.validation.n_folds,
            seed=settings.project.seed,
            threads=settings.project.threads,
        ),
        predictions=predictions,
        outcomes=outcomes,
        n_trades=len(prepared.placed),
        n_rows=int(rows.is_used.sum()),
    )


def training_rows(prepared: Prepared, settings: Settings) -> TrainingRows:
    """Return the rows that the model learns from: features, labels, and which rows are reachable."""
    placed, rows, labels = prepared.placed, prepared.rows, settings.labels
    matrix = row_matrix(placed, rows, prepared.features)
    return TrainingRows.of(
        placed,
        rows,
        matrix.values,
        matrix.names,
        race=race(placed, rows, prepared.atr, labels.race_give_back_atr, labels.race_extend_atr),
        hold=continuation_advantage(placed, rows, prepared.atr, labels.baseline_trail_atr, prepared.risk),
        reachable=reachable_rows(placed, rows, prepared.atr, labels.reachable_trail_atr),
        embargo_bars=settings.validation.embargo_bars,
    )


def model_value(prepared: Prepared, predictions: RowPredictions, settings: Settings) -> ModelValue:
    """Return what exiting on the model's word adds to the best trailing stop.

    The trades that the model speaks about are halved in time. Trail width and threshold are tuned
    on the earlier half; the later one, which neither the boosters nor the thresholds have seen, is
    scored once.
    """
    spoken = _spoken(prepared, predictions)
    if len(spoken) < 2 * LEAST_TRADES:
        return ModelValue(None, {})
    earlier, later = spoken[: len(spoken) // 2], spoken[len(spoken) // 2 :]
    names = {"hold_value_r", "rsi_14", "bb_pctb_20"}
    signals = signals_for(prepared.placed, names, prepared, predictions)
    base = replace(base_ladder(settings), stop=replace(base_ladder(settings).stop, time=max(settings.search.time_bars)))
    trails = [Distance(v, "ATR") for v in steps(settings.search.trail_atr, settings.search.trail_step_atr)]

    def net_r(trades: npt.NDArray[np.int64], ladders: list[Ladder]) -> FloatArray:
        return simulate_many(
            prepared.placed.take(trades), ladders, signals.take(trades), threads=settings.project.threads
        )

    def best(ladders: list[Ladder]) -> Ladder:
        return ladders[int(np.argmax(objective_values(net_r(earlier, ladders), settings)))]

    trail = best([replace(base, name=TRAIL, stop=replace(base.stop, trail=d)) for d in trails])
    indicator = replace(
        trail,
        name=INDICATOR_OR_TRAIL,
        rungs=(Rung(1.0, when=(Condition("rsi_14", ">=", 70.0), Condition("bb_pctb_20", ">=", 1.0))),),
    )
    by_model = best(
        [
            replace(
                trail,
                name=MODEL_OR_TRAIL,
                rungs=(Rung(1.0, when=(Condition("hold_value_r", "<=", limit),)),),
                stop=replace(trail.stop, trail=d),
            )
            for limit in _HOLD_VALUES
            for d in trails[::4]
        ]
    )
    policies = {p.name: p for p in (trail, indicator, by_model)}
    result = dict(zip(policies, net_r(later, list(policies.values())).T, strict=True))
    found = compare_r(
        result[MODEL_OR_TRAIL],
        result[TRAIL],
        time=prepared.entry_time[later],
        confidence=settings.validation.confidence,
        n_bootstrap=settings.validation.n_bootstrap,
        seed=settings.project.seed,
    )
    means = {name: float(np.nanmean(r)) if np.isfinite(r).any() else float("nan") for name, r in result.items()}
    return ModelValue(found, means)


def _spoken(prepared: Prepared, predictions: RowPredictions) -> npt.NDArray[np.int64]:
    """Positions of the trades about whose every bar a fold model speaks, in order of entry."""
    starts, has_rows = prepared.rows.start[:-1], prepared.rows.lengths > 0
    spoken = np.zeros(len(prepared.placed), dtype=bool)
    spoken[has_rows] = predictions.stage[starts[has_rows]] >= 0
    return np.flatnonzero(spoken)


def _baselines(outcomes: pd.DataFrame, value: ModelValue) -> dict[str, dict[str, float]]:
    """What the model is held against: a constant by log loss, exits by expectancy."""
    truth = outcomes["outcome"].to_numpy()
    found: dict[str, dict[str, float]] = {}
    if len(truth):
        constant = probability_measures(np.full(len(truth), truth.mean()), truth)
        found["constant"] = {"log_loss": constant["log_loss"], "brier": constant["brier"]}
    for name, mean in value.expectancy_r.items():
        found[name] = {"expectancy_r": mean}
    return found
