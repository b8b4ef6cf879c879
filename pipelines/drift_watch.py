"""What a model saw in training, kept with it, and whether it still sees the like when it is asked.

Features of bars are watched on all bars of the symbols, not on those of the open trades alone: a handful of trades
tells of the trades. What depends on a trade (its state, the model's answers) is watched on the rows of all trades of
the file, the closed ones too, each followed for as long as in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.bars import BarSet, FloatArray, IntArray
from exitladder.features import FeatureSet, feature_set_of, row_matrix
from exitladder.features.market import Market
from exitladder.models.drift import MUCH, WINDOW, DriftReference, adjusted_p, moved, windows
from exitladder.models.exhaustion import ExhaustionModel
from exitladder.pipelines.predictions import MODEL_SERIES, RowPredictions, predict_some
from exitladder.pipelines.prepare import Prepared, prepare
from exitladder.settings import Settings
from exitladder.trades import Trades

# More values than these are thinned: the shares of bins are known well enough, and memory stays small.
MOST_VALUES = 500_000
_MOST_STEP = 24
_NAMED = 3
# A p below it is no more certain for being smaller.
_LEAST_P = 1e-6


def drift_reference(prepared: Prepared, predictions: RowPredictions) -> dict[str, Any]:
    """Return the distributions of training as plain values, to be kept with the model.

    Of every bar feature on the bars from the first trade's row to the last one's, of trade state on the rows, and of
    the model's answers on the rows that a stage answered.

    Parameters
    ----------
    prepared : Prepared
        The trades that were trained on.
    predictions : RowPredictions
        What the model said about them, each at its own time.
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
    values, bar, counted = _bar_values(bars, prepared.features, symbols, inside, step)
    of_bars = DriftReference.of(
        prepared.features.bar_names,
        values,
        windows(known_at[bar], clock=clock),
        np.searchsorted(bars.start, bar, side="right") - 1,
        counted=counted,
    )
    chosen = np.arange(0, rows.n_rows, max(1, rows.n_rows // MOST_VALUES))
    names, values = _row_values(prepared, chosen, predictions.exhaustion[chosen], predictions.hold_value_r[chosen])
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


def drift_now(
    bars: BarSet, trades: Trades, symbols: Iterable[str], model: ExhaustionModel, settings: Settings
) -> pd.DataFrame:
    """Return how far the last `WINDOW` bars of some symbols lie from the model's training, the farthest first.

    Parameters
    ----------
    bars : BarSet
        All of them are taken as known.
    trades : Trades
        All there are. Where none of the recent ones had closed, those left are the ones that lasted, which tells
        nothing of drift: trade state and the model's answers are then not judged.
    symbols : iterable of str
        The symbols to look at.
    model : ExhaustionModel
    settings : Settings
        With the model's own features.

    Returns
    -------
    DataFrame
        The columns of `DriftReference.compare`, and p_adjusted and has_moved; empty where the model's training was
        too short to tell.
    """
    kept = model.context.get("drift")
    if not kept:
        return _judged([])
    looked_at = np.array(sorted({bars.index(symbol) for symbol in symbols}), dtype=np.int64)
    lengths = np.diff(bars.start)
    place = np.arange(bars.n_bars) - np.repeat(bars.start[:-1], lengths)
    is_recent = place >= np.repeat(lengths, lengths) - WINDOW
    features = feature_set_of(settings, bars)
    values, bar, counted = _bar_values(bars, features, looked_at, is_recent, 1)
    of_symbol = np.searchsorted(bars.start, bar, side="right") - 1
    reference = DriftReference.from_mapping(kept["bars"])
    tables = [reference.compare(features.bar_names, values, of_symbol, counted=counted)]
    longest = int(model.context["labels"]["max_bars"])
    recent = _recent_trades(bars, trades, looked_at, WINDOW + longest)
    if len(recent):
        prepared = prepare(bars, recent, settings, max_bars=longest)
        chosen = np.flatnonzero(is_recent[prepared.rows.bar])
        said = predict_some(prepared, model, chosen, embargo=False)
        names, values = _row_values(prepared, chosen, said.exhaustion, said.hold_value_r)
        of_symbol = prepared.placed.symbol_index[prepared.rows.trade[chosen]]
        tables.append(DriftReference.from_mapping(kept["rows"]).compare(names, values, of_symbol))
    return _judged(tables)


def drift_notice(table: pd.DataFrame, n_symbols: int) -> str:
    """Return one sentence on what has moved, how far, and what to do; empty where nothing has.

    Parameters
    ----------
    table : DataFrame
        What `drift_now` gave.
    n_symbols : int
        Symbols that were looked at.
    """
    far = table[table["has_moved"].astype(bool)]
    if far.empty:
        return ""
    told = [_told(row) for row in far.head(_NAMED).to_dict("records")]
    more = f", and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    what = "symbol" if n_symbols == 1 else f"{n_symbols} symbols"
    return (
        f"Over the last {WINDOW} bars of the {what} scored, what the model sees has moved away from its training: "
        f"{', '.join(told)}{more}. Its answers may be off; train it again with these bars."
    )


def _told(row: dict[Any, Any]) -> str:
    size = "much" if row["psi"] >= MUCH else "some"
    if row["not_known"] > row["not_known_in_training"] + 0.1:
        where = f"is not known in {row['not_known']:.0%} (training: {row['not_known_in_training']:.0%})"
    else:
        where = f"lies at percentile {row['percentile']:.0f} of training on average"
    p = f"p {row['p_adjusted']:.1g}" if row["p_adjusted"] >= _LEAST_P else f"p < {_LEAST_P:g}"
    return f"{row['name']} {where} (PSI {row['psi']:.2f}: {size}, {p})"


def _judged(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put comparisons together and judge all their quantities at once."""
    empty = DriftReference(()).compare((), np.empty((0, 0)), np.empty(0, dtype=np.int64))
    table = pd.concat([t for t in tables if len(t)] or [empty])
    table = table.sort_values("psi", ascending=False, kind="stable", ignore_index=True)
    return table.assign(p_adjusted=adjusted_p(table), has_moved=moved(table))


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


def _recent_trades(bars: BarSet, trades: Trades, symbols: IntArray, n_bars: int) -> Trades:
    """Return the trades of these symbols that began in the last bars; none where not one of them has closed."""
    place = {bars.symbols[k]: k for k in symbols}
    of_symbol = np.array([place.get(str(symbol), -1) for symbol in trades.symbol], dtype=np.int64)
    ends = bars.time[bars.start[1:] - 1] + bars.interval_ns
    begins = bars.time[np.maximum(bars.start[:-1], bars.start[1:] - n_bars)]
    is_recent = (of_symbol >= 0) & (trades.entry_time >= begins[of_symbol]) & (trades.entry_time < ends[of_symbol])
    has_closed = is_recent & ~trades.is_open & (trades.exit_time <= int(ends.max()))
    return trades.take(is_recent if has_closed.any() else np.zeros(len(trades), dtype=bool))
