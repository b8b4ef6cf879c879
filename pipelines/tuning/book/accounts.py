"""Accounts of a book by calendar day, and the measure that a tuning maximises."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, FloatTable, IntArray
from exitladder.clock import DAY_NS
from exitladder.execution.book.book import Curve
from exitladder.statistics.metrics import cvar, max_drawdown_of_sum
from exitladder.statistics.paired_days.measures import DAYS_PER_YEAR, TAIL


def return_per_year(change: FloatArray) -> float:
    """Return the mean change of an account in a year, as a share of its starting equity, without reinvestment.

    Parameters
    ----------
    change : float64 array, shape (n_days,)
        On each calendar day.
    """
    return float(change.mean()) * DAYS_PER_YEAR if len(change) else math.nan


def sharpe(change: FloatArray) -> float:
    """Return the annualised Sharpe ratio of the changes of an account; NaN if it never moved."""
    spread = float(change.std(ddof=1)) if len(change) > 1 else 0.0
    return float(change.mean()) / spread * math.sqrt(DAYS_PER_YEAR) if spread > 0 else math.nan


def calmar(change: FloatArray) -> float:
    """Return the return per year over the largest fall at the close of a day; NaN without a fall."""
    fall = -max_drawdown_of_sum(change)
    return return_per_year(change) / fall if fall > 0 else math.nan


OBJECTIVES: dict[str, Callable[[FloatArray], float]] = {
    "sharpe": sharpe,
    "calmar": calmar,
    "return_per_year": return_per_year,
}
"""By the name in ``tuning.book_objective``."""
MEASURE_OF = {"sharpe": "sharpe_daily", "calmar": "calmar", "return_per_year": "return_per_year"}
"""The measure of a comparison that each stands for."""


@dataclass(frozen=True)
class Days:
    """Calendar days (UTC) of a book, cut where a part begins inside one.

    Parameters
    ----------
    unit : int64 array, shape (n_closes,)
        Day and part of each close.
    day : int64 array, shape (n_units,)
        Days since 1970 UTC.
    part : int64 array, shape (n_units,)
        0 before the first cut.
    """

    unit: IntArray
    day: IntArray
    part: IntArray

    @classmethod
    def of(cls, time: IntArray, cuts: IntArray) -> Days:
        """Return the days of these closes; a close at a cut belongs to the part that begins there.

        Parameters
        ----------
        time : int64 array, shape (n_closes,)
            Ascending, nanoseconds since 1970 UTC.
        cuts : int64 array, shape (n_parts,)
        """
        day = (time - 1) // DAY_NS
        part = np.searchsorted(cuts, time, side="right")
        begins = np.concatenate([[True], (np.diff(day) != 0) | (np.diff(part) != 0)])
        return cls(np.cumsum(begins) - 1, day[begins], part[begins].astype(np.int64))

    def changes(self, curve: Curve, equity: float) -> FloatArray:
        """Return the change of an account as a share of its starting equity, shape (n_units,)."""
        change = np.diff(curve.pnl, prepend=0.0) / equity
        return np.bincount(self.unit, change, len(self.day)).astype(np.float64)

    def held(self, curve: Curve) -> FloatArray:
        """Return 1 where a position was open at a close, else 0, shape (n_units,)."""
        return (np.bincount(self.unit, curve.n_open > 0, len(self.day)) > 0).astype(np.float64)

    def daily(self, values: FloatTable, first: int, parts: tuple[int, int]) -> FloatTable:
        """Return sums by calendar day, days without a close included.

        Parameters
        ----------
        values : float64 array, shape (n_accounts, n_units)
        first : int
            The first day, since 1970 UTC.
        parts : (int, int)
            The first part, and the one after the last.

        Returns
        -------
        float64 array, shape (n_accounts, n_days)
        """
        kept = (self.day >= first) & (self.part >= parts[0]) & (self.part < parts[1])
        at = self.day[kept] - first
        n_days = int(at.max()) + 1 if len(at) else 0
        return np.array([np.bincount(at, row[kept], n_days) for row in values], dtype=np.float64)


def best(changes: FloatTable, objective: str) -> tuple[int, FloatArray]:
    """Return the account with the largest objective, the first of equal ones, and the objective of each.

    Parameters
    ----------
    changes : float64 array, shape (n_accounts, n_days)
    objective : str
        Of `OBJECTIVES`.

    Returns
    -------
    best : int
        0 if none has a value.
    values : float64 array, shape (n_accounts,)
        NaN where unknown.
    """
    values = np.array([OBJECTIVES[objective](row) for row in changes], dtype=np.float64)
    known = np.where(np.isfinite(values), values, -math.inf)
    return int(np.argmax(known)), values


def measures(change: FloatArray, active: BoolArray) -> dict[str, float | None]:
    """Return the measures of one account.

    Parameters
    ----------
    change : float64 array, shape (n_days,)
    active : bool array, shape (n_days,)
        Days on which a position was open or the account moved; the tail is of these.

    Returns
    -------
    dict of str to float or None
        ``return_per_year``, ``sharpe_daily``, ``max_drawdown`` (at most 0), ``cvar_5_daily`` and ``calmar``.
    """
    days = change[active]
    found = {
        "return_per_year": return_per_year(change),
        "sharpe_daily": sharpe(change),
        "max_drawdown": float(max_drawdown_of_sum(change)) if len(change) else math.nan,
        "cvar_5_daily": float(cvar(days, TAIL)) if len(days) else math.nan,
        "calmar": calmar(change),
    }
    return {name: value if math.isfinite(value) else None for name, value in found.items()}
