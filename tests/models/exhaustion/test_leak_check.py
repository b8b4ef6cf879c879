"""The leak checks: silent on honest rows, loud on features from the future and on shared trades."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from exitladder.arrays import FloatArray
from exitladder.models.exhaustion import leak_check
from exitladder.models.exhaustion.leak_check import (
    LeakReport,
    check_leaks,
    next_bar_return,
    rows_after,
    shuffled_by_trade,
)
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests.rows import TrainingRows
from exitladder.models.labels.labels import continuation_advantage, race
from exitladder.models.splits import Fold, PurgedWalkForward
from exitladder.settings.tables import ModelSettings
from exitladder.trades.rows import trade_rows

QUICK = ModelSettings(n_estimators=20, num_leaves=4, min_child_samples=50, learning_rate=0.2, row_step=1)


LAGS = (1, 3, 10, 20)


@dataclass(frozen=True)
class Market:
    """Rows on a driftless market with honest features, the next bar's return, and the same features a bar late."""

    rows: TrainingRows
    next_return: FloatArray
    shifted: np.ndarray


@pytest.fixture(scope="module")
def market(make: Any) -> Market:
    return market_of(make, 16_000, seed=2)


def market_of(make: Any, n_bars: int, seed: int) -> Market:
    bars = make.driftless_bars(n_bars, seed=seed)
    entries = np.arange(30, n_bars - 100, 40)
    placed = make.placed_on(bars, entries, np.where(np.arange(len(entries)) % 2, 1, -1))
    rows = trade_rows(placed, 40)
    atr = np.ones(len(bars))
    side = placed.trades.side[rows.trade]

    def momentum(bar: np.ndarray) -> np.ndarray:
        return np.column_stack([side * (bars.close[bar] - bars.close[bar - lag]) for lag in LAGS]).astype(np.float32)

    made = TrainingRows.of(
        placed,
        rows,
        momentum(rows.bar),
        tuple(f"momentum_{lag}" for lag in LAGS),
        race=race(placed, rows, atr, 2.0, 2.0),
        hold=continuation_advantage(placed, rows, atr, 4.0, np.ones(len(placed))),
        reachable=np.ones(rows.n_rows, dtype=bool),
    )
    return Market(made, next_bar_return(placed, rows, atr), momentum(rows.bar + 1))


def checked(rows: TrainingRows, next_return: FloatArray) -> LeakReport:
    model = ExhaustionModel.fit(rows, QUICK, n_folds=3, threads=1)
    return check_leaks(rows, model, next_return, n_folds=3, threads=1)


def test_honest_rows_pass(market: Market) -> None:
    report = checked(market.rows, market.next_return)
    assert report.reasons == ()
    assert report.verdict == "passed"
    assert report.notes == ()
    assert report.measures["next_bar_correlation"] < 0.05
    assert report.measures["predicted_correlation"] < 0.05
    # A bar later, momentum over one bar is that bar's return.
    assert report.measures["shifted_correlation"] > 0.99
    assert abs(report.measures["shuffled_auc"] - 0.5) < 0.03


@pytest.mark.parametrize("seed", range(6))
def test_honest_rows_of_other_markets_pass(make: Any, seed: int) -> None:
    other = market_of(make, 4_000, seed=10 + seed)
    report = checked(other.rows, other.next_return)
    assert report.reasons == ()


def test_features_that_do_not_see_the_price_leave_the_check_blind_and_it_says_so(market: Market) -> None:
    noise = np.random.default_rng(1).normal(size=market.rows.X.shape).astype(np.float32)
    report = checked(replace(market.rows, X=noise), market.next_return)
    assert report.verdict == "passed"
    assert "would have passed" in report.notes[0]


