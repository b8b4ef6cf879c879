"""The quantity that a size rule gives before the first trade, for one trade that is not on bars yet."""

from __future__ import annotations

import math
from dataclasses import replace

from exitladder.errors import LadderError
from exitladder.execution.lots import down_to_lot
from exitladder.execution.tranches import tranches
from exitladder.plans.adds import without_adds
from exitladder.plans.ladder import Ladder

_ROUNDS = 50


def first_quantity(
    plan: Ladder,
    *,
    entry: float,
    stop: float | None = None,
    side: str = "long",
    atr: float | None = None,
) -> float:
    """Return the first quantity that the rule of a plan gives with the equity of its book, down to the lot.

    Parameters
    ----------
    plan : Ladder
        An anti-martingale has its base size, ``kelly`` its base fraction: no trade is closed yet.
    entry : float
    stop : float, optional
        The trade's own initial stop; without it that of the plan.
    side : {"long", "short"}
    atr : float, optional
        Known at the entry, in price.

    Returns
    -------
    float

    Raises
    ------
    LadderError
        If the rule needs a quantity of the trade or a volatility, or gives less than the smallest order.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> size = {"rule": "fraction", "fraction": 0.01}
    >>> plan = ladder_from_mapping({"size": size, "book": {"equity": 50000.0}, "costs": {"lot": 1}})
    >>> first_quantity(plan, entry=100.0, stop=97.0)
    166.0
    """
    size, costs = plan.size, plan.costs
    if size.rule in ("file", "volatility"):
        needs = "the quantity of the trade" if size.rule == "file" else "the bars before the entry"
        raise LadderError(f'size.rule = "{size.rule}" needs {needs}. Give the quantity.')
    if size.units is not None:
        wanted = size.units
    elif size.money is not None:
        wanted = size.money / (abs(entry) * costs.multiplier)
    else:
        assert size.fraction is not None and plan.book.equity is not None
        free = replace(plan, costs=replace(costs, lot=0.0, min_quantity=0.0))
        wanted = _for_risk(free, size.fraction * plan.book.equity, (entry, stop, side, atr))
    limits = size.limits(plan.book.equity)
    wanted = min(wanted, limits.maximum_units or math.inf)
    wanted = min(wanted, (limits.maximum_money or math.inf) / (abs(entry) * costs.multiplier))
    wanted = down_to_lot(wanted, costs.lot)
    if wanted <= 0 or wanted < costs.min_quantity:
        raise LadderError(
            f"The size rule gives a quantity below the smallest order: {wanted:.6g} after rounding down to lots of "
            f"{costs.lot:g}, at least {costs.min_quantity:g}. Raise book.equity or the fraction."
        )
    return wanted


def _for_risk(plan: Ladder, risk: float, trade: tuple[float, float | None, str, float | None]) -> float:
    """Return the first quantity whose planned risk is this much money.

    Parameters
    ----------
    plan : Ladder
        Without lots.
    risk : float
    trade : tuple
        Entry, stop, side and ATR.

    Returns
    -------
    float
        0 if the adds alone risk more.
    """
    entry, stop, side, atr = trade

    def planned(quantity: float, of: Ladder = plan) -> float:
        table = tranches(of, entry=entry, stop=stop, quantity=quantity, side=side, atr=atr)
        return float(table.attrs["planned_risk"])

    low, high = 0.0, risk / planned(1.0, replace(without_adds(plan), size=plan.size.limits(None)))
    if planned(high) <= risk * (1 + 1e-12):
        return high
    if all(add.quantity for add in plan.adds) and not plan.size.is_limited:
        return high * risk / planned(high)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (middle, high) if planned(middle) <= risk else (low, middle)
    return low
