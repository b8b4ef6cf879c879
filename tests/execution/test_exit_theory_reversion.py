"""Prices that come back to a mean: the published trading rule's Sharpe ratios, and how long a cycle takes."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from exitladder.execution import simulate, simulate_many
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder
from exitladder.trades.trades import PlacedTrades

N_PATHS = 16_000
N_TABLE = 40_000  # paths behind the published figures
MOST_BARS = 101  # the rule leaves when more than 100 bars have passed


def rule_paths(mean: float, half_life: float, seed: int) -> np.ndarray:
    """p' = (1 - phi) mean + phi p + N(0, 1) from 0, with phi = 2 ** (-1 / half-life)."""
    phi = 2.0 ** (-1.0 / half_life)
    shocks = np.random.default_rng(seed).standard_normal((MOST_BARS, N_PATHS))
    points = np.zeros((MOST_BARS + 1, N_PATHS))
    for t in range(MOST_BARS):
        points[t + 1] = (1 - phi) * mean + phi * points[t] + shocks[t]
    return points.T


def rule(take: float, stop: float) -> Ladder:
    """Profit taken at `take`, by a limit; the trades' own stop at `stop`; out after the last bar."""
    return ladder_from_mapping(
        {"rungs": [{"fraction": 1.0, "target": f"{take / stop!r}R"}], "stop": {"time": MOST_BARS}}
    )


def sharpes(paths: ModuleType, placed: PlacedTrades, takes: list[float], stop: float) -> np.ndarray:
    r = simulate_many(paths.with_risk(placed, stop), [rule(take, stop) for take in takes])
    return np.asarray(r.mean(axis=0) / r.std(axis=0))


def sharpe_error(x: np.ndarray, n: int) -> float:
    """Standard error of mean / deviation over n values drawn like these, whatever their law (delta method)."""
    z = (x - x.mean()) / x.std()
    sharpe = x.mean() / x.std()
    return math.sqrt((1 - sharpe * float((z**3).mean()) + sharpe**2 * (float((z**4).mean()) - 1) / 4) / n)


CELLS = [
    (0, 5, 3.881, 1.5, 10),
    (0, 10, 2.139, 1.5, 10),
    (0, 25, 0.504, 2, 10),
    (0, 100, 0.099, 2.5, 10),
    (5, 5, 12.999, 6, 5.5),
    (5, 10, 9.807, 5, 8.5),
    (5, 25, 2.717, 3.5, 10),
    (5, 50, 0.812, 4, 10),
    (10, 5, 21.044, 10, 3.5),
    (10, 10, 18.223, 9.5, 6),
    (10, 25, 8.415, 5.5, 10),
    (-5, 5, -0.855, 0.5, 0.5),
    (-5, 25, -0.177, 0.5, 0.5),
]


@pytest.mark.parametrize(("mean", "half_life", "known", "take", "stop"), CELLS)
def test_the_published_rule_has_its_sharpe(
    paths: ModuleType, mean: float, half_life: float, known: float, take: float, stop: float
) -> None:
    """Watched at closes, filled there; the engine's ratio at the published best levels is the published one."""
    placed = paths.place(paths.point_bars(rule_paths(mean, half_life, seed=1)), risk=stop)
    simulation = simulate(placed, rule(take, stop))
    assert (simulation.status == 0).all()
    assert simulation.bars_held.max() <= MOST_BARS
    sharpe = simulation.r.mean() / simulation.r.std()
    error = math.hypot(sharpe_error(simulation.r, N_PATHS), sharpe_error(simulation.r, N_TABLE))
    # The published levels are the best of 400 on the same paths, which flatters them by a little.
    assert abs(sharpe - known) < 4 * error, (sharpe, known, error)


GRID = [0.5, 1.5, 2.5, 4.0, 6.0, 8.0, 10.0]


def surface(paths: ModuleType, mean: float, half_life: float) -> np.ndarray:
    """Sharpe ratio over stop (rows) and take (columns)."""
    placed = paths.place(paths.point_bars(rule_paths(mean, half_life, seed=2)))
    return np.array([sharpes(paths, placed, GRID, stop) for stop in GRID])


