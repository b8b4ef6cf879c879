"""A trade followed by its listed orders alone gets the fills of the simulation, bar after bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitladder.bars.bars import BarSet
from exitladder.execution import ORDERS, Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.execution.standing import standing_orders
from exitladder.pipelines.advice.order_sets import OrderSet, resting_set
from exitladder.pipelines.advice.orders import AT_CLOSE, Order, Venue
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.contracts import Contract, Contracts
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import PlacedTrades, place_trades

Sale = tuple[str, int, float, float]


def on_tick(price: float, side: int, tick: float) -> float:
    """Round against the trader who sells (or, being short, buys) at this price."""
    if tick == 0:
        return price
    steps = price / tick
    nearest = round(steps)
    if abs(steps - nearest) < 1e-6:
        return nearest * tick
    return float(np.floor(steps) if side > 0 else np.ceil(steps)) * tick


def execute(
    orders: list[dict[str, Any]], bar: Mapping[str, float], side: int, ladder: Ladder, left: float
) -> list[Sale]:
    """Execute listed orders in one bar, pessimistically: kind, rung, quantity and price of each sale."""
    tick, out, done = ladder.costs.tick, [], set()
    good, bad = ("high", "low") if side > 0 else ("low", "high")

    def sell(order: Mapping[str, Any], price: float) -> None:
        nonlocal left
        done.add(id(order))
        if order["rung"] is not None and ladder.rungs[order["rung"] - 1].is_slice:
            # Target and stop of a slice cancel each other.
            done.update(id(other) for other in orders if other["rung"] == order["rung"])
        quantity = min(order["quantity"], left)
        if quantity > 1e-9:
            rung = 0 if order["rung"] is None else order["rung"]
            out.append((order["kind"], rung, quantity, on_tick(price, side, tick)))
            left -= quantity
            whole = stop_over(order, resting, ladder)
            if whole is not None:  # the stop protects what is left of its part
                whole["quantity"] -= quantity

    def reached(order: Mapping[str, Any], price: float) -> bool:
        away = side * (price - order["price"]) * (1 if order["type"] == "limit" else -1)
        return bool(away >= -1e-12 * abs(price))

    resting = [order for order in orders if order["type"] in ("limit", "stop")]
    for order in orders:
        if order["type"] == "market":
            sell(order, bar["open"])
    at_close = [order for order in orders if order["type"] == "market-on-close"]
    # The nearest first; at one price liquidation, the stop of the trade, the stops of slices, partial stop-outs.
    stops = sorted(
        (o for o in resting if o["type"] == "stop"),
        key=lambda o: (
            -side * o["price"],
            o["kind"] != "liquidation",
            o["kind"] == "rung",
            o["rung"] is not None,
            o["rung"],
        ),
    )
    limits = sorted((o for o in resting if o["type"] == "limit"), key=lambda o: (side * o["price"], o["rung"]))
    for at_open in (True, False):
        for group, extreme in ((stops, bad), (limits, good)):
            for order in [order for order in group if id(order) not in done]:
                at = bar["open" if at_open else extreme]
                whole = stop_over(order, stops, ladder)
                # A stop that closes a part cancels the other orders for it; at an open, whichever is nearer.
                if whole is not None and (id(whole) in done or (at_open and group is stops and reached(whole, at))):
                    continue
                if left > 1e-9 and reached(order, at):
                    level = min(max(order["price"], bar["low"]), bar["high"])
                    sell(order, bar["open"] if at_open else level)
    for order in at_close:
        sell(order, bar["close"])
    return out


def stop_over(order: Mapping[str, Any], stops: list[dict[str, Any]], ladder: Ladder) -> dict[str, Any] | None:
    """The stop that covers the same quantity as a rung's order: the slice's own, else that of the trade."""
    if order["kind"] != "rung" or order["type"] == "market":
        return None
    if ladder.rungs[order["rung"] - 1].is_slice:
        covers = [stop for stop in stops if stop["rung"] == order["rung"] or stop["kind"] == "liquidation"]
    else:
        covers = [stop for stop in stops if stop["rung"] is None]
    return next((stop for stop in covers if stop["kind"] != "rung" and stop["type"] == "stop"), None)


def execute_set(found: OrderSet, bar: Mapping[str, float], side: int) -> dict[float, float]:
    """Execute a set of orders in one bar, pessimistically: the quantity sold at each price.

    The broker knows the groups and nothing of the position: what fills is taken from the other orders of its group.
    """
    good, bad = ("high", "low") if side > 0 else ("low", "high")
    left = {order.id: order.quantity for order in found.orders}
    out: dict[float, float] = {}

    def fill(order: Order, price: float) -> None:
        quantity = left[order.id]
        for other in found.orders:
            if other.id == order.id or (order.oco is not None and other.oco == order.oco):
                left[other.id] -= quantity
        if quantity > 1e-9:
            out[price] = out.get(price, 0.0) + quantity

    for order in found.orders:
        if order.type == "market":
            fill(order, bar["open"])
    resting = [
        (order, order.price) for order in found.orders if order.type in ("limit", "stop") and order.price is not None
    ]
    resting.sort(key=lambda pair: (pair[0].type != "stop", abs(pair[1] - bar["open"])))
    for at_open in (True, False):
        for order, level in resting:
            sign = side if order.type == "limit" else -side
            at = bar["open"] if at_open else bar[good if order.type == "limit" else bad]
            if left[order.id] > 1e-9 and sign * (at - level) >= -1e-12 * abs(at):
                fill(order, at if at_open else min(max(level, bar["low"]), bar["high"]))
    for order in found.orders:
        if order.type == AT_CLOSE and left[order.id] > 1e-9:
            fill(order, bar["close"])
    return out


def sets_of(simulation: Simulation, ladder: Ladder, left: float) -> OrderSet:
    """The orders for the whole position: those at the next open, and the groups of the rest."""
    market: list[Order] = []
    resting: list[Order] = []
    for row in orders_of(simulation):
        order = Order(
            row["type"].replace("-", "_"), row["side"], row["quantity"],
            None if np.isnan(row["price"]) else row["price"], row["rung"], row["kind"],
        )  # fmt: skip
        (market if order.type == "market" else resting).append(order)
    now = [replace(order, id=f"now {k}") for k, order in enumerate(market)]
    kept = left - sum(order.quantity for order in now)
    if kept <= 1e-9:
        return OrderSet(tuple(now))
    costs = ladder.costs
    venue = Venue(tick=costs.tick, lot=costs.lot, min_quantity=costs.min_quantity)
    placed = simulation.placed
    last = float(placed.bars.close[int(placed.end_bar[0]) - 1])
    slices = {k for k, rung in enumerate(ladder.rungs, start=1) if rung.is_slice}
    found = resting_set(resting, kept, int(placed.trades.side[0]), last, venue, slices)
    return replace(found, orders=(*now, *found.orders))


def orders_of(simulation: Simulation) -> list[dict[str, Any]]:
    frame = standing_orders(simulation)
    return [
        {
            **{str(name): value for name, value in row.items()},
            "rung": None if np.isnan(row["rung"]) else int(row["rung"]),
        }
        for row in frame.astype({"rung": "float64"}).to_dict("records")
    ]


def sales_by_bar(simulation: Simulation) -> dict[int, list[Sale]]:
    fills = simulation.fills
    found: dict[int, list[Sale]] = {}
    for k in range(len(fills)):
        order = ORDERS[fills.order[k]]
        if order not in ("entry", "mark"):
            sale = (order, int(fills.rung[k]), float(fills.quantity[k]), float(fills.price[k]))
            found.setdefault(int(fills.bar[k]), []).append(sale)
    return found


def follow(placed: PlacedTrades, i: int, ladder: Ladder, signals: Signals, n_bars: int) -> None:
    """Score a trade at every bar from that of its entry on, and hold the listed orders to the simulation's fills."""
    one = placed.take([i])
    whole = simulate(one, ladder, signals.take(np.array([i])))
    if whole.reason[0] in ("no_stop", "atr_unknown", "stop_beyond_entry", "quantity_below_minimum"):
        return
    expected, bars = sales_by_bar(whole), placed.bars
    side, start = int(one.trades.side[0]), int(bars.start[one.symbol_index[0]])
    last = int(min(one.end_bar[0], one.entry_bar[0] + n_bars)) - 1
    for t in range(int(one.entry_bar[0]), last):
        cut = replace(one, end_bar=np.array([t + 1]))
        seen = signals.take(np.array([i]))
        seen = replace(seen, end=np.minimum(seen.end, t + 1))
        now = simulate(cut, ladder, seen)
        orders = orders_of(now)
        left = float(now.in_units(now.states[:, _left()])[0]) if len(orders) else 0.0
        bar = {name: float(getattr(bars, name)[t + 1]) for name in ("open", "high", "low", "close")}
        got = execute(orders, bar, side, ladder, left)
        want = expected.get(t + 1, [])
        assert [sale[:2] for sale in got] == [sale[:2] for sale in want], (start, t, orders, bar)
        for a, b in zip(got, want, strict=True):
            assert a[2:] == pytest.approx(b[2:], rel=1e-12)
        if not orders:
            return
        found = sets_of(now, ladder, left)
        assert sum(o.quantity for o in found.orders if o.type in ("stop", "market")) == pytest.approx(left)
        if any(o.type == "market" and not o.id.startswith("now") for o in found.orders):
            continue  # a stop beyond the last close, which no venue holds: it is sold at the open
        sold = execute_set(found, bar, side)
        summed: dict[float, float] = {}
        for sale in want:
            summed[round(sale[3], 8)] = summed.get(round(sale[3], 8), 0.0) + sale[2]
        at_price = {round(on_tick(price, side, ladder.costs.tick), 8): quantity for price, quantity in sold.items()}
        assert at_price == pytest.approx(summed, rel=1e-9), (start, t, found.orders, bar)


