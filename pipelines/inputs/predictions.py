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
from exitladder.errors import FeatureError, LadderError
from exitladder.features import (
    STATE_NAMES,
    refuse_other_benchmark,
    refuse_other_sources,
    row_matrix,
)
from exitladder.features.stored_set import feature_set_from_mapping
from exitladder.models.exhaustion import RANK, SERIES
from exitladder.pipelines.inputs.books import finding_of, groups_of_trades
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.plans.ladder import Ladder
from exitladder.runtime.progress import SILENT, Progress
from exitladder.settings.tables import SearchSettings, Settings

if TYPE_CHECKING:
    from exitladder.models.exhaustion.model import ExhaustionModel, Predictions
    from exitladder.models.forests.rows import RowSymbols

MODEL_SERIES = SERIES
# All series of the model that a condition may read.
READABLE = (*SERIES, RANK)
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
    hushed : mapping of str to bool array, shape (n_rows,)
        By series, which rows a silent book of a pooled model predicted.
    exit_rank : float64 array, shape (n_rows,), optional
        Both series as one rank from 0 to 1; see `Predictions`. None if the model has none.
    """

    exhaustion: FloatArray
    hold_value_r: FloatArray
    stage: npt.NDArray[np.int16]
    n_stages: int
    n_embargoed: int = 0
    finding: str = ""
    silent: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    own: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    hushed: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    exit_rank: FloatArray | None = None

    def reading(self, series: str) -> FloatArray:
        """Return the values of a series that a rule may act on: NaN also where the stage is silent."""
        if series == RANK:
            return self._known_rank()
        from exitladder.models.exhaustion.model import spoken

        values = spoken(getattr(self, series), self.stage, self.silent.get(series, ()), self.own.get(series))
        hushed = self.hushed.get(series)
        return values if hushed is None else np.where(hushed, np.nan, values)

    def _known_rank(self) -> FloatArray:
        if self.exit_rank is None:
            raise LadderError(
                f"'{RANK}' ranks both series of a model, but this model has no ranks: it was trained by an earlier "
                'version or with model.combine = "forest". Train it again, or read exhaustion and hold_value_r.'
            )
        return self.exit_rank

    def take(self, rows: IntArray | npt.NDArray[np.bool_]) -> RowPredictions:
        """Return the predictions of some rows (positions, repeated or not, or a mask)."""
        return replace(
            self,
            exhaustion=self.exhaustion[rows],
            hold_value_r=self.hold_value_r[rows],
            stage=self.stage[rows],
            own={series: flags[rows] for series, flags in self.own.items()},
            hushed={series: flags[rows] for series, flags in self.hushed.items()},
            exit_rank=None if self.exit_rank is None else self.exit_rank[rows],
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


def readable_of(predictions: RowPredictions | None, search: SearchSettings) -> tuple[str, ...]:
    """Return the series of the model that a search may read: none without predictions."""
    if predictions is None:
        return ()
    return READABLE if RANK in search.model_rungs else MODEL_SERIES


def signal_bars(ladder: Ladder, settings: Settings) -> int:
    """Return for how many bars of a trade a model and trade features are known to a ladder; later ones are unknown.

    Backtests, tuning and advice share this limit: ``labels.max_bars``, as in training, or an earlier time stop.
    """
    return min(ladder.stop.time or settings.labels.max_bars, settings.labels.max_bars)


def outlives_rows(ladder: Ladder, most: int) -> bool:
    """Whether a ladder can read a model or trade features after the `most` bars of a trade that they are known for."""
    can_outlive = ladder.stop.time is None or ladder.stop.time > most
    return can_outlive and any(name in (*READABLE, *STATE_NAMES) for name in ladder.series)


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
    exhaustion, hold_value, rank = (np.full(n_rows, np.nan) for _ in range(3))
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
            if predicted.exit_rank is not None:
                rank[part] = predicted.exit_rank
            advance(len(part))
    when = prepared.placed.bars.close_time[prepared.rows.bar]
    embargoed = int((model.stage_of(when, embargo=False) != stage)[wanted].sum())
    groups = groups_of_trades(prepared, model, prepared.rows.trade)
    own, hushed = (model.own_rows(stage, groups, silent=silent) for silent in (False, True))
    found = RowPredictions(
        exhaustion,
        hold_value,
        stage,
        len(model.stages),
        embargoed,
        finding_of(model, groups),
        model.silent,
        own,
        hushed,
    )
    return replace(found, exit_rank=rank) if model.has_ranks else found


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
    return model.predict(seen.X, seen.when, symbols=seen.symbols).take(seen.place)


class RowsSeen(NamedTuple):
    """Some rows as a model reads them, equal ones once.

    Parameters
    ----------
    X : float32 array, shape (n_distinct, n_features)
    when : int64 array, shape (n_distinct,)
        Close of each row's bar, nanoseconds since 1970 UTC.
    symbols : RowSymbols
        Of the distinct rows.
    sides : int8 array, shape (n_distinct,)
        +1 long, -1 short.
    place : int64 array, shape (n_rows,)
        For each row asked for, its position among the distinct ones.
    """

    X: npt.NDArray[np.float32]
    when: IntArray
    symbols: RowSymbols
    sides: npt.NDArray[np.int8]
    place: IntArray


def rows_seen(prepared: Prepared, model: ExhaustionModel, select: IntArray) -> RowsSeen:
    """Return some rows as a model reads them, if its features are computed now as in its training.

    Without features of the trade's state, a row depends only on its bar and the trade's side, so that trades of one
    symbol share rows: each is computed, predicted and explained once.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    select : int64 array
        Row numbers.

    Returns
    -------
    RowsSeen

    Raises
    ------
    FeatureError
        If the benchmark's bars are of another interval than in training.
    """
    refuse_other_benchmark(model.context.get("features", {}), prepared.features.outside)
    placed, rows = prepared.placed, prepared.rows
    place = np.arange(len(select))
    if not prepared.features.state_names:
        keys = 2 * rows.bar_of(select) + (placed.trades.side[trades_of(prepared, select)] > 0)
        _, first, place = np.unique(keys, return_index=True, return_inverse=True)
        select = select[first]
    trade = trades_of(prepared, select)
    matrix = row_matrix(placed, rows, prepared.features, select=select)
    when = placed.bars.close_time[rows.bar_of(select)]
    return RowsSeen(matrix.values, when, symbols_of(prepared, model, select), placed.trades.side[trade], place)


def symbols_of(prepared: Prepared, model: ExhaustionModel, select: IntArray) -> RowSymbols:
    """Return the symbols of some rows, or their books if the model was pooled.

    Parameters
    ----------
    prepared : Prepared
    model : ExhaustionModel
    select : int64 array
        Row numbers.

    Returns
    -------
    RowSymbols
    """
    return groups_of_trades(prepared, model, trades_of(prepared, select))


def trades_of(prepared: Prepared, select: IntArray) -> IntArray:
    """Return the position of the trade that each row belongs to."""
    return np.searchsorted(prepared.rows.start, select, side="right") - 1


def predicted_trades(prepared: Prepared, predictions: RowPredictions) -> IntArray:
    """Return the positions of the trades that are predicted on every bar, in order of entry.

    A stage predicts from some time on, so these are the trades predicted on their first bar.
    """
    starts, has_rows = prepared.rows.start[:-1], prepared.rows.lengths > 0
    is_predicted = np.zeros(len(prepared.placed), dtype=bool)
    is_predicted[has_rows] = predictions.stage[starts[has_rows]] >= 0
    return np.flatnonzero(is_predicted)
