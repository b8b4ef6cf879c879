"""Intervals of calibration by trade, and the table by group."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.models.calibration.measures import probability_measures, reliability
from exitladder.models.calibration.table import OTHERS, calibration_table, measured_probabilities
from exitladder.statistics import Intervals


def outcomes(n_trades: int, rows: int, seed: int = 0, alike: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities that hold, and outcomes that all rows of a trade share where `alike`."""
    rng = np.random.default_rng(seed)
    trade = np.repeat(np.arange(n_trades), rows)
    p = rng.uniform(0.2, 0.8, n_trades)[trade]
    luck = rng.random(n_trades)[trade] if alike else rng.random(len(trade))
    return p, (luck < p).astype(float), trade


def width(alike: bool, name: str = "brier") -> float:
    found = measured_probabilities(*outcomes(200, 20, alike=alike), Intervals(confidence=0.95, n_bootstrap=400, seed=0))
    return found[f"{name}_high"] - found[f"{name}_low"]


def test_rows_of_a_trade_that_share_their_fate_tell_no_more_than_one_row() -> None:
    """Standard error of the mean of 200 trades: 1.96 · sd / sqrt(200), twenty rows each or not."""
    p, y, trade = outcomes(200, 20)
    loss = (p - y) ** 2
    assert width(alike=True) == pytest.approx(2 * 1.96 * loss.std() / np.sqrt(200), rel=0.25)
    assert width(alike=False) < 0.5 * width(alike=True)
    assert width(alike=False, name="calibration_error") < 0.5 * width(alike=True, name="calibration_error")
    assert len(np.unique(trade)) == 200


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """The expected Brier score of probabilities uniform in 0.2 to 0.8 that hold: the mean of p (1 - p) is 0.22."""
    inside = 0
    for seed in range(100):
        found = measured_probabilities(*outcomes(100, 5, seed), Intervals(confidence=0.9, n_bootstrap=200, seed=seed))
        inside += found["brier_low"] <= 0.22 <= found["brier_high"]
    assert 80 <= inside <= 98


def test_every_row_of_the_table_says_what_its_part_alone_would() -> None:
    p, y, trade = outcomes(120, 4)
    side = np.where(trade % 2, "long", "short")
    symbol = np.select([trade < 50, trade < 100, trade < 115], ["A", "B", "C"], "D")
    shuffled = np.random.default_rng(1).permutation(len(p))
    table = calibration_table(
        p[shuffled],
        y[shuffled],
        trade[shuffled],
        {"side": side[shuffled], "symbol": symbol[shuffled]},
        intervals=Intervals(n_bootstrap=200),
    )
    assert table[["by", "group"]].to_numpy().tolist() == [
        ["all", "all"],
        ["side", "long"],
        ["side", "short"],
        ["symbol", "A"],
        ["symbol", "B"],
        ["symbol", OTHERS],
    ]
    for row in table.itertuples(index=False):
        part = {"all": trade >= 0, "side": side == row.group}.get(str(row.by), symbol == row.group)
        if row.group == OTHERS:
            part = trade >= 100
        alone = probability_measures(p[part], y[part])
        for name in ("log_loss", "brier", "calibration_error", "auc", "base_rate"):
            assert getattr(row, name) == pytest.approx(alone[name], rel=1e-12)
        assert row.n_trades == len(np.unique(trade[part]))
        assert row.predicted == pytest.approx(p[part].mean())
        for name in ("log_loss", "brier", "calibration_error"):
            assert getattr(row, f"{name}_low") <= getattr(row, name) <= getattr(row, f"{name}_high")
    again = calibration_table(p, y, trade, {"side": side, "symbol": symbol}, intervals=Intervals(n_bootstrap=200))
    assert again.equals(table)


def test_without_predictions_there_is_no_row() -> None:
    nothing = np.empty(0)
    assert calibration_table(nothing, nothing, nothing.astype(np.int64), {"side": nothing.astype(object)}).empty


def test_too_few_trades_have_values_but_no_interval() -> None:
    table = calibration_table(*outcomes(12, 5), {"year": np.full(60, "2024")}, intervals=Intervals(n_bootstrap=200))
    assert table["group"].tolist() == ["all", OTHERS]
    assert np.isfinite(table["brier"]).all()
    assert table[["brier_low", "brier_high", "log_loss_low", "calibration_error_high"]].isna().all(axis=None)


def test_the_calibration_error_is_that_of_the_reliability_table_and_is_in_its_interval() -> None:
    p, y, trade = outcomes(60, 5)
    found = measured_probabilities(p, y, trade, Intervals(confidence=0.95, n_bootstrap=200, seed=0))
    bins = reliability(p, y)
    expected = np.average(np.abs(bins["predicted"] - bins["observed"]), weights=bins["n"])
    assert found["calibration_error"] == pytest.approx(expected)
    assert found["calibration_error_low"] < expected < found["calibration_error_high"]
