"""Sets of orders that a venue accepts: orders that can fill together never exceed the position.

The ladder's standing orders share quantity: a stop covers what the rungs would sell as well. Here the position is cut
into parts, and each part has one target at most and one stop. Rungs take their parts from the front, the nearest first;
partial stop-outs take theirs from the back. That is how the simulator fills them, whatever fills first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from exitladder.pipelines.advice.orders import AT_CLOSE, Order, Replacement, Venue, closing_side, without_noise

_SLACK = 1e-9


@dataclass(frozen=True)
class OrderSet:
    """The orders for a position, and what replaces them after a fill.

    Parameters
    ----------
    orders : tuple of Order
    replacements : tuple of Replacement
        One per order that can fill before the others.
    notes : tuple of str
        What the venue made different from the ladder.
    """

    orders: tuple[Order, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """A part of the position with its orders."""

    quantity: float
    target: Order | None
    stop: Order | None


@dataclass
class _Levels:
    """The resting orders of a ladder by role, nearest first."""

    slices: list[tuple[Order | None, Order | None]] = field(default_factory=list)
    targets: list[Order] = field(default_factory=list)
    stop_outs: list[Order] = field(default_factory=list)
    whole: list[Order] = field(default_factory=list)


def resting_set(
    standing: Sequence[Order], left: float, side: int, last: float, venue: Venue, slices: Collection[int] = ()
) -> OrderSet:
    """Return the resting orders for a position.

    Parameters
    ----------
    standing : sequence of Order
        The ladder's resting orders, as `exitladder.execution.standing.standing_orders` lists them.
    left : float
        Quantity that market orders leave.
    side : int
        +1 long, -1 short.
    last : float
        The last price.
    venue : Venue
    slices : collection of int
        Numbers of the rungs that are slices (rule X10).

    Returns
    -------
    OrderSet
        The quantities of all groups, and of orders without one, sum to `left` rounded down to the lot.
    """
    notes: list[str] = []
    whole = venue.whole(left)
    if left - whole > _SLACK * left:
        notes.append(f"{left - whole:.10g} of {left:.10g} is less than a lot of {venue.lot:g} and has no order.")
    levels = _levels(standing, side, slices)
    parts = _large_enough(list(_parts(levels, whole, side, venue)), venue)
    if whole > 0 and not venue.is_order(whole):
        notes.append(f"{whole:.10g} is below the smallest order of {venue.min_quantity:g}; the venue may reject it.")
    at_close = next((order for order in standing if order.type == AT_CLOSE), None)
    accepted = _Accepted(venue, side, last)
    write = _one_stop if venue.oco_mode == "reduce" else _groups
    found = write(parts, at_close, accepted)
    return replace(found, notes=(*notes, *accepted.notes, *found.notes))


def _levels(standing: Sequence[Order], side: int, slices: Collection[int]) -> _Levels:
    found = _Levels()
    resting = [order for order in standing if order.type in ("limit", "stop")]
    own: dict[int, list[Order | None]] = {}
    for order in resting:
        if order.rung in slices and order.rung is not None:
            pair, place = own.setdefault(order.rung, [None, None]), int(order.type == "stop")
            there = pair[place]
            if there is None or side * _price(order) > side * _price(there):  # of two stops the nearer one fills
                pair[place] = order
        elif order.rung is None:
            found.whole.append(order)
        elif order.type == "limit":
            found.targets.append(order)
        else:
            found.stop_outs.append(order)
    found.slices = [(target, stop) for target, stop in own.values()]
    found.targets.sort(key=lambda order: side * _price(order))
    found.stop_outs.sort(key=lambda order: -side * _price(order))
    return found


def _parts(levels: _Levels, left: float, side: int, venue: Venue) -> Iterator[_Part]:
    """Yield the parts of a position: slices first, then the rest from the nearest target to the runner."""
    for target, stop in levels.slices:
        order = target or stop
        assert order is not None  # a slice without orders is not listed
        quantity = min(order.quantity, left)
        if quantity > 0:
            # without a stop of its own, the liquidation price comes first; it is listed last
            yield _Part(quantity, target, stop or (levels.whole[-1] if levels.whole else None))
            left = without_noise(left - quantity)
    main = levels.whole[0] if levels.whole else None
    ends, targets = _cuts(levels.targets, left, venue)
    # what the stop of the trade would take before is not the partial stop-out's
    nearer = [o for o in levels.stop_outs if main is None or side * _price(o) > side * _price(main)]
    outs, stops = _cuts(nearer, left, venue)
    begins = [left - end for end in outs]
    bounds = _bounds([*ends, *begins], left, venue)
    for low, high in pairwise(bounds):
        middle = (low + high) / 2
        target = next((order for end, order in zip(ends, targets, strict=True) if middle < end), None)
        stop = next((order for begin, order in zip(begins, stops, strict=True) if middle > begin), main)
        yield _Part(high - low, target, stop)


def _large_enough(parts: list[_Part], venue: Venue) -> list[_Part]:
    """Return parts of which each is large enough for an order: a smaller one goes with the next, or with the last."""
    kept: list[_Part] = []
    carried = 0.0
    for part in parts:
        quantity = without_noise(part.quantity + carried)
        carried = 0.0 if venue.is_order(quantity) else quantity
        if not carried:
            kept.append(replace(part, quantity=quantity))
    if carried and kept:
        kept[-1] = replace(kept[-1], quantity=without_noise(kept[-1].quantity + carried))
    elif carried:
        kept.append(replace(parts[-1], quantity=carried))
    return kept


def _cuts(orders: Sequence[Order], left: float, venue: Venue) -> tuple[list[float], list[Order]]:
    """Return how much of the position is sold by the end of each order, nearest first, and those orders.

    An order below the venue's smallest one joins the next; what the last would leave below it goes with the last.
    """
    ends: list[float] = []
    kept: list[Order] = []
    sold = 0.0
    for order in orders:
        sold = min(left, sold + order.quantity)
        begin = ends[-1] if ends else 0.0
        if sold - begin > _SLACK * left and venue.is_order(without_noise(sold - begin)):
            ends.append(sold)
            kept.append(order)
    if ends and left - ends[-1] > 0 and not venue.is_order(without_noise(left - ends[-1])):
        ends[-1] = left
    return ends, kept


def _bounds(cuts: Sequence[float], left: float, venue: Venue) -> list[float]:
    """Return where parts begin and end; a part below the venue's smallest order joins its neighbour."""
    bounds = [0.0]
    for cut in sorted({round(cut, 12) for cut in cuts}):
        is_far = cut - bounds[-1] > _SLACK * left and venue.is_order(without_noise(cut - bounds[-1]))
        if is_far and venue.is_order(without_noise(left - cut)):
            bounds.append(cut)
    return [*bounds, left] if left > 0 else [0.0]


