"""Do losses exceed a value at risk as often as it says, and at random times? Tests by likelihood ratios.

An exception is a loss beyond the forecast. Where a count is zero its term is the limit, 0·log 0 = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray

CRITICAL = 3.841458820694124
"""The 95% quantile of chi-squared with one degree of freedom."""
LEAST_FORECASTS = 250
"""Below this many forecasts nothing is judged: one trading year, as the Basel committee counts."""


@dataclass(frozen=True)
class LikelihoodRatio:
    """A likelihood-ratio statistic, its degrees of freedom and its p-value."""

    statistic: float
    degrees: int
    p: float

    @property
    def rejected(self) -> bool:
        """Whether the hypothesis is rejected at 5%."""
        return self.p < 0.05


def _ratio(statistic: float, degrees: int) -> LikelihoodRatio:
    from scipy import special

    # rounding can leave −1e−16
    statistic = max(statistic, 0.0)
    return LikelihoodRatio(statistic, degrees, float(special.chdtrc(degrees, statistic)) if degrees else math.nan)


def _log_likelihood(successes: float, failures: float, p: float) -> float:
    return (successes * math.log(p) if successes else 0.0) + (failures * math.log1p(-p) if failures else 0.0)


def _own_log_likelihood(successes: float, failures: float) -> float:
    """Return the log-likelihood at the share that was observed."""
    n = successes + failures
    return _log_likelihood(successes, failures, successes / n) if 0 < successes < n else 0.0


def proportion_of_failures(n_exceptions: int, n: int, level: float) -> LikelihoodRatio:
    """Test whether the share of exceptions is 1 − `level` (Kupiec, 1995).

    Parameters
    ----------
    n_exceptions, n : int
        Exceptions among forecasts.
    level : float
        Of the value at risk, such as 0.99.

    Returns
    -------
    LikelihoodRatio
        One degree of freedom.

    Raises
    ------
    ValueError
        More exceptions than forecasts, or no forecast.
    """
    if not 0 <= n_exceptions <= n or n < 1:
        raise ValueError(f"exceptions must be between 0 and the number of forecasts; they are {n_exceptions} of {n}")
    expected = _log_likelihood(n_exceptions, n - n_exceptions, 1 - level)
    return _ratio(2 * (_own_log_likelihood(n_exceptions, n - n_exceptions) - expected), 1)


def independence(exceptions: npt.ArrayLike) -> LikelihoodRatio:
    """Test whether an exception is as likely after an exception as after none (Christoffersen, 1998).

    Parameters
    ----------
    exceptions : array of bool, shape (n,)
        In order of time.

    Returns
    -------
    LikelihoodRatio
        One degree of freedom. 0 where there is at most one exception: nothing can contradict it.
    """
    hit = np.asarray(exceptions, dtype=bool)
    before, after = hit[:-1], hit[1:]
    n00, n01 = float(np.sum(~before & ~after)), float(np.sum(~before & after))
    n10, n11 = float(np.sum(before & ~after)), float(np.sum(before & after))
    if n00 + n01 + n10 + n11 == 0:
        return _ratio(0.0, 1)
    apart = _own_log_likelihood(n01, n00) if n00 + n01 else 0.0
    apart += _own_log_likelihood(n11, n10) if n10 + n11 else 0.0
    return _ratio(2 * (apart - _own_log_likelihood(n01 + n11, n00 + n10)), 1)


def conditional_coverage(exceptions: npt.ArrayLike, level: float) -> LikelihoodRatio:
    """Test share and independence together (Christoffersen, 1998): the sum of both statistics, two degrees of freedom.

    Parameters
    ----------
    exceptions : array of bool, shape (n,)
        In order of time.
    level : float
        Of the value at risk.

    Returns
    -------
    LikelihoodRatio
    """
    hit = np.asarray(exceptions, dtype=bool)
    share = proportion_of_failures(int(hit.sum()), len(hit), level)
    return _ratio(share.statistic + independence(hit).statistic, 2)


def durations(exceptions: npt.ArrayLike, level: float) -> LikelihoodRatio:
    """Test share and times between exceptions together (Haas, 2001: the mixed Kupiec test).

    Parameters
    ----------
    exceptions : array of bool, shape (n,)
        In order of time.
    level : float
        Of the value at risk.

    Returns
    -------
    LikelihoodRatio
        One degree of freedom more than exceptions. Without exceptions it is Kupiec's test.
    """
    hit = np.asarray(exceptions, dtype=bool)
    p = 1 - level
    statistic = proportion_of_failures(int(hit.sum()), len(hit), level).statistic
    waits = np.diff(np.concatenate([[-1], np.flatnonzero(hit)]))
    for wait in waits.tolist():
        statistic += 2 * (_own_log_likelihood(1, wait - 1) - _log_likelihood(1, wait - 1, p))
    return _ratio(statistic, len(waits) + 1)


def accepted_range(n: int, level: float) -> tuple[int, int]:
    """Return the fewest and the most exceptions among `n` forecasts that Kupiec's test does not reject at 5%."""
    kept = [k for k in range(n + 1) if proportion_of_failures(k, n, level).statistic < CRITICAL]
    return kept[0], kept[-1]


