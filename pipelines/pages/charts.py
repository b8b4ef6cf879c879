"""The charts of open trades, from their bars and the advice on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray
from exitladder.execution import Simulation, simulate
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.measures.exits.managing import set_and_forget
from exitladder.pipelines.advice.managed import Managed
from exitladder.pipelines.inputs.job import Job
from exitladder.pipelines.inputs.predictions import predict_some
from exitladder.pipelines.pages.trade_chart import LeftAlone, TradeChart, window_of
from exitladder.pipelines.plots.examples import stop_path
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades


def charts_of(job: Job, ladder: Ladder, managed: Managed, frame: pd.DataFrame) -> dict[str, TradeChart]:
    """Return the chart of each trade by trade_id.

    Parameters
    ----------
    job : Job
        Of the trades that were scored.
    ladder : Ladder
    managed : Managed
        The trades as the ladder followed them.
    frame : DataFrame
        Their rows.

    Returns
    -------
    dict of str to TradeChart
    """
    placed = job.prepared.placed
    rows = {str(row["trade_id"]): {str(k): v for k, v in row.items()} for row in frame.to_dict("records")}
    windows = [
        window_of(int(placed.entry_bar[i]), int(placed.bars.start[placed.symbol_index[i]]), int(placed.end_bar[i]))
        for i in range(len(placed))
    ]
    paths = _Paths(_exhaustion(job, windows), managed, _left_alone(placed, ladder))
    return {
        trade_id: _chart(placed, i, rows[trade_id], windows[i], paths)
        for i, trade_id in enumerate(map(str, placed.trades.trade_id))
        if trade_id in rows
    }


@dataclass(frozen=True)
class _Paths:
    """What all charts draw their paths from: exhaustion by trade and bar shown, the stops, the set-and-forget exit."""

    exhaustion: list[FloatArray]
    managed: Managed
    alone: Simulation | None

    def stop(self, i: int, part: slice) -> FloatArray:
        """Return the stop in force in each bar shown of a trade, NaN before the ladder manages it."""
        done, k = self.managed.views[i]
        path = np.full(part.stop - part.start, np.nan)
        first = int(done.placed.first_bar[k])
        if first >= int(done.placed.end_bar[k]) or not done.risk[k] > 0:
            return path
        known = stop_path(done, self.managed.signals[i], k).to_numpy(dtype=float)
        bars = first + np.arange(len(known))
        shown = (bars >= part.start) & (bars < part.stop)
        path[bars[shown] - part.start] = known[shown]
        return path

    def left_alone(self, i: int, part: slice) -> LeftAlone | None:
        """Return the set-and-forget exit of a trade."""
        done = self.alone
        if done is None or not done.risk[i] > 0:
            return None
        side, bar = int(done.placed.trades.side[i]), int(done.exit_bar[i])
        stop = float(done.placed.trades.entry_price[i]) - side * float(done.risk[i])
        target = side * float(done.rungs[i, s.LEVEL, 0])
        return LeftAlone(stop, target, bar - part.start if bar >= 0 else -1, float(done.r[i]))


def _exhaustion(job: Job, windows: list[slice]) -> list[FloatArray]:
    """Return the model's probability at the close of each bar shown, NaN where it has no view."""
    found = [np.full(part.stop - part.start, np.nan) for part in windows]
    if job.model is None:
        return found
    rows = job.prepared.rows
    shown = np.flatnonzero(rows.bar >= np.repeat([part.start for part in windows], rows.lengths))
    if not len(shown):
        return found
    values = predict_some(job.prepared, job.model, shown).reading("exhaustion")
    for trade, bar, value in zip(rows.trade[shown], rows.bar[shown], values, strict=True):
        found[trade][bar - windows[trade].start] = value
    return found


def _left_alone(placed: PlacedTrades, ladder: Ladder) -> Simulation | None:
    """Return the trades under the set-and-forget exit; None if it needs bars or signals that charts do not have."""
    plan = set_and_forget(ladder)
    if plan is None or plan.execution.intrabar == "finer_bars":
        return None
    return simulate(placed, plan)


