"""Tests of value at risk against published numbers, an independent computation and simulated truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from exitladder.statistics.risk.coverage import (
    accepted_range,
    basel_zone,
    conditional_coverage,
    coverage,
    durations,
    independence,
    power,
    proportion_of_failures,
)
from exitladder.statistics.risk.value_at_risk import forecast, forecasts, normal_tail, tail_of


@pytest.mark.parametrize(
    ("n", "level", "low", "high"),
    [
        (255, 0.99, 1, 6), (510, 0.99, 2, 10), (1000, 0.99, 5, 16),
        (255, 0.975, 3, 11), (510, 0.975, 7, 20), (1000, 0.975, 16, 35),
        (255, 0.95, 7, 20), (510, 0.95, 17, 35), (1000, 0.95, 38, 64),
        (255, 0.90, 17, 35), (510, 0.90, 39, 64), (1000, 0.90, 82, 119),
    ],
)  # fmt: skip
def test_kupiecs_table(n: int, level: float, low: int, high: int) -> None:
    assert accepted_range(n, level) == (low, high)


@pytest.mark.parametrize(
    ("k", "n", "level", "expected"),
    [
        (20, 252, 0.95, 3.9126), (57, 1043, 0.95, 0.46147), (17, 1043, 0.99, 3.5118),
        (59, 1043, 0.95, 0.91023), (0, 255, 0.99, 5.1257),
    ],
)  # fmt: skip
def test_published_likelihood_ratios(k: int, n: int, level: float, expected: float) -> None:
    assert proportion_of_failures(k, n, level).statistic == pytest.approx(expected, rel=2e-5)


def test_the_basel_zones() -> None:
    assert [basel_zone(k) for k in (0, 4, 5, 9, 10)] == ["green", "green", "yellow", "yellow", "red"]


def test_clusters_are_told_from_exceptions_at_random_times() -> None:
    apart, together = np.zeros(1000, bool), np.zeros(1000, bool)
    apart[50::100] = True
    together[500:510] = True
    assert proportion_of_failures(10, 1000, 0.99).p == pytest.approx(1.0)
    assert not independence(apart).rejected
    assert independence(together).p < 1e-6
    assert conditional_coverage(together, 0.99).p < 1e-6
    assert durations(together, 0.99).p < 1e-6
    assert not durations(np.random.default_rng(5).random(1000) < 0.01, 0.99).rejected


def test_independence_by_counting_pairs() -> None:
    """Written out from Christoffersen's formula: of 6 pairs 00 3, 01 1, 10 1, 11 1."""
    hit = [False, False, False, False, True, True, False]
    together = 4 * math.log(4 / 6) + 2 * math.log(2 / 6)
    apart = 3 * math.log(3 / 4) + math.log(1 / 4) + math.log(1 / 2) + math.log(1 / 2)
    assert independence(hit).statistic == pytest.approx(2 * (apart - together))


def test_power_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(1)
    counts = rng.binomial(250, 0.02, 20_000)
    low, high = accepted_range(250, 0.99)
    assert power(250, 0.99, 0.02) == pytest.approx(np.mean((counts < low) | (counts > high)), abs=0.01)


def test_the_tail_of_few_losses_is_not_interpolated() -> None:
    losses = np.arange(1.0, 101.0)
    assert tail_of(losses[::-1], 0.95) == (96.0, 98.0)
    assert tail_of(losses[:19], 0.95) == (19.0, 19.0)
    assert tail_of(losses[:99], 0.99) == (99.0, 99.0)
    with pytest.raises(ValueError, match="at least 99"):
        tail_of(losses[:98], 0.99)


@pytest.mark.parametrize("n", [100, 250])
def test_the_next_loss_exceeds_the_value_at_risk_no_more_often_than_it_says(n: int) -> None:
    """Of n + 1 exchangeable losses the last is beyond the k-th of the others with probability 1 − k / (n + 1)."""
    rng = np.random.default_rng(n)
    losses = rng.standard_t(3, (20_000, n + 1))
    beyond = np.mean([row[-1] > tail_of(row[:-1], 0.99)[0] for row in losses])
    assert beyond <= 0.01 + 3 * math.sqrt(0.01 / 20_000)


def test_the_published_durations() -> None:
    hit = np.zeros(250, bool)
    hit[[49, 50, 119, 199, 239]] = True
    assert proportion_of_failures(5, 250, 0.99).statistic == pytest.approx(1.95681, abs=1e-5)
    assert independence(hit).statistic == pytest.approx(3.153989, abs=1e-6)
    assert durations(hit, 0.99).statistic == pytest.approx(12.37056, abs=1e-5)


def test_closed_forms_against_a_large_sample() -> None:
    rng = np.random.default_rng(2)
    assert normal_tail(1.0, 0.95) == pytest.approx((1.644854, 2.062713), abs=1e-6)
    assert normal_tail(1.0, 0.99) == pytest.approx((2.326348, 2.665214), abs=1e-6)
    assert normal_tail(1.0, 0.95, 5.0) == pytest.approx((1.560850, 2.238684), abs=1e-6)
    assert normal_tail(1.0, 0.99, 5.0) == pytest.approx((2.606464, 3.448837), abs=1e-6)
    sample = 0.02 * math.sqrt(2 / 4) * rng.standard_t(4, 2_000_000)
    assert normal_tail(0.02, 0.99, degrees=4.0) == pytest.approx(tail_of(sample, 0.99), rel=0.01)
    with pytest.raises(ValueError, match="more than 2"):
        normal_tail(0.02, 0.99, degrees=2.0)


@pytest.mark.parametrize("method", ["historical", "parametric", "filtered"])
def test_a_right_forecast_is_not_rejected_and_knows_nothing_later(method: str) -> None:
    rng = np.random.default_rng(3)
    returns = 0.01 * rng.standard_normal(1_250)
    value, _ = forecasts(returns, 250, 0.95, method)
    assert np.isnan(value[:249]).all() and np.isfinite(value[249:]).all()
    found = coverage(-returns[1:], value[:-1], 0.95)
    assert found.n == 1_000
    assert not found.share.rejected and "not contradicted" in found.sentence()
    changed = returns.copy()
    changed[800:] *= 10
    again, _ = forecasts(changed, 250, 0.95, method)
    np.testing.assert_array_equal(again[:800], value[:800])


def test_filtered_forecasts_follow_volatility() -> None:
    rng = np.random.default_rng(4)
    returns = np.where(np.arange(1_500) < 1_000, 0.01, 0.03) * rng.standard_normal(1_500)
    plain, _ = forecasts(returns, 500, 0.95)
    filtered, _ = forecasts(returns, 500, 0.95, "filtered")
    late = slice(1_000, 1_200)
    assert coverage(-returns[1:][late], plain[:-1][late], 0.95).n_exceptions > 30
    assert coverage(-returns[1:][late], filtered[:-1][late], 0.95).n_exceptions < 20


def test_a_window_too_short_for_the_level_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 119; it is 100"):
        forecasts(np.zeros(300), 100, 0.99, "filtered")
    with pytest.raises(ValueError, match="none of historical"):
        forecast(np.zeros(300), method="guess")
    assert np.isnan(forecast(np.zeros(50), 0.99)[0])
