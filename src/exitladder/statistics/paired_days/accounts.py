"""Two accounts over the same calendar days: return, Sharpe ratio, drawdown and tail, and their differences."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import BoolArray, FloatArray
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.paired_days.days import DayResampling, PairedMeasure
from exitladder.statistics.paired_days.measures import compare_daily, compare_tails


def compare_daily_accounts(
    candidate: FloatArray, baseline: FloatArray, active: BoolArray, intervals: Intervals = Intervals()
) -> dict[str, PairedMeasure]:
    """Return the differences of two accounts from blocks of calendar days, drawn for both together.

    Parameters
    ----------
    candidate, baseline : float64 array, shape (n_days,)
        Change on each calendar day as a share of the starting equity, open positions valued at closes.
    active : bool array, shape (n_days,)
        Days on which either held a position; the others say nothing about the tail.
    intervals : Intervals

    Returns
    -------
    dict of str to PairedMeasure
        ``return_per_year``, ``sharpe_daily`` (annualised), ``max_drawdown`` (at most 0) and ``cvar_5_daily``, the mean
        of the worst 5% of active days. All as shares of the starting equity, without reinvestment, but the ratio.
    """
    day = np.flatnonzero(active)
    days = DayResampling.of(day, np.zeros(len(day)), candidate - baseline, intervals)
    found = compare_daily(days, candidate, baseline)
    return {
        "return_per_year": found["r_per_year"],
        "sharpe_daily": found["sharpe_daily"],
        "max_drawdown": found["max_drawdown_r"],
        "cvar_5_daily": compare_tails(days, candidate[day], baseline[day]),
    }
