"""What leaving on the model's word is worth in R, on trades that neither the model nor its threshold has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution import simulate_many
from exitladder.pipelines.inputs.predictions import MODEL_SERIES, RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.training.policy import MODEL_OR_TRAIL, TRAIL, ModelPolicy, predicted_trades, tune_model_policy
from exitladder.pipelines.tuning.folds import LEAST_TRADES
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Condition
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison, compare_r

INDICATOR_OR_TRAIL = "RSI and Bollinger or trail"
_OVERBOUGHT = (Condition("rsi_14", ">=", 70.0), Condition("bb_pctb_20", ">=", 1.0))


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
    shuffled_gain_r : float
        What the same tuning gains over the trail where each trade hears, bar by bar, what the model said of
        another one: the worth of leaving now and then, without knowing when. NaN where it is not known.
    """

    comparison: Comparison | None
    expectancy_r: dict[str, float]
    shuffled_gain_r: float = float("nan")

    @property
    def finding(self) -> str:
        """``edge``, ``harm`` or ``no edge``; empty where it is not known.

        An edge is an interval above zero and above what is gained by mishearing; harm is one below zero.
        """
        if self.comparison is None or not self.comparison.is_known:
            return ""
        if self.comparison.low > max(0.0, np.nan_to_num(self.shuffled_gain_r)):
            return "edge"
        return "harm" if self.comparison.high < 0 else "no edge"


def model_value(
    prepared: Prepared, predictions: RowPredictions, settings: Settings, *, series: Sequence[str] = MODEL_SERIES
) -> ModelValue:
    """Return what exiting on the model's word adds to the best trailing stop.

    The trades that the model speaks about are halved in time. Trail width and threshold are tuned
    on the earlier half; the later one, which neither the boosters nor the thresholds have seen, is
    scored once.

    Parameters
    ----------
    series : sequence of str
        The model's series that an exit may be on.
    """
    spoken = predicted_trades(prepared, predictions)
    if len(spoken) < 2 * LEAST_TRADES:
        return ModelValue(None, {})
    earlier, later = spoken[: len(spoken) // 2], spoken[len(spoken) // 2 :]
    result = _scored(prepared, predictions, settings, earlier, later, series)
    found = compare_r(
        result[MODEL_OR_TRAIL],
        result[TRAIL],
        time=prepared.entry_time[later],
        intervals=settings.intervals,
    )
    others = shuffle_predictions(prepared, predictions, settings.project.seed)
    shuffled = _scored(prepared, others, settings, earlier, later, series)
    return ModelValue(
        comparison=found,
        expectancy_r={name: _mean(r) for name, r in result.items()},
        shuffled_gain_r=_mean(shuffled[MODEL_OR_TRAIL] - shuffled[TRAIL]),
    )


def shuffle_predictions(prepared: Prepared, predicted: RowPredictions, seed: int) -> RowPredictions:
    """Return predictions in which each trade hears, bar by bar, what the model said of another of its stage.

    How often and how late in a trade the model speaks up stays what it was; what it knows of the trade is gone.
    """
    rng = np.random.default_rng(seed)
    start, length = prepared.rows.start[:-1], prepared.rows.lengths
    trades = np.flatnonzero(length > 0)
    stage = predicted.stage[start[trades]]
    source = np.arange(len(predicted.stage))
    for one in np.unique(stage[stage >= 0]):
        alike = trades[stage == one]
        for own, other in zip(alike, rng.permutation(alike), strict=True):
            bars = np.arange(length[own])
            source[start[own] + bars] = start[other] + bars % length[other]
    return replace(predicted, exhaustion=predicted.exhaustion[source], hold_value_r=predicted.hold_value_r[source])


def _scored(
    prepared: Prepared,
    predictions: RowPredictions,
    settings: Settings,
    earlier: IntArray,
    later: IntArray,
    series: Sequence[str],
) -> dict[str, FloatArray]:
    """Return the later trades' net R under each policy, tuned on the earlier ones."""
    tuned = tune_model_policy(prepared, predictions, settings, trades=earlier, series=series)
    return net_r_of(prepared, predictions, settings, later, _policies(tuned))


def _mean(r: FloatArray) -> float:
    return float(np.nanmean(r)) if np.isfinite(r).any() else float("nan")


def net_r_of(
    prepared: Prepared, predictions: RowPredictions, settings: Settings, trades: IntArray, ladders: list[Ladder]
) -> dict[str, FloatArray]:
    """Return the net R of these trades (positions) under each ladder, by the ladder's name."""
    series = {name for ladder in ladders for name in ladder.series}
    signals = signals_for(prepared.placed, {*series, *MODEL_SERIES}, prepared, predictions)
    net_r = simulate_many(prepared.placed.take(trades), ladders, signals.take(trades), threads=settings.project.threads)
    return {ladder.name: net_r[:, k] for k, ladder in enumerate(ladders)}


def _policies(tuned: ModelPolicy) -> list[Ladder]:
    """Return what is compared: the trail, an indicator rule on top of it, and the model."""
    indicator = replace(tuned.trail, name=INDICATOR_OR_TRAIL, rungs=(Rung(1.0, when=_OVERBOUGHT),))
    return [tuned.trail, indicator, tuned.by_model]
