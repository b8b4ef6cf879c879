"""Labels against hand-made bars, known answers on driftless markets, and a slow reading of their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import ModelError
from exitladder.models.labels.labels import continuation_advantage, race, reachable_rows
from exitladder.trades.rows import trade_rows
from exitladder.trades.trades import AT_CLOSE, PlacedTrades

# Whole prices make ties, gaps through levels and bars that reach both sides common.
whole_bars = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 3), st.integers(0, 3), st.integers(-3, 3)), min_size=3, max_size=25
)


def whole_market(moves: list[tuple[int, int, int, int]]) -> FloatArray:
    """Rows of open, high, low, close from whole moves: gap, reach above, reach below, close less open."""
    rows: list[tuple[int, int, int, int]] = []
    before = 50
    for gap, above, below, body in moves:
        o, c = before + gap, before + gap + body
        rows.append((o, max(o, c) + above, min(o, c) - below, c))
        before = c
    return np.asarray(rows, dtype=np.float64)


def mirrored(table: FloatArray) -> FloatArray:
    return np.column_stack([100 - table[:, 0], 100 - table[:, 2], 100 - table[:, 1], 100 - table[:, 3]])


def slow_race(table: FloatArray, atr: FloatArray, t: int, k: float, m: float) -> float:
    _, high, low, close = table.T
    if not atr[t] > 0:
        return np.nan
    backs = [u for u in range(t + 1, len(table)) if low[u] <= close[t] - k * atr[t]]
    beyonds = [u for u in range(t + 1, len(table)) if high[u] >= close[t] + m * atr[t]]
    if not backs and not beyonds:
        return np.nan
    return float(min(backs, default=len(table)) <= min(beyonds, default=len(table)))


def slow_exit(table: FloatArray, atr: FloatArray, t: int, d: float) -> float:
    """Price at which a trail begun at the close of t lets go, by reading all bars anew at each step."""
    o, high, low, close = table.T
    for u in range(t + 1, len(table)):
        lines = [max([close[t], *high[t + 1 : v + 1]]) - d * atr[v] for v in range(t, u) if atr[v] > 0]
        if low[u] <= max(lines):
            return float(min(max(lines), o[u]))
    return np.nan


@settings(max_examples=150, deadline=None)
@given(moves=whole_bars, k=st.sampled_from([1.0, 2.0, 3.5]), m=st.sampled_from([1.0, 2.0]), unknown=st.integers(0, 5))
def test_labels_equal_a_slow_reading_for_long_and_short(
    make: Any, moves: list[tuple[int, int, int, int]], k: float, m: float, unknown: int
) -> None:
    table = whole_market(moves)
    atr = np.full(len(table), 2.0)
    atr[:unknown] = np.nan
    n = len(table)
    for side, market in ((1, table), (-1, mirrored(table))):
        placed = make.placed_on(make.bars_of(market), [0], side)
        rows = trade_rows(placed, 100)
        raced = race(placed, rows, atr, k, m)
        np.testing.assert_array_equal(raced.value, [slow_race(table, atr, t, k, m) for t in range(n)])
        held = continuation_advantage(placed, rows, atr, k, np.array([4.0]))
        expected = [
            (slow_exit(table, atr, t, k) - table[t + 1, 0]) / 4.0 if t + 1 < n and atr[t] > 0 else np.nan
            for t in range(n)
        ]
        np.testing.assert_allclose(held.value, expected, rtol=0, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(moves=whole_bars, t=st.integers(0, 24), seed=st.integers(0, 99))
def test_a_label_depends_on_no_bar_after_the_one_it_is_known_at(
    make: Any, moves: list[tuple[int, int, int, int]], t: int, seed: int
) -> None:
    table = whole_market(moves)
    t = t % len(table)
    atr = np.full(len(table), 2.0)
    placed = make.placed_on(make.bars_of(table), [0])
    rows = trade_rows(placed, 100)
    for label in (race, lambda p, r, a, k, _: continuation_advantage(p, r, a, k, np.array([1.0]))):
        before = label(placed, rows, atr, 2.0, 2.0)
        last = before.end_bar[t]
        changed = table.copy()
        changed[last + 1 :] += np.random.default_rng(seed).integers(-20, 20)
        other = make.placed_on(make.bars_of(changed), [0], entry_price=table[:1, 0])
        after = label(other, rows, atr, 2.0, 2.0)
        np.testing.assert_equal(after.value[t], before.value[t])
        assert not before.is_known[t] or after.end_bar[t] == last


@settings(max_examples=100, deadline=None)
@given(moves=whole_bars, cut=st.integers(1, 24))
def test_reachable_rows_do_not_look_ahead_and_once_lost_stay_lost(
    make: Any, moves: list[tuple[int, int, int, int]], cut: int
) -> None:
    table = whole_market(moves)
    atr = np.full(len(table), 2.0)

    def reached(market: FloatArray) -> np.ndarray:
        placed = make.placed_on(make.bars_of(market), [0])
        return reachable_rows(placed, trade_rows(placed, 100), atr[: len(market)], 2.0)

    whole, part = reached(table), reached(table[:cut])
    np.testing.assert_array_equal(whole[:cut], part)
    assert not (np.diff(whole.astype(int)) > 0).any()


def test_race_counts_a_bar_that_reaches_both_as_giving_back(make: Any) -> None:
    placed = make.placed_on(make.bars_of([[10, 10, 10, 10], [10, 12, 8, 11], [11, 11, 11, 11]]), [0])
    labels = race(placed, trade_rows(placed, 9), np.ones(3), 2.0, 2.0)
    assert labels.value[0] == 1.0
    assert labels.end_bar[0] == 1
    assert np.isnan(labels.value[1:]).all()
    assert (labels.end_bar[1:] == 2).all()


def test_advantage_of_a_gap_through_the_trail_is_measured_at_the_open(make: Any) -> None:
    """Line 12 - 2 = 10 after bar 1; bar 2 opens at 7: the trail gives 7 where leaving now gave 10.5."""
    placed = make.placed_on(make.bars_of([[10, 10, 10, 10], [10.5, 12, 10, 12], [7, 8, 6, 8]]), [0])
    labels = continuation_advantage(placed, trade_rows(placed, 9), np.ones(3), 2.0, np.array([2.0]), cost_r=0.1)
    assert labels.value[0] == pytest.approx((7 - 10.5) / 2 - 0.1)
    # From bar 1 both leave at the open of bar 2.
    assert labels.value[1] == pytest.approx(-0.1)
    assert np.isnan(labels.value[2])


def test_labels_stop_at_the_symbols_last_bar_and_rows_go_on_after_the_historical_exit(make: Any) -> None:
    flat = [[10.0, 10.0, 10.0, 10.0]] * 4
    bars = BarSet([make.bars_of(flat, "A"), make.bars_of([[5.0, 5.0, 1.0, 1.0]] * 4, "B")])
    placed = make.placed_on(bars, [0])
    rows = trade_rows(placed, 99)
    labels = race(placed, rows, np.ones(8), 1.0, 1.0)
    assert rows.n_rows == 4
    assert np.isnan(labels.value).all()
    assert (labels.end_bar == 3).all()


def test_unknown_or_zero_atr_and_risk_leave_no_label(make: Any) -> None:
    placed = make.placed_on(make.bars_of([[10, 10, 10, 10], [10, 15, 5, 10], [10, 15, 5, 10]]), [0, 0])
    rows = trade_rows(placed, 9)
    assert np.isnan(race(placed, rows, np.array([np.nan, 0.0, 1.0]), 1, 1).value).all()
    advantage = continuation_advantage(placed, rows, np.ones(3), 1.0, np.array([np.nan, 0.0]))
    assert np.isnan(advantage.value).all()


def test_entry_at_the_close_is_first_exposed_to_the_bar_after(make: Any) -> None:
    """The entry bar's low is no concern of a trade entered at its close."""
    bars = make.bars_of([[10, 10, 10, 10], [10, 20, 1, 10], [10, 10, 10, 10], [10, 10, 7, 7]])
    placed = make.placed_on(bars, [1], entry_price=np.array([10.0]), entry_at=AT_CLOSE)
    rows = trade_rows(placed, 9)
    np.testing.assert_array_equal(rows.bar, [2, 3])
    np.testing.assert_array_equal(reachable_rows(placed, rows, np.ones(4), 2.0), [True, False])


