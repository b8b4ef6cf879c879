"""Loops over bars behind the labels that the product's own are compared with, compiled.

Rows and bars are laid out as in `label_kernels`; a short trade reads the bars mirrored.
"""

from __future__ import annotations

import math

from numba import njit

from exitladder.arrays import FloatArray, IntArray


@njit(cache=True, error_model="numpy")
def remaining_rows(
    start: IntArray,
    first_bar: IntArray,
    end_bar: IntArray,
    side: IntArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    atr: FloatArray,
    give_back_atr: float,
    value: FloatArray,
    resolved: IntArray,
) -> None:
    """Fill `value` with how much further price went before it gave back from its best, in price."""
    for i in range(len(first_bar)):
        s = float(side[i])
        for row in range(start[i], start[i + 1]):
            t = first_bar[i] + row - start[i]
            value[row] = math.nan
            resolved[row] = end_bar[i] - 1
            if not atr[t] > 0.0:
                continue
            distance = give_back_atr * atr[t]
            best = s * close[t]
            for u in range(t + 1, end_bar[i]):
                worst = low[u] if s > 0 else -high[u]
                # The bar that gives back adds nothing: whether its own best came first is not known.
                if worst <= best - distance:
                    value[row] = best - s * close[t]
                    resolved[row] = u
                    break
                best = max(best, high[u] if s > 0 else -low[u])


@njit(cache=True, error_model="numpy")
def pivot_rows(
    start: IntArray,
    first_bar: IntArray,
    end_bar: IntArray,
    side: IntArray,
    high: FloatArray,
    low: FloatArray,
    atr: FloatArray,
    give_back_atr: float,
    value: FloatArray,
    resolved: IntArray,
) -> None:
    """Fill `value` with 1 at the bar of the best before the first give-back, 0 before it, NaN after it."""
    for i in range(len(first_bar)):
        s = float(side[i])
        for row in range(start[i], start[i + 1]):
            value[row] = math.nan
            resolved[row] = end_bar[i] - 1
        n = start[i + 1] - start[i]
        best = -math.inf
        pivot = first_bar[i]
        for u in range(first_bar[i], end_bar[i]):
            worst = low[u] if s > 0 else -high[u]
            if u > first_bar[i] and atr[u - 1] > 0.0 and worst <= best - give_back_atr * atr[u - 1]:
                if pivot - first_bar[i] < n:
                    value[start[i] + pivot - first_bar[i]] = 1.0
                    resolved[start[i] + pivot - first_bar[i]] = u
                break
            top = high[u] if s > 0 else -low[u]
            if top > best:
                # A new best: all since the one before it were not the pivot, and that is known now.
                for t in range(pivot, min(u, first_bar[i] + n)):
                    value[start[i] + t - first_bar[i]] = 0.0
                    resolved[start[i] + t - first_bar[i]] = u
                best = top
                pivot = u
