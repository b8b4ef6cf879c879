"""The distributions of training, saved with a model as the reference for drift."""

from __future__ import annotations

from typing import Any

import numpy as np

from exitladder.models.drift import DriftReference, windows
from exitladder.pipelines.inputs.monitored import bar_values, row_values
from exitladder.pipelines.inputs.predictions import MODEL_SERIES, RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared

# More values than these are thinned: this is enough for the shares of the bins, and memory stays small.
MOST_VALUES = 500_000
_MOST_STEP = 24


def drift_reference(prepared: Prepared, predictions: RowPredictions) -> dict[str, Any]:
    """Return the distributions of training as plain values, to be saved with the model.

    They are those of every bar feature on the bars from the first trade's row to the last one's, of trade state on all
    rows, and of the predictions on the rows that a stage predicted.

    Parameters
    ----------
    prepared : Prepared
        The trades of the training.
    predictions : RowPredictions
        Of the model for them, each by a stage trained before.
    """
    bars, rows = prepared.placed.bars, prepared.rows
    known_at = bars.close_time
    if not rows.n_rows:
        return {}
    first, last = int(known_at[rows.first_bar].min()), int(known_at[rows.bar_of(rows.start[1:] - 1)].max())
    inside = (known_at >= first) & (known_at <= last)
    clock = np.unique(known_at[inside])
    step = min(max(1, int(inside.sum()) // MOST_VALUES), _MOST_STEP)
    symbols = np.unique(prepared.placed.symbol_index)
    values, bar, counted = bar_values(bars, prepared.features, symbols, inside, step)
    of_bars = DriftReference.of(
        prepared.features.bar_names,
        values,
        windows(known_at[bar], clock=clock),
        np.searchsorted(bars.start, bar, side="right") - 1,
        counted=counted,
    )
    chosen = np.arange(0, rows.n_rows, max(1, rows.n_rows // MOST_VALUES))
    names, values = row_values(prepared, chosen, predictions.exhaustion[chosen], predictions.hold_value_r[chosen])
    counted = np.ones(values.shape, dtype=bool)
    counted[:, -len(MODEL_SERIES) :] = (predictions.stage[chosen] >= 0)[:, None]
    of_rows = DriftReference.of(
        names,
        values,
        windows(known_at[rows.bar_of(chosen)], clock=clock),
        prepared.placed.symbol_index[np.searchsorted(rows.start, chosen, side="right") - 1],
        counted=counted,
    )
    return {"bars": of_bars.to_mapping(), "rows": of_rows.to_mapping()}
