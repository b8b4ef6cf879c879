"""The features as a scikit-learn transformer, for pipelines of the user's own. Imports scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin  # type: ignore[import-untyped]
from sklearn.utils.validation import check_is_fitted  # type: ignore[import-untyped]

from exitladder.bar_tables import bars_from_frame
from exitladder.bars import FloatArray
from exitladder.errors import BarsError, FeatureError
from exitladder.features.feature_set import FeatureSet
from exitladder.features.matrix import feature_matrix


class FeatureTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns a table of bars into a table of features, row by row; never looks ahead.

    Parameters
    ----------
    names : sequence of str
        Sets, families or single columns. Trade-state columns are left out: bars do not have them.
    side : int
        +1 for the view of a long trade, -1 for that of a short one.

    Attributes
    ----------
    features_ : FeatureSet
    n_features_in_ : int
    feature_names_in_ : object array of str

    Notes
    -----
    Nothing is learnt from the data. Because rows need the bars before them, transform a whole history
    and split afterwards, or give `transform` the warm-up (``features_.warm_up`` bars) of each part.

    Examples
    --------
    >>> from exitladder.sample import load_sample_bars
    >>> table = load_sample_bars()[0]["AAPL"].to_frame().tail(300)
    >>> features = FeatureTransformer(["rsi_14", "bb_pctb_20"]).set_output(transform="pandas").fit_transform(table)
    >>> list(features.columns), len(features)
    (['rsi_14', 'bb_pctb_20'], 300)
    """

    def __init__(self, names: Sequence[str] = ("default",), side: int = 1) -> None:
        self.names = names
        self.side = side

    def fit(self, X: pd.DataFrame, y: object = None) -> FeatureTransformer:
        """Look up the features; learns nothing."""
        features = FeatureSet.from_names(self.names)
        if not features.bar_names:
            raise FeatureError("The transformer needs at least one feature of bars, but names only trade state.")
        self.features_ = features
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def transform(self, X: pd.DataFrame) -> FloatArray:
        """Return one row of features for each row of bars, in the order of the table.

        Parameters
        ----------
        X : DataFrame
            timestamp, open, high, low, close, volume (optional), symbol (optional, for several); stamps
            may be the index. Bars of a symbol in order of time.

        Raises
        ------
        BarsError
            If these are no usable bars, or are not in order.
        """
        check_is_fitted(self, "features_")
        bars, _ = bars_from_frame(X, "" if _has_symbol(X) else "bars")
        matrix = feature_matrix(bars, self.features_, self.side)
        if bars.n_bars != len(X):
            raise BarsError(
                f"Each row must be a usable bar, but of {len(X)} rows {bars.n_bars} are. "
                "Check the table with `exitladder bars` first."
            )
        return matrix.values[_rows_of(X, bars.symbols, bars.start)]

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns that `transform` gives."""
        check_is_fitted(self, "features_")
        return np.asarray(self.features_.bar_names, dtype=object)


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
