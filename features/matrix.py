"""From bars and trades to one named matrix."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.atr import wilder_atr
from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning, FeatureError
from exitladder.features.families.trade_state import fill_state, state_slots
from exitladder.features.feature_set import FeatureSet
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.runtime.compiling import njit
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import PlacedTrades


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of bars, known at each bar's close, in the direction of one side.

    Parameters
    ----------
    names : tuple of str
    values : float64 array, shape (n_bars, n_features)
        Bars as in the bar set; NaN while warming up.
    side : int
        +1 as a long trade sees them, -1 as a short one does.
    dropped : tuple of str
        Columns that are NaN throughout for some symbol, each with the reason.
    """

    names: tuple[str, ...]
    values: FloatArray
    side: int
    dropped: tuple[str, ...]

    def column(self, name: str) -> FloatArray:
        """Return one feature, shape (n_bars,)."""
        return self.values[:, self.names.index(name)]


@dataclass(frozen=True)
class RowMatrix:
    """Features of (trade, bar) rows, each in its trade's direction.

    Parameters
    ----------
    names : tuple of str
    values : float32 array, shape (n_rows, n_features), C order
    dropped : tuple of str
        Columns that are NaN throughout for some symbol, each with the reason.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    dropped: tuple[str, ...]


def feature_matrix(bars: BarSet, features: FeatureSet, side: int) -> FeatureMatrix:
    """Return the bar features of every symbol, known at each bar's close; does not look ahead.

    Parameters
    ----------
    bars : BarSet
    features : FeatureSet
        Its trade-state columns are left out: bars do not have them.
    side : int
        +1 for the view of a long trade, -1 for that of a short one (of the mirrored market).

    Returns
    -------
    FeatureMatrix

    Raises
    ------
    FeatureError
        If a price is not finite, or a required benchmark or series is missing.

    Warns
    -----
    ExitladderWarning
        If columns are NaN throughout because bars lack volume, or prices are not above zero.
    """
    refuse_without_sources(features)
    values = matrix_values(bars, features, side)
    return FeatureMatrix(features.bar_names, values, side, dropped_columns(bars, features, range(len(bars))))


def matrix_values(bars: BarSet, features: FeatureSet, side: int) -> FloatArray:
    """Return the bar features of every symbol, without warnings.

    Parameters
    ----------
    bars : BarSet
    features : FeatureSet
    side : int
        +1 for the view of a long trade, -1 for that of a short one (of the mirrored market).

    Returns
    -------
    float64 array, shape (n_bars, n_features), Fortran order
    """
    values = np.empty((bars.n_bars, len(features.columns)), order="F")
    for k, symbol in enumerate(bars.symbols):
        market = Market(bars[symbol], side, features.outside)
        for j, column in enumerate(features.columns):
            values[bars.start[k] : bars.start[k + 1], j] = column.compute(market)
    return values


def row_matrix(
    placed: PlacedTrades,
    rows: TradeRows,
    features: FeatureSet,
    *,
    select: IntArray | None = None,
    out: npt.NDArray[np.float32] | None = None,
) -> RowMatrix:
    """Return the features of (trade, bar) rows, each in its trade's direction.

    Parameters
    ----------
    placed : PlacedTrades
    rows : TradeRows
    features : FeatureSet
    select : int64 array, shape (n_selected,), optional
        Row numbers, in any order; all rows by default.
    out : float32 array, shape (n_rows, n_features), C order, optional
        Where to write all rows, such as a memory map; then nothing is selected.

    Returns
    -------
    RowMatrix
        Row k is row ``select[k]``. Symbols and sides are computed one after the other, so that
        only one symbol's features are in memory besides the result.

    Raises
    ------
    FeatureError
        If `select` names a row that is not there, or a price is not finite.

    Warns
    -----
    ExitladderWarning
        As for `feature_matrix`, of the symbols that have trades.
    """
    refuse_without_sources(features)
    chosen, order = _strictly_increasing(select, rows.n_rows)
    n_out = rows.n_rows if chosen is None else len(chosen)
    if out is None:
        out = np.empty((n_out, len(features.names)), dtype=np.float32)
    elif select is not None or out.shape != (n_out, len(features.names)):
        raise FeatureError(
            f"out must be for all rows and have shape {(rows.n_rows, len(features.names))}, but has {out.shape}. "
            "Leave out select, and give a matrix of that shape."
        )
    values, out = out, np.asarray(out)
    n_bar = len(features.columns)
    atr = np.full(placed.bars.n_bars, np.nan) if features.state_names else np.empty(0)
    symbols = [int(k) for k in np.unique(placed.symbol_index)]
    for k in symbols:
        bars = placed.bars[placed.bars.symbols[k]]
        begin = int(placed.bars.start[k])
        if features.state_names:
            atr[begin : begin + len(bars)] = wilder_atr(bars.high, bars.low, bars.close, ATR_WINDOW)
        if not n_bar:
            continue
        block = np.empty((len(bars), n_bar), dtype=np.float32)
        for side in (1, -1):
            trades = np.flatnonzero((placed.symbol_index == k) & (placed.trades.side == side))
            if not len(trades) or not _any_row(rows, trades, chosen):
                continue
            market = Market(bars, side, features.outside)
            for j, column in enumerate(features.columns):
                block[:, j] = column.compute(market)
            _gather(block, begin, rows.start, rows.first_bar, trades, _or_empty(chosen), chosen is None, out)
    if features.state_names:
        fill_state(placed, rows, atr, state_slots(features.state_names), chosen, out, n_bar)
    return RowMatrix(
        features.names, values if order is None else out[order], dropped_columns(placed.bars, features, symbols)
    )


def refuse_without_sources(features: FeatureSet) -> None:
    """Refuse columns whose benchmark or series nobody gave.

    Raises
    ------
    FeatureError
        Naming them, and where they are declared.
    """
    if features.needs_benchmark and features.outside.closes is None:
        names = [c.name for c in features.columns if c.feature.needs == "benchmark"]
        raise FeatureError(
            f"{_some(names)} must have a benchmark, but none is given. Name a symbol of the bars or a file of bars as "
            "features.benchmark in the settings."
        )
    missing = [name for name in features.series_names if name not in features.outside.series]
    if missing:
        raise FeatureError(
            f"A feature's series must be declared, but {_some(missing)} {'is' if len(missing) == 1 else 'are'} not. "
            "Add a table [[features.series]] with name, path, column and delay to the settings."
        )


def _strictly_increasing(select: IntArray | None, n_rows: int) -> tuple[IntArray | None, IntArray | None]:
    """Return the row numbers sorted and once each, and the position of each requested one among them."""
    if select is None:
        return None, None
    select = np.asarray(select, dtype=np.int64)
    if len(select) and (select.min() < 0 or select.max() >= n_rows):
        raise FeatureError(
            f"select must name rows from 0 to {n_rows - 1}, but names {select.min()} to {select.max()}. "
            "Use the row numbers of the same TradeRows."
        )
    if np.all(np.diff(select) > 0):
        return select, None
    return np.unique(select, return_inverse=True)


def _or_empty(chosen: IntArray | None) -> IntArray:
    return np.empty(0, dtype=np.int64) if chosen is None else chosen


def _any_row(rows: TradeRows, trades: IntArray, chosen: IntArray | None) -> bool:
    if chosen is None:
        return bool(np.any(rows.start[trades + 1] > rows.start[trades]))
    low = np.searchsorted(chosen, rows.start[trades])
    return bool(np.any(np.searchsorted(chosen, rows.start[trades + 1]) > low))


@njit(cache=True, error_model="numpy")
def _gather(block, begin, start, first_bar, trades, chosen, every, out):  # type: ignore[no-untyped-def]
    """Copy each wanted row's bar from one symbol's features into the result."""
    n_columns = block.shape[1]
    for i in trades:
        shift = first_bar[i] - start[i] - begin
        low, high = start[i], start[i + 1]
        if not every:
            low, high = np.searchsorted(chosen, low), np.searchsorted(chosen, high)
        for k in range(low, high):
            bar = (k if every else chosen[k]) + shift
            for j in range(n_columns):
                out[k, j] = block[bar, j]


def dropped_columns(bars: BarSet, features: FeatureSet, symbols: Iterable[int]) -> tuple[str, ...]:
    """Return the columns that are NaN throughout for some symbol, each with the reason; warn once of all.

    Parameters
    ----------
    bars : BarSet
    features : FeatureSet
    symbols : iterable of int
        Positions of the symbols to check.

    Returns
    -------
    tuple of str
    """
    lacks: dict[str, list[str]] = {"volume": [], "log": []}
    wanted = {c.feature.needs for c in features.columns}
    for k in symbols if wanted & lacks.keys() else ():
        symbol, part = bars.symbols[k], slice(int(bars.start[k]), int(bars.start[k + 1]))
        if "volume" in wanted and not np.any(bars.volume[part] > 0):
            lacks["volume"].append(symbol)
        if "log" in wanted and np.any(bars.low[part] <= 0):
            lacks["log"].append(symbol)
    predicted = {
        "volume": "there is no volume in the bars of {}",
        "log": "logarithms need prices above zero, which the bars of {} do not keep to",
    }
    dropped, messages = [], []
    for need, lacking in lacks.items():
        if lacking:
            reason = predicted[need].format(_some(lacking))
            names = [c.name for c in features.columns if c.feature.needs == need]
            dropped += [f"{name}: {reason}" for name in names]
            messages.append(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing there: {reason}.")
    if messages:
        warnings.warn(" ".join(messages), ExitladderWarning, stacklevel=3)
    return tuple(dropped)


def _some(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
