"""Drift of the market from the model's training data.

Bar features are monitored on all bars of the symbols, not only on those of the open trades: a handful of trades
would reflect those trades rather than the market. Trade state and predictions are monitored on the rows of all
trades of the file, closed ones included, each followed for as long as in training.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning
from exitladder.features import feature_set_of
from exitladder.models.drift import MUCH, WINDOW, DriftReference, adjusted_p, moved
from exitladder.pipelines.inputs.monitored import bar_values, row_values
from exitladder.pipelines.inputs.predictions import MODEL_SERIES, predict_some
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

if TYPE_CHECKING:
    from exitladder.models.exhaustion.model import ExhaustionModel

_NAMED = 3
# Smaller p-values are not meaningful and shown as "< 1e-06".
_LEAST_P = 1e-6


def no_drift() -> pd.DataFrame:
    """Return the drift where none is measured: no rows."""
    return _evaluation([])


def drift_now(
    bars: BarSet, trades: Trades, symbols: Iterable[str], model: ExhaustionModel | None, settings: Settings
) -> pd.DataFrame:
    """Return the drift of the last `WINDOW` bars of some symbols from the model's training data, largest first.

    Parameters
    ----------
    bars : BarSet
        All bars count as known.
    trades : Trades
        All available trades. If none of the recent ones has closed, only long-lasting trades remain, which is no
        evidence of drift: trade state and predictions are then not evaluated.
    symbols : iterable of str
        Symbols to monitor.
    model : ExhaustionModel or None
    settings : Settings
        With the model's own features.

    Returns
    -------
    DataFrame
        The columns of `DriftReference.compare`, and p_adjusted and has_moved; empty without a model, or if its
        training span was too short to measure drift.
    """
    kept = None if model is None else model.context.get("drift")
    if model is None or not kept:
        return _evaluation([])
    looked_at = np.array(sorted({bars.index(symbol) for symbol in symbols}), dtype=np.int64)
    lengths = np.diff(bars.start)
    place = np.arange(bars.n_bars) - np.repeat(bars.start[:-1], lengths)
    is_recent = place >= np.repeat(lengths, lengths) - WINDOW
    features = feature_set_of(settings, bars)
    values, bar, counted = bar_values(bars, features, looked_at, is_recent, 1)
    of_symbol = np.searchsorted(bars.start, bar, side="right") - 1
    reference = DriftReference.from_mapping(kept["bars"])
    tables = [reference.compare(features.bar_names, values, of_symbol, counted=counted)]
    longest = int(model.context["labels"]["max_bars"])
    recent = _recent_trades(bars, trades, looked_at, WINDOW + longest)
    if len(recent):
        with warnings.catch_warnings():
            # the doubts about trades are told where the open ones are prepared
            warnings.simplefilter("ignore", ExitladderWarning)
            prepared = prepare(bars, recent, settings, max_bars=longest, keeps_all=True)
        chosen = np.flatnonzero(is_recent[prepared.rows.bar])
        predicted = predict_some(prepared, model, chosen)
        names, values = row_values(prepared, chosen, predicted.exhaustion, predicted.hold_value_r)
        counted = np.ones(values.shape, dtype=bool)
        # The constant of a silent stage drifts from nothing.
        counted[:, -len(MODEL_SERIES) :] = np.column_stack(
            [np.isfinite(predicted.reading(name)) | ~predicted.is_known for name in MODEL_SERIES]
        )
        of_symbol = prepared.placed.symbol_index[prepared.rows.trade[chosen]]
        tables.append(DriftReference.from_mapping(kept["rows"]).compare(names, values, of_symbol, counted=counted))
    return _evaluation(tables)


def drift_notice(table: pd.DataFrame, n_symbols: int) -> str:
    """Return a notice of the drifted quantities and the remedy; empty without drift.

    Parameters
    ----------
    table : DataFrame
        Result of `drift_now`.
    n_symbols : int
        Number of symbols monitored.
    """
    far = table[table["has_moved"].astype(bool)]
    if far.empty:
        return ""
    named = [_quantity_text(row) for row in far.head(_NAMED).to_dict("records")]
    more = f", and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    scored = "scored symbol" if n_symbols == 1 else f"{n_symbols} scored symbols"
    return (
        f"Drift: over the last {WINDOW} bars of the {scored}, the model's inputs differ from its training data: "
        f"{', '.join(named)}{more}. Predictions may be unreliable; retrain the model with these bars."
    )


def _quantity_text(row: dict[Any, Any]) -> str:
    size = "large" if row["psi"] >= MUCH else "moderate"
    if row["not_known"] > row["not_known_in_training"] + 0.1:
        where = f"is missing in {row['not_known']:.0%} of rows (training: {row['not_known_in_training']:.0%})"
    else:
        where = f"is at percentile {row['percentile']:.0f} of training on average"
    p = f"p {row['p_adjusted']:.1g}" if row["p_adjusted"] >= _LEAST_P else f"p < {_LEAST_P:g}"
    return f"{row['name']} {where} (PSI {row['psi']:.2f}: {size}, {p})"


def _evaluation(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Combine comparisons and test all their quantities jointly."""
    empty = DriftReference(()).compare((), np.empty((0, 0)), np.empty(0, dtype=np.int64))
    table = pd.concat([t for t in tables if len(t)] or [empty])
    table = table.sort_values("psi", ascending=False, kind="stable", ignore_index=True)
    return table.assign(p_adjusted=adjusted_p(table), has_moved=moved(table))


def _recent_trades(bars: BarSet, trades: Trades, symbols: IntArray, n_bars: int) -> Trades:
    """Return the trades of these symbols entered in the last bars; none if none of them has closed."""
    place = {bars.symbols[k]: k for k in symbols}
    of_symbol = np.array([place.get(str(symbol), -1) for symbol in trades.symbol], dtype=np.int64)
    ends = bars.time[bars.start[1:] - 1] + bars.interval_ns
    begins = bars.time[np.maximum(bars.start[:-1], bars.start[1:] - n_bars)]
    is_recent = (of_symbol >= 0) & (trades.entry_time >= begins[of_symbol]) & (trades.entry_time < ends[of_symbol])
    has_closed = is_recent & ~trades.is_open & (trades.exit_time <= int(ends.max()))
    return trades.take(is_recent if has_closed.any() else np.zeros(len(trades), dtype=bool))
