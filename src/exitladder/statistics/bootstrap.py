"""The stationary bootstrap: resampling that preserves serial dependence.

Politis and Romano (1994): blocks of random length (geometric, mean `block`) from random positions; the
series wraps around. The mean length is chosen by Politis and White (2004) with the correction of
Patton, Politis and White (2009). Trades or days are resampled, never bars.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray, IntegerTable
from exitladder.statistics.intervals import Intervals

MAX_UNITS = 4000
"""Longer series are resampled in units of several adjacent values, which can only lengthen blocks."""
_CHUNK = 250
# Draws of at most this many numbers are kept for the next statistic (10 bytes each, of three plans).
_KEPT = 2_500_000
_kept = ContextVar("kept", default=_KEPT)


def block_length(values: npt.ArrayLike) -> float:
    """Return the optimal mean block length of a series, at least 1 (Politis and White).

    Equals ``arch.bootstrap.optimal_block_length(values)["stationary"]``, as the tests verify. It is
    reimplemented here because that import takes longer than a whole backtest.

    Parameters
    ----------
    values : array of float, shape (n,)
        In order of time, without NaN.
    """
    x = np.asarray(values, dtype=np.float64)
    n = len(x)
    if n < 8 or np.ptp(x) == 0:
        return 1.0
    eps = x - x.mean()
    k_n = max(5, int(math.log10(n)))
    m_max = min(math.ceil(math.sqrt(n)) + k_n, n - 2)
    squares = np.concatenate([[0.0], np.cumsum(eps**2)])
    cross: list[float] = []

    def find_cross(until: int) -> None:
        """Extend the autocovariance sums to a lag. Few lags are usually needed; all would cost n ** 1.5."""
        cross.extend(float(eps[k:] @ eps[: n - k]) for k in range(len(cross), until + 1))

    low = 2 * math.sqrt(math.log10(n) / n)
    n_small, m = 0, m_max
    for lag in range(m_max + 1):
        if lag >= k_n and n_small >= k_n:
            m = min(2 * max(lag - k_n, 1), m_max)
            break
        find_cross(lag)
        # Both ends lose one value more than the lag, as in the reference implementation.
        scale = math.sqrt((squares[n] - squares[lag + 1]) * squares[n - lag - 1])
        n_small = n_small + 1 if (abs(cross[lag] / scale) if scale > 0 else 1.0) < low else 0
    find_cross(m)
    k = np.arange(1, m + 1)
    taper = np.minimum(1.0, 2 * (1 - k / m))
    covariance = np.array(cross[1 : m + 1]) / n
    g = float(2 * np.sum(taper * k * covariance))
    long_run = float(cross[0] / n + 2 * np.sum(taper * covariance))
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))
    if long_run == 0:
        return float(longest)
    return float(np.clip((g**2 / long_run**2 * n) ** (1 / 3), 1.0, longest))


@dataclass(frozen=True)
class Resampling:
    """A resampling plan: units, mean block length, number of resamples and seed.

    Parameters
    ----------
    unit : int64 array, shape (n,)
        The unit of each value: 0, 1, ... in time order. Values of one unit are drawn together.
    n_units : int
    block : float
        Mean length of the blocks, in units.
    intervals : Intervals
        Number of resamples, their seed, and the confidence of the intervals. The same plan always draws the same
        resamples.
    """

    unit: IntArray
    n_units: int
    block: float
    intervals: Intervals

    @classmethod
    def plan(cls, group: npt.ArrayLike, influence: npt.ArrayLike, intervals: Intervals) -> Resampling:
        """Return the plan for values that fall into groups (each value its own, or days).

        Parameters
        ----------
        group : int array, shape (n,)
            Non-decreasing group numbers; values of one group stay together.
        influence : float array, shape (n,)
            What each value adds to the statistic; its dependence sets the length of the blocks.
        intervals : Intervals

        Returns
        -------
        Resampling
        """
        group = np.asarray(group)
        first = np.ones(len(group), dtype=np.bool_)
        first[1:] = group[1:] != group[:-1]
        unit = np.cumsum(first) - 1
        n_units = int(unit[-1]) + 1 if len(unit) else 0
        block = block_length(np.bincount(unit, np.asarray(influence, dtype=np.float64), n_units))
        if n_units > MAX_UNITS:
            unit = unit * MAX_UNITS // n_units
            block = max(1.0, block * MAX_UNITS / n_units)
            n_units = MAX_UNITS
        return cls(unit.astype(np.int64), n_units, block, intervals)

    @property
    def n_blocks(self) -> float:
        """Number of blocks in the series; determines the degrees of freedom."""
        return self.n_units / self.block

    def interval(self, point: float, resampled: npt.ArrayLike) -> tuple[float, float]:
        """Return the ends of a statistic's interval from its value on the sample and on the resamples."""
        return interval(point, resampled, self.intervals.confidence, self.n_blocks)

    def draws(self) -> Iterator[IntArray]:
        """Yield the units of resamples in order, shape (some, n_units), `n_bootstrap` rows in all."""
        return (draw.astype(np.int64) for draw in self.short_draws())

    def short_draws(self) -> Iterator[IntegerTable]:
        """Yield `draws` as numbers of 16 bits where they suffice: kernels read them in less time."""
        from exitladder.statistics.block_sums import block_draws

        for start, chance in self._chances():
            yield start.copy() if self.block <= 1.0 else block_draws(start, chance, 1.0 / self.block)

    def _chances(self) -> Iterable[tuple[IntegerTable, FloatArray]]:
        """Return where a block that begins at each place would start, and the chance that one does (0 columns: all)."""
        n_bootstrap = self.intervals.n_bootstrap
        plan = (self.intervals.seed, self.n_units, n_bootstrap, self.block > 1.0)
        if self.n_units * n_bootstrap > _kept.get():
            return _chances(*plan)
        return _kept_chances(*plan)

    def counts(self, draw: IntegerTable) -> FloatArray:
        """Return the number of times each unit was drawn, shape (rows of draw, n_units)."""
        from exitladder.statistics.block_sums import unit_counts

        found: FloatArray = unit_counts(draw, self.n_units)
        return found

    def sums(self, columns: Iterable[FloatArray]) -> FloatArray:
        """Return the sums of every column over every resample, shape (n_bootstrap, n_columns).

        Parameters
        ----------
        columns : iterable of float64 array, shape (n,)

        Notes
        -----
        Units are added in draw order, so rounding differs from ``counts(draw) @ per_unit(columns)``.
        """
        from exitladder.statistics.block_sums import block_sums

        per_unit = self.per_unit(columns)
        return np.concatenate([block_sums(*chances, 1.0 / self.block, per_unit) for chances in self._chances()])

    def per_unit(self, columns: Iterable[FloatArray]) -> FloatArray:
        """Return the sums of every column over every unit, shape (n_units, n_columns)."""
        sums = [np.bincount(self.unit, column, self.n_units) for column in columns]
        return np.stack(sums, axis=1) if sums else np.empty((self.n_units, 0))


