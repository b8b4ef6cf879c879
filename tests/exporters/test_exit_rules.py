"""The rules that exports carry with them, as Python, give the engine's fills."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.exporters.markets import Filled, gathered, market, random_ladder, sales, trades_on

from exitladder.bars.atr import wilder_atr
from exitladder.execution import simulate
from exitladder.exporters.plan import plan_of
from exitladder.exporters.programs.exit_rules import Position, atr_of
from exitladder.exporters.programs.one_bar import play_bar
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades


def played(plan: dict[str, Any], placed: PlacedTrades, i: int, at_open: bool) -> list[Filled]:
    bars, trades = placed.bars, placed.trades
    atr = atr_of(list(bars.high), list(bars.low), list(bars.close), plan["atr_window"])
    entry = int(placed.entry_bar[i])
    position = Position(
        plan, int(trades.side[i]), float(trades.entry_price[i]), float(trades.quantity[i]),
        float(trades.stop_price[i]), atr[entry - 1] if at_open else atr[entry], not at_open,
    )  # fmt: skip
    due: list[Any] = []
    found: list[Filled] = []
    for t in range(entry + (not at_open), bars.n_bars):
        fills = play_bar(position, (bars.open[t], bars.high[t], bars.low[t]), due, at_open and t == entry)
        found += [(t, fill.price, fill.quantity) for fill in fills]
        if position.left <= 1e-9:
            break
        due = position.close_bar(bars.high[t], bars.low[t], bars.close[t], atr[t])
    return gathered(found)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["plain", "slices", "coins", "at the close"])
def test_fills_are_the_engines(seed: int, kind: str) -> None:
    at = "close" if kind == "at the close" else "open"
    placed = trades_on(market(seed), seed, entry_at=at, quantity=40.0 if kind != "coins" else 0.73)
    steps = {"lot": 0.0, "tick": 0.0} if kind == "coins" else {}
    table = random_ladder(100 + seed, slices=kind == "slices", **steps)
    ladder = ladder_from_mapping(table)
    expected = sales(simulate(placed, ladder))
    plan = plan_of(ladder)
    for i in range(len(placed)):
        assert played(plan, placed, i, at == "open") == expected[i], (i, table)


def test_atr_is_wilders() -> None:
    bars = market(1)
    ours = np.array(atr_of(list(bars.high), list(bars.low), list(bars.close), 14))
    np.testing.assert_allclose(ours, wilder_atr(bars.high, bars.low, bars.close, 14), rtol=1e-12)
