"""The orders to place for the next bar, for trades that the data leaves open.

A trade without a bar after its entry (skipped as ``no_bar_after_entry``) is held too: its stop and its
rungs are needed from the next bar on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, FloatTable, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.kernel.orders import is_timed, stop_in_force
from exitladder.execution.kernel.rounding import is_above
from exitladder.execution.kernel.slices import slice_stop
from exitladder.execution.standing_adds import PlanRows, keeps_dust, plan_rows, standing_adds
from exitladder.plans.resting_adds import StandingAdds
from exitladder.runtime.compiling import interpreted

if TYPE_CHECKING:
    from exitladder.execution.simulation import Simulation

# Without the compiler, which costs more than the few calls here.
_main_stop_of, _slice_stop_of, _is_timed = interpreted(stop_in_force), interpreted(slice_stop), interpreted(is_timed)
_is_above = interpreted(is_above)

_ORDER_COLUMNS = ("trade_id", "type", "side", "quantity", "price", "rung", "kind")
_ADD_COLUMNS = ("add", "after", "fill", "room")


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
        were decided at the last close; the stop covers the quantity that the market orders leave and no slice
        reserves. A slice has a stop order of its own, with its rung (X10). A liquidation price that comes before the
        stop is listed as a stop of that kind: the exchange would act there. An order market-on-close sells the rest at
        the close of the next bar, if no other order has by then (rule X11).
        With adds also kind ``add``, and the columns add (its number), after (the add whose fill places it; missing if
        it rests now), fill (the price at which it is expected to fill) and room (the most that all adds of the trade
        together may add after the market orders), as in `exitladder.execution.standing_adds`.
    """
    columns = [*_ORDER_COLUMNS, *(_ADD_COLUMNS if simulation.ladder.adds else ())]
    frame = pd.DataFrame(standing_rows(simulation), columns=columns)
    types = {"quantity": "float64", "price": "float64", "rung": "Int64", "add": "Int64", "after": "Int64"}
    return frame.astype({name: kind for name, kind in types.items() if name in columns})


def standing_rows(simulation: Simulation) -> list[dict[str, Any]]:
    """Return the rows of `standing_orders`, trade by trade; a rung that is missing is None."""
    plans = plan_rows(simulation)
    return [row for i in held(simulation) for row in _orders_of(simulation, int(i), plans)]


def _orders_of(simulation: Simulation, i: int, plans: PlanRows) -> list[dict[str, Any]]:
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
    stopping = state[s.EXIT_ORDER] >= 0 and not _is_timed(state[s.EXIT_ORDER])
    own = _own_lots(rungs)
    free = _without_dust(left - sum(own.values()), state)
    for j in map(int, np.flatnonzero(rungs[s.STATUS] == o.PENDING)):
        lots = left if rungs[s.KIND, j] == o.REST else min(own.get(j, free), left, float(rungs[s.LOTS, j]))
        if lots > 0 and not stopping:
            begun = int(rungs[s.OWN_EXIT, j]) if j in own else -1
            add("market", lots, rung=j + 1, order=o.ORDERS[begun] if begun >= 0 else "rung")
            left -= lots
            free -= lots if j not in own else 0.0
    if state[s.MAIN_EXIT] >= 0 and free > 0 and left > 0 and not stopping:
        add("market", free, order=o.ORDERS[int(state[s.MAIN_EXIT])])
        left -= free
        free = 0.0
    if state[s.EXIT_ORDER] >= 0:
        if left > 0:
            rest = int(state[s.EXIT_RUNG])
            add("market", left, rung=rest + 1 if rest >= 0 else None, order=o.ORDERS[int(state[s.EXIT_ORDER])])
        return out
    if left <= 0:
        return out
    sizes = _sizes_of(simulation, i, _without_dust(free, state), keeps_dust(simulation, i, plans))
    for j in map(int, np.flatnonzero(rungs[s.STATUS] == o.RESTING)):
        if sizes.get(j, 0.0) > 0:
            kind = "limit" if rungs[s.KIND, j] == o.LIMIT else "stop"
            add(kind, sizes[j], float(rungs[s.LEVEL, j]), j + 1)
    for rung, lots, level, order in _stops_of(state, rungs, _without_dust(free, state)):
        add("stop", lots, level, rung, o.ORDERS[order])
    if state[s.DUE_BAR] == end and state[s.DUE_LATE] <= 0:
        add("market-on-close", left, order=o.ORDERS[int(state[s.DUE_ORDER])])
    return [*out, *_adds_of(simulation, i, standing_adds(simulation, i, left, plans))]


def _adds_of(simulation: Simulation, i: int, found: StandingAdds) -> list[dict[str, Any]]:
    """Return the rows of the adds that may fill in the next bar."""
    return [
        {
            "trade_id": simulation.placed.trades.trade_id[i], "type": order.type,
            "side": "buy" if simulation.states[i, s.SIDE] > 0 else "sell", "quantity": order.quantity,
            "price": order.price, "rung": None, "kind": "add", "add": order.number, "after": order.after,
            "fill": order.fill, "room": found.room,
        }
        for order in found.orders
    ]  # fmt: skip


def _own_lots(rungs: FloatTable) -> dict[int, float]:
    """Return the lots of each slice that is still held, by rung from 0."""
    is_own = rungs[s.OWN] > 0
    if not is_own.any():
        return {}
    kept = is_own & np.isin(rungs[s.STATUS], (o.RESTING, o.PENDING)) & (rungs[s.LOTS] > 0)
    return {int(j): float(rungs[s.LOTS, j]) for j in np.flatnonzero(kept)}


