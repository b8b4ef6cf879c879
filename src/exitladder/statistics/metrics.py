"""Performance measures of a series of returns or R-multiples.

Losses are negative throughout: a drawdown of 3% is -0.03. An undefined measure (no variation, no loss,
no values) is NaN and never infinite.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray


def varies(values: FloatArray) -> bool:
    """Return whether values differ by more than rounding, so a ratio to their spread is meaningful."""
    return len(values) > 1 and bool(np.ptp(values) > 1e-12 * np.abs(values).max())


def sharpe_ratio(returns: npt.ArrayLike, periods_per_year: float = 1.0) -> float:
    """Return mean over standard deviation (sample form, ddof 1) times the root of the periods per year.

    Parameters
    ----------
    returns : array of float, shape (n,)
        Results per day or per trade, in excess of the risk-free rate.
    periods_per_year : float
        1 leaves the ratio per observation.
    """
    x = _values(returns)
    if not varies(x):
        return math.nan
    x = x / np.abs(x).max()
    return float(x.mean() / x.std(ddof=1)) * math.sqrt(periods_per_year)


def sortino_ratio(returns: npt.ArrayLike, periods_per_year: float = 1.0) -> float:
    """Return mean over downside deviation: the root of the mean squared shortfall over **all** n."""
    x = _values(returns)
    if not (x < 0).any():
        return math.nan
    x = x / np.abs(x).max()
    downside = math.sqrt(float(np.mean(np.minimum(x, 0.0) ** 2)))
    if downside == 0:
        return math.nan
    return float(x.mean()) / downside * math.sqrt(periods_per_year)


def equity(returns: npt.ArrayLike) -> FloatArray:
    """Return the compounded equity starting at 1, shape (n + 1,); it stays at 0 after a total loss.

    Without the floor, two losses beyond the whole account would multiply to a gain.
    """
    path = np.cumprod(np.maximum(1.0 + _values(returns), 0.0))
    return np.concatenate([[1.0], path])


def max_drawdown(returns: npt.ArrayLike) -> float:
    """Return the maximum drawdown of the compounded equity, as a negative share of its peak."""
    return float(np.min(_drawdowns(returns)))


def ulcer_index(returns: npt.ArrayLike) -> float:
    """Return the root mean square of the drawdowns after each of the n returns."""
    falls = _drawdowns(returns)[1:]
    return math.sqrt(float(np.mean(falls**2))) if len(falls) else math.nan


def cagr(returns: npt.ArrayLike, periods_per_year: float) -> float:
    """Return the compound annual growth rate."""
    path = equity(returns)
    n = len(path) - 1
    return float(path[-1] ** (periods_per_year / n) - 1.0) if n else math.nan


def calmar_ratio(returns: npt.ArrayLike, periods_per_year: float) -> float:
    """Return the compound annual growth rate over the depth of the maximum drawdown."""
    deepest = max_drawdown(returns)
    return cagr(returns, periods_per_year) / -deepest if deepest < 0 else math.nan


def cvar(values: npt.ArrayLike, share: float = 0.05) -> float:
    """Return the mean of the worst `share` of the values (empirical expected shortfall).

    The boundary value is weighted by the part of it that belongs to the share, so the measure does not
    jump with n. With fewer than 1 / share values it is the worst one.

    Examples
    --------
    >>> cvar([-3.0, -1.0, 0.0, 2.0], share=0.5)
    -2.0
    """
    x = np.sort(_values(values))
    if not len(x):
        return math.nan
    mass = max(share * len(x), np.finfo(float).tiny)
    weights = np.clip(mass - np.arange(len(x)), 0.0, 1.0)
    return float(x @ weights / weights.sum())


def value_at_risk(values: npt.ArrayLike, share: float = 0.05) -> float:
    """Return the `share` quantile of the values (empirical, linear between neighbours)."""
    x = _values(values)
    return float(np.quantile(x, share)) if len(x) else math.nan


def max_drawdown_of_sum(results: npt.ArrayLike) -> float:
    """Return the maximum drawdown of the running sum, which starts at 0; not above 0.

    For R-multiples and money, which add up and do not compound.

    Examples
    --------
    >>> max_drawdown_of_sum([1.0, -2.0, 0.5, -1.0, 4.0])
    -2.5
    """
    return float(np.min(falls_of_sum(results)))


def falls_of_sum(results: npt.ArrayLike) -> FloatArray:
    """Return the drawdown of the running sum at its start, which is 0, and after each of the n results."""
    path = np.concatenate([[0.0], np.cumsum(_values(results))])
    return np.asarray(path - np.maximum.accumulate(path))


def _values(values: npt.ArrayLike) -> FloatArray:
    x = np.asarray(values, dtype=np.float64).ravel()
    return x[~np.isnan(x)]


def _drawdowns(returns: npt.ArrayLike) -> FloatArray:
    path = equity(returns)
    falls: FloatArray = path / np.maximum.accumulate(path) - 1.0
    return falls
