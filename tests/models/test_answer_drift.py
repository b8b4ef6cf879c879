"""The watch over probabilities: its false alarms are as rare as stated, and a law that ends is noticed soon."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import ModelError
from exitladder.models.answer_drift import NO_ANSWERS, watch_answers
from exitladder.models.calibration.calibrators import sigmoid

ROWS, LAST = 20, 8


def book(
    n: int, seed: int, *, skill: float = 1.0
) -> tuple[FloatArray, FloatArray, FloatArray, IntArray, IntArray, IntArray]:
    """Predictions of n trades one after another; outcomes last eight bars, which rows of those bars share.

    Log-odds spread by 0.6; outcomes follow them times the skill: 1 is a model that is right, 0 one whose law has ended.
    """
    rng = np.random.default_rng(seed)
    said = 0.6 * np.repeat(rng.standard_normal((n, ROWS // 4)), 4, axis=1)
    luck = np.repeat(rng.random((n, ROWS // LAST + 1)), LAST, axis=1)[:, :ROWS]
    outcome = (luck < sigmoid(skill * said)).astype(np.float64)
    time = np.arange(n * ROWS, dtype=np.int64)
    return sigmoid(said).ravel(), outcome.ravel(), np.full(n * ROWS, 0.5), time, time + LAST, time // ROWS


def test_a_model_that_is_right_is_doubted_as_rarely_as_stated() -> None:
    """Alarms within T trades have a chance of at most T / 2,000: the winnings grow by one a trade on average."""
    alarms = [watch_answers(*book(400, seed)).has_changed for seed in range(60)]
    assert sum(alarms) <= 60 * 0.2 + 2 * np.sqrt(60 * 0.2 * 0.8)
    # A threshold of one trade is reached at once: it is the threshold that keeps it quiet.
    assert all(watch_answers(*book(50, seed), threshold=1.0).has_changed for seed in range(5))


def test_a_law_that_ends_is_noticed_within_150_trades_on_average() -> None:
    found = [watch_answers(*book(400, seed, skill=0.0)) for seed in range(20)]
    delays = [answers.changed_ns / ROWS if answers.has_changed else 400.0 for answers in found]
    assert np.mean(delays) < 150
    assert all(answers.loss_gain < 0 for answers in found)


def test_a_shift_of_the_base_rate_is_noticed_in_a_model_that_says_little() -> None:
    said, _, usual, time, known, trade = book(400, 0)
    outcome = (np.random.default_rng(1).random(len(said)) < 0.6).astype(np.float64)
    assert watch_answers(np.full(len(said), 0.5), outcome, usual, time, known, trade).has_changed


def test_the_past_is_not_rewritten() -> None:
    """What was found by some time stays the same, whatever comes after."""
    said, outcome, usual, time, known, trade = book(300, 3, skill=0.0)
    whole = watch_answers(said, outcome, usual, time, known, trade)
    assert whole.has_changed
    until = known <= whole.changed_ns
    early = watch_answers(said[until], outcome[until], usual[until], time[until], known[until], trade[until])
    assert early.changed_ns == whole.changed_ns


def test_the_order_of_rows_does_not_matter() -> None:
    said, outcome, usual, time, known, trade = book(50, 4)
    order = np.random.default_rng(0).permutation(len(said))
    one = watch_answers(said, outcome, usual, time, known, trade)
    other = watch_answers(said[order], outcome[order], usual[order], time[order], known[order], trade[order])
    assert one.evidence == pytest.approx(other.evidence)


def test_the_sentence_names_what_was_predicted_and_observed() -> None:
    found = watch_answers(*book(400, 0, skill=0.0))
    assert "no longer agree with outcomes: over 400 trades since training" in found.sentence
    assert found.warning == found.sentence
    right = watch_answers(*book(20, 0))
    assert "still agree" in right.sentence and right.warning == ""
    assert NO_ANSWERS.sentence == NO_ANSWERS.warning == ""


def test_an_outcome_known_at_its_prediction_is_refused() -> None:
    said, outcome, usual, time, _, trade = book(5, 0)
    with pytest.raises(ModelError, match="known after its prediction"):
        watch_answers(said, outcome, usual, time, time, trade)
