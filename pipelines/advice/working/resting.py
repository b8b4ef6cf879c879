"""Which orders work at the broker now: as the trades file states them, else those of earlier scores that rest still.

An order of earlier scores has filled if a bar since then reached its price and the quantity held has dropped by it; the
orders of its group then go with it, and what its replacements say is done. An order that was reached while the quantity
stayed is taken to rest: to cancel one that is gone does no harm. Orders for the day end with their session, market
orders with the next bar.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from exitladder.clock import DAY_NS
from exitladder.pipelines.advice.orders import closing_side, without_noise
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.working.orders import (
    LEAVE,
    STOP_PRICE,
    WORKING_STOP,
    Working,
    is_near,
)

_SLACK = 1e-9
UNKNOWN = "any stop of {} that works at your broker now: your files state none"


def working_orders(followed: Followed, held: float, stop_before: float) -> list[Working]:
    """Return the orders that are in the market before tonight's.

    Parameters
    ----------
    followed : Followed
    held : float
        Quantity that the user holds.
    stop_before : float
        The stop in the market; NaN if none is known.

    Returns
    -------
    list of Working
        The columns ``working_orders`` and ``working_stop`` come before earlier scores, and these before ``stop_price``.
    """
    if followed.stated is not None:
        return [order for order in followed.stated if _is_ahead(order, followed)]
    earlier = _earlier(followed, held)
    stated = followed.working_stop
    agrees = math.isnan(stated) or is_near(stated, (followed.previous or {}).get("stop_price"))
    if agrees and any(order.type == "stop" and order.add is None for order in earlier):
        return earlier
    earlier = [order for order in earlier if order.type != "stop" or order.add is not None]
    own = float(followed.placed.trades.stop_price[followed.i])
    source = WORKING_STOP if not math.isnan(stated) else STOP_PRICE
    # stop_price is where the stop was at the entry: later scores know better
    is_told = source == WORKING_STOP or (not math.isnan(own) and not (followed.previous or {}).get("orders"))
    if held > 0 and is_told and math.isfinite(stop_before):
        earlier.append(Working("stop", closing_side(followed.side), held, stop_before, source))
    return earlier


def unknown_stop(followed: Followed, working: Sequence[Working]) -> list[str]:
    """Return the text of a stop that may be in the market although no file says so; none if the files do."""
    own = float(followed.placed.trades.stop_price[followed.i])
    told = followed.stated is not None or not math.isnan(followed.working_stop) or not math.isnan(own)
    if told or followed.previous or any(order.type == "stop" for order in working):
        return []
    return [UNKNOWN.format(followed.placed.trades.symbol[followed.i])]


def after(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the orders that are in the market once a row of scores has been carried out.

    Parameters
    ----------
    row : mapping
        A row that could not be scored has no orders, and leaves what worked before.

    Returns
    -------
    list of dict
    """
    return list(row.get("orders") or []) or [o for o in row.get("working") or [] if o.get("do") == LEAVE]


