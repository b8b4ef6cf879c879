"""Exiting on the model's signal or a trailing stop, both tuned on out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.execution import simulate_many
from exitladder.models.labels.labels import reachable_rows
from exitladder.pipelines.inputs.predictions import MODEL_SERIES, RowPredictions, predicted_trades
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.tuning.policies import objective_values, steps
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Condition, Distance
from exitladder.settings.tables import LabelSettings, Settings
from exitladder.statistics.mean import clustered_error

TRAIL, MODEL_OR_TRAIL = "best trailing stop", "model or trail"

# Shares of rows on which the signal would fire: from once in 200 bars to every other bar.
SHARES = np.linspace(0.005, 0.5, 25)
# The one-standard-error rule: the simpler exit, a trailing stop alone, is kept unless the model gained more than its
# standard error on the trades tuned on.
LEAST_ERRORS = 1.0


@dataclass(frozen=True)
class ModelPolicy:
    """An exit from the whole trade on the model's signal or on a trailing stop, whichever comes first.

    Parameters
    ----------
    ladder : Ladder
        The exit to use: the model with its trail, or the trail alone if the model showed no gain.
    by_model, trail : Ladder
        The best of each on the trades that were tuned on; the same exit where the model is silent throughout.
    gain_r : float
        Mean gain of `by_model` over `trail` on those trades, in R per trade. As the best of many it is too optimistic.
    errors : float
        That gain in standard errors, taking days of entry as independent; NaN if it is the same on all days.
    n_trades, n_tried : int
        Trades tuned on; ladders tried.
    """

    ladder: Ladder
    by_model: Ladder
    trail: Ladder
    gain_r: float
    errors: float
    n_trades: int
    n_tried: int

    @property
    def uses_model(self) -> bool:
        """Whether the model showed a gain."""
        return self.ladder == self.by_model

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder train`` prints."""
        rungs = self.by_model.rungs
        distance = self.by_model.stop.trail
        return {
            "uses_model": self.uses_model,
            "condition": str(rungs[0].when[0]) if rungs else None,
            "trail": str(distance) if distance else None,
            "trail_alone": str(self.trail.stop.trail),
            "gain_r": self.gain_r,
            "gain_in_errors": None if np.isnan(self.errors) else self.errors,
            "n_trades": self.n_trades,
            "n_tried": self.n_tried,
        }


def trail_base(settings: Settings) -> Ladder:
    """Return the ladder without rungs and trail that all policies here share: costs, initial stop, time stop."""
    base = base_ladder(settings)
    return replace(base, stop=replace(base.stop, time=max(settings.search.time_bars)))


def trail_ladders(settings: Settings) -> list[Ladder]:
    """Return a ladder for each width of trailing stop in the search space."""
    base = trail_base(settings)
    widths = steps(settings.search.limits("trail_width", "ATR"), settings.search.step("trail_step", "ATR"))
    return [replace(base, name=TRAIL, stop=replace(base.stop, trail=Distance(width, "ATR"))) for width in widths]


def tune_model_policy(
    prepared: Prepared,
    predictions: RowPredictions,
    settings: Settings,
    *,
    trades: npt.NDArray[np.int64] | None = None,
    series: Sequence[str] = MODEL_SERIES,
) -> ModelPolicy:
    """Return the threshold and the trail that were best on out-of-fold predictions.

    Thresholds are tried at quantiles of the predictions on reachable bars: the first crossing of a natural threshold
    (a probability of one half, an advantage of zero) within some fifty bars would pick the worst noise. The model is
    advised only if it gained at least `LEAST_ERRORS` standard errors over the best trail alone.

    Parameters
    ----------
    prepared : Prepared
    predictions : RowPredictions
        From `predict_rows`: no stage predicts rows that it was trained on.
    settings : Settings
        ``tuning.objectives`` defines the best; ``search.trail_atr`` and its step give the trails.
    trades : int64 array, optional
        Positions of the trades to tune on; all predicted ones by default.
    series : sequence of str
        The model's series to try: exhaustion, hold_value_r.

    Returns
    -------
    ModelPolicy
    """
    chosen = predicted_trades(prepared, predictions) if trades is None else trades
    part = prepared.placed.take(chosen)
    signals = signals_for(prepared.placed, series, prepared, predictions).take(chosen)
    threads = settings.project.threads
    trails = trail_ladders(settings)
    alone = simulate_many(part, trails, threads=threads)
    best_trail = int(np.argmax(objective_values(alone, settings.tuning)))
    # Both sides choose among the same widths: a finer grid on one side would be a gain of its own.
    tried = [
        replace(trail, name=MODEL_OR_TRAIL, rungs=(Rung(1.0, when=(condition,)),))
        for condition in _conditions(prepared, predictions, settings.labels, chosen, series)
        for trail in trails
    ]
    if not tried:
        trail = trails[best_trail]
        silent = replace(trail, name=MODEL_OR_TRAIL)
        return ModelPolicy(trail, silent, trail, 0.0, float("nan"), len(chosen), len(trails))
    net_r = simulate_many(part, tried, signals, threads=threads)
    best = int(np.argmax(objective_values(net_r, settings.tuning)))
    days = np.asarray(prepared.entry_time[chosen], dtype=np.int64) // DAY_NS
    gain, errors = _gain(net_r[:, best], alone[:, best_trail], days)
    by_model, trail = tried[best], trails[best_trail]
    return ModelPolicy(
        ladder=by_model if errors >= LEAST_ERRORS else trail,
        by_model=by_model,
        trail=trail,
        gain_r=gain,
        errors=errors,
        n_trades=len(chosen),
        n_tried=len(tried) + len(trails),
    )


def _conditions(
    prepared: Prepared,
    predictions: RowPredictions,
    settings: LabelSettings,
    trades: IntArray,
    series: Sequence[str],
) -> list[Condition]:
    """Return a condition for each quantile of each series, rounded to three digits."""
    reachable = reachable_rows(prepared.placed, prepared.rows, prepared.atr, settings.reachable_trail_atr)
    evaluation = reachable & (predictions.stage >= 0) & np.isin(prepared.rows.trade, trades)
    found: list[Condition] = []
    for name in series:
        predicted = predictions.reading(name)[evaluation]
        predicted = predicted[np.isfinite(predicted)]
        if not len(predicted):
            # No stage has anything to say.
            continue
        high_ends = name == "exhaustion"
        levels = np.quantile(predicted, 1 - SHARES if high_ends else SHARES)
        written = dict.fromkeys(float(f"{level:.3g}") for level in levels)
        found += [Condition(name, ">=" if high_ends else "<=", level) for level in written]
    return found


def _gain(candidate: FloatArray, baseline: FloatArray, days: IntArray) -> tuple[float, float]:
    """Return the mean difference over the pairs, and how many standard errors that is if days are independent."""
    difference = candidate - baseline
    paired = np.isfinite(difference)
    difference = difference[paired]
    error, n_days = clustered_error(difference, days[paired])
    if n_days < 2:
        return float("nan"), float("nan")
    mean = float(difference.mean())
    return mean, mean / error if error > 0 else float("nan")
