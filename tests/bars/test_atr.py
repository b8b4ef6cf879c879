"""Wilder's ATR against his recursion, written out."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.arrays import FloatArray
from exitladder.bars.atr import atr_of_set, wilder_atr
from exitladder.bars.bars import Bars, BarSet

DAY = 86_400 * 10**9


def random_bars(n: int, seed: int, symbol: str = "A") -> Bars:
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(size=n))
    open_ = close + rng.normal(size=n)
    high = np.maximum(open_, close) + rng.random(n)
    low = np.minimum(open_, close) - rng.random(n)
    return Bars(symbol, DAY, np.arange(n) * DAY, open_, high, low, close)


def by_hand(bars: Bars, n: int) -> FloatArray:
    before = bars.close[:-1]
    ranges = np.maximum(bars.high[1:], before) - np.minimum(bars.low[1:], before)
    out = np.full(len(bars), np.nan)
    for t in range(n, len(bars)):
        out[t] = ranges[:n].mean() if t == n else ((n - 1) * out[t - 1] + ranges[t - 1]) / n
    return out


@pytest.mark.parametrize("n", [2, 14, 50])
def test_begins_with_the_mean_of_the_first_true_ranges(n: int) -> None:
    """Trap T33: Wilder's average, seeded with a plain mean and carried on from itself, not from single ranges."""
    bars = random_bars(300, n)
    atr = wilder_atr(bars.high, bars.low, bars.close, n)
    assert np.isnan(atr[:n]).all() and np.isfinite(atr[n:]).all()
    np.testing.assert_allclose(atr, by_hand(bars, n), rtol=1e-12)


def test_each_symbol_begins_anew_and_a_short_one_has_none() -> None:
    bars = BarSet([random_bars(40, 1, "A"), random_bars(14, 2, "B"), random_bars(30, 3, "C")])
    atr = atr_of_set(bars)
    for k, symbol in enumerate(bars.symbols):
        own = atr[bars.start[k] : bars.start[k + 1]]
        np.testing.assert_allclose(own, by_hand(bars[symbol], 14), rtol=1e-12)
    assert np.isnan(atr[40:54]).all()


def test_where_nothing_moves_it_is_zero() -> None:
    flat = np.full(60, 3.7)
    assert set(wilder_atr(flat, flat, flat, 14)[14:]) == {0.0}