def carried(previous: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a row that cannot be scored keeps of earlier scores, so that later ones find it again.

    Parameters
    ----------
    previous : mapping or None

    Returns
    -------
    dict
        Columns of the scores; empty without an earlier row.
    """
    if not previous:
        return {}
    kept: dict[str, Any] = {name: previous[name] for name in ("managed_from", "quantity_managed") if previous.get(name)}
    working = [Working.from_earlier(order) for order in after(previous) if order.get("type") in ("stop", "limit")]
    stop = previous.get("stop_price")
    if stop is not None:
        kept |= {"stop_price": float(stop), "stop_before": float(stop)}
    if previous.get("asof") is not None:  # what happened since then is not known yet
        kept["asof"] = pd.to_datetime(str(previous["asof"]), utc=True)
    return {**kept, "working": [order.to_mapping() for order in working]}


def left_over(previous: Mapping[str, Mapping[str, Any]], known: Collection[str]) -> list[str]:
    """Return the orders of earlier scores whose trade is not open any more, a line for each trade.

    Parameters
    ----------
    previous : mapping of str to mapping
        Earlier rows by trade_id.
    known : collection of str
        The trades that are open still.

    Returns
    -------
    list of str
    """
    texts = []
    for trade_id, row in previous.items():
        symbol = str(row.get("symbol"))
        orders = [Working.from_earlier(o) for o in after(row) if o.get("type") in ("stop", "limit") and o.get("price")]
        if trade_id not in known and orders:
            named = ", ".join(order.text(symbol) for order in orders)
            texts.append(f"Trade {trade_id} is not open any more: cancel its orders if they work still: {named}.")
    return texts


@dataclass(frozen=True)
class _Since:
    """What the bars since earlier scores have reached."""

    n_bars: int
    best: float
    worst: float
    has_session_ended: bool

    @classmethod
    def of(cls, followed: Followed) -> _Since:
        """Return it for a trade; without the time of earlier scores, nothing is known to have been reached."""
        nothing = cls(0, -math.inf, math.inf, False)
        if not (followed.previous or {}).get("asof"):
            return nothing
        bars, end = followed.placed.bars, int(followed.placed.end_bar[followed.i])
        symbol = int(followed.placed.symbol_index[followed.i])
        moment = pd.to_datetime(str((followed.previous or {}).get("asof")), utc=True, errors="coerce")
        if pd.isna(moment):
            return nothing
        begin = int(bars.start[symbol])
        first = begin + int(bars.close_time[begin:end].searchsorted(moment.as_unit("ns").value, side="right"))
        if first >= end:
            return nothing
        high, low = float(bars.high[first:end].max()), float(bars.low[first:end].min())
        best, worst = (high, low) if followed.side > 0 else (-low, -high)
        days = pd.to_datetime(bars.time[[first, end - 1]], utc=True).tz_convert(followed.venue.exchange_tz)
        ended = int(bars.interval_ns[symbol]) >= DAY_NS or days[0].date() != days[1].date()
        return cls(end - first, best, worst, ended)


def _earlier(followed: Followed, held: float) -> list[Working]:
    """Return the orders of earlier scores that rest still."""
    previous = followed.previous
    if not previous:
        return []
    listed = [order for order in after(previous) if order.get("quantity") is not None]
    since = _Since.of(followed)
    if since.n_bars == 0:
        return [Working.from_earlier(order) for order in listed]
    listed = [order for order in listed if order.get("type") in ("stop", "limit") and order.get("price") is not None]
    if since.has_session_ended:
        listed = [order for order in listed if order.get("time_in_force") != "day"]
    return _Rest(followed, since, [Working.from_earlier(order) for order in listed]).left(held)


class _Rest:
    """The orders of earlier scores, less the filled ones."""

    def __init__(self, followed: Followed, since: _Since, orders: Sequence[Working]) -> None:
        self.followed, self.since = followed, since
        self.orders = dict(enumerate(orders))
        self.previous = followed.previous or {}

    def left(self, held: float) -> list[Working]:
        """Return the orders that rest still."""
        done = set() if self.followed.happened is None else set(self.followed.happened.done)
        added = [key for key, order in self.orders.items() if order.add is not None and order.add in done]
        bought = sum(self.orders[key].quantity for key in added)
        for key in added:
            self._gone(key)
        before = self.previous.get("quantity_open")
        is_known = before is not None and math.isfinite(before) and math.isfinite(held)
        dropped = max(0.0, float(before) + bought - held) if before is not None and is_known else 0.0
        for key in sorted(self.orders, key=self._distance):
            order = self.orders.get(key)
            if order is None or order.add is not None or not self._is_reached(order):
                continue
            filled = min(order.quantity, dropped)
            dropped = without_noise(dropped - filled)
            if filled > 0:
                self._fill(key, filled if order.type == "limit" else order.quantity)
        return list(self.orders.values())

    def _distance(self, key: int) -> tuple[bool, float]:
        price = self.orders[key].price
        assert price is not None
        return self.orders[key].type == "stop", abs(price - self.followed.price)

    def _is_reached(self, order: Working) -> bool:
        assert order.price is not None
        price = self.followed.side * order.price
        slack = _SLACK * abs(price)
        return self.since.best >= price - slack if order.type == "limit" else self.since.worst <= price + slack

    def _group(self, key: int) -> list[int]:
        """Return an order and those of its group."""
        oco = self.orders[key].oco
        return [other for other, order in self.orders.items() if other == key or (oco is not None and order.oco == oco)]

    def _fill(self, key: int, quantity: float) -> None:
        """Take a fill from an order and from those of its group; a whole one is followed by its replacements."""
        if quantity >= self.orders[key].quantity * (1 - _SLACK):
            self._gone(key)
            return
        for other in self._group(key):
            order = self.orders[other]
            self.orders[other] = replace(order, quantity=without_noise(order.quantity - quantity))

    def _gone(self, key: int) -> None:
        name = self.orders[key].id
        for other in self._group(key):
            del self.orders[other]
        for change in self.previous.get("replacements") or []:
            if name and isinstance(change, Mapping) and change.get("after") == name:
                gone = change.get("cancel") or []
                kept = {other: order for other, order in self.orders.items() if order.id not in gone}
                placed = [Working.from_earlier(order) for order in change.get("place") or []]
                self.orders = kept | dict(enumerate(placed, start=max(self.orders, default=key) + 1))


def _is_ahead(order: Working, followed: Followed) -> bool:
    """Whether the last price has not passed a stop; one that it has passed is not in the market any more."""
    return order.type != "stop" or order.price is None or followed.side * (followed.price - order.price) > 0
