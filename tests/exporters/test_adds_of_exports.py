"""The rules of adds that exports carry with them, as Python, give the engine's fills."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.exporters.markets import TICK, market, random_ladder, trades_on

from exitladder.execution import Simulation, simulate
from exitladder.exporters.plan import plan_of
from exitladder.exporters.programs.exit_rules import atr_of
from exitladder.exporters.programs.growing import Growing
from exitladder.exporters.programs.growing_bar import play_growing_bar
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades

Signed = tuple[int, str, float, float]


def random_plan(seed: int) -> dict[str, Any]:
    """A random ladder with one to three adds of every kind that exports take."""
    rng = np.random.default_rng(seed)
    table = random_ladder(seed)
    adds: list[dict[str, Any]] = []
    for k in range(rng.integers(1, 4)):
        add: dict[str, Any] = dict([[("quantity", 0.5)], [("units", 7.0)], [("money", 900.0)]][rng.integers(0, 3)])
        kind = rng.integers(0, 5)
        if kind == 0:
            add["when"] = [str(rng.choice(["open_r >= 0.4", "bars_held >= 2", "give_back_r > 0.3"]))]
        else:
            add["at"] = str(rng.choice(["-0.3R", "-0.5R"] if kind < 3 else ["0.3R", "0.5ATR", "1%"]))
            if k and kind > 2 and "at" in adds[-1]:
                add["spacing"] = "previous"
            if kind > 2 and rng.integers(0, 2):
                add["stop"] = str(rng.choice(["1R", "2ATR", "average"]))
        adds.append(add)
    table["adds"] = adds
    if rng.integers(0, 2):
        table["size"] = [{"maximum": 1.6}, {"maximum_units": 60.0}, {"maximum_money": 6000.0}][rng.integers(0, 3)]
    if rng.integers(0, 3) == 0:
        table["add_rules"] = [{"after_exit": True}, {"until_bars": 3}][rng.integers(0, 2)]
    return table


def fills_of(simulation: Simulation) -> list[list[Signed]]:
    """Fills of each trade after its entry: bar, what, price and quantity, those of one bar and price together."""
    fills = simulation.fills
    frame = simulation.fills_frame()
    found: list[list[Signed]] = [[] for _ in range(len(simulation))]
    for k, order in enumerate(frame["order"]):
        if order not in ("entry", "mark"):
            what = "add" if order == "add" else "exit"
            found[int(fills.trade[k])].append(
                (int(fills.bar[k]), what, float(fills.price[k]), float(fills.quantity[k]))
            )
    return [summed(rows) for rows in found]


def summed(rows: list[Signed]) -> list[Signed]:
    sums: dict[tuple[int, str, float], float] = {}
    for bar, what, price, quantity in rows:
        key = bar, what, round(price, 8)
        sums[key] = sums.get(key, 0.0) + quantity
    return sorted((*key, round(quantity, 6)) for key, quantity in sums.items())


def played(plan: dict[str, Any], placed: PlacedTrades, i: int) -> list[Signed]:
    bars, trades = placed.bars, placed.trades
    atr = atr_of(list(bars.high), list(bars.low), list(bars.close), plan["atr_window"])
    entry = int(placed.entry_bar[i])
    position = Growing(
        plan, int(trades.side[i]), float(trades.entry_price[i]), float(trades.quantity[i]),
        float(trades.stop_price[i]), atr[entry - 1],
    )  # fmt: skip
    due: list[Any] = []
    found: list[Signed] = []
    for t in range(entry, bars.n_bars):
        fills = play_growing_bar(position, (bars.open[t], bars.high[t], bars.low[t]), due, t == entry)
        found += [(t, "add" if f.order == "add" else "exit", f.price, f.quantity) for f in fills]
        if position.left <= 1e-9:
            break
        due = position.close_bar(bars.high[t], bars.low[t], bars.close[t], atr[t])
    return summed(found)


@pytest.mark.parametrize("seed", range(12))
def test_fills_are_the_engines(seed: int) -> None:
    placed = trades_on(market(seed), seed)
    plan = ladder_from_mapping(random_plan(200 + seed))
    expected = fills_of(simulate(placed, plan))
    assert sum(what == "add" for fills in expected for _, what, _, _ in fills) > 5
    table = plan_of(plan)
    for i in range(len(placed)):
        assert played(table, placed, i) == expected[i], (i, table)


def test_a_tick_is_rounded_up_for_a_purchase() -> None:
    plan = plan_of(ladder_from_mapping({"adds": [{"quantity": 1.0, "at": "-0.3R"}], "costs": {"tick": TICK}}))
    position = Growing(plan, 1, 100.0, 10.0, 95.0)
    assert [(add.kind, add.level) for add in position.adds] == [("limit", 98.5)]
    position = Growing(plan, -1, 100.0, 10.0, 104.0)
    assert [add.level for add in position.adds] == [-101.0]
