"""The adds of a trade that may fill in its next bar, as records that advice reads without the engine."""

from __future__ import annotations

import math
from typing import NamedTuple


class AddOrder(NamedTuple):
    """An add that may fill in the next bar.

    Parameters
    ----------
    number : int
        Of the add, from 1.
    type : {"limit", "stop", "market"}
        Averaging, pyramiding, or decided at the last close.
    quantity : float
    price : float
        Of the order; NaN for a market order.
    fill : float
        Price at which it is expected to fill, slippage included: the last close for a market order.
    after : int or None
        The add whose fill places this one (``spacing = "previous"``); its `price` assumes that fill at its `fill`.
    """

    number: int
    type: str
    quantity: float
    price: float
    fill: float
    after: int | None


class StandingAdds(NamedTuple):
    """The adds of a trade that may fill in the next bar.

    Parameters
    ----------
    orders : tuple of AddOrder
        Market orders first, then limit and stop orders, each nearest the price first.
    room : float
        The most that all of them together may add after the market orders; infinite without a maximum size.
    """

    orders: tuple[AddOrder, ...] = ()
    room: float = math.inf
