"""The value of the model's signal in R, on trades that neither the model nor its threshold has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution import simulate_many
from exitladder.pipelines.inputs.predictions import MODEL_SERIES, RowPredictions, predicted_trades
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.tuning.folds import LEAST_TRADES
from exitladder.pipelines.tuning.model_policy import ModelPolicy, tune_model_policy
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Condition
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison, compare_r

INDICATOR_OR_TRAIL = "RSI and Bollinger or trail"
_OVERBOUGHT = (Condition("rsi_14", ">=", 70.0), Condition("bb_pctb_20", ">=", 1.0))


@dataclass(frozen=True)
class ModelValue:
    """The gain of exits on the model's signal over the best trailing stop, on trades the model never saw.

    Parameters
    ----------
    comparison : Comparison or None
        Model and trail against the trail alone, on the later half of the out-of-fold trades; both
        tuned on the earlier half. None if there are too few trades.
    expectancy_r : dict of str to float
        Mean net R per trade of each policy on the same later half.
    shuffled_gain_r : float
        The same gain with predictions shuffled between trades and bars: the value of exits without timing information.
        NaN if it is not known.
    same_age_gain_r : float
        The same gain with predictions shuffled between trades, each at its age: what the age of a trade alone tells,
        and a time stop may do as well. NaN if it is not known.
    """

    comparison: Comparison | None
    expectancy_r: dict[str, float]
    shuffled_gain_r: float = float("nan")
    same_age_gain_r: float = float("nan")

    @property
    def finding(self) -> str:
        """``edge``, ``harm`` or ``no edge``; empty if it is not known.

        An edge is an interval above zero and above the gain with shuffled predictions; harm is one below zero. Either
        also needs a p-value of at most one minus the confidence, as a verdict does.
        """
        found = self.comparison
        if found is None or not found.is_known:
            return ""
        if not found.p_value <= 1 - found.confidence + 1e-9:
            return "no edge"
        if found.low > max(0.0, np.nan_to_num(self.shuffled_gain_r)):
            return "edge"
        return "harm" if found.high < 0 else "no edge"


def gain_over_trail(
    prepared: Prepared, predictions: RowPredictions, settings: Settings, *, rungs: Sequence[str] = ()
) -> tuple[Comparison | None, dict[str, float]]:
    """Return the gain of exits on the model's signal over the best trailing stop, and the mean result of each policy.

    The predicted trades are split in half by time. Trail width and threshold are tuned on the earlier half. The later
    half, which neither the boosters nor the thresholds have seen, is scored once.

    Parameters
    ----------
    prepared : Prepared
    predictions : RowPredictions
        Out of fold.
    settings : Settings
    rungs : sequence of str
        The conditions on the model that an exit may have; those of ``search.model_rungs`` by default.

    Returns
    -------
    comparison : Comparison or None
    expectancy_r : dict of str to float
        As in `ModelValue`.
    """
    chosen = predicted_trades(prepared, predictions)
    if len(chosen) < 2 * LEAST_TRADES:
        return None, {}
    result = _scored(prepared, predictions, settings, chosen, rungs)
    found = compare_r(
        result[MODEL_OR_TRAIL],
        result[TRAILING_STOP],
        time=prepared.entry_time[chosen[len(chosen) // 2 :]],
        intervals=settings.intervals,
    )
    return found, {name: _mean(r) for name, r in result.items()}


def model_value(prepared: Prepared, predictions: RowPredictions, settings: Settings) -> ModelValue:
    """Return the gain of exits on the model's signal, beside that on shuffled predictions; see `gain_over_trail`.

    Parameters
    ----------
    prepared : Prepared
    predictions : RowPredictions
        Out of fold.
    settings : Settings

    Returns
    -------
    ModelValue
    """
    comparison, expectancy_r = gain_over_trail(prepared, predictions, settings)
    if comparison is None:
        return ModelValue(None, {})
    gains = []
    for keeps_age in (False, True):
        others = shuffle_predictions(prepared, predictions, settings.project.seed, keeps_age=keeps_age)
        shuffled = _scored(prepared, others, settings, predicted_trades(prepared, predictions))
        gains.append(_mean(shuffled[MODEL_OR_TRAIL] - shuffled[TRAILING_STOP]))
    return ModelValue(comparison, expectancy_r, *gains)


def shuffle_predictions(
    prepared: Prepared, predicted: RowPredictions, seed: int, *, keeps_age: bool = False
) -> RowPredictions:
    """Return predictions with each trade's replaced by those of another trade of the same stage.

    They begin at a random bar of the other trade and go round, so how often the signal fires stays the same, and
    its knowledge of the trade is gone, that of its age included. A control that kept the age would earn what a law of
    age is worth, and no model that knows this law would have an edge.

    Parameters
    ----------
    prepared : Prepared
    predicted : RowPredictions
    seed : int
    keeps_age : bool
        Begin at the other trade's first bar: every prediction stays at its age, and so does its knowledge of it.

    Returns
    -------
    RowPredictions
    """
    rng = np.random.default_rng(seed)
    start, length = prepared.rows.start[:-1], prepared.rows.lengths
    trades = np.flatnonzero(length > 0)
    stage = predicted.stage[start[trades]]
    source = np.arange(len(predicted.stage))
    for one in np.unique(stage[stage >= 0]):
        alike = trades[stage == one]
        others = rng.permutation(alike)
        begins = np.zeros(len(alike), dtype=np.int64) if keeps_age else rng.integers(length[others])
        for own, other, begin in zip(alike, others, begins, strict=True):
            bars = np.arange(length[own])
            source[start[own] + bars] = start[other] + (begin + bars) % length[other]
    return replace(predicted.take(source), stage=predicted.stage)


def _scored(
    prepared: Prepared,
    predictions: RowPredictions,
    settings: Settings,
    trades: IntArray,
    rungs: Sequence[str] = (),
) -> dict[str, FloatArray]:
    """Return the net R of the later half of the trades under each policy, tuned on the earlier half."""
    earlier, later = trades[: len(trades) // 2], trades[len(trades) // 2 :]
    tuned = tune_model_policy(prepared, predictions, settings, trades=earlier, rungs=rungs)
    return net_r_of(prepared, predictions, later, _policies(tuned), threads=settings.project.threads)


def _mean(r: FloatArray) -> float:
    return float(np.nanmean(r)) if np.isfinite(r).any() else float("nan")


def net_r_of(
    prepared: Prepared, predictions: RowPredictions, trades: IntArray, ladders: list[Ladder], *, threads: int = 0
) -> dict[str, FloatArray]:
    """Return the net R of some trades under each ladder.

    Parameters
    ----------
    prepared : Prepared
    predictions : RowPredictions
        Of all rows of `prepared`.
    trades : int64 array
        Positions of the trades.
    ladders : list of Ladder
    threads : int
        0 for all cores.

    Returns
    -------
    dict of str to float64 array, shape (n_chosen,)
        By the ladder's name.
    """
    series = {name for ladder in ladders for name in ladder.series}
    signals = signals_for(prepared.placed, {*series, *MODEL_SERIES}, prepared, predictions)
    net_r = simulate_many(prepared.placed.take(trades), ladders, signals.take(trades), threads=threads)
    return {ladder.name: net_r[:, k] for k, ladder in enumerate(ladders)}


def _policies(tuned: ModelPolicy) -> list[Ladder]:
    """Return the policies to compare: the trail, the trail with an indicator rule, and the model."""
    indicator = replace(tuned.trail, name=INDICATOR_OR_TRAIL, rungs=(Rung(1.0, when=_OVERBOUGHT),))
    return [tuned.trail, indicator, tuned.by_model]
