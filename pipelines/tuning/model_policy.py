"""Exiting on the model's signal or a trailing stop, both tuned on out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.labels.labels import reachable_rows
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.space.space import SERIES_OF_RUNGS
from exitladder.pipelines.inputs.predictions import RowPredictions, predicted_trades
from exitladder.pipelines.inputs.prepare import Prepared, base_ladder
from exitladder.pipelines.inputs.signals import signals_for
from exitladder.pipelines.tuning.measures import OBJECTIVES
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP, steps
from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.units import Condition, Distance
from exitladder.settings.tables import SearchSettings, Settings
from exitladder.statistics.mean import clustered_error

# Shares of rows on which the signal would fire: from once in 200 bars to every other bar.
SHARES = np.linspace(0.005, 0.5, 25)
# Those of each series where both must hold; wider, since few rows fulfil two conditions.
JOINT_SHARES = np.array([0.03, 0.08, 0.15, 0.25, 0.4, 0.6])
# Widths of the trail to try, beside none; those of a finer grid in the settings are thinned.
MOST_WIDTHS = 24
# The one-standard-error rule: the simpler exit, a trailing stop alone, is kept unless the model gained more than its
# standard error on the trades tuned on.
LEAST_ERRORS = 1.0
# Ladders evaluated at once, and those that remain for objectives that need every fill.
_AT_ONCE, _SHORTLIST = 512, 16


@dataclass(frozen=True)
class ModelPolicy:
    """An exit from the whole trade on the model's signal or on a trailing stop, whichever comes first.

    Parameters
    ----------
    ladder : Ladder
        The exit to use: the model with its trail, or the trail alone if the model showed no gain.
    by_model, trail : Ladder
        The best of each on the trades that were tuned on; the same exit where the model is silent throughout. Either
        may have no trail.
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

    def advised(self, has_edge: bool) -> ModelPolicy:
        """Return the policy that uses the model only if `train` found an edge."""
        return replace(self, ladder=self.by_model if has_edge else self.trail)

    def to_mapping(self) -> dict[str, Any]:
        """Return the values that ``exitladder train`` prints."""
        rungs, alone = self.by_model.rungs, self.trail.stop.trail
        distance = self.by_model.stop.trail
        return {
            "uses_model": self.uses_model,
            "condition": " and ".join(map(str, rungs[0].when)) if rungs else None,
            "trail": str(distance) if distance else None,
            "trail_alone": str(alone) if alone else None,
            "gain_r": self.gain_r,
            "gain_in_errors": None if np.isnan(self.errors) else self.errors,
            "n_trades": self.n_trades,
            "n_tried": self.n_tried,
        }


def trail_ladders(base: Ladder, search: SearchSettings) -> list[Ladder]:
    """Return a ladder without rungs for each width of trailing stop to try, and one without a trail.

    Parameters
    ----------
    base : Ladder
        Costs, execution and initial stop.
    search : SearchSettings
        Its widths in ATR, at most `MOST_WIDTHS` of them, evenly spaced by ratio, and its longest time stop.

    Returns
    -------
    list of Ladder
    """
    held = replace(base, name=TRAILING_STOP, rungs=(), stop=replace(base.stop, time=max(search.time_bars)))
    widths = steps(search.limits("trail_width", "ATR"), search.step("trail_step", "ATR"))
    if len(widths) > MOST_WIDTHS:
        wanted = np.geomspace(widths[0], widths[-1], MOST_WIDTHS)
        widths = sorted({min(widths, key=lambda width: abs(width - each)) for each in wanted})
    return [*(replace(held, stop=replace(held.stop, trail=Distance(width, "ATR"))) for width in widths), held]


def tune_model_policy(
    prepared: Prepared,
    predictions: RowPredictions,
    settings: Settings,
    *,
    trades: npt.NDArray[np.int64] | None = None,
    rungs: Sequence[str] = (),
) -> ModelPolicy:
    """Return the threshold and the trail that were best on out-of-fold predictions.

    Parameters
    ----------
    prepared : Prepared
    predictions : RowPredictions
        From `predict_rows`: no stage predicts rows that it was trained on.
    settings : Settings
        ``tuning.objectives`` defines the best; ``search.trail_width`` and its step give the trails.
    trades : int64 array, optional
        Positions of the trades to tune on; all predicted ones by default.
    rungs : sequence of str
        The conditions on the model to try; those of ``search.model_rungs`` by default.

    Returns
    -------
    ModelPolicy
    """
    rungs = rungs or settings.search.model_rungs
    series = {name for rung in rungs for name in SERIES_OF_RUNGS[rung]}
    chosen = predicted_trades(prepared, predictions) if trades is None else trades
    signals = signals_for(prepared.placed, series, prepared, predictions).take(chosen)
    objectives = Objectives(
        settings.tuning,
        prepared.placed.take(chosen),
        signals,
        base_ladder(settings),
        threads=settings.project.threads,
        seed=settings.project.seed,
    )
    is_chosen = np.zeros(len(prepared.placed), dtype=np.bool_)
    is_chosen[chosen] = True
    conditions = model_conditions(
        prepared, predictions, is_chosen, reachable_atr=settings.labels.reachable_trail_atr, rungs=rungs
    )
    return best_model_policy(objectives, conditions, settings.search)


