"""Two policies on the same trades: the difference, its interval, errors of both kinds, adjusted p values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import binom

from exitladder.statistics import Intervals
from exitladder.statistics.comparison import Comparison, compare_r, holm, n_separate
from exitladder.statistics.verdict import verdict

HOUR = 3_600_000_000_000
DAY = 24 * HOUR


def pair(
    seed: int, n: int = 200, edge: float = 0.0, phi: float = 0.0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Two policies' net R on the same trades: much in common, skewed as trades are, `edge` apart."""
    rng = np.random.default_rng(seed)
    baseline = np.where(rng.random(n) < 0.4, rng.exponential(2.0, n), -1.0)
    noise = np.asarray(lfilter([1.0], [1.0, -phi], rng.standard_normal(n)))
    return baseline + 0.5 * noise + edge, baseline


def compare(seed: int, n: int = 200, edge: float = 0.0, phi: float = 0.0, n_bootstrap: int = 400) -> Comparison:
    candidate, baseline = pair(seed, n, edge, phi)
    return compare_r(
        candidate, baseline, time=np.arange(n) * 9 * HOUR, intervals=Intervals(n_bootstrap=n_bootstrap, seed=seed)
    )


def test_the_difference_is_candidate_minus_baseline() -> None:
    candidate, baseline = pair(0, edge=0.3)
    found = compare_r(candidate, baseline, time=np.arange(200) * DAY)
    assert found.difference_r == pytest.approx(np.mean(candidate) - np.mean(baseline))
    assert found.candidate_r == pytest.approx(candidate.mean())
    assert found.baseline_r == pytest.approx(baseline.mean())
    assert found.sd_difference == pytest.approx(np.std(candidate - baseline, ddof=1))
    assert found.low < found.difference_r < found.high
    assert found.difference_r > 0


def test_swapping_the_two_mirrors_the_interval() -> None:
    candidate, baseline = pair(1)
    time = np.arange(200) * DAY
    there, back = compare_r(candidate, baseline, time=time), compare_r(baseline, candidate, time=time)
    assert [back.low, back.high] == pytest.approx([-there.high, -there.low])
    assert back.p_value == pytest.approx(there.p_value)


def test_pairs_with_a_skipped_trade_are_left_out_and_counted() -> None:
    candidate, baseline = pair(2)
    time = np.arange(200) * DAY
    holes, others = candidate.copy(), baseline.copy()
    holes[:5], others[3:9] = np.nan, np.nan
    found = compare_r(holes, others, time=time)
    assert (found.n, found.n_pairs_dropped) == (191, 9)
    alone = compare_r(candidate[9:], baseline[9:], time=time[9:])
    assert (found.difference_r, found.low, found.high) == (alone.difference_r, alone.low, alone.high)


def test_same_seed_same_answer() -> None:
    assert compare(5) == compare(5)
    candidate, baseline = pair(5)
    time = np.arange(200) * 9 * HOUR
    others = [compare_r(candidate, baseline, time=time, intervals=Intervals(seed=seed)) for seed in range(4)]
    assert np.ptp([c.low for c in others]) < 0.02


def test_pandas_in_the_same_answer() -> None:
    candidate, baseline = pair(6)
    stamps = pd.Series(pd.to_datetime(np.arange(200) * 9 * HOUR, utc=True))
    assert compare_r(pd.Series(candidate), list(baseline), time=stamps) == compare_r(
        candidate, baseline, time=np.arange(200) * 9 * HOUR
    )


@pytest.mark.parametrize(("n", "phi", "nominal"), [(200, 0.0, 0.05), (30, 0.0, 0.05), (200, 0.3, 0.10)])
def test_without_a_difference_one_is_rarely_claimed(n: int, phi: float, nominal: float) -> None:
    """Claims on 300 samples without a difference stay below what a true rate of `nominal` would exceed once in 1,000.

    With dependence the blocks cannot know all of it: measured 8 % at an autocorrelation of 0.3.
    """
    claims = sum(verdict(compare(seed, n=n, phi=phi), "a", "b").kind != "no_difference" for seed in range(300))
    assert claims <= binom.ppf(0.999, 300, nominal)


