"""The named series that conditions of ladders read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.bars.bars import BarSet
from exitladder.errors import FeatureError, LadderError, did_you_mean
from exitladder.execution.signals import Signals
from exitladder.features import STATE_NAMES, FeatureSet, feature_matrix, trade_state_rows
from exitladder.pipelines.inputs.predictions import READABLE, RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared
from exitladder.plans.ladder import STATE_SERIES, Ladder
from exitladder.trades.trades import PlacedTrades


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
        The same trades as in `prepared`, if predictions are given.
    series : iterable of str
        Features, model outputs or further columns of the bars; see `Ladder.series`.
    prepared : Prepared, optional
        Needed for the model's series and for trade state.
    predictions : RowPredictions, optional
        Needed for ``exhaustion``, ``hold_value_r`` and ``exit_rank``.

    Returns
    -------
    Signals
        Without any series if none is named.

    Raises
    ------
    LadderError
        If a condition names an unknown series, or one of the model's without a model.
    """
    names = sorted(set(series))
    own = [n for n in names if n in placed.bars.extra]
    from_model = [n for n in names if n in READABLE]
    signals = Signals.none(len(placed))
    if from_model:
        if predictions is None or prepared is None:
            raise LadderError(
                f"The ladder's condition on '{from_model[0]}' needs a model's predictions, but no model is given. "
                "Name one with --model, or remove the rung."
            )
        signals = signals.join(Signals.from_rows(prepared.rows, {n: predictions.reading(n) for n in from_model}))
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


def refuse_series_of_trades(ladder: Ladder, placed: PlacedTrades) -> None:
    """Refuse a target or a regime of entries that reads what exists for a trade's own bars only.

    Parameters
    ----------
    ladder : Ladder
    placed : PlacedTrades

    Raises
    ------
    LadderError
    """
    read = {c.series for c in ladder.book.enter_when} | (ladder.target.series if ladder.target else set())
    wrong = sorted((read & {*READABLE, *STATE_NAMES}) - set(placed.bars.extra))
    if wrong:
        raise LadderError(
            f"[target] and book.enter_when can read series of the bars and external series, but '{wrong[0]}' exists "
            "only while a trade is open. Read another series, or use it in [[limits]]."
        )


def _columns(bars: BarSet, wanted: FeatureSet, side: int) -> dict[str, FloatArray]:
    matrix = feature_matrix(bars, wanted, side)
    return {name: np.ascontiguousarray(matrix.values[:, k]) for k, name in enumerate(matrix.names)}


def _known_features(names: list[str], bars: BarSet) -> FeatureSet:
    for name in names:
        try:
            FeatureSet.from_names([name])
        except FeatureError as error:
            choices = [*FeatureSet.from_names(["all"]).names, *READABLE, *STATE_SERIES, *bars.extra]
            raise LadderError(
                f"A condition names the unknown series '{name}'. {did_you_mean(name, choices)}"
            ) from error
    return FeatureSet.from_names(names)