@dataclass
class _Accepted:
    """Writes the ladder's orders as the venue accepts them."""

    venue: Venue
    side: int
    last: float
    notes: list[str] = field(default_factory=list)

    def order(self, order: Order, quantity: float, name: str, oco: str | None = None) -> Order:
        """Return an order of a quantity; a stop that the last price has passed is a market order."""
        venue, side = self.venue, self.side
        closing, quantity = closing_side(side), without_noise(quantity)

        def made(kind: str, price: float | None, force: str, hours: str = "regular") -> Order:
            return Order(kind, closing, quantity, price, order.rung, order.kind, name, oco, True, force, hours)

        if order.price is None:
            return made(order.type, None, "day")
        price = venue.price(order.price, side)
        if order.type == "stop" and np.isfinite(self.last) and side * price >= side * self.last:
            self._note(f"The {_named(order)} at {price:.10g} is beyond the last price {self.last:.10g}.")
            return made("market", None, venue.at_open)
        moved = venue.away(price, self.last, side, order.type)
        if moved != price:
            self._note(
                f"The {_named(order)} at {price:.10g} is closer to the last price than {venue.min_distance:g}, the "
                f"venue's minimum; it is placed at {moved:.10g}."
            )
        return made(order.type, moved, venue.time_in_force, venue.hours if order.type == "limit" else "regular")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _groups(parts: Sequence[_Part], at_close: Order | None, accepted: _Accepted) -> OrderSet:
    """Return one group per part: its target, its stop and its share of an order at the close."""
    orders: list[Order] = []
    at_market: list[Order] = []
    replacements: list[Replacement] = []
    taken: set[str] = set()
    for part in parts:
        name = _name(part, taken)
        wanted = [("target", part.target), ("stop", part.stop), ("close", at_close)]
        group = [
            accepted.order(order, part.quantity, f"{name} {role}", name) for role, order in wanted if order is not None
        ]
        passed = [order for order in group if order.type == "market"]
        group = passed or group
        if len(group) == 1:
            group = [replace(group[0], oco=None)]
        if group[0].type == "market":
            at_market.append(group[0])
            continue
        orders += group
        replacements += [
            Replacement(order.id, tuple(other.id for other in group if other is not order))
            for order in group
            if len(group) > 1 and order.type != AT_CLOSE
        ]
    return OrderSet((*_joined(at_market), *orders), tuple(replacements))


