"""The charts of open trades, from their bars and the advice on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.pipelines.pages.trade_chart import TradeChart, window_of
from exitladder.trades.trades import PlacedTrades


def charts_of(placed: PlacedTrades, frame: pd.DataFrame) -> dict[str, TradeChart]:
    """Return the chart of each trade by trade_id.

    Parameters
    ----------
    placed : PlacedTrades
        The trades that were scored.
    frame : DataFrame
        Their rows.

    Returns
    -------
    dict of str to TradeChart
    """
    rows = {str(row["trade_id"]): {str(k): v for k, v in row.items()} for row in frame.to_dict("records")}
    return {
        trade_id: _chart(placed, i, rows[trade_id])
        for i, trade_id in enumerate(map(str, placed.trades.trade_id))
        if trade_id in rows
    }


def _chart(placed: PlacedTrades, i: int, row: dict[str, Any]) -> TradeChart:
    bars, k = placed.bars, int(placed.symbol_index[i])
    entry, end = int(placed.entry_bar[i]), int(placed.end_bar[i])
    part = window_of(entry, int(bars.start[k]), end)
    targets = {(order["rung"], order["price"]) for order in row["orders"] if order["type"] == "limit"}
    before, now = float(row["stop_before"]), float(row["stop_price"])
    levels = [("stop now", before)] if not np.isclose(before, now, equal_nan=True) else []
    managed = end - int(row["bars_managed"])
    return TradeChart(
        time=bars.time[part], high=bars.high[part], low=bars.low[part], close=bars.close[part],
        entry=entry - part.start, side=int(placed.trades.side[i]), entry_price=float(placed.trades.entry_price[i]),
        levels=[*levels, ("stop tonight", now), *((f"target {rung}", price) for rung, price in sorted(targets))],
        fills=_fills(placed, i, part), managed=managed - part.start if row["managed_from"] else 0,
    )  # fmt: skip


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
