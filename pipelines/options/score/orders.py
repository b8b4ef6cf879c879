"""The orders on one open position in options, for what its owner holds of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from exitladder.clock import close_text
from exitladder.options.positions.position import Leg
from exitladder.options.positions.replay import ALL, Decision, Why
from exitladder.options.positions.standing import Standing
from exitladder.pipelines.advice.orders import Venue

HOLD, REDUCE, EXIT = ACTIONS = ("hold", "reduce", "exit")
MARKET, LIMIT = "market", "limit"
CENT = 0.01
"""Tick of a limit where the plan's costs have none."""


@dataclass(frozen=True)
class LegOrder:
    """An order in one contract.

    Parameters
    ----------
    type : {"market", "limit"}
        A market order is for the next usable quote of all legs; a limit rests until it fills.
    side : {"buy", "sell"}
    quantity : int
    price : float or None
        Premium of a limit.
    rung : int or None
    kind : str
        ``rung``, ``stop``, ``time``; ``late rung`` and ``late exit`` if the plan has closed more than its owner.
    id : str
    leg : int
    contract : str
    quantity_shown : float or None
        Contracts that the last quote shows on this side, less those of orders that come first; None if unknown.
    combo : str or None
        The same for both legs of a vertical, which are sent as one order.
    why : tuple of (str, float)
        Conditions with the value read.
    decided : int or None
        End of the quote at which it was decided.
    """

    type: str
    side: str
    quantity: int
    price: float | None
    rung: int | None
    kind: str
    id: str
    leg: int
    contract: str
    quantity_shown: float | None = None
    combo: str | None = None
    why: Why = ()
    decided: int | None = None
    do: str = "place"
    replaces: str | None = None
    was_price: float | None = None
    was_quantity: int | None = None

    def to_mapping(self) -> dict[str, Any]:
        """Return the order as plain values, with the fields of an order of ``exitladder score``."""
        import pandas as pd

        found: dict[str, Any] = {
            name: value for name, value in self.__dict__.items() if name not in ("why", "decided", "do")
        }
        for name in ("replaces", "was_price", "was_quantity"):
            if found[name] is None:
                del found[name]
        return found | {
            "oco": None,
            "reduce_only": True,
            "time_in_force": "day" if self.type == MARKET else "gtc",
            "why": [
                {"condition": condition, "value": None if math.isnan(value) else value} for condition, value in self.why
            ],
            "decided": None if self.decided is None else f"{pd.Timestamp(self.decided, tz='UTC'):%Y-%m-%dT%H:%M:%SZ}",
            "do": self.do,
        }


