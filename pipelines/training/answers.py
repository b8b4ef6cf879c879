"""Whether a model's probabilities have come true since its training, on the trades at hand."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning
from exitladder.models.answer_drift import NO_ANSWERS, AnswerDrift, watch_answers
from exitladder.models.calibration.calibrators import sigmoid
from exitladder.pipelines.inputs.predictions import predict_some
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

if TYPE_CHECKING:
    from exitladder.models.exhaustion.model import ExhaustionModel

# Rows so late that one of ten outcomes would still be open are left out: those known early would be a selection.
_OUTCOMES_KNOWN = 0.9


def answers_now(bars: BarSet, trades: Trades, model: ExhaustionModel | None, settings: Settings) -> AnswerDrift:
    """Return whether the model's probabilities still agree with outcomes; see `watch_answers`.

    Parameters
    ----------
    bars : BarSet
        All bars count as known.
    trades : Trades
        All available trades; those of the model's training are left out.
    model : ExhaustionModel or None
    settings : Settings
        With the model's own features.

    Returns
    -------
    AnswerDrift
        Without answers if there is no model, its last stage is silent, or no trade is later than its training.
    """
    if model is None:
        return NO_ANSWERS
    later = trades.take(trades.entry_time >= model.stages[-1].valid_from_ns)
    known = np.isin(later.symbol.astype(str), bars.symbols) & (later.entry_time < bars.close_time.max())
    if not known.any():
        return NO_ANSWERS
    with warnings.catch_warnings():
        # The doubts about trades are told where the open ones are prepared.
        warnings.simplefilter("ignore", ExitladderWarning)
        longest = int(model.context["labels"]["max_bars"])
        prepared = prepare(bars, later.take(known), settings, max_bars=longest, keeps_all=True)
    return answers_of(prepared, model, settings)


def answers_of(prepared: Prepared, model: ExhaustionModel, settings: Settings) -> AnswerDrift:
    """Return the same for prepared trades, all of them later than the model's training.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    settings : Settings
        The model's own label settings are used.

    Returns
    -------
    AnswerDrift
    """
    from exitladder.pipelines.training.labels import row_labels

    labels: dict[str, Any] = dict(model.context["labels"])
    own = settings.with_values({"labels": labels}, "the model").labels
    found, rows, clock = row_labels(prepared, own), prepared.rows, prepared.placed.bars.close_time
    usable = np.flatnonzero(found.reachable & found.exhaustion.is_known)
    if not len(usable):
        return NO_ANSWERS
    bar = rows.bar_of(usable)
    time, known = clock[bar], clock[found.exhaustion.end_bar[usable]]
    last = int(clock.max()) - int(np.quantile(known - time, _OUTCOMES_KNOWN))
    usable, time, known = (values[time <= last] for values in (usable, time, known))
    predicted = predict_some(prepared, model, usable)
    said = predicted.reading("exhaustion")
    asked = np.isfinite(said)
    blend = model.stages[-1].race_blend
    usual = found.exhaustion.value[usable].mean() if blend is None else float(sigmoid(np.array(blend.stack.constant)))
    return watch_answers(
        said[asked],
        found.exhaustion.value[usable][asked],
        np.full(int(asked.sum()), usual),
        time[asked],
        known[asked],
        rows.trade[usable][asked],
    )


def log_answers(run: TrackedRun, answers: AnswerDrift) -> AnswerDrift:
    """Record the finding as metrics and a tag of a run, and return it; nothing without answers."""
    if answers.n_answers:
        run.log_metrics({f"answers_{name}": value for name, value in answers.to_mapping().items()})
    if answers.sentence:
        run.log_tags({"answers": answers.sentence})
    return answers
