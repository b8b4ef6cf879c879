"""Exits of random walks, where the answers are known exactly: brackets, trails, ladders, fees and what closes hide."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from exitladder.execution import simulate, simulate_many
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder


def walk(n: int, length: int, up: float, seed: int) -> np.ndarray:
    """Walks of steps +1 (with chance `up`) and -1, from 0."""
    steps = np.where(np.random.default_rng(seed).random((n, length)) < up, 1.0, -1.0)
    return np.concatenate([np.zeros((n, 1)), np.cumsum(steps, axis=1)], axis=1)


def gaussian(n: int, length: int, drift: float, sigma: float, seed: int) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(drift, sigma, (n, length))
    return np.concatenate([np.zeros((n, 1)), np.cumsum(steps, axis=1)], axis=1)


def chance_of_walk(a: float, b: float, up: float) -> float:
    """P(+a before -b) of the walk."""
    ratio = (1 - up) / up
    return b / (a + b) if up == 0.5 else (1 - ratio**b) / (1 - ratio ** (a + b))


def steps_of_walk(a: float, b: float, up: float) -> float:
    """Expected steps until +a or -b."""
    down = 1 - up
    return a * b if up == 0.5 else b / (down - up) - (a + b) / (down - up) * chance_of_walk(a, b, up)


def chance_of_diffusion(a: float, b: float, drift: float) -> float:
    """P(+a before -b) of a Brownian motion of variance 1 per unit of time."""
    if drift == 0:
        return b / (a + b)
    return math.expm1(2 * drift * b) / (math.exp(2 * drift * b) - math.exp(-2 * drift * a))


def bracket(target: float) -> dict[str, Any]:
    return {"rungs": [{"fraction": 1.0, "target": f"{target!r}R"}]}


@pytest.mark.parametrize(
    ("a", "b", "up", "chance", "steps"),
    [(3, 2, 0.5, 0.4, 6.0), (6, 2, 0.5, 0.25, 12.0), (3, 2, 0.55, 0.52195, 6.0975), (5, 5, 0.48, 0.40126, 24.6847)],
)
def test_a_bracket_on_a_walk_is_exact(
    paths: ModuleType, a: int, b: int, up: float, chance: float, steps: float
) -> None:
    """Chance and duration of a target `a` and a stop `b`; steps of 1 meet both levels exactly."""
    assert chance_of_walk(a, b, up) == pytest.approx(chance, abs=6e-6)
    assert steps_of_walk(a, b, up) == pytest.approx(steps, abs=6e-5)
    placed = paths.place(paths.step_bars(walk(10_000, 240, up, seed=a)), risk=b)
    simulation = simulate(placed, ladder_from_mapping(bracket(a / b)))
    assert (simulation.status == 0).mean() > 0.9995
    np.testing.assert_array_equal(np.unique(simulation.r[simulation.status == 0] * b), [-b, a])
    won = paths.mean_of(simulation.reason == "rung")
    taken = paths.mean_of(simulation.bars_held + 1)  # the bar of the fill is not counted as held
    assert won.is_near(chance), won
    assert taken.is_near(steps), taken


@pytest.mark.parametrize("policy", ["stop_first", "ohlc", "nearer_extreme"])
@pytest.mark.parametrize(("trail", "up"), [(4, 0.5), (4, 0.55), (3, 0.52)])
def test_a_trail_on_a_walk_is_exact(paths: ModuleType, policy: str, trail: int, up: float) -> None:
    """From each new best, the next comes before a fall of d with the chance of a bracket: the MFE is geometric."""
    chance = chance_of_walk(1, trail, up)
    best = chance / (1 - chance)
    placed = paths.place(paths.step_bars(walk(6_000, 600, up, seed=trail)), risk=trail)
    table = {"stop": {"trail": "1R"}, "execution": {"intrabar": policy}}
    simulation = simulate(placed, ladder_from_mapping(table))
    assert (simulation.status == 0).all()
    np.testing.assert_allclose(simulation.give_back_r, 1.0, atol=1e-12)
    mfe = paths.mean_of(simulation.mfe_r * trail)
    assert mfe.is_near(best), (mfe, best)
    profit = paths.mean_of(simulation.r * trail)
    assert profit.is_near(best - trail), (profit, best - trail)
    if up != 0.5:
        taken = paths.mean_of(simulation.bars_held + 1)
        assert taken.is_near((best - trail) / (2 * up - 1)), taken


def test_a_trail_on_a_diffusion_follows_its_law(paths: ModuleType) -> None:
    """Drift .5, trail 1: MFE 1.71828, profit .71828, duration 1.43656, to what bars of sigma .1 leave open."""
    drift, step = 0.5, 0.1
    points = gaussian(4_000, 1_200, drift * step**2, step, seed=11)
    placed = paths.place(paths.bridge_bars(points, step, np.random.default_rng(12)), risk=1.0)
    simulation = simulate(placed, ladder_from_mapping({"stop": {"trail": "1R"}, "execution": {"intrabar": "ohlc"}}))
    best = math.expm1(2 * drift) / (2 * drift)
    assert best == pytest.approx(1.71828, abs=1e-5)
    slack = step / 2
    mfe = paths.mean_of(simulation.mfe_r)
    assert mfe.is_near(best, slack), mfe
    profit = paths.mean_of(simulation.r)
    assert profit.is_near(best - 1, slack), profit
    taken = paths.mean_of((simulation.bars_held + 0.5) * step**2)
    assert taken.is_near((best - 1) / drift, slack / drift), taken


def test_a_bracket_on_a_diffusion_with_drift(paths: ModuleType) -> None:
    """Target 2, stop 1, drift .1: chance .401760, duration 2.052787."""
    drift, dt = 0.1, 1 / 20
    points = gaussian(12_000, 320, drift * dt, math.sqrt(dt), seed=13)
    placed = paths.place(paths.bridge_bars(points, math.sqrt(dt), np.random.default_rng(14)), risk=1.0)
    simulation = simulate(placed, ladder_from_mapping(bracket(2.0)))
    assert simulation.ambiguous_bars.mean() < 1e-3
    assert chance_of_diffusion(2, 1, drift) == pytest.approx(0.401760, abs=1e-6)
    won = paths.mean_of(simulation.reason == "rung")
    assert won.is_near(0.401760, slack=0.001), won
    taken = paths.mean_of((simulation.bars_held + 0.5) * dt)
    assert taken.is_near(2.052787, slack=dt / 4), taken


@pytest.mark.parametrize(
    ("a", "b", "drift", "naive", "shifted", "measured"),
    [
        (4, 2, 0.0, 0.3333, 0.3604, 0.3591),
        (4, 2, 0.05, 0.4018, 0.4449, 0.4434),
        (3, 3, -0.05, 0.4256, 0.4114, 0.4098),
    ],
)
def test_barriers_seen_at_closes_lie_further_away(
    paths: ModuleType, a: int, b: int, drift: float, naive: float, shifted: float, measured: float
) -> None:
    """Siegmund: watching a diffusion at bars only is watching barriers .5826 sigma further out."""
    shift = 0.5826
    assert chance_of_diffusion(a, b, drift) == pytest.approx(naive, abs=6e-5)
    assert chance_of_diffusion(a + shift, b + shift, drift) == pytest.approx(shifted, abs=2e-4)
    placed = paths.place(paths.point_bars(gaussian(24_000, 110, drift, 1.0, seed=15)), risk=b)
    simulation = simulate(placed, ladder_from_mapping(bracket(a / b)))
    won = paths.mean_of(simulation.reason == "rung")
    assert won.is_near(shifted, slack=0.002), won  # the shift is itself the first term of an expansion
    assert won.is_near(measured, slack=0.001), won
    assert not won.is_near(naive), won
    # Fills are where the market is, beyond the levels, and by Wald the mean is the drift and nothing else.
    taken = simulation.bars_held * drift
    assert paths.mean_of(simulation.r * b - taken).is_near(0.0)
    beyond = np.where(simulation.r > 0, simulation.r * b - a, -simulation.r * b - b)[simulation.status == 0]
    assert paths.mean_of(beyond).is_near(shift, slack=0.02)


def test_gaps_give_no_ladder_an_edge(paths: ModuleType) -> None:
    """Where every fill is a gap, the stop's is the worse of level and open and the limit's the better: mean 0."""
    placed = paths.place(paths.point_bars(gaussian(20_000, 80, 0.0, 1.0, seed=16)), risk=2.0)
    tables: list[dict[str, Any]] = [
        bracket(0.5),
        bracket(1.0),
        {"stop": {"trail": "0.25R"}},
        {"stop": {"trail": "0.5R"}},
        {"rungs": [{"fraction": 0.5, "target": "-0.5R"}, {"fraction": 0.5, "target": "1R"}]},
        {"rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"breakeven_after": 1}},
        {"rungs": [{"fraction": 1.0, "when": ["give_back_r >= 0.5"]}]},
    ]
    for table, r in zip(tables, simulate_many(placed, [ladder_from_mapping(t) for t in tables]).T, strict=True):
        assert paths.mean_of(r).is_near(0.0, errors=3.5), (table, paths.mean_of(r))


RUNGS = {1: [(1.0, 4)], 2: [(0.5, 4), (0.5, 8)], 3: [(1 / 3, 4), (1 / 3, 8), (1 / 3, 12)]}


def ladder_of(count: int, **more: Any) -> Ladder:
    return ladder_from_mapping({"rungs": [{"fraction": f, "target": f"{a / 4}R"} for f, a in RUNGS[count]], **more})


def test_fees_on_a_martingale_cost_what_the_fills_say(paths: ModuleType) -> None:
    """Stop 4, rungs 4, 8, 12 in equal parts: 1, 1.5 and 1.8333 exits; each costs its fee and nothing pays for it."""
    placed = paths.place(paths.step_bars(walk(6_000, 600, 0.5, seed=17)), risk=4)
    fee, per_unit = 0.05, 0.02
    means = []
    for count, exits, known in ((1, 1.0, -0.0700), (2, 1.5, -0.0950), (3, 11 / 6, -0.1117)):
        assert -fee * exits - per_unit == pytest.approx(known, abs=6e-5)
        paid = simulate(placed, ladder_of(count, costs={"commission_fixed": fee, "commission_per_unit": per_unit}))
        free = simulate(placed, ladder_of(count))
        assert (paid.status == 0).mean() > 0.999
        assert paths.mean_of(paid.n_fills - 1).is_near(exits, slack=0.001)
        # The entry pays the fee as well, which the figures above do not count.
        cost = paths.mean_of((paid.r - free.r) * 4 + fee + per_unit)
        assert cost.is_near(known, slack=0.001), cost
        assert paths.mean_of(paid.r * 4 + fee + per_unit).is_near(known)
        means.append(cost.value)
    assert means[0] > means[1] > means[2]


def test_a_ladder_earns_the_mean_of_its_exits_at_less_risk(paths: ModuleType) -> None:
    """p = .52, stop 4: single exits .6349, 1.3259, 2.0702; three rungs their mean 1.3437, with sd 5.47, not 7.76."""
    placed = paths.place(paths.step_bars(walk(8_000, 500, 0.52, seed=18)), risk=4)
    ladders = [ladder_from_mapping(bracket(a / 4)) for a in (4, 8, 12)] + [ladder_of(3)]
    profits = simulate_many(placed, ladders) * 4
    known = [0.6349, 1.3259, 2.0702, 1.3437]
    for a, value in zip((4, 8, 12), known, strict=False):
        assert chance_of_walk(a, 4, 0.52) * (a + 4) - 4 == pytest.approx(value, abs=6e-5)
    for profit, value in zip(profits.T, known, strict=True):
        assert paths.mean_of(profit).is_near(value, slack=0.002), (paths.mean_of(profit), value)
    np.testing.assert_allclose(profits[:, 3], profits[:, :3].mean(axis=1), atol=1e-12)
    assert profits[:, 3].std() == pytest.approx(5.47, abs=0.12)
    assert profits[:, 2].std() == pytest.approx(7.76, abs=0.12)
