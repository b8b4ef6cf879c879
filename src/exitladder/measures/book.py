"""What a book did, in plain values for ``summary.json``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray
from exitladder.clock import DAY_NS
from exitladder.execution import Simulation
from exitladder.execution.book.book import BookResult
from exitladder.measures.marked import marked_account
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import nanoseconds
from exitladder.statistics.metrics import max_drawdown_of_sum
from exitladder.statistics.paired_days.accounts import compare_daily_accounts
from exitladder.statistics.risk.coverage import Coverage

WITHOUT = "pnl_without_limits"
"""Column of ``book.csv``: profit of the same entries without limits of any kind, and with all the money they need."""


def book_frame(result: BookResult, without: Simulation) -> pd.DataFrame:
    """Return the content of ``book.csv``: the account at every close, and the profit without limits beside it.

    Parameters
    ----------
    result : BookResult
    without : Simulation
        The same entries without limits of any kind, and with all the money they need.
    """
    table = result.curve_frame()
    account = marked_account([without], [without.money_per_r])
    if account is None:
        return table.assign(**{WITHOUT: 0.0})
    # an account dates to the last moment of a bar, a book to its end
    at = np.searchsorted(account.time, result.curve.time - 1, side="right")
    return table.assign(**{WITHOUT: np.concatenate([[0.0], np.cumsum(account.pnl)])[at]})


@dataclass(frozen=True)
class DailyAccount:
    """An account by calendar day (UTC).

    Parameters
    ----------
    first_day : int
        Days since 1970 UTC.
    pnl : float64 array, shape (n_days,)
        Change of the account on each day.
    active : bool array, shape (n_days,)
        Whether a position was open at a close of the day, or the account changed.
    """

    first_day: int
    pnl: FloatArray
    active: BoolArray

    def between(self, first: int, last: int) -> DailyAccount:
        """Return the part from one day to another, both included and within the account."""
        part = slice(first - self.first_day, last - self.first_day + 1)
        return DailyAccount(first, self.pnl[part], self.active[part])

    @property
    def last_day(self) -> int:
        """Days since 1970 UTC."""
        return self.first_day + len(self.pnl) - 1


def daily_account(table: pd.DataFrame, column: str = "pnl") -> DailyAccount:
    """Return an account of ``book.csv`` by calendar day, from the first with an open position on.

    Parameters
    ----------
    table : DataFrame
        As `book_frame` returns it.
    column : str
        The profit so far: ``pnl``, or that without limits.
    """
    day = (nanoseconds(table["close_time"]) - 1) // DAY_NS
    change = np.diff(table[column].to_numpy(np.float64), prepend=0.0)
    busy = (table["n_open"].to_numpy() > 0) | (change != 0)
    begins = int(day[busy][0] if busy.any() else day[0])
    kept = day >= begins
    at, n_days = day[kept] - begins, int(day[-1]) - begins + 1
    active = np.bincount(at, busy[kept], n_days) > 0
    return DailyAccount(begins, np.bincount(at, change[kept], n_days).astype(np.float64), active)


def compared_accounts(
    ours: DailyAccount, theirs: DailyAccount, equity: tuple[float, float], intervals: Intervals
) -> dict[str, Any]:
    """Return the differences of two accounts over the days that both cover.

    Parameters
    ----------
    ours, theirs : DailyAccount
    equity : (float, float)
        Money at the start of each.
    intervals : Intervals

    Returns
    -------
    dict
        ``first_day``, ``last_day``, ``n_days`` and ``measures``; see `compare_daily_accounts`.
    """
    first, last = max(ours.first_day, theirs.first_day), min(ours.last_day, theirs.last_day)
    if first > last:
        return {"first_day": None, "last_day": None, "n_days": 0, "measures": {}}
    a, b = ours.between(first, last), theirs.between(first, last)
    found = compare_daily_accounts(a.pnl / equity[0], b.pnl / equity[1], a.active | b.active, intervals)
    return {
        "first_day": str(np.datetime64(first, "D")),
        "last_day": str(np.datetime64(last, "D")),
        "n_days": last - first + 1,
        "measures": {name: one.to_mapping() for name, one in found.items()},
    }


def book_summary(result: BookResult, without: Simulation, table: pd.DataFrame, intervals: Intervals) -> dict[str, Any]:
    """Return the results of a book.

    Parameters
    ----------
    result : BookResult
    without : Simulation
        The same entries without limits of any kind, and with all the money they need.
    table : DataFrame
        Of `book_frame`.
    intervals : Intervals

    Returns
    -------
    dict
        ``equity_start``, ``equity_end``, ``net_pnl``, ``max_drawdown`` (money, at closes), ``max_drawdown_share`` (of
        the highest equity before it), ``max_exposure`` and ``max_margin_used`` (shares of equity, None without equity),
        ``max_open``, ``left_out`` (trades by reason), ``reductions`` and ``not_judged`` (by limit; those of ``target``
        are purchases too), ``n_margin_calls``, ``n_worst_calls``, ``n_daily_losses``, ``n_ended``, ``without_limits``
        (``net_pnl`` and ``max_drawdown``), ``against_without_limits`` (the account against that, see
        `compared_accounts`; None without equity) and ``var_tests`` (the back-test of each value at risk that a limit
        reads).
    """
    curve = result.curve
    equity, start = curve.equity, result.simulation.ladder.book.equity
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = np.where(equity > 0, curve.exposure / equity, np.nan)
        margin = np.where(equity > 0, curve.margin_used / equity, np.nan)
    pnl = curve.pnl
    return {
        "equity_start": start,
        "equity_end": None if start is None else float(equity[-1]),
        "net_pnl": float(pnl[-1]),
        "max_drawdown": abs(max_drawdown_of_sum(np.diff(pnl, prepend=0.0))),
        "max_drawdown_share": None if start is None else float(np.max(1 - equity / np.maximum.accumulate(equity))),
        "max_exposure": None if start is None else _largest(exposure),
        "max_margin_used": None if start is None else _largest(margin),
        "max_open": int(curve.n_open.max()),
        "left_out": result.left_out,
        "reductions": result.fired,
        "not_judged": result.unknown,
        "n_margin_calls": result.n_margin_calls,
        "n_worst_calls": result.n_worst_calls,
        "n_daily_losses": result.n_daily_losses,
        "n_ended": result.n_ended,
        "without_limits": _without(without),
        "against_without_limits": None
        if start is None
        else compared_accounts(daily_account(table), daily_account(table, WITHOUT), (start, start), intervals),
        "var_tests": {name: _test(found) for name, found in result.var_tests.items()},
    }


def _largest(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


def _without(done: Simulation) -> dict[str, Any]:
    account = marked_account([done], [done.money_per_r])
    fall = math.nan if account is None else max_drawdown_of_sum(account.pnl)
    return {"net_pnl": float(np.nansum(done.pnl)), "max_drawdown": None if math.isnan(fall) else abs(float(fall))}


def _test(found: Coverage | None) -> dict[str, Any]:
    """Return the back-test of a value at risk; without figures if no loss has a forecast."""
    if found is None:
        return {"text": "No loss has a forecast: the history is shorter than the window."}
    return {
        "n_forecasts": found.n,
        "n_exceptions": found.n_exceptions,
        "expected": found.expected,
        "p_share": found.share.p,
        "p_independence": found.independence.p,
        "p_conditional": found.conditional.p,
        "p_durations": found.durations.p,
        "power_twice": found.power_twice,
        "size": found.size,
        "text": found.sentence(),
    }
