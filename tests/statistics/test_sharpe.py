"""PSR, MinTRL, DSR, E[max] and MinBTL against the values printed in the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.statistics.sharpe import SharpeMoments, dsr, dsr_of, expected_max, luck_sharpe, min_btl, min_trl, psr

YEAR = 250


@pytest.mark.parametrize(
    ("skew", "kurtosis", "n_trials", "luck", "expected"),
    [(-3, 10, 100, 0.113172, 0.900397), (-3, 10, 46, 0.100362, 0.950502), (0, 3, 88, 0.111146, 0.950491)],
)
def test_deflated_sharpe_ratio_of_the_paper(
    skew: float, kurtosis: float, n_trials: int, luck: float, expected: float
) -> None:
    variance = 0.5 / YEAR
    found = dsr(2.5 / math.sqrt(YEAR), 1250, variance=variance, n_trials=n_trials, skew=skew, kurtosis=kurtosis)
    assert luck_sharpe(variance, n_trials) == pytest.approx(luck, abs=5e-7)
    assert found == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("n", "skew", "kurtosis", "expected"),
    [(24, 0, 3, 0.98167), (24, -2.448, 10.164, 0.91336), (36, -2.448, 10.164, 0.95351)],
)
def test_probabilistic_sharpe_ratio_of_the_paper(n: int, skew: float, kurtosis: float, expected: float) -> None:
    assert psr(0.458, n, skew=skew, kurtosis=kurtosis) == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(
    ("per_year", "skew", "kurtosis", "years"),
    [(252, 0, 3, 2.731), (52, 0, 3, 2.829), (12, 0, 3, 3.240), (12, -0.72, 5.78, 4.991)],
)
def test_minimum_track_record_length_of_the_paper(per_year: int, skew: float, kurtosis: float, years: float) -> None:
    root = math.sqrt(per_year)
    found = min_trl(2 / root, benchmark=1 / root, confidence=0.95, skew=skew, kurtosis=kurtosis)
    assert found / per_year == pytest.approx(years, abs=5e-4)


@pytest.mark.parametrize(
    ("n_trials", "expected"),
    [(2, 0.519755), (5, 1.192594), (10, 1.574598), (45, 2.235640), (50, 2.276303), (100, 2.530603), (1000, 3.255122)],
)
def test_expected_maximum(n_trials: int, expected: float) -> None:
    assert expected_max(n_trials) == pytest.approx(expected, abs=5e-7)


def test_expected_maximum_errs_on_the_careful_side_of_a_simulation() -> None:
    rng = np.random.default_rng(0)
    for n_trials, excess in ((10, 1.023), (100, 1.010)):
        simulated = float(rng.standard_normal((40_000, n_trials)).max(axis=1).mean())
        assert expected_max(n_trials) / simulated == pytest.approx(excess, abs=0.006)


@pytest.mark.parametrize(("n_trials", "years"), [(10, 2.479), (45, 4.998), (46, 5.036)])
def test_minimum_backtest_length_of_the_paper(n_trials: int, years: float) -> None:
    assert min_btl(n_trials) == pytest.approx(years, abs=5e-4)
    assert min_btl(n_trials) < 2 * math.log(n_trials)


def test_one_trial_is_not_deflated() -> None:
    assert expected_max(1) == 0
    assert dsr(0.2, 100, variance=0.01, n_trials=1) == psr(0.2, 100)
    assert min_btl(1) == 0


def test_track_record_that_can_never_suffice_is_infinite() -> None:
    assert min_trl(0.1, benchmark=0.1) == math.inf
    assert min_trl(0.05, benchmark=0.1) == math.inf


def test_excess_kurtosis_is_refused() -> None:
    with pytest.raises(ValueError, match="raw kurtosis"):
        psr(0.1, 100, skew=0.0, kurtosis=0.0)


def test_track_record_length_is_where_psr_reaches_the_confidence() -> None:
    n = min_trl(0.15, benchmark=0.02, confidence=0.9, skew=-1.0, kurtosis=6.0)
    assert psr(0.15, n, benchmark=0.02, skew=-1.0, kurtosis=6.0) == pytest.approx(0.9)


@given(st.lists(st.floats(-5, 20), min_size=2, max_size=60))
def test_moments_of_any_sample_are_possible_ones(values: list[float]) -> None:
    found = SharpeMoments.of(values)
    if math.isnan(found.sharpe):
        assert math.isnan(psr(found.sharpe, found.n))
        return
    assert found.kurtosis >= found.skew**2 + 1 - 1e-9
    assert 0 <= psr(found.sharpe, found.n, skew=found.skew, kurtosis=found.kurtosis) <= 1


def test_moments_are_the_population_ones() -> None:
    x = np.array([0.5, -1.0, 2.0, 0.0, -1.0, 3.0])
    found = SharpeMoments.of([*x, np.nan])
    z = (x - x.mean()) / x.std(ddof=0)
    assert found.n == 6
    assert found.sharpe == pytest.approx(x.mean() / x.std(ddof=0))
    assert found.skew == pytest.approx((z**3).mean())
    assert found.kurtosis == pytest.approx((z**4).mean())


def test_the_best_of_many_worthless_trials_is_seen_through() -> None:
    """The best of 100 coin flips looks significant by PSR; DSR must not be fooled more often than it says."""
    rng = np.random.default_rng(3)
    psr_fooled, dsr_fooled = 0, 0
    for _ in range(100):
        trials = rng.standard_normal((300, 100))
        sharpes = trials.mean(axis=0) / trials.std(axis=0)
        best = trials[:, int(np.argmax(sharpes))]
        moments = SharpeMoments.of(best)
        psr_fooled += psr(moments.sharpe, moments.n, skew=moments.skew, kurtosis=moments.kurtosis) > 0.95
        dsr_fooled += dsr_of(best, sharpes) > 0.95
    assert psr_fooled > 80
    assert dsr_fooled <= 5


def test_an_edge_far_above_luck_passes_and_fewer_effective_trades_count_against_it() -> None:
    rng = np.random.default_rng(4)
    trials = rng.normal(0.0, 0.05, 50)
    returns = rng.normal(0.4, 1.0, 400)
    full = dsr_of(returns, trials)
    assert full > 0.99
    assert dsr_of(returns, trials, n_effective=30) < full
    assert dsr_of(returns, trials, n_effective=10_000) == full


def test_failed_trials_count_as_tried() -> None:
    returns = np.random.default_rng(5).normal(0.15, 1.0, 300)
    known = np.linspace(-0.1, 0.15, 20)
    assert dsr_of(returns, [*known, *[math.nan] * 80]) < dsr_of(returns, known)
