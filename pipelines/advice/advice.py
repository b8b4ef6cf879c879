"""Advice on one open trade: the ladder's orders for the next bar, compared with the user's position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exitladder.pipelines.advice.adds.sets import NO_ADDS, Terms, with_adds
from exitladder.pipelines.advice.order_sets import OrderSet, resting_set
from exitladder.pipelines.advice.orders import AT_CLOSE, Order, Replacement, Venue, closing_side, without_noise
from exitladder.plans.resting_adds import StandingAdds

HOLD, REDUCE, EXIT, ADD = ACTIONS = ("hold", "reduce", "exit", "add")
_SLACK = 1e-9
# Why everything is sold at the next open, or at the next close, by the kind of the order.
_DUE = {
    "time": "The time stop is reached.",
    "session": "The close of the session has passed.",
    "clock": "The exchange's clock has passed stop.clock.",
    "gap": "Trading pauses for longer than stop.max_gap.",
    "limit": "A limit of risk reduces the position.",
    "target": "The volatility target reduces the position.",
    "daily_loss": "The daily loss of the book is reached.",
    "margin_call": "The account is below its maintenance margin.",
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

    @property
    def whole(self) -> float:
        """The quantity rounded down to the lot: what orders can close."""
        return self.venue.whole(self.quantity)

    def remainder(self) -> tuple[str, ...]:
        """Return a note if a part of the position is less than a lot."""
        rest = self.quantity - self.whole
        if rest <= _SLACK * self.quantity:
            return ()
        return (f"{rest:.10g} of {self.quantity:.10g} is less than a lot of {self.venue.lot:g} and has no order.",)

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
    action : {"hold", "reduce", "exit", "add"}
        Action at the next open; ``add`` if something is bought and nothing sold.
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
    open_text = f"The position of {holding.quantity:g} is still open, but no longer protected by a stop of this ladder."
    return _sold(holding, f"The ladder closed this trade at {when} ({how}).", open_text)


def advise_stopped(holding: Holding) -> Advice:
    """Return the advice on a trade whose stop in the market was reached while the ladder still holds it.

    Parameters
    ----------
    holding : Holding

    Returns
    -------
    Advice
        No looser stop takes its place: the rest of the position is sold.
    """
    return _sold(holding, "The ladder still holds this trade: the stop in the market was tighter than its own.")


def _sold(holding: Holding, reason: str, *notes: str) -> Advice:
    """Return the advice to sell all at the open."""
    whole = holding.whole
    return Advice(
        action=EXIT,
        quantity=whole,
        stop_price=float("nan"),
        orders=(holding.at_market(whole, "late exit", "exit"),) if whole > 0 else (),
        reasons=(reason,),
        warnings=(*notes, *holding.remainder()),
    )


def advise_open(
    holding: Holding,
    ladder_left: float,
    standing: Sequence[Order],
    stop_price: float,
    adds: StandingAdds = NO_ADDS,
) -> Advice:
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
    adds : StandingAdds
        Of a plan: its adds that may fill in the next bar.

    Returns
    -------
    Advice
        Its orders are accepted together: what can fill never exceeds the position, and adds never the maximum size.
    """
    now = _Now(holding)
    now.catch_up(ladder_left)
    for order in standing:
        if order.type == "market":
            now.sell(order)
    held, left = holding.quantity, holding.whole - now.sold
    found = OrderSet()
    now.warnings += holding.remainder()
    if left > _SLACK * held:
        found = resting_set(standing, left, holding.side, holding.last, holding.venue, holding.slices)
        now.sold += sum(order.quantity for order in found.orders if order.type == "market")
        found = with_adds(found, adds, Terms(holding.side, holding.last, holding.venue))
        now.reasons += [_AT_CLOSE[order.kind] for order in standing if order.type == AT_CLOSE]
        now.reasons += [note for note in found.notes if "beyond the last price" in note]
        now.warnings += [note for note in found.notes if "beyond the last price" not in note]
    action = HOLD if now.sold == 0 else EXIT if holding.whole - now.sold <= _SLACK * held else REDUCE
    bought = sum(order.quantity for order in found.orders if order.is_add and order.type == "market")
    if action == HOLD and bought:
        action = ADD
    return Advice(
        action=action,
        quantity=now.sold or bought,
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
        excess = self.holding.whole - ladder_left
        if held - ladder_left < -_SLACK * held:
            self.warnings.append(
                f"The open quantity is {held:g}, less than the {ladder_left:g} of the ladder; orders are reduced to it."
            )
        if excess <= _SLACK * held or not self._add(excess, "late rung", None):
            return
        self.warnings.append(
            f"The ladder would hold {ladder_left:g} now, but the open quantity is {held:g}. If an order has filled, "
            "correct quantity_open and score again."
        )
        self.reasons.append(f"Rungs of the ladder have already been reached: {excess:g} should have been sold.")

    def sell(self, order: Order) -> None:
        """Take over a market order of the ladder."""
        quantity = min(order.quantity, self.holding.whole - self.sold)
        if quantity <= 0 or not self._add(quantity, order.kind, order.rung):
            return
        self.reasons.append(
            f"The conditions of rung {order.rung} were met at the close."
            if order.kind == "rung"
            else _DUE.get(order.kind, f"The rest of the order {order.kind}, which volume held up, fills next.")
        )

    def _add(self, quantity: float, kind: str, rung: int | None) -> bool:
        """Add a market order; False if it is too small for one and stays with the rest."""
        holding, venue = self.holding, self.holding.venue
        left = holding.whole - self.sold
        whole = venue.whole(quantity)
        if left - quantity <= _SLACK * holding.quantity:
            whole = left
        elif not venue.is_order(whole):
            if whole > 0:
                self.warnings.append(f"{whole:g} is below the smallest order of {venue.min_quantity:g}: not sold now.")
            return False
        elif not venue.is_order(without_noise(left - whole)):
            # what no order may be as small as goes with the fill that would leave it (S1)
            whole = left
        self.orders.append(holding.at_market(without_noise(whole), kind, f"now {len(self.orders) + 1}", rung))
        self.sold = without_noise(self.sold + whole)
        return True
