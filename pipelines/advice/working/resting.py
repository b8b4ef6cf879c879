"""Which orders of earlier scores rest still, and what earlier scores leave to later ones.

An order of earlier scores has filled if a bar since then reached its price and the quantity held has dropped by it; the
orders of its group then go with it, and what its replacements say is done. An order that was reached while the quantity
stayed is taken to rest, and named: to cancel one that is gone does no harm. If the quantity has dropped although no bar
shows why, no order is known to rest, and the rungs of the nearest limits that explain it are taken to have filled.
Orders for the day end with their session, market orders with the next bar.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from exitladder.pipelines.advice.orders import AT_CLOSE, without_noise
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.working.orders import LEAVE, Working, is_near
from exitladder.pipelines.advice.working.since import Since

_SLACK = 1e-9
_KEPT = ("managed_from", "quantity_managed", "entry_time", "ladder")
UNKNOWN = "any stop of {} that works at your broker now: your files state none"


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
    kept: dict[str, Any] = {name: previous[name] for name in _KEPT if previous.get(name)}
    working = [
        Working.from_earlier(order) for order in after(previous)
        if order.get("type") in ("stop", "limit") or order.get("add") is not None
    ]  # fmt: skip
    stop = previous.get("stop_price")
    if stop is not None:
        kept |= {"stop_price": float(stop), "stop_before": float(stop)}
    if previous.get("quantity_open") is not None:
        kept["quantity_open"] = float(previous["quantity_open"])
    if previous.get("replacements"):
        kept["replacements"] = list(previous["replacements"])
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
            named = ", ".join(order.text_among(orders, symbol) for order in orders)
            texts.append(f"Trade {trade_id} is not open any more: cancel its orders if they work still: {named}.")
    return texts


@dataclass
class Rest:
    """The orders of earlier scores that rest still, and doubts about the others.

    Parameters
    ----------
    orders : list of Working
        Those that rest still.
    reached : list of (Working, Timestamp or None)
        Orders whose price was reached although the quantity held does not show it; without a bar, orders at market.
    doubtful : list of Working
        Orders that the quantity held contradicts.
    filled_rungs : frozenset of int
        Rungs taken to have been sold although no bar shows it.
    dropped : float
        How much the quantity held has dropped without a bar that shows why.
    doubtful_adds : list of Working
        Orders of adds that have filled in part, with those of their groups and those that follow their fills.
    in_part : dict of int to (float, float)
        By number of such an add, the quantity bought and the one that was placed.
    missing : dict of str to float
        By id of an order at market, how much of it the quantity held does not show as filled.
    """

    orders: list[Working] = field(default_factory=list)
    reached: list[tuple[Working, pd.Timestamp | None]] = field(default_factory=list)
    doubtful: list[Working] = field(default_factory=list)
    filled_rungs: frozenset[int] = frozenset()
    dropped: float = 0.0
    doubtful_adds: list[Working] = field(default_factory=list)
    in_part: dict[int, tuple[float, float]] = field(default_factory=dict)
    missing: dict[str, float] = field(default_factory=dict)


def rest_of(followed: Followed, held: float) -> Rest:
    """Return the orders of earlier scores that rest still.

    Parameters
    ----------
    followed : Followed
    held : float
        Quantity that the user holds.

    Returns
    -------
    Rest
    """
    previous = followed.previous
    if not previous:
        return Rest()
    listed = [Working.from_earlier(order) for order in after(previous) if order.get("quantity") is not None]
    return _Follow(followed, Since.earlier(followed), listed).rest(held)


class _Follow:
    """The orders of earlier scores, less the filled ones."""

    def __init__(self, followed: Followed, since: Since, orders: Sequence[Working]) -> None:
        self.followed, self.since = followed, since
        self.market = [order for order in orders if order.price is None and order.add is None]
        self.bought = [order for order in orders if order.price is None and order.add is not None and since.n_bars]
        resting = [order for order in orders if order.price is not None or (order.add is not None and not since.n_bars)]
        if since.n_bars:
            resting = [order for order in resting if order.type in ("stop", "limit")]
        if since.has_session_ended:
            resting = [order for order in resting if order.time_in_force != "day"]
        self.orders = dict(enumerate(resting))
        self.previous = followed.previous or {}

    def rest(self, held: float) -> Rest:
        """Return the orders that rest still, for the quantity held now."""
        done = set() if self.followed.happened is None else set(self.followed.happened.done)
        found = Rest()
        bought = sum(self._added(number, found) for number in sorted(done)) if self.since.n_bars else 0.0
        bought += sum(self._at_open(order, held, found) for order in self.bought)
        before = self.previous.get("quantity_open")
        is_known = before is not None and math.isfinite(before) and math.isfinite(held)
        dropped = max(0.0, float(before) + bought - held) if before is not None and is_known else 0.0
        dropped = self._at_market("market", dropped, found)
        for key in sorted(self.orders, key=self._distance):
            order = self.orders.get(key)
            day = None if order is None or order.add is not None else self._reached(order)
            if order is None or day is None:
                continue
            filled = min(order.quantity, dropped)
            dropped = without_noise(dropped - filled)
            if filled > 0:
                self._fill(key, filled if order.type == "limit" else order.quantity)
            else:
                found.reached.append((order, day))
        dropped = self._in_part(self._at_market(AT_CLOSE, dropped, found), found)
        if dropped > _SLACK * max(held, dropped):
            self._unexplained(dropped, found)
        waiting = (
            [] if self.since.n_bars else [o for o in self.market if o.rung is None or o.rung not in found.filled_rungs]
        )
        found.orders = [*waiting, *self.orders.values()]
        return found

    def _added(self, number: int, found: Rest) -> float:
        """Take the orders of an add that has filled out of the market, and return the quantity that it bought.

        Which of its orders a part of it was is not known: these, those of their groups and what follows their fills
        may be there or not.
        """
        keys = [key for key, order in self.orders.items() if order.add == number]
        wanted = sum(self.orders[key].quantity for key in keys)
        shown = {} if self.followed.happened is None else self.followed.happened.bought
        bought = shown.get(number, wanted)
        if bought >= wanted * (1 - _SLACK):
            for key in [key for key in keys if key in self.orders]:
                self._gone(key)
            return wanted
        found.in_part[number] = bought, wanted
        rest = without_noise(wanted - bought)
        doubted = {other for key in keys for other in self._group(key)}
        if len(keys) == 1:
            self.orders[keys[0]] = replace(self.orders[keys[0]], quantity=rest)
        names = {self.orders[key].id for key in keys}
        found.doubtful_adds += [self.orders.pop(key) for key in sorted(doubted)]
        found.doubtful_adds += self._placed_after(names)
        return bought

    def _placed_after(self, names: Collection[str]) -> list[Working]:
        """Return the orders that follow the fill of one of these."""
        return [
            Working.from_earlier(order) for change in self.previous.get("replacements") or []
            if isinstance(change, Mapping) and change.get("after") in names
            for order in change.get("place") or []
        ]  # fmt: skip

    def _at_open(self, order: Working, held: float, found: Rest) -> float:
        """Return how much of a purchase at market has filled; its stop is then in the market."""
        happened = self.followed.happened
        if happened is not None:
            # one that has not filled is remarked on with the adds
            if order.add not in happened.done:
                return 0.0
            filled = min(order.quantity, happened.bought.get(order.add, order.quantity))
        else:
            filled = self._filled(order.quantity, held)
        if filled >= order.quantity * (1 - _SLACK):
            self._follow(order.id, -1)
            return filled
        if filled > 0:
            found.doubtful_adds += self._placed_after({order.id})
        if happened is None:
            found.reached.append((order, None))
        return filled

    def _filled(self, quantity: float, held: float) -> float:
        """Return how much of a purchase for the target has filled, by the fills since then, or by the quantity held."""
        trades, i = self.followed.placed.trades, self.followed.i
        if trades.fills is not None and trades.fills.start[i + 1] > trades.fills.start[i]:
            part = slice(int(trades.fills.start[i]), int(trades.fills.start[i + 1]))
            is_new = trades.fills.is_entry[part] & (trades.fills.time[part] >= self.since.time[0])
            return min(quantity, float(trades.fills.quantity[part][is_new].sum()))
        before = self.previous.get("quantity_open")
        if before is None or not math.isfinite(before) or not math.isfinite(held):
            return 0.0
        rose = held - float(before)
        if rose >= quantity * (1 - _SLACK):
            return quantity
        # sold in the same bars: the orders at market, and those nearest the price that were reached
        sold = sum(order.quantity for order in self.market)
        totals = [sold]
        for key in sorted(self.orders, key=self._distance):
            order = self.orders[key]
            if order.add is None and order.type == "limit" and self._reached(order) is not None:
                sold += order.quantity
                totals.append(sold)
        if any(is_near(float(before) + quantity - total, held) for total in totals if total > 0):
            return quantity
        return max(0.0, rose)

    def _at_market(self, kind: str, dropped: float, found: Rest) -> float:
        """Take the orders at market off the quantity sold: they fill with the first bar."""
        for order in [order for order in self.market if order.type == kind]:
            if order.quantity <= dropped * (1 + _SLACK):
                dropped = without_noise(dropped - order.quantity)
                if not self.since.n_bars:
                    self.market.remove(order)
                    found.dropped += order.quantity
                    found.filled_rungs |= {order.rung} if order.rung is not None else frozenset()
            elif self.since.n_bars:
                found.reached.append((order, None))
                found.missing[order.id] = order.quantity
        return dropped

    def _in_part(self, dropped: float, found: Rest) -> float:
        """Take a quantity sold that nothing else explains off the orders at market that it does not fill whole."""
        for name, quantity in found.missing.items():
            filled = min(quantity, dropped)
            found.missing[name] = without_noise(quantity - filled)
            dropped = without_noise(dropped - filled)
        return dropped

    def _unexplained(self, dropped: float, found: Rest) -> None:
        """Doubt all orders, and find the limits that fill first and explain the quantity sold."""
        found.dropped += dropped
        closing = {key: order for key, order in self.orders.items() if order.add is None}
        limits = sorted((key for key, order in closing.items() if order.type == "limit"), key=self._distance)
        chosen: list[int] = []
        for key in limits:
            if sum(closing[k].quantity for k in chosen) >= dropped * (1 - _SLACK):
                break
            chosen.append(key)
        if is_near(sum(closing[k].quantity for k in chosen), dropped):
            found.filled_rungs |= {int(rung) for k in chosen if (rung := closing[k].rung) is not None}
        # which of several equal ones has gone is not known
        found.doubtful = list(closing.values())
        self.orders = {key: order for key, order in self.orders.items() if key not in closing}

    def _distance(self, key: int) -> tuple[bool, float]:
        order = self.orders[key]
        price = self.followed.price if order.price is None else order.price
        return order.type == "stop", abs(price - self.followed.price)

    def _reached(self, order: Working) -> pd.Timestamp | None:
        return None if order.price is None else self.since.reached(order.type, self.followed.side * order.price)

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
        self._follow(name, key)

    def _follow(self, name: str, key: int) -> None:
        """Do what the replacements say of an order that has filled."""
        for change in self.previous.get("replacements") or []:
            if name and isinstance(change, Mapping) and change.get("after") == name:
                gone = change.get("cancel") or []
                kept = {other: order for other, order in self.orders.items() if order.id not in gone}
                placed = [Working.from_earlier(order) for order in change.get("place") or []]
                self.orders = kept | dict(enumerate(placed, start=max(self.orders, default=key) + 1))
