"""Loops over bars behind the labels, compiled.

All take the rows as `TradeRows` lays them out and the bars as `BarSet` does. A long trade reads the
bars as they are and a short one reads them mirrored: its gain is price falling.
"""

from __future__ import annotations

import math

from numba import njit

from exitladder.arrays import FloatArray, IntArray


@njit(cache=True, error_model="numpy")
def barrier_rows(
    start: IntArray,
    first_bar: IntArray,
    end_bar: IntArray,
    side: IntArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    atr: FloatArray,
    give_back_atr: float,
    extend_atr: float,
    horizon: int,
    value: FloatArray,
    resolved: IntArray,
) -> None:
    """Fill `value` with -1 (gives back first), 1 (extends first), 0 (neither in time) or NaN, `resolved` with bars."""
    for i in range(len(first_bar)):
        s = float(side[i])
        for row in range(start[i], start[i + 1]):
            t = first_bar[i] + row - start[i]
            value[row] = math.nan
            resolved[row] = end_bar[i] - 1
            a = atr[t]
            if not a > 0.0:
                continue
            back = s * close[t] - give_back_atr * a
            beyond = s * close[t] + extend_atr * a
            for u in range(t + 1, min(t + horizon + 1, end_bar[i])):
                worst = low[u] if s > 0 else -high[u]
                best = high[u] if s > 0 else -low[u]
                # A bar that reaches both is counted as giving back: the order inside it is not known.
                if worst <= back:
                    value[row] = -1.0
                elif best >= beyond:
                    value[row] = 1.0
                elif u == t + horizon:
                    value[row] = 0.0
                else:
                    continue
                resolved[row] = u
                break


@njit(cache=True, error_model="numpy")
def continuation_rows(
    start: IntArray,
    first_bar: IntArray,
    end_bar: IntArray,
    side: IntArray,
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    atr: FloatArray,
    trail_atr: float,
    value: FloatArray,
    resolved: IntArray,
) -> None:
    """Fill `value` with the price gained by leaving on a trail begun at t over leaving at the open of t+1."""
    for i in range(len(first_bar)):
        s = float(side[i])
        for row in range(start[i], start[i + 1]):
            t = first_bar[i] + row - start[i]
            value[row] = math.nan
            resolved[row] = end_bar[i] - 1
            if not atr[t] > 0.0 or t + 1 >= end_bar[i]:
                continue
            now = s * open_[t + 1]
            best = s * close[t]
            line = best - trail_atr * atr[t]
            for u in range(t + 1, end_bar[i]):
                opened = s * open_[u]
                worst = low[u] if s > 0 else -high[u]
                if worst <= line or opened <= line:
                    # A gap through the line fills at the open, never at the line (rule X2b).
                    value[row] = min(line, opened) - now
                    resolved[row] = u
                    break
                top = high[u] if s > 0 else -low[u]
                best = max(best, top)
                if atr[u] > 0.0:
                    line = max(line, best - trail_atr * atr[u])


@njit(cache=True, error_model="numpy")
def reached_rows(
    start: IntArray,
    first_bar: IntArray,
    side: IntArray,
    entry_price: FloatArray,
    high: FloatArray,
    low: FloatArray,
    atr: FloatArray,
    trail_atr: float,
    reached: FloatArray,
) -> None:
    """Fill `reached` with 1 where a trail begun at the entry still holds the trade at the row's close, else 0."""
    for i in range(len(first_bar)):
        s = float(side[i])
        best = s * entry_price[i]
        line = -math.inf
        alive = True
        for row in range(start[i], start[i + 1]):
            t = first_bar[i] + row - start[i]
            worst = low[t] if s > 0 else -high[t]
            top = high[t] if s > 0 else -low[t]
            # What was lost in bar t is lost by its close: the row of the stopping bar is out already.
            alive = alive and worst > line
            reached[row] = 1.0 if alive else 0.0
            best = max(best, top)
            if atr[t] > 0.0:
                line = max(line, best - trail_atr * atr[t])
