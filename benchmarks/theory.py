"""Exits whose best value is known from the theory of optimal stopping, and how close the product comes.

- ``disorder``: the drift of +0.1 per bar turns to -0.1 after an unseen exponential time of 100 bars on average
  (Shiryaev; Dayanik). The best rule on the filtered probability earns 4.170, the best trailing stop 3.854.
- ``fbm-0.3``, ``fbm-0.7``: stopping fractional Brownian motion on 100 dates in [0, 1]; 0.370 and 0.207 (Becker,
  Cheridito, Jentzen 2019).
- ``ou``: leaving a mean-reverting price (half-life 25 steps, noise 1 per step, 100 steps) at its best; by dynamic
  programming on the discrete process.
- ``max-call``: Bermudan max-call on five assets, nine dates, 26.15 (Andersen, Broadie 2004), with the product's forest
  as the regressor in Longstaff and Schwartz's method.

The first four are traded: the model is trained and the ladder is tuned on some trades, then both are executed once on
fresh ones, next to the known rule on the same paths. In ``fbm`` and ``ou`` every price holds for two bars, so that a
decision at the first close is executed at the same price and no order fills between two dates: what any exit earns is
what a stopping time earns.

    python benchmarks/theory.py [NAME ...] [--train 2000] [--test 4000] [--seeds 1] [--set KEY=VALUE]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from exitladder.arrays import FloatArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.models.forests.boosting import BinnedRows, Forest, booster_parameters
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.training.model import train_model
from exitladder.pipelines.training.value import net_r_of
from exitladder.pipelines.tuning.choice import Tuning
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import ModelSettings, Settings
from exitladder.trades.trades import Trades

WARM_UP, BASE, MINUTE = 80, 10_000.0, 60 * 10**9
SETTINGS = ("tuning.objectives=expectancy_r", "validation.n_bootstrap=100", "tuning.storage=memory")


@dataclass(frozen=True)
class Problem:
    """Paths of a price with the value of the best exit.

    Parameters
    ----------
    open, high, low, close : float64 array, shape (n, WARM_UP + bars)
        Differences from `BASE`. Each trade is long and entered at the open of bar `WARM_UP`.
    best : float64 array, shape (n,)
        What the known rule earns on each path; empty if only its value is known.
    theory : float
        The value of the best rule, in `unit`.
    unit : float
        Of the reported values, in price.
    stop : float
        Distance of the initial stop, which is 1R; it is out of reach.
    settings : tuple of str
        What the length and the scale of the paths demand.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    best: FloatArray
    theory: float
    unit: float
    stop: float
    settings: tuple[str, ...]


# The disorder problem

DRIFT, HAZARD, HELD, BARRIER = 0.1, 0.01, 400, 0.6752


def disorder(n: int, seed: int) -> Problem:
    """Return a drift that turns at an unseen exponential time; prices are Brownian inside each bar."""
    rng = np.random.default_rng(seed)
    turn = WARM_UP + rng.exponential(1 / HAZARD, n)[:, None]
    bar = np.arange(WARM_UP + HELD)
    # The share of each bar before the turn; no drift before the entry.
    before = np.clip(turn - bar, 0, 1)
    move = np.where(bar >= WARM_UP, DRIFT * (2 * before - 1), 0.0) + rng.standard_normal((n, len(bar)))
    close = np.cumsum(move, axis=1)
    open_ = close - move
    reach = np.sqrt(move**2 - 2 * np.log(rng.random((2, *move.shape))))
    best = stopped(move[:, WARM_UP:], turned(move[:, WARM_UP:]) >= BARRIER)
    settings = (
        f"labels.max_bars={HELD}", f"search.time_bars=[10, {HELD}]", 'search.trail_width=["1.5ATR", "12ATR"]',
    )  # fmt: skip
    return Problem(
        open_, open_ + (move + reach[0]) / 2, open_ + (move - reach[1]) / 2, close, best, 4.1704, 1.0, 60.0, settings
    )


