from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from exitladder.settings.loading import load_settings
from exitladder.statistics import Intervals
from exitladder.statistics.shares import share_interval, wilson_interval


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"confidence": 95.0}, "confidence must be between 0 and 1"),
        ({"confidence": 0.0}, "confidence must be between 0 and 1"),
        ({"confidence": math.nan}, "confidence must be between 0 and 1"),
        ({"n_bootstrap": 0}, "n_bootstrap must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, float], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Intervals(**values)  # type: ignore[arg-type]


def test_settings_say_how_intervals_are_made() -> None:
    settings = load_settings(None, ["validation.confidence=0.9", "validation.n_bootstrap=300", "project.seed=7"])
    assert settings.intervals == Intervals(0.9, 300, 7)
    assert load_settings(None, []).intervals == Intervals()


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_wilson_is_that_of_scipy(confidence: float) -> None:
    cases = [(k, n) for n in (1, 7, 40, 5_000) for k in {0, 1, n // 3, n - 1, n}]
    hits, n = np.array(cases).T
    low, high = wilson_interval(hits / n, n, confidence)
    for k, (one, many) in enumerate(cases):
        expected = binomtest(one, many).proportion_ci(confidence, method="wilson")
        assert (low[k], high[k]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_interval_of_a_share_is_the_hull_of_both() -> None:
    low, high = (float(end) for end in wilson_interval(0.3, 50, 0.95))
    assert share_interval(0.3, 50, (0.2, 0.35), 0.95) == (low, high)
    assert share_interval(0.3, 50, (0.1, 0.9), 0.95) == (0.1, 0.9)
    assert share_interval(0.3, 50, (math.nan, math.nan), 0.95) == (low, high)
    assert share_interval(0.0, 50, (0.0, 0.0), 0.95)[0] == 0.0
    assert share_interval(1.0, 50, (1.0, 1.2), 0.95)[1] == 1.0
