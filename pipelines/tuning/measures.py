"""The objectives and constraints of tuning, each a function of the results of trades under several ladders.

Higher objectives are better; NaN means that a ladder has none. Violations are at most 0 if a constraint is
kept. Skipped trades are left out; open trades count at their mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray
from exitladder.measures.cash import DAYS_PER_YEAR
from exitladder.pipelines.tuning.results import Results
from exitladder.settings.tables import TuningSettings
from exitladder.statistics.metrics import (
    calmar_ratio,
    cvar,
    sharpe_ratio,
    sortino_ratio,
    ulcer_index,
)

CVAR_SHARE = 0.05
Z_LOWER = 1.645
_WORST_BLOCKS = 10
_NOT_ASKED = (
    "these results hold net R only; call results_of with with_fills, with_gross, with_time, with_days, with_drawdown "
    "or with_drift"
)

Measure = Callable[[Results], FloatArray]
N = TypeVar("N", bound=np.generic)


@dataclass(frozen=True)
class Objective:
    """How an objective is computed, and whether it needs more of the trades than their net R.

    That is their fills, their time, the account valued at the close of each day, or the market's drift.

    `is_mean` says whether it is, nearly, the mean of itself over blocks of trades, as pruning by blocks requires.
    """

    measure: Callable[[Results, TuningSettings], FloatArray]
    needs_fills: bool = False
    needs_time: bool = False
    needs_days: bool = False
    is_mean: bool = False
    needs_drift: bool = False

    @property
    def needs_more(self) -> bool:
        """Whether net R alone does not settle it."""
        return self.needs_fills or self.needs_time or self.takes_every_fill

    @property
    def takes_every_fill(self) -> bool:
        """Whether each ladder must be executed on its own."""
        return self.needs_days or self.needs_drift


@dataclass(frozen=True)
class Constraint:
    """How a violation is computed; the constraint applies if its setting is above 0."""

    violation: Callable[[Results, float], FloatArray]
    needs_fills: bool = False
    needs_drawdown: bool = False
    needs_gross: bool = False


def expectancy(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return mean net R per trade."""
    _ = settings
    counts = np.isfinite(results.net_r).sum(axis=0)
    return _over(_total(results.net_r), counts)


def mean_minus_downside(results: Results, settings: TuningSettings) -> FloatArray:
    """Return mean net R less the weighted downside deviation (root mean square of losses over all trades)."""
    counts = np.isfinite(results.net_r).sum(axis=0)
    squares = _total(np.minimum(results.net_r, 0.0) ** 2)
    return expectancy(results) - settings.downside_weight * np.sqrt(_over(squares, counts))


def lower_bound(results: Results, settings: TuningSettings) -> FloatArray:
    """Return the lower end of a one-sided 95% confidence interval of the mean, taking trades as independent."""
    _ = settings
    counts = np.isfinite(results.net_r).sum(axis=0)
    mean = expectancy(results)
    spread = np.sqrt(_total((results.net_r - mean) ** 2) / np.maximum(counts - 1, 1))
    return np.asarray(mean - Z_LOWER * spread / np.sqrt(np.maximum(counts, 1)))


