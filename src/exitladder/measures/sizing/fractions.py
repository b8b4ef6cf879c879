"""The growth of fixed fractions of equity at risk, and the fraction that grew fastest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from exitladder.measures.sizing.resamples import log_growth, resampling_of
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.ratios import with_interval

# Fractions of the growth curve, and those of them that are written out.
_FRACTIONS, _SHOWN = 60, 12
# Books of more trades have fewer fractions and resamples (at least these), or a curve would take minutes.
_MANY, _FEW_FRACTIONS = 10_000, 24
_LEAST_DRAWS, _MOST_STEPS = 100, 600_000


def fraction_curve(lived: Any, intervals: Intervals) -> dict[str, Any] | None:
    """Return the growth of a fixed fraction for many fractions, and the fraction that grew fastest.

    The mean of ln(1 + f r) per trade if none overlap; overlapping ones are all sized from the equity booked before.
    Source: Kelly (1956), Vince (1990).

    Parameters
    ----------
    lived : Lived
        The trades; their `base` plays no part.
    intervals : Intervals

    Returns
    -------
    dict or None
        ``optimal`` with its interval, ``largest`` fraction tried (at 99% of what the worst trade leaves alive), and
        ``curve``: rows of fraction, growth per trade, low, high. None with too few trades.
    """
    from exitladder.measures.sizing.replay import SHARE, Rule, replay

    n = len(lived.r)
    few = replace(intervals, n_bootstrap=int(min(intervals.n_bootstrap, max(_LEAST_DRAWS, _MOST_STEPS // max(n, 1)))))
    plan = resampling_of(lived.r, lived.entry, lived.close, few)
    if plan is None:
        return None
    worst = float(lived.r.min())
    largest = 0.99 / -worst if worst < -0.99 else 1.0
    # closer to one another where fractions are small
    steps = _FRACTIONS if n <= _MANY else _FEW_FRACTIONS
    tried = largest * (np.arange(steps + 1) / steps) ** 2
    whole, in_units = np.arange(n, dtype=np.int64)[None, :], np.searchsorted(plan.unit, np.arange(plan.n_units + 1))
    draws = np.concatenate(list(plan.draws()))
    growth, resampled = np.empty(len(tried)), np.empty((len(draws), len(tried)))
    for k, fraction in enumerate(tried):
        of = lived._replace(base=np.full(n, fraction), edges=np.arange(n + 1))
        growth[k] = log_growth(replay(whole, of, Rule(SHARE), 0.0), n)[0]
        resampled[:, k] = log_growth(replay(draws, of._replace(edges=in_units), Rule(SHARE), 0.0), n)
    best = int(np.argmax(growth))
    rows = []
    for k in range(0, steps + 1, steps // _SHOWN):
        low, high = plan.interval(float(growth[k]), resampled[:, k])
        rows.append({"fraction": float(tried[k]), **with_interval(float(growth[k]), low, high)})
    low, high = plan.interval(float(tried[best]), tried[np.argmax(resampled, axis=1)])
    return {
        "optimal": with_interval(float(tried[best]), max(low, 0.0), min(high, largest)),
        "optimal_growth": float(growth[best]),
        "largest": largest,
        "worst_r": worst,
        "curve": rows,
    }