def interval(point: float, resampled: npt.ArrayLike, confidence: float, n_blocks: float) -> tuple[float, float]:
    """Return the bounds of the expanded percentile interval of a statistic.

    The plain percentile interval is too narrow for small samples. Its tails are widened to those of
    Student's t with ``n_blocks - 1`` degrees of freedom (Hesterberg, "What Teachers Should Know About
    the Bootstrap", 2015), counting blocks instead of values. If that quantile is beyond all resamples,
    the distance from `point` to the outermost resample is scaled up. A bound that the resamples do not
    determine is NaN.

    Parameters
    ----------
    point : float
        The statistic on the sample.
    resampled : float array, shape (n_bootstrap,)
        The statistic on the resamples; NaN where it is not defined there (left out), infinite where
        it is unbounded.
    confidence : float
        Nominal coverage.
    n_blocks : float
        Number of blocks that the series holds.

    Returns
    -------
    low, high : float
    """
    # Imported late here and below: it is slow to load, and many commands have no interval.
    from scipy.special import ndtr, ndtri

    values = np.asarray(resampled, dtype=np.float64)
    values = np.sort(values[~np.isnan(values)])
    if not math.isfinite(point) or len(values) < 100 or n_blocks <= 1.5:
        return math.nan, math.nan
    z = _expanded_z(confidence, n_blocks)
    outermost = float(-ndtri(1.0 / (len(values) + 1)))
    tail = float(ndtr(-min(z, outermost)))
    stretch = max(1.0, z / outermost)
    position = tail * (len(values) - 1)
    ends = []
    for ordered in (values, values[::-1]):
        k = int(position)
        outer, inner = float(ordered[k]), float(ordered[k + 1])
        if not math.isfinite(outer):
            ends.append(math.nan)
            continue
        end = outer + (position - k) * (inner - outer)
        ends.append(point + stretch * (end - point))
    # The resamples of a skewed statistic may all be on one side of it; the interval always contains the point.
    low, high = ends
    return (low if math.isnan(low) else min(low, point)), (high if math.isnan(high) else max(high, point))


def two_sided_p(resampled: npt.ArrayLike, n_blocks: float) -> float:
    """Return the p-value against zero consistent with `interval`: 1 - confidence if a bound is exactly 0."""
    from scipy.special import ndtri, stdtr

    values = np.asarray(resampled, dtype=np.float64)
    n = len(values)
    tail = (1 + min(int(np.sum(values <= 0)), int(np.sum(values >= 0)))) / (n + 1)
    if tail >= 0.5 or n_blocks <= 1.5:
        return 1.0
    t = -float(ndtri(tail)) * math.sqrt((n_blocks - 1) / n_blocks)
    return min(1.0, 2 * float(stdtr(n_blocks - 1, -t)))


def _expanded_z(confidence: float, n_blocks: float) -> float:
    from scipy.special import stdtrit

    t = float(stdtrit(n_blocks - 1, 0.5 + confidence / 2))
    return t * math.sqrt(n_blocks / (n_blocks - 1))


@contextmanager
def shared_draws() -> Iterator[None]:
    """Keep the draws for many long series that are resampled alike: up to 200 MB, freed at the end."""
    token = _kept.set(MAX_UNITS * 2_500)
    try:
        yield
    finally:
        _kept.reset(token)
        _kept_chances.cache_clear()


def _chances(seed: int, n_units: int, n_bootstrap: int, has_blocks: bool) -> Iterator[tuple[IntegerTable, FloatArray]]:
    """Yield the draws of `Resampling._chances`, a chunk of resamples at a time."""
    rng = np.random.default_rng(seed)
    for begin in range(0, n_bootstrap, _CHUNK):
        shape = (min(_CHUNK, n_bootstrap - begin), n_units)
        start: IntegerTable = rng.integers(n_units, size=shape)
        if n_units <= np.iinfo(np.uint16).max:
            start = start.astype(np.uint16)
        yield start, rng.random(shape) if has_blocks else np.empty((shape[0], 0))


@lru_cache(maxsize=3)
def _kept_chances(
    seed: int, n_units: int, n_bootstrap: int, has_blocks: bool
) -> tuple[tuple[IntegerTable, FloatArray], ...]:
    """Return all draws at once: the measures of one backtest share them, and drawing costs more than summing."""
    return tuple(_chances(seed, n_units, n_bootstrap, has_blocks))
