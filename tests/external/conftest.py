"""The same brackets simulated here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.execution import Simulation, simulate
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import ENTRY_AT, Trades, place_trades


@pytest.fixture(scope="session")
def simulated() -> Callable[[Bars, list[dict[str, float]]], Simulation]:
    """Simulate longs at opens with a stop and a target as far from the entry."""

    def play(market: Bars, entries: list[dict[str, float]]) -> Simulation:
        n = len(entries)
        bar = np.array([entry["bar"] for entry in entries], dtype=np.int64)
        unknown = np.full(n, np.nan)
        trades = Trades(
            trade_id=np.array([f"T{k}" for k in range(n)], dtype=object),
            symbol=np.full(n, market.symbol, dtype=object),
            side=np.ones(n, dtype=np.int8),
            entry_time=market.time[bar],
            entry_price=market.open[bar],
            quantity=np.full(n, 10.0),
            stop_price=np.array([entry["stop"] for entry in entries]),
            entry_at=np.full(n, ENTRY_AT.index("open"), dtype=np.int8),
            exit_time=np.full(n, NO_TIME),
            exit_price=unknown,
            quantity_open=unknown,
            tag=np.full(n, "", dtype=object),
        )
        ladder = ladder_from_mapping({"rungs": [{"fraction": 1.0, "target": "1R"}]})
        return simulate(place_trades(trades, BarSet([market])), ladder)

    return play
