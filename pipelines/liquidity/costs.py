"""Market impact as a cost of a backtest, after its simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.execution import Simulation
from exitladder.measures.impact import impact_of
from exitladder.settings.impact import ImpactSettings
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import compare_r
from exitladder.statistics.intervals import Intervals
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
    summary: dict[str, Any] = terms_of_law(settings.impact) | {"baseline": baseline}
    summary |= {"difference_r": None, "difference_before_r": None, "n_pairs": 0}
    for name, values in (("cost_r", cost), ("expectancy_r", r - cost)):
        mean = mean_interval(values, time=time, intervals=intervals)
        summary[name] = with_interval(mean.value, mean.low, mean.high)
    if theirs is not None and known.any():
        other, paid = (np.concatenate(one) for one in ([p.r for p in theirs], impact_of(theirs, settings.impact).r))
        summary |= _differences((np.where(known, r, np.nan), cost), (other, paid), time, intervals)
    summary["n_unknown"] = int((np.isnan(cost) & np.isfinite(r)).sum())
    summary["n_large_entries"] = found.n_large_entries
    return cost, summary


def impact_of_exits(
    net_r: Mapping[str, FloatArray],
    cost: Mapping[str, FloatArray],
    time: IntArray,
    compared: tuple[str, str],
    settings: Settings,
) -> dict[str, Any]:
    """Return the impact of several exits on the same trades, and the difference of two of them after it.

    Parameters
    ----------
    net_r, cost : mapping of str to float64 array, shape (n_trades,)
        By exit: net R before impact, and the impact in R; NaN where it is unknown.
    time : int64 array, shape (n_trades,)
        Entry times.
    compared : (str, str)
        The exit and the baseline whose difference is stated.
    settings : Settings

    Returns
    -------
    dict
        The law; ``policies`` with ``cost_r``, ``after_impact_r`` and ``n_unknown`` of each exit; ``difference_r`` and
        ``difference_before_r`` on the ``n_pairs`` trades of which the impact under both is known.
    """
    rows = []
    for name, paid in cost.items():
        known = np.isfinite(paid) & np.isfinite(net_r[name])
        mean = {"cost_r": paid, "after_impact_r": net_r[name] - paid}
        rows.append(
            {"policy": name}
            | {key: float(values[known].mean()) if known.any() else None for key, values in mean.items()}
            | {"n_unknown": int((~known & np.isfinite(net_r[name])).sum())}
        )
    ours, theirs = ((net_r[name], cost[name]) for name in compared)
    found = _differences(ours, theirs, time, settings.intervals)
    if not found["n_pairs"]:
        found |= {"difference_before_r": None, "difference_r": None}
    return terms_of_law(settings.impact) | {"baseline": compared[1]} | found | {"policies": rows}


def _differences(
    ours: tuple[FloatArray, FloatArray], theirs: tuple[FloatArray, FloatArray], time: IntArray, intervals: Intervals
) -> dict[str, Any]:
    """Return the difference of two exits before impact and after it, on the trades of which both are known.

    Parameters
    ----------
    ours, theirs : (float64 array, float64 array), shape (n_trades,)
        Net R before impact, and the impact in R.
    time : int64 array, shape (n_trades,)
    intervals : Intervals

    Returns
    -------
    dict
    """
    some = np.isfinite(ours[0] - ours[1]) & np.isfinite(theirs[0] - theirs[1])
    found: dict[str, Any] = {"n_pairs": int(some.sum())}
    before, after = (ours[0], theirs[0]), (ours[0] - ours[1], theirs[0] - theirs[1])
    for name, (one, other) in (("difference_before_r", before), ("difference_r", after)):
        compared = compare_r(one[some], other[some], time=time[some], intervals=intervals)
        found[name] = with_interval(compared.difference_r, compared.low, compared.high)
    return found


def terms_of_law(settings: ImpactSettings) -> dict[str, Any]:
    """Return the law of impact and its numbers, as a summary states them."""
    terms: dict[str, Any] = {"law": settings.law, "window": settings.window}
    if settings.law == "square_root":
        return terms | {"prefactor": settings.prefactor, "exponent": settings.exponent}
    return terms | {"turnover_days": settings.turnover_days}


def law_of(summary: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the law of impact that a summary states; empty without one. Two runs are compared under one law only."""
    names = ("law", "window", "prefactor", "exponent", "turnover_days")
    return {name: summary[name] for name in names if name in summary} if summary else {}
