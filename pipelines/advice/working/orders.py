"""One order that works at the broker now, and the text of any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exitladder.pipelines.advice.wording.sentences import number

# where an order in the market is known from
PREVIOUS, WORKING_ORDERS, WORKING_STOP, STOP_PRICE = SOURCES = (
    "previous", "working_orders", "working_stop", "stop_price",
)  # fmt: skip
PLACE, REPLACE, LEAVE, CANCEL = "place", "replace", "leave", "cancel"
_SAME = 1e-9


@dataclass(frozen=True)
class Working:
    """An order that is in the market before tonight's orders.

    Parameters
    ----------
    type : str
        As of `exitladder.pipelines.advice.orders.Order`.
    side : {"buy", "sell"}
    quantity : float
    price : float or None
    source : {"previous", "working_orders", "working_stop", "stop_price"}
        The earlier scores, or the column of the trades file that states it.
    id : str
        Empty if it has none.
    oco : str or None
        Its group, if one is known.
    rung, add : int or None
    time_in_force : str
        Empty if it is not known.
    do : {"leave", "replace", "cancel"}
    is_sure : bool
        False if it may well be gone: it is cancelled, and never left or replaced.
    """

    type: str
    side: str
    quantity: float
    price: float | None
    source: str
    id: str = ""
    oco: str | None = None
    rung: int | None = None
    add: int | None = None
    time_in_force: str = ""
    do: str = LEAVE
    is_sure: bool = True

    @classmethod
    def from_earlier(cls, order: Mapping[str, Any]) -> Working:
        """Return an order of earlier scores."""
        return cls(
            str(order.get("type")), str(order.get("side")), float(order.get("quantity") or 0.0), order.get("price"),
            str(order.get("source") or PREVIOUS), str(order.get("id") or ""), order.get("oco"), order.get("rung"),
            order.get("add"), str(order.get("time_in_force") or ""),
        )  # fmt: skip

    @property
    def name(self) -> str:
        """Its id, or type and price."""
        return self.id or f"your {self.type} at {number(float('nan') if self.price is None else self.price)}"

    def text(self, symbol: str) -> str:
        """Return the order in one line, without its group and time in force: enough to find it at the broker."""
        return order_text({**self.__dict__, "oco": None, "time_in_force": ""}, symbol)

    def group_among(self, orders: Iterable[Working]) -> str:
        """Return its group if another of these orders reads the same without it, else an empty text."""
        return self.oco or "" if any(is_same(self, one) for one in orders if one is not self) else ""

    def text_among(self, orders: Iterable[Working], symbol: str) -> str:
        """Return the order in one line, with its group if another of these orders reads the same."""
        group = self.group_among(orders)
        return self.text(symbol) + (f" (OCO {group})" if group else "")

    def to_mapping(self) -> dict[str, Any]:
        """Return the order as plain values; ``add`` only of one that adds."""
        shown = {name: value for name, value in self.__dict__.items() if name != "is_sure"}
        return {name: value for name, value in shown.items() if name != "add" or value is not None}


def is_same(order: Any, other: Any) -> bool:
    """Whether two orders are of the same type, side, quantity and price."""
    return order.type == other.type and order.side == other.side and is_near(order.quantity, other.quantity) and (
        is_near(order.price, other.price)
    )  # fmt: skip


def is_near(a: float | None, b: float | None) -> bool:
    """Whether two quantities or prices are the same number but for noise; None is equal to None alone."""
    return a == b or (a is not None and b is not None and abs(a - b) <= _SAME * max(abs(a), abs(b)))


def order_text(order: Mapping[str, Any], symbol: str) -> str:
    """Return an order in one line, to be copied.

    Examples
    --------
    >>> order_text({"side": "sell", "quantity": 3.0, "type": "limit", "price": 52.0, "oco": "rung-1",
    ...             "time_in_force": "gtc"}, "ACME")
    'SELL 3 ACME LIMIT 52 GTC OCO rung-1'
    """
    price = "" if order.get("price") is None else f" {number(order['price'])}"
    group = f" OCO {order['oco']}" if order.get("oco") else ""
    kind = str(order["type"]).upper().replace("_", " ")
    force = f" {str(order['time_in_force']).upper()}" if order.get("time_in_force") else ""
    return f"{str(order['side']).upper()} {number(order['quantity'])} {symbol} {kind}{price}{force}{group}"
