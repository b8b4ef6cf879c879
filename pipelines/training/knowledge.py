"""Facts saved with a model beside its trees: training span, partial dependence, and the reference for drift."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.features import describe_catalogue
from exitladder.models.drift import DriftReference, windows
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.rows import TrainingRows
from exitladder.pipelines.inputs.monitored import bar_values, row_values
from exitladder.pipelines.inputs.predictions import MODEL_SERIES, RowPredictions
from exitladder.pipelines.inputs.prepare import Prepared

# Enough for a smooth line, and cheap beside training.
_TOP, _POINTS, _ROWS = 6, 15, 400
# More values than these are thinned: this is enough for the shares of the bins, and memory stays small.
MOST_VALUES = 500_000
_MOST_STEP = 24


def with_knowledge(
    model: ExhaustionModel, prepared: Prepared, rows: TrainingRows, predictions: RowPredictions
) -> ExhaustionModel:
    """Return the model with its training span, partial dependence and drift reference in its context.

    Parameters
    ----------
    model : ExhaustionModel
    prepared : Prepared
        The trades of the training.
    rows : TrainingRows
    predictions : RowPredictions
        Out of fold.

    Returns
    -------
    ExhaustionModel
    """
    known = {
        "training": training_span(prepared, rows),
        "dependence": partial_dependence(model, rows.X, np.flatnonzero(rows.is_used)),
        # the books of a pool differ by more than a book ever drifts
        "drift": {} if prepared.books else drift_reference(prepared, predictions),
    }
    return replace(model, context={**model.context, **known})


def training_span(prepared: Prepared, rows: TrainingRows) -> dict[str, Any]:
    """Return the span of the training as plain values: times in nanoseconds since 1970 UTC, counts, symbols."""
    used, trades = rows.is_used, prepared.placed.trades
    symbols = np.unique(prepared.placed.symbol_index)
    return {
        "first_row_ns": int(rows.time_ns[used].min()),
        "last_row_ns": int(rows.time_ns[used].max()),
        "last_label_ns": int(rows.end_ns[used].max()),
        "n_rows": int(used.sum()),
        "n_trades": len(np.unique(rows.trade[used])),
        "n_long": int((trades.side > 0).sum()),
        "n_short": int((trades.side < 0).sum()),
        "n_symbols": len(symbols),
        "symbols": [prepared.placed.bars.symbols[k] for k in symbols],
    }


def partial_dependence(
    model: ExhaustionModel, X: npt.NDArray[np.float32], chosen: IntArray | None = None
) -> list[dict[str, Any]]:
    """Return the partial dependence of the last stage on its leading features, as plain values.

    Friedman (2001): for each of some values of the feature, all others keep their values in a sample of training rows,
    and the predictions are averaged. It describes the model, not the market; if features are correlated,
    it averages over rows that do not occur.

    Parameters
    ----------
    model : ExhaustionModel
    X : float32 array, shape (n_rows, n_features)
        Rows of training.
    chosen : int64 array, optional
        Positions of those to look at, increasing; all by default.

    Returns
    -------
    list of dict
        Of the features that gain most: feature, values (quantiles of training from 2.5% to 97.5%), exhaustion and
        hold_value_r at each of them.
    """
    chosen = np.arange(len(X)) if chosen is None else chosen
    sample = X[chosen[:: max(1, len(chosen) // _ROWS)][:_ROWS]]
    when = np.full(len(sample), model.stages[-1].valid_from_ns, dtype=np.int64)
    shares = model.importance().set_index("feature")
    leading = shares.mean(axis=1).sort_values(ascending=False, kind="stable")
    found = []
    for feature in leading.index[leading > 0][:_TOP]:
        k = model.names.index(feature)
        column = X[chosen, k]
        column = column[np.isfinite(column)]
        values = np.unique(np.quantile(column, np.linspace(0.025, 0.975, _POINTS)).astype(np.float32))
        changed = np.tile(sample, (len(values), 1))
        changed[:, k] = np.repeat(values, len(sample))
        predicted = model.predict(changed, np.tile(when, len(values)))
        found.append(
            {
                "feature": feature,
                "values": values.astype(float).tolist(),
                "exhaustion": predicted.exhaustion.reshape(len(values), -1).mean(axis=1).tolist(),
                "hold_value_r": predicted.hold_value_r.reshape(len(values), -1).mean(axis=1).tolist(),
            }
        )
    return found


def family_importance(model: ExhaustionModel) -> pd.DataFrame:
    """Return each family's share of the last stage's gain: columns family, n_features, exhaustion, hold_value."""
    families = describe_catalogue(model.names).set_index("name")["family"]
    table = model.importance()
    groups = table.assign(family=table["feature"].map(families).fillna("other")).groupby("family", sort=False)
    summed = groups.agg(
        n_features=("feature", "size"), exhaustion=("exhaustion", "sum"), hold_value=("hold_value", "sum")
    )
    return summed.sort_values("exhaustion", ascending=False, kind="stable").reset_index()


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
    said = [predictions.reading(name)[chosen] for name in MODEL_SERIES]
    names, values = row_values(prepared, chosen, *said)
    counted = np.ones(values.shape, dtype=bool)
    # Neither rows that no stage predicted nor the constant of a silent stage.
    counted[:, -len(MODEL_SERIES) :] = np.isfinite(np.column_stack(said))
    of_rows = DriftReference.of(
        names,
        values,
        windows(known_at[rows.bar_of(chosen)], clock=clock),
        prepared.placed.symbol_index[np.searchsorted(rows.start, chosen, side="right") - 1],
        counted=counted,
    )
    return {"bars": of_bars.to_mapping(), "rows": of_rows.to_mapping()}
