"""When stopping out pays (Kaminski and Lo): never where returns are independent, and where they trend, from a point on.

The policy leaves after a bar that lost and comes back after one that did not; outside it earns the safe rate. Each
stay in the market is a trade, and the exit is the engine's: a signal rung that reads the bar's return.
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest

from exitladder.execution import simulate
from exitladder.execution.signals import Signals
from exitladder.plans.file import ladder_from_mapping

MEAN, DEVIATION, SAFE = 0.01, 0.04, 0.003
N_BARS = 150_000
LEAVE = ladder_from_mapping({"rungs": [{"fraction": 1.0, "when": ["change < 0"]}]})


def chance_out() -> float:
    """Chance that a bar loses: Phi(-mean / deviation)."""
    return 0.5 * math.erfc(MEAN / DEVIATION / math.sqrt(2))


def premium(rho: float) -> float:
    """What stopping adds a bar: p_out (safe - E[return | out]), exact for an AR(1) of normal returns."""
    z = MEAN / DEVIATION
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return chance_out() * (SAFE - MEAN) + rho * DEVIATION * density


def returns(rho: float, seed: int) -> np.ndarray:
    """An AR(1) of normal returns, as it runs in the long run."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, DEVIATION * math.sqrt(1 - rho**2), N_BARS).tolist()
    last = float(rng.normal(0.0, DEVIATION))
    out = [last := rho * last + shock for shock in noise]
    return MEAN + np.array(out)


def stopped(paths: ModuleType, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the engine was in the market, bar by bar, and what each stay earned."""
    points = np.concatenate([[0.0], np.cumsum(change)])[None, :]
    columns = paths.step_bars(points)
    won = change >= 0
    # A stay begins at the open after a bar that did not lose, if the policy was out in that bar.
    was_out = np.concatenate([[True], ~won[:-1]])
    entry = np.flatnonzero(won & was_out)[:-1] + 1
    entry = entry[entry < len(change)]
    placed = paths.place_at(columns, entry, len(change))
    simulation = simulate(placed, LEAVE, Signals.from_bars(placed, {"change": change}, {"change": change}))
    end = np.where(simulation.exit_bar >= 0, simulation.exit_bar, len(change))
    steps = np.zeros(len(change) + 1)
    np.add.at(steps, entry, 1.0)
    np.add.at(steps, end, -1.0)
    inside = np.cumsum(steps)[:-1]
    assert set(np.unique(inside)) == {0.0, 1.0}
    return inside.astype(bool), simulation.pnl


def measured(paths: ModuleType, rho: float, seed: int) -> tuple[float, float, float]:
    """Premium a bar of the engine's stays, its standard error, and the share of bars spent outside."""
    change = returns(rho, seed)
    inside, pnl = stopped(paths, change)
    out = ~inside
    total = (pnl.sum() + SAFE * out.sum() - change.sum()) / N_BARS
    # The identity: what stopping adds is what the bars outside did not earn, and nothing else.
    assert total == pytest.approx(out.mean() * (SAFE - change[out].mean()), abs=1e-9)
    blocks = np.where(out, SAFE - change, 0.0).reshape(-1, 50).mean(axis=1)  # bars hang together, blocks hardly
    return float(total), float(blocks.std(ddof=1) / math.sqrt(len(blocks))), float(out.mean())


@pytest.mark.parametrize(
    ("rho", "known"),
    [(0.0, -0.002808), (0.1, -0.001252), (0.175, -0.000109), (0.25, 0.001059), (0.4, 0.003373), (-0.2, -0.005922)],
)
def test_what_a_stop_adds(paths: ModuleType, rho: float, known: float) -> None:
    total, error, share = measured(paths, rho, seed=round(1000 * abs(rho)))
    assert share == pytest.approx(0.4012, abs=0.008)
    assert abs(total - premium(rho)) < 4 * error, (total, premium(rho), error)
    assert abs(total - known) < 6 * error, (total, known, error)  # the figure was simulated as well
    if abs(premium(rho)) > 5 * error:
        assert math.copysign(1, total) == math.copysign(1, known)


def test_it_adds_nothing_at_one_correlation(paths: ModuleType) -> None:
    """The premium is linear in the correlation; it is 0 at .1816."""
    zero = premium(0.0) / (premium(0.0) - premium(1.0))
    assert zero == pytest.approx(0.1816, abs=5e-5)
    total, error, _ = measured(paths, zero, seed=9)
    assert abs(total) < 4 * error, (total, error)
    below, above = (measured(paths, zero + gap, seed=10)[0] for gap in (-0.1, 0.1))
    assert below < 0 < above


def test_independent_returns_pay_for_no_stop(paths: ModuleType) -> None:
    """Whatever is left early has the mean of the rest: the cost is the risk premium for the bars outside."""
    assert premium(0.0) == pytest.approx(-0.002809, abs=1e-6)
    totals = [measured(paths, 0.0, seed) for seed in (1, 2)]
    for total, error, share in totals:
        assert total < 0
        assert abs(total + share * (MEAN - SAFE)) < 4 * error


def six_bars(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of the last six bars at most since each stay began, and the bars at whose open stays begin."""
    window, entries = np.zeros(len(change)), [0]
    inside, total = True, np.concatenate([[0.0], np.cumsum(change)]).tolist()
    for t in range(len(change) - 1):
        if inside:
            window[t] = total[t + 1] - total[max(entries[-1], t - 5)]
            inside = window[t] >= -0.06
        elif change[t] >= 0:
            inside = True
            entries.append(t + 1)
    return window, np.array(entries)


@pytest.mark.parametrize(("rho", "known"), [(0.0, -0.000469), (0.25, 0.000441)])
def test_a_stop_on_six_bars(paths: ModuleType, rho: float, known: float) -> None:
    """Out after six bars that lost .06 together, back after a bar that did not lose; figures were simulated too."""
    change = returns(rho, seed=21)
    window, entry = six_bars(change)
    columns = paths.step_bars(np.concatenate([[0.0], np.cumsum(change)])[None, :])
    placed = paths.place_at(columns, entry, N_BARS)
    leave = ladder_from_mapping({"rungs": [{"fraction": 1.0, "when": ["window < -0.06"]}]})
    simulation = simulate(placed, leave, Signals.from_bars(placed, {"window": window}, {"window": window}))
    left = np.where(simulation.exit_bar >= 0, simulation.exit_bar, N_BARS)
    assert (left[:-1] < entry[1:]).all()
    inside = int((left - entry).sum())
    total = (simulation.pnl.sum() + SAFE * (N_BARS - inside) - change.sum()) / N_BARS
    assert total == pytest.approx(known, abs=1.5e-4)
    if rho == 0:
        assert total == pytest.approx(-(1 - inside / N_BARS) * (MEAN - SAFE), abs=1.5e-4)