@dataclass
class Advice:
    """Orders on one position.

    Parameters
    ----------
    orders : list of LegOrder
    quantity : int
        Contracts, or verticals, to close at the next quote.
    late : int
        Of these, those that the plan has closed already.
    reasons, warnings : list of str
    """

    orders: list[LegOrder] = field(default_factory=list)
    quantity: int = 0
    late: int = 0
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def advise(standing: Standing, held: int, gone: int = 0) -> Advice:
    """Return the orders on a position for what its owner holds; what can fill never exceeds it.

    Parameters
    ----------
    standing : Standing
        Followed by the plan.
    held : int
        At least 1.
    gone : int
        Contracts of those entered that its owner had closed before the plan began.

    Returns
    -------
    Advice
    """
    position, found, left = standing.position, Advice(), held
    planned = max(position.held - gone, 0)
    if position.held == 0:
        found.late = held
        found.quantity = held
        found.orders = _market(standing, held, "late exit", None, "late-exit")
        found.reasons.append(f"The plan has closed this position: {_last_exit(standing)}.")
        return found
    excess = held - planned
    if excess > 0:
        found.late = excess
        found.orders += _market(standing, excess, "late rung", None, "late-rung")
        found.reasons.append(f"The plan holds {planned} by now: {_last_exit(standing)}.")
        left -= excess
    elif excess < 0:
        found.warnings.append(
            f"quantity_open is {held}, less than the {planned} of the plan: orders are reduced by the difference, as "
            "if they had been filled in part."
        )
    found.quantity = max(excess, 0)
    rest = planned
    for order in standing.market_orders():
        # what the plan keeps is kept, whichever of its sales the quotes do not show
        rest -= rest if order.quantity == ALL else min(order.quantity, rest)
        quantity = left - min(rest, left)
        if quantity <= 0:
            continue
        decided = _decision(standing, order.code, order.rung)
        name = f"rung-{order.rung}" if order.rung else order.code
        found.orders += [
            replace(one, why=order.why, decided=None if decided is None else decided.time)
            for one in _market(standing, quantity, order.code, order.rung or None, name)
        ]
        found.reasons.append(_reason(standing, order.code, order.rung, order.why, decided))
        found.quantity += quantity
        left -= quantity
    leg = position.legs[0]
    for rung, limit, size in standing.limit_orders():
        rest -= min(size, rest)
        quantity = left - min(rest, left)
        if quantity > 0:
            price = Venue(tick=position.costs.tick or CENT).price(limit, leg.sign)
            found.orders.append(
                replace(_leg_order(LIMIT, leg, quantity, "rung", rung, f"rung-{rung}"), price=round(price, 10))
            )
            left -= quantity
    return found


def _market(standing: Standing, quantity: int, kind: str, rung: int | None, name: str) -> list[LegOrder]:
    """Return the market orders that close some of the structure, one per leg."""
    legs = standing.position.legs
    return [
        replace(
            _leg_order(MARKET, leg, quantity, kind, rung, name if n == 0 else f"{name}-leg-{leg.number}"),
            combo=name if len(legs) > 1 else None,
        )
        for n, leg in enumerate(legs)
    ]


def _leg_order(kind_of: str, leg: Leg, quantity: int, kind: str, rung: int | None, name: str) -> LegOrder:
    side = "sell" if leg.sign > 0 else "buy"
    return LegOrder(kind_of, side, quantity, None, rung, kind, name, leg.number, str(leg.contract))


def _decision(standing: Standing, code: str, rung: int) -> Decision | None:
    assert standing.followed is not None
    matching = [one for one in standing.followed.decisions if (one.code, one.rung) == (code, rung)]
    return matching[-1] if matching else None


def _reason(standing: Standing, code: str, rung: int, why: Why, decided: Decision | None) -> str:
    head = {"stop": "The stop on the premium is reached", "time": "The time stop is reached"}.get(
        code, f"The conditions of rung {rung} hold"
    )
    text = f"{head}: {why_text(why)}."
    if decided is not None and decided.time < standing.asof:
        text += f" Decided on {close_text(decided.time)}; it waits for a quote or for size."
    return text


def why_text(why: Why) -> str:
    """Return conditions with the values read.

    Examples
    --------
    >>> why_text((("max_profit_share >= 0.5", 0.5555555), ("days_to_expiry <= 3", 2.0)))
    'max_profit_share is 0.5556 (>= 0.5), days_to_expiry is 2 (<= 3)'
    """
    texts = []
    for condition, value in why:
        name, _, rest = condition.partition(" ")
        texts.append(f"{name} is {value:.4g} ({rest})")
    return ", ".join(texts)


def _last_exit(standing: Standing) -> str:
    """Return the plan's last fill in words."""
    fills = standing.position.fills
    if not fills:
        return "nothing was filled"
    last = fills[-1]
    same = [fill for fill in fills if (fill.time, fill.order, fill.rung) == (last.time, last.order, last.rung)]
    name = f"rung {last.rung}" if last.rung else last.order
    prices = " and ".join(f"{fill.price:.10g}" for fill in same)
    return f"{name} filled {last.quantity} at {prices} on {close_text(last.time + standing.market.quotes.interval_ns)}"


