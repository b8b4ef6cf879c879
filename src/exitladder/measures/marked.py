"""The account valued at every bar's close: sales at their fills, open positions at the close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.execution import ORDERS, STATUS, Simulation
from exitladder.measures.cash import CashFlow

_ENTRY, _ADD = ORDERS.index("entry"), ORDERS.index("add")
_SKIPPED = STATUS.index("skipped")


def marked_account(parts: Sequence[Simulation], worth: Sequence[FloatArray]) -> CashFlow | None:
    """Return the changes of an account from one close to the next, open positions valued at every close.

    Parameters
    ----------
    parts : sequence of Simulation
        All on the same bars.
    worth : sequence of float64 array, shape (n_trades,)
        What 1R of each trade of a part counts in the account: 1 for an account in R in which every trade risks 1R, the
        trade's R in money for one in money, 0 for a trade that the account did not take.

    Returns
    -------
    CashFlow or None
        In the unit of `worth`, dated to the end of each bar during which a position was open. The changes sum to the
        trades' r times their worth. None if no trade was executed.

    Notes
    -----
    The entry's commission counts from the entry on, each exit's with its fill. Financing counts with the next fill.
    Price moves inside a bar are not followed: a bar that dips and recovers shows its close only.
    """
    taken = [
        (part.status != _SKIPPED) & np.isfinite(part.r) & (value != 0) for part, value in zip(parts, worth, strict=True)
    ]
    if not any(mask.any() for mask in taken):
        return None
    bars = parts[0].placed.bars
    change, n_open = np.zeros(bars.n_bars), np.zeros(bars.n_bars + 1, dtype=np.int64)
    first_entry = min(
        int(part.placed.trades.entry_time[mask].min()) for part, mask in zip(parts, taken, strict=True) if mask.any()
    )
    for part, value, mask in zip(parts, worth, taken, strict=True):
        change += _changes(part, np.where(mask, value, 0.0), n_open)
    in_market = np.flatnonzero((np.cumsum(n_open[:-1]) > 0) | (change != 0))
    moments, place = np.unique(bars.close_time[in_market] - 1, return_inverse=True)
    pnl = np.bincount(place, change[in_market], len(moments)).astype(np.float64)
    return CashFlow(moments, pnl, first_entry // DAY_NS, max(int(moments[-1]), first_entry) // DAY_NS)


def _changes(part: Simulation, worth: FloatArray, n_open: IntArray) -> FloatArray:
    """Return the change of the account at each bar's close, and count in `n_open` where positions begin and end."""
    bars, fills = part.placed.bars, part.fills
    n_bars = bars.n_bars
    kept = worth[fills.trade] != 0
    trade, bar, is_entry = fills.trade[kept], fills.bar[kept], (fills.order == _ENTRY)[kept]
    # Signed share of the position, from +1 or -1 at the entry to 0, and what a move of 1 in price then counts.
    start = part.quantity[trade]
    side = part.placed.trades.side[trade].astype(np.float64)
    if part.growth is None:
        step = np.where(is_entry, side, -side * fills.quantity[kept] / start) * (worth / part.risk)[trade]
        base = part.placed.trades.entry_price[trade]
    else:
        bought = is_entry | (fills.order == _ADD)[kept]
        step = np.where(bought, side, -side) * fills.quantity[kept] * (worth[trade] / part.planned[trade])
        base = held_averages(part)[kept]
    per_price = _running(bar, step, n_bars)
    at_entry = _running(bar, step * base, n_bars)
    booked = np.bincount(bar, booked_r(part)[kept] * worth[trade], n_bars)
    np.add.at(n_open, part.placed.entry_bar[worth != 0], 1)
    last = part.last_bar[worth != 0]
    np.add.at(n_open, last + 1, -1)
    is_held = np.cumsum(_held_at_close(part.placed.entry_bar[worth != 0], last, n_bars)) > 0
    # What rounding leaves of a position that is closed is nothing.
    value = np.where(is_held, per_price * bars.close - at_entry, 0.0)
    return np.asarray(booked + np.diff(value, prepend=0.0))


def _held_at_close(first: IntArray, last: IntArray, n_bars: int) -> IntArray:
    """Return where positions begin to be held at closes (+1) and cease to be (-1)."""
    begins = np.bincount(first, minlength=n_bars)[:n_bars]
    return np.asarray(begins - np.bincount(last, minlength=n_bars)[:n_bars], dtype=np.int64)


def _running(bar: IntArray, step: FloatArray, n_bars: int) -> FloatArray:
    return np.asarray(np.cumsum(np.bincount(bar, step, n_bars)))


def held_averages(part: Simulation) -> FloatArray:
    """Return the price that each fill's quantity counts from, in a plan with adds.

    Its own if it was bought, else the average of the quantity held, which a sale leaves unchanged.

    Returns
    -------
    float64 array, shape (n_fills,)
    """
    fills = part.fills
    found = fills.price.copy()
    held = average = 0.0
    for k, (order, quantity, price) in enumerate(zip(fills.order, fills.quantity, fills.price, strict=True)):
        if order == _ENTRY:
            held, average = float(quantity), float(price)
        elif order == _ADD:
            average = (held * average + quantity * price) / (held + quantity)
            held += quantity
        else:
            found[k] = average
            held -= quantity
    return np.asarray(found)


def booked_r(part: Simulation) -> FloatArray:
    """Return what each fill books, in R: its result, the entry's commission at the entry and not with the exits."""
    fills = part.fills
    trade = fills.trade
    if part.growth is not None:
        costs = (fills.commission + fills.financing) / part.money_per_r[trade]
        side = part.placed.trades.side[trade]
        gain = side * (fills.price - held_averages(part)) * fills.quantity / part.planned[trade]
        credits = 0.0 if part.fill_credits is None else part.fill_credits / part.planned[trade]
        return np.asarray(gain - costs + credits)
    is_entry = fills.order == _ENTRY
    entry_r = np.zeros(len(part))
    entry_r[trade[is_entry]] = fills.commission[is_entry] / part.money_per_r[trade[is_entry]]
    share = np.where(is_entry, -1.0, fills.quantity / part.quantity[trade])
    return np.asarray(fills.net_r + share * entry_r[trade])
