"""One order for the next bar, and what the venue that takes it accepts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

AT_CLOSE = "market_on_close"
OcoMode = Literal["oco", "reduce"]
_SNAP = 1e-9


@dataclass(frozen=True)
class Order:
    """An order to have in the market for the next bar.

    Parameters
    ----------
    type : {"market", "limit", "stop", "market_on_close"}
        A market order fills at the next open.
    side : {"buy", "sell"}
    quantity : float
    price : float or None
        None for market orders.
    rung : int or None
        Number of the rung, from 1.
    kind : str
        Why: rung, stop, breakeven, trail, time, session, clock, gap, liquidation, late rung, late exit, add, limit,
        target, daily_loss or margin_call.
    id : str
        Name of the order within its trade.
    oco : str or None
        One-cancels-other group: if an order of a group fills, the venue takes the filled quantity from the others.
    reduce_only : bool
        Whether the venue must never let the order open a position.
    time_in_force : {"gtc", "day", "opg"}
        Good till cancelled, for the day, or at the open only.
    hours : {"regular", "extended"}
    replaces : str or None
        Id of the order that this one replaces.
    add : int or None
        Number of the add, from 1, of an order that adds to the position, 0 of a purchase for a volatility target; None
        for all others.
    do : {"place", "replace", "leave"}
        Whether it is not in the market yet, takes the place of an order that is, or is in the market already.
    was_price, was_quantity : float or None
        Of the order that it replaces.
    was_oco : str or None
        Group of the order that it replaces, if another working order has the same type, side, quantity and price.
    """

    type: str
    side: str
    quantity: float
    price: float | None
    rung: int | None
    kind: str
    id: str = ""
    oco: str | None = None
    reduce_only: bool = True
    time_in_force: str = "gtc"
    hours: str = "regular"
    replaces: str | None = None
    add: int | None = None
    do: str = "place"
    was_price: float | None = None
    was_quantity: float | None = None
    was_oco: str | None = None

    @property
    def is_add(self) -> bool:
        """Whether the order adds to the position."""
        return self.add is not None

    def to_mapping(self) -> dict[str, Any]:
        """Return the order as plain values; ``add`` only of one that adds, ``was_`` only of one that replaces."""
        rare = ("add", "was_price", "was_quantity", "was_oco")
        return {name: value for name, value in self.__dict__.items() if name not in rare or value is not None}


@dataclass(frozen=True)
class Replacement:
    """What to do once an order has filled, before the next bar is scored.

    Parameters
    ----------
    after : str
        Id of the order that has filled whole. A venue with OCO groups does the same by itself.
    cancel : tuple of str
        Ids of orders to cancel.
    place : tuple of Order
        Orders to place instead.
    """

    after: str
    cancel: tuple[str, ...]
    place: tuple[Order, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """Return the replacement as plain values."""
        return {
            "after": self.after,
            "cancel": list(self.cancel),
            "place": [order.to_mapping() for order in self.place],
        }


@dataclass(frozen=True)
class Venue:
    """What the venue of a symbol accepts.

    Parameters
    ----------
    oco_mode : {"oco", "reduce"}
        Whether the venue links orders in groups, or holds one stop per position.
    time_in_force : {"gtc", "day"}
        Of resting orders.
    hours : {"regular", "extended"}
        Of limit orders; stops and market orders work in regular hours only.
    at_open : str
        Time in force of a market order for the next open.
    tick, lot, min_quantity : float
        Steps of price and quantity and the smallest order; 0 for none.
    min_distance : float
        Smallest distance of a resting order from the last price, in price; 0 for none.
    is_tick_found : bool
        Whether no tick is set, and it is the last decimal of the bars' prices.
    exchange_tz : str
        Time zone of its sessions.
    is_always_open : bool
        Whether it trades around the clock.
    """

    oco_mode: OcoMode = "oco"
    time_in_force: str = "gtc"
    hours: str = "regular"
    at_open: str = "day"
    tick: float = 0.0
    lot: float = 0.0
    min_quantity: float = 0.0
    min_distance: float = 0.0
    is_tick_found: bool = False
    exchange_tz: str = "UTC"
    is_always_open: bool = False

    def whole(self, quantity: float) -> float:
        """Return a quantity rounded down to the lot.

        Examples
        --------
        >>> Venue(lot=0.1).whole(0.7000000001), Venue(lot=1).whole(13.7)
        (0.7, 13.0)
        """
        return _on_grid(quantity, self.lot, math.floor) if self.lot > 0 else quantity

    def is_order(self, quantity: float) -> bool:
        """Return whether a quantity is large enough for an order."""
        return quantity > 0 and quantity >= self.min_quantity * (1 - _SNAP)

    def price(self, price: float, side: int) -> float:
        """Return a price on the tick, rounded against the trader: down for a sale, up for a purchase (rule S3).

        Parameters
        ----------
        price : float
        side : int
            Of the position: +1 long, whose orders sell; -1 short.

        Returns
        -------
        float

        Examples
        --------
        >>> Venue(tick=0.05).price(10.07, 1), Venue(tick=0.05).price(10.07, -1)
        (10.05, 10.1)
        """
        return side * _on_grid(side * price, self.tick, math.floor) if self.tick > 0 else price

    def away(self, price: float, last: float, side: int, kind: str) -> float:
        """Return the price of a resting order moved away from the last price if it is closer than the venue accepts.

        Parameters
        ----------
        price, last : float
        side : int
            Of the position: +1 long, -1 short.
        kind : {"limit", "stop"}

        Returns
        -------
        float
            The price itself if it is far enough.
        """
        if self.min_distance <= 0 or not math.isfinite(last):
            return price
        if kind == "limit":
            least = side * last + self.min_distance
            if side * price >= least - _SNAP * abs(last):
                return price
            return side * _on_grid(least, self.tick, math.ceil) if self.tick > 0 else side * least
        most = side * last - self.min_distance
        return price if side * price <= most + _SNAP * abs(last) else self.price(side * most, side)


def opening_side(side: int) -> str:
    """Return the side of the orders that add to a position."""
    return "buy" if side > 0 else "sell"


def closing_side(side: int) -> str:
    """Return the side of the orders that close a position."""
    return "sell" if side > 0 else "buy"


def without_noise(quantity: float) -> float:
    """Return a quantity without the noise of sums and differences."""
    return float(round(quantity, 10))


def _on_grid(value: float, step: float, rounded: Any) -> float:
    count = value / step
    nearest = round(count)
    steps = nearest if abs(count - nearest) <= _SNAP * max(1.0, abs(count)) else rounded(count)
    return float(steps / (1.0 / step) if step < 1 else steps * step)
