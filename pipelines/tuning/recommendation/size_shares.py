"""The share of equity that a size rule risks on each trade, from facts known at its entry."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.measures.sizing.rules import ClosedTrades
from exitladder.plans.size import Size

VOLATILITY = "volatility"
# Rules whose share of equity at risk is known at the entry, from earlier results, bars and the planned risk of a unit.
TUNABLE = ("fraction", VOLATILITY, "anti_martingale", "kelly")


def is_tunable(size: Size) -> bool:
    """Whether a tuning can compare a size rule: its share of equity at risk is known at the entry.

    Examples
    --------
    >>> is_tunable(Size(rule="fraction", fraction=0.01)), is_tunable(Size(rule="fixed", units=100.0))
    (True, False)
    """
    return size.rule in TUNABLE and (size.rule == VOLATILITY or size.fraction is not None)


@dataclass(frozen=True)
class Units:
    """Money of one unit of the first quantity of each trade, known at its entry; arrays of shape (n_trades,).

    Parameters
    ----------
    planned : float64 array
        Its planned risk.
    notional : float64 array
        At the entry price.
    volatility : mapping of int to float64 array
        By the window of bars, its volatility per year; NaN if unknown.
    """

    planned: FloatArray
    notional: FloatArray
    volatility: Mapping[int, FloatArray] = field(default_factory=dict)

    def take(self, rows: BoolArray | IntArray) -> Units:
        """Return those of some trades."""
        volatility = {window: found[rows] for window, found in self.volatility.items()}
        return Units(self.planned[rows], self.notional[rows], volatility)


@dataclass(frozen=True)
class Results:
    """Trades in order of entry, as the recommended exits left them out of sample.

    Parameters
    ----------
    entry, close : int64 array, shape (n_trades,)
        Nanoseconds since 1970 UTC.
    r : float64 array, shape (n_trades,)
        Net result over the planned risk.
    units : Units or None
        For rules and maxima that read more than results.
    """

    entry: IntArray
    close: IntArray
    r: FloatArray
    units: Units | None = None

    def take(self, rows: BoolArray | IntArray) -> Results:
        """Return some of them."""
        units = None if self.units is None else self.units.take(rows)
        return Results(self.entry[rows], self.close[rows], self.r[rows], units)


def shares_of(size: Size, results: Results) -> FloatArray:
    """Return the share of equity that a rule risks on each trade, from facts known at its entry.

    Parameters
    ----------
    size : Size
    results : Results

    Returns
    -------
    float64 array, shape (n_trades,)
        0 for a trade that the rule skips.

    Examples
    --------
    >>> lived = Results(np.array([0, 10, 20, 30]), np.array([5, 15, 25, 35]), np.array([1.0, 1.0, -1.0, 1.0]))
    >>> shares_of(Size(rule="anti_martingale", fraction=0.01, factor=2.0, maximum_factor=4.0), lived).tolist()
    [0.01, 0.02, 0.04, 0.01]
    """
    found = _volatility_shares(size, results) if size.rule == VOLATILITY else _result_shares(size, results)
    if size.maximum_equity is not None:
        assert results.units is not None
        most = size.maximum_equity * results.units.planned / results.units.notional
        found = np.where(results.units.notional > 0, np.minimum(found, most), found)
    return found


def _volatility_shares(size: Size, results: Results) -> FloatArray:
    assert size.target_volatility is not None and results.units is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        found = size.target_volatility * results.units.planned / results.units.volatility[size.window]
    return np.where(np.isfinite(found), found, 0.0)


def _result_shares(size: Size, results: Results) -> FloatArray:
    assert size.fraction is not None
    so_far, waiting = ClosedTrades(), list[tuple[int, int]]()
    found = np.full(len(results.r), size.fraction)
    for i, entry in enumerate(results.entry.tolist()):
        while waiting and waiting[0][0] <= entry:
            so_far.close(float(results.r[heapq.heappop(waiting)[1]]))
        if size.rule == "anti_martingale":
            found[i] *= so_far.multiple(size)
        elif size.rule == "kelly":
            found[i] = so_far.kelly(size)
        heapq.heappush(waiting, (int(results.close[i]), i))
    return found
