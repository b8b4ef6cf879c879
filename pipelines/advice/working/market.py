"""The orders in the market before tonight's, and the questions that the user has to settle there first.

The trades file counts before earlier scores, and these before ``stop_price``. Where the file and earlier scores
contradict each other, the orders of earlier scores that the file does not have are cancelled by name, so that none
comes twice whichever of both is right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from exitladder.pipelines.advice.orders import closing_side
from exitladder.pipelines.advice.rows.followed import Followed
from exitladder.pipelines.advice.rows.quantities import KnownStop, known_stop
from exitladder.pipelines.advice.wording.sentences import date_text, number, price_text
from exitladder.pipelines.advice.working.orders import STOP_PRICE, WORKING_STOP, Working, is_near, is_same
from exitladder.pipelines.advice.working.resting import Rest, after, rest_of
from exitladder.pipelines.advice.working.since import Since

_SLACK = 1e-9


@dataclass(frozen=True)
class Market:
    """The market before tonight's orders of one trade.

    Parameters
    ----------
    stop : KnownStop
        The newest stop that the files know.
    working : list of Working
        Orders taken to rest; the unsure ones are to be cancelled.
    fills : list of str
        Orders that may have filled although the quantity held does not show it: to be seen before anything is sold.
    checks : list of str
        Other contradictions of the files, each with the question that settles it.
    filled_rungs : frozenset of int
        Rungs taken to have been sold although no bar shows it: nothing is sold there tonight.
    missing : dict of str to (str, float)
        Of lines of `fills` on an order at market: its kind, and how much of it the quantity held does not show.
    """

    stop: KnownStop
    working: list[Working] = field(default_factory=list)
    fills: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    filled_rungs: frozenset[int] = frozenset()
    missing: dict[str, tuple[str, float]] = field(default_factory=dict)


def market_of(followed: Followed, held: float) -> Market:
    """Return the market before tonight's orders.

    Parameters
    ----------
    followed : Followed
    held : float
        Quantity that the user holds.

    Returns
    -------
    Market
    """
    stop, rest = known_stop(followed), rest_of(followed, held)
    fills = _StopFills(followed, stop)
    if followed.stated is not None:
        working, checks = _stated(followed, rest, followed.stated)
        _too_much(followed, held, checks)
        since = Since.stated(followed)
        for order in followed.stated:
            fills.add(order, None if order.price is None else since.reached(order.type, followed.side * order.price))
    else:
        working, checks = _with_stop(followed, held, stop, rest)
    # a column that states adds has all of them
    if followed.stated_adds is None:
        working = [*working, *(replace(order, is_sure=False) for order in rest.doubtful_adds)]
    checks += [_in_part_text(followed, held, number, *filled) for number, filled in rest.in_part.items()]
    for order, day in rest.reached:
        fills.add(order, day)
    if rest.dropped > 0:
        checks.append(_dropped_text(followed, held, rest))
    # to cancel one that is doubted may hit another that looks the same
    doubted = [order for order in working if not order.is_sure]
    if doubted:
        working = [replace(o, is_sure=o.is_sure and not any(is_same(o, other) for other in doubted)) for o in working]
    if held == 0:
        return Market(stop, working)
    missing = _missing(followed, rest) if held > 0 else {}
    return Market(stop, working, fills.texts(), checks, rest.filled_rungs, missing)


def _missing(followed: Followed, rest: Rest) -> dict[str, tuple[str, float]]:
    """Return the orders at market that have not filled as far as the quantity held shows, by their lines."""
    symbol = str(followed.placed.trades.symbol[followed.i])
    kinds = {str(o.get("id") or ""): str(o.get("kind") or "") for o in (followed.previous or {}).get("orders") or []}
    return {
        _at_market_text(order, symbol): (kinds.get(order.id, ""), rest.missing.get(order.id, 0.0))
        for order, _ in rest.reached
        if order.price is None and order.add is None
    }


def _at_market_text(order: Working, symbol: str) -> str:
    return f"The earlier output had {order.text(symbol)}; see whether it filled."


class _StopFills:
    """The orders that may have filled: those at one stop price are one line."""

    def __init__(self, followed: Followed, stop: KnownStop) -> None:
        self.followed, self.symbol = followed, str(followed.placed.trades.symbol[followed.i])
        self.found: dict[float | str, str] = {}
        if stop.is_passed or (stop.is_newer and stop.reached is not None):
            self._stop(stop.price, stop.reached, is_sure=stop.is_passed or stop.is_since)

    def _stop(self, price: float, day: pd.Timestamp | None, *, is_sure: bool = True) -> None:
        on = "" if day is None else f" on {date_text(day)}"
        there = "" if is_sure else ", if it worked then"
        self.found.setdefault(price, f"Your stop of {price_text(price)} was reached{on}{there}; see whether it filled.")

    def add(self, order: Working, day: pd.Timestamp | None) -> None:
        """Add an order; without a day only one at market, which fills without a price."""
        if order.price is None:
            self.found[order.text(self.symbol)] = _at_market_text(order, self.symbol)
        elif day is not None and order.type == "stop":
            self._stop(float(order.price), day)
        elif day is not None:
            text = order.text(self.symbol)
            self.found[text] = f"{text} was reached on {date_text(day)}; see whether it filled."

    def texts(self) -> list[str]:
        """Return the lines, each once."""
        return list(self.found.values())


def _stated(followed: Followed, rest: Rest, stated: Sequence[Working]) -> tuple[list[Working], list[str]]:
    """Return the orders of ``working_orders``, and those of earlier scores that it does not have."""
    side, price = followed.side, followed.price
    working = [
        replace(order, is_sure=order.type != "stop" or order.price is None or side * (price - order.price) > 0)
        for order in stated
    ]
    free, free_adds = list(stated), list(followed.stated_adds or [])
    others: list[Working] = []
    for order in rest.orders:
        mine = free if order.add is None else free_adds
        same = next((one for one in mine if is_same(one, order)), None)
        if order.add is not None and followed.stated_adds is None:
            working.append(order)  # the column is of closing orders alone
        elif same is not None:
            mine.remove(same)
            if order.add is not None:
                working.append(order)  # which knows its add and its group
        elif order.price is not None:
            others.append(replace(order, is_sure=False))
    working += free_adds
    if not others:
        return working, []
    symbol = str(followed.placed.trades.symbol[followed.i])
    named = ", ".join(order.text(symbol) for order in others)
    return [*working, *others], [
        f"working_orders of the trades file and the earlier output contradict each other: the column does not have "
        f"{named}. The column counts; these orders are cancelled so that none comes twice. See which orders work, and "
        "correct the column or leave it blank."
    ]


def _with_stop(followed: Followed, held: float, stop: KnownStop, rest: Rest) -> tuple[list[Working], list[str]]:
    """Return the orders of earlier scores with the stop of the file."""
    earlier = [*rest.orders, *(replace(order, is_sure=False) for order in rest.doubtful)]
    before = [order for order in map(Working.from_earlier, after(followed.previous or {})) if _is_stop(order)]
    stated = followed.working_stop
    if math.isnan(stated):
        # stop_price is where the stop was at the entry: later scores know better
        is_told = not np.isnan(stop.price) and not (followed.previous or {}).get("orders")
        if any(map(_is_stop, earlier)) or stop.source != STOP_PRICE or not is_told:
            return earlier, []
        return [*earlier, *_own(followed, held, stop, not stop.is_passed)], []
    kept = (followed.previous or {}).get("stop_price")
    agrees = is_near(stated, kept) or any(is_near(stated, order.price) for order in before)
    if not before or agrees:
        if any(_is_stop(order) for order in earlier):
            return earlier, []
        # its orders for the day have expired: the stop of the file may be one of them
        return [*earlier, *_own(followed, held, stop, not before and not stop.is_passed)], []
    unsure = [order if order.add is not None else replace(order, is_sure=False) for order in earlier]
    file = price_text(stated) if stated else "no stop"
    shown = ", ".join(dict.fromkeys(price_text(float(order.price)) for order in before if order.price is not None))
    return [*unsure, *_own(followed, held, stop, not stop.is_passed)], [
        f"working_stop of the trades file ({file}) and the earlier output (stop {shown}) contradict each other. The "
        "column counts; the orders of the earlier output are cancelled, and tonight's placed, so that none comes "
        "twice. See which stop works, and correct the column or leave it blank."
    ]


def _is_stop(order: Working) -> bool:
    return order.type == "stop" and order.add is None and order.price is not None


def _own(followed: Followed, held: float, stop: KnownStop, is_sure: bool) -> list[Working]:
    """Return the stop that the trades file knows, as an order for all that is held."""
    if not held > 0 or np.isnan(stop.price):
        return []
    source = WORKING_STOP if stop.source == WORKING_STOP else STOP_PRICE
    return [Working("stop", closing_side(followed.side), held, stop.price, source, is_sure=is_sure)]


def _too_much(followed: Followed, held: float, checks: list[str]) -> None:
    """Note orders of the trades file that could sell more than is held."""
    for kind in ("limit", "stop"):
        orders = [order for order in followed.stated or [] if order.type == kind]
        total = sum(order.quantity for order in orders)
        if held > 0 and total > held * (1 + _SLACK):
            checks.append(
                f"working_orders has {kind} orders for {number(total)}, but you hold {number(held)}: if all of them "
                f"fill, you are {'short' if followed.side > 0 else 'long'}. See which of them work, and correct the "
                "column."
            )


def _in_part_text(followed: Followed, held: float, add: int, bought: float, placed: float) -> str:
    before = float((followed.previous or {}).get("quantity_open") or 0.0)
    rose = (
        f"quantity_open rose from {number(before)} to {number(held)} since the earlier output: "
        if held > before else ""
    )  # fmt: skip
    return (
        f"{rose}{'add' if rose else 'Add'} {add} has filled in part, {number(bought)} of {number(placed)}. "
        "The rest of its orders is cancelled. See what has filled before you place tonight's orders."
    )


def _dropped_text(followed: Followed, held: float, rest: Rest) -> str:
    symbol = str(followed.placed.trades.symbol[followed.i])
    before = float((followed.previous or {}).get("quantity_open") or 0.0)
    if held < before:
        moved = f"quantity_open fell from {number(before)} to {number(held)} since the earlier output"
    elif held > before:
        moved = (
            f"quantity_open rose from {number(before)} to {number(held)} since the earlier output, by less than the "
            "adds buy"
        )
    else:
        moved = f"quantity_open is {number(held)} as in the earlier output, although an add filled"
    texts = []
    if rest.filled_rungs:
        rungs = " and ".join(map(str, sorted(rest.filled_rungs)))
        texts.append(f"rung {rungs} is taken to have filled, and not placed again")
    elif not rest.doubtful:
        texts.append("the order at market is taken to have filled")
    if rest.doubtful and followed.stated is None:
        texts.append("the orders of the earlier output are cancelled, and tonight's placed")
    told = "; ".join(texts) or "the orders of the trades file count"
    return f"{moved}, and no bar shows why: {told}. See what filled, update the bars of {symbol}, and score again."
