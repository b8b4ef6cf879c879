"""When resting orders are first met, as the numbers of `exitladder.execution.batch_kernel`."""

from __future__ import annotations

import numpy as np
from numba import njit

from exitladder.bars import FloatArray, IntArray
from exitladder.execution import order_codes as o
from exitladder.execution.rounding import distance, down_to, to_tick

SLACK = o.SLACK
NEVER = 2**62


@njit(error_model="numpy", forceinline=True)
def stop_code(h: int, opened: float, low: float, level: float) -> int:
    """Return the number of the event that a stop at `level` meets in bar h, `NEVER` if it does not."""
    if not down_to(low, level):
        return NEVER
    return 4 * h + 1 if down_to(opened, level) else 4 * h + 3


@njit(error_model="numpy", forceinline=True)
def clamp(level: float, low: float, high: float) -> float:
    """Return a price inside its bar: levels may lie a rounding error outside."""
    return min(max(level, low), high)


@njit(error_model="numpy")
def meet_targets(
    unit: IntArray, value: FloatArray, unit_end: IntArray, through: int, tick: float, entry: float, risk: float,
    entry_atr: float, at_open: bool, opens: FloatArray, highs: FloatArray, lows: FloatArray, count: int,
    code: IntArray, level: FloatArray, price: FloatArray,
) -> None:  # fmt: skip
    """For every target write its order's price, when it is first met, and what it then receives."""
    start = 0
    for u in range(len(unit_end)):
        k, end = start, unit_end[u]
        for j in range(start, end):
            level[j] = to_tick(entry + distance(unit[j], value[j], risk, entry_atr, entry), tick)
            code[j] = NEVER
        h = 0
        while k < end and h < count:
            slack = abs(level[k]) * SLACK
            beyond = 0.0 if through == 0 else (tick if tick > 0.0 else 2.0 * slack)
            reach = level[k] + beyond - slack
            if highs[h] >= reach:
                # X2c does not apply on the bar of an entry at the open.
                gapped = opens[h] >= reach and not (h == 0 and at_open)
                code[k] = 4 * h + (2 if gapped else 3)
                price[k] = to_tick(opens[h] if gapped else clamp(level[k], lows[h], highs[h]), tick)
                k += 1
            else:
                h += 1
        start = end


@njit(error_model="numpy")
def table_stop(level: float, opens: FloatArray, lows: FloatArray, count: int, following: IntArray) -> None:
    """For every bar write the first event from it on that a stop at `level` meets."""
    code = NEVER
    for h in range(count - 1, -1, -1):
        code = min(code, stop_code(h, opens[h], lows[h], level))
        following[h] = code


@njit(error_model="numpy")
def table_trail(
    unit: int, width: float, risk: float, tick: float, best: FloatArray, atr: FloatArray, opens: FloatArray,
    lows: FloatArray, count: int, line: FloatArray, following: IntArray,
) -> None:  # fmt: skip
    """For every bar write where the trail stands in it, and the first event from it on that the trail meets."""
    drawn = -np.inf
    for h in range(count):
        line[h] = drawn
        now = to_tick(best[h] - distance(unit, width, risk, atr[h], best[h]), tick)
        if now > drawn:
            drawn = now
    code = NEVER
    for h in range(count - 1, -1, -1):
        code = min(code, stop_code(h, opens[h], lows[h], line[h]))
        following[h] = code


@njit(error_model="numpy", forceinline=True)
def follow_trail(
    unit: int, width: float, risk: float, tick: float, best: FloatArray, atr: FloatArray, opens: FloatArray,
    lows: FloatArray, start: int, last: int,
) -> tuple[int, float]:  # fmt: skip
    """Return the first event from bar `start` to `last` that one trail meets, and where the trail then stands."""
    line = -np.inf
    for h in range(min(start, last + 1)):
        now = to_tick(best[h] - distance(unit, width, risk, atr[h], best[h]), tick)
        if now > line:
            line = now
    for h in range(start, last + 1):
        if down_to(lows[h], line):
            return stop_code(h, opens[h], lows[h], line), line
        now = to_tick(best[h] - distance(unit, width, risk, atr[h], best[h]), tick)
        if now > line:
            line = now
    return NEVER, line


@njit(error_model="numpy", forceinline=True)
def first_at_least(best: FloatArray, price: float, count: int) -> int:
    """Return the first bar whose best price so far reaches `price`, `count` if none does."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if best[middle] >= price:
            high = middle
        else:
            low = middle + 1
    return low
