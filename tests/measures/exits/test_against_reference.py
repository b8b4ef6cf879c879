"""Own exits in parts and ladders on random markets, held to a slow reference that knows nothing of this code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.measures.exits.reference import DAY, HOUR, Slow

from exitladder.bars.bars import BarSet
from exitladder.execution import Simulation, simulate, simulate_own_exits
from exitladder.measures.exits.later import Horizons
from exitladder.measures.exits.managing import set_and_forget
from exitladder.measures.exits.sessions import sessions_of
from exitladder.measures.exits.table import ExitTables
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.units import Target
from exitladder.settings.contracts import Contract
from exitladder.trades.trade_fills import TradeFills
from exitladder.trades.trades import PlacedTrades

Place = Callable[..., PlacedTrades]
LATER = Horizons(bars=(2,), sessions=(1,))


@st.composite
def markets(draw: st.DrawFn, worlds: ModuleType) -> tuple[list[list[float]], int]:
    """Bars, and the hour of the day at which they begin: late, so that sessions end within them."""
    return draw(worlds.bar_rows(0.25, 6, 16)), draw(st.integers(14, 23))


def entered(data: st.DataObject, rows: list[list[float]], offset: int) -> dict[str, Any]:
    """A trade at the open or inside a bar, long or short."""
    bar = data.draw(st.integers(0, len(rows) - 3))
    side = data.draw(st.sampled_from([1, -1]))
    inside = data.draw(st.booleans())
    entry = rows[bar][3] if inside else rows[bar][0]
    distance = data.draw(st.sampled_from([0.5, 1.0, 2.0, 4.0]))
    return {
        "bar": bar,
        "time": (offset + bar) * HOUR,
        "side": side,
        "entry": entry,
        "stop": entry - side * distance,
        "quantity": 100.0,
        "at": "intrabar" if inside else "open",
        "first": bar + inside,
    }


def with_exits(placed: PlacedTrades, exits: list[list[tuple[int, float, float]]], offset: int) -> PlacedTrades:
    """Give each trade its exits: bar, price, quantity."""
    trades = placed.trades
    start, time, entry, price, quantity = [0], [], [], [], []
    for i, own in enumerate(exits):
        stamps = [int(trades.entry_time[i])] + [(offset + bar) * HOUR + k + 1 for k, (bar, _, _) in enumerate(own)]
        time += stamps
        entry += [True] + [False] * len(own)
        price += [trades.entry_price[i]] + [p for _, p, _ in own]
        quantity += [trades.quantity[i]] + [q for _, _, q in own]
        start.append(len(time))
    fills = TradeFills(np.array(start), np.array(time), np.array(entry), np.array(price), np.array(quantity))
    ends = np.array(start[1:]) - 1
    closed = replace(trades, fills=fills, exit_time=fills.time[ends], exit_price=fills.price[ends])
    return replace(placed, trades=closed)


def compare(simulation: Simulation, slow: dict[str, Slow], target: Target) -> None:
    left_alone = set_and_forget(simulation.ladder, target)
    assert left_alone is not None
    plan = simulate(simulation.placed, left_alone)
    found = ExitTables(sessions_of(simulation.placed.bars), LATER).of(simulation, plan)
    assert found["trade_id"].tolist() == list(slow)
    for row in found.to_dict("records"):
        expected = slow[row["trade_id"]]
        for name, value in expected.measured(2, 1).items():
            assert row[name] == pytest.approx(value, abs=1e-9, nan_ok=True), (name, row[name], value, expected)
        assert row["money_per_r"] == pytest.approx(expected.risk)
        assert row["percent_per_r"] == pytest.approx(100 * abs(expected.entry - expected.stop) / expected.entry)


@given(data=st.data())
def test_own_exits_in_parts(data: st.DataObject, placed_on: Place, worlds: ModuleType, bars_from: Any) -> None:
    rows, offset = data.draw(markets(worlds))
    trades = [entered(data, rows, offset) for _ in range(data.draw(st.integers(1, 3)))]
    contracts = {"X": Contract(multiplier=data.draw(st.sampled_from([1.0, 50.0])))}
    bars = BarSet([bars_from(rows, first=offset * HOUR)]).with_contracts(contracts)
    exits = []
    for trade in trades:
        shares = data.draw(st.sampled_from([[100.0], [50.0, 50.0], [25.0, 25.0, 50.0], [30.0, 20.0, 40.0, 10.0]]))
        at = sorted(data.draw(st.integers(trade["bar"], len(rows) - 1)) for _ in shares)
        prices = [data.draw(st.sampled_from([*rows[bar][:4], (rows[bar][1] + rows[bar][2]) / 2])) for bar in at]
        exits.append(list(zip(at, prices, shares, strict=True)))
    target = data.draw(st.sampled_from([0.5, 1.0, 2.0]))
    placed = with_exits(placed_on(bars, trades), exits, offset)
    slow = {
        f"T{i}": Slow(
            rows, offset, t["side"], t["entry"], t["stop"], t["quantity"], t["first"], own,
            t["entry"] + target * (t["entry"] - t["stop"]), contracts["X"].multiplier,
        )
        for i, (t, own) in enumerate(zip(trades, exits, strict=True))
    }  # fmt: skip
    compare(simulate_own_exits(placed, ladder_from_mapping({})), slow, Target(target, "R"))


@given(data=st.data())
def test_ladders(data: st.DataObject, run: Callable[..., Simulation], worlds: ModuleType, bars_from: Any) -> None:
    rows, offset = data.draw(markets(worlds))
    trades = [entered(data, rows, offset) for _ in range(data.draw(st.integers(1, 3)))]
    targets = sorted(data.draw(st.lists(st.sampled_from([0.5, 1.0, 1.5, 3.0]), min_size=1, max_size=3, unique=True)))
    stop: dict[str, Any] = {"breakeven_after": 1} if data.draw(st.booleans()) else {}
    if data.draw(st.booleans()):
        stop["time"] = data.draw(st.integers(1, 5))
    ladder = {"rungs": [{"fraction": 0.25, "target": f"{t}R"} for t in targets], "stop": stop}
    simulation = run(BarSet([bars_from(rows, first=offset * HOUR)]), ladder, trades)
    fills = simulation.fills_frame()
    fills = fills[~fills["order"].isin(["entry", "mark"])]
    slow = {}
    for i, t in enumerate(trades):
        own = fills[fills["trade_id"] == f"T{i}"]
        if simulation.status[i] != 0:
            continue
        exits = [
            (int(time.value // HOUR) - offset, price, quantity)
            for time, price, quantity in zip(own["bar_time"], own["price"], own["quantity"], strict=True)
        ]
        planned = t["entry"] + targets[0] * (t["entry"] - t["stop"])
        slow[f"T{i}"] = Slow(rows, offset, t["side"], t["entry"], t["stop"], t["quantity"], t["first"], exits, planned)
    compare(simulation, slow, Target(targets[0], "R"))


def test_the_reference_sees_the_end_of_a_session() -> None:
    assert DAY == 24 * HOUR
    slow = Slow([[1, 1, 1, 5], [1, 1, 1, 6], [1, 1, 1, 7]], 22, 1, 1, 0.5, 1, 0, [(0, 1, 1)], None)
    assert slow.session_close(0, 0) == 6
    assert np.isnan(slow.session_close(0, 1))
