"""Decisions at the close of a bar, for the next one (X4, X5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exitladder.arrays import FloatArray, IntArray, IntTable
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import packed as n
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.adds.growth import may_add
from exitladder.execution.kernel.compiled import compiled, inlined
from exitladder.execution.kernel.one_bar import trail_of
from exitladder.execution.kernel.rounding import is_above, on_grid
from exitladder.execution.kernel.slices import has_slices, main_stop_matters, ratchet_own_lines
from exitladder.execution.kernel.state import Position

BARS_HELD = o.STATE_CODES["bars_held"]


class AtClose(NamedTuple):
    """The state of a trade at a bar's close, in signed prices.

    Parameters
    ----------
    close, entry : float
    risk : float
        R in price.
    best, worst : float
        Best and worst price since the entry.
    held : float
        Closed bars since the entry.
    stop : float
        The stop for the next bar.
    slack : float
        Of comparisons of r (X4a).
    """

    close: float
    entry: float
    risk: float
    best: float
    worst: float
    held: float
    stop: float
    slack: float


class RungConditions(NamedTuple):
    """The conditions of a ladder's signal rungs and the series that they read.

    Parameters
    ----------
    rung_code : int64 array, shape (max_rungs, RUNG_CODES)
        The ladder's part of `exitladder.execution.kernel.packed.Plan.rung_code`.
    series, comparison : int64 array, shape (n_conditions,)
    threshold : float64 array, shape (n_conditions,)
    values : float64 array, shape (n_values,)
        This and the arrays that follow are those of `exitladder.execution.kernel.packed.Readings`.
    base, known_from, known_to : int64 array, shape (n_series, n_trades)
    """

    rung_code: IntTable
    series: IntArray
    comparison: IntArray
    threshold: FloatArray
    values: FloatArray
    base: IntTable
    known_from: IntTable
    known_to: IntTable


@inlined
def slack_in_r(entry: float, risk: float) -> float:
    """Return the slack of conditions on r (X4a)."""
    return abs(entry) * o.CONDITION_SLACK / risk


@inlined
def ratchet(position: Position, atr: float) -> None:
    """X5: ratchet the trail at a bar's close; a bar whose ATR is not known adds nothing.

    X5a: a line that a walk inside the bar left higher stays. X7b: such a bar is ambiguous under every policy.
    """
    state = position.state
    line = trail_of(position, state[s.BEST], atr)
    if line > state[s.LINE]:
        state[s.LINE] = line
    matters = not has_slices(position) or main_stop_matters(position)
    if matters and state[s.EXIT_ORDER] < 0.0 and is_above(state[s.WALKED], state[s.LINE]):
        state[s.AMBIGUOUS_HERE] = 1.0
    if state[s.WALK_LINE] > state[s.LINE]:
        state[s.LINE] = state[s.WALK_LINE]
    state[s.WALK_LINE] = state[s.WALKED] = -np.inf
    if has_slices(position):
        ratchet_own_lines(position, atr)
    state[s.ATR_BEFORE] = atr


@inlined
def financing_rate(side: float, funding: float, borrow: float) -> float:
    """Return the cost of holding per bar as a share of the notional; a short receives funding and pays borrow (S5).

    Parameters
    ----------
    side : float
        +1 long, -1 short.
    funding, borrow : float
        Per bar, as shares of the notional.

    Returns
    -------
    float
        Share of the notional per bar; negative if the holder is paid.
    """
    return funding if side > 0.0 else borrow - funding


@inlined
def count_bar(position: Position, close: float) -> None:
    """X4: count a closed bar and pay financing on the quantity held at its close (S5)."""
    state, number = position.state, position.number
    state[s.HELD] += 1.0
    rate = financing_rate(state[s.SIDE], number[n.N_FUNDING], number[n.N_BORROW])
    if rate != 0.0:
        cost = rate * abs(close) * on_grid(state[s.LEFT], number[n.N_LOT])
        state[s.FINANCING] += cost
        state[s.FINANCING_DUE] += cost


@inlined
def state_value(series: int, now: AtClose) -> float:
    """Return a trade-state series at a bar's close, by its negative code."""
    open_r = (now.close - now.entry) / now.risk
    if series == -1:
        return open_r
    if series == -2:
        return (now.best - now.entry) / now.risk
    if series == -3:
        return (now.worst - now.entry) / now.risk
    if series == -4:
        return (now.best - now.entry) / now.risk - open_r
    if series == BARS_HELD:
        return now.held
    return (now.close - now.stop) / now.risk