def tail(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return the mean of the worst 5% of trades."""
    _ = settings
    return np.array([cvar(column, CVAR_SHARE) for column in results.net_r.T])


def worst_block(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return the lowest mean net R of ten blocks of equally many trades, in order of entries."""
    _ = settings
    parts = np.array_split(np.arange(len(results.net_r)), min(_WORST_BLOCKS, max(len(results.net_r), 1)))
    return np.asarray(np.min([expectancy(results.take(part)) for part in parts], axis=0))


def profit_per_fill(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return net R per fill, counting entries and sales."""
    _ = settings
    return _over(_total(results.net_r), _fills(results))


def capture(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return the sum of net R over the sum of MFE, of trades that were in profit at some time."""
    _ = settings
    mfe_r = _asked(results.mfe_r)
    moved = mfe_r > 0
    return _over(_total(np.where(moved, results.net_r, 0.0)), _total(np.where(moved, mfe_r, 0.0)))


def r_per_bar(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return the sum of net R over the sum of bars in the market."""
    _ = settings
    bars = np.where(np.isfinite(results.net_r), _asked(results.bars), 0)
    return _over(_total(results.net_r), bars.sum(axis=0))


def r_per_capital_day(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return the sum of net R over the sum of capital days, both in R."""
    _ = settings
    held = np.where(np.isfinite(results.net_r), _asked(results.capital_days), 0.0)
    return _over(_total(results.net_r), _total(held))


def excess_r(results: Results, settings: TuningSettings | None = None) -> FloatArray:
    """Return mean net R per trade less what the market's drift alone would have made of the same positions."""
    _ = settings
    counts = np.isfinite(results.net_r).sum(axis=0)
    return _over(_total(results.net_r - _asked(results.drift_r)), counts)


def daily_r(results: Results) -> list[FloatArray]:
    """Return the change of the account on every calendar day for each ladder, in R.

    Open positions are valued at the last close of each day. Days run from the first entry to the last exit or mark.
    """
    if results.days is None:
        raise ValueError(_NOT_ASKED)
    return [days.daily() for days in results.days]


def _of_days(ratio: Callable[[FloatArray], float], results: Results, settings: TuningSettings) -> FloatArray:
    return np.array([ratio(settings.risk_per_trade * days) for days in daily_r(results)])


OBJECTIVES: Mapping[str, Objective] = {
    "expectancy_r": Objective(expectancy, is_mean=True),
    "mean_minus_downside": Objective(mean_minus_downside, is_mean=True),
    "lower_bound": Objective(lower_bound),
    "cvar_r": Objective(tail),
    "worst_block_r": Objective(worst_block),
    "profit_per_fill": Objective(profit_per_fill, needs_fills=True, is_mean=True),
    "capture": Objective(capture, needs_fills=True, is_mean=True),
    "r_per_bar": Objective(r_per_bar, needs_time=True, is_mean=True),
    "r_per_capital_day": Objective(r_per_capital_day, needs_time=True, is_mean=True),
    "excess_r": Objective(excess_r, needs_drift=True),
    "sharpe": Objective(
        partial(_of_days, partial(sharpe_ratio, periods_per_year=DAYS_PER_YEAR)), needs_days=True, is_mean=True
    ),
    "sortino": Objective(
        partial(_of_days, partial(sortino_ratio, periods_per_year=DAYS_PER_YEAR)), needs_days=True, is_mean=True
    ),
    "calmar": Objective(partial(_of_days, partial(calmar_ratio, periods_per_year=DAYS_PER_YEAR)), needs_days=True),
    "ulcer": Objective(partial(_of_days, lambda days: -ulcer_index(days)), needs_days=True),
}


def _too_many_fills(results: Results, most: float) -> FloatArray:
    counts = np.isfinite(results.net_r).sum(axis=0)
    return np.asarray(_over(_fills(results), counts) - most)


def _too_dear(results: Results, share: float) -> FloatArray:
    """Return costs above their share of the result before costs, in R per trade; all costs if it is not positive."""
    counts = np.isfinite(results.net_r).sum(axis=0)
    gross = _total(_asked(results.gross_r))
    cost = gross - _total(results.net_r)
    return _over(cost - share * np.maximum(gross, 0.0), counts)


def _too_few(results: Results, least: float) -> FloatArray:
    return np.asarray(least - np.isfinite(results.net_r).sum(axis=0), dtype=np.float64)


def _too_deep(results: Results, most: float) -> FloatArray:
    return np.asarray(-_asked(results.drawdown_r) - most)


CONSTRAINTS: Mapping[str, Constraint] = {
    "max_fills": Constraint(_too_many_fills, needs_fills=True),
    "max_cost_share": Constraint(_too_dear, needs_gross=True),
    "min_trades": Constraint(_too_few),
    "max_drawdown_r": Constraint(_too_deep, needs_drawdown=True),
}


def standard_error(measure: Measure, results: Results, blocks: int = 20) -> FloatArray:
    """Return the standard error of a measure by the block jackknife: one stretch of time left out after another.

    Parameters
    ----------
    measure : callable
        Any function of results that gives one value per ladder.
    results : Results
    blocks : int
        Stretches of equally many trades, in order of entries. Trades of one stretch may depend on each other.

    Returns
    -------
    float64 array, shape (n_ladders,)
        In the unit of the measure; NaN with fewer than two trades.

    Notes
    -----
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 11; Künsch (1989) for blocks. With blocks of
    a single trade it equals the textbook standard error of a mean.
    """
    n = len(results.net_r)
    blocks = min(blocks, n)
    if blocks < 2:
        return np.full(results.net_r.shape[1], np.nan)
    group = np.arange(n) * blocks // n
    left_out = np.stack([measure(results.take(group != b)) for b in range(blocks)])
    mean = _total(left_out) / blocks
    return np.asarray(np.sqrt((blocks - 1) / blocks * _total((left_out - mean) ** 2)))


def _fills(results: Results) -> FloatArray:
    """Return the fills of each ladder; whole numbers add up to the same in any order."""
    counted = np.where(np.isfinite(results.net_r), _asked(results.n_fills), 0)
    return np.asarray(counted.sum(axis=0), dtype=np.float64)


def _asked(table: npt.NDArray[N] | None) -> npt.NDArray[N]:
    if table is None:
        raise ValueError(_NOT_ASKED)
    return table


def _total(table: FloatArray) -> FloatArray:
    """Return the sum of each column, NaN left out; the sum of a column does not depend, to the bit, on the others."""
    columns = np.ascontiguousarray(np.where(np.isnan(table), 0.0, table).T)
    return np.array([column.sum() for column in columns], dtype=np.float64)


def _over(total: FloatArray, count: npt.ArrayLike) -> FloatArray:
    """Return total over count, NaN if the count is 0."""
    many = np.asarray(count, dtype=np.float64)
    return np.asarray(np.divide(total, many, out=np.full(total.shape, np.nan), where=many > 0))
