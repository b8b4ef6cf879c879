"""The limits of an earlier output, taken to be in the market, and what to do with them tonight."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from exitladder.pipelines.advice.working.moments import entered_at, moment_text
from exitladder.pipelines.advice.working.orders import is_near
from exitladder.pipelines.options.score.columns import ASK
from exitladder.pipelines.options.score.orders import LIMIT, MARKET, LegOrder, resting_text
from exitladder.pipelines.options.score.reading import OpenPosition

_FIELDS = ("type", "side", "quantity", "price", "rung", "id", "contract")


def of_same_position(
    row: Mapping[str, Any] | None, position: OpenPosition, ladder: str
) -> tuple[Mapping[str, Any] | None, list[str], bool]:
    """Return the row of an earlier output if it is of the same position.

    Parameters
    ----------
    row : mapping or None
    position : OpenPosition
    ladder : str
        Fingerprint of tonight's plan.

    Returns
    -------
    row : mapping or None
        Without ``managed_from`` if it is of another plan.
    checks : list of str
        How it differs, with the orders to cancel.
    is_of_other_plan : bool
    """
    if row is None:
        return None, [], False
    trade = position.trade
    side = "long" if trade.side > 0 else "short"
    differ = []
    if row.get("side") and row["side"] != side:
        differ.append(f"{row['side']}, not {side}")
    if row.get("symbol") and row["symbol"] != trade.contract.underlying:
        differ.append(f"symbol {row['symbol']}, not {trade.contract.underlying}")
    entered = entered_at(row)
    if entered is not None and entered != trade.entry_time:
        differ.append(f"entered {row['entry_time']}, not {moment_text(trade.entry_time)}")
    if differ:
        orders = "".join(f" Cancel {resting_text(order)}." for order in resting(row))
        text = f"{trade.trade_id} of the earlier output is another position: {', '.join(differ)}.{orders}"
        return None, [text], False
    if row.get("ladder") and row["ladder"] != ladder:
        counted = ("managed_from", "quantity_managed")  # by the earlier plan
        return {name: value for name, value in row.items() if name not in counted}, [], True
    return row, [], False


def resting(row: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the limits that a row of an earlier output leaves in the market."""
    if row is None:
        return []
    listed = row.get("working") if row.get("urgency") == ASK else row.get("orders")
    return [
        {name: order.get(name) for name in _FIELDS} | {"source": "previous", "do": "leave"}
        for order in listed or []
        if order.get("type") == LIMIT and order.get("do") != "cancel" and order.get("contract")
    ]


def instructed(
    orders: Sequence[LegOrder], working: Sequence[Mapping[str, Any]]
) -> tuple[list[LegOrder], list[dict[str, Any]], list[str]]:
    """Return tonight's orders and the resting ones with what to do with each, and what to cancel.

    Parameters
    ----------
    orders : sequence of LegOrder
    working : sequence of mapping
        From `resting`.

    Returns
    -------
    orders : list of LegOrder
    working : list of dict
    cancels : list of str
    """
    left = [dict(order) for order in working]
    found = []
    for order in orders:
        match = None if order.type == MARKET else next((old for old in left if _is_role(order, old)), None)
        if match is None:
            found.append(order)
            continue
        left.remove(match)
        if is_near(order.price, match["price"]) and is_near(order.quantity, match["quantity"]):
            found.append(replace(order, do="leave"))
        else:
            old = {"was_price": match["price"], "was_quantity": int(match["quantity"]), "replaces": str(match["id"])}
            found.append(replace(order, do="replace", **old))
    kept = {order.id: order.do for order in found if order.do != "place"}
    shown = [
        {**order, "do": "cancel" if any(order["id"] == old["id"] for old in left) else kept.get(order["id"], "cancel")}
        for order in working
    ]
    return found, shown, [resting_text(order) for order in left]


def _is_role(order: LegOrder, old: Mapping[str, Any]) -> bool:
    return (order.contract, order.side, order.rung) == (old["contract"], old["side"], old["rung"])


def left_over(previous: Mapping[str, Mapping[str, Any]], known: Collection[str]) -> list[str]:
    """Return a warning for each earlier row whose limits rest although its position is no longer in the file."""
    texts = []
    for trade_id, row in previous.items():
        orders = [] if trade_id in known else resting(row)
        if orders:
            named = "; ".join(resting_text(order) for order in orders)
            texts.append(
                f"{trade_id} of the earlier output is not open in the trades file. Cancel its orders: {named}."
            )
    return texts


def changes_since(row: Mapping[str, Any], previous: Mapping[str, Any] | None) -> list[str]:
    """Return what changed since the earlier output, in words."""
    if previous is None:
        return []
    texts = []
    for name, label in (("action", "action"), ("contract", "contract")):
        if previous.get(name) and previous[name] != row[name]:
            texts.append(f"{label}: {previous[name]} to {row[name]}")
    for name, label in (("quantity_open", "open quantity"), ("mark", "mark"), ("stop_price", "stop")):
        old, new = previous.get(name), row[name]
        if old is not None and new is not None and new == new and not is_near(float(old), float(new)):
            texts.append(f"{label}: {old:.10g} to {new:.10g}")
    return texts
