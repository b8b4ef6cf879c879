"""What is decided at the close of a bar, for the next one (X4, X5)."""

from __future__ import annotations

import numpy as np
from numba import njit

from exitladder.arrays import FloatArray, FloatTable, IntArray, IntTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.one_bar import trail_of
from exitladder.execution.kernel.orders import stop_in_force
from exitladder.execution.kernel.rounding import on_grid


@njit(error_model="numpy", forceinline=True)
def ratchet(state: FloatArray, number: FloatArray, code: IntArray, atr: float) -> None:
    """X5: ratchet the trail at a bar's close; a bar whose ATR is not known adds nothing."""
    line = trail_of(state, number, code, state[s.BEST], atr)
    if line > state[s.LINE]:
        state[s.LINE] = line
    state[s.WALK_LINE] = -np.inf
    state[s.ATR_BEFORE] = atr


@njit(error_model="numpy", forceinline=True)
def financing_rate(side: float, funding: float, borrow: float) -> float:
    """Return what holding costs a bar as a share of the notional; a short receives funding and pays borrow (S5)."""
    return funding if side > 0.0 else borrow - funding


@njit(error_model="numpy", forceinline=True)
def count_bar(state: FloatArray, number: FloatArray, close: float) -> None:
    """X4: count a closed bar and pay financing on what is held at its close (S5)."""
    state[s.HELD] += 1.0
    rate = financing_rate(state[s.SIDE], number[n.N_FUNDING], number[n.N_BORROW])
    if rate != 0.0:
        cost = rate * abs(close) * on_grid(state[s.LEFT], number[n.N_LOT])
        state[s.FINANCING] += cost
        state[s.FINANCING_DUE] += cost


@njit(error_model="numpy", forceinline=True)
def state_value(
    series: int, close: float, entry: float, risk: float, best: float, worst: float, held: float, stop: float
) -> float:
    """Return a trade-state series at a bar's close, by its negative code; `stop` is the one for the next bar."""
    open_r = (close - entry) / risk
    if series == -1:
        return open_r
    if series == -2:
        return (best - entry) / risk
    if series == -3:
        return (worst - entry) / risk
    if series == -4:
        return (best - entry) / risk - open_r
    if series == -5:
        return held
    return (close - stop) / risk


@njit(error_model="numpy", forceinline=True)
def is_true(value: float, comparison: int, threshold: float) -> bool:
    """Whether a condition holds; a NaN makes it false (X4)."""
    if comparison == 0:
        return value >= threshold
    if comparison == 1:
        return value <= threshold
    if comparison == 2:
        return value > threshold
    return value < threshold


@njit(error_model="numpy")
def decide_signals(
    state: FloatArray,
    rungs: FloatTable,
    n_rungs: int,
    first: IntArray,
    end: IntArray,
    series: IntArray,
    comparison: IntArray,
    threshold: FloatArray,
    values: FloatArray,
    base: IntTable,
    known_from: IntTable,
    known_to: IntTable,
    i: int,
    bar: int,
    close: float,
) -> None:
    """X4: at a bar's close, turn each signal rung whose conditions all hold into a market order for the next open.

    `first` and `end` say where each rung's conditions lie; the four arrays from `values` on are those of
    `exitladder.execution.signals.Signals`.
    """
    stop, _ = stop_in_force(state)
    for j in range(n_rungs):
        if rungs[s.KIND, j] != o.SIGNAL or rungs[s.STATUS, j] != o.RESTING:
            continue
        holds = True
        for c in range(first[j], end[j]):
            k = series[c]
            if k < 0:
                value = state_value(
                    k, close, state[s.ENTRY], state[s.RISK], state[s.BEST], state[s.WORST], state[s.HELD], stop
                )
            elif known_from[k, i] <= bar < known_to[k, i]:
                value = values[base[k, i] + bar]
            else:
                value = np.nan
            if not is_true(value, comparison[c], threshold[c]):
                holds = False
                break
        if holds:
            rungs[s.STATUS, j] = o.PENDING
            state[s.WAITING] = 1.0
