"""The benchmark's ladder in vectorbt: in a callback that may order as often as it likes, and as far as signals go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio import nb
from vectorbt.portfolio.enums import NoOrder, SizeType, StopEntryPrice, StopExitPrice

from exitladder.arrays import FloatArray

if TYPE_CHECKING:
    from peers import Sample

CASH = 1e6
# what is kept of each pair between bars
STOP, BEST, LINE, SOLD, LEFT = range(5)


@njit
def decide(t, last, number, risk, side, entry, o, h, lo, a, state, orders):  # type: ignore[no-untyped-def]
    """Write the orders of bar t as rows (quantity, price, slips) and return how many."""
    n = 0
    if t == 0:
        state[STOP], state[BEST], state[LINE], state[SOLD], state[LEFT] = entry - risk, entry, -np.inf, 0, 100.0
        orders[0] = side * 100.0, side * entry, 0.0
        n = 1
    elif state[LEFT] == 0:
        return 0
    price = np.nan
    if t == last or o <= state[STOP]:
        price = o
    else:
        while t > 0 and state[SOLD] < 2 and o >= entry + number[int(state[SOLD])] * risk:
            orders[n] = -side * 25.0, side * o, 0.0
            state[SOLD] += 1
            state[LEFT] -= 25.0
            n += 1
        if lo <= state[STOP]:
            price = state[STOP]
    if not np.isnan(price):
        orders[n] = -side * state[LEFT], side * price, 1.0
        state[LEFT] = 0.0
        return n + 1
    while state[SOLD] < 2 and h >= entry + number[int(state[SOLD])] * risk:
        orders[n] = -side * 25.0, side * (entry + number[int(state[SOLD])] * risk), 0.0
        state[SOLD] += 1
        state[LEFT] -= 25.0
        n += 1
    state[BEST] = max(state[BEST], h)
    state[LINE] = max(state[LINE], state[BEST] - number[2] * a)
    if state[SOLD] > 0:
        state[STOP] = max(state[STOP], entry, state[LINE])
    return n


@njit
def order_func(c, opens, highs, lows, atr, risk, side, numbers, fees, slip, state, orders, count):  # type: ignore[no-untyped-def]
    """Place what this bar's first call has decided, one order a call."""
    col, t = c.from_col, c.i
    i, m = col // len(numbers), col % len(numbers)
    if c.call_idx == 0:
        count[0] = decide(
            t, len(opens) - 1, numbers[m], risk[i], side[i], opens[0, i], opens[t, i], highs[t, i], lows[t, i],
            atr[t, i], state[col], orders,
        )  # fmt: skip
    if c.call_idx >= count[0]:
        return -1, NoOrder
    size, price, slips = orders[c.call_idx]
    return col, nb.order_nb(size=size, price=price, fees=fees, slippage=slip * slips)


class FromOrderFunc:
    """Runs all pairs, one per column; given the bars that each lives, it skips the bars after."""

    def __init__(self, sample: Sample, held: FloatArray | None) -> None:
        self.sample = sample
        numbers = sample.numbers()
        self.close = np.repeat(sample.close * sample.side, len(numbers), axis=1)
        self.mask: Any = True
        if held is not None:
            self.mask = np.arange(len(self.close))[:, None] <= held.ravel()
        contiguous = [np.ascontiguousarray(x) for x in (sample.open, sample.high, sample.low, sample.atr)]
        costs = sample.ladders[0].costs
        self.args = (
            *contiguous, sample.risk, sample.side, numbers, costs.commission_bps / 1e4, costs.slippage_bps / 1e4,
            np.empty((sample.n_pairs, 5)), np.empty((5, 3)), np.zeros(1, dtype=np.int64),
        )  # fmt: skip

    def __call__(self) -> FloatArray:
        """Net r of each pair, shape (n_trades, n_ladders)."""
        found = vbt.Portfolio.from_order_func(
            self.close, order_func, *self.args, flexible=True, init_cash=CASH, segment_mask=self.mask,
            max_orders=5 * self.sample.n_pairs, update_value=False, fill_pos_record=False,
        )  # fmt: skip
        return _net_r(found, self.sample)


class FromSignals:
    """Runs one target, one stop and a time stop of all pairs, one per column."""

    def __init__(self, sample: Sample, engine: str) -> None:
        self.sample, n = sample, len(sample.ladders)
        side, bars = np.repeat(sample.side, n), sample.placed.bars
        rows = sample.placed.entry_bar + np.arange(len(sample.open))[:, None]
        o, h, lo, c = (np.repeat(x[rows], n, axis=1) for x in (bars.open, bars.high, bars.low, bars.close))
        # Time is up at the last open, but vectorbt puts stops before exits: let that bar be its open alone.
        h[-1] = lo[-1] = c[-1] = o[-1]
        entry = np.zeros(o.shape, dtype=np.bool_)
        entry[0] = True
        leave = entry[::-1].copy()
        risk, target = np.repeat(sample.risk, n), np.tile(sample.numbers()[:, 0], len(sample.risk))
        self.arguments: dict[str, Any] = {
            "close": c, "open": o, "high": h, "low": lo, "price": c,
            "entries": entry & (side > 0), "exits": leave & (side > 0),
            "short_entries": entry & (side < 0), "short_exits": leave & (side < 0),
            "size": 100.0, "size_type": SizeType.Amount, "fees": 2e-4, "init_cash": CASH,
            "sl_stop": (risk / c[0])[None, :], "tp_stop": (target * risk / c[0])[None, :],
            "stop_entry_price": StopEntryPrice.Price, "stop_exit_price": StopExitPrice.StopLimit,
            "max_orders": 2 * sample.n_pairs, "engine": engine,
        }  # fmt: skip

    def __call__(self) -> FloatArray:
        """Net r of each pair, shape (n_trades, n_ladders)."""
        return _net_r(vbt.Portfolio.from_signals(**self.arguments), self.sample)


def _net_r(found: Any, sample: Sample) -> FloatArray:
    """Net r of each pair, from the order records."""
    records = found.order_records
    signed = np.where(records["side"] == 0, -1.0, 1.0) * records["size"] * records["price"] - records["fees"]
    cash = np.bincount(records["col"], weights=signed, minlength=sample.n_pairs)
    return cash.reshape(len(sample.placed), -1) / (sample.risk * 100.0)[:, None]
