"""Prices on the tick, quantities on the lot, and lengths in price (S1, S3)."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel.compiled import inlined

SLACK = o.SLACK
SNAP = o.SNAP
MOST_SNAP = o.MOST_SNAP
TICK_SNAP = o.TICK_SNAP


@inlined
def on_grid(count: float, step: float) -> float:
    """Return ``count`` steps as a price or quantity; 5040 ticks of 0.01 are 50.4 and not 50.400000000000006."""
    if step <= 0.0:
        return count
    if step < 1.0:
        return count / (1.0 / step)
    return count * step


@inlined
def whole_steps(amount: float, step: float) -> float:
    """Return how many lots fit into a quantity, rounding down; float multiples are snapped first (S1)."""
    if step <= 0.0:
        return amount
    count = amount / step
    nearest = np.floor(count + 0.5)
    size = abs(count)
    if abs(count - nearest) <= max(min(SNAP * max(1.0, size), MOST_SNAP), size * SLACK):
        return float(nearest)
    return float(np.floor(count))


@inlined
def whole_ticks(price: float, tick: float) -> float:
    """Return how many ticks fit under a signed price; only a rounding error is snapped to the tick above it."""
    count = price / tick
    nearest = np.floor(count + 0.5)
    if abs(count - nearest) <= abs(count) * TICK_SNAP:
        return float(nearest)
    return float(np.floor(count))


@inlined
def to_tick(price: float, tick: float) -> float:
    """Return a signed price rounded to the tick against the trader: down, for a sale (S3)."""
    if tick <= 0.0:
        return price
    return on_grid(whole_ticks(price, tick), tick)


@inlined
def stop_to_tick(stop: float, entry: float, tick: float) -> float:
    """Return a stop's signed price rounded to the tick against the trader, and never up to the entry (S3).

    Parameters
    ----------
    stop, entry : float
        Signed prices.
    tick : float

    Returns
    -------
    float
        Below the entry, as the stop is.
    """
    level = to_tick(stop, tick)
    if level >= entry > stop:
        level = on_grid(whole_ticks(stop, tick) - 1.0, tick)
    return level


@inlined
def armed_at(entry: float, multiple: float, risk: float) -> float:
    """Return the signed price from which a trail that MFE arms is armed, slack included (X4a, X5).

    Parameters
    ----------
    entry : float
        Signed price.
    multiple : float
        In R.
    risk : float
        R in price.

    Returns
    -------
    float
        Not on the tick: MFE is compared with it.
    """
    price = entry + multiple * risk
    return price - max(abs(price) * SLACK, abs(entry) * o.CONDITION_SLACK)


@inlined
def down_to(low: float, level: float) -> bool:
    """Whether a price fell to a level; prices within `SLACK` of one another are one price."""
    return low <= level + abs(level) * SLACK


@inlined
def is_above(level: float, other: float) -> bool:
    """Whether a level is above another; prices within `SLACK` of one another are one price, and -inf is no level."""
    return level > other and level - other > abs(level) * SLACK


@inlined
def commission_of(price: float, quantity: float, number: FloatArray) -> float:
    """Return the commission of one fill (S2).

    Parameters
    ----------
    price : float
        Signed.
    quantity : float
        In units.
    number : float64 array, shape (PLAN_NUMBERS,)

    Returns
    -------
    float
        At least the minimum commission.
    """
    cost = abs(price) * quantity * number[n.N_COMMISSION] + number[n.N_PER_UNIT] * quantity + number[n.N_FIXED]
    return float(max(cost, number[n.N_LEAST]))


@inlined
def distance(unit: int, value: float, risk: float, atr: float, price: float) -> float:
    """Return a length in price; NaN if its ATR is not known.

    Parameters
    ----------
    unit : int
        `IN_R`, `IN_ATR` or `IN_PERCENT` of `exitladder.execution.kernel.codes`.
    value : float
        In that unit.
    risk, atr, price : float
        R, ATR and the price that per cent refer to.

    Returns
    -------
    float
        In price.
    """
    if unit == o.IN_R:
        return value * risk
    if unit == o.IN_ATR:
        return value * atr
    return abs(price) * value / 100.0


@inlined
def liquidation_price(side: float, average: float, number: FloatArray) -> float:
    """Return the signed price at which a leveraged position is liquidated (S6).

    Isolated margin: margin plus profit equals the maintenance margin on the notional.

    Parameters
    ----------
    side : float
        +1 long, -1 short.
    average : float
        Signed average entry price.
    number : float64 array, shape (PLAN_NUMBERS,)

    Returns
    -------
    float
    """
    share = 1.0 - side / number[n.N_LEVERAGE]
    price = average * share / (1.0 - side * number[n.N_MARGIN])
    # The exchange's level and not an order of ours: it rounds to the tick that is reached first.
    return -to_tick(-price, number[n.N_TICK])