def _left() -> int:
    from exitladder.execution.kernel import state

    return int(state.LEFT)


def without_slippage(table: Mapping[str, Any]) -> dict[str, Any]:
    """A ladder that the executor of these tests can follow: stop first, touches, no slippage and no volume cap."""
    costs = {k: v for k, v in table["costs"].items() if "slippage" not in k and "spread" not in k}
    leverage = {k: v for k, v in table.get("execution", {}).items() if k in ("leverage", "maintenance_margin")}
    return {**table, "costs": costs, "execution": {"intrabar": "stop_first", **leverage}}


@given(data=st.data())
def test_listed_orders_get_the_fills_of_random_markets(
    data: st.DataObject, worlds: ModuleType, placed_on: Callable[..., PlacedTrades]
) -> None:
    world = data.draw(worlds.worlds(("stop_first",)))
    rows = [[*row[:4], max(row[4], 1.0)] for row in world.rows]  # bars without trades have a rule of their own
    placed = placed_on(rows, world.trades)
    arrays = {name: np.array(values) for name, values in world.series.items()}
    signals = Signals.from_bars(placed, arrays, arrays)
    ladder = ladder_from_mapping(without_slippage(world.ladder))
    for i in range(len(placed)):
        follow(placed, i, ladder, signals, 20)


