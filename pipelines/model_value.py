"""What leaving on the model's word is worth in R, on trades that neither the model nor its threshold has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exitladder.bars import FloatArray, IntArray
from exitladder.execution import simulate_many
from exitladder.execution.comparison import Comparison, compare_r
from exitladder.ladder import Condition, Ladder, Rung
from exitladder.pipelines.model_policy import (
    MODEL_OR_TRAIL,
    TRAIL,
    ModelPolicy,
    spoken_trades,
    tune_model_policy,
)
from exitladder.pipelines.predictions import MODEL_SERIES, RowPredictions, signals_for
from exitladder.pipelines.prepare import Prepared
from exitladder.pipelines.split import LEAST_TRADES
from exitladder.settings import Settings

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
    """

    comparison: Comparison | None
    expectancy_r: dict[str, float]

    @property
    def finding(self) -> str:
        """``edge`` or ``harm`` where the interval leaves zero out, else ``no edge``; empty where it is not known."""
        if self.comparison is None or not self.comparison.is_known:
            return ""
        if self.comparison.low > 0:
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
    spoken = spoken_trades(prepared, predictions)
    if len(spoken) < 2 * LEAST_TRADES:
        return ModelValue(None, {})
    earlier, later = spoken[: len(spoken) // 2], spoken[len(spoken) // 2 :]
    tuned = tune_model_policy(prepared, predictions, settings, trades=earlier, series=series)
    result = net_r_of(prepared, predictions, settings, later, _policies(tuned))
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