def _without_dust(lots: float, state: FloatArray) -> float:
    return lots if lots > o.DUST * state[s.START] else 0.0


def _stops_of(state: FloatArray, rungs: FloatTable, free: float) -> list[tuple[int | None, float, float, int]]:
    """Return rung (from 1, None if none), lots, signed price and order code of each stop, the trade's own last.

    What the liquidation price would take before another stop is one order: the exchange closes it together.
    """
    level, order = _main_stop_of(state)
    stops: list[tuple[int | None, float, float, int]] = []
    if free > 0:
        stops.append((None, free, float(level), int(order)))
    closed = 0.0
    for j, lots in _own_lots(rungs).items():
        if rungs[s.STATUS, j] != o.RESTING:
            continue
        level, order = _slice_stop_of(state, rungs, j)
        if state[s.LIQUIDATION] > -np.inf and not _is_above(level, state[s.LIQUIDATION]):
            closed += lots
        else:
            stops.insert(len(stops) - (free > 0), (j + 1, lots, float(level), int(order)))
    if closed > 0 and stops and stops[-1][3] == o.LIQUIDATION:
        stops[-1] = (None, free + closed, *stops[-1][2:])
    elif closed > 0:
        stops.append((None, closed, float(state[s.LIQUIDATION]), o.LIQUIDATION))
    return stops


def _sizes_of(simulation: Simulation, i: int, left: float, keeps_rest: bool) -> dict[int, float]:
    """Return the lots of the resting rungs, by rung from 0, as they fill if reached nearest first.

    A slice sells its own; the others share the unreserved lots. A remainder that no order may be as small as goes with
    the fill that would leave it (S1), unless volume caps fills (S1a) or adds may still fill: the order has to carry it,
    because the market knows nothing of that rule.
    """
    state, rungs = simulation.states[i], simulation.rungs[i]
    is_capped = simulation.ladder.execution.participation > 0 or keeps_rest
    least = o.DUST * state[s.START] if is_capped else max(state[s.LEAST] * (1.0 - o.SNAP), o.DUST * state[s.START])
    own = _own_lots(rungs)
    sizes = {j: lots for j, lots in own.items() if rungs[s.KIND, j] in (o.LIMIT, o.STOP_OUT)}
    for order, count in ((s.UP, s.N_UP), (s.DOWN, s.N_DOWN)):
        rest = left
        for j in rungs[order, : int(state[count])].astype(int):
            if rungs[s.STATUS, j] != o.RESTING or j in own:
                continue
            lots = min(rest, float(rungs[s.LOTS, j]))
            if rest - lots < least or rest - lots <= o.DUST * state[s.START]:
                lots = rest
            sizes[int(j)] = lots
            rest -= lots
    return sizes


def state_frame(simulation: Simulation) -> pd.DataFrame:
    """Return trade_id, quantity_open, price, open_r, mfe_r, mae_r, give_back_r, bars_held, stop_price, stop_kind.

    `price` is the last close; the stop is the one in force for the next bar: the stop of the trade, or the nearest
    one of its slices if these are all that is left. Of a plan with adds also quantity_entered and average_entry, from
    which R counts.
    """
    rows = held(simulation)
    states, placed = simulation.states[rows], simulation.placed
    price = placed.bars.close[placed.end_bar[rows] - 1]
    growth = None if simulation.growth is None else simulation.growth[rows]
    entry, risk = states[:, s.ENTRY], states[:, s.RISK]
    best, worst = states[:, s.BEST] - entry, states[:, s.WORST] - entry
    if growth is not None:
        entry, best, worst = growth[:, s.G_AVERAGE], growth[:, s.G_BEST], growth[:, s.G_WORST]
    open_r, mfe_r = np.asarray((states[:, s.SIDE] * price - entry) / risk), np.asarray(best / risk)
    stops = [_main_stop(state, rungs) for state, rungs in zip(states, simulation.rungs[rows], strict=True)]
    frame = pd.DataFrame(
        {
            "trade_id": placed.trades.trade_id[rows],
            "quantity_open": simulation.in_units(simulation.states[:, s.LEFT])[rows],
            "price": price,
            "open_r": open_r,
            "mfe_r": mfe_r,
            "mae_r": np.asarray(worst / risk),
            "give_back_r": mfe_r - open_r,
            "bars_held": states[:, s.HELD].astype(np.int64),
            "stop_price": np.array([level for level, _ in stops], dtype=np.float64) * states[:, s.SIDE],
            "stop_kind": [o.ORDERS[int(order)] for _, order in stops],
        }
    )
    if growth is None:
        return frame
    return frame.assign(
        quantity_entered=simulation.in_units(simulation.growth[:, s.G_ENTERED])[rows],  # type: ignore[index]
        average_entry=states[:, s.SIDE] * growth[:, s.G_AVERAGE],
    )


def _main_stop(state: FloatArray, rungs: FloatTable) -> tuple[float, int]:
    own = _own_lots(rungs)
    if own and _without_dust(float(state[s.LEFT]) - sum(own.values()), state) <= 0:
        nearest = max(_stops_of(state, rungs, 0.0), key=lambda stop: stop[2], default=None)
        if nearest is not None:
            return nearest[2], nearest[3]
    level, order = _main_stop_of(state)
    return float(level), int(order)
