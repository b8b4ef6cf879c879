"""Measures of two exits on the same trades and their differences: mean, ratios, Sharpe, drawdown, tail, groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.statistics.drawdown import inside_units
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import cvar, max_drawdown_of_sum
from exitladder.statistics.paired_days.block_falls import block_falls
from exitladder.statistics.paired_days.days import DayResampling, PairedMeasure
from exitladder.statistics.tail import worst_mean

TAIL = 0.05
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Outcomes:
    """What one exit made of some trades.

    Parameters
    ----------
    r : float64 array, shape (n,)
        Net R.
    bars : float64 array, shape (n,)
        Bars in the market.
    mfe_r, cost_r : float64 array, shape (n,)
        Best open profit, and commission, slippage and financing, in R; NaN if unknown.
    booked_r : float64 array, shape (n_days,)
        Net R that fills booked on each calendar day.
    """

    r: FloatArray
    bars: FloatArray
    mfe_r: FloatArray
    cost_r: FloatArray
    booked_r: FloatArray


def resampled_days(
    candidate: Outcomes, baseline: Outcomes, day: IntArray, intervals: Intervals = Intervals()
) -> DayResampling:
    """Return the resampling of calendar days for two exits.

    Parameters
    ----------
    candidate, baseline : Outcomes
        Of the same trades in the same order.
    day : int64 array, shape (n,)
        Calendar day of each entry, counted from the first.
    intervals : Intervals

    Returns
    -------
    DayResampling
    """
    return DayResampling.of(day, candidate.r - baseline.r, candidate.booked_r - baseline.booked_r, intervals)


def compare_measures(candidate: Outcomes, baseline: Outcomes, days: DayResampling) -> dict[str, PairedMeasure]:
    """Return the differences of two exits on the same trades, by measure.

    Parameters
    ----------
    candidate, baseline : Outcomes
        Of the same trades in the same order.
    days : DayResampling
        Of these; see `resampled_days`.

    Returns
    -------
    dict of str to PairedMeasure
        ``expectancy_r``; ``r_per_bar`` sum of net R over sum of bars; ``sharpe_daily`` of the R booked per calendar
        day, annualised; ``max_drawdown_r`` of the booked R (at most 0); ``cvar_5_r`` mean of the worst 5% of trades;
        ``mean_capture`` sum of net R over sum of MFE for trades with MFE above zero; ``cost_r`` per trade.
    """
    sides = {"c": candidate, "b": baseline}
    columns: dict[str, FloatArray] = {}
    for key, side in sides.items():
        moved = side.mfe_r > 0
        known = np.isfinite(side.cost_r)
        columns |= {
            f"{key}n": days.per_day(np.ones(len(side.r))),
            f"{key}r": days.per_day(side.r),
            f"{key}bars": days.per_day(np.nan_to_num(side.bars)),
            f"{key}moved_r": days.per_day(np.where(moved, side.r, 0.0)),
            f"{key}mfe": days.per_day(np.where(moved, side.mfe_r, 0.0)),
            f"{key}cost": days.per_day(np.where(known, side.cost_r, 0.0)),
            f"{key}known_cost": days.per_day(known.astype(np.float64)),
        }
    drawn, whole = days.sums(columns)
    ratios = {
        "expectancy_r": ("r", "n"),
        "r_per_bar": ("r", "bars"),
        "mean_capture": ("moved_r", "mfe"),
        "cost_r": ("cost", "known_cost"),
    }
    found = {}
    for name, (over, under) in ratios.items():
        values = {key: _ratio(whole[key + over], whole[key + under]) for key in sides}
        again = [_ratio(drawn[key + over], drawn[key + under]) for key in sides]
        found[name] = days.measure(float(values["c"]), float(values["b"]), np.asarray(again[0] - again[1]))
    found |= compare_daily(days, candidate.booked_r, baseline.booked_r)
    found["cvar_5_r"] = compare_tails(days, candidate.r, baseline.r)
    order = ("expectancy_r", "r_per_bar", "sharpe_daily", "max_drawdown_r", "cvar_5_r", "mean_capture", "cost_r")
    return {name: found[name] for name in order}


def compare_daily(days: DayResampling, candidate: FloatArray, baseline: FloatArray) -> dict[str, PairedMeasure]:
    """Return the differences of two daily results: ``r_per_year``, ``sharpe_daily`` and ``max_drawdown_r``.

    Parameters
    ----------
    days : DayResampling
    candidate, baseline : float64 array, shape (n_days,)
        Net R booked on each calendar day.

    Returns
    -------
    dict of str to PairedMeasure
    """
    columns = {"n": np.ones(len(candidate))}
    for key, x in (("c", candidate), ("b", baseline)):
        columns |= {key: x, f"{key}2": x**2}
    drawn, whole = days.sums(columns)
    measures: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
        "r_per_year": lambda s, key: s[key] / s["n"] * DAYS_PER_YEAR,
        "sharpe_daily": lambda s, key: _sharpe(s["n"], s[key], s[f"{key}2"]),
    }
    found = {
        name: days.measure(
            float(of(whole, "c")), float(of(whole, "b")), np.asarray(of(drawn, "c") - of(drawn, "b"), dtype=np.float64)
        )
        for name, of in measures.items()
    }
    falls = [block_falls(days.draws, inside_units(x, days.plan)) for x in (candidate, baseline)]
    worst = [max_drawdown_of_sum(x) for x in (candidate, baseline)]
    return found | {"max_drawdown_r": days.measure(worst[0], worst[1], falls[0] - falls[1])}


def compare_groups(
    difference: FloatArray, groups: Mapping[str, Any], days: DayResampling
) -> dict[str, list[dict[str, Any]]]:
    """Return the mean difference within each group of trades, resampled by the same days.

    Parameters
    ----------
    difference : float64 array, shape (n,)
        Candidate minus baseline, per trade.
    groups : mapping of str to array of str, shape (n,)
        The group of each trade, by grouping; an empty text for a trade of no group.
    days : DayResampling

    Returns
    -------
    dict of str to list of dict
        By grouping: ``group``, ``n_trades``, ``difference_r``, ``interval``, ``p_value`` and ``share`` of the whole
        difference (None if that is zero). Without enough trades or days there is no interval.
    """
    total = float(difference.sum())
    masks: dict[tuple[str, str], BoolArray] = {}
    for name, given in groups.items():
        known, at = np.unique(np.asarray(given, dtype=str), return_inverse=True)
        masks |= {(name, str(group)): at == k for k, group in enumerate(known) if group}
    n_days = len(days.plan.unit)
    columns: dict[str, FloatArray] = {}
    for key, mask in masks.items():
        day = days.day[mask]
        columns[f"n{key}"] = np.bincount(day, minlength=n_days).astype(np.float64)
        columns[f"d{key}"] = np.bincount(day, difference[mask], n_days).astype(np.float64)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in groups}
    if not masks:
        return found
    drawn, whole = days.sums(columns)
    for key, mask in masks.items():
        mean = whole[f"d{key}"] / whole[f"n{key}"]
        again = np.asarray(_ratio(drawn[f"d{key}"], drawn[f"n{key}"]))
        one = days.measure(mean, 0.0, again, days.day[mask]).to_mapping()
        found[key[0]].append(
            {
                "group": key[1],
                "n_trades": int(mask.sum()),
                "difference_r": mean,
                "interval": [one["low"], one["high"]],
                "p_value": one["p_value"],
                "share": whole[f"d{key}"] / total if total else None,
            }
        )
    return found


def _ratio(over: Any, under: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(under) > 0, np.asarray(over) / np.asarray(under), np.nan)


def _sharpe(n: Any, total: Any, squares: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        n, total, squares = (np.asarray(x, dtype=np.float64) for x in (n, total, squares))
        variance = (squares - total**2 / n) / (n - 1)
        return np.where(variance > 1e-15, total / n / np.sqrt(variance) * math.sqrt(DAYS_PER_YEAR), np.nan)


def compare_tails(days: DayResampling, candidate: FloatArray, baseline: FloatArray) -> PairedMeasure:
    """Return the difference of the mean of the worst 5%.

    Parameters
    ----------
    days : DayResampling
    candidate, baseline : float64 array, shape (n,)
        One value for each of ``days.day``.

    Returns
    -------
    PairedMeasure
    """
    values = (cvar(candidate, TAIL), cvar(baseline, TAIL)) if len(candidate) else (math.nan, math.nan)
    if not days.is_enough:
        return days.measure(*values, np.empty(0))
    unit = days.plan.unit[days.day]
    sizes = np.bincount(unit, minlength=days.plan.n_units).astype(np.float64)
    ordered = [(r[order], unit[order]) for r in (candidate, baseline) for order in (np.argsort(r, kind="stable"),)]
    drawn = [worst_mean(r, at, days.counts, days.counts @ sizes, TAIL) for r, at in ordered]
    return days.measure(*values, drawn[0] - drawn[1])