def test_a_planted_difference_is_found() -> None:
    """0.15 R against a standard error of 0.035 R: a test of this size must nearly always see it."""
    kinds = [verdict(compare(seed, edge=0.15), "a", "b").kind for seed in range(60)]
    assert kinds.count("better") >= 57
    assert kinds.count("worse") == 0
    assert verdict(compare(1, edge=-0.15), "a", "b").kind == "worse"


def test_days_of_entry_are_counted_and_the_detectable_difference_follows_from_the_standard_error() -> None:
    rng = np.random.default_rng(5)
    gain = rng.normal(0.0, 1.0, 900)
    found = compare_r(gain, np.zeros(900), time=np.arange(900) * 3_600_000_000_000)
    assert found.n_days == 38
    # (1.96 + 0.84) standard errors of independent values
    assert found.detectable_r == pytest.approx(2.80 / 30, rel=0.15)
    skipped = np.where(np.arange(900) < 48, np.nan, gain)
    assert compare_r(skipped, np.zeros(900), time=np.arange(900) * 3_600_000_000_000).n_days == 36


def test_trades_needed_would_be_enough() -> None:
    """Collecting as many more trades as it says finds the planted difference about as often as it says."""
    edge, n = 0.05, 200
    plain = ((1.959964 + 0.841621) * 0.5 / edge) ** 2
    needed = [c.n + c.trades_needed for seed in range(60) if (c := compare(seed, edge=edge)).trades_needed is not None]
    assert n < plain < 1000
    assert 0.3 * plain < np.median(needed) < 3 * plain
    found = [verdict(compare(seed, n=round(plain), edge=edge), "a", "b").kind == "better" for seed in range(100)]
    assert binom.ppf(0.001, 100, 0.8) <= sum(found) <= binom.ppf(0.999, 100, 0.8)


def test_a_difference_already_told_needs_no_more_trades() -> None:
    assert compare(0, edge=0.5).trades_needed == 0


@pytest.mark.parametrize("n", [0, 1, 19])
def test_too_few_trades_give_no_interval(n: int) -> None:
    found = compare_r(np.ones(n), np.zeros(n), time=np.arange(n) * DAY)
    assert not found.is_known
    assert (found.n, found.trades_needed) == (n, None)
    plain = found.to_mapping()
    assert plain["low"] is None
    assert plain["p_value"] is None
    assert all(not (isinstance(v, float) and math.isnan(v)) for v in plain.values())


def test_identical_policies_differ_by_nothing() -> None:
    candidate, _ = pair(3)
    found = compare_r(candidate, candidate, time=np.arange(200) * DAY)
    assert (found.difference_r, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert found.trades_needed is None


def test_trades_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="same trades"):
        compare_r([1.0, 2.0], [1.0], time=[1, 2])


def test_holm_known_answer() -> None:
    """By hand: 5 x .01, 4 x .02, 3 x .03, then 2 x .04 = .08 may not fall below the .09 before it."""
    p = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert holm(p).tolist() == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]


def test_holm_leaves_out_what_is_not_known() -> None:
    adjusted = holm([0.01, math.nan, 0.04])
    assert adjusted[[0, 2]].tolist() == [0.02, 0.04]
    assert math.isnan(adjusted[1])
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_the_plain_values_and_bonferroni(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= np.minimum(1.0, np.array(p) * len(p)) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_separate_trades_are_the_most_that_do_not_overlap() -> None:
    """Against every subset of random trades."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        entry = rng.integers(0, 20, 9)
        until = entry + rng.integers(0, 8, 9)
        most = 0
        for size in range(1, 10):
            for some in itertools.combinations(range(9), size):
                in_order = sorted(some, key=lambda k: (entry[k], until[k]))
                if all(until[a] < entry[b] for a, b in itertools.pairwise(in_order)):
                    most = max(most, size)
        assert n_separate(entry, until) == most
    assert n_separate([], []) == 0


def test_separate_trades_count_pairs_only() -> None:
    time, until = np.arange(30) * DAY, np.arange(30) * DAY + 1
    candidate = np.ones(30)
    candidate[:5] = np.nan
    assert compare_r(candidate, np.zeros(30), time=time, until=until).n_separate == 25
    assert compare_r(candidate, np.zeros(30), time=time).n_separate is None
