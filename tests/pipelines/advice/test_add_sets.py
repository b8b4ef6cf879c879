"""Orders that add, against a broker that fills them as it likes: never above the maximum, and always covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.pipelines.advice.advice import Advice, Holding, advise_open
from exitladder.pipelines.advice.orders import AT_CLOSE, Order, Replacement, Venue
from exitladder.plans.resting_adds import AddOrder, StandingAdds

OCO, REDUCE = Venue(lot=1, tick=0.01), Venue("reduce", lot=1, tick=0.01)
STANDING = [Order("limit", "sell", 3, 110.0, 1, "rung"), Order("stop", "sell", 10, 90.0, None, "stop")]


def add(number: int, kind: str, quantity: float, price: float, after: int | None = None) -> AddOrder:
    return AddOrder(number, kind, quantity, price, 100.0 if kind == "market" else price, after)


def brief(orders: Sequence[Order]) -> list[tuple[str, str, float, float | None, str | None]]:
    return [(o.side, o.type, o.quantity, o.price, o.oco) for o in orders if o.is_add]


def advised(adds: StandingAdds, venue: Venue, standing: Sequence[Order] = STANDING, side: int = 1) -> Advice:
    return advise_open(Holding(10.0, side, 100.0, venue), 10.0, standing, 90.0, adds)


def test_an_add_rests_beside_the_groups_and_a_stop_follows_its_fill() -> None:
    found = advised(StandingAdds((add(1, "limit", 5, 96.0), add(2, "limit", 5, 92.0, after=1))), OCO)
    assert brief(found.orders) == [("buy", "limit", 5, 96.0, None)]
    assert [o.quantity for o in found.orders if not o.is_add] == [3, 3, 7]
    lists = {change.after: change for change in found.replacements}
    assert [(o.id, o.type, o.quantity, o.price) for o in lists["add-1"].place] == [
        ("add-1 stop", "stop", 5, 90.0), ("add-2", "limit", 5, 92.0),
    ]  # fmt: skip
    assert set(lists["rest stop"].cancel) == {"add-1"}  # at the stop nothing is added


def test_one_stop_grows_with_each_add_and_shrinks_with_each_rung() -> None:
    found = advised(StandingAdds((add(1, "limit", 5, 96.0),)), REDUCE)
    sizes = {(c.after, c.cancel[0]): [o.quantity for o in c.place] for c in found.replacements}
    assert sizes["add-1", "stop"] == [15]
    assert sizes["rung-1 target", "stop"] == [7]
    assert sizes["rung-1 target", "stop add-1"] == [12]
    assert sizes["add-1", "stop 1"] == [12]


def test_adds_on_both_sides_share_the_room() -> None:
    adds = StandingAdds((add(1, "limit", 2, 96.0), add(2, "stop", 2, 104.0)), room=3.0)
    assert brief(advised(adds, OCO).orders) == [
        ("buy", "limit", 1, 96.0, None), ("buy", "limit", 1, 96.0, "adds-2"), ("buy", "stop", 1, 104.0, "adds-2"),
        ("buy", "stop", 1, 104.0, None),
    ]  # fmt: skip
    one_side = advised(adds, replace(REDUCE, min_quantity=0.0))
    assert sum(o.quantity for o in one_side.orders if o.is_add) == 3
    assert any("could exceed the maximum size" in text for text in one_side.warnings)


def test_prices_round_up_for_a_purchase_and_down_for_a_short() -> None:
    (bought,) = [o for o in advised(StandingAdds((add(1, "limit", 5, 96.001),)), OCO).orders if o.is_add]
    assert bought.price == 96.01 and not bought.reduce_only and bought.kind == "add"
    short = [Order("stop", "buy", 10, 110.0, None, "stop")]
    found = advise_open(Holding(10.0, -1, 100.0, OCO), 10.0, short, 110.0, StandingAdds((add(1, "limit", 5, 104.009),)))
    (sold,) = [o for o in found.orders if o.is_add]
    assert (sold.side, sold.price) == ("sell", 104.0)


def test_nothing_is_added_beyond_a_passed_stop_and_a_passed_add_is_at_market() -> None:
    passed = [Order("stop", "sell", 10, 100.5, None, "trail")]
    assert brief(advised(StandingAdds((add(1, "limit", 5, 96.0),)), OCO, passed).orders) == []
    found = advised(StandingAdds((add(1, "stop", 5, 99.0),)), OCO)
    assert brief(found.orders) == [("buy", "market", 5, None, None)]
    assert found.action == "add" and found.quantity == 5


@st.composite
def growing(draw: st.DrawFn) -> tuple[list[Order], StandingAdds, float, Venue, int]:
    """Standing orders, adds of every kind in the order in which the price reaches them, and what may be added."""
    side = draw(st.sampled_from((1, -1)))
    lot = draw(st.sampled_from((1.0, 0.1)))
    size = draw(st.integers(2, 30))
    orders = []
    for rung in range(1, draw(st.integers(0, 3)) + 1):
        orders.append(Order("limit", "", draw(st.integers(1, size)) * lot, 100 + side * 2 * rung, rung, "rung"))
    orders.append(Order("stop", "", size * lot, 100 - side * 12, None, "stop"))
    if draw(st.booleans()):
        orders.append(Order(AT_CLOSE, "", size * lot, None, None, "clock"))
    room = draw(st.sampled_from((np.inf, draw(st.integers(1, 30)) * lot)))
    adds: list[AddOrder] = []
    number = 0
    for kind, sign in (("limit", -1), ("stop", 1)):
        left = room
        before: int | None = None
        for step in range(draw(st.integers(0, 3))):
            number += 1
            quantity = round(min(draw(st.integers(1, 12)) * lot, left), 10)
            if quantity <= 0:
                break
            chained = before if draw(st.booleans()) else None
            adds.append(AddOrder(number, kind, quantity, p := 100 + side * sign * (step + 1), float(p), chained))
            left, before = left - quantity, number
    venue = Venue(
        draw(st.sampled_from(("oco", "reduce"))), lot=lot, tick=0.5, min_quantity=draw(st.integers(0, 2)) * lot
    )
    return orders, StandingAdds(tuple(adds), room), size * lot, venue, side


class Broker:
    """Fills any order that it holds, whole or in part, whenever it likes; it knows the groups and the lists of changes.

    A list is carried out once its order has filled whole and all that it cancels besides other adds is in the market.
    With one stop a position it never closes more than is held (``reduce_only``).
    """

    def __init__(self, orders: Sequence[Order], changes: Sequence[Replacement], venue: Venue, position: float) -> None:
        self.venue, self.position, self.bought = venue, position, 0.0
        self.orders = {order.id: order for order in orders}
        self.changes = list(changes)

    def fill(self, name: str, quantity: float) -> None:
        order = self.orders[name]
        if not order.is_add:
            quantity = min(quantity, self.position) if self.venue.oco_mode == "reduce" else quantity
            self.position = round(self.position - quantity, 9)
        else:
            self.position, self.bought = round(self.position + quantity, 9), round(self.bought + quantity, 9)
        for other in list(self.orders.values()):
            if other.id == name or (order.oco is not None and other.oco == order.oco):
                self.orders.pop(other.id)
                if (rest := round(other.quantity - quantity, 9)) > 0:
                    self.orders[other.id] = replace(other, quantity=rest)
        if name in self.orders:
            return
        for change in self.changes:
            stops = [gone for gone in change.cancel if gone.split(" ")[0] in ("stop", "close")]
            one_stop = self.venue.oco_mode == "reduce"
            if change.after != name or (one_stop and not all(gone in self.orders for gone in stops)):
                continue
            for gone in change.cancel:
                if one_stop or (gone in self.orders and self.orders[gone].is_add and order.type == "stop"):
                    self.orders.pop(gone, None)
            for new in change.place:
                self.orders[new.id] = new
            break

    def stopped(self) -> float:
        return round(sum(o.quantity for o in self.orders.values() if o.type == "stop" and o.reduce_only), 9)


@given(plan=growing(), data=st.data())
def test_no_fills_go_above_the_maximum_or_through_zero_and_the_stop_covers_all(
    plan: tuple[list[Order], StandingAdds, float, Venue, int], data: st.DataObject
) -> None:
    standing, adds, held, venue, side = plan
    found = advise_open(Holding(held, side, 100.0, venue), held, standing, 100 - side * 12, adds)
    broker = Broker(found.orders, found.replacements, venue, round(held, 9))
    assert len({o.id for o in found.orders}) == len(found.orders)
    for order in found.orders:
        assert order.reduce_only != order.is_add
        assert order.side == (("buy" if side > 0 else "sell") if order.is_add else ("sell" if side > 0 else "buy"))
        if order.is_add:
            assert order.quantity == pytest.approx(venue.whole(order.quantity)) and venue.is_order(order.quantity)
    while broker.orders and broker.position > 0:
        names = list(broker.orders)
        if venue.oco_mode == "reduce":  # prices come in order: the nearest of a kind fills before one beyond it
            for is_add, kind, sign in ((False, "limit", 1), (True, "limit", -1), (True, "stop", 1)):
                same = [o for o in broker.orders.values() if o.is_add == is_add and o.type == kind]
                nearest = min(same, key=lambda o: (sign * side * (o.price or 0.0), o.id), default=None)
                names = [n for n in names if broker.orders[n] not in same or n == (nearest and nearest.id)]
        order = broker.orders[data.draw(st.sampled_from(names))]
        lots = round(order.quantity / venue.lot)
        part = lots if order.is_add else data.draw(st.integers(1, lots))
        broker.fill(order.id, round(part * venue.lot, 9))
        assert broker.position >= 0
        assert broker.bought <= adds.room * (1 + 1e-9)
        if broker.position > 0 and venue.oco_mode == "oco":
            assert broker.stopped() == pytest.approx(broker.position)
        elif broker.position > 0:
            assert broker.stopped() >= broker.position - 1e-9
