"""A market with a planted exhaustion, its exact oracle, and what the product makes of it.

A trend ends at a moment nobody sees, sooner after a climax of volume and far from the average price. The
best exit is known from dynamic programming, so a learnt exit can be measured as the share of the way from
the best trailing stop to the oracle. On worlds without anything to find it must find nothing.

Run ``python benchmarks/planted_market.py --help``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.sparse import csr_matrix
from scipy.stats import norm

from exitladder.atr import atr_of_set
from exitladder.bars import Bars, BarSet, FloatArray
from exitladder.execution import simulate_many
from exitladder.features import FeatureSet, row_matrix
from exitladder.ladder import Condition, Distance, Ladder, Rung, Stop
from exitladder.models.exhaustion import ExhaustionModel
from exitladder.models.labels import continuation_advantage, race, reachable_rows
from exitladder.models.leak_check import LeakReport, check_leaks, next_bar_return
from exitladder.models.training_rows import TrainingRows
from exitladder.settings import ModelSettings
from exitladder.signals import Signals
from exitladder.trade_rows import TradeRows, trade_rows
from exitladder.trades import NO_TIME, PlacedTrades, Trades, place_trades

WARM_UP, BARS = 80, 150
SIGMA = 0.004
HOUR = 3_600 * 10**9
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
    """Many trades' markets, one a row; the trade begins at the open of bar `WARM_UP`.

    Parameters
    ----------
    move, stretch : float64 array, shape (n, WARM_UP + BARS)
        Each bar's move and the distance from the average after it, in sigma.
    climax : bool array, same shape
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
    return np.asarray(after + (1 - after) * world.hazard(stretch, climax))


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
    stamps = (np.arange(first, first + n)[:, None] * (length + 50) + np.arange(length)) * HOUR
    return BarSet(
        Bars(f"P{first + i:06d}", HOUR, stamps[i], open_[i], high[i], low[i], close[i], paths.volume[i])
        for i in range(n)
    )


def as_trades(bars: BarSet) -> PlacedTrades:
    """Return a long trade a path, entered at the open of its bar `WARM_UP`; 1R is `STOP` sigma."""
    n = len(bars)
    entry = bars.start[:-1] + WARM_UP
    price = bars.open[entry]
    unknown = np.full(n, np.nan)
    trades = Trades(
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
    return place_trades(trades, bars)


# What the product makes of it


@dataclass(frozen=True)
class Part:
    """Trades with their rows and features, as the product sees them."""

    placed: PlacedTrades
    rows: TradeRows
    atr: FloatArray
    X: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, paths: Paths, first: int = 0, *, shift: int = 0, memory: bool = False) -> Part:
        """Return the trades of these paths.

        Parameters
        ----------
        shift : int
            Makes features read so many bars of the future.
        memory : bool
            Adds to the product's features how long ago volume surged, and by how much it does now.
        """
        bars = as_bars(paths, first)
        placed = as_trades(bars)
        rows = trade_rows(placed, BARS)
        matrix = row_matrix(placed, rows, FeatureSet.from_names(["default"]))
        X, names = matrix.values, matrix.names
        if memory:
            X = np.column_stack([X, *climax_memory(paths)]).astype(np.float32)
            names = (*names, "volume_surge", "bars_since_surge")
        if shift:
            X = np.roll(X.reshape(len(placed), BARS, -1), -shift, axis=1)
            X[:, -shift:] = np.nan
            X = np.ascontiguousarray(X.reshape(rows.n_rows, -1))
        return cls(placed, rows, atr_of_set(bars), X, names)

    def training_rows(self) -> TrainingRows:
        """Return the rows with labels of the product's default widths."""
        risk = np.abs(self.placed.trades.entry_price - self.placed.trades.stop_price)
        return TrainingRows.of(
            self.placed,
            self.rows,
            self.X,
            self.names,
            race=race(self.placed, self.rows, self.atr, 1.9, 1.9),
            hold=continuation_advantage(self.placed, self.rows, self.atr, 3.0, risk),
            reachable=reachable_rows(self.placed, self.rows, self.atr, 6.0),
        )

    def signals(self, model: ExhaustionModel) -> Signals:
        """Return what the model says at each row."""
        said = model.predict(self.X, self.placed.bars.close_time[self.rows.bar])
        return Signals.from_rows(self.rows, {"exhaustion": said.exhaustion, "hold_value_r": said.hold_value_r})

    def sigma(self, ladders: list[Ladder], signals: Signals | None = None) -> FloatArray:
        """Return what each ladder earns on each trade, in sigma of one bar, shape (n_trades, n_ladders)."""
        return simulate_many(self.placed, ladders, signals) * STOP


def climax_memory(paths: Paths) -> tuple[FloatArray, FloatArray]:
    """Return, for every row, volume over its median of 20 bars, and the bars since that exceeded 2.5 (at most 50)."""
    median = np.full(paths.volume.shape, np.nan)
    median[:, 19:] = np.median(sliding_window_view(paths.volume, 20, axis=1), axis=2)
    surge = paths.volume / median
    bar = np.arange(surge.shape[1])
    last = np.maximum.accumulate(np.where(surge > 2.5, bar, -50), axis=1)
    since = np.minimum(bar - last, 50)
    return surge[:, WARM_UP:].ravel(), since[:, WARM_UP:].ravel()


