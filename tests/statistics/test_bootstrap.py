"""The stationary bootstrap and the intervals built on it: reference values, coverage, determinism."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.signal import lfilter

from exitladder.statistics import Intervals, bootstrap
from exitladder.statistics.bootstrap import Resampling, block_length, interval, two_sided_p
from exitladder.statistics.mean import mean_interval, nanoseconds

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
FloatArray = npt.NDArray[np.float64]


def autoregressive(noise: FloatArray, phi: float) -> FloatArray:
    return np.asarray(lfilter([1.0], [1.0, -phi], noise))


def test_block_length_reference_value() -> None:
    """The series and the number of the test suite of `arch`."""
    noise = np.random.RandomState(0).standard_normal(10_100)
    x = autoregressive(noise, 0.3)[100:]
    assert block_length(x) == pytest.approx(13.635665, abs=5e-7)
    # The circular bootstrap's length, which is not used here, is the same but for a constant of the two schemes.
    assert block_length(x) * 1.5 ** (1 / 3) == pytest.approx(15.60894, abs=5e-6)


@pytest.mark.parametrize("n", [20, 51, 400, 3000])
@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.3, 0.95])
def test_block_length_equals_arch(n: int, phi: float) -> None:
    from arch.bootstrap import optimal_block_length

    x = autoregressive(np.random.default_rng(n).standard_normal(n), phi) + 100.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = float(optimal_block_length(x)["stationary"].iloc[0])
    assert block_length(x) == pytest.approx(max(1.0, expected), rel=1e-8)


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 50, [1.0, 0.0] * 3])
def test_block_length_of_what_has_none(values: list[float]) -> None:
    assert block_length(values) == 1.0


def test_blocks_have_the_mean_length_that_was_asked_for() -> None:
    plan = Resampling(np.arange(1000), 1000, 7.0, Intervals(n_bootstrap=400))
    draws = np.concatenate(list(plan.draws()))
    assert draws.shape == (400, 1000)
    goes_on = (np.diff(draws, axis=1) % 1000) == 1
    assert goes_on.mean() == pytest.approx(1 - 1 / 7, abs=0.003)
    # Every unit is drawn equally often, the ends too: the end is joined to the start.
    times = np.bincount(draws.ravel(), minlength=1000)
    assert times.min() > 250
    assert times[[0, -1]].mean() == pytest.approx(400, abs=80)


def test_counts_and_sums_are_those_of_the_draws() -> None:
    rng = np.random.default_rng(2)
    group = np.sort(rng.integers(0, 30, 200))
    x = rng.standard_normal(200)
    plan = Resampling.plan(group, x - x.mean(), Intervals(n_bootstrap=20, seed=5))
    sums = plan.sums([x, np.ones(200)])
    (draw,) = plan.draws()
    for row, units in enumerate(draw):
        taken = np.concatenate([x[plan.unit == unit] for unit in units])
        assert sums[row] == pytest.approx([taken.sum(), len(taken)])


@pytest.mark.parametrize("block", [1.0, 1.5, 7.0, 300.0])
def test_sums_are_those_of_the_counts_whatever_the_blocks(block: float) -> None:
    x = np.random.default_rng(4).standard_normal((120, 3))
    plan = Resampling(np.arange(120) // 2, 60, block, Intervals(n_bootstrap=300, seed=9))
    counted = np.concatenate([plan.counts(draw) for draw in plan.draws()]) @ plan.per_unit(x.T)
    np.testing.assert_allclose(plan.sums(x.T), counted, rtol=0, atol=1e-12)


def test_long_series_are_resampled_in_units_of_neighbours() -> None:
    plan = Resampling.plan(np.arange(10_000), np.ones(10_000), Intervals(n_bootstrap=1, seed=0))
    assert plan.n_units == bootstrap.MAX_UNITS
    sizes = np.bincount(plan.unit)
    assert set(sizes) == {2, 3}
    assert (np.diff(plan.unit) >= 0).all()


def test_same_seed_same_interval_and_other_seed_almost_the_same() -> None:
    x = np.random.default_rng(0).standard_normal(300)
    time = np.arange(300) * DAY
    first, again, other = (mean_interval(x, time=time, intervals=Intervals(seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert (other.low, other.high) != (first.low, first.high)
    assert other.low == pytest.approx(first.low, abs=0.02)
    assert other.high == pytest.approx(first.high, abs=0.02)


def test_order_of_rows_does_not_matter_and_nan_are_left_out() -> None:
    rng = np.random.default_rng(0)
    x, time = rng.standard_normal(100), np.arange(100) * 5 * HOUR
    shuffled = rng.permutation(100)
    expected = mean_interval(x, time=time)
    assert mean_interval(x[shuffled], time=time[shuffled]) == expected
    assert mean_interval([*x, np.nan], time=[*time, 7 * HOUR]) == expected


def test_times_of_any_kind() -> None:
    stamps = pd.Series(pd.date_range("2024-03-30 23:30", periods=3, freq="45min", tz="Europe/Berlin"))
    expected = np.array([1_711_837_800, 1_711_840_500, 1_711_843_200]) * 1_000_000_000
    utc = stamps.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    texts = [stamp.isoformat() for stamp in stamps]
    kinds: list[Any] = [stamps, pd.Index(stamps), utc, expected, list(stamps), texts]
    for time in kinds:
        assert nanoseconds(time).tolist() == expected.tolist()


@pytest.mark.parametrize(("phi", "n", "least"), [(0.0, 25, 0.91), (0.0, 200, 0.92), (0.3, 200, 0.87)])
def test_coverage(phi: float, n: int, least: float) -> None:
    """A nominal 95% interval must contain the true mean about that often (standard error 1.4 points)."""
    rng = np.random.default_rng(11)
    time = np.arange(n) * 12 * HOUR
    held = 0
    for seed in range(250):
        x = autoregressive(rng.standard_normal(n + 50), phi)[50:]
        found = mean_interval(x, time=time, intervals=Intervals(n_bootstrap=500, seed=seed))
        held += found.low <= 0 <= found.high
    assert least <= held / 250 <= 0.995


def test_trades_that_move_together_are_not_taken_as_independent() -> None:
    """Ten symbols entered each day on one common move: 300 trades are worth some thirty."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.standard_normal(60), 10) + 0.1 * rng.standard_normal(600)
    time = np.repeat(np.arange(60), 10) * DAY + np.tile(np.arange(10), 60) * HOUR // 10
    found = mean_interval(x, time=time)
    assert found.n_effective < 150
    alone = mean_interval(rng.permutation(x), time=np.arange(600) * DAY)
    assert found.high - found.low > 2 * (alone.high - alone.low)


