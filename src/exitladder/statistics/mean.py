"""Mean trade result with a confidence interval that is robust to dependence between trades."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import DAY_NS
from exitladder.statistics.bootstrap import Resampling, two_sided_p
from exitladder.statistics.intervals import Intervals

MIN_TRADES = 20
"""With fewer trades there is no interval: resamples of so few carry little information about new trades."""
MIN_DAYS = 20
"""With fewer days, only trades are resampled."""


@dataclass(frozen=True)
class MeanInterval:
    """A mean with its confidence interval and the resampling behind it.

    Parameters
    ----------
    value : float
        The mean; NaN without values.
    low, high : float
        Bounds of the interval; NaN with too few trades.
    p_value : float
        Two-sided, against a mean of zero; NaN without an interval.
    standard_error : float
        Standard error of the mean, from the resamples.
    n : int
        Values that are not NaN.
    n_effective : float
        Effective sample size: n times the variance of the mean under independence divided by the
        variance found; at most n.
    block : float
        Mean block length, in units of `resampled`.
    resampled : {"trades", "days"}
        The unit of resampling that gave the wider interval; empty without an interval.
    """

    value: float
    low: float
    high: float
    p_value: float
    standard_error: float
    n: int
    n_effective: float
    block: float
    resampled: str

    @property
    def is_known(self) -> bool:
        """Whether there were enough trades for an interval."""
        return not math.isnan(self.low)


def mean_interval(
    values: npt.ArrayLike,
    *,
    time: npt.ArrayLike | pd.Series | pd.Index,
    intervals: Intervals = Intervals(),
) -> MeanInterval:
    """Return the mean trade result with a stationary-bootstrap confidence interval.

    Trades cluster and overlap, also across correlated symbols. They are therefore resampled twice, in
    blocks of consecutive trades by entry and in blocks of whole days of entry (UTC), and the **wider**
    interval is reported. The block length follows Politis and White. Coverage is approximate: at a
    nominal 95%, the measured coverage was 96% on independent values and 92% at an autocorrelation of
    0.3 (25 to 400 values).

    Parameters
    ----------
    values : array of float, shape (n,)
        For example net R per trade. NaN are ignored.
    time : shape (n,)
        Entry times: datetimes, or integers in nanoseconds since 1970 UTC. They need not be sorted.
    intervals : Intervals
        Confidence, number of resamples and seed.

    Returns
    -------
    MeanInterval
    """
    x, when = in_order_of_time(values, time)
    return plan_resampling(x, when, intervals)[0]


def plan_resampling(values: FloatArray, when: IntArray, intervals: Intervals) -> tuple[MeanInterval, Resampling | None]:
    """Return the interval of the mean and the resampling that gave it (None with too few trades).

    Parameters
    ----------
    values : float64 array, shape (n,)
        Without NaN, in time order.
    when : int64 array, shape (n,)
        Nanoseconds since 1970 UTC.
    intervals : Intervals
        Confidence, number of resamples and seed.

    Returns
    -------
    MeanInterval
    Resampling or None
        The wider interval's.
    """
    n = len(values)
    nan = math.nan
    mean = float(values.mean()) if n else nan
    if n < MIN_TRADES:
        return MeanInterval(mean, nan, nan, nan, nan, n, nan, nan, ""), None
    influence = values - mean
    day = when // DAY_NS
    schemes = {"trades": np.arange(n)}
    if int(np.sum(day[1:] != day[:-1])) + 1 >= MIN_DAYS:
        schemes["days"] = day
    widest: tuple[MeanInterval, Resampling | None] | None = None
    for name, group in schemes.items():
        plan = Resampling.plan(group, influence, intervals)
        # The deviations are summed, not the values: a constant series then has an interval of no width.
        sums = plan.sums([influence, np.ones(n)])
        means = mean + sums[:, 0] / sums[:, 1]
        low, high = plan.interval(mean, means)
        error = float(means.std())
        independent = float(values.std(ddof=1)) / math.sqrt(n)
        found = MeanInterval(
            value=mean,
            low=low,
            high=high,
            p_value=two_sided_p(means, plan.n_blocks),
            standard_error=error,
            n=n,
            n_effective=n * min(1.0, (independent / error) ** 2) if error > 0 else float(n),
            block=plan.block,
            resampled=name,
        )
        if widest is None or high - low > widest[0].high - widest[0].low:
            widest = found, plan
    assert widest is not None
    return widest


def in_order_of_time(values: npt.ArrayLike, time: npt.ArrayLike | pd.Series | pd.Index) -> tuple[FloatArray, IntArray]:
    """Return the values that are not NaN and their times in nanoseconds, both in time order."""
    x = np.asarray(values, dtype=np.float64)
    when = nanoseconds(time)
    if x.ndim != 1 or x.shape != when.shape:
        raise ValueError(
            f"values and time must have one entry per trade, but their shapes are {x.shape} and {when.shape}."
        )
    known = ~np.isnan(x)
    x, when = x[known], when[known]
    order = np.argsort(when, kind="stable")
    return x[order], when[order]


def nanoseconds(time: npt.ArrayLike | pd.Series | pd.Index) -> IntArray:
    """Return times as nanoseconds since 1970 UTC; integers are assumed to be nanoseconds already."""
    # A pandas column with a time zone would become an array of objects, one by one.
    plain = time if isinstance(time, (pd.Series, pd.Index)) else np.asarray(time)
    if getattr(plain.dtype, "kind", "") in ("i", "u"):
        return np.asarray(plain, dtype=np.int64)
    return np.asarray(pd.DatetimeIndex(pd.to_datetime(plain, utc=True)).as_unit("ns").asi8)


def clustered_error(values: FloatArray, cluster: IntArray) -> tuple[float, int]:
    """Return the standard error of a mean whose values are independent between clusters only.

    The sums of deviations by cluster, squared, with n / (n - 1) for n clusters. Source: Liang and Zeger 1986.

    Parameters
    ----------
    values : float64 array, shape (n,)
    cluster : int64 array, shape (n,)
        Any number for each cluster.

    Returns
    -------
    error : float
        NaN with fewer than two clusters.
    n_clusters : int

    Examples
    --------
    >>> clustered_error(np.array([1.0, 1.0, -1.0, -1.0]), np.array([7, 7, 8, 8]))
    (1.0, 2)
    """
    _, at = np.unique(cluster, return_inverse=True)
    n_clusters = int(at.max(initial=-1)) + 1
    if n_clusters < 2:
        return float("nan"), n_clusters
    apart = np.bincount(at, values - values.mean())
    return float(np.sqrt((apart**2).sum() * n_clusters / (n_clusters - 1)) / len(values)), n_clusters