def _joined(orders: Sequence[Order]) -> list[Order]:
    """Return market orders with one for each kind and rung."""
    sums: dict[tuple[str, int | None], Order] = {}
    for order in orders:
        key = (order.kind, order.rung)
        before = sums[key].quantity if key in sums else 0.0
        sums[key] = replace(order, id=" ".join(["passed", order.kind]), quantity=without_noise(order.quantity + before))
    return [replace(order, id=f"{order.id} {k}") for k, order in enumerate(sums.values(), start=1)]


def _one_stop(parts: Sequence[_Part], at_close: Order | None, accepted: _Accepted) -> OrderSet:
    """Return the targets, and one stop for all that is left, which is replaced by a smaller one after each of them."""
    left = sum(part.quantity for part in parts)
    side = accepted.side
    stops = [part.stop for part in parts if part.stop is not None]
    farthest = min(stops, key=lambda order: side * _price(order), default=None)
    notes = [
        f"The venue holds one stop per position: the {_named(order)} at {_price(order):.10g} is not placed; the stop "
        f"for all is at {_price(farthest):.10g}."
        for order in {_price(stop): stop for stop in stops}.values()
        if farthest is not None and _price(order) != _price(farthest)
    ]
    stop = None if farthest is None else accepted.order(farthest, left, "stop")
    if stop is not None and stop.type == "market":
        return OrderSet((stop,), notes=tuple(notes))
    orders: list[Order] = []
    taken: set[str] = set()
    for part in parts:
        if part.target is None:
            continue
        if orders and orders[-1].rung == part.target.rung:
            orders[-1] = replace(orders[-1], quantity=without_noise(orders[-1].quantity + part.quantity))
        else:
            orders.append(accepted.order(part.target, part.quantity, f"{_name(part, taken)} target"))
    orders.sort(key=lambda order: side * _price(order))
    replacements, kept = [], left
    close = None if at_close is None else accepted.order(at_close, left, "close")
    now = [order for order in (stop, close) if order is not None]
    for step, order in enumerate(orders, start=1):
        kept = without_noise(kept - order.quantity)
        smaller = [replace(o, quantity=kept, id=f"{o.id.split(' ')[0]} {step}", replaces=o.id) for o in now]
        gone = tuple(o.id for o in now)
        replacements.append(Replacement(order.id, gone, tuple(smaller) if kept > _SLACK * left else ()))
        now = smaller
    if stop is not None and orders:
        others = (*(order.id for order in orders), *([close.id] if close is not None else []))
        replacements.append(Replacement(stop.id, others))
    first = [order for order in (stop, close) if order is not None]
    return OrderSet((*orders, *first), tuple(replacements), tuple(notes))


def _name(part: _Part, taken: set[str]) -> str:
    order = part.target if part.target is not None else part.stop
    base = f"rung-{order.rung}" if order is not None and order.rung is not None else "rest"
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    taken.add(name)
    return name


def _named(order: Order) -> str:
    names = {"stop": "stop", "trail": "trailing stop", "breakeven": "break-even stop"}
    if order.type == "limit":
        return f"limit of rung {order.rung}"
    return names.get(order.kind, f"stop of rung {order.rung}" if order.rung is not None else f"{order.kind} stop")


def _price(order: Order) -> float:
    return np.nan if order.price is None else order.price
