"""The matrix of bars and the matrix of rows hold the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.atr import atr_of_set
from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import ExitladderWarning, FeatureError
from exitladder.features import FeatureSet, feature_matrix, features_frame, row_matrix, trade_state_rows
from exitladder.trades.rows import trade_rows
from exitladder.trades.trades import PlacedTrades


def test_rows_are_bars_and_state_in_the_trades_direction(placed: PlacedTrades) -> None:
    features = FeatureSet.from_names(["default"])
    rows = trade_rows(placed, 30)
    got = row_matrix(placed, rows, features)
    view = {side: feature_matrix(placed.bars, features, side).values for side in (1, -1)}
    side = placed.trades.side[rows.trade][:, None]
    bar = np.where(side > 0, view[1][rows.bar], view[-1][rows.bar])
    state = trade_state_rows(placed, rows, atr_of_set(placed.bars), features.state_names)
    assert got.names == features.names
    assert got.values.flags.c_contiguous
    assert np.array_equal(got.values, np.hstack([bar, state]).astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("select", [[0], [7, 8, 9], [9, 3, 3, 0], []])
def test_select_takes_those_rows_in_that_order(placed: PlacedTrades, select: list[int]) -> None:
    features = FeatureSet.from_names(["rsi_14", "open_r", "roc_10"])
    rows = trade_rows(placed, 12)
    every = row_matrix(placed, rows, features).values
    chosen = np.array(select, dtype=np.int64)
    assert np.array_equal(row_matrix(placed, rows, features, select=chosen).values, every[chosen], equal_nan=True)


def test_select_of_a_row_that_is_not_there_is_refused(placed: PlacedTrades) -> None:
    rows = trade_rows(placed, 12)
    with pytest.raises(FeatureError, match="select must name rows"):
        row_matrix(placed, rows, FeatureSet.from_names(["held"]), select=np.array([rows.n_rows]))


def test_symbols_do_not_touch_each_other(two_symbols: BarSet) -> None:
    features = FeatureSet.from_names(["all"])
    both = feature_matrix(two_symbols, features, 1).values
    alone = feature_matrix(BarSet([two_symbols["B"]]), features, 1).values
    assert np.array_equal(both[two_symbols.start[1] :], alone, equal_nan=True)


def test_frame_has_symbol_stamp_and_a_column_a_feature(two_symbols: BarSet) -> None:
    frame = features_frame(two_symbols, FeatureSet.from_names(["rsi_14", "clv", "held"]))
    assert list(frame.columns) == ["symbol", "timestamp", "rsi_14", "clv"]
    assert len(frame) == two_symbols.n_bars
    assert str(frame["timestamp"].dt.tz) == "UTC"


def test_bars_without_volume_keep_the_columns_and_say_so_once(walk: Callable[..., Bars]) -> None:
    bars = BarSet([walk(80, volume=False), walk(80, symbol="B")])
    features = FeatureSet.from_names(["volume_z_20", "signed_volume_10", "rsi_14"])
    with pytest.warns(ExitladderWarning, match="no volume in the bars of A") as caught:
        matrix = feature_matrix(bars, features, 1)
    assert len(caught) == 1
    assert matrix.names == features.names
    assert np.isnan(matrix.column("volume_z_20")[:80]).all()
    assert np.isfinite(matrix.column("volume_z_20")[80 + 19 :]).all()
    assert [text.split(":")[0] for text in matrix.dropped] == ["volume_z_20", "signed_volume_10"]


def test_a_price_that_is_not_finite_is_refused_with_its_place(walk: Callable[..., Bars]) -> None:
    bars = walk(50)
    bars.high[7] = np.nan
    with pytest.raises(FeatureError, match=r"high is nan in the bar of 'A' at 1970-01-10"):
        feature_matrix(BarSet([bars]), FeatureSet.from_names(["clv"]), 1)


def test_side_must_be_one_or_minus_one(two_symbols: BarSet) -> None:
    with pytest.raises(FeatureError, match="side must be 1"):
        feature_matrix(two_symbols, FeatureSet.from_names(["clv"]), 0)


def test_a_symbol_without_trades_is_not_warned_of(placed: PlacedTrades, walk: Callable[..., Bars]) -> None:
    """Warnings are errors here: the silent symbol has no trade and must not be told."""
    first = np.flatnonzero(placed.symbol_index == 0)
    silent = BarSet([placed.bars["A"], walk(50, symbol="B", volume=False)])
    some = replace(placed.take(first), bars=silent)
    matrix = row_matrix(some, trade_rows(some, 5), FeatureSet.from_names(["volume_z_20"]))
    assert matrix.dropped == ()
    assert np.isfinite(matrix.values).all()
