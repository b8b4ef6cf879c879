"""A drift that ends unseen: what the best exit of each kind earns is known, and with it their ranking.

The drift is .1 a bar until an exponential time of mean 100, then -.1, in a noise of 1 a bar. A perfect eye earns 10;
the posterior filter 4.17, the best trail 3.85, the best fixed time 3.07, the best target with a stop 2.14.

The trail's figures are those of a trail that sees closes alone. That is Siegmund's shift twice, once for the best price
and once for the stop, so the same as a trail 1.165 wider that sees all of the path; both are tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from exitladder.execution import Simulation, simulate
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping
from exitladder.trades.trades import PlacedTrades

UP, DOWN, HAZARD = 0.1, -0.1, 0.01
THRESHOLD = 0.6752
N_PATHS, LENGTH, N_ROUNDS = 3_000, 600, 5


@dataclass(frozen=True)
class Market:
    """Trades on bars and on their closes alone, what filter and perfect eye see at each close, the noise from 0 on."""

    placed: PlacedTrades
    closes: PlacedTrades
    signals: Signals
    noise: np.ndarray


def without_noise(simulation: Simulation, noise: np.ndarray) -> np.ndarray:
    """What each trade earns in price, less the noise up to the close of its last bar.

    That close is a stopping time, so the noise up to it has mean 0: the mean is the same and its error smaller.
    """
    last = np.where(simulation.exit_bar >= 0, simulation.exit_bar, simulation.placed.end_bar - 1)
    return np.asarray(simulation.r * simulation.risk - noise.ravel()[last])


def posterior(steps: np.ndarray) -> np.ndarray:
    """Chance at each close that the drift has turned."""
    pi = np.zeros(len(steps))
    out = np.empty_like(steps)
    for t in range(steps.shape[1]):
        pi = pi + (1 - pi) * -np.expm1(-HAZARD)
        odds = pi * np.exp((DOWN - UP) * steps[:, t] - (DOWN**2 - UP**2) / 2)
        pi = odds / (odds + 1 - pi)
        out[:, t] = pi
    return out


def draw(paths: ModuleType, seed: int) -> Market:
    rng = np.random.default_rng(seed)
    end = rng.exponential(1 / HAZARD, (N_PATHS, 1))
    bar = np.arange(LENGTH)
    noise = rng.normal(0.0, 1.0, (N_PATHS, LENGTH))
    steps = noise + DOWN + (UP - DOWN) * np.clip(end - bar, 0.0, 1.0)
    points = np.concatenate([np.zeros((N_PATHS, 1)), np.cumsum(steps, axis=1)], axis=1)
    placed = paths.place(paths.bridge_bars(points, 1.0, rng))
    series = {"turned": posterior(steps).ravel(), "truth": (bar + 1 >= end).astype(np.float64).ravel()}
    start = np.zeros((N_PATHS, 1))
    sums = np.concatenate([start, np.cumsum(noise, axis=1)], axis=1)
    return Market(placed, paths.place(paths.point_bars(points)), Signals.from_bars(placed, series, series), sums)


TRAIL = {"stop": {"trail": "1R"}}
SHIFT = 2 * 0.5826
TRAILS = {2: 1.03, 4: 2.45, 6: 3.59, 8: 3.85, 10: 3.31, 12: 2.25, 15: -0.01}
BRACKETS = {(10, 5): 2.140, (12, 3): 1.876, (8, 8): 1.946, (10, 8): 1.8787}


@pytest.fixture(scope="module")
def earned(paths: ModuleType) -> dict[str, np.ndarray]:
    """What each exit earns on the same paths."""
    out: dict[str, list[np.ndarray]] = {}
    for seed in range(N_ROUNDS):
        market = draw(paths, seed)
        plans: list[tuple[str, float, dict[str, Any]]] = [
            ("clairvoyant", paths.FAR, {"rungs": [{"fraction": 1.0, "when": ["truth >= 1"]}]}),
            ("filter", paths.FAR, {"rungs": [{"fraction": 1.0, "when": [f"turned >= {THRESHOLD}"]}]}),
            ("time 69", paths.FAR, {"stop": {"time": 69}}),
            *((f"trail {d}", d, TRAIL) for d in TRAILS),
            *((f"bracket {a} {b}", b, {"rungs": [{"fraction": 1.0, "target": f"{a / b!r}R"}]}) for a, b in BRACKETS),
        ]
        for name, risk, table in plans:
            placed = paths.with_risk(market.placed, risk)
            simulation = simulate(placed, ladder_from_mapping(table), market.signals)
            out.setdefault(name, []).append(without_noise(simulation, market.noise[:, 1:]))
        for d in TRAILS:
            simulation = simulate(paths.with_risk(market.closes, d), ladder_from_mapping(TRAIL))
            out.setdefault(f"trail {d} on closes", []).append(without_noise(simulation, market.noise))
    return {name: np.concatenate(parts) for name, parts in out.items()}


def worth(paths: ModuleType, below: float, width: float, reflect: bool) -> float:
    """Exact worth of leaving at the ends of an interval, from `below` up its lower end; a trail reflects there.

    After the turn the worth is DOWN times the time left; before it, UP a bar and that worth at the turn. A trail's
    interval is the fall from the best price, so the price's drift counts there with its sign turned.
    """
    n = 361  # every level of the tables lies on the grid
    sign = -1.0 if reflect else 1.0
    later = paths.solve_ode(sign * DOWN, 0.0, np.full(n, DOWN), width, reflect)
    now = paths.solve_ode(sign * UP, HAZARD, UP + HAZARD * later, width, reflect)
    return float(now[round(below / width * (n - 1))])


def best_filter() -> tuple[float, float]:
    """Threshold and worth of the best rule on the posterior: w = V' is 0 at the threshold, V = -integral of w."""
    squared = (UP - DOWN) ** 2
    # In logits the integrand is smooth where it counts; below .02 it has vanished.
    z = np.linspace(np.log(0.01 / 0.99), np.log(0.9 / 0.1), 6_001)
    y = 1 / (1 + np.exp(-z))
    slope = y * (1 - y)  # dy = slope dz
    h = 2 * HAZARD / squared * (z - 1 / y)
    integrand = 2 * (UP * (1 - y) + DOWN * y) / (squared * slope**2) * slope
    dz = z[1] - z[0]
    inner = np.full_like(z, UP / HAZARD)  # what waiting earns where the drift is sure; the start is soon forgotten
    for k in range(1, len(z)):
        fade = np.exp(h[k - 1] - h[k])
        inner[k] = inner[k - 1] * fade + dz / 2 * (integrand[k - 1] * fade + integrand[k])
    w = -inner
    end = int(np.flatnonzero((w[:-1] < 0) & (w[1:] >= 0))[0])
    return float(y[end]), -float(y[0] * w[0] + np.trapezoid((w * slope)[: end + 1], dx=dz))


