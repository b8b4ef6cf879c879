"""Paired differences in many measures: known answers, agreement with other code, coverage, and days drawn whole."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.drawdown import fall_in_money, inside_units
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import cvar, max_drawdown_of_sum, sharpe_ratio
from exitladder.statistics.paired_days.block_falls import block_falls
from exitladder.statistics.paired_days.days import DayResampling
from exitladder.statistics.paired_days.measures import Outcomes, compare_groups, compare_measures, resampled_days

FEW = Intervals(n_bootstrap=400)


def world(n: int, gain: float, seed: int = 0) -> tuple[Outcomes, Outcomes, np.ndarray]:
    """Trades entered at random on some days and closed the same day, under two exits."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, n, n))
    sides = []
    base = rng.normal(0, 1, n)
    for extra in (gain, 0.0):
        r = base + extra + rng.normal(0, 0.3, n)
        booked = np.bincount(day, r, n).astype(float)
        sides.append(Outcomes(r, rng.integers(1, 9, n).astype(float), np.abs(r) + 0.5, np.full(n, 0.1), booked))
    return sides[0], sides[1], day


def test_values_are_those_of_the_plain_formulas() -> None:
    ours, theirs, day = world(300, 0.2)
    found = compare_measures(ours, theirs, resampled_days(ours, theirs, day, FEW))
    expected = {
        "expectancy_r": lambda s: s.r.mean(),
        "r_per_bar": lambda s: s.r.sum() / s.bars.sum(),
        "sharpe_daily": lambda s: sharpe_ratio(s.booked_r, 365.25),
        "max_drawdown_r": lambda s: max_drawdown_of_sum(s.booked_r),
        "cvar_5_r": lambda s: cvar(s.r, 0.05),
        "mean_capture": lambda s: s.r.sum() / s.mfe_r.sum(),
        "cost_r": lambda s: 0.1,
    }
    assert list(found) == list(expected)
    for name, of in expected.items():
        one = found[name]
        assert (one.candidate, one.baseline) == (pytest.approx(of(ours)), pytest.approx(of(theirs))), name
        assert one.low <= one.difference <= one.high, name


def test_equal_exits_differ_in_nothing() -> None:
    ours, _, day = world(200, 0.0)
    for one in compare_measures(ours, ours, resampled_days(ours, ours, day, FEW)).values():
        assert (one.difference, one.low, one.high, one.p_value, one.detectable) == (0, 0, 0, 1, 0)


def test_trades_of_one_day_are_one_experience() -> None:
    # 20 trades per day that all share the day's gain: as uncertain as one trade per day
    rng = np.random.default_rng(3)
    gain, n_days, each = rng.normal(0.1, 1, 60), 60, 20
    day = np.repeat(np.arange(n_days), each)
    alone = [gain, np.zeros(n_days)], np.arange(n_days)
    many = [np.repeat(gain, each), np.zeros(n_days * each)], day
    widths = []
    for (a, b), at in (alone, many):
        plain = np.ones(len(a))
        sides = [Outcomes(r, plain, plain, plain, np.bincount(at, r, n_days).astype(float)) for r in (a, b)]
        one = compare_measures(sides[0], sides[1], resampled_days(sides[0], sides[1], at, FEW))["expectancy_r"]
        widths.append(one.high - one.low)
    assert widths[1] == pytest.approx(widths[0], rel=1e-9)


def test_few_trades_or_days_give_no_interval() -> None:
    ours, theirs, day = world(19, 0.0)
    assert np.isnan(compare_measures(ours, theirs, resampled_days(ours, theirs, day, FEW))["expectancy_r"].low)
    ours, theirs, day = world(200, 0.0)
    assert np.isnan(compare_measures(ours, theirs, resampled_days(ours, theirs, day % 9, FEW))["r_per_bar"].low)


def test_a_true_difference_is_inside_its_interval_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        ours, theirs, day = world(120, 0.1, seed)
        one = compare_measures(ours, theirs, resampled_days(ours, theirs, day, Intervals(n_bootstrap=200, seed=seed)))[
            "expectancy_r"
        ]
        inside += one.low <= 0.1 <= one.high
    # 57 expected of 60; below 50 has a chance of less than 1 in 1,000
    assert inside >= 50


def test_drawdowns_of_resamples_are_those_of_the_written_out_paths() -> None:
    rng = np.random.default_rng(1)
    results = rng.normal(0, 1, 90)
    plan = Resampling(np.arange(90) // 3, 30, 4.0, FEW)
    draws = np.concatenate(list(plan.draws()))
    found = block_falls(draws, inside_units(results, plan))
    paths = [results.reshape(30, 3)[draw].ravel() for draw in draws[:40]]
    assert found[:40] == pytest.approx([max_drawdown_of_sum(path) for path in paths])
    assert fall_in_money(results, plan)[0] == max_drawdown_of_sum(results)


def test_groups_share_the_whole_difference() -> None:
    ours, theirs, day = world(300, 0.2)
    difference = ours.r - theirs.r
    days = DayResampling.of(day, difference, ours.booked_r - theirs.booked_r, FEW)
    side = np.where(np.arange(300) % 3 == 0, "long", "short")
    rows = compare_groups(difference, {"side": side, "none": np.full(300, "")}, days)
    assert rows["none"] == []
    assert sum(row["share"] for row in rows["side"]) == pytest.approx(1)
    assert rows["side"][0]["difference_r"] == pytest.approx(difference[side == "long"].mean())
    assert all(row["interval"][0] < row["difference_r"] < row["interval"][1] for row in rows["side"])
