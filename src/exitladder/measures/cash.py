"""Cash flow of trades: results booked at the time of each fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.statistics.mean import nanoseconds

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class CashFlow:
    """The account's result over time, one value per booking time.

    Parameters
    ----------
    time : int64 array, shape (n,)
        Nanoseconds since 1970 UTC, ascending.
    pnl : float64 array, shape (n,)
        Net result booked at that time, in account currency. They sum to the result of the trades.
    first_day, last_day : int
        Days since 1970 UTC of the first entry and the last booking.
    start_equity : float
        Equity at the start, in the unit of `pnl`; 0 if it is not known.
    """

    time: IntArray
    pnl: FloatArray
    first_day: int
    last_day: int
    start_equity: float = 0.0

    @property
    def n_days(self) -> int:
        """Calendar days from the first entry to the last booking, inclusive."""
        return self.last_day - self.first_day + 1

    @property
    def day(self) -> IntArray:
        """The day of each booking, counted from the day of the first entry."""
        return self.time // DAY_NS - self.first_day

    def daily(self) -> FloatArray:
        """Return the result of every calendar day, shape (n_days,); days without a booking have 0.

        All calendar days count in every market, 365.25 per year: weekends without trading do not change
        the annualised Sharpe ratio.
        """
        return np.asarray(np.bincount(self.day, self.pnl, self.n_days), dtype=np.float64)


def cash_flow(trades: pd.DataFrame, fills: pd.DataFrame) -> CashFlow | None:
    """Return the account's result over time, or None if no trade was executed.

    Each exit's result is booked at the time of its bar, with its commission and the financing since the fill
    before. The part of a trade's net `pnl` that is not in its fills is booked with the trade's last fill; a trade
    without fills is booked at its exit. Positions are not marked to market between fills, so a drawdown
    that recovers before a fill is not visible; `exitladder.measures.marked.marked_account` shows it.

    Parameters
    ----------
    trades, fills : DataFrame
        With the columns of trades.csv (skipped trades are excluded by `status`) and fills.csv.
    """
    trades = trades.loc[(trades["status"] != "skipped").to_numpy() & trades["pnl"].notna().to_numpy()]
    if not len(trades):
        return None
    entered = nanoseconds(trades["entry_time"])
    total = trades["pnl"].to_numpy(np.float64)
    leaving = trades["exit_time"]
    left = np.where(leaving.isna().to_numpy(), entered, nanoseconds(leaving.fillna(trades["entry_time"])))

    row = pd.Index(trades["trade_id"]).get_indexer(pd.Index(fills["trade_id"]))
    fills, row = fills.loc[row >= 0], row[row >= 0]
    when = nanoseconds(fills["bar_time"])
    booked = _fill_results(trades, fills, row)
    rest = total - np.bincount(row, booked, len(trades))
    last = left.copy()
    if len(row):
        latest = np.full(len(trades), np.iinfo(np.int64).min)
        np.maximum.at(latest, row, when)
        last = np.where(np.bincount(row, minlength=len(trades)) > 0, latest, left)

    moments, place = np.unique(np.concatenate([when, last]), return_inverse=True)
    pnl = np.asarray(np.bincount(place, np.concatenate([booked, rest]), len(moments)), dtype=np.float64)
    first_day = int(min(entered.min(), moments[0]) // DAY_NS)
    return CashFlow(moments, pnl, first_day, int(moments[-1] // DAY_NS))


def money_per_point(trades: pd.DataFrame) -> FloatArray:
    """Return money per point of price and unit of quantity of each trade, shape (n_trades,).

    Of an inverse contract it is what a point is worth between entry and stop: there risk times quantity times this is
    the loss at the stop (rule S8).

    Parameters
    ----------
    trades : DataFrame
        With the columns of trades.csv.
    """
    if "multiplier" not in trades:
        return np.ones(len(trades))
    multiplier = trades["multiplier"].fillna(1.0).to_numpy(np.float64)
    if "inverse" not in trades:
        return multiplier
    entry = trades["entry_price"].to_numpy(np.float64)
    side = np.where((trades["side"] == "long").to_numpy(), 1.0, -1.0)
    stop = entry - side * trades["risk"].to_numpy(np.float64)
    per_point = multiplier / (entry * np.where(stop > 0, stop, entry))
    return np.where(is_inverse(trades), per_point, multiplier)


def is_inverse(trades: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which trades are in an inverse contract, shape (n_trades,)."""
    if "inverse" not in trades:
        return np.zeros(len(trades), dtype=bool)
    return (trades["inverse"].astype(str).str.lower() == "true").to_numpy()


def _fill_results(trades: pd.DataFrame, fills: pd.DataFrame, row: IntArray) -> FloatArray:
    """Return each fill's net result: exits against the average entry fill, minus commission and financing."""
    quantity = fills["quantity"].to_numpy(np.float64)
    price = fills["price"].to_numpy(np.float64)
    commission = np.nan_to_num(fills["commission"].to_numpy(np.float64))
    is_entry = fills["order"].isin(("entry", "add")).to_numpy()
    n = len(trades)
    bought = np.bincount(row[is_entry], quantity[is_entry], n)
    paid = np.bincount(row[is_entry], (quantity * price)[is_entry], n)
    entry = np.divide(paid, bought, out=trades["entry_price"].to_numpy(np.float64).copy(), where=bought > 0)
    side = np.where((trades["side"] == "long").to_numpy(), 1.0, -1.0)
    moved = np.where(is_inverse(trades)[row], 1 / entry[row] - 1 / price, price - entry[row])
    points = np.where(is_entry, 0.0, side[row] * moved * quantity)
    gain = points * trades["multiplier"].to_numpy(np.float64)[row] if "multiplier" in trades else points
    received = np.nan_to_num(fills["dividends"].to_numpy(np.float64)) if "dividends" in fills else 0.0
    if "financing" in fills:  # version 0.1 wrote no such column
        commission = commission + np.nan_to_num(fills["financing"].to_numpy(np.float64))
    return np.asarray(np.nan_to_num(gain) - commission + received)