def test_features_that_know_the_next_bar_only_together_are_found_in_the_predictions(market: Market) -> None:
    """Each hides its share of the next bar's return in noise of another."""
    rng = np.random.default_rng(3)
    n, parts = len(market.rows), 40
    known = np.nan_to_num(market.next_return)
    X = (0.18 * known[:, None] + rng.normal(size=(n, parts))).astype(np.float32)
    names = tuple(f"part_{k}" for k in range(parts))
    report = checked(replace(market.rows, X=X, names=names), market.next_return)
    assert report.measures["next_bar_correlation"] < leak_check.MOST_FOLLOWING
    assert report.verdict == "flagged"
    assert any("No prediction may follow" in reason for reason in report.reasons)


def test_the_row_after_is_the_next_of_the_same_trade(market: Market) -> None:
    after = rows_after(market.rows)
    last = np.flatnonzero(after < 0)
    assert len(last) == len(np.unique(market.rows.trade))
    known = after >= 0
    np.testing.assert_array_equal(market.rows.trade[after[known]], market.rows.trade[known])
    assert (np.diff(np.unique(market.rows.time_ns[after[known]] - market.rows.time_ns[known])) == 0).all()


@pytest.mark.parametrize(("lag", "at_least"), [(1, 0.99), (3, 0.5), (10, 0.25)])
def test_a_feature_that_reads_the_next_bar_is_named(market: Market, lag: int, at_least: float) -> None:
    """The mistake of shifting by one: momentum up to the close of the bar after."""
    X = market.rows.X.copy()
    X[:, LAGS.index(lag)] = market.shifted[:, LAGS.index(lag)]
    report = checked(replace(market.rows, X=X), market.next_return)
    assert report.verdict == "flagged"
    assert any(f"'momentum_{lag}' has a rank correlation" in reason for reason in report.reasons)
    assert report.measures["next_bar_correlation"] > at_least


def test_a_feature_made_of_the_label_is_named_and_too_good_to_be_true(market: Market) -> None:
    rows = market.rows
    X = rows.X.copy()
    X[:, 2] = np.nan_to_num(rows.race, nan=0.5) + np.random.default_rng(0).normal(scale=0.3, size=len(X))
    report = checked(replace(rows, X=X), market.next_return)
    assert any("'momentum_10' has" in reason and "AUC" in reason for reason in report.reasons)
    assert any("out-of-fold AUC must stay below" in reason for reason in report.reasons)


def test_a_split_that_shares_trades_shows_as_skill_on_shuffled_labels(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The split itself is broken here: it tests on what it trained on."""

    class InSample(PurgedWalkForward):
        def folds(self, *spans: Any, **options: Any) -> list[Fold]:
            return [replace(fold, train=fold.test) for fold in super().folds(*spans, **options)]

    model = ExhaustionModel.fit(market.rows, replace(QUICK, num_leaves=12), n_folds=3, threads=1)
    monkeypatch.setattr(leak_check, "PurgedWalkForward", InSample)
    report = check_leaks(market.rows, model, market.next_return, n_folds=3, threads=1)
    assert report.verdict == "flagged"
    assert "shuffled among trades no skill may be left" in report.reasons[0]


def test_shuffling_moves_labels_by_whole_trades() -> None:
    trade = np.repeat([4, 2, 9], 4)
    time = np.tile(np.arange(4), 3)
    y = np.arange(12.0)
    shuffled = shuffled_by_trade(trade, time, y, seed=0)
    for rows in (slice(0, 4), slice(4, 8), slice(8, 12)):
        source = {int(v) // 4 for v in shuffled[rows]}
        assert len(source) == 1
        steps = np.diff(shuffled[rows]) % 4
        assert (steps == 1).all()
    assert sorted(shuffled) == sorted(y)


def test_the_next_bars_return_is_the_trades_own_from_the_open(make: Any) -> None:
    bars = make.bars_of([[10, 11, 9, 10], [12, 15, 12, 15], [15, 15, 13, 14]])
    placed = make.placed_on(bars, [0, 0], [1, -1])
    rows = trade_rows(placed, 9)
    found = next_bar_return(placed, rows, np.array([2.0, 1.0, 1.0]))
    np.testing.assert_array_equal(found, [1.5, -1.0, np.nan, -1.5, 1.0, np.nan])
