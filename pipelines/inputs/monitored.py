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


def _bar_values(
    bars: BarSet, features: FeatureSet, symbols: IntArray, wanted: npt.NDArray[np.bool_], step: int
) -> tuple[npt.NDArray[Any], IntArray, npt.NDArray[np.bool_]]:
    """Return the long view of bar features on every `step`-th wanted bar: values, bar numbers, past their warm-up."""
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


def _row_values(
    prepared: Prepared, chosen: IntArray, exhaustion: FloatArray, hold_value: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Return trade state and the model's answers of some rows, with their names."""
    state = prepared.features.state_names
    values = np.empty((len(chosen), len(state) + len(MODEL_SERIES)))
    if state:
        own = replace(prepared.features, bar_names=())
        values[:, : len(state)] = row_matrix(prepared.placed, prepared.rows, own, select=chosen).values
    values[:, len(state) :] = np.column_stack([exhaustion, hold_value])
    return (*state, *MODEL_SERIES), values
