"""Small markets and trades for the models' tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.models.forests.rows import TrainingRows
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

HOUR = 3_600 * 10**9


def bars_of(rows: Sequence[Sequence[float]] | FloatArray, symbol: str = "A") -> Bars:
    """Bars of one symbol from rows of open, high, low, close, an hour each."""
    table = np.asarray(rows, dtype=np.float64)
    o, h, low, c = (np.ascontiguousarray(column) for column in table.T)
    return Bars(symbol, HOUR, np.arange(len(table), dtype=np.int64) * HOUR, o, h, low, c)


def driftless_bars(n: int, seed: int, sub_steps: int = 0) -> Bars:
    """A random walk without drift whose bars move by one sigma = 1.

    With `sub_steps` the path inside a bar has so many steps, and jumps over levels; without, highs and
    lows are those of a Brownian bridge, which meets every level exactly.
    """
    rng = np.random.default_rng(seed)
    if sub_steps:
        steps = rng.standard_normal((n, sub_steps)) / np.sqrt(sub_steps)
        path = 1000.0 + np.cumsum(steps.ravel()).reshape(n, sub_steps)
        close = path[:, -1]
        open_ = np.concatenate([[1000.0], close[:-1]])
        high, low = np.maximum(open_, path.max(axis=1)), np.minimum(open_, path.min(axis=1))
        return bars_of(np.column_stack([open_, high, low, close]))
    close = 1000.0 + np.cumsum(rng.standard_normal(n))
    open_ = np.concatenate([[1000.0], close[:-1]])
    reach = np.sqrt((close - open_) ** 2 - 2 * np.log(rng.random((2, n))))
    return bars_of(np.column_stack([open_, (open_ + close + reach[0]) / 2, (open_ + close - reach[1]) / 2, close]))


def placed_on(
    bars: BarSet | Bars,
    entry_bar: Sequence[int] | np.ndarray,
    side: Sequence[int] | np.ndarray | int = 1,
    entry_price: FloatArray | None = None,
    entry_at: int = -1,
) -> PlacedTrades:
    """Trades entered at the opens of these bars (numbered through the set)."""
    many = bars if isinstance(bars, BarSet) else BarSet([bars])
    entries = np.asarray(entry_bar, dtype=np.int64)
    n = len(entries)
    symbol = np.array(many.symbols, dtype=object)[np.searchsorted(many.start, entries, side="right") - 1]
    price = many.open[entries] if entry_price is None else np.asarray(entry_price, dtype=np.float64)
    unknown = np.full(n, np.nan)
    trades = Trades(
        trade_id=np.array([f"T{i}" for i in range(n)], dtype=object),
        symbol=symbol,
        side=np.broadcast_to(np.asarray(side, dtype=np.int8), (n,)).copy(),
        entry_time=many.time[entries],
        entry_price=price,
        quantity=np.ones(n),
        stop_price=unknown,
        entry_at=np.full(n, entry_at, dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=unknown,
        quantity_open=unknown,
        tag=np.full(n, "", dtype=object),
    )
    return place_trades(trades, many)


@dataclass(frozen=True)
class Made:
    """The makers, handed to tests as one fixture."""

    hour: int
    bars_of: Callable[..., Bars]
    driftless_bars: Callable[..., Bars]
    placed_on: Callable[..., PlacedTrades]
    training_rows: Callable[..., TrainingRows]


def training_rows(
    n_trades: int = 150, bars_a_trade: int = 30, seed: int = 0, skill: float = 1.0, n_features: int = 4
) -> TrainingRows:
    """Rows of trades begun one after another, whose first feature tells the labels with some skill.

    Labels are known one to eight hours after their row.
    """
    rng = np.random.default_rng(seed)
    n = n_trades * bars_a_trade
    trade = np.repeat(np.arange(n_trades), bars_a_trade)
    time_ns = (trade * 10 + np.tile(np.arange(bars_a_trade), n_trades)) * HOUR
    X = rng.standard_normal((n, n_features)).astype(np.float32)
    log_odds = skill * X[:, 0]
    race = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    hold = -0.3 * skill * X[:, 0] + rng.standard_normal(n)
    return TrainingRows(
        X=X,
        names=tuple(f"feature_{k}" for k in range(n_features)),
        trade=trade,
        time_ns=time_ns,
        race=race,
        race_end_ns=time_ns + rng.integers(1, 9, n) * HOUR,
        hold=hold,
        hold_end_ns=time_ns + rng.integers(1, 9, n) * HOUR,
        reachable=np.ones(n, dtype=bool),
    )


@pytest.fixture(scope="session")
def make() -> Made:
    """Makers of small markets, trades and training rows."""
    return Made(HOUR, bars_of, driftless_bars, placed_on, training_rows)
