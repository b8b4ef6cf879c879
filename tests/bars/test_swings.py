"""Swing highs and lows, and that none is used before it is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.bars.swings import Pivots, last_swing, levels_beyond, pivot_highs
from exitladder.errors import BarsError


@given(st.lists(st.integers(0, 6), min_size=0, max_size=40), st.integers(1, 4))
def test_pivots_are_what_their_words_say(values: list[int], strength: int) -> None:
    high = np.array(values, dtype=np.float64)
    want = [
        j
        for j in range(strength, len(high) - strength)
        if all(high[j] > high[k] for k in range(j - strength, j))
        and all(high[j] >= high[k] for k in range(j + 1, j + strength + 1))
    ]
    pivots = pivot_highs(high, strength)
    assert pivots.bar.tolist() == want
    assert pivots.known_at.tolist() == [j + strength for j in want]
    assert pivots.price.tolist() == [high[j] for j in want]


@given(st.lists(st.integers(0, 6), min_size=12, max_size=40), st.data())
def test_what_is_known_does_not_change_with_the_future(values: list[int], data: st.DataObject) -> None:
    high = np.array(values, dtype=np.float64)
    cut = data.draw(st.integers(1, len(high) - 1))
    early = pivot_highs(high[: cut + 1], 2)
    whole = pivot_highs(high, 2)
    known = whole.known_at <= cut
    assert early.bar.tolist() == whole.bar[known].tolist()


def test_last_swing_is_the_last_confirmed_high_and_the_low_before_it() -> None:
    highs = Pivots(np.array([10, 30]), np.array([15, 35]), np.array([8.0, 12.0]))
    lows = Pivots(np.array([5, 20, 32]), np.array([10, 25, 37]), np.array([2.0, 4.0, 5.0]))
    assert last_swing(highs, lows, 34) == (2.0, 6.0)
    assert last_swing(highs, lows, 35) == (4.0, 8.0)
    assert np.isnan(last_swing(highs, lows, 14)).all()


def test_levels_beyond_are_sorted_known_recent_and_different() -> None:
    highs = Pivots(np.arange(6), np.arange(6) + 2, np.array([12.0, 11.0, 15.0, 11.0, 9.0, 13.0]))
    assert levels_beyond(highs, 10.0, 7, 3).tolist() == [11.0, 12.0, 13.0]
    assert levels_beyond(highs, 10.0, 6, 3).tolist() == [11.0, 12.0, 15.0]  # the 13 is confirmed at bar 7
    np.testing.assert_array_equal(levels_beyond(highs, 14.0, 7, 2), [15.0, np.nan])
    np.testing.assert_array_equal(levels_beyond(highs, 10.0, 7, 2, look_back=3), [13.0, np.nan])


def test_a_pivot_needs_a_neighbour() -> None:
    with pytest.raises(BarsError, match="strength of a pivot must be at least 1 bar, but is 0"):
        pivot_highs(np.zeros(5), 0)