def turned(move: FloatArray) -> FloatArray:
    """Return the filtered probability, after each bar, that the drift has turned, shape (n, bars)."""
    chance, found = np.zeros(len(move)), np.empty(move.shape)
    for t in range(move.shape[1]):
        chance = chance + (1 - chance) * -np.expm1(-HAZARD)
        odds = chance / (1 - chance) * np.exp(-2 * DRIFT * move[:, t])
        chance = odds / (1 + odds)
        found[:, t] = chance
    return found


def stopped(move: FloatArray, leave: np.ndarray) -> FloatArray:
    """Return the sum of the moves up to and including the first at which to leave, of all without one, shape (n,)."""
    last = np.where(leave.any(axis=1), leave.argmax(axis=1), move.shape[1] - 1)
    return np.asarray(np.take_along_axis(np.cumsum(move, axis=1), last[:, None], axis=1)[:, 0])


# Processes on dates: every price holds for two bars

DATES = 100


def on_dates(
    level: FloatArray, noise: FloatArray, best: FloatArray, theory: float, unit: float, stop: float
) -> Problem:
    """Return the problem of stopping a level at one of its dates.

    Parameters
    ----------
    level : float64 array, shape (n, DATES)
        The price after each date, from 0 at the entry.
    noise : float64 array, shape (n, WARM_UP // 2)
        Moves before the entry, which tell nothing.
    best : float64 array, shape (n,)
    theory, unit, stop : float
        See `Problem`.
    """
    past = np.cumsum(noise, axis=1)
    past = np.concatenate([past - past[:, -1:]], axis=1)
    # The level at the entry holds for the first pair of bars of the trade: leaving at once earns 0.
    price = np.repeat(np.concatenate([past, np.zeros((len(level), 1)), level], axis=1), 2, axis=1)
    bars = 2 * (DATES + 1)
    settings = (
        f"labels.max_bars={bars}", f"search.time_bars=[2, {bars}]", 'search.trail_width=["2ATR", "40ATR"]',
        'search.first_target=["0.02R", "0.5R"]', 'search.target_gap=["0.02R", "0.5R"]', "search.target_step=0.01R",
        "search.exhaustion_min_r=[]",
        # Half of all bars do not move, so ATR is half of what it is elsewhere.
        "labels.race_give_back_atr=3.8", "labels.race_extend_atr=3.8", "labels.baseline_trail_atr=6",
        "labels.reachable_trail_atr=24",
    )  # fmt: skip
    return Problem(price, price, price, price, best, theory, unit, stop, settings)


