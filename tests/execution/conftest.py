"""What the tests of execution share: small markets written as rows of prices, and the reference."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.execution import Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import ENTRY_AT, PlacedTrades, Trades, place_trades

HOUR = 3_600 * 10**9


def bars_of(rows: Sequence[Sequence[float]], *, symbol: str = "X", interval: int = HOUR, first: int = 0) -> Bars:
    """Bars from rows of open, high, low, close and, if there is a fifth number, volume."""
    table = np.array([row[:4] for row in rows], dtype=np.float64)
    volume = np.array([row[4] for row in rows], dtype=np.float64) if len(rows[0]) > 4 else None
    opened, high, low, close = (np.ascontiguousarray(table[:, k]) for k in range(4))
    time = first + np.arange(len(rows), dtype=np.int64) * interval
    return Bars(symbol, interval, time, opened, high, low, close, volume)


def trades_of(rows: Sequence[Mapping[str, Any]]) -> Trades:
    """Trades from mappings; what is not given is a long of 1 entered at the open of bar 0 of X."""

    def column(name: str, default: float) -> np.ndarray:
        values = [row.get(name) for row in rows]
        return np.array([default if v is None else v for v in values], dtype=np.float64)

    n = len(rows)
    return Trades(
        trade_id=np.array([row.get("trade_id", f"T{i}") for i, row in enumerate(rows)], dtype=object),
        symbol=np.array([row.get("symbol", "X") for row in rows], dtype=object),
        side=np.array([row.get("side", 1) for row in rows], dtype=np.int8),
        entry_time=np.array([row.get("time", row.get("bar", 0) * HOUR) for row in rows], dtype=np.int64),
        entry_price=column("entry", np.nan),
        quantity=column("quantity", 1.0),
        stop_price=column("stop", np.nan),
        entry_at=np.array([ENTRY_AT.index(row["at"]) if "at" in row else -1 for row in rows], dtype=np.int8),
        exit_time=np.array([row.get("exit_time", NO_TIME) for row in rows], dtype=np.int64),
        exit_price=column("exit_price", np.nan),
        quantity_open=np.full(n, np.nan),
        tag=np.array([""] * n, dtype=object),
    )


def place(
    rows: Sequence[Sequence[float]] | BarSet, trades: Sequence[Mapping[str, Any]] | Mapping[str, Any]
) -> PlacedTrades:
    """Trades placed on bars, both written as rows."""
    bars = rows if isinstance(rows, BarSet) else BarSet([bars_of(rows)])
    return place_trades(trades_of([trades] if isinstance(trades, Mapping) else trades), bars)


def play(
    rows: Sequence[Sequence[float]] | BarSet,
    ladder: Mapping[str, Any] | Ladder,
    trades: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    series: Mapping[str, Sequence[float]] | None = None,
    finer: BarSet | None = None,
) -> Simulation:
    """Simulate trades on bars, all written as rows."""
    placed = place(rows, trades)
    signals = None
    if series is not None:
        arrays = {name: np.array(values, dtype=np.float64) for name, values in series.items()}
        signals = Signals.from_bars(placed, arrays, arrays)
    ladder = ladder if isinstance(ladder, Ladder) else ladder_from_mapping(ladder)
    return simulate(placed, ladder, signals, finer=finer)


def exits_of(simulation: Simulation, trade: int = 0) -> list[tuple[int, str, float, float]]:
    """The sales of a trade: bar, order, quantity, price."""
    frame = simulation.fills_frame()
    fills = simulation.fills
    rows = np.flatnonzero((fills.trade == trade) & (frame["order"] != "entry").to_numpy())
    first = simulation.placed.bars.start[simulation.placed.symbol_index[trade]]
    return [
        (int(fills.bar[k] - first), str(frame["order"][k]), float(fills.quantity[k]), float(fills.price[k]))
        for k in rows
    ]


def _load(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"execution_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


# `plan_reference` builds on it, also where pytest imports that file by itself in search of doctests.
_REFERENCE = _load("reference")


@pytest.fixture(scope="session")
def reference() -> ModuleType:
    """The slow second implementation."""
    return _REFERENCE


@pytest.fixture(scope="session")
def plan_reference() -> ModuleType:
    """The rules of adds, a second time; it builds on `reference`."""
    return _load("plan_reference")


@pytest.fixture(scope="session")
def clock_reference() -> ModuleType:
    """The exits by the clock, a second time."""
    return _load("clock_reference")


@pytest.fixture(scope="session")
def against() -> ModuleType:
    """The comparison of the kernel with the reference."""
    return _load("test_kernel_against_reference")


@pytest.fixture(scope="session")
def clocks() -> ModuleType:
    """Exchanges, stamps and exits by the clock, as the test of these exits draws them."""
    return _load("test_clock_exits_against_reference")


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    """Strategies that draw markets, trades and ladders."""
    return _load("worlds")


@pytest.fixture(scope="session")
def paths() -> ModuleType:
    """Simulated prices as trades on bars."""
    return _load("paths")


@pytest.fixture(scope="session")
def run() -> Callable[..., Simulation]:
    """Simulate trades on bars, all written as rows: ``run(rows, ladder, trades, series, finer)``."""
    return play


@pytest.fixture(scope="session")
def exits() -> Callable[..., list[tuple[int, str, float, float]]]:
    """The sales of a trade as (bar, order, quantity, price)."""
    return exits_of


@pytest.fixture(scope="session")
def placed_on() -> Callable[..., PlacedTrades]:
    """Trades placed on bars, both written as rows."""
    return place


@pytest.fixture(scope="session")
def bars_from() -> Callable[..., Bars]:
    """Bars from rows of prices."""
    return bars_of