def _chart(placed: PlacedTrades, i: int, row: dict[str, Any], part: slice, paths: _Paths) -> TradeChart:
    bars = placed.bars
    entry, end = int(placed.entry_bar[i]), int(placed.end_bar[i])
    closing = [order for order in row["orders"] if order["reduce_only"]]
    targets = {(order["rung"], order["price"]) for order in closing if order["type"] == "limit"}
    before, now = float(row["stop_before"]), float(row["stop_price"])
    levels = [("stop now", before)] if not np.isclose(before, now, equal_nan=True) else []
    managed = end - int(row["bars_managed"])
    done, k = paths.managed.views[i]
    size, average = _size(done, k, placed, i, part) if done.ladder.adds else (None, None)
    waits = sorted({(order["add"], order["price"]) for order in row["orders"] if "add" in order and order["price"]})
    return TradeChart(
        time=bars.time[part], high=bars.high[part], low=bars.low[part], close=bars.close[part],
        entry=entry - part.start, side=int(placed.trades.side[i]), entry_price=float(placed.trades.entry_price[i]),
        levels=[
            *levels, ("stop tonight", now), *((f"target {rung}", price) for rung, price in sorted(targets)),
            *((f"add {number}", price) for number, price in waits),
        ],
        fills=_fills(placed, i, part), managed=managed - part.start if row["managed_from"] else 0,
        risk=float(done.risk[k]), stop=paths.stop(i, part), exhaustion=paths.exhaustion[i],
        alone=paths.left_alone(i, part), size=size, average=average,
    )  # fmt: skip


def _size(done: Simulation, k: int, placed: PlacedTrades, i: int, part: slice) -> tuple[FloatArray, FloatArray]:
    """Return the quantity held at each close shown of a trade with adds, and the average entry.

    Parameters
    ----------
    done : Simulation
    k : int
        Position of the trade in it.
    placed : PlacedTrades
    i : int
        Position of the trade.
    part : slice
        The bars shown.

    Returns
    -------
    size, average : float64 array, shape (n_bars,)
        By the user's fills, else by the plan's; NaN before the entry.
    """
    trades, bars = placed.trades, placed.bars
    own = trades.fills
    if own is not None and own.start[i + 1] > own.start[i]:
        rows = slice(int(own.start[i]), int(own.start[i + 1]))
        first, end = int(bars.start[placed.symbol_index[i]]), int(placed.end_bar[i])
        bar = first + np.searchsorted(bars.time[first:end], own.time[rows], side="right") - 1
        is_entry, quantity, price = own.is_entry[rows], own.quantity[rows], own.price[rows]
    else:
        fills, mine = done.fills, np.flatnonzero((done.fills.trade == k) & (done.fills.order != o.MARK))
        is_entry = fills.side[mine] == trades.side[i]
        bar, quantity, price = fills.bar[mine], fills.quantity[mine], fills.price[mine]
        if not len(mine):
            bar, is_entry = np.array([int(placed.entry_bar[i])]), np.array([True])
            quantity, price = trades.quantity[i : i + 1], trades.entry_price[i : i + 1]
    held, entered, cost = (np.cumsum(v) for v in (
        np.where(is_entry, quantity, -quantity), np.where(is_entry, quantity, 0.0),
        np.where(is_entry, quantity * price, 0.0),
    ))  # fmt: skip
    last = np.searchsorted(bar, np.arange(part.start, part.stop), side="right") - 1
    known = last >= 0
    return np.where(known, held[last], np.nan), np.where(known, cost[last] / entered[last], np.nan)


def _fills(placed: PlacedTrades, i: int, part: slice) -> list[tuple[int, float, str]]:
    """Return the user's own exits within the bars shown."""
    if placed.trades.fills is None:
        return []
    own, found = placed.trades.own_exits(), []
    time = placed.bars.time[part]
    for k in range(int(own.start[i]), int(own.start[i + 1])):
        bar = int(np.searchsorted(time, own.time[k], side="right")) - 1
        if bar >= 0:
            found.append((bar, float(own.price[k]), f"{own.quantity[k]:.6g} at {own.price[k]:.6g}"))
    return found
