"""What each trade adds to the account on each calendar day, open positions valued at the last close of the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from exitladder.arrays import BoolArray, FloatArray, FloatTable, IntArray
from exitladder.clock import DAY_NS
from exitladder.execution import ORDERS, Simulation
from exitladder.measures.marked import booked_r, held_averages

_ENTRY, _ADD = ORDERS.index("entry"), ORDERS.index("add")


@dataclass(frozen=True)
class MarkedDays:
    """The changes of trades from day to day, kept by trade so that the account of some of them is a sum.

    Parameters
    ----------
    change : float64 array, shape (n_changes,)
        Trade by trade, one value per calendar day from the first day to the last. A trade's values sum to its r times
        its worth.
    start : int64 array, shape (n_trades + 1,)
        Where each trade's values begin; a skipped trade has none.
    first_day : int64 array, shape (n_trades,)
        Day of the entry, since 1970 UTC.
    """

    change: FloatArray
    start: IntArray
    first_day: IntArray

    def take(self, trades: IntArray | BoolArray) -> MarkedDays:
        """Return those of some trades (positions or mask)."""
        rows = np.arange(len(self.first_day))[trades]
        begin, lengths = self.start[rows], np.diff(self.start)[rows]
        start = np.concatenate([[0], np.cumsum(lengths)])
        change = self.change[np.repeat(begin - start[:-1], lengths) + np.arange(start[-1])]
        return MarkedDays(change, start, self.first_day[rows])

    @classmethod
    def joined(cls, parts: Sequence[MarkedDays]) -> MarkedDays:
        """Return those of the trades of all parts."""
        starts = np.cumsum([0, *(len(part.change) for part in parts)])
        return cls(
            np.concatenate([part.change for part in parts]),
            np.concatenate([*(part.start[:-1] + at for part, at in zip(parts, starts, strict=False)), starts[-1:]]),
            np.concatenate([part.first_day for part in parts]),
        )

    def daily(self) -> FloatArray:
        """Return the account's change on every calendar day, from the first entry to the last change.

        Empty without a trade. These are the values of `exitladder.measures.marked.marked_account(...).daily()`.
        """
        lengths = np.diff(self.start)
        held = lengths > 0
        if not held.any():
            return np.empty(0)
        first = int(self.first_day[held].min())
        sums = np.zeros(int((self.first_day + lengths)[held].max()) - first)
        _add_days(self.change, self.start, self.first_day - first, sums)
        return sums


def marked_days(part: Simulation, worth: FloatArray) -> MarkedDays:
    """Return what each trade adds to an account on each day, valued at the last close of the day.

    Parameters
    ----------
    part : Simulation
    worth : float64 array, shape (n_trades,)
        What 1R of each trade counts in the account; see `exitladder.measures.marked.marked_account`.

    Returns
    -------
    MarkedDays
    """
    bars, fills, trades = part.placed.bars, part.fills, part.placed.trades
    n, close_time = len(part), bars.close_time
    last = np.where(np.isfinite(part.r), part.last_bar, -1)
    first_day = trades.entry_time // DAY_NS
    lengths = np.where(last >= 0, np.maximum((close_time[last] - 1) // DAY_NS, first_day) - first_day + 1, 0)
    steps = _steps(part, worth)
    start = np.concatenate([[0], np.cumsum(lengths)])
    change = np.zeros(int(start[-1]))
    _fill_days(
        np.searchsorted(fills.trade, np.arange(n + 1)),
        fills.bar,
        steps,
        booked_r(part) * worth[fills.trade],
        trades.entry_price,
        np.stack([part.placed.entry_bar, last, first_day]),
        bars.close,
        close_time,
        start,
        change,
    )
    return MarkedDays(change, start, first_day)


def _steps(part: Simulation, worth: FloatArray) -> FloatArray:
    """Return what a move of 1 in price counts for each fill's quantity, and what its price is worth less the entry's.

    Returns
    -------
    float64 array, shape (2, n_fills)
        Positive if bought; the second row is 0 without adds, when every quantity counts from the entry's price.
    """
    fills, trades = part.fills, part.placed.trades
    side = trades.side[fills.trade].astype(np.float64)
    is_entry = fills.order == _ENTRY
    if part.growth is None:
        share = np.where(is_entry, side, -side * fills.quantity / part.quantity[fills.trade])
        step = share * (worth / part.risk)[fills.trade]
        return np.stack([step, np.zeros(len(step))])
    bought = is_entry | (fills.order == _ADD)
    step = np.where(bought, side, -side) * fills.quantity * (worth / part.planned)[fills.trade]
    return np.stack([step, step * (held_averages(part) - trades.entry_price[fills.trade])])


@numba.njit(cache=True, error_model="numpy")
def _add_days(change: FloatArray, start: IntArray, first_day: IntArray, sums: FloatArray) -> None:
    """Add every trade's changes to the days of the account, which begin with day 0."""
    for i in range(len(first_day)):
        for k in range(start[i], start[i + 1]):
            sums[first_day[i] + k - start[i]] += change[k]


@numba.njit(cache=True, error_model="numpy")
def _fill_days(
    fill_start: IntArray,
    fill_bar: IntArray,
    step: FloatTable,
    booked: FloatArray,
    entry_price: FloatArray,
    spans: IntArray,
    close: FloatArray,
    close_time: IntArray,
    start: IntArray,
    change: FloatArray,
) -> None:
    """Write each trade's changes into `change`; `spans` are the entry bar, the last bar (-1: none) and the first day.

    `step` is from `_steps`.
    """
    for i in range(len(entry_price)):
        first, last, day = spans[0, i], spans[1, i], spans[2, i]
        fill, per_price, beyond, total, before = fill_start[i], 0.0, 0.0, 0.0, 0.0
        today = (close_time[first] - 1) // DAY_NS
        for bar in range(first, last + 1):
            while fill < fill_start[i + 1] and fill_bar[fill] <= bar:
                per_price += step[0, fill]
                beyond += step[1, fill]
                total += booked[fill]
                fill += 1
            if bar == last:
                # What rounding leaves of a position that is closed is nothing.
                change[start[i] + max(today - day, 0)] += total - before
                break
            tomorrow = (close_time[bar + 1] - 1) // DAY_NS
            if tomorrow != today:
                value = total + (per_price * (close[bar] - entry_price[i]) - beyond)
                change[start[i] + max(today - day, 0)] += value - before
                before, today = value, tomorrow
