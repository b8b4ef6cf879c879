"""The scikit-learn face of the features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone  # type: ignore[import-untyped]
from sklearn.impute import SimpleImputer  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.utils.estimator_checks import (  # type: ignore[import-untyped]
    check_dataframe_column_names_consistency,
    check_get_feature_names_out_error,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from exitladder.bars.bars import BarSet
from exitladder.errors import BarsError, FeatureError
from exitladder.features import FeatureSet, feature_matrix
from exitladder.features.transformer import FeatureTransformer

_HISTORY = "rows need the bars before them: others before them are another history"
ANOTHER_HISTORY = {
    "check_methods_sample_order_invariance": _HISTORY,
    "check_methods_subset_invariance": _HISTORY,
}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [FeatureTransformer(["rsi_3", "bb_pctb_5", "atr_pct_3"])],
    expected_failed_checks=lambda _: ANOTHER_HISTORY,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_get_feature_names_out_error,
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_transformer_get_feature_names_out,
        check_transformer_get_feature_names_out_pandas,
    ],
)
@pytest.mark.filterwarnings("ignore:X (has|does not have) .*feature names")  # the check mixes them
def test_scikit_learns_checks_of_names_and_output(check: Any) -> None:
    check("FeatureTransformer", FeatureTransformer(["rsi_3", "bb_pctb_5"]))


def test_a_panel_of_closes_gives_each_columns_features(two_symbols: BarSet) -> None:
    closes = pd.DataFrame({s: two_symbols[s].close[:300] for s in two_symbols.symbols})
    out = FeatureTransformer(["rsi_14", "slope_20"]).set_output(transform="pandas").fit_transform(closes)
    assert list(out) == ["A_rsi_14", "A_slope_20", "B_rsi_14", "B_slope_20"]
    matrix = feature_matrix(two_symbols, FeatureSet.from_names(["rsi_14"]), 1).column("rsi_14")
    assert np.array_equal(out["B_rsi_14"], matrix[two_symbols.start[1] :][:300], equal_nan=True)


def test_bars_and_panels_are_not_mixed_up(two_symbols: BarSet) -> None:
    table = two_symbols["A"].to_frame()
    with pytest.raises(BarsError, match="fitted to a table of bars"):
        FeatureTransformer(["rsi_14"]).fit(table).transform(table.to_numpy())


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
    assert clone(one).get_params() == {"names": ("rsi_14",), "side": -1, "exchange_tz": "UTC"}
    assert clone(one).set_params(side=1).side == 1


def test_refusals(two_symbols: BarSet) -> None:
    table = two_symbols["A"].to_frame()
    with pytest.raises(FeatureError, match="only trade state"):
        FeatureTransformer(["open_r"]).fit(table)
    with pytest.raises(FeatureError, match="Did you mean"):
        FeatureTransformer(["rsi14"]).fit(table)
    with pytest.raises(BarsError):
        FeatureTransformer(["rsi_14"]).fit(table).transform(table.drop(columns="close"))


def test_goes_by_the_exchanges_clock() -> None:
    table = pd.DataFrame({"timestamp": pd.date_range("2024-01-02T14:30Z", periods=3, freq="h")})
    table[["open", "high", "low", "close"]] = 5.0
    names = ["time_of_day"]
    there = FeatureTransformer(names, exchange_tz="America/New_York").fit_transform(table)
    assert (24 * there[:, 0]).tolist() == [9.5, 10.5, 11.5]
    with pytest.raises(FeatureError, match="Did you mean 'America/New_York'"):
        FeatureTransformer(names, exchange_tz="America/NewYork").fit(table)
