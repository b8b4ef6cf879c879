"""Methods of estimating value at risk, and how many returns each needs; without numpy, for readers of settings."""

from __future__ import annotations

import math

METHODS = ("historical", "parametric", "filtered")
SEED_RETURNS = 20
"""Returns whose mean square starts the exponential variance."""


def least_returns(level: float) -> int:
    """Return how many returns a quantile at `level` needs: the largest of them must be one."""
    return math.ceil(round(level / (1.0 - level), 9))


def least_window(method: str, level: float, horizon: int) -> int:
    """Return how many returns an estimate needs.

    Parameters
    ----------
    method : {"historical", "parametric", "filtered"}
    level : float
        Such as 0.99.
    horizon : int
        Bars ahead.

    Returns
    -------
    int
    """
    more = {"historical": horizon - 1, "filtered": SEED_RETURNS}
    return least_returns(level) + more.get(method, 0)
