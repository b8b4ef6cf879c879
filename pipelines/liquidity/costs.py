"""Market impact as a cost of a backtest, after its simulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray
from exitladder.execution import Simulation
from exitladder.measures.impact import impact_of
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import compare_r
from exitladder.statistics.mean import mean_interval
from exitladder.statistics.ratios import with_interval


def impact_summary(
    ours: Sequence[Simulation], theirs: Sequence[Simulation] | None, baseline: str, settings: Settings, known: BoolArray
) -> tuple[FloatArray, dict[str, Any]]:
    """Return the impact of each trade in R, and its summary.

    Parameters
    ----------
    ours : sequence of Simulation
    theirs : sequence of Simulation or None
        The baseline's; None if its prices are your own fills, which have their impact in them.
    baseline : str
    settings : Settings
    known : bool array, shape (n_trades,)
        Trades that are out of sample: only they are compared.

    Returns
    -------
    cost : float64 array, shape (n_trades,)
        NaN where too few days were known before a fill, and for skipped trades.
    summary : dict
        ``cost_r``, ``expectancy_r`` (after impact), ``difference_r`` from the baseline after impact on both,
        ``difference_before_r`` (the same before impact, on the same ``n_pairs`` trades), ``baseline``, ``n_unknown``,
        ``n_large_entries`` and the law.
    """
    time = np.concatenate([part.placed.trades.entry_time for part in ours])
    r = np.concatenate([part.r for part in ours])
    found = impact_of(ours, settings.impact)
    cost = np.concatenate(found.r)
    intervals = settings.intervals
    summary: dict[str, Any] = {"law": settings.impact.law, "baseline": baseline}
    summary |= {"difference_r": None, "difference_before_r": None, "n_pairs": 0}
    if settings.impact.law == "square_root":
        summary |= {"prefactor": settings.impact.prefactor, "exponent": settings.impact.exponent}
    else:
        summary |= {"turnover_days": settings.impact.turnover_days}
    for name, values in (("cost_r", cost), ("expectancy_r", r - cost)):
        mean = mean_interval(values, time=time, intervals=intervals)
        summary[name] = with_interval(mean.value, mean.low, mean.high)
    if theirs is not None and known.any():
        other, paid = (np.concatenate(one) for one in ([p.r for p in theirs], impact_of(theirs, settings.impact).r))
        some = known & np.isfinite(r - cost) & np.isfinite(other - paid)
        for name, ours_r, theirs_r in (("difference_before_r", r, other), ("difference_r", r - cost, other - paid)):
            compared = compare_r(ours_r[some], theirs_r[some], time=time[some], intervals=intervals)
            summary[name] = with_interval(compared.difference_r, compared.low, compared.high)
        summary["n_pairs"] = int(some.sum())
    summary["n_unknown"] = int((np.isnan(cost) & np.isfinite(r)).sum())
    summary["n_large_entries"] = found.n_large_entries
    return cost, summary
