"""What a run made of some of its trades: results, bars, costs, and what its fills booked on each calendar day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.measures.cash import money_per_point
from exitladder.pipelines.comparison.sources import Source
from exitladder.statistics.mean import nanoseconds
from exitladder.statistics.paired_days.measures import Outcomes

_COSTS = ("commission", "slippage", "financing")


@dataclass(frozen=True)
class Bookings:
    """When each part of some trades' results was booked.

    Parameters
    ----------
    day : int64 array
        Days since 1970 UTC.
    trade : int64 array
        Row of the trade.
    r : float64 array
        They sum to the net R of each trade.
    """

    day: IntArray
    trade: IntArray
    r: FloatArray

    def daily(self, first: int, n_days: int, among: np.ndarray | None = None) -> FloatArray:
        """Return the R booked on each calendar day.

        Parameters
        ----------
        first : int
            First day, since 1970 UTC.
        n_days : int
        among : bool array, shape (n_trades,), optional
            Trades to count; all by default.

        Returns
        -------
        float64 array, shape (n_days,)
        """
        kept = np.ones(len(self.day), dtype=bool) if among is None else among[self.trade]
        return np.bincount(self.day[kept] - first, self.r[kept], n_days).astype(np.float64)


def bookings(source: Source, ids: pd.Index) -> Bookings:
    """Return what the fills of these trades booked; a trade without fills counts on the day of its exit.

    What the fills do not explain, costs above all, is booked with the last of them.

    Parameters
    ----------
    source : Source
    ids : Index
        Of trades with a result.

    Returns
    -------
    Bookings
    """
    trades = source.trades.loc[ids]
    total = trades["r"].to_numpy(np.float64)
    entered = nanoseconds(trades["entry_time"])
    last = entered.copy()
    if "exit_time" in trades:
        left = pd.to_datetime(trades["exit_time"], utc=True)
        last = np.where(left.isna().to_numpy(), entered, nanoseconds(left.fillna(trades["entry_time"])))
    if source.fills is None or "r" not in source.fills:
        return Bookings(last // DAY_NS, np.arange(len(ids)), total)
    row = source.fills_of(ids)
    kept = row >= 0
    row, when = row[kept], source.fill_time[kept]
    booked = np.nan_to_num(source.fills["r"].to_numpy(np.float64)[kept])
    if not source.fills_add_up and "quantity" in source.fills and "quantity" in trades:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = source.fills["quantity"].to_numpy(np.float64)[kept] / trades["quantity"].to_numpy(np.float64)[row]
        booked *= np.nan_to_num(share)
    rest = total - np.bincount(row, booked, len(ids))
    latest = np.full(len(ids), np.iinfo(np.int64).min)
    np.maximum.at(latest, row, when)
    has_fills = np.bincount(row, minlength=len(ids)) > 0
    last = np.where(has_fills, latest, last)
    return Bookings(
        np.concatenate([when, last]) // DAY_NS,
        np.concatenate([row, np.arange(len(ids))]),
        np.concatenate([booked, rest]),
    )


def calendar(entered: IntArray, found: Sequence[Bookings]) -> tuple[int, int]:
    """Return the first calendar day of some trades, and the number of days until the last booking."""
    first = int(entered.min() // DAY_NS)
    days = [b.day for b in found if len(b.day)]
    first = min([first, *(int(day.min()) for day in days)])
    last = max([int(entered.max() // DAY_NS), *(int(day.max()) for day in days)])
    return first, last - first + 1


def outcomes(source: Source, ids: pd.Index, booked_r: FloatArray) -> Outcomes:
    """Return the results of these trades, with the R that was booked on each calendar day.

    Parameters
    ----------
    source : Source
    ids : Index
        Of trades with a result.
    booked_r : float64 array, shape (n_days,)

    Returns
    -------
    Outcomes
    """
    trades = source.trades.loc[ids]
    closed = (trades["status"] == "closed").to_numpy()
    return Outcomes(
        r=trades["r"].to_numpy(np.float64),
        bars=_column(trades, "bars_held") + closed,
        mfe_r=_column(trades, "mfe_r"),
        cost_r=_cost_r(source, trades),
        booked_r=booked_r,
    )


def _cost_r(source: Source, trades: pd.DataFrame) -> FloatArray:
    """Return commission, slippage and financing of each trade in R; NaN if they are not known."""
    fills = source.fills
    if fills is None or not {"risk", "quantity", "side", "entry_price"} <= set(trades):
        return np.full(len(trades), np.nan)
    row = source.fills_of(trades.index)
    kept = row >= 0
    cost = np.zeros(len(trades))
    for kind in _COSTS:
        if kind in fills:
            cost += np.bincount(row[kept], np.nan_to_num(fills[kind].to_numpy(np.float64))[kept], len(trades))
    unit = money_of_r(trades)
    return np.asarray(np.divide(cost, unit, out=np.full(len(trades), np.nan), where=unit > 0))


def money_of_r(trades: pd.DataFrame) -> FloatArray:
    """Return the money that r = 1 of each trade is: its planned risk, or R times the quantity of a ladder's."""
    if "planned_risk" in trades:
        return trades["planned_risk"].to_numpy(np.float64)
    return np.asarray(
        trades["risk"].to_numpy(np.float64) * trades["quantity"].to_numpy(np.float64) * money_per_point(trades)
    )


def _column(trades: pd.DataFrame, name: str) -> FloatArray:
    if name not in trades:
        return np.full(len(trades), np.nan)
    return np.asarray(trades[name], dtype=np.float64)