@pytest.mark.parametrize(("half_life", "most"), [(5, 2.5), (10, 2.5), (25, 4.0)])
def test_reversion_wants_a_small_profit_and_a_wide_stop(paths: ModuleType, half_life: float, most: float) -> None:
    ratio = surface(paths, 0.0, half_life)
    stop, take = np.unravel_index(np.argmax(ratio), ratio.shape)
    assert GRID[int(take)] <= most
    assert GRID[int(stop)] >= 6.0
    # The other way round, a tight stop and a far target, is the worst corner of all.
    assert ratio[0, -1] < 0.3 * ratio.max()
    assert ratio.max() > 20 / math.sqrt(N_PATHS)


def test_a_mean_further_up_wants_a_larger_profit(paths: ModuleType) -> None:
    best = []
    for mean in (0.0, 5.0, 10.0):
        ratio = surface(paths, mean, 10)
        best.append(GRID[int(np.argmax(ratio.max(axis=0)))])
    assert best[0] < best[1] < best[2]


def test_a_walk_has_no_best_rule(paths: ModuleType) -> None:
    """No pair of levels differs from 0 by more than the best of 49 does by chance."""
    ratio = surface(paths, 0.0, 1e9)
    assert np.abs(ratio).max() < 4 / math.sqrt(N_PATHS)


def erfi_series(x: float) -> float:
    """2 / sqrt(pi) times the integral of exp(t * t) from 0 to x."""
    return 2 / math.sqrt(math.pi) * sum(x ** (2 * k + 1) / (math.factorial(k) * (2 * k + 1)) for k in range(40))


def test_a_cycle_takes_as_long_as_bertram_says(paths: ModuleType) -> None:
    """Long from -m to m, then short from m to -m: E[cycle] = .017122, V = .00015442, .492358 a unit of time.

    The long trades are the profit of a cycle, the short ones its wait. Time is in bars of .02 / alpha.
    """
    alpha, eta, cost, level = 180.9670, 0.1538, 0.001, 0.00471518
    n, length, dt = 2_000, 700, 0.02
    x = level * math.sqrt(alpha) / eta  # the level where alpha and eta are 1
    cycle = math.pi / alpha * 2 * erfi_series(x)
    assert cycle == pytest.approx(0.017122, abs=1e-6)
    rng = np.random.default_rng(3)
    decay, sigma = math.exp(-dt), math.sqrt(-math.expm1(-2 * dt) / 2)
    taken, earned = [], []
    for side in (1, -1):
        points = np.empty((length + 1, n))
        points[0] = -side * x
        for t in range(length):
            points[t + 1] = decay * points[t] + rng.normal(0.0, sigma, n)
        columns = paths.bridge_bars(points.T, math.sqrt(dt), rng)
        placed = paths.place(columns, risk=8.0, side=side)
        target = {"rungs": [{"fraction": 1.0, "target": f"{2 * x / 8!r}R"}]}
        per_fill = cost / 2 * math.sqrt(alpha) / eta
        simulation = simulate(placed, ladder_from_mapping({**target, "costs": {"commission_per_unit": per_fill}}))
        assert (simulation.reason == "rung").mean() > 0.998
        taken.append((simulation.bars_held + 0.5) * dt / alpha)
        earned.append(simulation.pnl * eta / math.sqrt(alpha))
    time = paths.mean_of(taken[0] + taken[1])
    assert time.is_near(cycle, slack=0.01 * cycle), time
    assert (taken[0].var() + taken[1].var()) == pytest.approx(0.00015442, rel=0.12)
    gain = earned[0].mean()
    assert gain == pytest.approx(2 * level - cost, rel=0.02)
    assert abs(gain / time.value - 0.492358) < (4 * time.error / time.value + 0.02) * 0.492358


