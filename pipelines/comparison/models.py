"""Models compared on the same rows: log loss, calibration, and what an exit on each earns; all out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import DAY_NS
from exitladder.errors import TradesError
from exitladder.models.calibration.calibrators import logit
from exitladder.models.calibration.measures import probability_measures, reliability_bins
from exitladder.models.exhaustion.file import MODEL_FILE, load_model
from exitladder.pipelines.inputs.job import Job, open_job
from exitladder.pipelines.inputs.predictions import RowPredictions, predicted_trades
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.record import RUN_ID, read_record
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.training.labels import row_labels
from exitladder.pipelines.training.value import net_r_of
from exitladder.pipelines.tuning.folds import LEAST_TRADES
from exitladder.pipelines.tuning.model_policy import tune_model_policy
from exitladder.runtime.progress import Progress
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import Comparison, compare_r, holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.paired_days.days import DayResampling, PairedMeasure
from exitladder.statistics.verdict import measured

if TYPE_CHECKING:
    from exitladder.trades.trades import Trades

_BINS = 10


@dataclass(frozen=True)
class Predicted:
    """A model's out-of-fold predictions for the rows of the trades.

    Parameters
    ----------
    name : str
    job : Job
    labels : dict
        The settings of the labels that it learnt.
    """

    name: str
    job: Job
    labels: dict[str, Any]

    @property
    def predictions(self) -> RowPredictions:
        """The predictions of all rows."""
        assert self.job.predictions is not None
        return self.job.predictions


def is_model(name: str, tracker: Tracker) -> bool:
    """Return whether a source is a model: a reference, a folder of one, or a recorded run of ``train``."""
    if name.startswith("models:"):
        return True
    folder = Path(name)
    if folder.is_dir():
        # A tuning keeps its model's measures in a file of the same name.
        return (folder / MODEL_FILE).is_file() and not (folder / "trades.csv").is_file()
    record = read_record(tracker.store.home, name) if RUN_ID.fullmatch(name) else None
    return record is not None and record["kind"] == "train"


def compare_models(
    names: Sequence[str], data: tuple[BarSet, Trades], settings: Settings, progress: Progress
) -> dict[str, Any]:
    """Return every later model compared with the first, on rows that neither has seen.

    Parameters
    ----------
    names : sequence of str
        References, folders or runs of ``train``.
    data : (BarSet, Trades)
    settings : Settings
        The labels are those that the models learnt.
    progress : Progress

    Returns
    -------
    dict
        ``kind`` ("models"), ``baseline``, ``sources`` (log_loss, brier, auc, calibration_error and base_rate on the
        rows that all predict) and ``pairs``: ``log_loss`` and ``calibration_error`` (each candidate, baseline,
        difference, low, high, p_value, p_adjusted, detectable; lower is better), ``value`` (the same in net R per
        trade of an exit on the model's signal or a trail, tuned on the earlier half of the trades and scored on the
        later half), n_rows, n_trades, verdict and verdict_text. The verdict is that of the log loss.

    Raises
    ------
    TradesError
        If the models learnt different labels, or no row is predicted by all.
    """
    found = [_predicted(name, data, settings, progress) for name in names]
    _check_alike(found)
    first, *others = found
    labels = row_labels(first.job.prepared, first.job.settings.labels)
    outcome = labels.exhaustion.value
    known = np.isfinite(outcome) & labels.reachable
    for one in found:
        known &= (one.predictions.stage >= 0) & np.isfinite(one.predictions.exhaustion)
    if not known.any():
        raise TradesError(
            "Models are compared on rows that all of them predict out of fold, but there is none: they were trained "
            "on data later than these trades. Give newer trades and bars."
        )
    rows = first.job.prepared.rows
    n_trades = len(np.unique(rows.trade[known]))
    when = first.job.prepared.placed.bars.close_time[rows.bar[known]]
    y = outcome[known]
    pairs = []
    with progress.stage("comparing models", len(others)) as advance:
        for other in others:
            p = (other.predictions.exhaustion[known], first.predictions.exhaustion[known])
            measures = prediction_measures(p, y, when, settings.intervals)
            pairs.append((other, measures, _value(other, first, settings)))
            advance(1)
    adjusted = holm([measures["log_loss"].p_value for _, measures, _ in pairs])
    return {
        "kind": "models",
        "baseline": first.name,
        "sources": {one.name: probability_measures(one.predictions.exhaustion[known], y) for one in found},
        "pairs": [
            _pair(first.name, *pair, p_adjusted=float(p)) | {"n_rows": int(known.sum()), "n_trades": n_trades}
            for pair, p in zip(pairs, adjusted, strict=True)
        ],
    }


def _predicted(name: str, data: tuple[BarSet, Trades], settings: Settings, progress: Progress) -> Predicted:
    model = load_model(resolve_model(name, Tracker.from_settings(settings).store))
    labels = dict(model.context.get("labels", {}))
    own = settings.with_values({"labels": labels}) if labels else settings
    return Predicted(name, open_job(*data, own, model=model, progress=progress), labels)


def _check_alike(found: Sequence[Predicted]) -> None:
    first = found[0]
    for other in found[1:]:
        keys = [key for key in first.labels if other.labels.get(key) != first.labels[key]]
        if keys:
            shown = ", ".join(f"labels.{key} {first.labels[key]} and {other.labels.get(key)}" for key in keys)
            raise TradesError(
                f"Models are compared on the same outcomes, but '{first.name}' and '{other.name}' learnt different "
                f"ones ({shown}). Compare backtests of ladders that read them, or train both with the same [labels]."
            )
        if other.job.prepared.rows.n_rows != first.job.prepared.rows.n_rows:
            raise TradesError(
                f"Models are compared on the same rows, but '{first.name}' and '{other.name}' need different bars "
                "before an entry. Give bars that begin earlier."
            )


def prediction_measures(
    predicted: tuple[FloatArray, FloatArray], outcome: FloatArray, when: IntArray, intervals: Intervals
) -> dict[str, PairedMeasure]:
    """Return the differences of two models' predictions of the same outcomes, all rows of a day drawn together.

    Parameters
    ----------
    predicted : (float64 array, float64 array), shape (n,)
        Probabilities of the candidate and the baseline.
    outcome : float64 array, shape (n,)
        0 or 1.
    when : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.
    intervals : Intervals

    Returns
    -------
    dict of str to PairedMeasure
        ``log_loss``; ``calibration_error``, the mean distance between predicted and observed share over ten bins of
        equal count. Of both, lower is better.
    """
    day = when // DAY_NS - int(when.min() // DAY_NS)
    losses = [np.logaddexp(0.0, x) - outcome * x for x in map(logit, predicted)]
    n_days = int(day.max()) + 1
    apart = losses[0] - losses[1]
    days = DayResampling.of(day, apart, np.bincount(day, apart - apart.mean(), n_days).astype(np.float64), intervals)
    columns = {"n": days.per_day(np.ones(len(outcome)))}
    for key, loss, p in zip("cb", losses, predicted, strict=True):
        columns[f"{key}loss"] = days.per_day(loss)
        bins = reliability_bins(p, _BINS)
        for k in range(_BINS):
            # what a bin adds to the error is the distance between its sums of predictions and outcomes
            columns[f"{key}{k}"] = days.per_day(np.where(bins == k, p - outcome, 0.0))
    drawn, whole = days.sums(columns)
    drawn["n"] = np.where(drawn["n"] > 0, drawn["n"], np.nan)

    def errors(sums: Any, key: str) -> Any:
        return sum(np.abs(sums[f"{key}{k}"]) for k in range(_BINS)) / sums["n"]

    return {
        "log_loss": days.measure(
            whole["closs"] / whole["n"], whole["bloss"] / whole["n"], (drawn["closs"] - drawn["bloss"]) / drawn["n"]
        ),
        "calibration_error": days.measure(
            float(errors(whole, "c")), float(errors(whole, "b")), np.asarray(errors(drawn, "c") - errors(drawn, "b"))
        ),
    }


def _value(other: Predicted, first: Predicted, settings: Settings) -> Comparison | None:
    """Return the difference of exits on the two signals, tuned on the earlier half and scored on the later half."""
    both: BoolArray = np.zeros(len(first.job.prepared.placed), dtype=bool)
    ours, theirs = (predicted_trades(one.job.prepared, one.predictions) for one in (other, first))
    both[np.intersect1d(ours, theirs)] = True
    chosen = np.flatnonzero(both)
    if len(chosen) < 2 * LEAST_TRADES:
        return None
    earlier, later = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
    results = []
    for one in (other, first):
        tuned = tune_model_policy(one.job.prepared, one.predictions, one.job.settings, trades=earlier)
        ladder = replace(tuned.by_model, name="model")
        threads = settings.project.threads
        results.append(net_r_of(one.job.prepared, one.predictions, later, [ladder], threads=threads)["model"])
    time = first.job.prepared.entry_time[later]
    return compare_r(results[0], results[1], time=time, intervals=settings.intervals)


def _pair(
    first: str, other: Predicted, measures: dict[str, PairedMeasure], value: Comparison | None, *, p_adjusted: float
) -> dict[str, Any]:
    loss = measures["log_loss"]
    kind = _kind(loss, p_adjusted, 1 - other.job.settings.intervals.confidence)
    said = {
        "better": f"'{other.name}' predicts better than '{first}'",
        "worse": f"'{other.name}' predicts worse than '{first}'",
        "no_difference": f"No statistically significant difference between the predictions of '{other.name}' and "
        f"'{first}'",
    }[kind]
    confidence = other.job.settings.intervals.confidence
    text = f"{said}: {loss.difference:+.4f} log loss per row ({confidence:.0%} CI [{loss.low:+.4f}, {loss.high:+.4f}])."
    if np.isfinite(loss.detectable):
        text += f" Smallest true difference that these rows detect: {loss.detectable:.2g} (80% power)."
    if value is not None:
        text += f" Exits on their signals: {measured(value)}."
    silent = [name for name, flags in other.predictions.silent.items() if flags and all(flags)]
    if silent:
        text += f" '{other.name}' is silent on {' and '.join(silent)}: it predicts the past's constant."
    return {
        "source": other.name,
        "against": first,
        "log_loss": loss.to_mapping() | {"p_adjusted": None if np.isnan(p_adjusted) else p_adjusted},
        "calibration_error": measures["calibration_error"].to_mapping(),
        "value": None if value is None else value.to_mapping(),
        "verdict": kind,
        "verdict_text": text,
    }


def _kind(loss: PairedMeasure, p: float, size: float) -> str:
    if not np.isfinite(loss.low) or not np.isfinite(loss.high) or not p <= size + 1e-12:
        return "no_difference"
    return "better" if loss.high < 0 else "worse" if loss.low > 0 else "no_difference"
