"""The numbers behind the pictures, against answers worked out by hand or in another way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from exitladder.errors import ModelError
from exitladder.pipelines.plots.data import (
    cumulative_r,
    distribution,
    ladder_steps,
    leading_features,
    mfe_against_exit,
    reliability,
    rung_hits,
    trade_window,
    underwater,
)
from exitladder.plans.file import ladder_from_mapping


def test_cumulative_r_adds_in_time_order_and_a_skipped_trade_adds_nothing() -> None:
    days = pd.to_datetime(["2024-01-03", "2024-01-01", "2024-01-03", "2024-01-02"], utc=True)
    net = pd.DataFrame({"a": [1.0, -1.0, 0.5, np.nan], "b": [0.0, 2.0, -1.0, 3.0]}, index=days)
    curves = cumulative_r(net)
    assert curves.index.is_unique
    assert curves["a"].tolist() == [-1.0, -1.0, 0.5]
    assert curves["b"].tolist() == [2.0, 5.0, 4.0]


def test_underwater_counts_the_start_as_a_best() -> None:
    assert underwater(pd.Series([-1.0, 2.0, 0.5, 3.0])).tolist() == [-1.0, 0.0, -1.5, 0.0]


def test_capture_is_a_ratio_of_sums_over_closed_trades_that_moved() -> None:
    trades = pd.DataFrame(
        {
            "status": ["closed", "closed", "closed", "open", "skipped"],
            "mfe_r": [4.0, 1.0, 0.0, 9.0, np.nan],
            "r": [2.0, -1.0, -1.0, 9.0, np.nan],
        }
    )
    found = mfe_against_exit(trades)
    assert len(found.trades) == 3
    assert found.capture == pytest.approx(1.0 / 5.0)
    assert np.isnan(mfe_against_exit(trades.iloc[2:3]).capture)


def test_reliability_agrees_with_scores_computed_directly() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.05, 0.95, 5000)
    y = (rng.random(5000) < p).astype(float)
    y[:10] = np.nan
    found = reliability(y, p, n_bins=8)
    known, q = y[10:], p[10:]
    assert found.bins["n"].sum() == found.histogram["n"].sum() == 4990
    assert len(found.bins) == 8
    assert found.brier == pytest.approx(np.mean((q - known) ** 2))
    assert found.log_loss == pytest.approx(-np.log(np.where(known == 1, q, 1 - q)).mean())
    assert found.base_rate == pytest.approx(known.mean())
    assert found.calibration_error < 0.03
    assert ((found.bins["low"] <= found.bins["predicted"]) & (found.bins["predicted"] <= found.bins["high"])).sum() >= 7
    row = found.bins.iloc[0]
    exact = binomtest(round(row["observed"] * row["n"]), int(row["n"])).proportion_ci(method="wilson")
    assert (row["low"], row["high"]) == pytest.approx((exact.low, exact.high))


def test_reliability_of_a_constant_model_is_one_bin_and_of_nothing_an_error() -> None:
    found = reliability([0, 1, 1, 1], [0.5] * 4)
    assert len(found.bins) == 1
    assert found.calibration_error == pytest.approx(0.25)
    with pytest.raises(ModelError, match="at least one row"):
        reliability([np.nan], [0.5])


def test_leading_features_share_all_gain() -> None:
    table = leading_features({"a": 1.0, "b": 3.0, "c": 0.0}, {"a": "rsi", "b": "atr"}, top=2)
    assert table["feature"].tolist() == ["b", "a"]
    assert table["share"].tolist() == [0.75, 0.25]
    assert leading_features({"c": 0.0}, {})["family"].tolist() == ["other"]


@pytest.mark.parametrize(
    ("stop", "levels"),
    [
        ({}, [1.5, None, None, None]),
        ({"initial": "2ATR"}, [1.5, 1.0, None, None]),
        ({"initial": "4%"}, [1.5, None, 1.25, None]),
    ],
)
def test_ladder_steps_know_their_height_where_the_initial_stop_tells_it(
    stop: dict[str, object], levels: list[float | None]
) -> None:
    rungs = [
        {"fraction": 0.25, "target": "1.5R"},
        {"fraction": 0.25, "target": "2ATR"},
        {"fraction": 0.25, "target": "5%"},
        {"fraction": 0.25, "when": ["exhaustion >= 0.7", "open_r >= 0.5"]},
    ]
    steps = ladder_steps(ladder_from_mapping({"rungs": rungs, "stop": stop}))
    assert [step.level for step in steps] == levels
    assert steps[3].text == "25% when exhaustion >= 0.7 and open profit >= 0.5R"


def test_distribution_is_the_share_at_or_below() -> None:
    table = distribution({"a": [2.0, np.nan, -1.0, -1.0, 0.0]})["a"]
    assert table["r"].tolist() == [-1.0, -1.0, 0.0, 2.0]
    assert table["share"].tolist() == [0.25, 0.5, 0.75, 1.0]


def test_rung_hits_count_each_trade_once_and_show_rungs_that_never_fill() -> None:
    trades = pd.DataFrame(
        {
            "trade_id": ["a", "b", "c", "d"],
            "status": ["closed", "closed", "open", "skipped"],
            "side": ["long", "short", "long", "long"],
            "entry_price": [10.0, 200.0, 10.0, 10.0],
            "risk": [1.0, 20.0, 1.0, np.nan],
        }
    )
    fills = pd.DataFrame(
        [
            ("a", "entry", np.nan, 100.0, 10.0),
            ("a", "rung", 1, 25.0, 11.0),
            ("a", "rung", 1, 25.0, 12.0),
            ("a", "stop", np.nan, 50.0, 10.0),
            ("b", "rung", 1, 5000.0, 140.0),
            ("b", "stop", np.nan, 1500.0, 220.0),
            ("c", "mark", np.nan, 10.0, 15.0),
        ],
        columns=["trade_id", "order", "rung", "quantity", "price"],
    )
    table = rung_hits(fills, trades, n_rungs=2)
    assert table["name"].tolist() == ["rung 1", "rung 2", "stop"]
    assert table["hit_rate"].tolist() == pytest.approx([2 / 3, 0.0, 2 / 3])
    # Trade a sold half at 1R and half at 2R, trade b 5,000 shares at 3R: the mean of 1.5R and 3R.
    assert table["mean_r"][0] == pytest.approx((1.5 + 3.0) / 2)
    assert np.isnan(table["mean_r"][1])
    assert table["mean_r"][2] == pytest.approx(-0.5)


def test_trade_window_pads_and_draws_many_bars_together() -> None:
    n = 100
    rising = np.arange(n, dtype=float)
    bars = pd.DataFrame(
        {
            "timestamp": pd.date_range("2024-01-01", periods=n, freq="h", tz="UTC"),
            "open": rising,
            "high": rising + 2,
            "low": rising - 2,
            "close": rising + 1,
        }
    )
    times = [bars["timestamp"][20] + pd.Timedelta("30min"), bars["timestamp"][29]]
    near = trade_window(bars, times, pad=3)
    assert near["open"].tolist() == rising[17:33].tolist()
    together = trade_window(bars, times, pad=3, most=6)
    assert len(together) == 6
    assert together["timestamp"][0] == bars["timestamp"][17]
    assert [together[name][0] for name in ("open", "high", "low", "close")] == [17.0, 21.0, 15.0, 20.0]
    assert trade_window(bars, [bars["timestamp"][0]], pad=3)["open"].tolist() == [0.0, 1.0, 2.0, 3.0]
