"""Differences between two exits in many measures, from one resampling of calendar days.

A day holds the entries of all symbols, so trades that one move of the market made are drawn together. Days are drawn in
blocks (stationary bootstrap), whose mean length follows from the dependence of the daily differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from exitladder.arrays import FloatArray, IntArray, IntegerTable
from exitladder.statistics.bootstrap import Resampling, block_length, interval, two_sided_p
from exitladder.statistics.comparison import detectable_difference
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import MIN_TRADES

MAX_DAY_UNITS = 1000
"""A longer calendar is resampled in units of several adjacent days."""
MIN_ENTRY_DAYS = 10
"""With entries on fewer days, no measure has an interval."""


@dataclass(frozen=True)
class PairedMeasure:
    """A measure of two exits on the same trades, and its difference: candidate minus baseline.

    Parameters
    ----------
    candidate, baseline, difference : float
        NaN if unknown.
    low, high : float
        Confidence interval of the difference; NaN with too few trades or days.
    p_value : float
        Two-sided, against no difference.
    detectable : float
        Minimum detectable difference: the smallest true difference found with 80% power.
    """

    candidate: float
    baseline: float
    difference: float
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    detectable: float = math.nan

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values by name, None for an unknown value."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {k: None if not math.isfinite(v) else float(v) for k, v in values.items()}


@dataclass(frozen=True)
class DayResampling:
    """A resampling of calendar days for trades entered on them.

    Parameters
    ----------
    plan : Resampling
        Of the calendar days.
    day : int64 array, shape (n,)
        Day of entry of each trade, counted from the first calendar day.
    n_entry_days : int
    """

    plan: Resampling
    day: IntArray
    n_entry_days: int

    @classmethod
    def of(cls, day: IntArray, difference: FloatArray, booked: FloatArray, intervals: Intervals) -> DayResampling:
        """Return the resampling for trades entered on these days.

        Parameters
        ----------
        day : int64 array, shape (n,)
        difference : float64 array, shape (n,)
            Of the two exits, per trade; its dependence from day to day sets the length of the blocks.
        booked : float64 array, shape (n_days,)
            Difference booked on each calendar day; the longer of the two block lengths counts.
        intervals : Intervals

        Returns
        -------
        DayResampling
        """
        n_days = len(booked)
        unit = np.arange(n_days)
        if n_days > MAX_DAY_UNITS:
            unit = unit * MAX_DAY_UNITS // n_days
        n_units = int(unit[-1]) + 1 if n_days else 0
        by_entry = np.bincount(unit[day], difference - difference.mean(), n_units) if len(day) else np.zeros(n_units)
        by_booking = np.bincount(unit, booked - booked.mean(), n_units) if n_days else np.zeros(n_units)
        block = max(block_length(by_entry), block_length(by_booking))
        return cls(Resampling(unit.astype(np.int64), n_units, block, intervals), day, len(np.unique(day)))

    @property
    def is_enough(self) -> bool:
        """Whether there are enough trades and days for an interval."""
        return len(self.day) >= MIN_TRADES and self.n_entry_days >= MIN_ENTRY_DAYS

    @cached_property
    def draws(self) -> IntegerTable:
        """Units of each resample, in the order in which they were drawn, shape (n_bootstrap, n_units)."""
        return np.concatenate(list(self.plan.short_draws()))

    @cached_property
    def counts(self) -> FloatArray:
        """Number of times each unit was drawn, shape (n_bootstrap, n_units)."""
        return self.plan.counts(self.draws)

    def measure(
        self, candidate: float, baseline: float, resampled: FloatArray, among: IntArray | None = None
    ) -> PairedMeasure:
        """Return a measure with the interval of its difference.

        Parameters
        ----------
        candidate, baseline : float
        resampled : float64 array, shape (n_bootstrap,)
            The difference on each resample; NaN if it is undefined there.
        among : int64 array, optional
            Days of entry of the trades that the measure rests on; of all trades by default.

        Returns
        -------
        PairedMeasure
        """
        difference = candidate - baseline
        n_trades, n_days = len(self.day), self.n_entry_days
        if among is not None:
            n_trades, n_days = len(among), len(np.unique(among))
        if n_trades < MIN_TRADES or n_days < MIN_ENTRY_DAYS or not math.isfinite(difference):
            return PairedMeasure(candidate, baseline, difference)
        # empty days say nothing about exits
        n_blocks = min(self.plan.n_blocks, float(n_days))
        known = resampled[np.isfinite(resampled)]
        low, high = interval(difference, resampled, self.plan.intervals.confidence, n_blocks)
        if math.isnan(low) or math.isnan(high):
            return PairedMeasure(candidate, baseline, difference, low, high)
        p = two_sided_p(known, n_blocks) if np.ptp(known) > 0 or difference else 1.0
        error = float(known.std())
        found = detectable_difference(error, self.plan.intervals.confidence)
        return PairedMeasure(candidate, baseline, difference, low, high, p, found)

    def sums(self, columns: Mapping[str, FloatArray]) -> tuple[dict[str, FloatArray], dict[str, float]]:
        """Return the sums of columns over each resample, and over all days.

        Parameters
        ----------
        columns : mapping of str to float64 array, shape (n_days,)

        Returns
        -------
        resampled : dict of str to float64 array, shape (n_bootstrap,)
        whole : dict of str to float
        """
        drawn = self.counts @ self.plan.per_unit(list(columns.values()))
        return (
            {name: drawn[:, k] for k, name in enumerate(columns)},
            {name: float(values.sum()) for name, values in columns.items()},
        )

    def per_day(self, values: FloatArray) -> FloatArray:
        """Return the sum of a value of the trades on each calendar day."""
        return np.bincount(self.day, values, len(self.plan.unit)).astype(np.float64)