WIDTHS = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0)


def trail_ladder(width: float, condition: Condition | None = None) -> Ladder:
    """Return the ladder that leaves all on a trail of so many ATR, or on the model's word."""
    rungs = (Rung(1.0, when=(condition,)),) if condition else ()
    return Ladder(name="trail", rungs=rungs, stop=Stop(trail=Distance(width, "ATR")))


def conditions(series: str, said: FloatArray) -> list[Condition]:
    """Return thresholds at quantiles of what was said out of fold."""
    if series == "exhaustion":
        return [Condition(series, ">=", float(q)) for q in np.quantile(said, np.linspace(0.5, 0.99, 15))]
    return [Condition(series, "<=", float(q)) for q in np.quantile(said, np.linspace(0.005, 0.5, 15))]


@dataclass(frozen=True)
class Result:
    """What policies earn on fresh trades, in sigma a trade, shape (n_test,) each."""

    world: str
    oracle: FloatArray
    trail: FloatArray
    learnt: dict[str, FloatArray]
    model: ExhaustionModel
    leaks: LeakReport

    def gap_share(self, name: str) -> float:
        """Return how much of the way from trail to oracle a learnt policy goes; NaN where there is none."""
        gap = self.oracle.mean() - self.trail.mean()
        return float((self.learnt[name].mean() - self.trail.mean()) / gap) if gap > 0.02 else float("nan")

    def t_over_trail(self, name: str) -> float:
        """Return the t statistic of the paired difference to the trail."""
        difference = self.learnt[name] - self.trail
        return float(difference.mean() / (difference.std() / np.sqrt(len(difference)))) if difference.any() else 0.0

    def t_over_nothing(self, name: str) -> float:
        """Return the t statistic of what a learnt policy earns."""
        earned = self.learnt[name]
        return float(earned.mean() / (earned.std() / np.sqrt(len(earned))))


def measure(
    world: str,
    n_train: int,
    n_test: int,
    seed: int = 0,
    *,
    settings: ModelSettings | None = None,
    shift: int = 0,
    memory: bool = False,
    threads: int = 0,
) -> Result:
    """Train on some trades, tune trail and threshold on out-of-fold predictions, score once on fresh trades."""
    spec = WORLDS[world]
    train, fresh = draw(spec, n_train, seed), draw(spec, n_test, seed + 1_000)
    seen = Part.of(train, shift=shift, memory=memory)
    rows = seen.training_rows()
    model = ExhaustionModel.fit(rows, settings or ModelSettings(), n_folds=5, embargo_ns=10 * HOUR, threads=threads)
    leaks = check_leaks(
        rows, model, next_bar_return(seen.placed, seen.rows, seen.atr), embargo_ns=10 * HOUR, threads=threads
    )
    said = model.predict(seen.X, rows.time_ns)
    spoken = said.is_known[seen.rows.start[:-1]]
    tuning = seen.placed.take(spoken)
    spoken_signals = seen.signals(model).take(np.flatnonzero(spoken))
    trails = [trail_ladder(width) for width in WIDTHS]
    best_trail = trails[int(np.argmax(seen.sigma(trails).mean(axis=0)))]
    test = Part.of(fresh, n_train, shift=shift, memory=memory)
    test_signals = test.signals(model)
    learnt = {}
    for series, values in (("hold_value_r", said.hold_value_r), ("exhaustion", said.exhaustion)):
        judged = values[said.is_known & rows.is_used]
        tried = [trail_ladder(width, c) for width in WIDTHS for c in conditions(series, judged)]
        value = simulate_many(tuning, tried, spoken_signals).mean(axis=0)
        learnt[series] = test.sigma([tried[int(np.argmax(value))]], test_signals)[:, 0]
    return Result(world, solve(spec).policy(fresh), test.sigma([best_trail])[:, 0], learnt, model, leaks)


def main() -> None:
    """Measure the worlds and print a line for each learnt exit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("worlds", nargs="*", default=list(WORLDS), choices=[*WORLDS, []], help="default: all")
    parser.add_argument("--train", type=int, default=2_000, help="training trades")
    parser.add_argument("--test", type=int, default=4_000, help="fresh trades")
    parser.add_argument("--seeds", type=int, default=1, help="draws of each world")
    parser.add_argument("--leak", action="store_true", help="let features read one bar of the future")
    parser.add_argument("--memory", action="store_true", help="add features that remember surges of volume")
    args = parser.parse_args()
    print("world       draw exit          oracle  trail   exit  share  t(trail)  t(0)    auc  leaks    seconds")
    for world in args.worlds or WORLDS:
        for seed in range(args.seeds):
            began = time.perf_counter()
            found = measure(world, args.train, args.test, seed, shift=int(args.leak), memory=args.memory)
            seconds = time.perf_counter() - began
            for name, earned in found.learnt.items():
                print(
                    f"{world:<11} {seed:>4} {name:<13} {found.oracle.mean():6.2f} {found.trail.mean():6.2f} "
                    f"{earned.mean():6.2f} {found.gap_share(name):6.2f} {found.t_over_trail(name):9.1f} "
                    f"{found.t_over_nothing(name):5.1f} {found.model.metrics['auc']:6.3f}  {found.leaks.verdict:<8} "
                    f"{seconds:5.1f}"
                )


if __name__ == "__main__":
    main()