def best_model_policy(
    objectives: Objectives, conditions: Sequence[tuple[Condition, ...]], search: SearchSettings
) -> ModelPolicy:
    """Return the best combination of conditions on the model with a trail, and the best trail alone.

    The model is advised only if it gained at least `LEAST_ERRORS` standard errors over the best trail alone. Both sides
    choose among the same widths: a finer grid on one side would be a gain of its own.

    Parameters
    ----------
    objectives : Objectives
        On the trades to tune on, with the model's series among the signals.
    conditions : sequence of tuple of Condition
        Each of them is tried; see `model_conditions`.
    search : SearchSettings

    Returns
    -------
    ModelPolicy
    """
    trails = trail_ladders(objectives.base, search)
    trail = trails[_best(objectives, trails)]
    tried = [
        replace(each, name=MODEL_OR_TRAIL, rungs=(Rung(1.0, when=when),)) for when in conditions for each in trails
    ]
    n_trades = len(objectives.placed)
    if not tried:
        silent = replace(trail, name=MODEL_OR_TRAIL)
        return ModelPolicy(trail, silent, trail, 0.0, float("nan"), n_trades, len(trails))
    by_model = tried[_best(objectives, tried)]
    results = objectives.results([by_model, trail])
    gain, errors = _gain(results.net_r[:, 0], results.net_r[:, 1], results.entry_day)
    return ModelPolicy(
        ladder=by_model if errors >= LEAST_ERRORS else trail,
        by_model=by_model,
        trail=trail,
        gain_r=gain,
        errors=errors,
        n_trades=n_trades,
        n_tried=len(tried) + len(trails),
    )


def model_conditions(
    prepared: Prepared,
    predictions: RowPredictions,
    trades: npt.NDArray[np.bool_],
    *,
    reachable_atr: float,
    until: int | None = None,
    rungs: Sequence[str] = ("exhaustion", "hold_value_r"),
) -> list[tuple[Condition, ...]]:
    """Return the conditions on the model to try: one for each quantile of each series, rounded to three digits.

    Joint conditions (``both``) are pairs of some quantiles of the two series.

    Quantiles are those of the predictions on reachable bars: the first crossing of a natural threshold (a probability
    of one half, an advantage of zero) within some fifty bars would pick the worst noise.

    Parameters
    ----------
    prepared : Prepared
    predictions : RowPredictions
    trades : bool array, shape (n_trades,)
        Those to tune on.
    reachable_atr : float
        Width of the trail that reaches a bar, ATR.
    until : int, optional
        Nanoseconds since 1970 UTC: later bars are not known.
    rungs : sequence of str
        As in ``search.model_rungs``.

    Returns
    -------
    list of tuple of Condition
        Empty if no stage has anything to say.
    """
    reachable = reachable_rows(prepared.placed, prepared.rows, prepared.atr, reachable_atr)
    evaluation = reachable & (predictions.stage >= 0) & known_rows(prepared, trades, until)
    found: list[tuple[Condition, ...]] = []
    for rung in dict.fromkeys(rungs):
        series = SERIES_OF_RUNGS[rung]
        shares = SHARES if len(series) == 1 else JOINT_SHARES
        found += product(*(_conditions(name, predictions.reading(name)[evaluation], shares) for name in series))
    return found


def _conditions(name: str, predicted: FloatArray, shares: FloatArray) -> list[Condition]:
    """Return the condition that each share of rows fulfils; none if no stage has anything to say."""
    predicted = predicted[np.isfinite(predicted)]
    if not len(predicted):
        return []
    sells_low = name == "hold_value_r"
    levels = np.quantile(predicted, shares if sells_low else 1 - shares)
    return [Condition(name, "<=" if sells_low else ">=", v) for v in dict.fromkeys(float(f"{x:.3g}") for x in levels)]


def known_rows(prepared: Prepared, trades: npt.NDArray[np.bool_], until: int | None) -> npt.NDArray[np.bool_]:
    """Return which rows belong to some trades and were known at a moment, shape (n_rows,).

    Parameters
    ----------
    prepared : Prepared
    trades : bool array, shape (n_trades,)
    until : int or None
        Nanoseconds since 1970 UTC; None for all.

    Returns
    -------
    bool array, shape (n_rows,)
    """
    of_trades = np.asarray(np.repeat(trades, prepared.rows.lengths), dtype=np.bool_)
    if until is None:
        return of_trades
    return of_trades & (prepared.placed.bars.close_time[prepared.rows.bar] <= until)


def _best(objectives: Objectives, ladders: list[Ladder]) -> int:
    """Return the position of the best ladder.

    Objectives and constraints that need every fill or every neighbour decide among the few that are best without them.
    """
    tuning = objectives.settings
    first = OBJECTIVES[tuning.objectives[0]]
    quick = replace(
        tuning,
        objectives=("expectancy_r",) if first.takes_every_fill else tuning.objectives[:1],
        robust="none",
        max_drawdown_r=0.0,
    )
    found = _judged(replace(objectives, settings=quick), ladders)
    if quick == tuning:
        return objectives.choose(found, ladders)
    value = np.where(np.isfinite(found.values[:, 0]), found.values[:, 0], -np.inf)
    few = np.lexsort((-value, ~found.feasible))[:_SHORTLIST]
    shortlist = [ladders[k] for k in few]
    return int(few[objectives.choose(objectives.judge(shortlist), shortlist)])


def _judged(objectives: Objectives, ladders: list[Ladder]) -> Evaluation:
    return Evaluation.joined([objectives.judge(ladders[k : k + _AT_ONCE]) for k in range(0, len(ladders), _AT_ONCE)])


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
