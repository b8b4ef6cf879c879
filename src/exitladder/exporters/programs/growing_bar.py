"""How the orders of a growing position fill in one bar, the stop first (rules PL2 and PL3)."""

from __future__ import annotations

from exitladder.exporters.programs.exit_rules import Fill, Part, reaches_down
from exitladder.exporters.programs.growing import AddOrder, Growing


def play_growing_bar(
    position: Growing, bar: tuple[float, float, float], due: list[Part], is_entry_bar: bool
) -> list[Fill]:
    """Return the fills of one bar, in order; those of adds have the order ``add`` and the price paid.

    Parameters
    ----------
    position : Growing
    bar : tuple of float
        Open, high and low, not signed.
    due : list of Part
        What `Growing.close_bar` returned for the bar before.
    is_entry_bar : bool
        Whether the position was entered at this bar's open.

    Returns
    -------
    list of Fill
    """
    side = position.side
    opened, high, low = side * bar[0], *sorted((side * bar[1], side * bar[2]), reverse=True)
    fills: list[Fill] = []

    def sell(part: Part, price: float, order: str, by_rung: bool) -> None:
        others = position.take_rest(part)
        lots = part.quantity + sum(other.quantity for other in others)
        fills.append(Fill(order, part.number, position.units(lots), side * price))
        for other in others:
            position.sold(other, by_rung=False)
        position.sold(part, by_rung)

    def sell_all(price: float, order: str) -> None:
        for part in position.open_parts:
            sell(part, price, order, by_rung=False)

    def buy(add: AddOrder, base: float) -> None:
        price = position.slipped(add, base)
        lots = position.lots_of(add, price)
        position.fill_add(add, lots, price)
        if lots > 0:
            fills.append(Fill("add", add.number, position.units(lots), side * price))

    def stop_out(bottom: float, price_of_open: bool) -> None:
        level = position.stop_of(Part(0, {}))[0]
        for part in sorted(position.open_parts, key=lambda p: -p.partial):
            if part.partial > level and reaches_down(bottom, part.partial):
                price = opened if price_of_open else min(max(part.partial, low), high)
                sell(part, price, "partial stop", by_rung=True)

    def rise(top: float, at_open: bool) -> None:
        for part in sorted(position.open_parts, key=lambda p: (p.limit != p.limit, p.limit)):
            if part.is_open and part.quantity > 0 and top >= part.reach:
                sell(part, opened if at_open else min(max(part.limit, low), high), "limit", by_rung=True)

    for part in due:
        if part.is_open and part.quantity > 0:
            sell(part, opened, "market" if part.is_due else position.is_ending, by_rung=part.is_due)
    level, order = position.stop_of(Part(0, {}))
    if reaches_down(opened, level):
        sell_all(opened, order)
        return fills
    stop_out(opened, True)
    if not is_entry_bar:
        rise(opened, True)
    for add in position.adds:
        add.was_resting = add.rests
    for kind in ("limit", "stop"):
        while position.may_add and not (kind == "limit" and is_entry_bar):
            reached = position.nearest_add(kind, opened, True)
            if reached is None:
                break
            buy(reached, opened)
    for add in position.adds:
        if add.is_due and add.is_open and position.may_add:
            buy(add, opened)
    if position.left <= 1e-9 * position.start:
        return fills
    level, order = position.stop_of(Part(0, {}))
    is_stopped = reaches_down(low, level)
    stop_out(low, False)
    if not is_stopped:
        rise(high, False)
    while position.may_add:
        reached = position.nearest_add("stop", high, False) or position.nearest_add("limit", low, False)
        if reached is None:
            break
        buy(reached, min(max(reached.level, low), high))
    if is_stopped:
        sell_all(min(max(level, low), high), order)
    return fills