def test_the_table_of_answers_is_computed_again(paths: ModuleType) -> None:
    for d, value in TRAILS.items():  # simulated figures, and the shift is the first term of an expansion
        assert worth(paths, 0.0, d + SHIFT, reflect=True) == pytest.approx(value, abs=0.12), d
    for (a, b), value in BRACKETS.items():
        assert worth(paths, b, a + b, reflect=False) == pytest.approx(value, abs=0.006), (a, b)
    threshold, value = best_filter()
    assert threshold == pytest.approx(THRESHOLD, abs=0.002)
    assert value == pytest.approx(4.1704, abs=0.01)


def fixed_time(bars: float) -> float:
    return float((UP - DOWN) * -np.expm1(-HAZARD * bars) / HAZARD + DOWN * bars)


def test_a_perfect_eye_earns_ten(paths: ModuleType, earned: dict[str, np.ndarray]) -> None:
    """Half a bar of the wrong drift passes before the close at which the eye sees the turn."""
    mean = paths.mean_of(earned["clairvoyant"])
    assert mean.is_near(UP / HAZARD, slack=0.06), mean


def test_a_fixed_time_earns_what_it_must(paths: ModuleType, earned: dict[str, np.ndarray]) -> None:
    assert fixed_time(np.log(2) / HAZARD) == pytest.approx(3.0685, abs=1e-4)
    mean = paths.mean_of(earned["time 69"])
    assert mean.is_near(fixed_time(69)), mean


def test_the_filter_earns_what_it_must(paths: ModuleType, earned: dict[str, np.ndarray]) -> None:
    """It looks once a bar and not all the time, which costs a little."""
    mean = paths.mean_of(earned["filter"])
    assert mean.is_near(4.1704, slack=0.05), mean


@pytest.mark.parametrize("distance", list(TRAILS))
def test_a_trail_that_sees_closes_earns_the_table(
    paths: ModuleType, earned: dict[str, np.ndarray], distance: int
) -> None:
    """The table's own figures are simulated; .06 is left for their error."""
    mean = paths.mean_of(earned[f"trail {distance} on closes"])
    assert mean.is_near(TRAILS[distance], slack=0.06), mean
    assert mean.is_near(worth(paths, 0.0, distance + SHIFT, reflect=True), slack=0.06), mean


@pytest.mark.parametrize("distance", [d for d in TRAILS if d >= 4])
def test_a_trail_that_sees_the_path_earns_what_it_must(
    paths: ModuleType, earned: dict[str, np.ndarray], distance: int
) -> None:
    """On bars with highs and lows; the line knows completed bars only, which a trail of many deviations forgives."""
    mean = paths.mean_of(earned[f"trail {distance}"])
    assert mean.is_near(worth(paths, 0.0, distance, reflect=True), slack=0.04), mean


@pytest.mark.parametrize("levels", list(BRACKETS))
def test_a_target_with_a_stop_earns_what_it_must(
    paths: ModuleType, earned: dict[str, np.ndarray], levels: tuple[int, int]
) -> None:
    mean = paths.mean_of(earned[f"bracket {levels[0]} {levels[1]}"])
    assert mean.is_near(BRACKETS[levels], slack=0.01), mean


@pytest.mark.parametrize("best_trail", ["trail 8", "trail 8 on closes"])
def test_the_ranking(paths: ModuleType, earned: dict[str, np.ndarray], best_trail: str) -> None:
    """Clairvoyant > filter > trail > fixed time > target and stop, each on the same paths and beyond chance."""
    order = ["clairvoyant", "filter", best_trail, "time 69", "bracket 10 5"]
    for better, worse in pairwise(order):
        gain = paths.mean_of(earned[better] - earned[worse])
        assert gain.value > 3 * gain.error, (better, worse, gain)
    best = max(TRAILS, key=lambda d: float(earned[f"trail {d} on closes"].mean()))
    assert best == 8
