"""Simulated prices as trades on bars: many independent paths, one trade each, laid end to end.

Paths are tables of points, one row a path, the entry in the first column, and start at 0; prices are `PRICE` more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.trades.trades import AT_OPEN, PlacedTrades, Trades

HOUR = 3_600 * 10**9
PRICE = 16_384.0  # a power of two: whole steps stay whole
FAR = 4_096.0  # a stop that is never met

Table = npt.NDArray[np.float64]
Columns = tuple[Table, Table, Table, Table]


def step_bars(points: Table) -> Columns:
    """Open, high, low, close of bars that are the steps of a path: each bar goes straight from point to point."""
    before, after = points[:, :-1], points[:, 1:]
    return before, np.maximum(before, after), np.minimum(before, after), after


def point_bars(points: Table) -> Columns:
    """Bars that are the points themselves: the market is seen there and nowhere between, so every fill is a gap."""
    return points, points, points, points


def bridge_bars(points: Table, sigma: float, rng: np.random.Generator) -> Columns:
    """Bars between the points of a diffusion of standard deviation `sigma` a bar.

    Extremes are those of the Brownian bridge, each by its exact law; high and low of a bar are drawn apart, which
    matters only to a bar that reaches the orders on both sides.
    """
    before, after = points[:, :-1], points[:, 1:]
    turns = [np.sqrt((after - before) ** 2 + 2 * sigma**2 * rng.standard_exponential(before.shape)) for _ in "hl"]
    return before, (before + after + turns[0]) / 2, (before + after - turns[1]) / 2, after


def place(columns: Columns, risk: float = FAR, side: npt.ArrayLike = 1) -> PlacedTrades:
    """One trade a path, entered at the path's first open, with its stop `risk` away."""
    n, length = columns[0].shape
    return place_at(columns, np.arange(n) * length, (np.arange(n) + 1) * length, risk, side)


def place_at(
    columns: Columns, entry_bar: npt.ArrayLike, end_bar: npt.ArrayLike, risk: float = FAR, side: npt.ArrayLike = 1
) -> PlacedTrades:
    """Trades entered at the open of these bars, which see the bars until `end_bar`."""
    opened, high, low, close = (PRICE + np.ascontiguousarray(c).ravel() for c in columns)
    bars = Bars("X", HOUR, np.arange(len(opened), dtype=np.int64) * HOUR, opened, high, low, close)
    at = np.asarray(entry_bar, dtype=np.int64)
    n = len(at)
    none = np.full(n, np.nan)
    trades = Trades(
        trade_id=np.arange(n).astype(str).astype(object),
        symbol=np.full(n, "X", dtype=object),
        side=np.broadcast_to(np.asarray(side, dtype=np.int8), n).copy(),
        entry_time=at * HOUR,
        entry_price=opened[at],
        quantity=np.ones(n),
        stop_price=none,
        entry_at=np.full(n, AT_OPEN, dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=none,
        quantity_open=none,
        tag=np.full(n, "", dtype=object),
    )
    end = np.broadcast_to(np.asarray(end_bar, dtype=np.int64), n).copy()
    symbol = np.zeros(n, dtype=np.int64)
    return with_risk(PlacedTrades(trades, BarSet([bars]), symbol, at, at, end, trades.entry_at), risk)


def with_risk(placed: PlacedTrades, risk: float) -> PlacedTrades:
    """The same trades with their stops `risk` away."""
    trades = placed.trades
    return replace(placed, trades=replace(trades, stop_price=trades.entry_price - trades.side * risk))


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error."""

    value: float
    error: float

    def is_near(self, expected: float, slack: float = 0.0, errors: float = 4.0) -> bool:
        """Whether the expected value lies within so many standard errors, and what the method itself is off by."""
        return abs(self.value - expected) <= errors * self.error + slack


def mean_of(sample: npt.ArrayLike) -> Mean:
    """Mean and standard error of a sample of independent values."""
    x = np.asarray(sample, dtype=np.float64)
    return Mean(float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x))))


def solve_ode(drift: float, decay: float, source: Table, width: float, reflect: bool) -> Table:
    """v'' / 2 + drift v' - decay v + source = 0 on a grid over [0, width]; v = 0 at the end, and v = 0 or v' = 0 at 0.

    By central differences; the error goes with the square of the grid's step.
    """
    n = len(source)
    h = width / (n - 1)
    lower, upper = 0.5 / h**2 - drift / (2 * h), 0.5 / h**2 + drift / (2 * h)
    matrix = np.diag(np.full(n, -1 / h**2 - decay))
    matrix += np.diag(np.full(n - 1, upper), 1) + np.diag(np.full(n - 1, lower), -1)
    right = -source.copy()
    if reflect:
        matrix[0, 1] += lower  # the point beyond 0 mirrors the first one inside
    else:
        matrix[0], right[0] = 0.0, 0.0
        matrix[0, 0] = 1.0
    matrix[-1], right[-1] = 0.0, 0.0
    matrix[-1, -1] = 1.0
    return np.asarray(np.linalg.solve(matrix, right))
