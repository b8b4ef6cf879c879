"""Markets that break assumptions: crude oil below zero, halts, rows that come twice, splits left as traded."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.reading import read_bars
from exitladder.errors import ExitladderWarning
from exitladder.features import FeatureSet, feature_matrix, features_frame
from exitladder.features.catalogue import find_column

DAY = 86_400 * 10**9
# Settlements of the May 2020 crude oil future from 14 April, then of the June future, $ a barrel.
CRUDE = (20.11, 19.87, 19.87, 18.27, -37.63, 10.01, 13.78, 16.50, 16.94, 12.78, 12.34, 15.06, 18.84)
SUNK = 300 + CRUDE.index(-37.63)


def crude_oil() -> Bars:
    """300 quiet days about 55 $, a fall to 20 $, and April 2020."""
    rng = np.random.default_rng(0)
    quiet = 55 + np.cumsum(rng.normal(0, 0.4, 280))
    close = np.concatenate([quiet, np.linspace(quiet[-1], 20.5, 20), CRUDE])
    open_ = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(open_, close) + 0.4, np.minimum(open_, close) - 0.4
    return Bars("CL", DAY, np.arange(len(close)) * DAY, open_, high, low, close, rng.lognormal(12, 0.3, len(close)))


@pytest.mark.parametrize("side", [1, -1])
def test_crude_oil_below_zero_gives_numbers_or_nothing_and_is_reported(side: int) -> None:
    bars, features = crude_oil(), FeatureSet.from_names(["all"])
    with pytest.warns(ExitladderWarning, match="logarithms need prices above zero, which the bars of CL do not keep"):
        matrix = feature_matrix(BarSet([bars]), features, side)
    assert not np.isinf(matrix.values).any()
    for k, column in enumerate(features.columns):
        value = matrix.values[SUNK, k]
        if column.feature.needs == "log":
            assert np.isnan(value), column.name
            assert any(text.startswith(f"{column.name}:") for text in matrix.dropped)
        elif not column.feature.may_miss:
            assert np.isfinite(value), column.name


def test_what_crude_oil_says_below_zero_is_right() -> None:
    bars = crude_oil()
    matrix = feature_matrix(BarSet([bars]), FeatureSet.from_names(["rsi_14", "mom_atr_10", "atr_pct_14", "clv"]), 1)
    rsi, momentum, atr_pct, clv = matrix.values[SUNK]
    ranges = np.maximum(bars.high[1:], bars.close[:-1]) - np.minimum(bars.low[1:], bars.close[:-1])
    atr = ranges[:14].mean()
    for r in ranges[14:SUNK]:
        atr = (13 * atr + r) / 14
    assert momentum == pytest.approx((-37.63 - bars.close[SUNK - 10]) / atr, rel=1e-12)
    assert atr_pct == pytest.approx(100 * atr / 37.63, rel=1e-12)
    assert 0 < rsi < 15
    assert clv == pytest.approx((2 * -37.63 - (18.27 + 0.4) - (-37.63 - 0.4)) / (18.27 + 37.63 + 0.8))


def test_a_halt_gives_flat_silent_bars_neutral_values() -> None:
    """250 days without trade or movement in between: nothing infinite, what has no meaning is neutral or missing."""
    bars = crude_oil()
    held = np.arange(40, 290)
    price, volume = np.full(250, bars.close[39]), bars.volume.copy()  # type: ignore[union-attr]
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close")}
    for values in columns.values():
        values[held] = price
    volume[held] = 0.0
    halted = replace(bars, **columns, volume=volume)
    features = FeatureSet.from_names(["all"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExitladderWarning)
        matrix = feature_matrix(BarSet([halted]), features, 1)
    assert not np.isinf(matrix.values).any()
    at = dict(zip(matrix.names, matrix.values[280], strict=True))
    assert (at["bb_pctb_20"], at["efficiency_10"], at["range_ratio_5_50"], at["clv"]) == (0.5, 0.0, 1.0, 0.0)
    assert all(
        np.isnan(at[name]) for name in ("volume_z_20", "signed_volume_10", "volume_surge_20", "volume_climax_20")
    )


@pytest.mark.parametrize("name", ["lean-usa/AAPL-1d.parquet", "lean-usa/SPY-1m.parquet", "yahoo-etf/VTI-1d.parquet"])
def test_rows_that_come_twice_or_unsorted_change_nothing(shared_data: Path, tmp_path: Path, name: str) -> None:
    """Real bars with splits left as traded and holes, some rows twice and all shuffled, read as a user would."""
    table = pd.read_parquet(shared_data / name).tail(700)
    again = pd.concat([table, table.sample(60, random_state=1)]).sample(frac=1.0, random_state=2)
    frames = []
    for folder, rows in (("once", table), ("twice", again)):
        path = tmp_path / folder / Path(name).name
        path.parent.mkdir()
        rows.to_parquet(path)
        bars, _ = read_bars(path, repair=True, adjust="none")
        frames.append(features_frame(bars, FeatureSet.from_names(["all"])))
    pd.testing.assert_frame_equal(frames[0], frames[1], check_exact=True)
    assert np.isfinite(frames[0]["rsi_14"]).sum() > 600


def test_every_family_is_in_the_set_of_all() -> None:
    names = FeatureSet.from_names(["all"]).bar_names
    families = {c.family for c in map(find_column, names) if c is not None}
    assert families >= {"momentum", "oscillators", "stretch", "volatility", "shape", "volume", "levels"}
    assert families >= {"regime", "liquidity", "calendar", "higher_frame"}
