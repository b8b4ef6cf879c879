"""Closed trades with their exits and the bars around them, in R of each trade."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray, IntArray
from exitladder.execution.kernel import codes as o
from exitladder.execution.kernel import state as s
from exitladder.execution.simulation import Simulation

Columns = dict[str, npt.NDArray[np.float64]]
NEAR = 1e-9
"""Results closer than this, in R, are the same: computing R from prices loses a few digits."""


@dataclass(frozen=True)
class ClosedTrades:
    """The closed trades of a simulation, shape (n,) unless stated, in the order of the trades.

    Fills in the same bar at the same price count as one exit.

    Parameters
    ----------
    simulation : Simulation
    rows : int64 array
        Position of each closed trade in the simulation.
    first : int64 array
        First bar that the trade was exposed to.
    end : int64 array
        One past the last bar of the symbol.
    start : int64 array, shape (n + 1,)
        Exits of trade i are ``start[i]`` to ``start[i + 1]``.
    bar : int64 array, shape (n_exits,)
    r : float64 array, shape (n_exits,)
        R of the price, slippage included, before commission.
    share : float64 array, shape (n_exits,)
        Share of the quantity that was entered; sums to 1 in each trade.
    """

    simulation: Simulation
    rows: IntArray
    first: IntArray
    end: IntArray
    start: IntArray
    bar: IntArray
    r: FloatArray
    share: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_exits(self) -> IntArray:
        """Number of exits of each trade, at least 1."""
        return np.diff(self.start)

    @property
    def exit_r(self) -> FloatArray:
        """R of the quantity-weighted exit price, before commission."""
        return np.asarray(np.add.reduceat(self.share * self.r, self.start[:-1]) if len(self) else np.zeros(0))

    @property
    def net_r(self) -> FloatArray:
        """Net R."""
        return self.simulation.r[self.rows]

    @property
    def first_exit(self) -> IntArray:
        """Position of each trade's first exit in `bar`, `r` and `share`."""
        return self.start[:-1]

    @property
    def last_exit(self) -> IntArray:
        """Position of each trade's last exit in `bar`, `r` and `share`."""
        return self.start[1:] - 1

    @cached_property
    def _in_r(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Side, signed entry price and risk of each trade."""
        side, entry, risk = (self.simulation.states[self.rows, k] for k in (s.SIDE, s.ENTRY, s.RISK))
        return side, entry, risk

    def close_r(self, bar: IntArray) -> FloatArray:
        """Return the close of one bar for each trade in its R; NaN where the bar is -1.

        Parameters
        ----------
        bar : int64 array, shape (n,)
        """
        side, entry, risk = self._in_r
        close = self.simulation.placed.bars.close[np.maximum(bar, 0)]
        return np.where(bar >= 0, (side * close - entry) / risk, np.nan)


def closed_trades(simulation: Simulation) -> ClosedTrades:
    """Return the closed trades of a simulation.

    Parameters
    ----------
    simulation : Simulation
        Of a ladder, or of the user's own exits: then the trades with an own exit that closed them.

    Returns
    -------
    ClosedTrades
    """
    rows = np.flatnonzero(simulation.status == o.CLOSED)
    fills, n = simulation.fills, len(simulation)
    position = np.full(n, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    is_exit = ~np.isin(fills.order, (o.ENTRY, o.ADD, o.MARK)) & (position[fills.trade] >= 0)
    trade, bar, r = position[fills.trade[is_exit]], fills.bar[is_exit], simulation.price_r[is_exit]
    price, quantity = fills.price[is_exit], fills.quantity[is_exit]
    is_new = np.ones(len(trade), dtype=bool)
    is_new[1:] = (trade[1:] != trade[:-1]) | (bar[1:] != bar[:-1]) | (price[1:] != price[:-1])
    begins = np.flatnonzero(is_new)
    sold = np.add.reduceat(quantity, begins) if len(begins) else np.zeros(0)
    trade = trade[begins]
    total = np.bincount(trade, sold, len(rows))
    return ClosedTrades(
        simulation=simulation,
        rows=rows,
        first=simulation.placed.first_bar[rows],
        end=simulation.placed.end_bar[rows],
        start=np.searchsorted(trade, np.arange(len(rows) + 1)).astype(np.int64),
        bar=bar[begins],
        r=r[begins],
        share=sold / total[trade],
    )
