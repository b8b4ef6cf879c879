"""A verdict says what the evidence allows, in words, and never more."""

from __future__ import annotations

import contextlib
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exitladder.statistics.comparison import Comparison, compare_r
from exitladder.statistics.verdict import open_trades, verdict

BETTER = Comparison(
    difference_r=0.21,
    low=0.08,
    high=0.34,
    p_value=0.002,
    n=412,
    n_pairs_dropped=0,
    n_effective=231.4,
    block=2.5,
    resampled="days",
    sd_difference=1.1,
    trades_needed=0,
    candidate_r=0.4,
    baseline_r=0.19,
    confidence=0.95,
)
UNDECIDED = replace(BETTER, difference_r=0.03, low=-0.05, high=0.11, p_value=0.4, trades_needed=1843)
WORSE = replace(BETTER, difference_r=-0.2, low=-0.3, high=-0.1)


def test_better_states_the_difference_and_the_sample() -> None:
    found = verdict(BETTER, "tuned", "stop only")
    assert found.kind == "better"
    for part in (
        "'tuned' earned more than 'stop only'",
        "+0.21 R per trade (95% CI [+0.08, +0.34])",
        "Based on 412 trades (effective sample size about 231).",
    ):
        assert part in found.text


def test_trades_of_few_days_are_never_better_or_worse_however_many() -> None:
    week = replace(BETTER, n_days=7)
    found = verdict(week, "tuned", "stop only")
    assert found.kind == "no_difference"
    assert "the trades were entered on only 7 days, and a verdict requires at least 20" in found.text
    assert verdict(replace(BETTER, n_days=20), "tuned", "stop only").kind == "better"
    few = verdict(replace(WORSE, n_days=7), "tuned", "stop only")
    assert few.kind == "no_difference"
    assert "The interval is below zero, but the trades were entered on only 7 days" in few.text
    assert verdict(replace(WORSE, n_days=20), "tuned", "stop only").kind == "worse"


