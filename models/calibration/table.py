"""How well probabilities hold, with intervals, and for whom: by side, symbol and year."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import logit
from exitladder.models.calibration.measures import probability_measures, reliability_bins
from exitladder.statistics.bootstrap import Resampling
from exitladder.statistics.intervals import Intervals

MEASURES = ("log_loss", "brier", "calibration_error")
# Fewer trades get no interval, and symbols with fewer share a row.
LEAST_TRADES = 20
OTHERS = "others"


def calibration_table(
    p: FloatArray,
    y: FloatArray,
    trade: IntArray,
    groups: Mapping[str, npt.NDArray[np.object_]],
    *,
    intervals: Intervals = Intervals(),
) -> pd.DataFrame:
    """Return one row for all predictions and one for each group of each kind.

    Parameters
    ----------
    p, y : float64 array, shape (n,)
        Predicted probabilities and outcomes (0 or 1), finite.
    trade : int64 array, shape (n,)
        Each row's trade, numbered in order of entry.
    groups : mapping of str to array, shape (n,)
        Each row's group by kind, such as ``{"side": ...}``. Groups of fewer than `LEAST_TRADES` trades are put
        together.
    intervals : Intervals
        Confidence, number of resamples and seed.

    Returns
    -------
    DataFrame
        Columns by, group, n_trades, n_rows, base_rate, predicted (mean), auc, and for each of log_loss, brier and
        calibration_error the value and its ends ``_low`` and ``_high``; NaN where there are too few trades. Empty
        without predictions.

    Notes
    -----
    Trades are resampled in blocks, because the bars of one trade, and trades near each other in time, share
    their fate. The calibration error of resamples is taken over the bins of the sample; it is above zero by
    chance alone even where probabilities are right.
    """
    if not len(p):
        return pd.DataFrame()
    order = np.argsort(trade, kind="stable")
    p, y, trade = p[order], y[order], trade[order]
    parts: list[tuple[str, str, npt.NDArray[np.bool_]]] = [("all", "all", np.ones(len(p), dtype=bool))]
    for kind, names in groups.items():
        pooled = _pooled(np.asarray(names, dtype=object)[order], trade)
        parts += [(kind, name, pooled == name) for name in sorted(set(pooled), key=lambda n: (n == OTHERS, n))]
    rows = []
    for kind, name, part in parts:
        measured = measured_probabilities(p[part], y[part], trade[part], intervals)
        rows.append({"by": kind, "group": name, **measured})
    return pd.DataFrame(rows)


def measured_probabilities(p: FloatArray, y: FloatArray, trade: IntArray, intervals: Intervals) -> dict[str, float]:
    """Return the measures of probabilities with the ends of their intervals; see `calibration_table`.

    Parameters
    ----------
    p, y, trade
        As in `calibration_table`, in order of trade.
    intervals : Intervals

    Returns
    -------
    dict
        Each measure by name, and its interval as ``NAME_low`` and ``NAME_high``.
    """
    measured = probability_measures(p, y)
    x = logit(p)
    loss = np.logaddexp(0.0, x) - y * x
    bins = reliability_bins(p)
    n_bins = int(bins.max()) + 1
    inside = np.eye(n_bins)[bins]
    columns = np.column_stack([np.ones(len(p)), loss, (p - y) ** 2, inside * (p - y)[:, None]])
    n_trades = len(np.unique(trade))
    ends = dict.fromkeys(MEASURES, (np.nan, np.nan))
    if n_trades >= LEAST_TRADES:
        plan = Resampling.plan(trade, loss - loss.mean(), intervals)
        sums = plan.sums(columns.T)
        error = np.abs(sums[:, 3:]).sum(axis=1)
        resampled = np.column_stack([sums[:, 1], sums[:, 2], error]) / sums[:, :1]
        ends = {name: plan.interval(measured[name], resampled[:, k]) for k, name in enumerate(MEASURES)}
    found: dict[str, float] = {
        "n_trades": n_trades,
        "n_rows": len(p),
        "base_rate": measured["base_rate"],
        "predicted": float(np.mean(p)),
        "auc": measured["auc"],
    }
    for name, (low, high) in ends.items():
        found |= {name: measured[name], f"{name}_low": low, f"{name}_high": high}
    return found


def _pooled(names: npt.NDArray[np.object_], trade: IntArray) -> npt.NDArray[np.object_]:
    """Return the names, with those of too few trades made one."""
    first = np.concatenate([[True], trade[1:] != trade[:-1]])
    counts = pd.Series(names[first]).value_counts()
    return np.where(pd.Series(names).map(counts).to_numpy() >= LEAST_TRADES, names, OTHERS).astype(object)