def power(n: int, level: float, true_share: float) -> float:
    """Return how often Kupiec's test rejects at 5% if exceptions come with `true_share`, from the binomial law.

    Parameters
    ----------
    n : int
        Forecasts.
    level : float
        That the value at risk states.
    true_share : float
        True probability of an exception. At 1 − `level` this is the size of the test.

    Returns
    -------
    float
    """
    from scipy import stats

    low, high = accepted_range(n, level)
    law = stats.binom(n, true_share)
    return float(1 - (law.cdf(high) - law.cdf(low - 1)))


def basel_zone(n_exceptions: int, n: int = 250, level: float = 0.99) -> str:
    """Return the Basel committee's zone (1996).

    Parameters
    ----------
    n_exceptions, n : int
    level : float

    Returns
    -------
    str
        ``green`` below a cumulative probability of 95%, ``red`` from 99.99% on, ``yellow`` between.
    """
    from scipy import stats

    share = float(stats.binom(n, 1 - level).cdf(n_exceptions))
    return "green" if share < 0.95 else "yellow" if share < 0.9999 else "red"


@dataclass(frozen=True)
class Coverage:
    """What the back-test of one series of forecasts found."""

    n: int
    n_exceptions: int
    level: float
    share: LikelihoodRatio
    independence: LikelihoodRatio
    conditional: LikelihoodRatio
    durations: LikelihoodRatio
    power_twice: float
    """Power of Kupiec's test against twice the stated share of exceptions."""
    size: float
    """How often Kupiec's test rejects a value at risk that is right; 5% only for many forecasts."""

    @property
    def expected(self) -> float:
        """Exceptions that the level states."""
        return self.n * (1 - self.level)

    def sentence(self) -> str:
        """Say in one sentence whether the forecasts hold."""
        counted = (
            f"{self.n_exceptions} losses beyond the value at risk in {self.n:,} forecasts, {self.expected:.3g} expected"
        )
        if self.n < LEAST_FORECASTS:
            return f"{counted}: too few forecasts to judge (at least {LEAST_FORECASTS})"
        if self.share.rejected:
            more = "more" if self.n_exceptions > self.expected else "fewer"
            return f"{counted}: {more} than its level allows (Kupiec p = {self.share.p:.2g})"
        if self.independence.rejected or self.durations.rejected:
            worst = min(self.independence.p, self.durations.p)
            return f"{counted}: as many as stated, but they come in clusters (p = {worst:.2g})"
        return (
            f"{counted}: not contradicted (Kupiec p = {self.share.p:.2g}; "
            f"twice as many would be seen with {self.power_twice:.0%} probability)"
        )


def coverage(losses: FloatArray, forecasts: FloatArray, level: float) -> Coverage:
    """Compare losses with the value at risk that was forecast for them.

    Parameters
    ----------
    losses : float64 array, shape (n,)
        What came, in order of time; losses are positive.
    forecasts : float64 array, shape (n,)
        The forecasts, made before; NaN rows are left out.
    level : float
        Of the value at risk.

    Returns
    -------
    Coverage

    Raises
    ------
    ValueError
        Not one pair of loss and forecast is known.
    """
    known = np.isfinite(losses) & np.isfinite(forecasts)
    if not known.any():
        raise ValueError("no loss has a forecast: the window is longer than the series")
    hit = losses[known] > forecasts[known]
    n, n_exceptions = len(hit), int(hit.sum())
    return Coverage(
        n=n,
        n_exceptions=n_exceptions,
        level=level,
        share=proportion_of_failures(n_exceptions, n, level),
        independence=independence(hit),
        conditional=conditional_coverage(hit, level),
        durations=durations(hit, level),
        power_twice=power(n, level, min(2 * (1 - level), 1.0)),
        size=power(n, level, 1 - level),
    )
