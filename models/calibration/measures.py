"""How good predicted probabilities are: log loss, Brier score, AUC, calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.models.calibration.calibrators import logit


def probability_measures(p: FloatArray, y: FloatArray) -> dict[str, float]:
    """Return log_loss, brier, base_rate, auc and calibration_error of predictions; NaN where undefined.

    Parameters
    ----------
    p : float64 array, shape (n,)
        Predicted probabilities, finite.
    y : float64 array, shape (n,)
        0 or 1.
    """
    if not len(p):
        return dict.fromkeys(("log_loss", "brier", "base_rate", "auc", "calibration_error"), float("nan"))
    x = logit(p)
    table = reliability(p, y)
    return {
        "log_loss": float(np.mean(np.logaddexp(0.0, x) - y * x)),
        "brier": float(np.mean((p - y) ** 2)),
        "base_rate": float(np.mean(y)),
        "auc": auc(p, y),
        "calibration_error": float(np.average(np.abs(table.predicted - table.observed), weights=table.n)),
    }


def auc(score: FloatArray, y: FloatArray) -> float:
    """Return the chance that a random 1 scores above a random 0, ties counting half.

    Examples
    --------
    >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.75
    """
    ones = float(np.sum(y))
    zeros = len(y) - ones
    if ones == 0 or zeros == 0:
        return float("nan")
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[np.asarray(y) > 0].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def reliability(p: FloatArray, y: FloatArray, n_bins: int = 10) -> pd.DataFrame:
    """Return, for bins of equal count in order of prediction, n, the mean prediction and the share of ones.

    Equal predictions stay in one bin: cut apart, they would differ in their share of ones by chance
    alone and make a calibrated constant look wrong. So there may be fewer bins.

    Parameters
    ----------
    p, y : float64 array, shape (n,)
    n_bins : int

    Returns
    -------
    DataFrame
        Columns n, predicted, observed.
    """
    if not len(p):
        return pd.DataFrame({"n": [], "predicted": [], "observed": []})
    bins = pd.DataFrame({"bin": reliability_bins(p, n_bins), "predicted": p, "observed": y})
    table = bins.groupby("bin").agg(
        n=("observed", "size"), predicted=("predicted", "mean"), observed=("observed", "mean")
    )
    return table.reset_index(drop=True)


def reliability_bins(p: FloatArray, n_bins: int = 10) -> IntArray:
    """Return each prediction's bin of `reliability`, from 0, shape (n,)."""
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1]))
    return np.searchsorted(edges, p, side="right").astype(np.int64)
