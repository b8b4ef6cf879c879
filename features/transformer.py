"""The features as a scikit-learn transformer, for pipelines of the user's own. Imports scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin  # type: ignore[import-untyped]
from sklearn.utils.validation import (  # type: ignore[import-untyped]
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.tables import bars_from_frame
from exitladder.errors import BarsError, FeatureError
from exitladder.features.feature_set import FeatureSet
from exitladder.features.matrix import feature_matrix
from exitladder.features.outside import Outside
from exitladder.files.stamps import check_tz

_PRICES = {"open", "high", "low", "close"}
_DAY_NS = 86_400 * 10**9


class FeatureTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns a table of bars, or a panel of closes, into features row by row; never looks ahead.

    Parameters
    ----------
    names : sequence of str
        Sets, families or single columns. Trade-state columns are left out: bars do not have them.
    side : int
        +1 for the view of a long trade, -1 for that of a short one.
    exchange_tz : str
        Time zone of the exchange, whose clock calendar columns go by.

    Attributes
    ----------
    features_ : FeatureSet
    is_panel_ : bool
        Whether it was fitted to an array or a table without open, high, low or close. Each column is
        then the closes of one market, a row a day, and gives its own features: ``x0_rsi_14``.
    n_features_in_ : int
    feature_names_in_ : object array of str

    Notes
    -----
    Nothing is fitted to the data. Because rows need the bars before them, transform a whole history
    and split afterwards, or give `transform` the warm-up (``features_.warm_up`` bars) of each part. For
    the same reason, two of scikit-learn's estimator checks cannot hold: rows in another order, or a few
    of them alone, are another history. It passes all others.

    Examples
    --------
    >>> from exitladder.sample import load_sample_bars
    >>> table = load_sample_bars()[0]["AAPL"].to_frame().tail(300)
    >>> features = FeatureTransformer(["rsi_14", "bb_pctb_20"]).set_output(transform="pandas").fit_transform(table)
    >>> list(features.columns), len(features)
    (['rsi_14', 'bb_pctb_20'], 300)
    """

    def __init__(self, names: Sequence[str] = ("default",), side: int = 1, exchange_tz: str = "UTC") -> None:
        self.names = names
        self.side = side
        self.exchange_tz = exchange_tz

    def fit(self, X: pd.DataFrame | npt.ArrayLike, y: object = None) -> FeatureTransformer:
        """Look up the features; learns nothing."""
        features = FeatureSet.from_names(self.names, Outside(exchange_tz=check_tz(self.exchange_tz, FeatureError)))
        if not features.bar_names:
            raise FeatureError("The transformer needs at least one feature of bars, but names only trade state.")
        table = _bar_table(X)
        if table is None:
            validate_data(self, X, dtype=np.float64)
        else:
            self.feature_names_in_ = np.asarray(table.columns, dtype=object)
            self.n_features_in_ = len(self.feature_names_in_)
        self.is_panel_ = table is None
        self.features_ = features
        return self

    def transform(self, X: pd.DataFrame | npt.ArrayLike) -> FloatArray:
        """Return one row of features for each row of bars, in the order of the table.

        Parameters
        ----------
        X : DataFrame or array
            timestamp, open, high, low, close, volume (optional), symbol (optional, for several); stamps
            may be the index. Bars of a symbol in order of time. Or a panel of closes, if fitted to one.

        Raises
        ------
        BarsError
            If these are no usable bars, or are not in order.
        """
        check_is_fitted(self, "features_")
        if self.is_panel_:
            return self._panel(validate_data(self, X, dtype=np.float64, reset=False))
        table = _bar_table(X)
        if table is None:
            raise BarsError(
                "The transformer was fitted to a table of bars and must be given one, with columns open, high, low and "
                f"close, but was given {type(X).__name__}. Name the columns, or fit it to a panel of closes."
            )
        bars, _ = bars_from_frame(table, "" if _has_symbol(table) else "bars")
        matrix = feature_matrix(bars, self.features_, self.side)
        if bars.n_bars != len(table):
            raise BarsError(
                f"Each row must be a usable bar, but of {len(table)} rows {bars.n_bars} are. "
                "Check the table with `exitladder bars check` first."
            )
        return matrix.values[_rows_of(table, bars.symbols, bars.start)]

    def _panel(self, closes: FloatArray) -> FloatArray:
        """Return the features of each column's closes, side by side."""
        n_bars = len(closes)
        time = np.arange(n_bars, dtype=np.int64) * _DAY_NS
        markets = []
        for k, column in enumerate(closes.T):
            close = np.ascontiguousarray(column)
            markets.append(Bars(f"{k:09d}", _DAY_NS, time, close, close, close, close))
        values = feature_matrix(BarSet(markets), self.features_, self.side).values
        return np.hstack([values[k * n_bars : (k + 1) * n_bars] for k in range(closes.shape[1])])

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns that `transform` gives."""
        check_is_fitted(self, "features_")
        own = self.features_.bar_names
        if not self.is_panel_:
            return np.asarray(own, dtype=object)
        columns = _check_feature_names_in(self, input_features)
        return np.asarray([f"{column}_{name}" for column in columns for name in own], dtype=object)


def _bar_table(X: object) -> pd.DataFrame | None:
    """Return X if it is a table of bars, rather than an array or a panel of closes."""
    if not isinstance(X, pd.DataFrame):
        return None
    return X if _PRICES & {str(label).lower() for label in X.columns} else None


def _has_symbol(X: pd.DataFrame) -> bool:
    return any(str(label).lower() == "symbol" for label in X.columns)


def _rows_of(X: pd.DataFrame, symbols: tuple[str, ...], start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the bar of each row: symbols are kept sorted, bars of one symbol in the order of the table."""
    if not _has_symbol(X):
        return np.arange(len(X))
    (label,) = [c for c in X.columns if str(c).lower() == "symbol"]
    position = {name: k for k, name in enumerate(symbols)}
    k = np.array([position[str(name)] for name in X[label]])
    within = X.groupby(label, sort=False).cumcount().to_numpy()
    return np.asarray(start[k] + within)
