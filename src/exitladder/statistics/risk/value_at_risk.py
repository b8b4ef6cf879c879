"""Value at risk and expected shortfall of a series of returns, and their forecasts at each close.

Losses are positive. Every estimate at *t* uses returns up to and with *t* (docs/design/limits.md, L5).
"""

from __future__ import annotations

import math

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.statistics.risk.methods import METHODS, SEED_RETURNS, least_returns, least_window

RISKMETRICS_DECAY = 0.94
"""Of daily variances (J.P. Morgan's RiskMetrics, 1996)."""


def tail_of(losses: FloatArray, level: float) -> tuple[float, float]:
    """Return the value at risk and the expected shortfall of losses.

    They are the k-th smallest loss, k = ⌈level · (n + 1)⌉, and the mean of it and those beyond. So the next loss of the
    same law exceeds it with a probability of at most 1 − level, whatever the law; the usual ⌈level · n⌉ is exceeded
    more often: 1.2% of the time at "1%" and 250 losses.

    Parameters
    ----------
    losses : float64 array, shape (n,)
        Without NaN.
    level : float
        Such as 0.99.

    Returns
    -------
    value_at_risk, expected_shortfall : float

    Raises
    ------
    ValueError
        Fewer losses than the level needs.
    """
    n = len(losses)
    if n < least_returns(level):
        raise ValueError(f"a quantile at {level:g} needs at least {least_returns(level)} losses; these are {n}")
    ordered = np.sort(losses)
    # 0.99 × 1000 is not a whole number in binary numbers
    k = math.ceil(level * (n + 1) - 1e-9 * n) - 1
    return float(ordered[k]), float(ordered[k:].mean())


def normal_tail(sigma: float, level: float, degrees: float | None = None) -> tuple[float, float]:
    """Return value at risk and expected shortfall of a law with mean 0 and standard deviation `sigma`.

    Parameters
    ----------
    sigma : float
        Standard deviation of the returns.
    level : float
        Such as 0.99.
    degrees : float, optional
        Degrees of freedom of Student's t, above 2, scaled to `sigma`; None is the normal law.

    Returns
    -------
    value_at_risk, expected_shortfall : float

    Raises
    ------
    ValueError
        Degrees of freedom of 2 or fewer, which have no variance.

    Notes
    -----
    McNeil, Frey and Embrechts, *Quantitative Risk Management*, examples 2.14 and 2.15.
    """
    from scipy import special

    if degrees is None:
        z = float(special.ndtri(level))
        return sigma * z, sigma * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / (1 - level)
    if degrees <= 2:
        raise ValueError(f"Student's t needs more than 2 degrees of freedom for a variance; these are {degrees:g}")
    scale = sigma * math.sqrt((degrees - 2) / degrees)
    t = float(special.stdtrit(degrees, level))
    log_density = (
        math.lgamma((degrees + 1) / 2)
        - math.lgamma(degrees / 2)
        - 0.5 * math.log(degrees * math.pi)
        - (degrees + 1) / 2 * math.log1p(t * t / degrees)
    )
    shortfall = math.exp(log_density) / (1 - level) * (degrees + t * t) / (degrees - 1)
    return scale * t, scale * shortfall


def exponential_volatility(returns: FloatArray, decay: float = RISKMETRICS_DECAY) -> FloatArray:
    """Return the volatility known *after* each return: the root of the exponentially weighted mean square.

    Parameters
    ----------
    returns : float64 array, shape (n,)
        Without NaN.
    decay : float
        Weight of the past, between 0 and 1.

    Returns
    -------
    float64 array, shape (n,)
        NaN before the `SEED_RETURNS`-th return, whose mean square is the start.
    """
    out = np.full(len(returns), np.nan)
    if len(returns) < SEED_RETURNS:
        return out
    variance = float(np.mean(returns[:SEED_RETURNS] ** 2))
    out[SEED_RETURNS - 1] = math.sqrt(variance)
    for t in range(SEED_RETURNS, len(returns)):
        variance = decay * variance + (1 - decay) * float(returns[t]) ** 2
        out[t] = math.sqrt(variance)
    return out


def sums_over(returns: FloatArray, horizon: int) -> FloatArray:
    """Return the sums of `horizon` successive returns, overlapping, shape (n - horizon + 1,)."""
    if horizon == 1:
        return returns
    if len(returns) < horizon:
        return np.empty(0)
    total = np.concatenate([[0.0], np.cumsum(returns)])
    sums: FloatArray = total[horizon:] - total[:-horizon]
    return sums


def forecast(
    returns: FloatArray, level: float = 0.99, method: str = "historical", horizon: int = 1, degrees: float | None = None
) -> tuple[float, float]:
    """Return value at risk and expected shortfall of the next `horizon` returns, from these.

    Parameters
    ----------
    returns : float64 array, shape (n,)
        The window, oldest first.
    level : float
        Such as 0.99.
    method : {"historical", "parametric", "filtered"}
        The losses themselves; mean 0 and their standard deviation; or each divided by the exponentially weighted
        volatility known before it, times the volatility of now (Barone-Adesi, Giannopoulos and Vosper, 1999).
    horizon : int
        Bars ahead. Parametric and filtered tails of one bar grow with its root.
    degrees : float, optional
        Of Student's t, for the parametric method.

    Returns
    -------
    value_at_risk, expected_shortfall : float
        Losses, as positive numbers. NaN where the window is too short for the level.

    Raises
    ------
    ValueError
        An unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r} is none of {', '.join(METHODS)}")
    root = math.sqrt(horizon)
    if method == "historical":
        losses = -sums_over(returns, horizon)
        return tail_of(losses, level) if len(losses) >= least_returns(level) else (np.nan, np.nan)
    if method == "parametric":
        if len(returns) < least_returns(level):
            return np.nan, np.nan
        value, shortfall = normal_tail(float(np.sqrt(np.mean(returns**2))), level, degrees)
        return root * value, root * shortfall
    known = exponential_volatility(returns)
    before = known[SEED_RETURNS - 1 : -1]
    clean = before > 0
    losses = -returns[SEED_RETURNS:][clean] / before[clean]
    if len(losses) < least_returns(level):
        return np.nan, np.nan
    value, shortfall = tail_of(losses, level)
    return root * known[-1] * value, root * known[-1] * shortfall


def forecasts(
    returns: FloatArray,
    window: int,
    level: float = 0.99,
    method: str = "historical",
    horizon: int = 1,
    degrees: float | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return `forecast` at every return, each from the `window` returns up to and with it.

    Parameters
    ----------
    returns : float64 array, shape (n,)
        Oldest first, without NaN.
    window : int
        Returns that each forecast uses.
    level, method, horizon, degrees
        As in `forecast`.

    Returns
    -------
    value_at_risk, expected_shortfall : float64 array, shape (n,)
        NaN where fewer than `window` returns are known.

    Raises
    ------
    ValueError
        A window too short for the level, or an unknown method.
    """
    needed = least_window(method, level, horizon)
    if window < needed:
        raise ValueError(
            f"a {method} value at risk at {level:g} over {horizon} bars needs a window of at least {needed}; "
            f"it is {window}"
        )
    value = np.full(len(returns), np.nan)
    shortfall = np.full(len(returns), np.nan)
    for t in range(window - 1, len(returns)):
        value[t], shortfall[t] = forecast(returns[t - window + 1 : t + 1], level, method, horizon, degrees)
    return value, shortfall
