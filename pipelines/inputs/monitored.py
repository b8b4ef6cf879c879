"""The values of the features whose drift is monitored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import BarSet
from exitladder.features import FeatureSet, row_matrix
from exitladder.features.market import Market
from exitladder.pipelines.inputs.predictions import MODEL_SERIES
from exitladder.pipelines.inputs.prepare import Prepared


def bar_values(
    bars: BarSet, features: FeatureSet, symbols: IntArray, wanted: npt.NDArray[np.bool_], step: int
) -> tuple[npt.NDArray[Any], IntArray, npt.NDArray[np.bool_]]:
    """Return the values of bar features, as a long trade sees them, on every `step`-th wanted bar.

    Parameters
    ----------
    bars : BarSet
    features : FeatureSet
    symbols : int64 array
        Positions of the symbols.
    wanted : bool array, shape (n_bars,)
    step : int

    Returns
    -------
    values : float32 array, shape (n_chosen, n_features)
    numbers : int64 array, shape (n_chosen,)
        Position of each bar.
    counted : bool array, shape (n_chosen, n_features)
        Whether the bar is past the warm-up of the feature.
    """
    first = np.array([column.first for column in features.columns], dtype=np.int64)
    values, numbers, counted = [np.empty((0, len(first)), np.float32)], [np.empty(0, np.int64)], []
    for k in symbols:
        begin, end = int(bars.start[k]), int(bars.start[k + 1])
        chosen = np.flatnonzero(wanted[begin:end])[::step]
        market = Market(bars[bars.symbols[k]], 1, features.outside)
        block = np.empty((len(chosen), len(first)), dtype=np.float32)
        for j, column in enumerate(features.columns):
            block[:, j] = column.compute(market)[chosen]
        values.append(block)
        numbers.append(begin + chosen)
        counted.append(chosen[:, None] >= first)
    return np.concatenate(values), np.concatenate(numbers), np.concatenate(counted)


def row_values(
    prepared: Prepared, chosen: IntArray, exhaustion: FloatArray, hold_value: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Return trade state and predictions of some rows, with the names of the columns.

    Parameters
    ----------
    prepared : Prepared
    chosen : int64 array, shape (n_chosen,)
        Row numbers.
    exhaustion, hold_value : float64 array, shape (n_chosen,)
        The model's predictions on them.

    Returns
    -------
    names : tuple of str
    values : float64 array, shape (n_chosen, n_names)
    """
    state = prepared.features.state_names
    values = np.empty((len(chosen), len(state) + len(MODEL_SERIES)))
    if state:
        own = replace(prepared.features, bar_names=())
        values[:, : len(state)] = row_matrix(prepared.placed, prepared.rows, own, select=chosen).values
    values[:, len(state) :] = np.column_stack([exhaustion, hold_value])
    return (*state, *MODEL_SERIES), values
