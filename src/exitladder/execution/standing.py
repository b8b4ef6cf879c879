"""The orders to place for the next bar, for trades that the data leaves open.

A trade without a bar after its entry (skipped as ``no_bar_after_entry``) is held too: its stop and its
rungs are needed from the next bar on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.orders import is_timed, stop_in_force

if TYPE_CHECKING:
    from exitladder.execution.simulation import Simulation

_ORDER_COLUMNS = ("trade_id", "type", "side", "quantity", "price", "rung", "kind")


def held(simulation: Simulation) -> IntArray:
    """Return the positions of the trades that are still held at the last bar."""
    is_held = (simulation.status == o.OPEN) | (simulation.skip_code == o.NO_BAR)
    return np.flatnonzero(is_held & (simulation.states[:, s.LEFT] > 0))


def standing_orders(simulation: Simulation) -> pd.DataFrame:
    """Return the orders for the next bar.

    Returns
    -------
    DataFrame
        trade_id, type (market|limit|stop|market-on-close), side (buy|sell), quantity, price (NaN for market orders),
        rung (missing if no rung), kind (rung|stop|breakeven|trail|time|liquidation|session|clock|gap). Market orders
        were decided at the last close; the stop covers the quantity that the market orders leave. A liquidation price
        that comes before the stop is listed as a stop of that kind: the exchange would act there. An order
        market-on-close sells the rest at the close of the next bar, if no other order has by then (rule X11).
    """
    rows: list[dict[str, Any]] = []
    for i in held(simulation):
        rows.extend(_orders_of(simulation, int(i)))
    frame = pd.DataFrame(rows, columns=list(_ORDER_COLUMNS))
    return frame.astype({"quantity": "float64", "price": "float64", "rung": "Int64"})


def _orders_of(simulation: Simulation, i: int) -> list[dict[str, Any]]:
    state, rungs = simulation.states[i], simulation.rungs[i]
    side = state[s.SIDE]
    left = float(state[s.LEFT])
    out: list[dict[str, Any]] = []

    def add(kind: str, lots: float, price: float = np.nan, rung: int | None = None, order: str = "rung") -> None:
        out.append(
            {
                "trade_id": simulation.placed.trades.trade_id[i],
                "type": kind,
                "side": "sell" if side > 0 else "buy",
                "quantity": float(simulation.in_units(np.array(lots), i)),
                "price": side * price,
                "rung": rung,
                "kind": order,
            }
        )

    end = int(simulation.placed.end_bar[i])
    if state[s.DUE_LATE] > 0 and state[s.DUE_BAR] == end - 1 and state[s.EXIT_ORDER] < 0:
        add("market", left, order=o.ORDERS[int(state[s.DUE_ORDER])])
        return out
    stopping = state[s.EXIT_ORDER] >= 0 and not is_timed.py_func(state[s.EXIT_ORDER])
    for j in np.flatnonzero(rungs[s.STATUS] == o.PENDING):
        lots = left if rungs[s.KIND, j] == o.REST else min(left, float(rungs[s.LOTS, j]))
        if lots > 0 and not stopping:
            add("market", lots, rung=int(j) + 1)
            left -= lots
    if state[s.EXIT_ORDER] >= 0:
        if left > 0:
            rest = int(state[s.EXIT_RUNG])
            add("market", left, rung=rest + 1 if rest >= 0 else None, order=o.ORDERS[int(state[s.EXIT_ORDER])])
        return out
    if left <= 0:
        return out
    sizes = _sizes_of(simulation, i, left)
    for j in np.flatnonzero(rungs[s.STATUS] == o.RESTING):
        if sizes.get(int(j), 0.0) > 0:
            kind = "limit" if rungs[s.KIND, j] == o.LIMIT else "stop"
            add(kind, sizes[int(j)], float(rungs[s.LEVEL, j]), int(j) + 1)
    level, order = stop_in_force.py_func(state)
    add("stop", left, float(level), order=o.ORDERS[int(order)])
    if state[s.DUE_BAR] == end and state[s.DUE_LATE] <= 0:
        add("market-on-close", left, order=o.ORDERS[int(state[s.DUE_ORDER])])
    return out


def _sizes_of(simulation: Simulation, i: int, left: float) -> dict[int, float]:
    """Return the lots of the resting rungs, by rung from 0, as they fill if reached nearest first.

    A remainder that no order may be as small as goes with the fill that would leave it (S1), unless volume caps
    fills (S1a): the order has to carry it, because the market knows nothing of that rule.
    """
    state, rungs = simulation.states[i], simulation.rungs[i]
    is_capped = simulation.ladder.execution.participation > 0
    least = o.DUST * state[s.START] if is_capped else max(state[s.LEAST] * (1.0 - o.SNAP), o.DUST * state[s.START])
    sizes = {}
    for order, count in ((s.UP, s.N_UP), (s.DOWN, s.N_DOWN)):
        rest = left
        for j in rungs[order, : int(state[count])].astype(int):
            if rungs[s.STATUS, j] != o.RESTING:
                continue
            lots = min(rest, float(rungs[s.LOTS, j]))
            if rest - lots < least or rest - lots <= o.DUST * state[s.START]:
                lots = rest
            sizes[int(j)] = lots
            rest -= lots
    return sizes


def state_frame(simulation: Simulation) -> pd.DataFrame:
    """Return trade_id, quantity_open, price, open_r, mfe_r, mae_r, give_back_r, bars_held, stop_price, stop_kind.

    `price` is the last close; the stop is the one in force for the next bar.
    """
    rows = held(simulation)
    states, placed = simulation.states[rows], simulation.placed
    price = placed.bars.close[placed.end_bar[rows] - 1]

    def in_r(signed: FloatArray) -> FloatArray:
        return np.asarray((signed - states[:, s.ENTRY]) / states[:, s.RISK])

    open_r, mfe_r = in_r(states[:, s.SIDE] * price), in_r(states[:, s.BEST])
    stops = [stop_in_force.py_func(state) for state in states]
    return pd.DataFrame(
        {
            "trade_id": placed.trades.trade_id[rows],
            "quantity_open": simulation.in_units(states[:, s.LEFT]),
            "price": price,
            "open_r": open_r,
            "mfe_r": mfe_r,
            "mae_r": in_r(states[:, s.WORST]),
            "give_back_r": mfe_r - open_r,
            "bars_held": states[:, s.HELD].astype(np.int64),
            "stop_price": np.array([level for level, _ in stops], dtype=np.float64) * states[:, s.SIDE],
            "stop_kind": [o.ORDERS[int(order)] for _, order in stops],
        }
    )