def fractional(hurst: float, theory: float) -> Callable[[int, int], Problem]:
    """Return the maker of fractional Brownian motions, by Cholesky's decomposition of their covariance."""

    def make(n: int, seed: int) -> Problem:
        rng = np.random.default_rng(seed)
        at = np.arange(1, DATES + 1) / DATES
        power = 2 * hurst
        cov = (at[:, None] ** power + at**power - np.abs(at[:, None] - at) ** power) / 2
        level = 10.0 * rng.standard_normal((n, DATES)) @ np.linalg.cholesky(cov).T
        noise = 10.0 * DATES**-hurst * rng.standard_normal((n, WARM_UP // 2))
        return on_dates(level, noise, np.empty(0), theory, 10.0, 100.0)

    return make


HALF_LIFE = 25


def reverting(n: int, seed: int) -> Problem:
    """Return a process that returns to 0, with the best exit by dynamic programming."""
    rng = np.random.default_rng(seed)
    keep, level, now = 2 ** (-1 / HALF_LIFE), np.empty((n, DATES)), np.zeros(n)
    for t in range(DATES):
        now = keep * now + rng.standard_normal(n)
        level[:, t] = now
    theory, barrier = best_of_reverting(keep)
    best = stopped(np.diff(level, axis=1, prepend=0.0), level >= barrier)
    return on_dates(level, rng.standard_normal((n, WARM_UP // 2)), best, theory, 1.0, 30.0)


def best_of_reverting(keep: float) -> tuple[float, FloatArray]:
    """Return the value at 0 of leaving at the best date, and the level from which to leave at each, shape (DATES,)."""
    grid = np.linspace(-25, 25, 2_001)
    nodes, mass = np.polynomial.hermite_e.hermegauss(40)
    mass = mass / mass.sum()
    after = keep * grid[:, None] + nodes
    value, barrier = grid.copy(), np.full(DATES, -np.inf)
    for t in range(DATES - 2, -1, -1):
        hold = np.interp(after, grid, value) @ mass
        barrier[t] = grid[np.flatnonzero(grid < hold)[-1] + 1]
        value = np.maximum(grid, hold)
    return float(np.interp(nodes, grid, value) @ mass), barrier


TRADED: dict[str, Callable[[int, int], Problem]] = {
    "disorder": disorder,
    "fbm-0.3": fractional(0.3, 0.370),
    "fbm-0.7": fractional(0.7, 0.207),
    "ou": reverting,
}


def book_of(problem: Problem) -> tuple[BarSet, Trades]:
    """Return a symbol per path, one after another in time, and its trade."""
    n, length = problem.close.shape
    stamps = (np.arange(n)[:, None] * (length + 50) + np.arange(length)) * MINUTE
    o, h, low, c = (BASE + x for x in (problem.open, problem.high, problem.low, problem.close))
    h, low = np.maximum(h, np.maximum(o, c)), np.minimum(low, np.minimum(o, c))
    bars = BarSet(
        Bars(f"P{i:06d}", MINUTE, stamps[i], o[i], h[i], low[i], c[i], np.full(length, 1_000.0)) for i in range(n)
    )
    price, unknown = o[:, WARM_UP], np.full(n, np.nan)
    return bars, Trades(
        trade_id=np.array(bars.symbols, dtype=object),
        symbol=np.array(bars.symbols, dtype=object),
        side=np.ones(n, dtype=np.int8),
        entry_time=stamps[:, WARM_UP],
        entry_price=price,
        quantity=np.ones(n),
        stop_price=price - problem.stop,
        entry_at=np.full(n, -1, dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=unknown,
        quantity_open=unknown,
        tag=np.full(n, "", dtype=object),
    )


def settings_of(problem: Problem, extra: Sequence[str], threads: int) -> Settings:
    """Return the product's default settings but for what the problem demands."""
    return load_settings(None, [*SETTINGS, *problem.settings, f"project.threads={threads}", *extra])


def traded(
    name: str, sizes: tuple[int, int], seed: int, extra: Sequence[str] = (), threads: int = 0
) -> dict[str, tuple[float, float]]:
    """Return mean and standard error of each exit on fresh trades, in the problem's unit.

    Parameters
    ----------
    name : str
        Of `TRADED`.
    sizes : (int, int)
        Training trades and fresh ones; the training trades come first in time.
    seed : int
    extra : sequence of str
        Changed settings.
    threads : int
    """
    n_train, n_test = sizes
    problem = TRADED[name](n_train + n_test, seed)
    settings = settings_of(problem, extra, threads)
    every = prepare(*book_of(problem), settings)
    earlier = np.arange(n_train + n_test) < n_train
    past, fresh = every.take(earlier), every.take(~earlier)
    trained = train_model(past, settings)
    ladders = []
    for ladder_name, predictions in (("tuned ladder without the model", None), ("tuned ladder", trained.predictions)):
        tuning = Tuning.of(past, settings, predictions, None)
        ladders.append((ladder_name, tuning.choose(np.ones(n_train, dtype=bool), ladder_name).ladder))
    if trained.policy is not None:
        ladders = [(TRAILING_STOP, trained.policy.trail), *ladders, (MODEL_OR_TRAIL, trained.policy.by_model)]
    predicted = predict_rows(fresh, trained.model)
    scale = problem.stop / problem.unit
    found = {}
    for ladder_name, ladder in ladders:
        (net_r,) = net_r_of(fresh, predicted, np.arange(n_test), [ladder], threads=threads).values()
        found[ladder_name] = mean_of(net_r * scale)
    if len(problem.best):
        found["the known rule"] = mean_of(problem.best[~earlier] / problem.unit)
    return found


def mean_of(values: FloatArray) -> tuple[float, float]:
    """Return the mean with its standard error."""
    known = values[np.isfinite(values)]
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))


# The Bermudan max-call: the forest as a regressor

ASSETS, EXERCISES, RATE, DIVIDEND, VOLATILITY, YEARS, STRIKE = 5, 9, 0.05, 0.10, 0.2, 3.0, 100.0
MAX_CALL = 26.15


def asset_paths(n: int, seed: int) -> Iterator[FloatArray]:
    """Yield the prices at each exercise date, shape (n, ASSETS), antithetic in pairs."""
    rng = np.random.default_rng(seed)
    step = YEARS / EXERCISES
    logs = np.full((n, ASSETS), np.log(STRIKE))
    for _ in range(EXERCISES):
        half = rng.standard_normal((n // 2, ASSETS))
        shock = np.concatenate([half, -half])
        logs = logs + (RATE - DIVIDEND - VOLATILITY**2 / 2) * step + VOLATILITY * np.sqrt(step) * shock
        yield np.exp(logs)


def payoff(prices: FloatArray) -> FloatArray:
    """Return what exercising pays."""
    return np.asarray(np.maximum(prices.max(axis=1) - STRIKE, 0.0))


def calls(prices: FloatArray, years: float) -> FloatArray:
    """Return the European call on each asset alone by Black, Scholes and Merton."""
    spread = VOLATILITY * np.sqrt(years)
    d1 = (np.log(prices / STRIKE) + (RATE - DIVIDEND + VOLATILITY**2 / 2) * years) / spread
    held = prices * np.exp(-DIVIDEND * years) * ndtr(d1)
    return np.asarray(held - STRIKE * np.exp(-RATE * years) * ndtr(d1 - spread))


def regressors(prices: FloatArray, left: float) -> np.ndarray:
    """Return what the value of holding is learnt from, shape (n, n_regressors).

    The ordered prices come first, then calls on the three highest to the next date and to the end, the payoff last.

    Parameters
    ----------
    prices : float64 array, shape (n, ASSETS)
    left : float
        Years to the last date.
    """
    ordered = np.sort(prices, axis=1)[:, ::-1]
    options = [calls(ordered[:, :3], years) for years in (YEARS / EXERCISES, left)]
    gap = ordered[:, 0] - ordered[:, 1]
    return np.column_stack([ordered, *options, gap, prices.mean(axis=1), payoff(prices)]).astype(np.float32)


def basis(X: np.ndarray) -> FloatArray:
    """Return the terms of the linear part, which the forest corrects: prices up to the third power, and options."""
    z = (X[:, :ASSETS].astype(np.float64) - STRIKE) / STRIKE
    options = X[:, ASSETS : ASSETS + 6].astype(np.float64) / STRIKE
    squares = [z[:, i] * z[:, j] for i in range(ASSETS) for j in range(i, ASSETS)]
    cubes = [z[:, 0] ** 3, z[:, 1] ** 3, z[:, 0] ** 2 * z[:, 1], z[:, 0] * z[:, 1] ** 2]
    both = [options[:, i] * options[:, j] for i in range(6) for j in range(i, 6)]
    return np.column_stack([np.ones(len(z)), z, options, *squares, *cubes, *both])


@dataclass(frozen=True)
class Holding:
    """The value of holding at a date: a polynomial, and a forest on its residuals."""

    weights: FloatArray
    forest: Forest | None

    def of(self, X: np.ndarray, threads: int) -> FloatArray:
        """Return the value of each row."""
        line = basis(X) @ self.weights
        return line if self.forest is None else line + self.forest.predict(X, threads)


def max_call(n_train: int, n_test: int, seed: int, *, n_trees: int = 150, threads: int = 0) -> tuple[float, float]:
    """Return the value, on fresh paths, of the exercise rule learnt on others, with its standard error.

    Parameters
    ----------
    n_train, n_test : int
        Paths, in antithetic pairs.
    seed : int
    n_trees : int
        0: the polynomial alone.
    threads : int
    """
    discount = np.exp(-RATE * YEARS / EXERCISES)
    paths = list(asset_paths(n_train, seed))
    cash, rules = payoff(paths[-1]), []
    parameters = booster_parameters(ModelSettings(), "regression", seed, threads)
    for k, prices in enumerate(reversed(paths[:-1])):
        cash = cash * discount
        X, now = regressors(prices, (k + 1) * YEARS / EXERCISES), payoff(prices)
        rows = np.flatnonzero(now > 0)
        weights = np.linalg.lstsq(basis(X[rows]), cash[rows], rcond=None)[0]
        forest = None
        if n_trees:
            left = cash[rows] - basis(X[rows]) @ weights
            forest = BinnedRows(X[rows], (), parameters).train(np.arange(len(rows)), left, n_trees, "regression")
        rule = Holding(weights, forest)
        leave = np.zeros(len(now), dtype=bool)
        leave[rows] = now[rows] > rule.of(X[rows], threads)
        cash = np.where(leave, now, cash)
        rules.append(rule)
    earned = exercised(asset_paths(n_test, seed + 1_000), rules[::-1], threads)
    return mean_of((earned[: n_test // 2] + earned[n_test // 2 :]) / 2)


def exercised(paths: Iterator[FloatArray], rules: Sequence[Holding], threads: int) -> FloatArray:
    """Return the earnings of the rules on each path, discounted to today."""
    earned: FloatArray | None = None
    for k, prices in enumerate(paths):
        now, left = payoff(prices), YEARS * (1 - (k + 1) / EXERCISES)
        if earned is None:
            earned = np.full(len(now), np.nan)
        inside = np.flatnonzero(np.isnan(earned) & (now > 0)) if k < EXERCISES - 1 else np.flatnonzero(np.isnan(earned))
        if k < EXERCISES - 1:
            inside = inside[now[inside] > rules[k].of(regressors(prices[inside], left), threads)]
        earned[inside] = now[inside] * np.exp(-RATE * YEARS * (k + 1) / EXERCISES)
    assert earned is not None
    return earned


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per problem, draw and exit."""
    names = [*TRADED, "max-call"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)}; default: all")
    parser.add_argument("--train", type=int, default=2_000, help="training trades")
    parser.add_argument("--test", type=int, default=4_000, help="fresh trades")
    parser.add_argument("--paths", type=int, default=200_000, help="training paths of the max-call; as many fresh ones")
    parser.add_argument("--seeds", type=int, default=1, help="draws of each problem")
    parser.add_argument("--threads", type=int, default=0, help="0 means all cores")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting")
    args = parser.parse_args(arguments)
    if unknown := sorted(set(args.names) - set(names)):
        parser.error(f"unknown problem {unknown[0]}; known are {', '.join(names)}")
    for name in args.names or names:
        draws: list[dict[str, tuple[float, float]]] = []
        for seed in range(args.seeds):
            began = time.perf_counter()
            if name == "max-call":
                found = {
                    "polynomial": max_call(args.paths, args.paths, seed, n_trees=0, threads=args.threads),
                    "polynomial and forest": max_call(args.paths, args.paths, seed, threads=args.threads),
                }
                theory = MAX_CALL
            else:
                theory = TRADED[name](2, 0).theory
                found = traded(name, (args.train, args.test), seed, args.set, args.threads)
            print(f"{name}, draw {seed}: theory {theory:.3f} ({time.perf_counter() - began:.0f} s)")
            for exit_name, (value, error) in found.items():
                print(f"    {exit_name:<32}{value:8.3f} ± {error:.3f}", flush=True)
            draws.append(found)
        if len(draws) > 1:
            print(f"{name}, mean of {len(draws)} draws with its standard error: theory {theory:.3f}")
            for exit_name in draws[0]:
                value, error = mean_of(np.array([found[exit_name][0] for found in draws]))
                print(f"    {exit_name:<32}{value:8.3f} ± {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