def test_the_wider_of_days_and_trades_is_given() -> None:
    chosen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        day = np.sort(rng.integers(0, 60, 240))
        x = rng.standard_normal(240) + rng.choice([0.0, 0.4]) * rng.standard_normal(60)[day]
        found = mean_interval(x, time=day * DAY, intervals=Intervals(n_bootstrap=400))
        widths = {}
        for name, group in (("trades", np.arange(240)), ("days", day)):
            plan = Resampling.plan(group, x - x.mean(), Intervals(n_bootstrap=400, seed=0))
            sums = plan.sums([x, np.ones(240)])
            widths[name] = np.diff(interval(x.mean(), sums[:, 0] / sums[:, 1], 0.95, plan.n_blocks))[0]
        assert found.high - found.low == pytest.approx(max(widths.values()))
        assert found.resampled == max(widths, key=lambda name: float(widths[name]))
        chosen.add(found.resampled)
    assert chosen == {"days", "trades"}


def test_on_a_few_days_only_trades_are_resampled() -> None:
    x = np.random.default_rng(0).standard_normal(200)
    assert mean_interval(x, time=np.arange(200) * HOUR).resampled == "trades"


@pytest.mark.parametrize("n", [0, 1, 2, 19])
def test_too_few_trades_get_a_mean_but_no_interval(n: int) -> None:
    found = mean_interval(np.arange(n) * 1.0, time=np.arange(n) * DAY)
    assert found.n == n
    assert not found.is_known
    assert math.isnan(found.high)
    assert math.isnan(found.p_value)
    assert found.value == pytest.approx((n - 1) / 2) if n else math.isnan(found.value)


def test_a_constant_has_an_interval_of_no_width() -> None:
    found = mean_interval([0.1] * 40, time=np.arange(40) * DAY)
    assert (found.low, found.high) == (found.value, found.value)
    assert found.p_value < 0.01


def test_p_value_and_interval_agree() -> None:
    rng = np.random.default_rng(8)
    for shift in np.linspace(-0.4, 0.4, 17):
        resampled = rng.normal(shift, 0.15, 1999)
        for n_blocks in (10.0, 60.0, 1000.0):
            low, high = interval(shift, resampled, 0.95, n_blocks)
            p = two_sided_p(resampled, n_blocks)
            if abs(p - 0.05) > 0.003:
                assert (p < 0.05) == (low > 0 or high < 0)


def test_few_blocks_widen_the_interval() -> None:
    resampled = np.random.default_rng(8).standard_normal(2000)
    widths = [np.diff(interval(0.0, resampled, 0.95, n_blocks))[0] for n_blocks in (4, 10, 40, 1000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == pytest.approx(2 * 1.96, rel=0.06)
    assert widths[0] > 2 * 3.1


def test_what_the_resamples_do_not_bound_has_no_end() -> None:
    resampled = np.concatenate([np.linspace(1.0, 2.0, 900), np.full(100, np.inf)])
    low, high = interval(1.5, resampled, 0.95, 100.0)
    assert low == pytest.approx(1.03, abs=0.02)
    assert math.isnan(high)
    assert all(map(math.isnan, interval(math.inf, resampled, 0.95, 100.0)))


def test_values_and_times_must_match() -> None:
    with pytest.raises(ValueError, match="one entry per trade"):
        mean_interval([1.0, 2.0], time=[1])
