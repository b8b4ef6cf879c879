"""Markets that the tests of features share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.trades.trades import PlacedTrades, Trades, place_trades

DAY = 86_400 * 10**9


def make_bars(n: int, seed: int = 0, *, symbol: str = "A", volume: bool = True, price: float = 100.0) -> Bars:
    """A random walk with gaps between bars, bars without range, and weekends."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(scale=0.01, size=n)))
    open_ = np.concatenate([[price], close[:-1]]) * np.exp(rng.normal(scale=0.003, size=n))
    high = np.maximum(open_, close) * (1 + rng.random(n) * 0.005)
    low = np.minimum(open_, close) * (1 - rng.random(n) * 0.005)
    flat = rng.random(n) < 0.02
    open_[flat] = high[flat] = low[flat] = close[flat]
    days = np.arange(n) + 2 * (np.arange(n) // 5)
    traded = rng.lognormal(mean=9, size=n).round() if volume else None
    return Bars(symbol, DAY, days * DAY, open_, high, low, close, traded)


@pytest.fixture(scope="session")
def walk() -> Callable[..., Bars]:
    """Maker of random walks."""
    return make_bars


@pytest.fixture(scope="session")
def two_symbols() -> BarSet:
    return BarSet([make_bars(400, 1, symbol="A"), make_bars(300, 2, symbol="B", price=7.0)])


@pytest.fixture(scope="session")
def placed(two_symbols: BarSet) -> PlacedTrades:
    """60 trades on two symbols, both sides; every third one brings no stop."""
    rng = np.random.default_rng(3)
    bars = two_symbols
    n = 60
    symbol = rng.integers(0, 2, n)
    bar = np.array([rng.integers(bars.start[k] + 20, bars.start[k + 1] - 1) for k in symbol])
    side = rng.choice([-1, 1], n).astype(np.int8)
    price = bars.open[bar]
    blank = np.full(n, np.nan)
    stop = np.where(np.arange(n) % 3 == 0, np.nan, price * (1 - side * 0.02))
    trades = Trades(
        trade_id=np.array([f"T{i}" for i in range(n)], dtype=object),
        symbol=np.array(bars.symbols, dtype=object)[symbol],
        side=side,
        entry_time=bars.time[bar],
        entry_price=price,
        quantity=np.arange(1.0, n + 1.0),
        stop_price=stop,
        entry_at=rng.choice([-1, 0, 1, 2], n).astype(np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=blank,
        quantity_open=blank,
        tag=np.array([""] * n, dtype=object),
    )
    return place_trades(trades, bars)


REAL = (
    "lean-usa/AAPL-1d.parquet",  # splits, as traded
    "ninjatrader/SPY-1m.parquet",  # empty minutes, flat bars
    "lean-oanda/EURUSD-1h.parquet",  # no volume
    "binance/BTCUSDT-15m.parquet",  # around the clock
    "cboe/VIX-1d.parquet",  # open, high, low and close all equal
)


def read_real(folder: Path, name: str, n: int) -> Bars:
    """The last n bars of a file; where the source contradicts itself, high and low are widened."""
    table = pd.read_parquet(folder / name).tail(n)
    prices = table[["open", "high", "low", "close"]].to_numpy(np.float64)
    time = table["timestamp"].astype("datetime64[ns, UTC]").to_numpy(dtype=np.int64)
    volume = table["volume"].to_numpy(np.float64)
    return Bars(
        symbol=name.split("/")[1],
        interval_ns=int(pd.Series(np.diff(time)).mode()[0]),
        time=time,
        open=prices[:, 0].copy(),
        high=prices.max(axis=1),
        low=prices.min(axis=1),
        close=prices[:, 3].copy(),
        volume=None if np.isnan(volume).all() else volume,
    )


@pytest.fixture(scope="session", params=REAL)
def real_bars(request: pytest.FixtureRequest, shared_data: Path) -> Bars:
    """700 real bars of several kinds of market."""
    return read_real(shared_data, request.param, 700)
