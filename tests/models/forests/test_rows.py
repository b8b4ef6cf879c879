"""Training rows: the embargo counts bars of a row's own symbol."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import ModelError
from exitladder.models.forests.rows import TrainingRows
from exitladder.models.labels.labels import continuation_advantage, race, reachable_rows
from exitladder.trades.rows import trade_rows


def made(make: Any, embargo_bars: int) -> tuple[TrainingRows, BarSet]:
    """Two symbols of 60 bars an hour each, six a day for the first and round the clock for the second."""
    market = make.driftless_bars(60, seed=3)
    day = 24 * make.hour
    sessions = np.arange(60) // 6 * day + np.arange(60) % 6 * make.hour
    bars = BarSet([replace(market, time=sessions), replace(market, symbol="B")])
    placed = make.placed_on(bars, [10, 70])
    rows = trade_rows(placed, 60)
    atr = np.ones(bars.n_bars)
    built = TrainingRows.of(
        placed,
        rows,
        np.zeros((rows.n_rows, 1), dtype=np.float32),
        ("a",),
        race=race(placed, rows, atr, 1.0, 1.0),
        hold=continuation_advantage(placed, rows, atr, 2.0, np.ones(2)),
        reachable=reachable_rows(placed, rows, atr, 99.0),
        embargo_bars=embargo_bars,
    )
    return built, bars


@pytest.mark.parametrize("n", [0, 1, 7, 30])
def test_the_embargo_counts_bars_of_the_rows_own_symbol(make: Any, n: int) -> None:
    """Each end read anew: the close of the bar that many bars after the one whose close made the label known."""
    rows, bars = made(make, n)
    closes = bars.close_time
    for row in np.flatnonzero(rows.is_used):
        part = slice(0, 60) if rows.trade[row] == 0 else slice(60, 120)
        later = closes[part][closes[part] >= rows.end_ns[row]]
        assert later[0] == rows.end_ns[row]
        expected = later[n] if n < len(later) else later[-1] + (n - len(later) + 1) * make.hour
        assert rows.over_ns[row] == expected
    shorter = rows.end_ns + n * make.hour
    used = rows.is_used
    assert (rows.over_ns[used] >= shorter[used]).all()
    assert n < 7 or (rows.over_ns[used] > shorter[used])[rows.trade[used] == 0].any()


def test_without_embargo_of_its_own_a_row_is_over_when_its_label_is_known(make: Any) -> None:
    rows = make.training_rows(n_trades=5)
    np.testing.assert_array_equal(rows.over_ns, rows.end_ns)
    with pytest.raises(ModelError, match=r"embargo_end_ns must have one value per row \(150\)"):
        replace(rows, embargo_end_ns=np.zeros(3, dtype=np.int64))
