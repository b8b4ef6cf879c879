"""The orders that add to a position, beside those that close it.

All adds that can fill together never make the position larger than the maximum size. Adds on both sides of the price
that share the last of the room are cut into parts, as rungs and partial stop-outs are: those below the entry take
theirs from the front, those above it from the back, and a group links the two orders for a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from exitladder.pipelines.advice.order_sets import OrderSet
from exitladder.pipelines.advice.orders import AT_CLOSE, Order, Replacement, Venue, opening_side, without_noise
from exitladder.plans.resting_adds import AddOrder, StandingAdds

NO_ADDS = StandingAdds()
# number of the purchase that a volatility target orders, beside those of the plan's adds
TARGET_ADD = 0
_SLACK = 1e-9


@dataclass(frozen=True)
class Terms:
    """What the orders of adds go by.

    Parameters
    ----------
    side : int
        +1 long, -1 short.
    last : float
        The last price.
    venue : Venue
    """

    side: int
    last: float
    venue: Venue


def with_adds(found: OrderSet, adds: StandingAdds, terms: Terms) -> OrderSet:
    """Return a set of closing orders with the orders that add to the position.

    Parameters
    ----------
    found : OrderSet
        The orders that close the position, for all that is held.
    adds : StandingAdds
    terms : Terms

    Returns
    -------
    OrderSet
        Without adds if no stop covers them: then nothing is added. After an add fills, a stop for it is placed.
    """
    stop = _stop_of(found)
    if stop is None or not adds.orders:
        return found
    written = _Written(terms)
    orders = written.all_of(adds)
    if not orders:
        return replace(found, notes=(*found.notes, *written.notes))
    numbers = {order.add for order in orders}
    later = [add for add in adds.orders if add.after is not None and add.number in written.placed_later]
    place = {
        number: tuple(written.order(add, add.quantity) for add in later if add.after == number)
        for number in (*sorted(n for n in numbers if n is not None), *(add.number for add in later))
    }
    known = [*orders, *(order for group in place.values() for order in group)]
    after = _after_fills_of_groups if terms.venue.oco_mode != "reduce" else _after_fills_of_one_stop
    replacements = after(found, known, place, stop)
    return OrderSet((*found.orders, *orders), replacements, (*found.notes, *written.notes))


def _stop_of(found: OrderSet) -> Order | None:
    """Return the stop of the trade, which covers what adds buy; None if there is none or it is passed."""
    if any(order.type == "market" for order in found.orders):
        return None
    stops = [order for order in found.orders if order.type == "stop" and order.kind != "rung"]
    return stops[-1] if stops else None


@dataclass
class _Written:
    """Writes adds as the venue accepts them."""

    terms: Terms
    notes: list[str] = field(default_factory=list)
    placed_later: set[int] = field(default_factory=set)

    def all_of(self, adds: StandingAdds) -> list[Order]:
        """Return the orders to place now; `placed_later` gets the numbers of those that follow a fill."""
        venue = self.terms.venue
        kept = [add._replace(quantity=venue.whole(add.quantity)) for add in adds.orders]
        for add in [add for add in kept if not venue.is_order(add.quantity)]:
            named = "The target's purchase" if add.number == TARGET_ADD else f"Add {add.number}"
            self.notes.append(f"{named} is below the smallest order of {venue.min_quantity:g}: not placed.")
        kept = [add for add in kept if venue.is_order(add.quantity)]
        now = [add for add in kept if add.after is None]
        market = [add for add in now if add.type == "market"]
        resting = [add for add in now if add.type != "market"]
        total = sum(add.quantity for add in kept if add.type != "market")
        orders = [self.order(add, add.quantity) for add in market]
        if total <= adds.room * (1 + _SLACK) or len({add.type for add in kept if add.type != "market"}) < 2:
            self.placed_later = {add.number for add in kept if add.after is not None}
            return orders + [self.order(add, add.quantity) for add in resting]
        for add in [add for add in kept if add.after is not None]:
            self.notes.append(
                f"Add {add.number} follows add {add.after} and the maximum size is shared: score again once add "
                f"{add.after} has filled."
            )
        return orders + self._sharing(resting, adds.room)

    def _sharing(self, resting: Sequence[AddOrder], room: float) -> list[Order]:
        """Return adds on both sides that share the room."""
        limits = [add for add in resting if add.type == "limit"]
        stops = [add for add in resting if add.type == "stop"]
        parts = list(_parts(limits, stops, room))
        venue = self.terms.venue
        if venue.oco_mode == "reduce" or any(not venue.is_order(venue.whole(size)) for size, _, _ in parts):
            return self._nearest_first(limits, stops, room)
        orders: list[Order] = []
        counts: dict[int, int] = {}
        for k, (size, limit, stop) in enumerate(parts, start=1):
            group = f"adds-{k}" if limit is not None and stop is not None else None
            for add in (limit, stop):
                if add is not None:
                    counts[add.number] = counts.get(add.number, 0) + 1
                    order = self.order(add, size, counts[add.number])
                    orders.append(replace(order, oco=group))
        return orders

    def _nearest_first(self, limits: list[AddOrder], stops: list[AddOrder], room: float) -> list[Order]:
        """Return the adds nearest the last price first, as far as all of them together fit the room."""
        orders, left = [], room
        for add in sorted((*limits, *stops), key=lambda add: abs(add.price - self.terms.last)):
            quantity = self.terms.venue.whole(min(add.quantity, left))
            if self.terms.venue.is_order(quantity):
                orders.append(self.order(add, quantity))
                left = without_noise(left - quantity)
            if quantity < add.quantity * (1 - _SLACK):
                self.notes.append(
                    f"Add {add.number} is placed for {quantity:.10g} of {add.quantity:.10g}: with the other adds it "
                    "could exceed the maximum size."
                )
        return orders

    def order(self, add: AddOrder, quantity: float, part: int = 1) -> Order:
        """Return the order of an add; a stop that the last price has passed is a market order."""
        side, last, venue = self.terms.side, self.terms.last, self.terms.venue
        kind, price = add.type, None if add.type == "market" else float(venue.price(add.price, -side))
        why = "target" if add.number == TARGET_ADD else "add"
        name = why if why == "target" else f"add-{add.number}" if part == 1 else f"add-{add.number} part {part}"
        if price is not None and add.after is None and kind == "stop" and side * price <= side * last:
            self._note(f"Add {add.number} at {price:.10g} is beyond the last price {last:.10g}: at market.")
            kind, price = "market", None
        if price is not None and add.after is None:
            moved = float(venue.away(price, last, side, "limit" if kind == "stop" else "stop"))
            if moved != price:
                self._note(
                    f"Add {add.number} at {price:.10g} is closer to the last price than {venue.min_distance:g}, the "
                    f"venue's minimum; it is placed at {moved:.10g}."
                )
                price = moved
        force = venue.at_open if price is None else venue.time_in_force
        hours = venue.hours if kind == "limit" else "regular"
        return Order(
            kind, opening_side(side), without_noise(quantity), price, None, why, name, None, False, force, hours,
            add=add.number,
        )  # fmt: skip

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _parts(
    limits: Sequence[AddOrder], stops: Sequence[AddOrder], room: float
) -> Iterator[tuple[float, AddOrder | None, AddOrder | None]]:
    """Yield the parts of the room: size, and the limit and the stop order that may take it."""
    low = [0.0, *np.cumsum([add.quantity for add in limits])]
    high = [room - end for end in (0.0, *np.cumsum([add.quantity for add in stops]))]
    bounds = sorted({round(float(cut), 10) for cut in (*low, *high)})
    for begin, end in pairwise(bounds):
        if end - begin <= _SLACK * room:
            continue
        middle = (begin + end) / 2
        limit = next((add for add, a, b in zip(limits, low, low[1:], strict=False) if a < middle < b), None)
        stop = next((add for add, b, a in zip(stops, high, high[1:], strict=False) if a < middle < b), None)
        if limit is not None or stop is not None:
            yield without_noise(end - begin), limit, stop


def _after_fills_of_groups(
    found: OrderSet, adds: Sequence[Order], place: dict[int, tuple[Order, ...]], stop: Order
) -> tuple[Replacement, ...]:
    """Return what follows each fill on a venue that links orders in groups."""
    closes = [order for order in found.orders if order.type == AT_CLOSE]
    own: dict[str, tuple[Order, ...]] = {}
    for add in adds:
        group = f"{add.id} cover" if closes else None
        name = f"{add.id} stop"
        covers = [replace(stop, quantity=add.quantity, id=name, oco=group, rung=None)]
        if closes:
            covers.append(replace(closes[0], quantity=add.quantity, id=f"{add.id} close", oco=group))
        own[add.id] = tuple(covers)
    followers = {order.id for orders in place.values() for order in orders}
    names = [add.id for add in adds if add.id not in followers]
    out = [_with_cancelled(change, names, found) for change in found.replacements]
    done = {change.after for change in out}
    out += [Replacement(order.id, tuple(names)) for order in _ends(found) if order.id not in done]
    for add in adds:
        others = tuple(o.id for o in adds if add.oco is not None and o.oco == add.oco and o is not add)
        out.append(Replacement(add.id, others, (*own[add.id], *(place.get(add.add or 0, ())))))
        out += [Replacement(cover.id, tuple(names)) for cover in own[add.id]]
    return tuple(out)


def _ends(found: OrderSet) -> list[Order]:
    """Return the orders after whose fill nothing is added: the trade's stops, the close, the last target of all."""
    orders = [order for order in found.orders if not order.is_add]
    ends = [order for order in orders if order.type == AT_CLOSE or (order.type == "stop" and order.kind != "rung")]
    targets = [order for order in orders if order.type == "limit"]
    covered = sum(order.quantity for order in targets)
    whole = sum(order.quantity for order in orders if order.type == "stop")
    if targets and covered >= whole * (1 - _SLACK):
        ends.append(targets[-1])
    return ends


