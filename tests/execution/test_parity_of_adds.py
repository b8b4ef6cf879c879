"""A plan with adds followed by its listed orders alone gets the fills of the simulation, bar after bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exitladder.errors import LadderError
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.kernel import state as s
from exitladder.execution.signals import Signals
from exitladder.execution.standing import standing_orders
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

Fill = tuple[str, int, float, float]
Row = dict[str, Any]


def on_tick(price: float, up: bool, tick: float) -> float:
    if tick == 0:
        return price
    steps = price / tick
    nearest = round(steps)
    if abs(steps - nearest) < 1e-6:
        return nearest * tick
    return float(np.ceil(steps) if up else np.floor(steps)) * tick


class Executor:
    """Executes the orders of one bar as rules PL2 and PL3 order them under ``stop_first``."""

    def __init__(self, rows: list[Row], bar: Mapping[str, float], side: int, plan: Ladder, left: float) -> None:
        self.bar, self.side, self.plan, self.left = bar, side, plan, left
        self.fills: list[Fill] = []
        self.exits = [row for row in rows if row["kind"] != "add"]
        adds = [row for row in rows if row["kind"] == "add"]
        self.room = min((float(row["room"]) for row in adds), default=0.0)
        self.resting = [row for row in adds if row["after"] is None]
        self.chained = {int(row["after"]): row for row in adds if row["after"] is not None}
        self.placed_inside: set[int] = set()
        self.good, self.bad = ("high", "low") if side > 0 else ("low", "high")
        self.reached_at_open = False

    def run(self) -> list[Fill]:
        """All fills of the bar, in order."""
        opened = self.bar["open"]
        for sale in [row for row in self.exits if row["type"] == "market"]:
            self.sell(sale, opened)
        self.stops(opened, at_open=True)
        self.limits(opened, at_open=True)
        for kind in ("limit", "stop"):
            while self.left > 1e-9 and (reached := self.nearest(kind, opened)) is not None:
                self.reached_at_open = True
                self.buy(reached, opened)
        for due in [row for row in self.resting if row["type"] == "market"]:
            self.buy(due, opened)
        main = next((row for row in self.exits if row["type"] == "stop" and row["rung"] is None), None)
        stopped = main is not None and self.reaches(main, self.bar[self.bad])
        self.stops(self.bar[self.bad], at_open=False, main=False)
        if not stopped:
            self.limits(self.bar[self.good], at_open=False)
        while self.left > 1e-9:
            reached = self.nearest("stop", self.bar[self.good]) or self.nearest("limit", self.bar[self.bad])
            if reached is None:
                break
            self.buy(reached, self.inside(reached["price"]))
        if stopped and main is not None:
            self.stop_all(main, self.inside(main["price"]))
        for at_close in [row for row in self.exits if row["type"] == "market-on-close"]:
            self.stop_all(at_close, self.bar["close"])
        return self.fills

    def inside(self, price: float) -> float:
        return min(max(price, self.bar["low"]), self.bar["high"])

    def reaches(self, row: Row, price: float) -> bool:
        up = (row["type"] == "limit") == (row["kind"] != "add")
        away = self.side * (price - row["price"]) * (1 if up else -1)
        return bool(away >= -1e-12 * abs(price))

    def sell(self, row: Row, price: float) -> None:
        self.exits.remove(row)
        quantity = min(row["quantity"], self.left)
        if quantity > 1e-9:
            tick = self.plan.costs.tick
            self.fills.append((row["kind"], row["rung"] or 0, quantity, on_tick(price, self.side < 0, tick)))
            self.left -= quantity

    def stop_all(self, row: Row, price: float) -> None:
        self.exits[self.exits.index(row)] = row = {**row, "quantity": self.left}
        self.sell(row, price)

    def stops(self, price: float, *, at_open: bool, main: bool = True) -> None:
        """Partial stop-outs and, at the open, the stop of the trade; the nearest first, the stop first at one price."""
        stops = [row for row in self.exits if row["type"] == "stop"]
        stops.sort(key=lambda row: (-self.side * row["price"], row["kind"] == "rung", row["rung"] or 0))
        whole = next((row for row in stops if row["rung"] is None), None)
        if at_open and whole is not None and self.reaches(whole, price):
            self.stop_all(whole, price)
            return
        for row in stops:
            if row["rung"] is None:
                if not main and self.reaches(row, price):
                    return
                continue
            if self.left > 1e-9 and self.reaches(row, price):
                self.sell(row, price if at_open else self.inside(row["price"]))

    def limits(self, price: float, *, at_open: bool) -> None:
        limits = [row for row in self.exits if row["type"] == "limit"]
        for row in sorted(limits, key=lambda row: (self.side * row["price"], row["rung"])):
            if self.left > 1e-9 and self.reaches(row, price):
                self.sell(row, price if at_open else self.inside(row["price"]))

    def nearest(self, kind: str, price: float) -> Row | None:
        found = [row for row in self.resting if row["type"] == kind and self.reaches(row, price)]
        if price == self.bar["open"]:
            found = [row for row in found if row["add"] not in self.placed_inside]
        sign = self.side if kind == "stop" else -self.side
        return min(found, key=lambda row: (sign * row["price"], row["add"]), default=None)

    def buy(self, row: Row, price: float) -> None:
        self.resting.remove(row)
        quantity = row["quantity"] if row["type"] == "market" else min(row["quantity"], self.room)
        if self.left <= 1e-9 or quantity <= 1e-9 or quantity < self.plan.costs.min_quantity * (1 - 1e-9):
            return
        price = on_tick(price, self.side > 0, self.plan.costs.tick)
        self.fills.append(("add", 0, quantity, price))
        self.left += quantity
        self.room -= quantity if row["type"] != "market" else 0.0
        follows = self.chained.get(int(row["add"]))
        if follows is not None:
            at = self.plan.adds[int(follows["add"]) - 1].at
            assert at is not None
            level = follows["price"] + price - row["fill"]
            if at.unit == "%":
                level = on_tick(price + self.side * price * at.value / 100, self.side > 0, self.plan.costs.tick)
            self.resting.append({**follows, "price": level})
            self.placed_inside.add(follows["add"])


def rows_of(simulation: Simulation) -> list[Row]:
    frame = standing_orders(simulation)
    return [{str(k): None if v is pd.NA else v for k, v in row.items()} for row in frame.to_dict("records")]


def fills_by_bar(simulation: Simulation) -> dict[int, list[Fill]]:
    fills = simulation.fills
    found: dict[int, list[Fill]] = {}
    for k in range(len(fills)):
        order = ORDERS[fills.order[k]]
        if order not in ("entry", "mark"):
            fill = (order, int(fills.rung[k]), float(fills.quantity[k]), float(fills.price[k]))
            found.setdefault(int(fills.bar[k]), []).append(fill)
    return found


def is_settled_at_the_fill(plan: Ladder, executor: Executor, rows: list[Row], want: list[Fill]) -> bool:
    """Whether an order of a fixed quantity cannot get what the rules give, as docs/plans.md says."""
    adds = [row for row in rows if row["kind"] == "add"]
    filled = [fill for fill in want if fill[0] == "add"]
    in_money = any(add.money is not None for add in plan.adds) or plan.size.maximum_money is not None
    expected = {round(float(row["fill"]), 9) for row in adds}
    if in_money and any(round(price, 9) not in expected for *_, price in filled):
        return True  # its quantity depends on the price of the fill
    if not plan.size.is_limited:
        return False
    kinds = {row["type"] for row in adds}
    if plan.size.maximum_money is not None and len(kinds) > 1:
        return True
    if any(fill[0] != "add" for fill in want[:-1]) and filled:
        return True  # a sale in the bar makes room
    if "market" in kinds and executor.reached_at_open:
        return True  # adds that a gap reaches come before market orders
    mixed = any(row["after"] is not None for row in adds)
    return mixed and sum(row["quantity"] for row in adds) > min((row["room"] for row in adds), default=0.0)


def follow(placed: PlacedTrades, i: int, plan: Ladder, signals: Signals, n_bars: int) -> int:
    """Score a trade at every bar and hold its orders to the fills; returns how many adds were compared."""
    one = placed.take([i])
    whole = simulate(one, plan, signals.take(np.array([i])))
    if whole.skip_code[0] and whole.reason[0] != "no_bar_after_entry":
        return 0
    expected, bars, compared = fills_by_bar(whole), placed.bars, 0
    last = int(min(one.end_bar[0], one.entry_bar[0] + n_bars)) - 1
    for t in range(int(one.entry_bar[0]), last):
        cut = replace(one, end_bar=np.array([t + 1]))
        seen = signals.take(np.array([i]))
        now = simulate(cut, plan, replace(seen, end=np.minimum(seen.end, t + 1)))
        rows = rows_of(now)
        if not rows:
            assert t + 1 not in expected
            return compared
        bar = {name: float(getattr(bars, name)[t + 1]) for name in ("open", "high", "low", "close")}
        left = float(now.in_units(now.states[:, s.LEFT])[0])
        executor = Executor(rows, bar, int(one.trades.side[0]), plan, left)
        got, want = executor.run(), expected.get(t + 1, [])
        if is_settled_at_the_fill(plan, executor, rows, want):
            continue
        assert [fill[:2] for fill in got] == [fill[:2] for fill in want], (t, rows, bar)
        for a, b in zip(got, want, strict=True):
            assert a[2:] == pytest.approx(b[2:], rel=1e-12), (t, rows, bar)
        compared += sum(fill[0] == "add" for fill in want)
    return compared


def without_slippage(table: Mapping[str, Any]) -> dict[str, Any]:
    costs = {k: v for k, v in table["costs"].items() if "slippage" not in k and "spread" not in k}
    leverage = {k: v for k, v in table.get("execution", {}).items() if k in ("leverage", "maintenance_margin")}
    return {**table, "costs": costs, "execution": {"intrabar": "stop_first", **leverage}}


@given(data=st.data())
def test_listed_adds_get_the_fills_of_random_markets(
    data: st.DataObject, worlds: ModuleType, placed_on: Callable[..., PlacedTrades]
) -> None:
    world = data.draw(worlds.worlds(("stop_first",), with_slices=False))
    try:
        plan = ladder_from_mapping(without_slippage(data.draw(worlds.plan_tables(world))))
    except LadderError:
        assume(False)  # an averaging add at or beyond the stop
    rows = [[*row[:4], max(row[4], 1.0)] for row in world.rows]  # bars without trades have a rule of their own
    placed = placed_on(rows, world.trades)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    try:
        for i in range(len(placed)):
            follow(placed, i, plan, signals, 20)
    except LadderError:
        assume(False)  # liquidated before its last averaging add
