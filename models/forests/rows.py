"""The rows a model is trained on: features, times and labels, checked once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.models.labels.labels import Labels
from exitladder.trades.rows import TradeRows
from exitladder.trades.trades import PlacedTrades

NEVER = np.iinfo(np.int64).min
# Of a matrix that may be larger than the memory no more is read at once.
ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class RowSymbols:
    """The symbol of each row.

    Parameters
    ----------
    names : tuple of str
    index : int64 array, shape (n_rows,)
        Positions in `names`.
    """

    names: tuple[str, ...]
    index: IntArray

    @classmethod
    def of(cls, placed: PlacedTrades, trade: IntArray) -> RowSymbols:
        """Return the symbols of rows that belong to these trades, given by their positions."""
        return cls(placed.bars.symbols, placed.symbol_index[trade].astype(np.int64))

    def take(self, chosen: IntArray) -> RowSymbols:
        """Return those of some rows."""
        return RowSymbols(self.names, self.index[chosen])

    def rows_of(self, name: str) -> IntArray:
        """Return the positions of a symbol's rows; none if it is unknown."""
        if name not in self.names:
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(self.index == self.names.index(name))


@dataclass(frozen=True)
class TrainingRows:
    """Rows of (trade, bar) with the features and the labels.

    Parameters
    ----------
    X : float32 array, shape (n_rows, n_features), C order
        NaN where a feature is not known. May be a memory map; then it is only ever read in pieces.
    names : tuple of str
        The features, in the order of the columns.
    trade : int64 array, shape (n_rows,)
        Which trade each row belongs to.
    time_ns : int64 array, shape (n_rows,)
        When each row is decided: the close of its bar.
    race, hold : float64 array, shape (n_rows,)
        The race label (0 or 1) and the continuation advantage in R; NaN where not known.
    race_end_ns, hold_end_ns : int64 array, shape (n_rows,)
        When each label is known; read only where there is one.
    reachable : bool array, shape (n_rows,)
        Rows to learn from.
    embargo_end_ns : int64 array, shape (n_rows,), optional
        End of each row's embargo: a number of its symbol's bars after its last label is known. Rows tested
        before it do not train on this row. By default the time the label is known.
    symbols : RowSymbols, optional
        Without them no symbol gets a model of its own.
    books : RowSymbols, optional
        The book of each row, if several are pooled; each then has its own calibration and silence, and no symbol a
        model of its own.
    families : tuple of str
        The family of each feature that is used only where it helps; empty for the others. By default there are none
        to screen.
    """

    X: npt.NDArray[np.float32]
    names: tuple[str, ...]
    trade: IntArray
    time_ns: IntArray
    race: FloatArray
    race_end_ns: IntArray
    hold: FloatArray
    hold_end_ns: IntArray
    reachable: npt.NDArray[np.bool_]
    embargo_end_ns: IntArray | None = None
    symbols: RowSymbols | None = None
    families: tuple[str, ...] = ()
    books: RowSymbols | None = None

    def __post_init__(self) -> None:
        check_matrix(self.X, self.names)
        n = len(self.X)
        for name in ("trade", "time_ns", "race", "race_end_ns", "hold", "hold_end_ns", "reachable", "embargo_end_ns"):
            column = getattr(self, name)
            if column is not None and column.shape != (n,):
                raise ModelError(f"{name} must have one value per row ({n}), but has shape {column.shape}.")
        known = np.isfinite(self.race)
        if not np.isin(self.race[known], (0.0, 1.0)).all():
            raise ModelError("The race label must be 0, 1 or NaN, but holds other values.")
        if (self.end_ns[self.is_used] <= self.time_ns[self.is_used]).any():
            raise ModelError("A label must be known after its row is decided, but some are known at or before it.")

    @classmethod
    def of(
        cls,
        placed: PlacedTrades,
        rows: TradeRows,
        X: npt.NDArray[np.float32],
        names: tuple[str, ...],
        *,
        race: Labels,
        hold: Labels,
        reachable: npt.NDArray[np.bool_],
        embargo_bars: int = 0,
        families: tuple[str, ...] = (),
        books: RowSymbols | None = None,
    ) -> TrainingRows:
        """Return training rows of placed trades; every array has one value for each of `rows`.

        The embargo counts bars of a row's own symbol, so nights and holidays do not shorten it.

        Parameters
        ----------
        placed : PlacedTrades
        rows : TradeRows
        X : float32 array, shape (n_rows, n_features)
            NaN where a feature is not known.
        names : tuple of str
            The features, in the order of the columns.
        race, hold : Labels
            The race label (0 or 1) and the advantage of holding, R.
        reachable : bool array, shape (n_rows,)
            Rows to learn from.
        embargo_bars : int
            Bars after a row's last label is known during which the row is kept out of the training part.
        families : tuple of str
            Of the features to screen; see `TrainingRows`.
        books : RowSymbols, optional
            Of the rows, if several books are pooled.

        Returns
        -------
        TrainingRows

        Raises
        ------
        ModelError
            If shapes or labels cannot be used.
        """
        known_at = placed.bars.close_time
        last = np.maximum(np.where(race.is_known, race.end_bar, -1), np.where(hold.is_known, hold.end_bar, -1))
        return cls(
            X=X,
            names=tuple(names),
            trade=rows.trade,
            time_ns=known_at[rows.bar],
            race=race.value,
            race_end_ns=known_at[race.end_bar],
            hold=hold.value,
            hold_end_ns=known_at[hold.end_bar],
            reachable=reachable,
            embargo_end_ns=np.where(last >= 0, _bars_later(placed, rows, last, embargo_bars), NEVER),
            symbols=RowSymbols.of(placed, rows.trade),
            families=families,
            books=books,
        )

    @property
    def groups(self) -> RowSymbols | None:
        """The books of pooled rows, else their symbols: what may have models of its own."""
        return self.symbols if self.books is None else self.books

    def __len__(self) -> int:
        return len(self.X)

    @property
    def is_on_disk(self) -> bool:
        """Whether `X` is a memory map."""
        return isinstance(self.X, np.memmap)

    def pieces(self, chosen: IntArray) -> Iterator[IntArray]:
        """Yield positions of rows in order, no more at once than should be copied out of `X` together."""
        for at in range(0, len(chosen), ROWS_AT_ONCE):
            yield chosen[at : at + ROWS_AT_ONCE]

    @property
    def trade_starts(self) -> IntArray:
        """When the first row of each trade is decided, shape (n_trades,), whether it is used or not."""
        _, numbered = np.unique(self.trade, return_inverse=True)
        first = np.full(int(numbered.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, numbered, self.time_ns)
        return first

    @property
    def is_used(self) -> npt.NDArray[np.bool_]:
        """Rows that are reachable and have a label at least, shape (n_rows,)."""
        return self.reachable & (np.isfinite(self.race) | np.isfinite(self.hold))

    @property
    def end_ns(self) -> IntArray:
        """When the last of a row's labels is known; long ago where it has none, shape (n_rows,)."""
        return np.maximum(
            np.where(np.isfinite(self.race), self.race_end_ns, NEVER),
            np.where(np.isfinite(self.hold), self.hold_end_ns, NEVER),
        )

    @property
    def over_ns(self) -> IntArray:
        """When a row's last label is known and its embargo is over, shape (n_rows,)."""
        return self.end_ns if self.embargo_end_ns is None else np.maximum(self.end_ns, self.embargo_end_ns)

    def every(self, step: int) -> npt.NDArray[np.bool_]:
        """Return which rows are every `step`-th of their trade in time, counted from the first, shape (n_rows,)."""
        if step == 1:
            return np.ones(len(self), dtype=bool)
        order = np.lexsort((self.time_ns, self.trade))
        trade = self.trade[order]
        begins = np.concatenate([[True], trade[1:] != trade[:-1]])
        positions = np.arange(len(trade))
        within = positions - np.maximum.accumulate(np.where(begins, positions, 0))
        chosen = np.empty(len(trade), dtype=bool)
        chosen[order] = within % step == 0
        return chosen


def _bars_later(placed: PlacedTrades, rows: TradeRows, bar: IntArray, n_bars: int) -> IntArray:
    """Return when the `n_bars`-th bar after each row's `bar` closes; past the data at the symbol's interval."""
    bars = placed.bars
    final = np.repeat(placed.end_bar - 1, rows.lengths)
    missing = np.maximum(bar + n_bars - final, 0)
    interval = np.repeat(bars.interval_ns[placed.symbol_index], rows.lengths)
    return np.asarray(bars.close_time[np.minimum(bar + n_bars, final)] + missing * interval)


def check_matrix(X: np.ndarray, names: tuple[str, ...]) -> None:
    """Refuse a matrix whose columns are not the named features.

    Raises
    ------
    ModelError
        If the shape, the names or a value cannot be used.
    """
    if X.ndim != 2 or X.shape[1] != len(names):
        raise ModelError(f"X must have one column for each of the {len(names)} features, but has shape {X.shape}.")
    if not names or len(set(names)) != len(names):
        raise ModelError("Feature names must be given and differ from each other.")
    for at in range(0, len(X), ROWS_AT_ONCE):
        infinite = np.isinf(X[at : at + ROWS_AT_ONCE])
        if infinite.any():
            column = names[int(np.flatnonzero(infinite.any(axis=0))[0])]
            raise ModelError(f"Features must be finite or NaN (not known), but '{column}' holds an infinite value.")
