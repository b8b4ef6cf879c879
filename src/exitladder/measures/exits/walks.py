"""The bars of each closed trade walked one by one, compiled: what the measures of excursions and exits rest on."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution.kernel import state as s
from exitladder.measures.exits.closed import NEAR, ClosedTrades


class Walks(NamedTuple):
    """Closed trades as arrays for compiled code.

    Parameters
    ----------
    open, high, low : float64 array, shape (n_bars,)
        Prices of all bars.
    side, entry, risk : float64 array, shape (n,)
        1 or -1, the signed price of the entry, and R in price.
    first, start : int64 array, shapes (n,) and (n + 1,)
    bar : int64 array, shape (n_exits,)
    r, share : float64 array, shape (n_exits,)
        See `exitladder.measures.exits.closed.ClosedTrades`.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    side: FloatArray
    entry: FloatArray
    risk: FloatArray
    first: IntArray
    start: IntArray
    bar: IntArray
    r: FloatArray
    share: FloatArray


def walks_of(closed: ClosedTrades) -> Walks:
    """Return the closed trades as arrays of one layout, so that each function is compiled once."""
    bars = closed.simulation.placed.bars
    side, entry, risk = (
        np.ascontiguousarray(closed.simulation.states[closed.rows, k]) for k in (s.SIDE, s.ENTRY, s.RISK)
    )
    high, low, opened = (np.ascontiguousarray(column, dtype=np.float64) for column in (bars.high, bars.low, bars.open))
    first, start, bar = (np.ascontiguousarray(c, dtype=np.int64) for c in (closed.first, closed.start, closed.bar))
    r, share = (np.ascontiguousarray(column, dtype=np.float64) for column in (closed.r, closed.share))
    return Walks(opened, high, low, side, entry, risk, first, start, bar, r, share)


@numba.njit(cache=True, error_model="numpy")
def first_reached(walks: Walks, extreme: FloatArray, sign: float, usual: IntArray) -> IntArray:
    """Return the first bar at which each trade reached its extreme.

    Parameters
    ----------
    walks : Walks
    extreme : float64 array, shape (n,)
        MFE or MAE in R.
    sign : float
        1 for the best price, -1 for the worst.
    usual : int64 array, shape (n,)
        The bar where price never moved.

    Returns
    -------
    int64 array, shape (n,)
        Of the bar of the last fill only the fills count.
    """
    out = np.empty(len(usual), dtype=np.int64)
    for i in range(len(usual)):
        begin, end = walks.start[i], walks.start[i + 1]
        last, at = walks.bar[end - 1], -1
        if abs(extreme[i]) <= NEAR:
            out[i] = usual[i]
            continue
        side, entry, risk, least = walks.side[i], walks.entry[i], walks.risk[i], sign * extreme[i] - NEAR
        prices = walks.high if side * sign > 0 else walks.low
        for bar in range(walks.first[i], last):
            if sign * ((side * prices[bar] - entry) / risk) >= least:
                at = bar
                break
        for k in range(begin, end):
            if sign * walks.r[k] >= least:
                at = walks.bar[k] if at < 0 else min(at, walks.bar[k])
                break
        out[i] = last if at < 0 else at
    return out


@numba.njit(cache=True, error_model="numpy")
def position_extremes(walks: Walks) -> tuple[FloatArray, FloatArray]:
    """Return the best and the worst profit of each position, see `exitladder.measures.exits.excursions`."""
    n = len(walks.first)
    best, worst = np.zeros(n), np.zeros(n)
    for i in range(n):
        side, entry, risk = walks.side[i], walks.entry[i], walks.risk[i]
        highs = walks.high if side > 0 else walks.low
        lows = walks.low if side > 0 else walks.high
        made, left, bar = 0.0, 1.0, walks.first[i]
        made_before, left_before = 0.0, 1.0
        for k in range(walks.start[i], walks.start[i + 1]):
            at, r, share = walks.bar[k], walks.r[k], walks.share[k]
            seen = _widened((-np.inf, np.inf, True), made + left * r)
            if at >= bar:
                for j in range(bar, at):
                    seen = _widened(seen, made + left * ((side * highs[j] - entry) / risk))
                    seen = _widened(seen, made + left * ((side * lows[j] - entry) / risk))
                seen = _widened(seen, made + left * ((side * walks.open[at] - entry) / risk))
                made_before, left_before = made, left
            made, left = made + share * r, left - share
            if k + 1 < walks.start[i + 1] and walks.bar[k + 1] > at and at >= walks.first[i]:
                low = (side * lows[at] - entry) / risk
                seen = _widened(seen, made + left * ((side * highs[at] - entry) / risk))
                seen = _widened(seen, made + left * low)
                seen = _widened(seen, made_before + left_before * low)
            high, low, is_known = seen
            if is_known and high > best[i]:
                best[i] = high
            if is_known and low < worst[i]:
                worst[i] = low
            bar = max(bar, at + 1)
    return best, worst


@numba.njit(cache=True, error_model="numpy")
def best_prices(walks: Walks, until: IntArray, made: FloatArray, allowed: FloatArray) -> FloatArray:
    """Return the best price in R at which the last exit of each trade could have been made, its own included.

    Parameters
    ----------
    walks : Walks
    until : int64 array, shape (n,)
        The last bar to which the exit may move.
    made : float64 array, shape (n,)
        What the exits before the last one made.
    allowed : float64 array, shape (n,)
        The loss of the position that must not be exceeded on the way, as a positive number.

    Returns
    -------
    float64 array, shape (n,)
    """
    out = np.empty(len(until))
    for i in range(len(until)):
        side, entry, risk = walks.side[i], walks.entry[i], walks.risk[i]
        highs = walks.high if side > 0 else walks.low
        lows = walks.low if side > 0 else walks.high
        k = walks.start[i + 1] - 1
        share, least = walks.share[k], -allowed[i] - NEAR
        begin = walks.first[i] if k == walks.start[i] else max(walks.first[i], walks.bar[k - 1] + 1)
        seen = (-np.inf, np.inf, True)
        for bar in range(begin, until[i] + 1):
            if made[i] + share * ((side * lows[bar] - entry) / risk) < least:
                opened = (side * walks.open[bar] - entry) / risk
                if made[i] + share * opened >= least:
                    seen = _widened(seen, opened)
                break
            seen = _widened(seen, (side * highs[bar] - entry) / risk)
        out[i] = seen[0] if seen[2] and seen[0] > walks.r[k] else walks.r[k]
    return out


@numba.njit(cache=True, error_model="numpy")
def _widened(seen: tuple[float, float, bool], value: float) -> tuple[float, float, bool]:
    """Return the highest and lowest value so far, and whether all are numbers."""
    high, low, is_known = seen
    return (value if value > high else high), (value if value < low else low), is_known and not np.isnan(value)
