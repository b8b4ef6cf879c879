"""How the orders of a position fill in one bar, for engines that leave the matching to their user."""

from __future__ import annotations

import math
from collections.abc import Callable

from exitladder.exporters.programs.exit_rules import Fill, Part, Position, reaches_down


def play_bar(position: Position, bar: tuple[float, float, float], due: list[Part], is_entry_bar: bool) -> list[Fill]:
    """Return the fills of one bar, in order (X2 and X3, the stop first).

    Parameters
    ----------
    position : Position
    bar : tuple of float
        Open, high and low, not signed.
    due : list of Part
        What `Position.close_bar` returned for the bar before.
    is_entry_bar : bool
        Whether the position was entered at this bar's open.

    Returns
    -------
    list of Fill
        Prices are not signed, before slippage. Orders `rung` at a limit pay none.
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

    for part in due:
        if part.is_open and part.quantity > 0:
            name = "market" if part.is_due else position.is_ending
            sell(part, opened, name, by_rung=part.is_due)
    for part in position.open_parts:
        level, order = position.stop_of(part)
        if part.is_open and reaches_down(opened, level):
            sell(part, opened, order, by_rung=False)
    for part in sorted(position.open_parts, key=lambda p: -p.partial):
        if part.is_open and reaches_down(opened, part.partial):
            sell(part, opened, "partial stop", by_rung=True)
    if not is_entry_bar:
        _rise(position, opened, lambda part: opened, sell)
    _fall(position, low, high, sell)
    _rise(position, high, lambda part: min(max(part.limit, low), high), sell)
    return fills


def _fall(position: Position, low: float, high: float, sell: Callable[..., None]) -> None:
    """Fill every stop that the low reaches, the nearest first; at one price a stop goes before a partial stop-out."""
    while True:
        reached = []
        for part in position.open_parts:
            level, order = position.stop_of(part)
            if reaches_down(low, level):
                reached.append((-level, 0, part.number, part, order))
            if part.partial > level and reaches_down(low, part.partial):
                reached.append((-part.partial, 1, part.number, part, "partial stop"))
        if not reached:
            return
        level, kind, _, part, order = min(reached, key=lambda row: row[:3])
        sell(part, min(max(-level, low), high), order, by_rung=kind == 1)


def _rise(position: Position, top: float, price_of: Callable[[Part], float], sell: Callable[..., None]) -> None:
    """Fill every limit that the top reaches, the nearest first."""
    for part in sorted(position.open_parts, key=lambda p: (math.isnan(p.limit), p.limit)):
        if part.is_open and part.quantity > 0 and top >= part.reach:
            sell(part, price_of(part), "limit", by_rung=True)
