"""Ranks are shares of the past, and the score of both series is spread evenly over it."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.errors import ModelError
from exitladder.models.calibration.ranks import LEVELS, Ranks, ranks_from_mapping

RNG = np.random.default_rng(3)
# Two dependent series, as of one model: a high probability goes with a low value.
RACE = 1 / (1 + np.exp(-RNG.standard_normal(4_000)))
HOLD = -0.2 * RACE + 0.1 * RNG.standard_normal(4_000)


@pytest.fixture(scope="module")
def ranks() -> Ranks:
    return Ranks.fit(RACE, HOLD)


def test_the_score_is_the_share_of_the_past_that_favours_selling_less(ranks: Ranks) -> None:
    score = ranks.of(RACE, HOLD)
    for share in (0.02, 0.1, 0.5, 0.9, 0.98):
        assert np.mean(score >= share) == pytest.approx(1 - share, abs=0.005)
    # independent reference: scipy's ranks of the mean of scipy's ranks
    from scipy.stats import rankdata

    n = len(RACE)
    mean = rankdata(RACE) / n + rankdata(-HOLD) / n
    assert np.abs(score - rankdata(mean) / n).max() < 0.01


def test_one_series_alone_keeps_its_rank_and_none_is_unknown(ranks: Ranks) -> None:
    unknown = np.full(len(RACE), np.nan)
    alone = ranks.of(RACE, unknown)
    assert np.array_equal(np.argsort(alone, kind="stable"), np.argsort(RACE, kind="stable"))
    assert np.mean(ranks.of(unknown, HOLD) >= 0.9) == pytest.approx(0.1, abs=0.005)
    assert np.isnan(ranks.of(unknown, unknown)).all()


def test_higher_exhaustion_and_lower_value_never_lower_the_score(ranks: Ranks) -> None:
    more = ranks.of(RACE + 0.01, HOLD - 0.01)
    assert (more >= ranks.of(RACE, HOLD)).all()
    outside = ranks.of(np.array([2.0, -1.0]), np.array([-9.0, 9.0]))
    assert outside.tolist() == [1.0, 0.0]


def test_equal_predictions_of_the_past_have_the_rank_of_their_middle() -> None:
    flat = Ranks.fit(np.full(100, 0.4), np.linspace(-1, 1, 100))
    score = flat.of(np.array([0.4, 0.3, 0.5]), np.full(3, np.nan))
    assert score.tolist() == pytest.approx([0.5, 0.5, 0.5], abs=0.01)


def test_they_are_saved_as_plain_numbers_and_refused_if_changed(ranks: Ranks) -> None:
    assert ranks_from_mapping(ranks.to_mapping()) == ranks
    for change in ({"both": [0.5] * 3}, {"exhaustion": list(LEVELS[::-1])}, {"hold_value_r": [np.nan] * len(LEVELS)}):
        with pytest.raises(ModelError, match="increasing order"):
            ranks_from_mapping({**ranks.to_mapping(), **change})
