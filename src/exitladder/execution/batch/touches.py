"""When resting orders are first met, as the numbers of `exitladder.execution.batch.kernel`."""

from __future__ import annotations

import numpy as np
from numba import njit

from exitladder.arrays import CountTable, FloatArray, FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel.rounding import distance, down_to, on_grid, to_tick, whole_steps

SLACK = o.SLACK
SNAP = o.SNAP
DUST = o.DUST
# Above every number of an event; fits into 32 bits, so that tables of them are small.
NEVER = 2**30


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
def first_touch_targets(
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


@njit(error_model="numpy", forceinline=True)
def first_stop(
    side: float, stop: float, opens: FloatArray, highs: FloatArray, lows: FloatArray, first: int, most: int
) -> tuple[int, int]:
    """Return the event that the initial stop meets, and how many bars of `most` there are up to it."""
    for h in range(most):
        low = side * lows[first + h] if side > 0.0 else side * highs[first + h]
        if down_to(low, stop):
            return stop_code(h, side * opens[first + h], low, stop), h + 1
    return NEVER, most


@njit(error_model="numpy")
def table_stops(level: FloatArray, opens: FloatArray, lows: FloatArray, count: int, following: CountTable) -> None:
    """For every bar write the first event from it on that each stop meets."""
    for k in range(len(level)):
        code = NEVER
        for h in range(count - 1, -1, -1):
            code = min(code, stop_code(h, opens[h], lows[h], level[k]))
            following[h, k] = code


@njit(error_model="numpy")
def table_trails(
    unit_end: IntArray, width: FloatArray, risk: float, tick: float, best: FloatArray, atr: FloatArray,
    opens: FloatArray, lows: FloatArray, first: int, count: int, line: FloatTable, following: CountTable,
) -> None:  # fmt: skip
    """For every bar from `first` on write the first event from it on that each trail meets, and where it then stands.

    `line` comes out as the trail's price at that event.
    """
    n = len(width)
    for k in range(n):
        line[0, k] = -np.inf
    for h in range(count - 1):
        # The widths of one unit in a loop of their own, which the compiler turns into vector instructions.
        for k in range(unit_end[0]):
            now = to_tick(best[h] - distance(o.IN_R, width[k], risk, atr[h], best[h]), tick)
            line[h + 1, k] = now if now > line[h, k] else line[h, k]
        for k in range(unit_end[0], unit_end[1]):
            now = to_tick(best[h] - distance(o.IN_ATR, width[k], risk, atr[h], best[h]), tick)
            line[h + 1, k] = now if now > line[h, k] else line[h, k]
        for k in range(unit_end[1], unit_end[2]):
            now = to_tick(best[h] - distance(o.IN_PERCENT, width[k], risk, atr[h], best[h]), tick)
            line[h + 1, k] = now if now > line[h, k] else line[h, k]
    for k in range(n):
        following[count - 1, k] = stop_code(count - 1, opens[count - 1], lows[count - 1], line[count - 1, k])
    for h in range(count - 2, first - 1, -1):
        opened, low = opens[h], lows[h]
        at_open, inside = np.uint32(4 * h + 1), np.uint32(4 * h + 3)
        for k in range(n):
            at = line[h, k]
            here = at_open if down_to(opened, at) else inside
            is_met = down_to(low, at)
            following[h, k] = here if is_met else following[h + 1, k]
            line[h, k] = at if is_met else line[h + 1, k]


@njit(error_model="numpy", forceinline=True)
def sell_of(size: float, left: float, lots: float, least: float) -> float:
    """Return what a rung of this size sells of what is left: a rest that may not stay behind goes with it (S1)."""
    part = min(size, left)
    if part > 0.0 and (left - part < least * (1.0 - SNAP) or left - part <= DUST * lots):
        part = left
    return part


@njit(error_model="numpy")
def size_splits(
    fraction: FloatTable, start: float, lots: float, lot: float, least: float, size: FloatArray, sells: FloatArray,
    stays: FloatArray,
) -> None:  # fmt: skip
    """Write the lots of every split's rungs, what each sells if met in order, and the lots left before and after each.

    S1 and X9: rounded down to the lot; a rung without size passes its quantity on. Splits follow one another.
    """
    most = fraction.shape[1]
    for k in range(len(fraction)):
        passed_on, left = 0.0, lots
        stays[k * (most + 1)] = lots
        for j in range(most):
            wanted = fraction[k, j] * start + passed_on
            lots_here = whole_steps(wanted, lot)
            if lots_here <= 0.0 or lots_here < least * (1.0 - SNAP):
                passed_on = wanted
                lots_here = 0.0
            else:
                passed_on = 0.0
            part = sell_of(lots_here, left, lots, least)
            left -= part
            size[k * most + j], sells[k * most + j] = lots_here, on_grid(part, lot)
            stays[k * (most + 1) + j + 1] = left


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
