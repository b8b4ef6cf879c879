"""The labels of others against a slow reading of their definitions, and known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import ModelError
from exitladder.models.labels.comparison import forward_return, pivot_hazard, remaining_mfe, triple_barrier
from exitladder.models.labels.labels import Labels
from exitladder.trades.rows import TradeRows, trade_rows
from exitladder.trades.trades import PlacedTrades

HORIZON = 4
# Whole prices make ties and bars that reach both sides common.
whole_bars = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 3), st.integers(0, 3), st.integers(-3, 3)), min_size=3, max_size=25
)


def market(moves: list[tuple[int, int, int, int]]) -> FloatArray:
    rows, before = [], 50
    for gap, above, below, body in moves:
        o, c = before + gap, before + gap + body
        rows.append((o, max(o, c) + above, min(o, c) - below, c))
        before = c
    return np.asarray(rows, dtype=np.float64)


def mirrored(table: FloatArray) -> FloatArray:
    return np.column_stack([100 - table[:, 0], 100 - table[:, 2], 100 - table[:, 1], 100 - table[:, 3]])


def slow_triple(table: FloatArray, t: int, k: float, m: float) -> float:
    _, high, low, close = table.T
    for u in range(t + 1, len(table)):
        if low[u] <= close[t] - k:
            return -1.0
        if high[u] >= close[t] + m:
            return 1.0
        if u == t + HORIZON:
            return 0.0
    return np.nan


def slow_remaining(table: FloatArray, t: int, k: float) -> float:
    _, high, low, close = table.T
    for u in range(t + 1, len(table)):
        best = max([close[t], *high[t + 1 : u]])
        if low[u] <= best - k:
            return float(best - close[t])
    return np.nan


def slow_pivot(table: FloatArray, t: int, k: float) -> float:
    """Read all bars anew: the first bar that gives back, the best before it, and where t stands."""
    _, high, low, _ = table.T
    back = next((u for u in range(1, len(table)) if low[u] <= high[:u].max() - k), None)
    pivot = int(high[: len(table) if back is None else back].argmax())
    if t < pivot:
        return 0.0
    return 1.0 if t == pivot and back is not None else np.nan


def all_labels(placed: PlacedTrades, rows: TradeRows, atr: FloatArray, k: float, m: float) -> dict[str, Labels]:
    risk = np.full(len(placed), 4.0)
    return {
        "triple": triple_barrier(placed, rows, atr, k, m, HORIZON),
        "forward": forward_return(placed, rows, HORIZON, risk),
        "remaining": remaining_mfe(placed, rows, atr, k, risk),
        "pivot": pivot_hazard(placed, rows, atr, k),
    }


@settings(max_examples=120, deadline=None)
@given(moves=whole_bars, k=st.sampled_from([1.0, 2.0, 3.5]), m=st.sampled_from([1.0, 2.0]))
def test_labels_equal_a_slow_reading_for_long_and_short(
    make: Any, moves: list[tuple[int, int, int, int]], k: float, m: float
) -> None:
    table = market(moves)
    n = len(table)
    close = table[:, 3]
    expected = {
        "triple": [slow_triple(table, t, 2 * k, 2 * m) for t in range(n)],
        "forward": [(close[t + HORIZON] - close[t]) / 4 if t + HORIZON < n else np.nan for t in range(n)],
        "remaining": [slow_remaining(table, t, 2 * k) / 4 for t in range(n)],
        "pivot": [slow_pivot(table, t, 2 * k) for t in range(n)],
    }
    for side, seen in ((1, table), (-1, mirrored(table))):
        placed = make.placed_on(make.bars_of(seen), [0], side)
        found = all_labels(placed, trade_rows(placed, 100), np.full(n, 2.0), k, m)
        for name, labels in found.items():
            np.testing.assert_allclose(labels.value, expected[name], rtol=0, atol=1e-12, err_msg=name)


@settings(max_examples=100, deadline=None)
@given(moves=whole_bars, t=st.integers(0, 24), shift=st.integers(-20, 20))
def test_a_label_depends_on_no_bar_after_the_one_it_is_known_at(
    make: Any, moves: list[tuple[int, int, int, int]], t: int, shift: int
) -> None:
    table = market(moves)
    t, atr = t % len(table), np.full(len(table), 2.0)
    placed = make.placed_on(make.bars_of(table), [0])
    rows = trade_rows(placed, 100)
    for name, before in all_labels(placed, rows, atr, 2.0, 2.0).items():
        if not before.is_known[t]:
            continue
        changed = table.copy()
        changed[before.end_bar[t] + 1 :] += shift
        other = make.placed_on(make.bars_of(changed), [0], entry_price=table[:1, 0])
        after = all_labels(other, rows, atr, 2.0, 2.0)[name]
        assert (after.value[t], after.end_bar[t]) == (before.value[t], before.end_bar[t])
        assert before.end_bar[t] > rows.bar[t]


def driftless(make: Any, n: int = 60_000) -> PlacedTrades:
    bars: Bars = make.driftless_bars(n, seed=8, sub_steps=30)
    placed: PlacedTrades = make.placed_on(bars, np.arange(0, n - 1_000, 2))
    return placed


def test_the_remaining_move_of_a_driftless_market_is_the_distance_given_back(make: Any) -> None:
    """Brownian motion goes a mean of d beyond any place before it falls d from its best; bars see it a little later."""
    placed = driftless(make)
    rows, atr = trade_rows(placed, 1), np.ones(placed.bars.n_bars)
    for k in (4.0, 8.0):
        value = remaining_mfe(placed, rows, atr, k, np.ones(len(placed))).value
        assert value.min() >= 0
        # Exponential: the spread is the mean. Labels overlap for about k squared bars of two a row.
        error = 3 * k / np.sqrt(len(value) / (k**2 / 2))
        assert np.nanmean(value) == pytest.approx(k, abs=error + 0.3)
        assert np.nanstd(value) == pytest.approx(k, rel=0.2)


def test_barriers_and_forward_returns_of_a_driftless_market_say_nothing(make: Any) -> None:
    """Of those that resolve, m / (m + k) give back first, as in the race; the mean forward return is nothing."""
    placed = driftless(make)
    rows, atr = trade_rows(placed, 1), np.ones(placed.bars.n_bars)
    found = triple_barrier(placed, rows, atr, 2.0, 3.0, 500).value
    resolved = found[np.isfinite(found) & (found != 0)]
    assert len(resolved) > 0.99 * len(found)
    assert (resolved < 0).mean() == pytest.approx(0.598, abs=3 * np.sqrt(0.24 / len(resolved) * 3))
    soon = triple_barrier(placed, rows, atr, 2.0, 3.0, 2).value
    assert (soon == 0).mean() > 0.4
    returns = forward_return(placed, rows, 20, np.ones(len(placed))).value
    assert abs(returns.mean()) < 3 * np.sqrt(20) / np.sqrt(len(returns) / 10)


def test_hazard_of_moves_that_end_geometrically_with_censored_data(make: Any) -> None:
    """Tops come with chance 0.05 a bar; data end after 2 to 60 bars. Rows at risk tell 0.05, resolved trades 0.08."""
    rng = np.random.default_rng(1)
    tops, ends = rng.geometric(0.05, 3_000), rng.integers(2, 61, 3_000)
    bars = []
    for i, (top, end) in enumerate(zip(tops, ends, strict=True)):
        close = 100.0 + np.minimum(np.arange(1, end + 1), 2 * top - np.arange(1, end + 1))
        bars.append(make.bars_of(np.column_stack([close, close, close, close]), f"S{i:04d}"))
    many = BarSet(bars)
    placed = make.placed_on(many, many.start[:-1])
    value = pivot_hazard(placed, trade_rows(placed, 60), np.ones(many.n_bars), 1.0).value
    at_risk = value[np.isfinite(value)]
    assert at_risk.mean() == pytest.approx(0.0498, abs=3 * np.sqrt(0.0498 * 0.95 / len(at_risk)))
    resolved = tops < ends
    assert (value == 1).sum() == resolved.sum()
    assert 1 / tops[resolved].mean() > 0.075


def test_rows_after_the_pivot_are_not_at_risk_and_rows_go_no_further_than_asked(make: Any) -> None:
    prices = np.array([10.0, 12, 11.5, 14, 11, 20])
    placed = make.placed_on(make.bars_of(np.column_stack([prices] * 4)), [0])
    labels = pivot_hazard(placed, trade_rows(placed, 99), np.ones(6), 2.0)
    np.testing.assert_array_equal(labels.value, [0, 0, 0, 1, np.nan, np.nan])
    np.testing.assert_array_equal(labels.end_bar[:4], [1, 3, 3, 4])
    short = pivot_hazard(placed, trade_rows(placed, 2), np.ones(6), 2.0)
    np.testing.assert_array_equal(short.value, [0, 0])


def test_unknown_atr_and_risk_leave_no_label(make: Any) -> None:
    placed = make.placed_on(make.bars_of([[10, 10, 10, 10], [10, 15, 5, 10], [10, 15, 5, 10]]), [0])
    rows = trade_rows(placed, 9)
    nothing = np.full(3, np.nan)
    assert np.isnan(triple_barrier(placed, rows, nothing, 1, 1, 2).value).all()
    assert np.isnan(remaining_mfe(placed, rows, nothing, 1, np.ones(1)).value).all()
    assert np.isnan(forward_return(placed, rows, 1, np.zeros(1)).value).all()
    with pytest.raises(ModelError, match=r"labels\.horizon_bars must be a whole number from 1, but is 0"):
        forward_return(placed, rows, 0, np.ones(1))
    with pytest.raises(ModelError, match=r"labels\.give_back_atr must be above 0"):
        pivot_hazard(placed, rows, np.ones(3), 0.0)
