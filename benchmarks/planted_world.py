"""A market with a planted exhaustion, and its exact oracle.

A trend ends at a moment nobody sees, sooner after a climax of volume and far from the average price. The
best exit is known from dynamic programming, so a learnt exit can be measured against it: see
``planted_market.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import norm

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.trades.trades import Trades

WARM_UP, BARS = 80, 150
SIGMA = 0.004
MINUTE = 60 * 10**9
SMOOTH = 0.9
STOP = 25.0


@dataclass(frozen=True)
class World:
    """Drifts a bar in sigma, chance of a volume climax, and the log-odds of ending: b0 + b1 stretch + b2 climax."""

    trend: float
    exhausted: float
    climax: float
    b0: float
    b1: float
    b2: float
    begins_exhausted: float = 0.10

    def hazard(self, stretch: FloatArray, climax: np.ndarray) -> FloatArray:
        """Return the chance that a trend ends after a bar."""
        return np.asarray(1 / (1 + np.exp(-(self.b0 + self.b1 * stretch + self.b2 * climax))))


WORLDS = {
    "strong": World(0.15, -0.15, 0.035, -7.0, 0.35, 8.0),
    "moderate": World(0.25, -0.25, 0.08, -6.2, 0.6, 2.8),
    "null_const": World(0.15, -0.15, 0.035, -3.6, 0.0, 0.0),
    "null_rw": World(0.0, 0.0, 0.035, -3.6, 0.0, 0.0),
}


@dataclass(frozen=True)
class Paths:
    """The markets of many trades, one per row; the trade begins at the open of bar `WARM_UP`.

    Parameters
    ----------
    move, stretch : float64 array, shape (n, WARM_UP + BARS)
        Each bar's move and the distance from the average after it, in sigma.
    climax : bool array, same shape
        Or the chance of one, for an oracle that must tell it from the bar.
    """

    move: FloatArray
    stretch: FloatArray
    climax: np.ndarray
    high: FloatArray
    low: FloatArray
    volume: FloatArray

    @property
    def level(self) -> FloatArray:
        """Closes in sigma, the open of the first bar being 0."""
        return np.cumsum(self.move, axis=1)


def draw(world: World, n: int, seed: int) -> Paths:
    """Return n independent markets."""
    rng = np.random.default_rng(seed)
    length = WARM_UP + BARS
    move, stretch = np.empty((n, length)), np.empty((n, length))
    climax = rng.random((n, length)) < world.climax
    trending = rng.random(n) >= world.begins_exhausted
    distance = np.zeros(n)
    for t in range(length):
        drift = np.where(trending, world.trend, world.exhausted) if t >= WARM_UP else 0.0
        move[:, t] = drift + rng.standard_normal(n)
        distance = SMOOTH * (distance + move[:, t])
        stretch[:, t] = distance
        if t >= WARM_UP:
            trending &= rng.random(n) >= world.hazard(distance, climax[:, t])
    reach = np.sqrt(move**2 - 2 * np.log(rng.random((2, n, length))))
    volume = np.exp(rng.normal(0, 0.3, (n, length))) * np.where(climax, 4.0, 1.0)
    before = np.cumsum(move, axis=1) - move
    return Paths(move, stretch, climax, before + (move + reach[0]) / 2, before + (move - reach[1]) / 2, volume)


# The oracle: value iteration over (stretch, chance of being exhausted)


@dataclass(frozen=True)
class Oracle:
    """Value of holding on, by stretch and by the filtered chance of being exhausted."""

    world: World
    stretch: FloatArray
    chance: FloatArray
    hold: FloatArray

    def policy(self, paths: Paths) -> FloatArray:
        """Return what the rule 'leave where holding is worth nothing' earns on each path, shape (n,), in sigma."""
        world, n = self.world, len(paths.move)
        chance = np.full(n, world.begins_exhausted)
        inside, earned = np.ones(n, dtype=bool), np.zeros(n)
        for t in range(WARM_UP - 1, WARM_UP + BARS):
            if t >= WARM_UP:
                earned += np.where(inside, paths.move[:, t], 0.0)
                chance = _filter(world, chance, paths.move[:, t], paths.stretch[:, t], paths.climax[:, t])
            cells, weights = _around(self.stretch, self.chance, paths.stretch[:, t], chance)
            inside &= (self.hold.ravel()[cells] * weights).sum(axis=0) > 0
        return earned


def solve(world: World, tolerance: float = 1e-5) -> Oracle:
    """Return the oracle, which knows the world and sees stretch and climax."""
    stretch, chance = np.arange(-16, 22.01, 0.5), np.linspace(0, 1, 101)
    d, pi = (grid.ravel() for grid in np.meshgrid(stretch, chance, indexing="ij"))
    nodes, mass = np.polynomial.hermite_e.hermegauss(13)
    rows, columns, values = [], [], []
    for drift, share in ((world.trend, 1 - pi), (world.exhausted, pi)):
        for node, weight in zip(nodes, mass / mass.sum(), strict=True):
            for climax, odds in ((False, 1 - world.climax), (True, world.climax)):
                move = drift + node
                after = SMOOTH * (d + move)
                cells, part = _around(stretch, chance, after, _filter(world, pi, move, after, np.full(len(d), climax)))
                rows.append(np.tile(np.arange(len(d)), 4))
                columns.append(cells.ravel())
                values.append((part * share * weight * odds).ravel())
    step = csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(len(d), len(d)))
    now = world.trend * (1 - pi) + world.exhausted * pi
    hold = np.zeros(len(d))
    for _ in range(5_000):
        following = now + step @ np.maximum(hold, 0.0)
        change = np.abs(following - hold).max()
        hold = following
        if change < tolerance:
            break
    return Oracle(world, stretch, chance, hold.reshape(len(stretch), len(chance)))


def _filter(
    world: World, chance: FloatArray, move: FloatArray | float, stretch: FloatArray, climax: np.ndarray
) -> FloatArray:
    exhausted, trending = chance * norm.pdf(move - world.exhausted), (1 - chance) * norm.pdf(move - world.trend)
    after = exhausted / (exhausted + trending)
    # The chance of a climax where it is not certain.
    hazard = climax * world.hazard(stretch, np.True_) + (1 - climax) * world.hazard(stretch, np.False_)
    return np.asarray(after + (1 - after) * hazard)


def _around(x: FloatArray, y: FloatArray, at_x: FloatArray, at_y: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """Return the four grid cells around each point and their bilinear weights, shapes (4, n)."""
    i, a = _between(x, at_x)
    j, b = _between(y, at_y)
    cells = np.stack([i * len(y) + j, i * len(y) + j + 1, (i + 1) * len(y) + j, (i + 1) * len(y) + j + 1])
    return cells, np.stack([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b])


def _between(grid: FloatArray, at: FloatArray) -> tuple[np.ndarray, FloatArray]:
    place = np.clip((at - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1 - 1e-9)
    return place.astype(np.int64), place - place.astype(np.int64)


# The same markets as bars and trades


def as_bars(paths: Paths, first: int = 0) -> BarSet:
    """Return a symbol a path, one after another in time; path i is the (first + i)-th."""
    close = 100 * np.exp(SIGMA * paths.level)
    open_ = np.concatenate([np.full((len(close), 1), 100.0), close[:, :-1]], axis=1)
    high = np.maximum(100 * np.exp(SIGMA * paths.high), np.maximum(open_, close))
    low = np.minimum(100 * np.exp(SIGMA * paths.low), np.minimum(open_, close))
    n, length = close.shape
    stamps = (np.arange(first, first + n)[:, None] * (length + 50) + np.arange(length)) * MINUTE
    return BarSet(
        Bars(f"P{first + i:06d}", MINUTE, stamps[i], open_[i], high[i], low[i], close[i], paths.volume[i])
        for i in range(n)
    )


def as_trades(bars: BarSet) -> Trades:
    """Return a long trade a path, entered at the open of its bar `WARM_UP`; 1R is `STOP` sigma."""
    n = len(bars)
    entry = bars.start[:-1] + WARM_UP
    price = bars.open[entry]
    unknown = np.full(n, np.nan)
    return Trades(
        trade_id=np.array(bars.symbols, dtype=object),
        symbol=np.array(bars.symbols, dtype=object),
        side=np.ones(n, dtype=np.int8),
        entry_time=bars.time[entry],
        entry_price=price,
        quantity=np.ones(n),
        # So far away that it hardly ever fills: it says what 1R is.
        stop_price=price * (1 - SIGMA * STOP),
        entry_at=np.full(n, -1, dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=unknown,
        quantity_open=unknown,
        tag=np.full(n, "", dtype=object),
    )
