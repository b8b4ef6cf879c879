"""The meeting place of model and ladder: series for the conditions of signal rungs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from exitladder.bars import BarSet, FloatArray, IntArray, interval_name
from exitladder.errors import FeatureError, LadderError, did_you_mean
from exitladder.features import (
    FeatureSet,
    feature_matrix,
    refuse_other_benchmark,
    refuse_other_sources,
    row_matrix,
    trade_state_rows,
)
from exitladder.features.trade_state import STATE_NAMES
from exitladder.ladder import STATE_SERIES
from exitladder.pipelines.prepare import Prepared
from exitladder.progress import SILENT, Progress
from exitladder.settings import Settings
from exitladder.signals import Signals
from exitladder.trades import PlacedTrades

if TYPE_CHECKING:
    from exitladder.models.exhaustion import ExhaustionModel, Predictions

MODEL_SERIES = ("exhaustion", "hold_value_r")
_ROWS_AT_ONCE = 500_000


@dataclass(frozen=True)
class RowPredictions:
    """What the model says at the close of every row's bar.

    Parameters
    ----------
    exhaustion, hold_value_r : float64 array, shape (n_rows,)
        NaN where no stage of the model may speak: at times before its first fold.
    stage : int16 array, shape (n_rows,)
        The stage that spoke, -1 for none; the last stage is the final model, earlier ones are folds.
    n_stages : int
    """

    exhaustion: FloatArray
    hold_value_r: FloatArray
    stage: npt.NDArray[np.int16]
    n_stages: int

    def counts(self) -> dict[str, int]:
        """Return how many rows were predicted by fold models, by the final model and by none."""
        final = self.n_stages - 1
        return {
            "n_rows": len(self.stage),
            "n_rows_out_of_fold": int(((self.stage >= 0) & (self.stage < final)).sum()),
            "n_rows_final_model": int((self.stage == final).sum()),
            "n_rows_in_sample": 0,
            "n_rows_without_prediction": int((self.stage < 0).sum()),
        }


def with_features_of(model: ExhaustionModel, settings: Settings, bars: BarSet) -> Settings:
    """Return the settings with the features that the model was trained on.

    Raises
    ------
    FeatureError
        If a feature is computed otherwise now than when the model was trained, from another benchmark, series or
        clock, or of bars of another interval; the difference is named.
    """
    from exitladder.models.exhaustion_file import check_names

    stored = model.context["features"]
    features = FeatureSet.from_mapping(stored)
    check_names(features.names, model.names, "the model")
    refuse_other_sources(stored, settings.features)
    trained = model.context.get("intervals", [])
    others = sorted({interval_name(int(ns)) for ns in bars.interval_ns} - set(trained))
    if trained and others:
        raise FeatureError(
            f"The model was trained on bars of {' and '.join(trained)}, but these are of {' and '.join(others)}: the "
            "same columns mean something else there. Read bars of its interval, or train on these."
        )
    return replace(settings, features=replace(settings.features, names=features.names))


def predict_rows(
    prepared: Prepared, model: ExhaustionModel, progress: Progress = SILENT, *, embargo: bool = True
) -> RowPredictions:
    """Return the model's predictions for every row, each by the latest stage trained before it.

    Parameters
    ----------
    embargo : bool
        False lets the last stage speak from its last label on; for advice on what is open now.

    Notes
    -----
    Never in-sample: a stage speaks only for bars after every label that it was trained on had ended.
    """
    n_rows = prepared.rows.n_rows
    exhaustion, hold_value = np.full(n_rows, np.nan), np.full(n_rows, np.nan)
    stage = np.full(n_rows, -1, dtype=np.int16)
    with progress.stage("predictions", n_rows) as advance:
        for first in range(0, n_rows, _ROWS_AT_ONCE):
            part = slice(first, min(first + _ROWS_AT_ONCE, n_rows))
            said = predict_some(prepared, model, np.arange(part.start, part.stop), embargo=embargo)
            exhaustion[part], hold_value[part], stage[part] = said.exhaustion, said.hold_value_r, said.stage
            advance(part.stop - part.start)
    return RowPredictions(exhaustion, hold_value, stage, len(model.stages))


def predict_some(prepared: Prepared, model: ExhaustionModel, select: IntArray, *, embargo: bool = True) -> Predictions:
    """Return the model's predictions for these rows (row numbers); see `predict_rows`."""
    refuse_other_benchmark(model.context.get("features", {}), prepared.features.outside)
    matrix = row_matrix(prepared.placed, prepared.rows, prepared.features, select=select)
    when = prepared.placed.bars.close_time[prepared.rows.bar_of(select)]
    return model.predict(matrix.values, when, embargo=embargo)


def signals_for(
    placed: PlacedTrades,
    series: Iterable[str],
    prepared: Prepared | None = None,
    predictions: RowPredictions | None = None,
) -> Signals:
    """Return the named series for these trades.

    Parameters
    ----------
    placed : PlacedTrades
        The same trades as `prepared`'s where predictions are given.
    series : iterable of str
        Features, model outputs or further columns of the bars; `Ladder.series` of the ladders at hand.
    predictions : RowPredictions, optional
        Needed for ``exhaustion`` and ``hold_value_r``.

    Raises
    ------
    LadderError
        If a condition names no known series, or a model's series without a model.
    """
    names = sorted(set(series))
    own = [n for n in names if n in placed.bars.extra]
    from_model = [n for n in names if n in MODEL_SERIES]
    signals = Signals.none(len(placed))
    if from_model:
        if predictions is None or prepared is None:
            raise LadderError(
                f"The ladder's condition on '{from_model[0]}' needs a model's predictions, but no model is given. "
                "Name one with --model, or take the rung out."
            )
        said = {"exhaustion": predictions.exhaustion, "hold_value_r": predictions.hold_value_r}
        signals = signals.join(Signals.from_rows(prepared.rows, {n: said[n] for n in from_model}))
    state = [n for n in names if n in STATE_NAMES and n not in own]
    if state:
        if prepared is None:
            raise LadderError(f"The series '{state[0]}' is a trade's own state and needs its rows.")
        columns = trade_state_rows(placed, prepared.rows, prepared.atr, state)
        signals = signals.join(Signals.from_rows(prepared.rows, {n: columns[:, k] for k, n in enumerate(state)}))
    features = [n for n in names if n not in (*own, *from_model, *state)]
    if features:
        wanted = _known_features(features, placed.bars)
        if prepared is not None:
            wanted = replace(wanted, outside=prepared.features.outside)
        sides = [_columns(placed.bars, wanted, side) for side in (1, -1)]
        signals = signals.join(Signals.from_bars(placed, sides[0], sides[1]))
    if own:
        given = {n: placed.bars.extra[n] for n in own}
        signals = signals.join(Signals.from_bars(placed, given, given))
    return signals


def _columns(bars: BarSet, wanted: FeatureSet, side: int) -> dict[str, FloatArray]:
    matrix = feature_matrix(bars, wanted, side)
    return {name: np.ascontiguousarray(matrix.values[:, k]) for k, name in enumerate(matrix.names)}


def _known_features(names: list[str], bars: BarSet) -> FeatureSet:
    for name in names:
        try:
            FeatureSet.from_names([name])
        except FeatureError as error:
            choices = [*FeatureSet.from_names(["all"]).names, *MODEL_SERIES, *STATE_SERIES, *bars.extra]
            raise LadderError(
                f"A condition names the series '{name}', which is not known. {did_you_mean(name, choices)}"
            ) from error
    return FeatureSet.from_names(names)
