"""Sets of orders against a broker that fills them as it likes: never through zero, and the stop covers what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.pipelines.advice.advice import Holding, advise_open
from exitladder.pipelines.advice.order_sets import OrderSet, resting_set
from exitladder.pipelines.advice.orders import AT_CLOSE, Order, Venue

OCO, REDUCE = Venue(lot=1, tick=0.01), Venue("reduce", lot=1, tick=0.01)


def limit(quantity: float, price: float, rung: int) -> Order:
    return Order("limit", "sell", quantity, price, rung, "rung")


def stop(quantity: float, price: float, rung: int | None = None, kind: str = "stop") -> Order:
    return Order("stop", "sell", quantity, price, rung, kind)


def brief(orders: Sequence[Order]) -> list[tuple[str, float, float | None, str | None]]:
    return [(order.type, order.quantity, order.price, order.oco) for order in orders]


THIRTEEN = [limit(3, 52.0, 1), limit(3, 54.0, 2), stop(13, 48.0)]


def test_thirteen_shares_with_two_rungs_of_three_are_three_groups() -> None:
    assert brief(resting_set(THIRTEEN, 13, 1, 50.0, OCO).orders) == [
        ("limit", 3, 52.0, "rung-1"),
        ("stop", 3, 48.0, "rung-1"),
        ("limit", 3, 54.0, "rung-2"),
        ("stop", 3, 48.0, "rung-2"),
        ("stop", 7, 48.0, None),
    ]


def test_one_stop_per_position_is_replaced_after_each_rung() -> None:
    found = resting_set(THIRTEEN, 13, 1, 50.0, REDUCE)
    assert brief(found.orders) == [("limit", 3, 52.0, None), ("limit", 3, 54.0, None), ("stop", 13, 48.0, None)]
    after = [(r.after, r.cancel, [(o.quantity, o.replaces) for o in r.place]) for r in found.replacements]
    assert after == [
        ("rung-1 target", ("stop",), [(10, "stop")]),
        ("rung-2 target", ("stop 1",), [(7, "stop 1")]),
        ("stop", ("rung-1 target", "rung-2 target"), []),
    ]


def test_an_order_at_the_close_is_in_every_group() -> None:
    due = Order(AT_CLOSE, "sell", 13, None, None, "session")
    found = resting_set([*THIRTEEN, due], 13, 1, 50.0, OCO).orders
    at_close = [order for order in found if order.type == AT_CLOSE]
    assert [(order.quantity, order.oco) for order in at_close] == [(3, "rung-1"), (3, "rung-2"), (7, "rest")]
    assert {order.time_in_force for order in at_close} == {"day"}


def test_what_is_too_small_for_an_order_goes_with_the_last_rung() -> None:
    venue = replace(OCO, min_quantity=5)
    found = resting_set([limit(5, 52.0, 1), limit(5, 54.0, 2), stop(13, 48.0)], 13, 1, 50.0, venue)
    assert brief(found.orders) == [
        ("limit", 5, 52.0, "rung-1"),
        ("stop", 5, 48.0, "rung-1"),
        ("limit", 8, 54.0, "rung-2"),
        ("stop", 8, 48.0, "rung-2"),
    ]


def test_quantities_and_prices_are_rounded_against_the_trader() -> None:
    found = resting_set([stop(13.7, 47.999)], 13.7, 1, 50.0, OCO)
    assert brief(found.orders) == [("stop", 13, 47.99, None)]
    assert "0.7 of 13.7 is less than a lot of 1" in found.notes[0]
    (bought,) = resting_set([stop(2, 52.001)], 2, -1, 50.0, OCO).orders
    assert (bought.side, bought.price) == ("buy", 52.01)


def test_an_order_keeps_the_venues_distance_from_the_price() -> None:
    found = resting_set([limit(3, 50.2, 1), stop(13, 49.9)], 13, 1, 50.0, replace(OCO, min_distance=0.5))
    assert {order.price for order in found.orders} == {50.5, 49.5}
    assert len(found.notes) == 2 and "the venue's minimum" in found.notes[0]


def test_a_stop_that_the_price_has_passed_is_a_market_order() -> None:
    found = resting_set([limit(3, 52.0, 1), stop(13, 50.5, kind="trail")], 13, 1, 50.0, OCO)
    assert brief(found.orders) == [("market", 13, None, None)]
    assert found.notes == ("The trailing stop at 50.5 is beyond the last price 50.",)


def test_only_limit_orders_work_in_extended_hours() -> None:
    venue = replace(OCO, hours="extended", time_in_force="day")
    found = resting_set(THIRTEEN, 13, 1, 50.0, venue).orders
    assert {(o.type, o.hours, o.time_in_force) for o in found} == {
        ("limit", "extended", "day"),
        ("stop", "regular", "day"),
    }


def test_partial_stop_outs_and_rungs_may_overlap() -> None:
    """Whichever fills first, the others sell what the ladder would still sell: rungs from the front, stop-outs last."""
    standing = [limit(25, 52.0, 1), limit(25, 54.0, 2), limit(25, 56.0, 3), stop(50, 49.0, 4, "rung"), stop(100, 48.0)]
    assert brief(resting_set(standing, 100, 1, 50.0, OCO).orders) == [
        ("limit", 25, 52.0, "rung-1"),
        ("stop", 25, 48.0, "rung-1"),
        ("limit", 25, 54.0, "rung-2"),
        ("stop", 25, 48.0, "rung-2"),
        ("limit", 25, 56.0, "rung-3"),
        ("stop", 25, 49.0, "rung-3"),
        ("stop", 25, 49.0, None),
    ]


@st.composite
def positions(draw: st.DrawFn) -> tuple[list[Order], float, int, Venue, set[int]]:
    """Standing orders of some ladder, in lots, for a position that may be smaller or larger than the ladder's."""
    side = draw(st.sampled_from((1, -1)))
    lot = draw(st.sampled_from((1.0, 0.1, 100.0)))
    size = draw(st.integers(1, 60))
    orders: list[Order] = []
    slices: set[int] = set()
    unreserved = size
    for rung in range(1, draw(st.integers(0, 5)) + 1):
        quantity = draw(st.integers(1, max(1, size // 2)))
        kind = draw(st.sampled_from(("limit", "limit", "stop", "slice")))
        far, near = 100 + side * draw(st.integers(1, 9)), 100 - side * draw(st.integers(1, 6))
        if kind == "slice" and quantity < unreserved:
            slices.add(rung)
            unreserved -= quantity
            if draw(st.booleans()):
                orders.append(limit(quantity * lot, far, rung))
            orders.append(stop(quantity * lot, near, rung))
        elif kind != "slice":
            price = far if kind == "limit" else near
            orders.append(Order(kind, "", quantity * lot, price, rung, "rung"))
    orders.append(stop(unreserved * lot, 100 - side * 5))
    if draw(st.booleans()):
        orders.append(Order(AT_CLOSE, "", size * lot, None, None, "clock"))
    least = draw(st.integers(0, 4))
    venue = Venue(draw(st.sampled_from(("oco", "reduce"))), lot=lot, tick=0.5, min_quantity=least * lot)
    held = draw(st.integers(1, 70)) + draw(st.sampled_from((0.0, 0.0, 0.4)))
    return orders, held * lot, side, venue, slices


class Broker:
    """Fills any order that it holds, whole or in part, whenever it likes.

    With groups it knows nothing of the position and only takes what fills from the other orders of the group. Without
    groups it never fills more than the position, as ``reduce_only`` demands.
    """

    def __init__(self, found: OrderSet, venue: Venue, position: float) -> None:
        self.venue, self.position = venue, position
        self.orders = {order.id: order for order in found.orders}
        self.lists = {r.after: r for r in found.replacements}

    def fill(self, name: str, quantity: float) -> None:
        order = self.orders[name]
        if self.venue.oco_mode == "reduce":
            quantity = min(quantity, self.position)
        self.position = round(self.position - quantity, 9)
        for other in list(self.orders.values()):
            if other.id == name or (order.oco is not None and other.oco == order.oco):
                self.keep(replace(other, quantity=round(other.quantity - quantity, 9)))
        if name not in self.orders and self.venue.oco_mode == "reduce" and name in self.lists:
            change = self.lists[name]
            for gone in change.cancel:
                self.orders.pop(gone, None)
            for new in change.place:
                assert new.replaces in change.cancel
                self.orders[new.id] = new

    def keep(self, order: Order) -> None:
        self.orders.pop(order.id)
        if order.quantity > 0:
            self.orders[order.id] = order

    def stopped(self) -> float:
        """The quantity that stops, or market orders in their place, would sell."""
        return round(sum(o.quantity for o in self.orders.values() if o.type in ("stop", "market")), 9)


@given(position=positions(), data=st.data())
def test_no_order_of_fills_goes_through_zero_and_the_stop_covers_what_is_left(
    position: tuple[list[Order], float, int, Venue, set[int]], data: st.DataObject
) -> None:
    standing, held, side, venue, slices = position
    found = resting_set(standing, held, side, 100.0, venue, slices)
    whole = venue.whole(held)
    broker = Broker(found, venue, round(whole, 9))
    assert len({order.id for order in found.orders}) == len(found.orders)
    assert broker.stopped() == pytest.approx(whole)
    if whole >= venue.min_quantity:
        assert all(order.quantity >= venue.min_quantity * (1 - 1e-9) for order in found.orders)
    for order in found.orders:
        assert order.reduce_only and order.side == ("sell" if side > 0 else "buy")
        assert order.quantity == pytest.approx(venue.whole(order.quantity))
        if order.price is not None:
            assert side * (order.price - 100.0) * (1 if order.type == "limit" else -1) > 0
    while broker.orders and broker.position > 0:
        names = list(broker.orders)
        if venue.oco_mode == "reduce":  # prices come in order: a nearer target fills before one beyond it
            targets = sorted(
                (o for o in broker.orders.values() if o.type == "limit"), key=lambda o: side * (o.price or 0.0)
            )
            names = [n for n in names if broker.orders[n].type != "limit" or n == targets[0].id]
        order = broker.orders[data.draw(st.sampled_from(names))]
        lots = round(order.quantity / venue.lot)
        before = broker.position
        broker.fill(order.id, data.draw(st.integers(1, lots)) * venue.lot)
        assert 0 <= broker.position < before
        if venue.oco_mode == "oco":
            assert broker.stopped() == pytest.approx(broker.position)
        elif broker.position > 0:
            assert broker.stopped() >= broker.position
    assert broker.position == 0


@given(position=positions(), data=st.data())
def test_market_orders_and_resting_ones_together_cover_the_position_once(
    position: tuple[list[Order], float, int, Venue, set[int]], data: st.DataObject
) -> None:
    """Whatever the ladder sells at the open, and however much more or less than it the user holds."""
    standing, held, side, venue, slices = position
    lot, rungs = venue.lot, st.integers(1, 5)
    now = [
        Order("market", "", data.draw(st.integers(1, 40)) * lot, None, data.draw(rungs), "rung")
        for _ in range(data.draw(st.integers(0, 2)))
    ]
    if data.draw(st.booleans()):
        now.append(Order("market", "", 60 * lot, None, None, data.draw(st.sampled_from(("time", "session", "gap")))))
    ladder_left = data.draw(st.integers(0, 80)) * lot
    holding = Holding(held, side, 100.0, venue, frozenset(slices))
    advice = advise_open(holding, ladder_left, [*now, *standing], 95.0)
    whole = venue.whole(held)
    sold = sum(order.quantity for order in advice.orders if order.type == "market")
    assert advice.quantity == pytest.approx(sold)
    assert advice.action == ("hold" if not sold else "exit" if sold == pytest.approx(whole) else "reduce")
    for order in advice.orders:
        assert order.reduce_only and order.side == ("sell" if side > 0 else "buy")
        assert order.quantity == pytest.approx(venue.whole(order.quantity)) and order.quantity > 0
        assert order.quantity >= min(venue.min_quantity, whole) * (1 - 1e-9)
    broker = Broker(OrderSet(advice.orders, advice.replacements), venue, round(whole, 9))
    assert broker.stopped() == pytest.approx(whole)
    for order in [order for order in advice.orders if order.type == "market"]:  # they fill first, at the open
        broker.fill(order.id, order.quantity)
    assert broker.position == pytest.approx(whole - sold)
    assert broker.stopped() == pytest.approx(broker.position)
