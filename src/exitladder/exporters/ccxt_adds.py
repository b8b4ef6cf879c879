"""The adds of a plan as parameters of ccxt's ``create_order``, and the orders that follow their fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exitladder.exporters.ccxt_venues import Venue
from exitladder.exporters.plan import plan_of
from exitladder.exporters.programs.growing import AddOrder, Growing
from exitladder.plans.adds import Add
from exitladder.plans.ladder import Ladder

NO_TRIGGER = "it has no stop orders that open a position"
ORDER_OF_ADDS = (
    "Adds: a limit below the entry or a trigger beyond it (for shorts mirrored), never reduce-only. Bybit also wants "
    "triggerDirection, ascending for a long."
)


def can_add(ladder: Ladder, venue: Venue) -> bool:
    """Whether a venue has the orders that the plan's adds need."""
    return venue.trigger or not any(add.is_averaging is False for add in ladder.adds)


def adds_in_numbers(state: Growing, symbol: str) -> list[dict[str, Any]]:
    """Return the orders of the adds that rest, each at its own price, together never above the maximum size.

    Parameters
    ----------
    state : Growing
        At the entry; the adds are filled in it, in the order of the file.
    symbol : str

    Returns
    -------
    list of dict
        A chained add is not among them: it is placed once the add before it has filled.
    """
    rows = []
    for add in state.adds:
        if add.kind == "market" or not add.is_open:
            continue
        is_chained, level = bool(add.table.get("previous")) and add.number > 1, add.level
        lots = state.lots_of(add, level)
        state.fill_add(add, lots, level)
        if lots > 0 and not is_chained:
            rows.append(_row(add, symbol, "buy" if state.side > 0 else "sell", state.units(lots), state.side * level))
    return rows


def after_adds(make: Callable[[], Growing], orders: Callable[[Growing], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the orders that close the position once adds have filled, at their own prices and nearest first.

    Parameters
    ----------
    make : callable
        Returns the position at the entry.
    orders : callable
        Returns the orders that close a position.

    Returns
    -------
    list of dict
        ``filled`` (numbers of the adds), ``held``, ``average_entry`` and ``orders`` in place of all earlier ones.
    """
    found = []
    for kind in ("limit", "stop"):
        state = make()
        filled: list[int] = []
        while True:
            waiting = [add for add in state.adds if add.kind == kind and add.rests and add.is_open]
            if not waiting:
                break
            add = min(waiting, key=lambda one: abs(one.level - state.entry))
            lots = state.lots_of(add, add.level)
            state.fill_add(add, lots, add.level)
            if lots <= 0:
                continue
            filled.append(add.number)
            state.stop = max(state.stop, state.stop_next)
            state.size_again()
            found.append(
                {
                    "filled": list(filled),
                    "held": state.units(state.left),
                    "average_entry": state.side * state.average,
                    "orders": orders(state),
                }
            )
    return found


def _row(add: AddOrder, symbol: str | None, side: str, amount: Any, price: Any) -> dict[str, Any]:
    return {
        "kind": "add" if add.kind == "limit" else "add stop",
        "rung": None,
        "add": add.number,
        "oco": None,
        "symbol": symbol,
        "type": "",
        "side": side,
        "amount": amount,
        "price": price,
    }


def add_order(order: dict[str, Any], venue: Venue) -> dict[str, Any]:
    """Return an add as a venue takes it: a limit, or a market order with a trigger.

    Parameters
    ----------
    order : dict
    venue : Venue

    Returns
    -------
    dict
    """
    if order["kind"] == "add":
        return order | {"type": "limit", "params": {"timeInForce": "GTC"}}
    return {**order, "type": "market", "price": None, "params": {"triggerPrice": order["price"]}}


def adds_in_shares(ladder: Ladder) -> list[dict[str, Any]]:
    """Return the adds that rest from the entry on, with shares and distances in place of amounts and prices."""
    rows = []
    for number, (add, table) in enumerate(zip(ladder.adds, plan_of(ladder).get("adds", []), strict=True), start=1):
        if add.when or (add.spacing == "previous" and number > 1):
            continue
        rows.append(_row(AddOrder(number, table), None, "open", _amount(add), {"from_entry": str(add.at)}))
    return rows


def _amount(add: Add) -> dict[str, Any]:
    if add.quantity is not None:
        return {"share_of_original": add.quantity}
    return {"units": add.units} if add.units is not None else {"money": add.money}


def moves_of_adds(ladder: Ladder) -> list[dict[str, str]]:
    """Return what follows the fills of adds, and what ends them."""
    if not ladder.adds:
        return []
    moves = [
        {
            "when": "an add fills",
            "do": "replace the orders of rungs that have not filled, and of the runner, by those of the quantity "
            "entered so far (`after_adds`)",
        }
    ]
    for number, add in enumerate(ladder.adds, start=1):
        if add.spacing == "previous" and number > 1:
            (name, value), *_ = _amount(add).items()
            amount = f"{value:g} times the first quantity" if name == "share_of_original" else f"{value:g} {name}"
            moves.append(
                {
                    "when": f"add {number - 1} has filled",
                    "do": f"place add {number}, {add.at} from that fill ({amount})",
                }
            )
        if add.stop is not None:
            where = "the average entry" if isinstance(add.stop, str) else f"{add.stop} from that fill"
            moves.append(
                {"when": f"add {number} has filled", "do": f"move every stop to {where}, unless it is nearer already"}
            )
    if not ladder.add_rules.after_exit:
        moves.append({"when": "a rung or a part of the position has been sold", "do": "cancel every add"})
    if ladder.add_rules.until_bars is not None:
        moves.append({"when": f"{ladder.add_rules.until_bars} bars have closed", "do": "cancel every add"})
    if ladder.size.is_limited:
        moves.append(
            {"when": "an add is placed", "do": "never let the orders that add exceed the maximum size together"}
        )
    moves.append({"when": "the position is closed", "do": "cancel every add"})
    return moves
