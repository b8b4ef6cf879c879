"""Two accounts over the same calendar days: return, Sharpe ratio, drawdown and tail, and their differences."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import BoolArray, FloatArray
from exitladder.statistics.drawdown import inside_units
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import max_drawdown_of_sum
from exitladder.statistics.paired_days.block_falls import block_falls
from exitladder.statistics.paired_days.days import DayResampling, PairedMeasure
from exitladder.statistics.paired_days.measures import DAYS_PER_YEAR, compare_daily, compare_tails


def compare_daily_accounts(
    candidate: FloatArray,
    baseline: FloatArray,
    active: BoolArray,
    intervals: Intervals = Intervals(),
    *,
    with_calmar: bool = False,
) -> dict[str, PairedMeasure]:
    """Return the differences of two accounts from blocks of calendar days, drawn for both together.

    Parameters
    ----------
    candidate, baseline : float64 array, shape (n_days,)
        Change on each calendar day as a share of the starting equity, open positions valued at closes.
    active : bool array, shape (n_days,)
        Days on which either held a position; the others say nothing about the tail.
    intervals : Intervals
    with_calmar : bool
        Whether to compare the return per year over the drawdown too.

    Returns
    -------
    dict of str to PairedMeasure
        ``return_per_year``, ``sharpe_daily`` (annualised), ``max_drawdown`` (at most 0) and ``cvar_5_daily``, the mean
        of the worst 5% of active days. All as shares of the starting equity, without reinvestment, but the ratios.
    """
    day = np.flatnonzero(active)
    days = DayResampling.of(day, np.zeros(len(day)), candidate - baseline, intervals)
    found = compare_daily(days, candidate, baseline)
    calmar = {"calmar": _compare_calmar(days, candidate, baseline)} if with_calmar else {}
    return {
        "return_per_year": found["r_per_year"],
        "sharpe_daily": found["sharpe_daily"],
        "max_drawdown": found["max_drawdown_r"],
        "cvar_5_daily": compare_tails(days, candidate[day], baseline[day]),
        **calmar,
    }


def _compare_calmar(days: DayResampling, candidate: FloatArray, baseline: FloatArray) -> PairedMeasure:
    """Return the difference of return per year over drawdown; without a fall it is unknown."""
    whole, drawn = [], []
    for change in (candidate, baseline):
        again, total = days.sums({"n": np.ones(len(change)), "sum": change})
        falls = np.append(block_falls(days.draws, inside_units(change, days.plan)), max_drawdown_of_sum(change))
        sums, n = np.append(again["sum"], total["sum"]), np.append(again["n"], total["n"])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(falls < 0, sums / n * DAYS_PER_YEAR / -falls, np.nan)
        drawn.append(ratio[:-1])
        whole.append(float(ratio[-1]))
    return days.measure(whole[0], whole[1], drawn[0] - drawn[1])