def with_sizes(advices: Sequence[Advice], standings: Sequence[Standing]) -> list[Advice]:
    """Return advice with the size that the last quotes show for each market order.

    Parameters
    ----------
    advices : sequence of Advice
        In the order of the entries, in which positions share the size of a quote (O1).
    standings : sequence of Standing

    Returns
    -------
    list of Advice
        A warning names what the quotes do not show.
    """
    taken: dict[tuple[str, str], int] = {}
    done = []
    for advice, standing in zip(advices, standings, strict=True):
        orders = list(advice.orders)
        missing = 0
        for combo in _combos([order for order in orders if order.type == MARKET]):
            left = [_left(standing, order, taken) for order in combo]
            known = [int(size) for size in left if not math.isnan(size)]
            fills = min([combo[0].quantity, *known])
            missing += combo[0].quantity - fills
            for order, size in zip(combo, left, strict=True):
                taken[order.contract, order.side] = taken.get((order.contract, order.side), 0) + fills
                shown = None if math.isnan(size) else size
                orders[orders.index(order)] = replace(order, quantity_shown=shown)
        text = f"The last quotes show {advice.quantity - missing} of the {advice.quantity} to close: the rest waits."
        done.append(replace(advice, orders=orders, warnings=[*advice.warnings, *([text] if missing > 0 else [])]))
    return done


def _combos(orders: Sequence[LegOrder]) -> list[list[LegOrder]]:
    """Return market orders with those of the other leg."""
    found: dict[str, list[LegOrder]] = {}
    for order in orders:
        found.setdefault(order.combo or order.id, []).append(order)
    return list(found.values())


def _left(standing: Standing, order: LegOrder, taken: Mapping[tuple[str, str], int]) -> float:
    """Return the size shown for an order, less that of the orders before it; NaN if unknown."""
    leg = next(leg for leg in standing.position.legs if leg.number == order.leg)
    return max(standing.shown(leg) - taken.get((order.contract, order.side), 0), 0.0)


def order_lines(orders: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what to do with each order in one line each; the legs of a vertical share a line.

    Parameters
    ----------
    orders : sequence of mapping
        As in the scores.

    Returns
    -------
    list of str

    Examples
    --------
    >>> order_lines([{"type": "limit", "side": "sell", "quantity": 2, "price": 4.5, "time_in_force": "gtc",
    ...               "contract": "XYZ 2024-03-15 100 call", "combo": None, "do": "place"}])
    ['PLACE SELL 2 XYZ 2024-03-15 100 call LIMIT 4.5 GTC']
    """
    lines: list[str] = []
    for name in ("replace", "place", "leave"):
        combos: dict[str, list[Mapping[str, Any]]] = {}
        for n, order in enumerate(one for one in orders if one.get("do", "place") == name):
            combos.setdefault(order.get("combo") or f"#{n}", []).append(order)
        for legs in combos.values():
            text = " AND ".join(contract_text(order) for order in legs) + _how(legs[0])
            before = ""
            if name == "replace":
                old = {**legs[0], "quantity": legs[0]["was_quantity"], "price": legs[0]["was_price"]}
                before = f"{contract_text(old)}{_how(old, force=False)} WITH "
            lines.append(f"{name.upper()} {before}{text}")
    return lines


def contract_text(order: Mapping[str, Any]) -> str:
    """Return side, quantity and contract of an order."""
    return f"{str(order['side']).upper()} {order['quantity']:.10g} {order['contract']}"


def resting_text(order: Mapping[str, Any]) -> str:
    """Return a resting order in one line, enough to find it at the broker."""
    return contract_text(order) + _how(order, force=False)


def _how(order: Mapping[str, Any], *, force: bool = True) -> str:
    price = "" if order.get("price") is None else f" {order['price']:.10g}"
    return f" {str(order['type']).upper()}{price}" + (f" {str(order['time_in_force']).upper()}" if force else "")
