"""Another stop and target on the user's own trades: a grid that the engine computes, with its out-of-sample result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exitladder.arrays import FloatTable
from exitladder.execution import simulate
from exitladder.execution.many_ladders import simulate_many
from exitladder.pipelines.tuning.folds import WalkForward
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Target
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.mean import mean_interval
from exitladder.trades.trades import PlacedTrades

STOPS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
TARGETS = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, math.inf)
# a stop further away than the price itself could never fill
_LOWEST_STOP = 0.01


@dataclass(frozen=True)
class WhatIf:
    """Results of one stop and one target on every trade.

    Parameters
    ----------
    stops : sequence of float
        Distance of the stop in units of the trade's own initial risk.
    targets : sequence of float
        In the same unit; infinite for no target.
    longest : int or None
        Time stop of all cells, bars.
    net_r : float64 array, shape (n_trades, n_stops * n_targets)
        In units of the trade's own risk, stop by stop.
    test : bool array, shape (n_trades,)
        Trades of the test parts.
    chosen : float64 array, shape (n_test,)
        Net R of the scored trades, each part under the cell that was best on its training trades.
    interval : tuple of (float, float)
        Of the mean of `chosen`; NaN with too few trades.
    """

    stops: Sequence[float]
    targets: Sequence[float]
    longest: int | None
    net_r: FloatTable
    test: np.ndarray
    chosen: np.ndarray
    interval: tuple[float, float]

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values for ``what_if.json``."""
        before, after = self.net_r[~self.test], self.net_r[self.test]
        means = _means(after)
        best = int(np.nanargmax(np.where(np.isnan(means), -np.inf, means)))
        low, high = self.interval
        return {
            "stops": list(self.stops),
            "targets": [None if math.isinf(target) else target for target in self.targets],
            "longest_bars": self.longest,
            "n_before": int((~self.test).sum()),
            "n_scored": int(self.test.sum()),
            "before_r": _plain(_means(before)),
            "scored_r": _plain(means),
            "scored_win_rate": _plain(_means(np.where(np.isnan(after), np.nan, after > 0))),
            "chosen_r": _value(np.nanmean(self.chosen) if np.isfinite(self.chosen).any() else math.nan),
            "chosen_interval": [_value(low), _value(high)],
            "best_scored_r": _value(means[best]),
            "best_cell": best,
        }


def what_if(placed: PlacedTrades, base: Ladder, walk: WalkForward, longest: int, intervals: Intervals) -> WhatIf:
    """Return the results of every stop and target on these trades.

    Parameters
    ----------
    placed : PlacedTrades
    base : Ladder
        Costs, execution and the initial stop of trades without one.
    walk : WalkForward
        Before each of its test parts, the cell is chosen that was best on the training trades.
    longest : int
        Time stop of all cells, bars.
    intervals : Intervals

    Returns
    -------
    WhatIf
    """
    risk = simulate(placed, replace(base, rungs=(), stop=Stop(initial=base.stop.initial, time=1))).risk
    price, side = placed.trades.entry_price, placed.trades.side
    stop_of = Stop(time=longest, **base.stop.hours_kept)
    columns = []
    for stop in STOPS:
        level = np.maximum(price - side * risk * stop, _LOWEST_STOP * price)
        moved = replace(placed, trades=replace(placed.trades, stop_price=level))
        ladders = [
            replace(base, name=f"{stop} {target}", rungs=_rungs(target / stop), stop=stop_of) for target in TARGETS
        ]
        columns.append(simulate_many(moved, ladders) * (np.abs(price - level) / risk)[:, None])
    net_r = np.concatenate(columns, axis=1)
    chosen, time = [], []
    for fold in walk.folds:
        past = _means(net_r[fold.training])
        best = int(np.argmax(np.where(np.isnan(past), -np.inf, past)))
        chosen.append(net_r[fold.test, best])
        time.append(placed.trades.entry_time[fold.test])
    mean = mean_interval(np.concatenate(chosen), time=np.concatenate(time), intervals=intervals)
    return WhatIf(STOPS, TARGETS, longest, net_r, walk.test, np.concatenate(chosen), (mean.low, mean.high))


def _rungs(target: float) -> tuple[Rung, ...]:
    return () if math.isinf(target) else (Rung(fraction=1.0, target=Target(target, "R")),)


def _means(values: np.ndarray) -> np.ndarray:
    """Return the mean of each column; NaN for a column without a value."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    return np.where(n > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)


def _value(number: float) -> float | None:
    return round(float(number), 6) if math.isfinite(number) else None


def _plain(values: np.ndarray) -> list[float | None]:
    return [_value(value) for value in values]