@inlined
def is_true(value: float, comparison: int, threshold: float, slack: float) -> bool:
    """Whether a condition holds; a NaN makes it false (X4).

    Parameters
    ----------
    value : float
    comparison : int
        Position in `exitladder.execution.kernel.codes.COMPARISONS`.
    threshold : float
    slack : float
        Values closer to the threshold than this count as equal to it (X4a).

    Returns
    -------
    bool
    """
    if comparison == 0:
        return value + slack >= threshold
    if comparison == 1:
        return value - slack <= threshold
    if comparison == 2:
        return value - slack > threshold
    return value + slack < threshold


@inlined
def all_hold(conditions: RungConditions, j: int, i: int, bar: int, now: AtClose) -> bool:
    """Whether all conditions of a rung hold at a bar's close.

    Parameters
    ----------
    conditions : RungConditions
    j, i : int
        Rung and trade, from 0.
    bar : int
        Bar number through the whole `BarSet`.
    now : AtClose

    Returns
    -------
    bool
        True if the rung has no conditions.
    """
    first, end = conditions.rung_code[j, n.RC_FIRST], conditions.rung_code[j, n.RC_END]
    return these_hold(conditions, (first, end), i, bar, now)


@inlined
def these_hold(conditions: RungConditions, which: tuple[int, int], i: int, bar: int, now: AtClose) -> bool:
    """Whether some conditions hold at a bar's close, all of them.

    Parameters
    ----------
    conditions : RungConditions
    which : tuple of int
        The first of them, and the first after them.
    i : int
        Trade, from 0.
    bar : int
        Bar number through the whole `BarSet`.
    now : AtClose

    Returns
    -------
    bool
    """
    for c in range(which[0], which[1]):
        k = conditions.series[c]
        slack = 0.0
        if k < 0:
            value = state_value(k, now)
            if k != BARS_HELD:
                slack = now.slack
        elif conditions.known_from[k, i] <= bar < conditions.known_to[k, i]:
            value = conditions.values[conditions.base[k, i] + bar]
        else:
            value = np.nan
        if not is_true(value, conditions.comparison[c], conditions.threshold[c], slack):
            return False
    return True


@inlined
def decide_signals(position: Position, conditions: RungConditions, bar: int, now: AtClose) -> bool:
    """X4: turn each signal rung whose conditions all hold at a bar's close into a market order for the next open.

    Parameters
    ----------
    position : Position
    conditions : RungConditions
    bar : int
        Bar number through the whole `BarSet`.
    now : AtClose

    Returns
    -------
    bool
        Whether there was one.
    """
    state, rungs = position.state, position.rungs
    i = int(state[s.TRADE])
    fired = False
    for j in range(position.code[n.C_RUNGS]):
        if rungs[s.KIND, j] < o.SIGNAL or rungs[s.STATUS, j] != o.RESTING:
            continue
        if all_hold(conditions, j, i, bar, now):
            rungs[s.STATUS, j] = o.PENDING
            fired = True
    if fired:
        state[s.WAITING] = 1.0
    return fired


@compiled
def from_average(position: Position, now: AtClose) -> AtClose:
    """Return the state at a close counted from the average entry, once an add has filled.

    Parameters
    ----------
    position : Position
    now : AtClose
        Counted from the entry.

    Returns
    -------
    AtClose
        All prices less the average; best and worst are of the bars, each less the average before it.
    """
    growth = position.growth
    if growth[s.G_MADE] <= 0.0:
        return now
    average = growth[s.G_AVERAGE]
    return AtClose(
        now.close - average, 0.0, now.risk, growth[s.G_BEST], growth[s.G_WORST], now.held, now.stop - average, now.slack
    )


@compiled
def decide_adds(position: Position, conditions: RungConditions, bar: int, now: AtClose) -> bool:
    """Turn each signal add whose conditions all hold at a bar's close into a market order for the next open.

    Parameters
    ----------
    position : Position
    conditions : RungConditions
    bar : int
        Bar number through the whole `BarSet`.
    now : AtClose

    Returns
    -------
    bool
        Whether there was one.
    """
    adds, i = position.adds, int(position.state[s.TRADE])
    fired = False
    if not may_add(position):
        return fired
    for k in range(position.code[n.C_ADDS]):
        if adds[s.A_KIND, k] != o.SIGNALLED or adds[s.A_STATUS, k] != o.RESTING:
            continue
        if these_hold(conditions, (int(adds[s.A_FIRST, k]), int(adds[s.A_END, k])), i, bar, now):
            adds[s.A_STATUS, k] = o.PENDING
            fired = True
    return fired
