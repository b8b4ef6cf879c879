"""Calibrators and the measures of probabilities, against known answers and scikit-learn's own numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics  # type: ignore[import-untyped]
from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

from exitladder.errors import ModelError
from exitladder.models.calibration.calibrators import (
    Identity,
    Isotonic,
    Platt,
    calibrator_from_mapping,
    fit_calibrator,
    logit,
)
from exitladder.models.calibration.measures import probability_measures, reliability
from exitladder.models.calibration.venn_abers import VennAbers


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def drawn(n: int, slope: float, intercept: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Raw probabilities whose truth is sigmoid(slope · logit + intercept), and outcomes of that truth."""
    rng = np.random.default_rng(seed)
    raw = sigmoid(2 * rng.standard_normal(n))
    return raw, (rng.random(n) < sigmoid(slope * logit(raw) + intercept)).astype(float)


@pytest.mark.parametrize(("slope", "intercept"), [(0.9, 0.2), (0.4, -0.7)])
def test_platt_finds_the_line_that_made_the_outcomes(slope: float, intercept: float) -> None:
    fitted = Platt.fit(*drawn(60_000, slope, intercept))
    assert fitted.slope == pytest.approx(slope, abs=0.05)
    assert fitted.intercept == pytest.approx(intercept, abs=0.05)


def test_platt_makes_no_prediction_surer_and_keeps_the_mean() -> None:
    """Twice as sure would be right here: the slope stays at 1, and the intercept is that of greatest likelihood."""
    p, y = drawn(60_000, 2.0, 1.0)
    fitted = Platt.fit(p, y)
    assert fitted.slope == 1
    assert fitted.apply(p).mean() == pytest.approx(y.mean(), abs=1e-9)


@pytest.mark.parametrize("kind", ["platt", "isotonic", "venn_abers"])
def test_calibration_repairs_probabilities_that_are_too_sure(kind: str) -> None:
    """Raw predictions twice as sure as they may be; judged on outcomes that the fit has not seen."""
    p, y = drawn(20_000, 0.5, 0.3, seed=1)
    calibrator = fit_calibrator(kind, *drawn(20_000, 0.5, 0.3, seed=2))
    before, after = probability_measures(p, y), probability_measures(calibrator.apply(p), y)
    assert after["log_loss"] < before["log_loss"] - 0.05
    assert after["calibration_error"] < 0.015 < 0.1 < before["calibration_error"]


def test_predictions_that_rank_the_wrong_way_round_become_the_base_rate() -> None:
    p, y = drawn(5_000, -1.0, 0.5)
    fitted = Platt.fit(p, y)
    assert fitted.slope == 0.0
    np.testing.assert_allclose(fitted.apply(p), y.mean(), atol=1e-12)


@pytest.mark.parametrize("y", [np.zeros(50), np.ones(50)])
@pytest.mark.parametrize("kind", ["platt", "isotonic", "venn_abers"])
def test_one_outcome_only_gives_finite_probabilities(kind: str, y: np.ndarray) -> None:
    p = np.linspace(0.0, 1.0, 50)
    out = fit_calibrator(kind, p, y).apply(p)
    assert np.isfinite(out).all()
    assert ((out >= 0) & (out <= 1)).all()


def test_isotonic_rises_and_stays_off_certainty() -> None:
    p, y = drawn(500, 1.0, 0.0)
    out = Isotonic.fit(p, y).apply(np.linspace(0, 1, 200))
    assert (np.diff(out) >= 0).all()
    assert 0 < out.min() < out.max() < 1


@pytest.mark.parametrize("kind", ["platt", "isotonic", "venn_abers", "none"])
def test_calibrators_survive_json_to_the_bit(kind: str) -> None:
    fitted = fit_calibrator(kind, *drawn(800, 0.7, 0.2))
    again = calibrator_from_mapping(json.loads(json.dumps(fitted.to_mapping())))
    p = np.append(np.random.default_rng(0).random(100), [0.0, 1.0, np.nan])
    assert again == fitted
    np.testing.assert_array_equal(again.apply(p), fitted.apply(p))
    assert math.isnan(again.apply(p)[-1])


# Multiples, because scikit-learn takes numbers that hardly differ for equal; the coarse ones make ties.
score = st.one_of(st.integers(0, 6).map(lambda k: k / 6), st.integers(0, 1000).map(lambda k: k / 1000))
scores = st.lists(st.tuples(score, st.booleans()), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(drawn_scores=scores, asked=st.lists(score, min_size=1, max_size=10))
def test_venn_abers_equals_refitting_isotonic_regression_with_the_row_added(
    drawn_scores: list[tuple[float, bool]], asked: list[float]
) -> None:
    p, y = (np.array(column, dtype=float) for column in zip(*drawn_scores, strict=True))
    fitted = VennAbers.fit(p, y)
    questions = np.array([*asked, *p, 0.0, 1.0])
    low, high = fitted.bounds(questions)
    for outcome, found in ((0.0, low), (1.0, high)):
        expected = [IsotonicRegression().fit(np.append(p, s), np.append(y, outcome)).predict([s])[0] for s in questions]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    merged = fitted.apply(questions)
    np.testing.assert_allclose(merged, high / (1 - low + high), rtol=0, atol=1e-15)
    assert ((low <= merged + 1e-12) & (merged <= high + 1e-12)).all()


def test_venn_abers_is_less_sure_with_fewer_rows() -> None:
    asked = np.linspace(0.05, 0.95, 50)

    def mean_width(n: int) -> float:
        low, high = VennAbers.fit(*drawn(n, 1.0, 0.0)).bounds(asked)
        return float((high - low).mean())

    assert mean_width(5_000) < 0.02 < 0.1 < mean_width(100)


def test_what_cannot_be_calibrated_is_refused() -> None:
    with pytest.raises(ModelError, match="Did you mean 'platt'"):
        fit_calibrator("plat", np.array([0.5]), np.array([1.0]))
    with pytest.raises(ModelError, match="Unknown calibration 'beta'"):
        calibrator_from_mapping({"kind": "beta"})
    with pytest.raises(ModelError, match="finite predictions"):
        Platt.fit(np.array([np.nan, 0.5]), np.array([1.0, 0.0]))
    assert Identity().to_mapping() == {"kind": "none"}


def test_measures_equal_those_of_scikit_learn() -> None:
    p, y = drawn(3_000, 1.0, -0.5)
    p = p.round(2).clip(0.01, 0.99)  # ties
    found = probability_measures(p, y)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, p), rel=1e-12)
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(y, p), rel=1e-12)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(y, p), rel=1e-12)
    assert found["base_rate"] == y.mean()


def test_calibration_error_is_the_mean_distance_over_bins_of_equal_count() -> None:
    """Ten predictions a bin; the truth lies 0.1 above in each of them."""
    p = np.repeat(np.arange(10) / 20, 10)
    y = np.concatenate([(np.arange(10) < 10 * (k / 20 + 0.1) - 1e-9).astype(float) for k in range(10)])
    table = reliability(p, y)
    assert table["n"].tolist() == [10] * 10
    expected = np.abs(table["observed"] - table["predicted"]).mean()
    assert probability_measures(p, y)["calibration_error"] == pytest.approx(expected)
    np.testing.assert_allclose(table["predicted"], np.arange(10) / 20)


def test_measures_of_nothing_are_unknown_and_of_one_class_have_no_auc() -> None:
    assert all(math.isnan(v) for v in probability_measures(np.empty(0), np.empty(0)).values())
    found = probability_measures(np.array([0.2, 0.4]), np.zeros(2))
    assert math.isnan(found["auc"])
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.6]).mean())
