"""Time and capital that an exit takes: R per bar held, trades open together, capital tied up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.simulation import Simulation
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
    closed = (carried["status"] == "closed").to_numpy()
    notional = unit_notional(carried)
    row = pd.Index(carried["trade_id"]).get_indexer(pd.Index(fills["trade_id"]))
    is_sold = ~fills["order"].isin(["entry", "mark"]).to_numpy() & (row >= 0)
    sign = np.where((fills["order"] == "add").to_numpy()[is_sold], -1.0, 1.0)  # an add ties capital up
    held = _Held(
        r=carried["r"].to_numpy(np.float64),
        bars=carried["bars_held"].to_numpy(np.float64) + closed,
        start=nanoseconds(carried["entry_time"]),
        stop=_ends(carried, fills, closed),
        entered=carried["quantity"].to_numpy(np.float64) * notional,
        sold_at=nanoseconds(fills["bar_time"][is_sold]),
        sold=fills["quantity"].to_numpy(np.float64)[is_sold] * notional[row[is_sold]] * sign,
    )
    return held.exposure(leverage)


def exposure_of(
    parts: Sequence[Simulation], *, leverage: float = 0.0, among: BoolArray | None = None
) -> dict[str, float]:
    """Return `exposure` of the trades of simulations, without their tables.

    Parameters
    ----------
    parts : sequence of Simulation
        At least one, all on the same bars.
    leverage : float
        0 means none: a position ties up its full notional.
    among : bool array, shape (n_trades,), optional
        The trades of all parts that count; by default all. Skipped trades never do.

    Returns
    -------
    dict
    """
    bars = parts[0].placed.bars
    edges = np.cumsum([len(part) for part in parts])[:-1]
    counts = [part.status != o.SKIPPED for part in parts]
    if among is not None:
        counts = [mask & some for mask, some in zip(counts, np.split(among, edges), strict=True)]
    kept = [mask & ~np.isnan(part.r) for mask, part in zip(counts, parts, strict=True)]
    # open trades last until the latest mark of all
    marks = [bars.time[part.fills.bar[part.fills.order == o.MARK]].max(initial=0) for part in parts]
    columns = [_columns_of(part, mask, max(marks)) for part, mask in zip(parts, kept, strict=True)]
    return _Held(*(np.concatenate(column) for column in zip(*columns, strict=True))).exposure(leverage)


def _columns_of(part: Simulation, kept: BoolArray, latest: int) -> tuple[FloatArray | IntArray, ...]:
    """Return the columns of `_Held` of some trades of a simulation."""
    trades, time, fills = part.placed.trades, part.placed.bars.time, part.fills
    closed = part.status == o.CLOSED
    notional = np.abs(trades.entry_price)
    multiplier: float | FloatArray = part.ladder.costs.multiplier
    if part.money is not None:
        multiplier = part.money.multipliers
        if part.money.coin_gross is not None:
            notional = np.where(np.isnan(part.money.coin_gross), notional, 1 / notional)
    notional = notional * multiplier
    is_sold = (fills.order != o.ENTRY) & (fills.order != o.MARK) & kept[fills.trade]
    return (
        part.r[kept],
        (part.bars_held + closed)[kept].astype(np.float64),
        trades.entry_time[kept],
        np.where(closed, time[part.exit_bar], latest)[kept],
        (part.quantity * notional)[kept],
        time[fills.bar[is_sold]],
        fills.quantity[is_sold] * notional[fills.trade[is_sold]] * np.where(fills.order[is_sold] == o.ADD, -1.0, 1.0),
    )


@dataclass(frozen=True)
class _Held:
    """Executed trades, shape (n,), and the sales of parts of them, shape (n_sales,).

    Parameters
    ----------
    r : float64 array, shape (n,)
    bars : float64 array, shape (n,)
        Bars in the market: a trade is exposed to the bar of its last fill too, although it does not count as held.
    start, stop : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.
    entered : float64 array, shape (n,)
        Notional at the entry, in account currency.
    sold_at : int64 array, shape (n_sales,)
    sold : float64 array, shape (n_sales,)
        Notional of the quantities sold, at the price of the entry; negative for those that adds bought.
    """

    r: FloatArray
    bars: FloatArray
    start: IntArray
    stop: IntArray
    entered: FloatArray
    sold_at: IntArray
    sold: FloatArray

    def exposure(self, leverage: float) -> dict[str, float]:
        """Return the measures that `exposure` describes."""
        if not len(self.r):
            return dict.fromkeys(("r_per_bar", "bars_in_market", "mean_open", "max_open", "capital_used"), math.nan)
        stop = np.maximum(self.stop, self.start)
        together, span = _open_together(self.start, stop, np.ones(len(self.r)))
        time = np.concatenate([self.start, self.sold_at])
        peak = _largest_sum(time, np.concatenate([self.entered, -self.sold]))
        return {
            "r_per_bar": _ratio(float(self.r.sum()), float(self.bars.sum())),
            "bars_in_market": float(self.bars.mean()),
            "mean_open": _ratio(float((stop - self.start).sum()), span),
            "max_open": together,
            "capital_used": peak / (leverage if leverage > 0 else 1.0),
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
    return _largest_sum(time, np.concatenate([weight, -weight])), float(stop.max() - start.min())


def _largest_sum(time: IntArray, step: FloatArray) -> float:
    """Return the largest running sum of steps in order of time, of those at one time the largest first."""
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
