"""What the market's drift alone makes of a position: known answers on bars that gain the same at every close."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import simulate
from exitladder.measures.market_drift import drift_per_bar, drift_r
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target
from exitladder.trades.files import trades_from_frame
from exitladder.trades.trades import PlacedTrades, place_trades

DAY = 86_400 * 10**9
GAIN = 0.01


def placed(side: int = 1, later: float = 1.0, n: int = 40) -> PlacedTrades:
    """One trade of 100 with a stop 10 away, entered at the open of bar 5, on bars that gain 1% each."""
    close = np.asarray(100.0 * (1 + GAIN) ** (np.arange(n) - 4), dtype=np.float64)
    close[20:] *= later
    opened = np.concatenate([[close[0] / (1 + GAIN)], close[:-1]])
    bars = Bars(
        symbol="A",
        time=np.arange(n, dtype=np.int64) * DAY,
        open=opened,
        high=np.maximum(opened, close),
        low=np.minimum(opened, close),
        close=close,
        volume=np.ones(n),
        interval_ns=DAY,
    )
    row = {"trade_id": "1", "symbol": "A", "side": "long" if side > 0 else "short", "quantity": 100.0}
    entry = {"entry_time": pd.Timestamp(5 * DAY), "entry_price": 100.0, "stop_price": 100.0 - side * 10.0}
    trades = trades_from_frame(pd.DataFrame([row | entry]))
    return place_trades(trades, BarSet([bars]))


def test_the_drift_of_a_bar_is_the_mean_return_of_the_bars_that_were_known() -> None:
    assert drift_per_bar(placed()) == pytest.approx([GAIN])
    changed = placed(later=3.0)
    assert drift_per_bar(changed)[0] > 2 * GAIN
    assert drift_per_bar(replace(changed, end_bar=np.array([20]))) == pytest.approx([GAIN])


@pytest.mark.parametrize("side", [1, -1])
def test_a_position_held_for_four_bars(side: int) -> None:
    """R is 10% of the price, so four bars of 1% are 0.4 R for a long and -0.4 R for a short."""
    done = simulate(placed(side), Ladder(stop=Stop(initial=Distance(10.0, "%"), time=4)))
    assert done.bars_held[0] == 4
    assert drift_r(done, np.array([GAIN])) == pytest.approx([side * 4 * GAIN * 100.0 / 10.0])


def test_a_part_that_is_sold_earlier_counts_for_fewer_bars() -> None:
    """Half is sold at 103 in the third bar, after two closes, the other half after ten."""
    ladder = Ladder(rungs=(Rung(0.5, Target(0.3, "R")),), stop=Stop(initial=Distance(10.0, "%"), time=10))
    done = simulate(placed(), ladder)
    assert done.fills.bar.tolist() == [5, 7, 15]
    assert drift_r(done, np.array([GAIN])) == pytest.approx([(2 + 10) / 2 * GAIN * 10.0])


def test_an_open_trade_counts_until_its_mark() -> None:
    done = simulate(placed(), Ladder(stop=Stop(initial=Distance(10.0, "%"))))
    assert drift_r(done, np.array([GAIN])) == pytest.approx([35 * GAIN * 10.0])