def _with_cancelled(change: Replacement, names: Sequence[str], found: OrderSet) -> Replacement:
    if change.after in {order.id for order in _ends(found)}:
        return replace(change, cancel=(*change.cancel, *names))
    return change


def _after_fills_of_one_stop(
    found: OrderSet, adds: Sequence[Order], place: dict[int, tuple[Order, ...]], stop: Order
) -> tuple[Replacement, ...]:
    """Return what follows each fill where one stop covers the position: a list for each stop that may be in force.

    Targets fill nearest first, and so do the adds of a kind; which have filled says how much the stop must cover.
    """
    targets = [order for order in found.orders if order.type == "limit"]
    closes = [order for order in found.orders if order.type == AT_CLOSE]
    names = [add.id for add in adds]
    queues = [[add for add in adds if add.type == kind] for kind in ("market", "limit", "stop")]
    # chained adds of another kind come last in their kind's queue: they fill after those before them
    sold = [0.0, *np.cumsum([order.quantity for order in targets])]

    def cover(state: tuple[int, ...]) -> tuple[Order, ...]:
        target, *filled = state
        bought = sum(add.quantity for queue, count in zip(queues, filled, strict=True) for add in queue[:count])
        quantity = without_noise(stop.quantity - float(sold[target]) + bought)
        parts = [str(target)] if target else []
        parts += [add.id for queue, count in zip(queues, filled, strict=True) for add in queue[:count]]
        name = " ".join(parts)
        return tuple(
            replace(order, quantity=quantity, id=f"{order.id} {name}".strip()) for order in (stop, *closes)
        ) if quantity > _SLACK else ()  # fmt: skip

    out: list[Replacement] = []
    sizes = [len(targets), *(len(queue) for queue in queues)]
    for index in np.ndindex(*(size + 1 for size in sizes)):
        state = tuple(int(k) for k in index)
        now = cover(state)
        if not now:
            continue
        for axis, done in enumerate(state):
            if done == sizes[axis]:
                continue
            order = targets[done] if axis == 0 else queues[axis - 1][done]
            after = tuple(k + (1 if m == axis else 0) for m, k in enumerate(state))
            following = cover(after)
            placed = [replace(new, replaces=old.id) for new, old in zip(following, now, strict=False)]
            extra = place.get(order.add or 0, ()) if order.is_add else ()
            gone = tuple(names) if not following else ()
            out.append(Replacement(order.id, (*(o.id for o in now), *gone), (*placed, *extra)))
        rest = (*(t.id for t in targets[state[0] :]), *names)
        out += [Replacement(order.id, (*rest, *(o.id for o in now if o is not order))) for order in now]
    return tuple(out)