class LeungLi:
    """When to sell what reverts, at a discount: Leung and Li (2015), in integrals of their own.

    dX = mu (theta - X) dt + sigma dB, discounted at rate r, and selling costs c. F rises and G falls; both solve the
    equation of a price whose discounted value is a martingale.
    """

    def __init__(self, theta: float, mu: float, variance: float, rate: float, cost: float) -> None:
        self.theta, self.mu, self.rate, self.cost = theta, mu, rate, cost
        self.scale = math.sqrt(2 * mu / variance)  # per standard deviation in the long run

    def _integral(self, z: float, power: float) -> float:
        """The integral of u ** power * exp(z u - u u / 2), the pole at 0 taken out by u = v ** (1 / (power + 1))."""
        p = 1 / (power + 1)
        near = quad(lambda v: p * math.exp(z * v**p - v ** (2 * p) / 2), 0, 1)[0]
        return float(near + quad(lambda u: u**power * math.exp(z * u - u * u / 2), 1, 40)[0])

    def rising(self, x: float, order: int = 0) -> float:
        """F, or its derivative."""
        return self.scale**order * self._integral(self.scale * (x - self.theta), self.rate / self.mu - 1 + order)

    def falling(self, x: float, order: int = 0) -> float:
        """G, or its derivative."""
        power = self.rate / self.mu - 1 + order
        return (-self.scale) ** order * self._integral(self.scale * (self.theta - x), power)

    def worth(self, x: float, take: float, stop: float | None = None) -> float:
        """Discounted proceeds from x, sold at `take` or at `stop`."""
        if stop is None:
            return (take - self.cost) * self.rising(x) / self.rising(take)
        return float(np.dot(self._shares(take, stop), [self.rising(x), self.falling(x)]))

    def _shares(self, take: float, stop: float) -> np.ndarray:
        ends = [[self.rising(take), self.falling(take)], [self.rising(stop), self.falling(stop)]]
        return np.linalg.solve(np.array(ends), [take - self.cost, stop - self.cost])

    def best_take(self, stop: float | None = None) -> float:
        """Where the worth of holding leaves the proceeds with their slope, 1."""
        if stop is None:
            return float(
                brentq(lambda b: self.rising(b) - (b - self.cost) * self.rising(b, 1), self.theta, 1.3 * self.theta)
            )

        def slope(b: float) -> float:
            return float(np.dot(self._shares(b, stop), [self.rising(b, 1), self.falling(b, 1)])) - 1

        return float(brentq(slope, stop + 0.02, 1.3 * self.theta))

    def best_entry(self) -> float:
        """Below it, buying at a cost c to sell at the best level is worth more than waiting."""
        b = self.best_take()
        slope = (b - self.cost) / self.rising(b)

        def gap(x: float) -> float:
            worth, rise = slope * self.rising(x), slope * self.rising(x, 1)
            return self.falling(x) * (rise - 1) - self.falling(x, 1) * (worth - x - self.cost)

        return float(brentq(gap, 0.5 * self.theta, self.theta))


LEUNG_LI = LeungLi(theta=0.71758, mu=6.306, variance=0.00698, rate=0.05, cost=0.02)


def test_leung_and_li_sell_where_they_say() -> None:
    assert LEUNG_LI.best_take() == pytest.approx(0.7444, abs=5e-5)
    assert LEUNG_LI.best_entry() == pytest.approx(0.6510, abs=1e-4)
    # A higher stop asks for a lower target.
    for stop, take in [(0.5, 0.7444), (0.6, 0.7444), (0.65, 0.7410), (0.68, 0.7280)]:
        assert LEUNG_LI.best_take(stop) == pytest.approx(take, abs=5e-5), stop


@pytest.mark.parametrize(
    ("take", "stop"), [(0.72, None), (0.735, None), (0.7444, None), (0.7410, 0.65), (0.7280, 0.68), (0.7444, 0.68)]
)
def test_the_engine_earns_what_leung_and_li_say(paths: ModuleType, take: float, stop: float | None) -> None:
    """A limit at the target and a stop at the loss, on bars of .05 / mu, from a price below the mean."""
    n, length, dt, begin = 3_000, 600, 0.05, 0.69
    rng = np.random.default_rng(5)
    decay, sigma = math.exp(-dt), math.sqrt(-math.expm1(-2 * dt))
    points = np.empty((length + 1, n))
    points[0] = LEUNG_LI.scale * (begin - LEUNG_LI.theta)
    for t in range(length):
        points[t + 1] = decay * points[t] + rng.normal(0.0, sigma, n)
    points -= points[0]
    risk = LEUNG_LI.scale * (begin - stop) if stop else paths.FAR
    placed = paths.place(paths.bridge_bars(points.T, math.sqrt(2 * dt), rng), risk=risk)
    target = f"{LEUNG_LI.scale * (take - begin) / risk!r}R"
    simulation = simulate(placed, ladder_from_mapping({"rungs": [{"fraction": 1.0, "target": target}]}))
    assert np.isin(simulation.reason, ["rung", "stop"]).mean() > 0.99
    held = (simulation.bars_held + 0.5) * dt / LEUNG_LI.mu
    price = begin + simulation.pnl / LEUNG_LI.scale - LEUNG_LI.cost
    earned = paths.mean_of(np.exp(-LEUNG_LI.rate * held) * price)
    assert earned.is_near(LEUNG_LI.worth(begin, take, stop), slack=0.0005), earned
