"""Known exits on entries of different character: which entries bars allow, and the measures of an exit."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.pipelines.tuning.results import Results

DAY, HOUR = 86_400 * 10**9, 3_600 * 10**9


@pytest.fixture(scope="module")
def known(root: Path) -> Any:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("known_exits")
    sys.path.remove(str(root / "benchmarks"))


def hours(close: list[float], first: int = 14) -> BarSet:
    """Hourly bars of one day of New York (UTC-4 in June), each from the close before to its own."""
    start = 19_875 * DAY + first * HOUR
    after = np.array(close)
    before = np.append(after[0], after[:-1])
    return BarSet([
        Bars("A", HOUR, start + np.arange(len(close)) * HOUR, before, np.maximum(before, after),
             np.minimum(before, after), after, np.ones(len(close)))
    ])  # fmt: skip


def test_an_opening_range_is_entered_at_the_open_after_the_first_close_beyond_it(known: Any) -> None:
    trades = known.opening_ranges(hours([100.0, 100.0, 101.0, 103.0, 104.0, 99.0]))
    assert len(trades) == 1
    (trade,) = trades
    assert (trade.side, trade.entry_price, trade.stop_price) == (1, 101.0, 100.0)
    assert trades.entry_time[0] == 19_875 * DAY + 17 * HOUR


def test_a_night_is_sold_at_the_next_open_and_needs_daily_bars(known: Any) -> None:
    bars = hours([100.0] * 6)
    assert "overnight" not in known.entries_of(bars) and "opening range" in known.entries_of(bars)
    n = 260
    close = 100.0 + np.arange(n, dtype=np.float64)
    opened = close - 0.5
    daily = BarSet([Bars("A", DAY, np.arange(n) * DAY, opened, close + 1, opened - 1, close, np.ones(n))])
    assert "overnight" in known.entries_of(daily) and "opening range" not in known.entries_of(daily)
    trades = known.overnight(daily)
    assert trades.entry_price.tolist() == [350.0, 355.0]
    assert trades.exit_price.tolist() == [350.5, 355.5]


def test_an_exit_is_measured_per_trade_per_bar_and_per_capital(known: Any) -> None:
    results = Results(
        np.array([[1.0], [-0.5], [np.nan]]),
        np.array([1, 2, 3]),
        bars=np.array([[4], [1], [9]]),
        capital_days=np.array([[40.0], [10.0], [90.0]]),
    )
    row = known._measured("x", results, 0)
    assert (row.mean_r, row.r_per_bar, row.r_per_capital_day) == pytest.approx((0.25, 0.1, 0.01))
