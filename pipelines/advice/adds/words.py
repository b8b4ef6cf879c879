"""Adds in words: one sentence for each, and the risk once all of them have filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exitladder.pipelines.advice.orders import Order, Replacement
from exitladder.pipelines.advice.wording.sentences import conditions_text, number
from exitladder.plans.ladder import Ladder
from exitladder.plans.resting_adds import StandingAdds

_ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def tranche_text(add: int) -> str:
    """Return the name of an add's tranche; the entry is the first.

    Examples
    --------
    >>> tranche_text(1), tranche_text(12)
    ('second tranche', 'tranche 13')
    """
    return f"{_ORDINALS[add - 1]} tranche" if add <= len(_ORDINALS) else f"tranche {add + 1}"


def add_sentences(
    orders: Sequence[Order], later: Sequence[Replacement], ladder: Ladder, row: Mapping[str, Any], adds: StandingAdds
) -> list[str]:
    """Return a sentence for each add that may fill in the next bar.

    Parameters
    ----------
    orders : sequence of Order
        Of the trade, closing ones too.
    later : sequence of Replacement
        They place the adds that follow another one.
    ladder : Ladder
    row : mapping
        Of the trade: ``quantity_open``, ``quantity_entered``, ``average_entry``, and what conditions read.
    adds : StandingAdds
        For the price at which each is expected to fill.

    Returns
    -------
    list of str
    """
    placed = {order.id: order for change in later for order in change.place if order.is_add}
    everything = [*(order for order in orders if order.is_add), *placed.values()]
    expected = {add.number: add for add in adds.orders}
    total = {add: sum(order.quantity for order in everything if order.add == add) for add in expected}
    held, entered, average = (float(row[name]) for name in ("quantity_open", "quantity_entered", "average_entry"))
    texts = []
    for name, add in expected.items():
        mine = [order for order in everything if order.add == name]
        if not mine:
            continue
        first, quantity = mine[0], total[name]
        do = "Buy" if first.side == "buy" else "Sell"
        at = "at the open" if first.price is None else f"at {number(first.price)} ({first.type})"
        after = f" once add {add.after} has filled" if add.after is not None else ""
        when = ladder.adds[name - 1].when
        why = f", {conditions_text(when, row)}" if when else ""
        average = (entered * average + quantity * add.fill) / (entered + quantity)
        held, entered = held + quantity, entered + quantity
        texts.append(
            f"{do} {number(quantity)} {at}{after}: {tranche_text(name)}{why}; then {number(held)} held, average entry "
            f"{average:.6g}."
        )
    return texts


def risk_of_adds(orders: Sequence[Order], adds: StandingAdds, stop: float, side: int) -> float:
    """Return what the adds in the market would lose from their fills to a stop, in price x quantity.

    Parameters
    ----------
    orders : sequence of Order
    adds : StandingAdds
    stop : float
        Price of the stop; NaN if it is not known.
    side : int
        +1 long, -1 short.

    Returns
    -------
    float
        Of two orders that share their room, the one that would lose more counts.
    """
    fills = {add.number: add.fill for add in adds.orders}
    alone, groups = 0.0, dict[str, float]()
    for order in orders:
        if order.add is None or order.add not in fills:
            continue
        lost = order.quantity * max(0.0, side * (fills[order.add] - stop))
        if order.oco is None:
            alone += lost
        else:
            groups[order.oco] = max(groups.get(order.oco, 0.0), lost)
    return float("nan") if np.isnan(stop) else alone + sum(groups.values())
