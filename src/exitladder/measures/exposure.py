"""Time and capital that an exit takes: R per bar held, trades open together, capital tied up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.measures.cash import is_inverse
from exitladder.statistics.mean import nanoseconds


def exposure(trades: pd.DataFrame, fills: pd.DataFrame, *, leverage: float = 0.0) -> dict[str, float]:
    """Return the time and the capital that trades took.

    Parameters
    ----------
    trades, fills : DataFrame
        With the columns of trades.csv and fills.csv; skipped trades are ignored, and open ones last until their mark.
    leverage : float
        0 means none: a position ties up its full notional.

    Returns
    -------
    dict
        ``r_per_bar`` sum of net R over the sum of bars in the market; ``bars_in_market`` those bars per trade;
        ``mean_open`` average number of trades open together, over the time from the first entry to the last exit;
        ``max_open`` their largest number; ``capital_used`` largest notional at entry prices open at one time, with
        multiplier and currency, in account currency, divided by the leverage. NaN without trades.
    """
    carried = trades[(trades["status"] != "skipped").to_numpy() & trades["r"].notna().to_numpy()]
    if carried.empty:
        return dict.fromkeys(("r_per_bar", "bars_in_market", "mean_open", "max_open", "capital_used"), math.nan)
    closed = (carried["status"] == "closed").to_numpy()
    # A trade is exposed to the bar of its last fill too, although it does not count as held.
    bars = carried["bars_held"].to_numpy(np.float64) + closed
    start = nanoseconds(carried["entry_time"])
    stop = np.maximum(_ends(carried, fills, closed), start)
    together, span = _open_together(start, stop, np.ones(len(carried)))
    return {
        "r_per_bar": _ratio(float(carried["r"].sum()), float(bars.sum())),
        "bars_in_market": float(bars.mean()),
        "mean_open": _ratio(float((stop - start).sum()), span),
        "max_open": together,
        "capital_used": _peak_notional(carried, fills, start) / (leverage if leverage > 0 else 1.0),
    }


def _ends(trades: pd.DataFrame, fills: pd.DataFrame, closed: npt.NDArray[np.bool_]) -> IntArray:
    """Return when each trade ended: at its last fill, or at the last mark if it is open."""
    marks = nanoseconds(fills["bar_time"][(fills["order"] == "mark").to_numpy()])
    ends = np.full(len(trades), marks.max(initial=0), dtype=np.int64)
    ends[closed] = nanoseconds(trades["exit_time"][closed])
    return ends


def _open_together(start: IntArray, stop: IntArray, weight: FloatArray) -> tuple[float, float]:
    """Return the largest weight open at one time, and the time from the first start to the last stop.

    Of events at the same time, entries come first: a bar's open precedes its other prices.
    """
    time = np.concatenate([start, stop])
    step = np.concatenate([weight, -weight])
    order = np.lexsort((-step, time))
    return float(np.cumsum(step[order]).max()), float(stop.max() - start.min())


def _peak_notional(trades: pd.DataFrame, fills: pd.DataFrame, start: IntArray) -> float:
    """Return the largest sum of the quantities still held, each at its trade's entry price."""
    price = unit_notional(trades)
    row = pd.Index(trades["trade_id"]).get_indexer(pd.Index(fills["trade_id"]))
    is_sold = ~fills["order"].isin(["entry", "mark"]).to_numpy() & (row >= 0)
    time = np.concatenate([start, nanoseconds(fills["bar_time"][is_sold])])
    entered = trades["quantity"].to_numpy(np.float64) * price
    left = -fills["quantity"].to_numpy(np.float64)[is_sold] * price[row[is_sold]]
    step = np.concatenate([entered, left])
    return float(np.cumsum(step[np.lexsort((-step, time))]).max())


def unit_notional(trades: pd.DataFrame) -> FloatArray:
    """Return the notional of one unit of quantity at the entry price, in account currency."""
    price: FloatArray = np.abs(trades["entry_price"].to_numpy(np.float64))
    if "multiplier" not in trades:
        return price
    # Parts of a walk-forward without a multiplier other than 1 have no such column.
    multiplier = trades["multiplier"].fillna(1.0).to_numpy(np.float64)
    return np.asarray(np.where(is_inverse(trades), 1 / price, price) * multiplier)


def _ratio(value: float, by: float) -> float:
    return value / by if by > 0 else math.nan


def plain_exposure(values: dict[str, float]) -> dict[str, Any]:
    """Return the values for strict JSON: None for an unknown one, whole numbers as such."""
    found: dict[str, Any] = {k: None if math.isnan(v) else v for k, v in values.items()}
    if found["max_open"] is not None:
        found["max_open"] = int(found["max_open"])
    return found
