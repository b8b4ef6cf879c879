"""Advice on one open trade: the ladder's orders for the next bar, compared with the user's position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
class Order:
    """An order to have in the market for the next bar."""

    type: str
    side: str
    quantity: float
    price: float | None
    rung: int | None
    kind: str

    def to_mapping(self) -> dict[str, Any]:
        """Return the order as plain values."""
        return {
            "type": self.type,
            "side": self.side,
            "quantity": self.quantity,
            "price": self.price,
            "rung": self.rung,
            "kind": self.kind,
        }


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
    """

    action: str
    quantity: float
    stop_price: float
    orders: tuple[Order, ...] = ()
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def advise_closed(held: float, side: int, how: str, when: str) -> Advice:
    """Return the advice on a trade that the ladder has already closed while the user still holds it.

    Parameters
    ----------
    held : float
        Quantity that the user holds.
    side : int
        +1 long, -1 short.
    how : str
        Description of the closing order.
    when : str
        Time of the ladder's exit.

    Returns
    -------
    Advice
    """
    close = Order("market", _closing_side(side), held, None, None, "late exit")
    return Advice(
        action=EXIT,
        quantity=held,
        stop_price=float("nan"),
        orders=(close,),
        reasons=(f"The ladder closed this trade at {when} ({how}).",),
        warnings=(f"The position of {held:g} is still open, but no longer protected by a stop of this ladder.",),
    )


def advise_open(held: float, ladder_left: float, side: int, standing: Sequence[Order], stop_price: float) -> Advice:
    """Return the advice on a trade that the ladder still holds.

    Parameters
    ----------
    held : float
        Quantity that the user holds.
    ladder_left : float
        Quantity that the ladder, followed since the entry, would hold now.
    side : int
        +1 long, -1 short.
    standing : sequence of Order
        The ladder's orders for the next bar, for `ladder_left`.
    stop_price : float
        Active stop for the next bar.

    Returns
    -------
    Advice
    """
    warnings: list[str] = []
    reasons: list[str] = []
    orders: list[Order] = []
    sold = 0.0
    excess = held - ladder_left
    if excess > _SLACK * held:
        orders.append(Order("market", _closing_side(side), excess, None, None, "late rung"))
        sold += excess
        warnings.append(f"The ladder would hold {ladder_left:g} now, but the open quantity is {held:g}.")
        reasons.append(f"Rungs of the ladder have already been reached: {excess:g} should have been sold.")
    elif excess < -_SLACK * held:
        warnings.append(
            f"The open quantity is {held:g}, less than the {ladder_left:g} of the ladder; orders are reduced to it."
        )
    for order in standing:
        if order.type != "market":
            continue
        quantity = min(order.quantity, held - sold)
        if quantity > 0:
            orders.append(Order(order.type, order.side, quantity, None, order.rung, order.kind))
            sold += quantity
            reasons.append(
                f"The conditions of rung {order.rung} were met at the close."
                if order.kind == "rung"
                else _DUE.get(order.kind, f"The rest of the order {order.kind}, which volume held up, fills next.")
            )
    left = held - sold
    if left > _SLACK * held:
        orders += _resting(standing, left)
        reasons += [_AT_CLOSE[order.kind] for order in standing if order.type == "market-on-close"]
    action = HOLD if sold == 0 else EXIT if left <= _SLACK * held else REDUCE
    return Advice(
        action=action,
        quantity=sold,
        stop_price=stop_price if action != EXIT else float("nan"),
        orders=tuple(orders),
        reasons=tuple(reasons),
        warnings=tuple(warnings),
    )


def _resting(standing: Sequence[Order], left: float) -> list[Order]:
    """Return the resting orders, reduced to the remaining quantity: rungs in order, the stop for all of it.

    Limits above the market and partial stop-outs below it do not share the quantity: it is there for either side. A
    slice (X10) keeps its quantity for its own target and stop; the stop of the trade is for the others.
    """
    free, reserved = left, {}
    for order in standing:
        if order.type == "stop" and order.rung is not None and order.kind != "rung":
            reserved[order.rung] = min(order.quantity, free)
            free -= reserved[order.rung]
    orders = []
    unassigned = {"limit": free, "stop": free}
    whole = [order for order in standing if order.type in ("limit", "stop") and order.rung is None]
    for order in standing:
        if order.type == "market":
            continue
        if order.type == "market-on-close":
            quantity = min(order.quantity, left)  # all that the others leave
        elif order.rung is None:
            quantity = free if order is whole[-1] else min(order.quantity, free)
            free -= quantity
        elif order.rung in reserved:
            quantity = min(order.quantity, reserved[order.rung])
        else:
            quantity = min(order.quantity, unassigned[order.type])
            unassigned[order.type] -= quantity
        if quantity > 0:
            orders.append(Order(order.type, order.side, quantity, order.price, order.rung, order.kind))
    return orders


def _closing_side(side: int) -> str:
    return "sell" if side > 0 else "buy"
