"""Policies side by side on trades that none of them was tuned on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.statistics.comparison import Comparison, compare_r, holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.metrics import cvar, max_drawdown_of_sum


@dataclass(frozen=True)
class Scoreboard:
    """The candidate against every other policy, paired trade by trade.

    Parameters
    ----------
    candidate : str
    table : DataFrame
        One row per policy: policy, n_trades, expectancy_r, win_rate, sd_r, max_drawdown_r, cvar_r,
        and for all but the candidate difference_r (candidate minus policy), low, high, p_value,
        p_adjusted (Holm).
    comparisons : mapping of str to Comparison
        By policy.
    """

    candidate: str
    table: pd.DataFrame
    comparisons: Mapping[str, Comparison]


def score_policies(
    net_r: Mapping[str, FloatArray],
    entry_time: IntArray,
    candidate: str,
    intervals: Intervals,
    ends: Mapping[str, IntArray] | None = None,
    is_open: Mapping[str, BoolArray] | None = None,
) -> Scoreboard:
    """Return the scoreboard of policies from their net R by trade.

    Parameters
    ----------
    net_r : mapping of str to float64 array, shape (n_trades,)
        NaN if a policy skipped the trade.
    entry_time : int64 array, shape (n_trades,)
    candidate : str
        The policy that all others are compared with.
    intervals : Intervals
        Confidence, number of resamples and seed.
    ends : mapping of str to int64 array, shape (n_trades,), optional
        When each trade had ended, by policy.
    is_open : mapping of str to bool array, shape (n_trades,), optional
        Whether each trade is still open at the last close, by policy.

    Returns
    -------
    Scoreboard
        A row per policy, and the comparison of the candidate with every other.
    """
    comparisons = {
        name: compare_r(
            net_r[candidate],
            values,
            time=entry_time,
            until=None if ends is None else np.maximum(ends[candidate], ends[name]),
            is_open=None if is_open is None else (is_open[candidate], is_open[name]),
            intervals=intervals,
        )
        for name, values in net_r.items()
        if name != candidate
    }
    adjusted = dict(zip(comparisons, holm([c.p_value for c in comparisons.values()]), strict=True))
    rows = []
    for name, values in net_r.items():
        r = values[np.isfinite(values)]
        row: dict[str, object] = {
            "policy": name,
            "n_trades": len(r),
            "expectancy_r": float(r.mean()) if len(r) else np.nan,
            "win_rate": float((r > 0).mean()) if len(r) else np.nan,
            "sd_r": float(r.std(ddof=1)) if len(r) > 1 else np.nan,
            "max_drawdown_r": max_drawdown_of_sum(r) if len(r) else np.nan,
            "cvar_r": cvar(r, 0.05) if len(r) else np.nan,
        }
        if name in comparisons:
            c = comparisons[name]
            row |= {
                "difference_r": c.difference_r,
                "low": c.low,
                "high": c.high,
                "p_value": c.p_value,
                "p_adjusted": float(adjusted[name]),
            }
        rows.append(row)
    return Scoreboard(candidate=candidate, table=pd.DataFrame(rows), comparisons=comparisons)
