"""Predictions of the model for every row: the series that signal rungs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.clock import interval_name
from exitladder.errors import FeatureError
from exitladder.features import (
    STATE_NAMES,
    refuse_other_benchmark,
    refuse_other_sources,
    row_matrix,
)
from exitladder.features.stored_set import feature_set_from_mapping
from exitladder.models.exhaustion import SERIES
from exitladder.models.forests.rows import RowSymbols
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import Settings

if TYPE_CHECKING:
    from exitladder.models.exhaustion.model import ExhaustionModel, Predictions

MODEL_SERIES = SERIES
_ROWS_AT_ONCE = 500_000


@dataclass(frozen=True)
class RowPredictions:
    """The model's predictions at the close of every row's bar.

    Parameters
    ----------
    exhaustion, hold_value_r : float64 array, shape (n_rows,)
        NaN before the first fold of the model, where no stage may predict.
    stage : int16 array, shape (n_rows,)
        The stage that predicted, -1 for none; the last stage is the final model, earlier ones are folds.
    n_stages : int
    n_embargoed : int
        Rows in the embargo after the last stage's labels, which the stage before predicts.
    finding : str
        Of the model's training: ``edge``, ``harm`` or ``no edge``; empty if it is not known.
    silent : mapping of str to tuple of bool
        By series, which stages are silent: they predict the past's constant, and no rule may act on it.
    own : mapping of str to bool array, shape (n_rows,)
        By series, which rows a model of their symbol predicted.
    """

    exhaustion: FloatArray
    hold_value_r: FloatArray
    stage: npt.NDArray[np.int16]
    n_stages: int
    n_embargoed: int = 0
    finding: str = ""
    silent: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    own: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def reading(self, series: str) -> FloatArray:
        """Return the values of a series that a rule may act on: NaN also where the stage is silent."""
        from exitladder.models.exhaustion.model import spoken

        return spoken(getattr(self, series), self.stage, self.silent.get(series, ()), self.own.get(series))

    def take(self, rows: IntArray | npt.NDArray[np.bool_]) -> RowPredictions:
        """Return the predictions of some rows (positions, repeated or not, or a mask)."""
        return replace(
            self,
            exhaustion=self.exhaustion[rows],
            hold_value_r=self.hold_value_r[rows],
            stage=self.stage[rows],
            own={series: flags[rows] for series, flags in self.own.items()},
        )

    def counts(self) -> dict[str, int]:
        """Return how many rows were predicted by fold models, by the final model and by none."""
        final = self.n_stages - 1
        return {
            "n_rows": len(self.stage),
            "n_rows_out_of_fold": int(((self.stage >= 0) & (self.stage < final)).sum()),
            "n_rows_final_model": int((self.stage == final).sum()),
            "n_rows_in_embargo": self.n_embargoed,
            "n_rows_in_sample": 0,
            "n_rows_without_prediction": int((self.stage < 0).sum()),
        }


def signal_bars(ladder: Ladder, settings: Settings) -> int:
    """Return for how many bars of a trade a model and trade features are known to a ladder; later ones are unknown.

    Backtests, tuning and advice share this limit: ``labels.max_bars``, as in training, or an earlier time stop.
    """
    return min(ladder.stop.time or settings.labels.max_bars, settings.labels.max_bars)


def outlives_rows(ladder: Ladder, most: int) -> bool:
    """Whether a ladder can read a model or trade features after the `most` bars of a trade that they are known for."""
    can_outlive = ladder.stop.time is None or ladder.stop.time > most
    return can_outlive and any(name in (*MODEL_SERIES, *STATE_NAMES) for name in ladder.series)


def with_features_of(model: ExhaustionModel, settings: Settings, bars: BarSet) -> Settings:
    """Return the settings with the features that the model was trained on.

    Parameters
    ----------
    model : ExhaustionModel
    settings : Settings
    bars : BarSet
        The bars to predict on.

    Returns
    -------
    Settings

    Raises
    ------
    FeatureError
        If a feature is computed differently now than in training: from another benchmark, series or calendar, or on
        bars of another interval. The message names the difference.
    """
    from exitladder.models.exhaustion.file import check_names

    missing = [name for name in ("features", "labels") if name not in model.context]
    if missing:
        raise FeatureError(
            f"A model must name the features and labels that it was trained on, but has no {missing[0]}. Use a model "
            "that exitladder train has stored."
        )
    stored = model.context["features"]
    features = feature_set_from_mapping(stored)
    check_names(features.names, model.names, "the model")
    refuse_other_sources(stored, settings.features)
    trained = model.context.get("intervals", [])
    others = sorted({interval_name(int(ns)) for ns in bars.interval_ns} - set(trained))
    if trained and others:
        raise FeatureError(
            f"The model was trained on bars of {' and '.join(trained)}, but these are of {' and '.join(others)}. The "
            "same features measure something else on them. Use bars of the model's interval, or train on these bars."
        )
    return replace(settings, features=replace(settings.features, names=features.names))


def predict_rows(
    prepared: Prepared, model: ExhaustionModel, progress: Progress = SILENT, first: IntArray | None = None
) -> RowPredictions:
    """Return the model's predictions for every row, each by the latest stage trained before it.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    progress : Progress
    first : int64 array, shape (n_trades,), optional
        The bar of each trade from which on its rows are predicted; all by default.

    Returns
    -------
    RowPredictions
        NaN for rows before the first stage, or before `first`.

    Notes
    -----
    Predictions are never in-sample: a stage predicts only bars after all labels that it was trained on had ended, and
    after the embargo. Backtests and advice read the same predictions.
    """
    n_rows = prepared.rows.n_rows
    wanted = np.arange(n_rows)
    if first is not None:
        wanted = wanted[prepared.rows.bar >= np.repeat(first, prepared.rows.lengths)]
    exhaustion, hold_value = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    stage = np.full(n_rows, -1, dtype=np.int16)
    with progress.stage("predictions", len(wanted)) as advance:
        for begin in range(0, len(wanted), _ROWS_AT_ONCE):
            part = wanted[begin : begin + _ROWS_AT_ONCE]
            predicted = predict_some(prepared, model, part)
            exhaustion[part], hold_value[part], stage[part] = (
                predicted.exhaustion,
                predicted.hold_value_r,
                predicted.stage,
            )
            advance(len(part))
    when = prepared.placed.bars.close_time[prepared.rows.bar]
    embargoed = int((model.stage_of(when, embargo=False) != stage)[wanted].sum())
    finding = str(model.context.get("value_finding", ""))
    own = model.own_rows(stage, RowSymbols.of(prepared.placed, prepared.rows.trade))
    return RowPredictions(exhaustion, hold_value, stage, len(model.stages), embargoed, finding, model.silent, own)


def predict_some(prepared: Prepared, model: ExhaustionModel, select: IntArray) -> Predictions:
    """Return the model's predictions for some rows; see `predict_rows`.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    select : int64 array
        Row numbers.

    Returns
    -------
    Predictions
        In the order of `select`.
    """
    seen = rows_seen(prepared, model, select)
    return model.predict(seen.X, seen.when, symbols=seen.symbols)


class RowsSeen(NamedTuple):
    """Some rows as a model reads them.

    Parameters
    ----------
    X : float32 array, shape (n_rows, n_features)
    when : int64 array, shape (n_rows,)
        Close of each row's bar, nanoseconds since 1970 UTC.
    symbols : RowSymbols
    """

    X: npt.NDArray[np.float32]
    when: IntArray
    symbols: RowSymbols


def rows_seen(prepared: Prepared, model: ExhaustionModel, select: IntArray) -> RowsSeen:
    """Return some rows as a model reads them, if its features are computed now as in its training.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    select : int64 array
        Row numbers.

    Returns
    -------
    RowsSeen
        In the order of `select`.

    Raises
    ------
    FeatureError
        If the benchmark's bars are of another interval than in training.
    """
    refuse_other_benchmark(model.context.get("features", {}), prepared.features.outside)
    matrix = row_matrix(prepared.placed, prepared.rows, prepared.features, select=select)
    when = prepared.placed.bars.close_time[prepared.rows.bar_of(select)]
    return RowsSeen(matrix.values, when, symbols_of(prepared, select))


def symbols_of(prepared: Prepared, select: IntArray) -> RowSymbols:
    """Return the symbols of some rows."""
    trade = np.searchsorted(prepared.rows.start, select, side="right") - 1
    return RowSymbols.of(prepared.placed, trade)


def predicted_trades(prepared: Prepared, predictions: RowPredictions) -> IntArray:
    """Return the positions of the trades that are predicted on every bar, in order of entry.

    A stage predicts from some time on, so these are the trades predicted on their first bar.
    """
    starts, has_rows = prepared.rows.start[:-1], prepared.rows.lengths > 0
    is_predicted = np.zeros(len(prepared.placed), dtype=bool)
    is_predicted[has_rows] = predictions.stage[starts[has_rows]] >= 0
    return np.flatnonzero(is_predicted)