@pytest.mark.parametrize(("every", "kind"), [(80, "no_difference"), (8, "better")])
def test_exits_that_end_nearly_all_trades_in_the_same_way_differ_on_too_few_days(every: int, kind: str) -> None:
    """400 trades on 400 days, of which every 80th or every 8th gains: the interval is above zero each time."""
    day = 86_400 * 10**9
    baseline = np.random.default_rng(0).normal(size=400)
    candidate = baseline + np.where(np.arange(400) % every == 0, 1.0, 0.0)
    time = np.arange(400) * day
    found = compare_r(candidate, baseline, time=time, until=time + day // 2)
    assert found.low > 0 and found.n_days == 400
    assert (found.n_different, found.n_days_different) == (400 // every, 400 // every)
    said = verdict(found, "tuned", "stop only")
    assert said.kind == kind
    assert ("the two differ on only 5 trades, entered on 5 days" in said.text) == (kind == "no_difference")


def test_entry_days_inside_two_long_blocks_of_overlapping_trades_are_not_enough() -> None:
    """Known answer: 24 entry days, an interval above zero and a tiny p-value, but only two stretches of market."""
    day = 86_400 * 10**9
    entry = np.concatenate([np.arange(12), 200 + np.arange(12)]).repeat(4) * day
    until = np.repeat([100, 300], 48) * day
    gain = np.random.default_rng(3).normal(0.5, 0.2, 96)
    overlapping = compare_r(gain, np.zeros(96), time=entry, until=until)
    assert (overlapping.n_days, overlapping.n_separate) == (24, 2)
    assert overlapping.low > 0 and overlapping.p_value < 0.05
    found = verdict(overlapping, "tuned", "stop only")
    assert found.kind == "no_difference"
    assert "contain only 2 separate holding periods, and a verdict requires at least 10" in found.text
    short = compare_r(gain, np.zeros(96), time=entry, until=entry + day // 2)
    assert short.n_separate == 24
    assert verdict(short, "tuned", "stop only").kind == "better"


def test_the_number_of_separate_holding_periods_is_at_least_ten() -> None:
    assert verdict(replace(BETTER, n_days=20, n_separate=10), "a", "b").kind == "better"
    assert verdict(replace(BETTER, n_days=20, n_separate=9), "a", "b").kind == "no_difference"
    both = verdict(replace(BETTER, n_days=7, n_separate=1), "a", "b").text
    assert "on only 7 days" in both and "1 separate holding period," in both
    assert verdict(replace(WORSE, n_days=20, n_separate=9), "a", "b").kind == "no_difference"
    assert verdict(replace(WORSE, n_days=20, n_separate=10), "a", "b").kind == "worse"


def _with_open(gain_closed: float, gain_open: float, n_open: int = 30) -> Comparison:
    """87 trades of separate days; some, anywhere, are still open under the candidate, one of them under both."""
    rng = np.random.default_rng(11)
    is_open = np.isin(np.arange(87), rng.permutation(87)[:n_open])
    gain = np.where(is_open, rng.normal(gain_open, 0.4, 87), rng.normal(gain_closed, 0.4, 87))
    under_both = np.arange(87) == np.flatnonzero(is_open)[-1]
    return compare_r(gain + 1.0, np.ones(87), time=np.arange(87) * 86_400 * 10**9, is_open=(is_open, under_both))


def test_a_gain_that_trades_still_open_make_is_not_better() -> None:
    comparison = _with_open(0.0, 2.0)
    assert comparison.low > 0 and comparison.p_value < 0.05
    found = verdict(comparison, "tuned", "own exits")
    assert (found.kind, found.without_open) == ("no_difference", "no_difference")
    assert "interval is above zero, but it depends on trades that are still open" in found.text
    some = comparison.open_trades
    assert some is not None
    assert "Of the 87 trades, 30 are still open and valued at the last close: 30 under 'tuned', 1 under" in found.text
    # both parts make the whole
    assert some.contribution_r == pytest.approx(some.share * comparison.difference_r)
    assert some.contribution_r + some.without.difference_r * 57 / 87 == pytest.approx(comparison.difference_r)
    assert some.without.n == 57 and some.without.candidate_r - 1.0 == pytest.approx(some.without.difference_r)


def test_a_gain_that_ended_trades_show_too_is_better_with_its_open_trades_counted() -> None:
    comparison = _with_open(0.5, 0.5, 3)
    found = verdict(comparison, "tuned", "own exits")
    assert (found.kind, found.without_open) == ("better", "better")
    assert "3 are still open" in found.text and "Without them: +0.5" in found.text
    assert "would be" not in found.text
    values = open_trades(comparison, found)
    assert values is not None
    assert (values["n"], values["n_candidate"], values["n_baseline"], values["n_without"]) == (3, 3, 1, 84)
    assert values["verdict_without"] == "better"


def test_a_loss_stays_worse_and_the_other_result_without_open_trades_is_said() -> None:
    found = verdict(_with_open(0.3, -3.0), "tuned", "own exits")
    assert (found.kind, found.without_open) == ("worse", "better")
    assert "which alone would be 'better'" in found.text


def test_too_few_ended_trades_are_never_better() -> None:
    found = verdict(_with_open(0.5, 0.5, 70), "tuned", "own exits")
    assert found.kind == "no_difference"
    assert "Without them, 17 trades remain, and at least 20 are needed." in found.text


def test_no_open_trade_leaves_the_verdict_as_it_is() -> None:
    none = compare_r(np.ones(40), np.zeros(40), time=np.arange(40), is_open=(np.zeros(40), np.zeros(40)))
    assert none.open_trades is None and open_trades(none, verdict(none, "a", "b")) is None


def test_the_smallest_detectable_difference_is_stated() -> None:
    text = verdict(replace(UNDECIDED, detectable_r=0.1142), "tuned", "stop only").text
    assert "Smallest true difference that they detect: 0.11 R (80% power)." in text
    assert "Smallest" not in verdict(UNDECIDED, "tuned", "stop only").text


@pytest.mark.parametrize(
    ("dsr", "pbo", "kind", "expected"),
    [
        (0.951, 0.2, "better", "deflated Sharpe ratio of 0.95"),
        (0.9499, 0.2, "no_difference", "is 0.94, below 0.95"),
        (0.99, 0.5, "no_difference", "overfitting is 0.50"),
        (math.nan, None, "no_difference", "Sharpe ratio is unknown"),
        (None, math.nan, "no_difference", "overfitting is unknown"),
    ],
)
def test_better_also_needs_the_search_to_be_honest(
    dsr: float | None, pbo: float | None, kind: str, expected: str
) -> None:
    found = verdict(BETTER, "tuned", "stop only", dsr=dsr, pbo=pbo)
    assert found.kind == kind
    assert expected in found.text
    assert ("earned more" in found.text) == (kind == "better")


def test_an_interval_on_few_blocks_or_among_many_comparisons_is_not_enough() -> None:
    weak = verdict(replace(BETTER, p_value=0.07), "a", "b")
    assert weak.kind == "no_difference"
    assert "0.070, above 0.05" in weak.text
    many = verdict(BETTER, "a", "b", p_adjusted=0.08)
    assert many.kind == "no_difference"
    assert "multiple comparisons" in many.text
    assert verdict(WORSE, "a", "b", p_adjusted=0.08).kind == "no_difference"
    assert verdict(BETTER, "a", "b", p_adjusted=math.nan).kind == "no_difference"


def test_worse_needs_no_gate() -> None:
    found = verdict(WORSE, "tuned", "stop only", dsr=0.1, pbo=0.9)
    assert found.kind == "worse"
    assert "earned less" in found.text


def test_an_interval_that_touches_zero_decides_nothing() -> None:
    assert verdict(replace(BETTER, low=0.0), "a", "b").kind == "no_difference"
    assert verdict(replace(WORSE, high=0.0), "a", "b").kind == "no_difference"


def test_undecided_estimates_the_required_sample_size() -> None:
    found = verdict(UNDECIDED, "a", "b")
    assert found.kind == "no_difference"
    assert "No statistically significant difference" in found.text
    assert (
        "If the true difference equals the measured one, about 1,900 more trades are needed to detect it (80% power)."
        in found.text
    )
    assert "about 1,000,000 more trades" in verdict(replace(UNDECIDED, trades_needed=1_000_000), "a", "b").text
    far = verdict(replace(UNDECIDED, trades_needed=4_100_000_000), "a", "b").text
    assert "more than 1,000,000 more trades" in far
    assert "out of reach" in far
    assert (
        "too small to estimate a required sample size" in verdict(replace(UNDECIDED, trades_needed=None), "a", "b").text
    )


@pytest.mark.parametrize(("n", "expected"), [(0, "no trade has"), (1, "1 trade has"), (12, "12 trades have")])
def test_too_few_trades_are_reported(n: int, expected: str) -> None:
    few = replace(BETTER, n=n, low=math.nan, high=math.nan, p_value=math.nan, n_effective=math.nan, trades_needed=None)
    found = verdict(few, "a", "b", dsr=0.99)
    assert found.kind == "no_difference"
    assert "Too few trades" in found.text
    assert expected in found.text
    assert "nan" not in found.text


def test_identical_results_are_called_so() -> None:
    same = replace(BETTER, difference_r=0.0, low=0.0, high=0.0, p_value=1.0, trades_needed=None)
    assert "same net R on each of the 412 trades" in verdict(same, "a", "b").text


def test_dropped_pairs_and_risk_are_reported() -> None:
    text = verdict(replace(BETTER, n_pairs_dropped=7), "a", "b", risk={"maximum drawdown (R)": (-12.0, -20.5)}).text
    assert "excluded: 7 without a result under both" in text
    assert "maximum drawdown (R) -12.00 vs -20.50" in text


def test_rounding_never_hides_a_sign() -> None:
    text = verdict(replace(BETTER, difference_r=0.004, low=0.0004, high=0.0076), "a", "b").text
    assert "+0.0040 R per trade" in text
    assert "[+0.0004, +0.0076]" in text
    wide = verdict(replace(BETTER, low=0.0002), "a", "b").text
    assert "[+0.0002, +0.3400]" in wide


def test_the_documented_example_says_what_the_page_quotes(root: Path) -> None:
    page = (root / "docs" / "statistics.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```\n\n((?:> [^\n]*\n)+)", page, re.DOTALL)
    assert len(examples) == 2
    for code, shown in examples:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, {})
        assert printed.getvalue().split() == shown.replace("> ", "").split()