@given(data=st.data())
def test_orders_for_a_close_are_listed_before_its_bar(
    data: st.DataObject, worlds: ModuleType, placed_on: Callable[..., PlacedTrades]
) -> None:
    """The world's hourly bars begin at midnight UTC of a Thursday, and every session follows the one before at once."""
    world = data.draw(worlds.worlds(("stop_first",)))
    rows = [[*row[:4], max(row[4], 1.0)] for row in world.rows]
    hours = data.draw(st.sampled_from(["00:00-24:00", "05:00-05:00", "09:30-09:30", "04:00-04:00"]))
    placed = placed_on(rows, world.trades)
    contracts = Contracts({"X": Contract(session=hours, exchange_tz="UTC")})
    placed = replace(placed, bars=placed.bars.with_contracts(contracts))
    arrays = {name: np.array(values) for name, values in world.series.items()}
    exits: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                {"session_close": True}, {"clock": "03:00"}, {"clock": "06:20"}, {"time": "3h"}, {"time": "1 session"},
                {"time": "90m", "clock": "02:00"}, {"time": "2 sessions"}, {"max_gap": "2h", "clock": "08:00"},
            ]
        )
    )  # fmt: skip
    ladder = ladder_from_mapping(without_slippage({**world.ladder, "stop": {**world.ladder["stop"], **exits}}))
    for i in range(len(placed)):
        follow(placed, i, ladder, Signals.from_bars(placed, arrays, arrays), 20)


@pytest.fixture(scope="module")
def sample() -> PlacedTrades:
    """The trades of a breakout rule on the sample's real bars."""
    bars: BarSet = load_sample_bars()[0]
    return place_trades(make_trades(bars, "donchian"), bars)


@settings(max_examples=max(3, settings().max_examples // 10))
@given(data=st.data())
def test_listed_orders_get_the_fills_of_real_markets(
    data: st.DataObject, worlds: ModuleType, sample: PlacedTrades
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    arrays = {"signal": rng.random(sample.bars.n_bars)}
    some_rungs = data.draw(worlds.rungs(data.draw(st.booleans())))
    table = {
        "rungs": some_rungs,
        "stop": data.draw(worlds.stops(some_rungs)),
        "costs": {"tick": 0.01, "lot": 1.0, "min_quantity": data.draw(st.sampled_from([1.0, 20.0]))},
    }
    ladder = ladder_from_mapping(without_slippage(table))
    i = data.draw(st.integers(0, len(sample) - 1))
    follow(sample, i, ladder, Signals.from_bars(sample, arrays, arrays), 40)
