"""Advice on one open trade: what the ladder wants in the market for the next bar, against what the user holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

HOLD, REDUCE, EXIT = ACTIONS = ("hold", "reduce", "exit")
_SLACK = 1e-9


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
    """What to do with one open trade, and why.

    Parameters
    ----------
    action : {"hold", "reduce", "exit"}
        What to do at the next open.
    quantity : float
        How much of it.
    stop_price : float
        The stop that is in force for the next bar; NaN where nothing is left to protect.
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
    """Return the advice on a trade that the ladder has already closed while the book still holds it."""
    close = Order("market", _closing_side(side), held, None, None, "late exit")
    return Advice(
        action=EXIT,
        quantity=held,
        stop_price=float("nan"),
        orders=(close,),
        reasons=(f"This ladder was out of the trade at {when} ({how}).",),
        warnings=(f"The book still holds {held:g}, which no stop of this ladder protects any more.",),
    )


def advise_open(held: float, ladder_left: float, side: int, standing: Sequence[Order], stop_price: float) -> Advice:
    """Return the advice on a trade that the ladder still holds.

    Parameters
    ----------
    held : float
        What the book holds.
    ladder_left : float
        What the ladder, followed from the entry, would hold now.
    standing : sequence of Order
        The ladder's orders for the next bar, for `ladder_left`.
    stop_price : float
    """
    warnings: list[str] = []
    reasons: list[str] = []
    orders: list[Order] = []
    sold = 0.0
    excess = held - ladder_left
    if excess > _SLACK * held:
        orders.append(Order("market", _closing_side(side), excess, None, None, "late rung"))
        sold += excess
        warnings.append(f"By now this ladder would hold {ladder_left:g}; the book holds {held:g}.")
        reasons.append(f"Rungs of this ladder have already been reached: {excess:g} should have been sold.")
    elif excess < -_SLACK * held:
        warnings.append(f"The book holds {held:g}, less than the {ladder_left:g} of this ladder; orders are cut to it.")
    for order in standing:
        if order.type != "market":
            continue
        quantity = min(order.quantity, held - sold)
        if quantity > 0:
            orders.append(Order(order.type, order.side, quantity, None, order.rung, order.kind))
            sold += quantity
            reasons.append(
                "The time stop is due."
                if order.kind == "time"
                else f"The conditions of rung {order.rung} held at the close."
            )
    left = held - sold
    if left > _SLACK * held:
        orders += _resting(standing, left)
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
    """The resting orders, cut to what is left: rungs in their order, the stop for all of it."""
    orders = []
    unspoken = left
    for order in standing:
        if order.type == "market":
            continue
        if order.rung is None:
            orders.append(Order(order.type, order.side, left, order.price, None, order.kind))
            continue
        quantity = min(order.quantity, unspoken)
        if quantity > 0:
            orders.append(Order(order.type, order.side, quantity, order.price, order.rung, order.kind))
            unspoken -= quantity
    return orders


def _closing_side(side: int) -> str:
    return "sell" if side > 0 else "buy"
