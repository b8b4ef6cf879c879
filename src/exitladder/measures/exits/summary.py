"""The measures of exits over all trades, in R, per cent and money, with confidence intervals.

Like the table that it is based on, it must not inform any decision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exitladder.measures.exits.catalogue import ExitMeasure, measures_of
from exitladder.measures.exits.closed import Columns
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import nanoseconds, plan_resampling
from exitladder.statistics.ratios import Measure, Ratio, measure, with_interval

UNITS = ("r", "percent", "money")


def summarise_exits(table: pd.DataFrame, *, intervals: Intervals = Intervals()) -> dict[str, Any]:
    """Return the measures of a table of exits.

    Parameters
    ----------
    table : DataFrame
        From `exitladder.measures.exits.table.ExitTables`.
    intervals : Intervals
        Confidence, number of resamples and seed.

    Returns
    -------
    dict
        ``n_closed`` and, by measure, ``label``, ``hindsight``, ``n`` the trades behind it and its mean per trade:
        either ``r``, ``percent`` (of the entry price) and ``money`` (account currency), or ``share``; each
        ``{"value", "low", "high"}``. Trades are resampled in blocks of trades and of entry days; the wider interval
        counts. A measure without a trade is left out.
    """
    table = table.iloc[np.argsort(nanoseconds(table["entry_time"]), kind="stable")]
    named = measures_of(table.columns)
    columns: Columns = {}
    ratios: dict[str, Measure] = {}
    counts: dict[str, int] = {}
    factors = {"r": 1.0, "percent": table["percent_per_r"].to_numpy(), "money": table["money_per_r"].to_numpy()}
    for one in named:
        cases = _cases(table, one)
        counts[one.name] = int(cases.sum())
        columns[f"n {one.name}"] = cases.astype(np.float64)
        value = np.where(cases, table[one.column].to_numpy(np.float64), 0.0)
        if one.is_share:
            columns[f"share {one.name}"] = value
            under = f"n {one.name}"
            if one.over:
                under = f"over {one.name}"
                columns[under] = np.where(cases, table[one.over].to_numpy(np.float64), 0.0)
            ratios[f"share {one.name}"] = Ratio(f"share {one.name}", under, cases=f"n {one.name}")
            continue
        for unit in UNITS:
            columns[f"{unit} {one.name}"] = value * factors[unit]
            ratios[f"{unit} {one.name}"] = Ratio.mean(f"{unit} {one.name}", f"n {one.name}")
    _, plan = plan_resampling(table["net_r"].to_numpy(np.float64), nanoseconds(table["entry_time"]), intervals)
    found = measure(columns, ratios, plan)
    result: dict[str, Any] = {"n_closed": len(table)}
    for one in named:
        if counts[one.name]:
            units = ("share",) if one.is_share else UNITS
            result[one.name] = {
                "label": one.label,
                "hindsight": one.is_hindsight,
                "n": counts[one.name],
                **{unit: found.get(f"{unit} {one.name}", with_interval(np.nan)) for unit in units},
            }
    return result


def _cases(table: pd.DataFrame, one: ExitMeasure) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether each trade counts for a measure."""
    cases = np.isfinite(table[one.column].to_numpy(np.float64))
    net = table["net_r"].to_numpy(np.float64)
    if one.group != "all":
        cases &= net > 0 if one.group == "winners" else net < 0
    if one.over:
        cases &= table[one.over].to_numpy(np.float64) > 0
    return np.asarray(cases)
