"""What to do with each order, so that afterwards tonight's are in the market: cancel, replace, place or leave it.

An order that works already is left if tonight's list has the same one; another one of its role is replaced; the rest is
cancelled. Only orders that are not in the market yet are placed, so no stop or limit comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from exitladder.pipelines.advice.orders import Order
from exitladder.pipelines.advice.working.orders import (
    CANCEL,
    LEAVE,
    PLACE,
    REPLACE,
    WORKING_ORDERS,
    Working,
    is_near,
    is_same,
    order_text,
)

_ORDER_OF_WORK = (CANCEL, REPLACE, PLACE, LEAVE)


def instructed(orders: Sequence[Order], working: Sequence[Working]) -> tuple[tuple[Order, ...], tuple[Working, ...]]:
    """Return tonight's orders and the working ones, each with what to do with it.

    Parameters
    ----------
    orders : sequence of Order
        To have in the market for the next bar.
    working : sequence of Working
        In the market now.

    Returns
    -------
    orders : tuple of Order
        ``do`` is place, replace or leave.
    working : tuple of Working
        ``do`` is leave, replace or cancel. One is left or replaced for each order that is.
    """
    pairs = _Pairs(orders, working)
    pairs.match(lambda new, old: bool(old.id) and new.id == old.id and new.type == old.type and new.side == old.side)
    pairs.match(_is_left)
    pairs.match(lambda new, old: _is_role(new, old) and new.type == "limit" and is_near(new.price, old.price))
    pairs.match(lambda new, old: _is_role(new, old) and new.rung is not None and new.rung == old.rung)
    pairs.match(lambda new, old: _is_role(new, old) and new.type == "stop")
    return pairs.results()


def _is_role(new: Order, old: Working) -> bool:
    """Whether an order can take the place of another: both close the position, and both are stops or both limits."""
    return new.type == old.type and new.side == old.side and new.add is None and old.add is None


def _is_left(new: Order, old: Working) -> bool:
    """Whether a working order is one of tonight's as it is; a cell of the trades file need not name its group."""
    is_linked = new.oco == old.oco or (old.source == WORKING_ORDERS and old.oco is None)
    return is_same(new, old) and is_linked and (new.add is None) == (old.add is None)


class _Pairs:
    """Pairs of an order of tonight and the working one that it leaves or replaces."""

    def __init__(self, orders: Sequence[Order], working: Sequence[Working]) -> None:
        self.orders, self.working = list(orders), list(working)
        self.sure = {j for j, order in enumerate(self.working) if order.is_sure}
        self.old_of: dict[int, int] = {}

    def match(self, fits: Callable[[Order, Working], bool]) -> None:
        """Pair orders without a partner, the largest quantities first."""
        new = sorted(set(range(len(self.orders))) - set(self.old_of), key=lambda k: -self.orders[k].quantity)
        old = sorted(self.sure - set(self.old_of.values()), key=lambda k: -self.working[k].quantity)
        for k in new:
            found = next((j for j in old if fits(self.orders[k], self.working[j])), None)
            if found is not None:
                self.old_of[k] = found
                old.remove(found)

    def results(self) -> tuple[tuple[Order, ...], tuple[Working, ...]]:
        """Return both sides with what to do."""
        done = [replace(order, do=CANCEL) for order in self.working]
        orders = []
        for k, order in enumerate(self.orders):
            j = self.old_of.get(k)
            if j is None:
                orders.append(order)
                continue
            before = self.working[j]
            do = LEAVE if _is_left(order, before) else REPLACE
            done[j] = replace(before, do=do)
            if do == LEAVE:
                orders.append(replace(order, do=LEAVE))
            else:
                orders.append(
                    replace(
                        order,
                        do=REPLACE,
                        was_price=before.price,
                        was_quantity=before.quantity,
                        replaces=before.name,
                        was_oco=before.group_among(self.working) or None,
                    )
                )
        return tuple(orders), tuple(done)


def instruction_texts(row: Mapping[str, Any]) -> list[str]:
    """Return what to do with each order of a row in one line each: first what to cancel, last what to leave.

    Parameters
    ----------
    row : mapping
        ``symbol``, ``orders`` and ``cancels`` of the scores.

    Returns
    -------
    list of str
        The page shows and copies these lines.
    """
    symbol = str(row["symbol"])
    cancels = row.get("cancels")
    texts = [(CANCEL, str(text)) for text in (cancels if isinstance(cancels, list) else [])]
    texts += [(str(order.get("do") or PLACE), _text(order, symbol)) for order in row["orders"]]
    return [f"{do.upper()} {text}" for name in _ORDER_OF_WORK for do, text in texts if do == name]


def _text(order: Mapping[str, Any], symbol: str) -> str:
    new = order_text(order, symbol)
    if order.get("do") != REPLACE:
        return new
    before = {**order, "quantity": order["was_quantity"], "price": order["was_price"], "oco": None, "time_in_force": ""}
    group = f" (OCO {order['was_oco']})" if order.get("was_oco") else ""
    return f"{order_text(before, symbol)}{group} WITH {new}"
