"""Advice on one open trade: the ladder's orders for the next bar, compared with the user's position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exitladder.pipelines.advice.order_sets import OrderSet, resting_set
from exitladder.pipelines.advice.orders import AT_CLOSE, Order, Replacement, Venue, closing_side

HOLD, REDUCE, EXIT = ACTIONS = ("hold", "reduce", "exit")
_SLACK = 1e-9
# Why everything is sold at the next open, or at the next close, by the kind of the order.
_DUE = {
    "time": "The time stop is reached.",
    "session": "The close of the session has passed.",
    "clock": "The exchange's clock has passed stop.clock.",
    "gap": "Trading pauses for longer than stop.max_gap.",
}
_AT_CLOSE = {
    "time": "The time stop is reached at the close of the next bar.",
    "session": "The next bar is the last of the session; the rest is sold at its close.",
    "clock": "The next bar is the last before stop.clock; the rest is sold at its close.",
}


@dataclass(frozen=True)
class Holding:
    """What the user holds of a trade, and where its orders go.

    Parameters
    ----------
    quantity : float
        Quantity that the user holds.
    side : int
        +1 long, -1 short.
    last : float
        The last price.
    venue : Venue
    slices : frozenset of int
        Numbers of the ladder's rungs that are slices (rule X10).
    """

    quantity: float
    side: int
    last: float = float("nan")
    venue: Venue = field(default_factory=Venue)
    slices: frozenset[int] = frozenset()

    def at_market(self, quantity: float, kind: str, name: str, rung: int | None = None) -> Order:
        """Return a market order for the next open that closes a part of the position.

        Parameters
        ----------
        quantity : float
        kind, name : str
            Why, and the order's id.
        rung : int, optional

        Returns
        -------
        Order
        """
        return Order(
            "market", closing_side(self.side), quantity, None, rung, kind, name, time_in_force=self.venue.at_open
        )


@dataclass(frozen=True)
class Advice:
    """Action, orders and reasons for one open trade.

    Parameters
    ----------
    action : {"hold", "reduce", "exit"}
        Action at the next open.
    quantity : float
        Quantity of the action.
    stop_price : float
        Active stop for the next bar; NaN if no position remains.
    orders : tuple of Order
    reasons, warnings : tuple of str
    replacements : tuple of Replacement
        What to do after a fill, before the next bar is scored.
    """

    action: str
    quantity: float
    stop_price: float
    orders: tuple[Order, ...] = ()
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    replacements: tuple[Replacement, ...] = ()


def advise_closed(holding: Holding, how: str, when: str) -> Advice:
    """Return the advice on a trade that the ladder has already closed while the user still holds it.

    Parameters
    ----------
    holding : Holding
    how : str
        Description of the closing order.
    when : str
        Time of the ladder's exit.

    Returns
    -------
    Advice
    """
    held = holding.quantity
    return Advice(
        action=EXIT,
        quantity=held,
        stop_price=float("nan"),
        orders=(holding.at_market(held, "late exit", "exit"),),
        reasons=(f"The ladder closed this trade at {when} ({how}).",),
        warnings=(f"The position of {held:g} is still open, but no longer protected by a stop of this ladder.",),
    )


def advise_open(holding: Holding, ladder_left: float, standing: Sequence[Order], stop_price: float) -> Advice:
    """Return the advice on a trade that the ladder still holds.

    Parameters
    ----------
    holding : Holding
    ladder_left : float
        Quantity that the ladder would hold now.
    standing : sequence of Order
        The ladder's orders for the next bar, for `ladder_left`.
    stop_price : float
        Active stop for the next bar.

    Returns
    -------
    Advice
        Its orders are accepted together: what can fill never exceeds the position.
    """
    now = _Now(holding)
    now.catch_up(ladder_left)
    for order in standing:
        if order.type == "market":
            now.sell(order)
    left, held = holding.quantity - now.sold, holding.quantity
    found = OrderSet()
    if left > _SLACK * held:
        found = resting_set(standing, left, holding.side, holding.last, holding.venue, holding.slices)
        now.sold += sum(order.quantity for order in found.orders if order.type == "market")
        now.reasons += [_AT_CLOSE[order.kind] for order in standing if order.type == AT_CLOSE]
        now.reasons += [note for note in found.notes if "beyond the last price" in note]
        now.warnings += [note for note in found.notes if "beyond the last price" not in note]
    action = HOLD if now.sold == 0 else EXIT if held - now.sold <= _SLACK * held else REDUCE
    return Advice(
        action=action,
        quantity=now.sold,
        stop_price=stop_price if action != EXIT else float("nan"),
        orders=(*now.orders, *found.orders),
        reasons=tuple(now.reasons),
        warnings=tuple(now.warnings),
        replacements=found.replacements,
    )


class _Now:
    """The market orders of a trade for the next open."""

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.orders: list[Order] = []
        self.reasons: list[str] = []
        self.warnings: list[str] = []
        self.sold = 0.0

    def catch_up(self, ladder_left: float) -> None:
        """Sell what rungs that were reached should have sold."""
        held = self.holding.quantity
        excess = held - ladder_left
        if excess < -_SLACK * held:
            self.warnings.append(
                f"The open quantity is {held:g}, less than the {ladder_left:g} of the ladder; orders are reduced to it."
            )
        if excess <= _SLACK * held:
            return
        self._add(excess, "late rung", None)
        self.warnings.append(f"The ladder would hold {ladder_left:g} now, but the open quantity is {held:g}.")
        self.reasons.append(f"Rungs of the ladder have already been reached: {excess:g} should have been sold.")

    def sell(self, order: Order) -> None:
        """Take over a market order of the ladder."""
        quantity = min(order.quantity, self.holding.quantity - self.sold)
        if quantity <= 0:
            return
        self._add(quantity, order.kind, order.rung)
        self.reasons.append(
            f"The conditions of rung {order.rung} were met at the close."
            if order.kind == "rung"
            else _DUE.get(order.kind, f"The rest of the order {order.kind}, which volume held up, fills next.")
        )

    def _add(self, quantity: float, kind: str, rung: int | None) -> None:
        rest = self.holding.quantity - self.sold - quantity
        venue = self.holding.venue
        if rest > _SLACK * self.holding.quantity:
            whole = venue.whole(quantity)
            # what no order may be as small as goes with the fill that would leave it (S1)
            quantity = whole if venue.is_order(rest + quantity - whole) else quantity + rest
        if quantity > 0:
            self.orders.append(self.holding.at_market(quantity, kind, f"now {len(self.orders) + 1}", rung))
            self.sold += quantity
