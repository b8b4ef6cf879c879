"""Measures of one series: known answers and what must hold for any series."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.statistics.metrics import (
    cagr,
    calmar_ratio,
    cvar,
    equity,
    max_drawdown,
    max_drawdown_of_sum,
    sharpe_ratio,
    sortino_ratio,
    ulcer_index,
    value_at_risk,
)

RETURNS = [0.01, -0.02, 0.03, -0.01, 0.005, -0.015, 0.02, 0.01, -0.03, 0.025]
results = st.lists(st.floats(-3, 3), min_size=1, max_size=60)


def test_known_answers() -> None:
    assert sharpe_ratio(RETURNS, 252) == pytest.approx(1.954017, abs=5e-7)
    assert sortino_ratio(RETURNS, 252) == pytest.approx(3.113247, abs=5e-7)
    assert max_drawdown(RETURNS) == pytest.approx(-0.03, abs=1e-12)
    assert cagr(RETURNS, 252) == pytest.approx(0.790567, abs=5e-7)
    assert calmar_ratio(RETURNS, 252) == pytest.approx(26.352225, abs=5e-7)
    assert cvar(RETURNS, 0.2) == pytest.approx(-0.025)
    assert value_at_risk(RETURNS, 0.2) == pytest.approx(-0.016)
    assert ulcer_index(RETURNS) == pytest.approx(0.0136, abs=5e-5)


def test_sharpe_and_sortino_from_their_definitions() -> None:
    x = np.array(RETURNS)
    assert sharpe_ratio(x) == pytest.approx(x.mean() / x.std(ddof=1))
    assert sortino_ratio(x) == pytest.approx(x.mean() / math.sqrt(np.sum(x[x < 0] ** 2) / len(x)))


def test_what_is_not_defined_is_nan_and_never_infinite() -> None:
    assert all(math.isnan(sharpe_ratio(x)) for x in ([], [1.0], [2.0, 2.0], [0.1 + 0.2, 0.3]))
    assert all(math.isnan(sortino_ratio(x)) for x in ([], [1.0], [0.0, 0.0]))
    assert math.isnan(calmar_ratio([0.01, 0.02], 252))
    assert math.isnan(cvar([]))
    assert math.isnan(value_at_risk([math.nan]))
    assert max_drawdown([]) == 0 == max_drawdown_of_sum([])


def test_a_lost_account_stays_lost() -> None:
    """T29: Two losses beyond the whole account must not multiply to a gain."""
    assert equity([-1.5, -1.5, 0.5]).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert max_drawdown([0.1, -1.5, -1.5, 5.0]) == -1.0
    assert cagr([-2.0, -2.0], 252) == -1.0


def test_fall_from_the_start_counts() -> None:
    assert max_drawdown([-0.1, 0.05]) == pytest.approx(-0.1)
    assert max_drawdown_of_sum([-1.0, -1.0, 3.0]) == -2.0


@pytest.mark.parametrize(("n", "expected"), [(1, 0.0), (19, 0.0), (20, 0.0), (30, 1 / 3), (40, 0.5), (100, 2.0)])
def test_cvar_takes_its_exact_share(n: int, expected: float) -> None:
    """Of 0, 1, 2, ... the worst 5 %; of 30 values those are 1.5: the 0 and half of the 1."""
    assert cvar(np.arange(n)[::-1]) == pytest.approx(expected)


@given(results, st.floats(0.01, 1.0))
def test_cvar_lies_between_the_worst_and_the_mean(values: list[float], share: float) -> None:
    assert min(values) - 1e-12 <= cvar(values, share) <= np.mean(values) + 1e-9


@given(results)
def test_drawdown_of_a_sum_is_the_worst_of_all_stretches(values: list[float]) -> None:
    worst = min(0.0, *(sum(values[i:j]) for i in range(len(values)) for j in range(i + 1, len(values) + 1)))
    assert max_drawdown_of_sum(values) == pytest.approx(worst, abs=1e-9)


@given(results, st.sampled_from([0.25, 2.0, 8.0]))
def test_ratios_do_not_depend_on_the_unit(values: list[float], factor: float) -> None:
    scaled = [v * factor for v in values]
    for ratio in (sharpe_ratio, sortino_ratio):
        assert ratio(scaled) == pytest.approx(ratio(values), nan_ok=True, rel=1e-6, abs=1e-9)