@pytest.mark.parametrize(
    ("k", "m", "measured", "continuous"), [(1, 1, 0.506, 1 / 2), (2, 1, 0.3455, 1 / 3), (2, 3, 0.598, 3 / 5)]
)
def test_race_base_rate_of_a_driftless_market(
    make: Any, k: float, m: float, measured: float, continuous: float
) -> None:
    """Distances in sigma: m / (m + k) in continuous time, and a little off on bars of 50 steps."""
    driftless = make.placed_on(make.driftless_bars(40_000, seed=5, sub_steps=50), np.arange(0, 39_000, 2))
    rows = trade_rows(driftless, 1)
    value = race(driftless, rows, np.ones(driftless.bars.n_bars), k, m).value
    share, n = np.nanmean(value), np.isfinite(value).sum()
    error = 3.5 * np.sqrt(0.25 / n * k * m)
    assert share == pytest.approx(measured, abs=error)
    assert share == pytest.approx(continuous, abs=0.015 + error)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("trail", [1.0, 3.0])
def test_advantage_of_a_driftless_market_is_nothing(
    make: Any, driftless: PlacedTrades, side: int, trail: float
) -> None:
    """A fill better than the market gave would show here, as +0.08 sigma does where a path jumps over levels."""
    placed = make.placed_on(driftless.bars, driftless.entry_bar, side)
    value = continuation_advantage(
        placed, trade_rows(placed, 1), np.ones(placed.bars.n_bars), trail, np.ones(len(placed))
    ).value
    value = value[np.isfinite(value)]
    # Labels overlap for about trail squared bars.
    standard_error = value.std() / np.sqrt(len(value) / max(1.0, trail**2 / 2))
    assert abs(value.mean()) < 3 * standard_error


@pytest.fixture(scope="module")
def driftless(make: Any) -> PlacedTrades:
    bars: Bars = make.driftless_bars(60_000, seed=5)
    placed: PlacedTrades = make.placed_on(bars, np.arange(0, 59_000, 2))
    return placed


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_distances_must_be_above_zero(make: Any, wrong: float) -> None:
    placed = make.placed_on(make.bars_of([[1, 1, 1, 1]] * 3), [0])
    rows = trade_rows(placed, 3)
    with pytest.raises(ModelError, match=r"labels\.give_back_atr must be above 0"):
        race(placed, rows, np.ones(3), wrong, 1.0)
    with pytest.raises(ModelError, match="one value per bar"):
        race(placed, rows, np.ones(2), 1.0, 1.0)
