"""Performance of the product on further markets with a known optimal exit.

Each market plants one kind of law, from specifications of its own: see ``KINDS``. As in ``planted_market.py``, the
product trains on some trades, the later trades are scored once, and the share is the part of the distance from the
best trailing stop to the oracle of dynamic programming that its exit covers.

Run ``python benchmarks/planted_kinds.py [KIND ...] [--train 500] [--test 2000] [--seeds 5] [--set KEY=VALUE]``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from planted_market import add_options, settings_of
from planted_world import BARS, MINUTE, SIGMA, STOP, WARM_UP, WORLDS, Paths, World, draw, solve
from scipy.stats import norm

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import NO_TIME
from exitladder.pipelines.inputs.predictions import predict_rows
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.training.model import train_model
from exitladder.pipelines.training.value import net_r_of
from exitladder.pipelines.tuning.policies import MODEL_OR_TRAIL, TRAILING_STOP
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

LENGTH, BREAK = WARM_UP + BARS, 50
WIDE = 2.5
# The trend ends about bar 40, give or take 5, or at a chance of 0.3% a bar before.
OLD, GIVE_OR_TAKE, YOUNG_HAZARD = 40, 5.0, 0.003
AGE_DRIFT = 0.15
# The trend ends about 8 sigma from the entry.
FAR, FAR_WIDTH, NEAR_HAZARD, FAR_DRIFT = 8.0, 1.0, 0.003, 0.15


@dataclass(frozen=True)
class Market:
    """Many trades in order of time, and what the best exit earns on each, in sigma.

    Parameters
    ----------
    paths : Paths
        In the trade's direction.
    oracle : float64 array, shape (n,)
    side : int array, shape (n,)
    symbol : int array, shape (n,)
    reader : float64 array, shape (n,), optional
        What the oracle's rule earns if it must tell a climax from high, low and close, as everyone has to.
    has_law : bool array, shape (n,), optional
        Trades with the law; all by default.
    """

    paths: Paths
    oracle: FloatArray
    side: IntArray
    symbol: IntArray
    reader: FloatArray | None = None
    has_law: np.ndarray | None = None


def _plain(paths: Paths, oracle: FloatArray) -> Market:
    n = len(oracle)
    return Market(paths, oracle, np.ones(n, dtype=np.int64), np.zeros(n, dtype=np.int64))


def strong(n: int, seed: int) -> Market:
    """Return the strong world on one symbol: a climax of volume, and distance from the average."""
    paths = draw(WORLDS["strong"], n, seed)
    return _plain(paths, solve(WORLDS["strong"]).policy(paths))


def shorts(n: int, seed: int) -> Market:
    """Return the strong world, all trades short."""
    found = strong(n, seed)
    return replace(found, side=-found.side)


def mixed(n: int, seed: int) -> Market:
    """Return the strong world for longs; for shorts the same trend ends at a constant chance."""
    side = np.random.default_rng(seed + 77).choice([-1, 1], n)
    return replace(_of_worlds(WORLDS["null_const"], WORLDS["strong"], side > 0, seed), side=side)


def one_of_ten(n: int, seed: int) -> Market:
    """Return ten symbols: the first is the strong world, the others end at a constant chance."""
    symbol = np.arange(n) % 10
    found = _of_worlds(WORLDS["null_const"], WORLDS["strong"], symbol == 0, seed)
    return replace(found, symbol=symbol, has_law=symbol == 0)


def _of_worlds(other: World, world: World, chosen: np.ndarray, seed: int) -> Market:
    of_world, of_other = draw(world, len(chosen), seed), draw(other, len(chosen), seed + 5_000)
    paths = Paths(
        *(
            np.where(chosen[:, None], getattr(of_world, name), getattr(of_other, name))
            for name in Paths.__dataclass_fields__
        )
    )
    return _plain(paths, np.where(chosen, solve(world).policy(paths), solve(other).policy(paths)))


def range_climax(n: int, seed: int) -> Market:
    """Return the strong world, in which a climax shows as a wide bar instead of volume."""
    paths = draw(WORLDS["strong"], n, seed)
    before = paths.level - paths.move
    middle = before + paths.move / 2
    wide = np.where(paths.climax, WIDE, 1.0)
    volume = paths.volume / np.where(paths.climax, 4.0, 1.0)
    high, low = middle + wide * (paths.high - middle), middle - wide * (middle - paths.low)
    oracle = solve(WORLDS["strong"])
    shown = replace(paths, high=high, low=low, volume=volume)
    reader = oracle.policy(replace(shown, climax=_climax_chance(shown)))
    return replace(_plain(shown, oracle.policy(paths)), reader=reader)


def _climax_chance(paths: Paths) -> FloatArray:
    """Return the chance that each bar was a climax of range, given its high, low and close.

    Twice the distance r of an extreme from the middle has the density r exp((move² - r²) / 2) above the absolute move,
    and is `WIDE` times as large in a climax.
    """
    middle = paths.level - paths.move / 2
    reach = np.stack([2 * (paths.high - middle), 2 * (middle - paths.low)])
    is_possible = (reach > WIDE * np.abs(paths.move) * (1 - 1e-9)).all(axis=0)
    ratio = np.exp(np.minimum((reach**2).sum(axis=0) * (1 - WIDE**-2) / 2, 300.0)) / WIDE**4
    before = WORLDS["strong"].climax
    odds = np.where(is_possible, ratio * before / (1 - before), 0.0)
    return np.asarray(odds / (1 + odds))


def flip(n: int, seed: int) -> Market:
    """Return the strong world, whose climax means nothing in the later half of the trades: the chance is constant."""
    return _of_worlds(WORLDS["null_const"], WORLDS["strong"], np.arange(n) < n // 2, seed)


# Where the other law turns round: a trend ends near the average and without a climax.
TURNED = World(0.15, -0.15, 0.035, -3.2, -0.35, -8.0)


def reversal(n: int, seed: int) -> Market:
    """Return the strong world, whose law turns round after a third of the trades: a climax keeps the trend alive."""
    return _of_worlds(TURNED, WORLDS["strong"], np.arange(n) < n // 3, seed)


def age(n: int, seed: int) -> Market:
    """Return a trend that ends at an age: about bar 40 of the trade."""
    held = np.arange(1, BARS + 1)
    hazard = YOUNG_HAZARD + (0.25 - YOUNG_HAZARD) / (1 + np.exp(-(held - OLD) / GIVE_OR_TAKE))
    paths = _trend(n, seed, AGE_DRIFT, lambda t, _: np.full(n, hazard[t]))
    return _plain(paths, _finite_oracle(paths, AGE_DRIFT, hazard[:, None], np.zeros(1)))


def distance(n: int, seed: int) -> Market:
    """Return a trend that ends at a distance from the entry: about 8 sigma."""
    grid = np.arange(-30.0, 40.1, 0.5)
    paths = _trend(n, seed, FAR_DRIFT, lambda _, level: _far_hazard(level))
    return _plain(paths, _finite_oracle(paths, FAR_DRIFT, np.tile(_far_hazard(grid), (BARS, 1)), grid))


def _far_hazard(level: FloatArray) -> FloatArray:
    return np.asarray(NEAR_HAZARD + (0.25 - NEAR_HAZARD) / (1 + np.exp(-(level - FAR) / FAR_WIDTH)))


KINDS: dict[str, Callable[[int, int], Market]] = {
    "strong": strong, "shorts": shorts, "mixed": mixed, "one_of_ten": one_of_ten, "range_climax": range_climax,
    "age": age, "distance": distance, "flip": flip, "reversal": reversal,
}  # fmt: skip


def _trend(n: int, seed: int, drift: float, hazard: Callable[[int, FloatArray], FloatArray]) -> Paths:
    """Return markets whose trend reverses at a chance that depends on bars held and distance from the entry."""
    rng = np.random.default_rng(seed)
    move = rng.standard_normal((n, LENGTH))
    trending, level = np.ones(n, dtype=bool), np.zeros(n)
    for t in range(BARS):
        move[:, WARM_UP + t] += np.where(trending, drift, -drift)
        level += move[:, WARM_UP + t]
        trending &= rng.random(n) >= hazard(t, level)
    reach = np.sqrt(move**2 - 2 * np.log(rng.random((2, n, LENGTH))))
    before = np.cumsum(move, axis=1) - move
    none = np.zeros((n, LENGTH), dtype=bool)
    volume = np.exp(rng.normal(0, 0.3, (n, LENGTH)))
    return Paths(move, before, none, before + (move + reach[0]) / 2, before + (move - reach[1]) / 2, volume)


def _finite_oracle(paths: Paths, drift: float, hazard: FloatArray, grid: FloatArray) -> FloatArray:
    """Return what the best exit earns on each path, by backward induction over (bar, distance, chance of the end).

    Parameters
    ----------
    hazard : float64 array, shape (BARS, n_grid)
        Chance that the trend ends after each bar, by distance from the entry.
    grid : float64 array, shape (n_grid,)
        Distances; a single one if the chance does not depend on them.
    """
    chance = np.linspace(0, 1, 101)
    nodes, mass = np.polynomial.hermite_e.hermegauss(13)
    mass = mass / mass.sum()
    x, p = np.meshgrid(grid, chance, indexing="ij")
    hold = np.zeros((BARS + 1, *x.shape))
    for t in range(BARS - 1, -1, -1):
        value = np.zeros_like(x)
        for sign, share in ((1.0, 1 - p), (-1.0, p)):
            for node, weight in zip(nodes, mass, strict=True):
                move = sign * drift + node
                after = _filtered(p, move, drift, _at(grid, hazard[t], x + move))
                value += share * weight * (move + np.maximum(_read(hold[t + 1], grid, chance, x + move, after), 0.0))
        hold[t] = value
    n = len(paths.move)
    inside, earned, level, now = np.ones(n, dtype=bool), np.zeros(n), np.zeros(n), np.zeros(n)
    for t in range(BARS):
        inside &= _read(hold[t], grid, chance, level, now) > 0
        move = paths.move[:, WARM_UP + t]
        earned += np.where(inside, move, 0.0)
        level = level + move
        now = _filtered(now, move, drift, _at(grid, hazard[t], level))
    return earned


def _filtered(chance: FloatArray, move: FloatArray | float, drift: float, hazard: FloatArray) -> FloatArray:
    ended, going = chance * norm.pdf(move + drift), (1 - chance) * norm.pdf(move - drift)
    after = ended / (ended + going)
    return np.asarray(after + (1 - after) * hazard)


def _at(grid: FloatArray, values: FloatArray, x: FloatArray) -> FloatArray:
    return np.interp(x, grid, values) if len(grid) > 1 else np.full(np.shape(x), values[0])


def _read(hold: FloatArray, grid: FloatArray, chance: FloatArray, x: FloatArray, p: FloatArray) -> FloatArray:
    """Return bilinear interpolation of hold, shape (n_grid, n_chance), at points of any shape."""
    at = p * (len(chance) - 1)
    j = np.minimum(at.astype(np.int64), len(chance) - 2)
    b = at - j
    if len(grid) == 1:
        return np.asarray((1 - b) * hold[0, j] + b * hold[0, j + 1])
    step = np.clip((x - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1 - 1e-9)
    i = step.astype(np.int64)
    a = step - i
    low, high = (1 - b) * hold[i, j] + b * hold[i, j + 1], (1 - b) * hold[i + 1, j] + b * hold[i + 1, j + 1]
    return np.asarray((1 - a) * low + a * high)


def as_book(market: Market) -> tuple[BarSet, Trades]:
    """Return bars and trades: the paths of a symbol follow one another in time, with a break between them."""
    n = len(market.oracle)
    turn = market.side[:, None]
    close, high, low = (turn * values for values in (market.paths.level, market.paths.high, market.paths.low))
    high, low = np.maximum(high, low), np.minimum(high, low)
    stamps = (np.arange(n)[:, None] * (LENGTH + BREAK) + np.arange(LENGTH)) * MINUTE
    found, entry = [], {}
    for symbol in np.unique(market.symbol):
        own = np.flatnonzero(market.symbol == symbol)
        # Each path starts at 100 again, long before its trade: drifts of years would leave all scales.
        prices = [100 * np.exp(SIGMA * values[own].ravel()) for values in (close, high, low)]
        open_ = np.concatenate([[100.0], prices[0][:-1]])
        open_[::LENGTH] = 100.0
        top, bottom = (
            np.maximum(prices[1], np.maximum(open_, prices[0])),
            np.minimum(prices[2], np.minimum(open_, prices[0])),
        )
        found.append(
            Bars(
                f"S{symbol:02d}",
                MINUTE,
                stamps[own].ravel(),
                open_,
                top,
                bottom,
                prices[0],
                market.paths.volume[own].ravel(),
            )
        )
        entry |= {int(i): open_[k * LENGTH + WARM_UP] for k, i in enumerate(own)}
    price = np.array([entry[i] for i in range(n)])
    unknown = np.full(n, np.nan)
    return BarSet(found), Trades(
        trade_id=np.array([f"T{i:06d}" for i in range(n)], dtype=object),
        symbol=np.array([f"S{k:02d}" for k in market.symbol], dtype=object),
        side=market.side.astype(np.int8),
        entry_time=stamps[:, WARM_UP],
        entry_price=price,
        quantity=np.ones(n),
        # So far away that it hardly ever fills: it says what 1R is.
        stop_price=price * (1 - market.side * SIGMA * STOP),
        entry_at=np.full(n, -1, dtype=np.int8),
        exit_time=np.full(n, NO_TIME),
        exit_price=unknown,
        quantity_open=unknown,
        tag=np.full(n, "", dtype=object),
    )


def measure(kind: str, n_train: int, n_test: int, seed: int, settings: Settings) -> tuple[float, float, str]:
    """Train on the earlier trades of one market, score once on its later ones, and return share, limit and line.

    The limit is the share of a trader who knows the law, but must read it from the bars, and has the best trailing stop
    on trades without the law.
    """
    began = time.perf_counter()
    market = KINDS[kind](n_train + n_test, seed)
    bars, trades = as_book(market)
    every = prepare(bars, trades, settings)
    earlier = np.arange(n_train + n_test) < n_train
    trained = train_model(every.take(earlier), settings)
    fresh = every.take(~earlier)
    if trained.policy is None:
        raise ValueError(f"{n_train} trades are too few for a policy.")
    policy = trained.policy
    predictions = predict_rows(fresh, trained.model)
    net_r = net_r_of(fresh, predictions, np.arange(n_test), [policy.trail, policy.by_model])
    trail, model = (float(np.nanmean(net_r[name])) * STOP for name in (TRAILING_STOP, MODEL_OR_TRAIL))
    oracle = float(market.oracle[n_train:].mean())
    silent = "+".join(f"{sum(flags)}/{len(flags)}" for flags in trained.model.silent.values())
    own = sorted({m.symbol for s in trained.model.stages[-1:] for m in (*s.race_own, *s.hold_own)})
    rule = policy.by_model.rungs[0].when[0] if policy.by_model.rungs else "silent"
    share = (model - trail) / (oracle - trail)
    read = (market.oracle if market.reader is None else market.reader)[n_train:]
    has_law = np.ones(n_test, dtype=bool) if market.has_law is None else market.has_law[n_train:]
    limit = (float(np.nanmean(np.where(has_law, read, net_r[TRAILING_STOP] * STOP))) - trail) / (oracle - trail)
    return (
        share,
        limit,
        (
            f"{kind:<13}{n_train:>6}{seed:>5}{oracle:8.2f}{trail:7.2f}{model:7.2f}{share:7.2f}{limit:7.2f}"
            f"  {trained.value.finding:<8}{trained.model.metrics['auc']:6.3f}"
            f"{1e3 * trained.model.metrics['log_loss_gain']:8.2f}  {silent:<9}{time.perf_counter() - began:6.0f}  "
            f"{rule}, trail {policy.by_model.stop.trail}; own {','.join(own)}"
        ),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each draw, then the mean share of each kind with its standard error over draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; default: all")
    add_options(parser, train=500, test=2_000, seeds=5)
    args = parser.parse_args(arguments)
    if unknown := sorted(set(args.kinds) - set(KINDS)):
        parser.error(f"unknown kind {unknown[0]}; known are {', '.join(KINDS)}")
    settings = settings_of(args.set, threads=args.threads)
    print(
        "kind          train draw  oracle  trail  model  share  limit  finding    AUC  gain/1000  silent  seconds  rule"
    )
    summaries = []
    for kind in args.kinds or KINDS:
        draws = []
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            *found, line = measure(kind, args.train, args.test, seed, settings)
            draws.append(found)
            print(line, flush=True)
        share, limit = np.mean(draws, axis=0)
        error = np.std(draws, axis=0, ddof=1)[0] / np.sqrt(len(draws)) if len(draws) > 1 else float("nan")
        summaries.append(
            f"{kind:<13}{args.train:>6} trades, {len(draws)} draws: share {share:.2f} ± {error:.2f}, limit {limit:.2f}"
        )
    print()
    print("\n".join(summaries))


if __name__ == "__main__":
    main()
