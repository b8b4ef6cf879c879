"""The scikit-learn face of the features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone  # type: ignore[import-untyped]
from sklearn.impute import SimpleImputer  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]

from exitladder.bars import BarSet
from exitladder.errors import BarsError, FeatureError
from exitladder.features import FeatureSet, feature_matrix
from exitladder.features.transformer import FeatureTransformer


def table_of(bars: BarSet) -> pd.DataFrame:
    """Rows of both symbols, mixed by time."""
    parts = [bars[s].to_frame().assign(symbol=s) for s in bars.symbols]
    return pd.concat(parts).sort_values("timestamp", kind="stable", ignore_index=True)


@pytest.mark.parametrize("side", [1, -1])
def test_rows_keep_the_order_of_the_table(two_symbols: BarSet, side: int) -> None:
    table = table_of(two_symbols)
    got = FeatureTransformer(["rsi_14", "clv"], side=side).fit_transform(table)
    matrix = feature_matrix(two_symbols, FeatureSet.from_names(["rsi_14", "clv"]), side)
    for k, symbol in enumerate(two_symbols.symbols):
        part = slice(two_symbols.start[k], two_symbols.start[k + 1])
        assert np.array_equal(got[(table["symbol"] == symbol).to_numpy()], matrix.values[part], equal_nan=True)


def test_works_in_a_pipeline_with_named_output(two_symbols: BarSet) -> None:
    table = two_symbols["A"].to_frame()
    steps = make_pipeline(FeatureTransformer(("momentum",)), SimpleImputer()).set_output(transform="pandas")
    out = steps.fit_transform(table)
    assert tuple(out.columns) == FeatureSet.from_names(["momentum"]).names
    assert len(out) == len(table)
    assert not out.isna().any().any()


def test_can_be_cloned_and_asked_for_its_parameters() -> None:
    one = FeatureTransformer(("rsi_14",), side=-1)
    assert clone(one).get_params() == {"names": ("rsi_14",), "side": -1}
    assert clone(one).set_params(side=1).side == 1


def test_refusals(two_symbols: BarSet) -> None:
    table = two_symbols["A"].to_frame()
    with pytest.raises(FeatureError, match="only trade state"):
        FeatureTransformer(["open_r"]).fit(table)
    with pytest.raises(FeatureError, match="Did you mean"):
        FeatureTransformer(["rsi14"]).fit(table)
    with pytest.raises(BarsError):
        FeatureTransformer(["rsi_14"]).fit(table).transform(table.drop(columns="close"))
