"""The advice of each evening, placed as it stands and reported back as fills, gets the fills of the backtest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.execution import ORDERS, simulate
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.score import score
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.files import read_trades
from exitladder.trades.trades import place_trades

DAY = 86_400 * 10**9
START = pd.Timestamp("2024-01-01")
Fill = tuple[int, bool, float, float]  # bar, whether an add, price, quantity


class Venue:
    """Fills the orders of one day: exits before adds at the open, inside the bar the adds in reach before the stop."""

    def __init__(self, row: pd.Series, bar: dict[str, float]) -> None:
        self.side, self.bar = (1 if row["side"] == "long" else -1), bar
        self.resting = {order["id"]: dict(order) for order in row["orders"]}
        self.after = {change["after"]: change for change in row["replacements"]}
        self.left = float(row["quantity_open"])
        self.fills: list[tuple[bool, float, float]] = []
        self.good, self.bad = ("high", "low") if self.side > 0 else ("low", "high")

    def run(self) -> list[tuple[bool, float, float]]:
        opened, good, bad = self.bar["open"], self.bar[self.good], self.bar[self.bad]
        for is_add, kind in ((False, "market"), (False, "stop"), (False, "limit"), (True, "limit"), (True, "stop")):
            self.fill_reached(is_add, kind, opened, opened)
        self.fill_reached(True, "market", opened, opened)
        if self.reached(False, "stop", bad):
            self.fill_reached(True, "stop", good)
            self.fill_reached(True, "limit", bad)
            self.fill_reached(False, "stop", bad)
        else:
            self.fill_reached(False, "limit", good)
            self.fill_reached(True, "stop", good)
            self.fill_reached(True, "limit", bad)
        self.fill_reached(False, "market_on_close", self.bar["close"], self.bar["close"])
        return self.fills

    def reached(self, is_add: bool, kind: str, price: float) -> list[dict[str, Any]]:
        """The nearest first."""
        sign = self.side * (1 if (kind == "limit") != is_add else -1)  # +1: reached from below
        found = [
            order
            for order in self.resting.values()
            if ("add" in order) == is_add and order["type"] == kind
            and (kind.startswith("market") or sign * (price - order["price"]) >= -1e-9)
        ]  # fmt: skip
        return sorted(found, key=lambda order: sign * (order["price"] or 0.0))

    def fill_reached(self, is_add: bool, kind: str, price: float, at: float | None = None) -> None:
        while self.left > 1e-9 and (found := self.reached(is_add, kind, price)):
            self.fill(found[0], found[0]["price"] if at is None else at)

    def fill(self, order: dict[str, Any], price: float) -> None:
        is_add = "add" in order
        quantity = order["quantity"] if is_add else min(order["quantity"], self.left)
        self.left += quantity if is_add else -quantity
        self.fills.append((is_add, price, quantity))
        group = order["oco"]
        gone = [k for k, o in self.resting.items() if k == order["id"] or (group is not None and o["oco"] == group)]
        change = self.after.get(order["id"], {"cancel": [], "place": []})
        for name in [*gone, *change["cancel"]]:
            self.resting.pop(name, None)
        moved = price - order["price"] if is_add and order["price"] is not None else 0.0
        for placed in change["place"]:
            shift = moved if "add" in placed else 0.0
            self.resting[placed["id"]] = {**placed, "price": placed["price"] + shift}


def walk(seed: int, gaps: bool, n: int = 45) -> list[list[float]]:
    """Daily bars from 100, in cents."""
    rng = np.random.default_rng(seed)
    rows, close = [], 100.0
    for t in range(n):
        opened = close if t == 0 or not gaps else round(close + rng.normal(0, 1.0), 2)
        path = np.round(opened + np.cumsum(rng.normal(0, 0.9, 6)), 2)
        close = float(path[-1])
        rows.append([opened, max(opened, path.max()), min(opened, path.min()), close])
    return rows


def market(rows: list[list[float]]) -> BarSet:
    time = START.value + DAY * np.arange(len(rows))
    prices = dict(zip(("open", "high", "low", "close"), np.array(rows).T, strict=True))
    return BarSet([Bars(symbol="ACME", interval_ns=DAY, time=time, **prices, volume=None)])


def summed(fills: list[Fill]) -> dict[tuple[int, bool, float], float]:
    found: dict[tuple[int, bool, float], float] = {}
    for bar, is_add, price, quantity in fills:
        key = bar, is_add, round(price, 6)
        found[key] = round(found.get(key, 0.0) + quantity, 6)
    return found


RUNGS = [{"fraction": 0.25, "target": "1.5R"}]
UNIT = {"quantity": 0.5, "at": "0.3R", "spacing": "previous", "stop": "1R"}
PLANS: dict[str, dict[str, Any]] = {
    "average": {"adds": [{"quantity": 0.5, "at": "-0.3R"}, {"quantity": 1.0, "at": "-0.6R"}], "rungs": RUNGS},
    "pyramid": {"adds": [UNIT, UNIT, {**UNIT, "stop": "average"}], "stop": {"trail": "1.2R", "trail_from": "1R"}},
    "signal": {"adds": [{"quantity": 0.5, "when": ["open_r >= 0.2", "bars_held >= 2"]}], "rungs": RUNGS},
    "money": {"adds": [{"money": 3000.0, "at": "-0.3R"}, {"money": 2000.0, "at": "0.6R"}], "rungs": RUNGS},
    "both": {
        "adds": [{"quantity": 0.5, "at": "-0.4R"}, {**UNIT, "spacing": "entry", "stop": "0.8R"}, UNIT],
        "rungs": [*RUNGS, {"fraction": 0.25, "when": ["give_back_r >= 0.5"]}],
        "stop": {"breakeven_after": 1, "time": 25},
        "add_rules": {"after_exit": True, "until_bars": 15},
    },
    "maximum": {"adds": [UNIT] * 4, "size": {"maximum": 2.2}, "rungs": [{"fraction": 0.5, "target": "2R"}]},
}


@pytest.mark.parametrize("name", PLANS)
def test_orders_of_each_evening_get_the_fills_of_the_backtest(name: str) -> None:
    plan = ladder_from_mapping({"rungs": [], "costs": {"lot": 1, "tick": 0.01, "min_quantity": 1}, **PLANS[name]})
    settings = load_settings(None, ["tracking.enabled=false"])
    n_adds = 0
    for seed in range(6):
        side = "long" if seed % 2 else "short"
        rows = walk(seed, gaps=name != "money")  # a tranche in money has its quantity at its own price only
        wanted = lived(rows, side, plan)
        first_day = [(is_add, price, q) for (bar, is_add, price), q in wanted.items() if bar == 0]
        later = {key: quantity for key, quantity in wanted.items() if key[0] > 0}
        assert replayed(rows, side, plan, settings, first_day) == later, (seed, side)
        n_adds += sum(is_add for _, is_add, _ in wanted)
    assert n_adds >= 5


def lived(rows: list[list[float]], side: str, plan: Any) -> dict[tuple[int, bool, float], float]:
    """The fills of the backtest."""
    done = simulate(place_trades(trade(side), market(rows)), plan)
    fills, names = done.fills, [ORDERS[code] for code in done.fills.order]
    return summed(
        [
            (int(fills.bar[k]), order == "add", float(fills.price[k]), float(fills.quantity[k]))
            for k, order in enumerate(names)
            if order not in ("entry", "mark")
        ]
    )


def replayed(
    rows: list[list[float]], side: str, plan: Any, settings: Settings, first_day: list[tuple[bool, float, float]]
) -> dict[tuple[int, bool, float], float]:  # fmt: skip
    """The fills of the orders that each evening lists, each evening knowing the fills so far."""
    enters, leaves = ("buy", "sell") if side == "long" else ("sell", "buy")
    reported = [(f"{START:%Y-%m-%d}", enters, 100.0, 100.0)]
    found: list[Fill] = []
    held = 100.0
    for is_add, price, quantity in first_day:  # orders of the entry's day
        held += quantity if is_add else -quantity
        reported.append((f"{START:%Y-%m-%d} 01:00", enters if is_add else leaves, quantity, price))
    for t in range(1, len(rows)):
        bars = market(rows[:t])
        row = score(
            bars, trade(side, reported), plan, None, settings, management=Management(since_entry=True)
        ).frame.iloc[0]  # fmt: skip
        assert row["quantity_open"] == pytest.approx(held)
        for is_add, price, quantity in Venue(
            row, dict(zip(("open", "high", "low", "close"), rows[t], strict=True))
        ).run():
            found.append((t, is_add, price, quantity))
            held += quantity if is_add else -quantity
            day = START + pd.Timedelta(days=t)
            reported.append((f"{day:%Y-%m-%d}", enters if is_add else leaves, quantity, price))
        if held <= 1e-9:
            break
    return summed(found)


def trade(side: str, fills: Any = ()) -> Any:
    row = {
        "trade_id": "T1", "symbol": "ACME", "side": side, "entry_time": f"{START:%Y-%m-%d}", "entry_price": 100.0,
        "quantity": 100.0, "stop_price": 95.0 if side == "long" else 105.0, "entry_at": "open",
    }  # fmt: skip
    table = [dict(zip(("trade_id", "time", "side", "quantity", "price"), ("T1", *fill), strict=True)) for fill in fills]
    return read_trades(pd.DataFrame([row]), fills=pd.DataFrame(table) if table else None)
