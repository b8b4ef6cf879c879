"""Growth, drawdown and ruin of sizes: known games, and the second implementation of the rules in the resamples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from exitladder.arrays import FloatTable
from exitladder.measures.sizing import simulate_sized
from exitladder.measures.sizing.fractions import fraction_curve
from exitladder.measures.sizing.growth import constant_size, sizing_summary
from exitladder.measures.sizing.replay import KELLY, MONEY, SHARE, STREAK_OF_SHARE, Lived, Rule, replay
from exitladder.measures.sizing.resamples import lived_of, resampling_of
from exitladder.measures.sizing.rules import ClosedTrades
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.size import Size
from exitladder.sample import load_sample_bars
from exitladder.statistics.intervals import Intervals
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import place_trades

DAY = 86_400 * 10**9
FEW = Intervals(n_bootstrap=300)


def lived(r: FloatTable, base: float, apart: int = DAY, lasts: int = DAY) -> Lived:
    """Trades entered at equal distances, the rows of a table one after another."""
    n = r.size
    entry = np.arange(n, dtype=np.int64) * apart
    return Lived(np.arange(n + 1), entry, entry + lasts, r.ravel(), np.full(n, base))


def ends(r: FloatTable, base: float, rule: Rule, ruin: float = 0.5) -> FloatTable:
    """The ends of the rows, each trade entered when the one before has closed."""
    return replay(np.arange(r.size, dtype=np.int64).reshape(r.shape), lived(r, base), rule, ruin)


def test_the_gambler_is_ruined_as_often_as_reflection_says() -> None:
    """Fair bets of 1/20 of the start: a loss of half within 100 bets has the probability of the reflected walk."""
    rng = np.random.default_rng(5)
    found = ends(rng.choice([-1.0, 1.0], size=(4_000, 100)), 1 / 20, Rule(MONEY))
    tail = [math.comb(100, k) / 2**100 for k in range(101)]  # k wins: the walk ends at 2k - 100
    exact = 2 * sum(p for k, p in enumerate(tail) if 2 * k - 100 < -10) + tail[45]
    assert found[:, 2].mean() == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4_000))


def test_a_path_by_hand() -> None:
    r = np.array([[1.0, 1.0, -1.0, 2.0]])
    assert ends(r, 0.1, Rule(MONEY))[0].tolist() == pytest.approx([1.3, 1.1 / 1.2 - 1, 0])
    assert ends(r, 0.1, Rule(SHARE))[0].tolist() == pytest.approx([1.1 * 1.1 * 0.9 * 1.2, -0.1, 0])
    streak = Rule(STREAK_OF_SHARE, factor=2.0, maximum_factor=4.0)
    assert ends(r, 0.1, streak)[0].tolist() == pytest.approx([1.1 * 1.2 * 0.6 * 1.2, -0.4, 0])
    assert ends(r, 0.5, streak, ruin=0.2)[0].tolist() == [0.0, -1.0, 1.0]  # 4 x 0.5 is lost at once


def test_overlapping_trades_do_not_see_each_other() -> None:
    """Of three trades entered a day apart, each open for two, the third alone knows the first one's win."""
    r = np.array([[1.0, 1.0, 1.0]])
    streak = Rule(STREAK_OF_SHARE, factor=2.0, maximum_factor=4.0)
    found = replay(np.arange(3)[None, :], lived(r, 0.1, DAY, 2 * DAY), streak, 0.5)
    assert found[0, 0] == pytest.approx(1 + 0.1 + 0.1 + 0.1 * 2 * 1.1)
    # another order is one block after another: all before are closed
    found = replay(np.array([[2, 0, 1]]), lived(r, 0.1, DAY, 2 * DAY), streak, 0.5)
    assert found[0, 0] == pytest.approx(1.1 + 2 * 0.2 * 1.1)


def test_blocks_hold_the_overlap() -> None:
    r = np.random.default_rng(1).normal(0, 1, 400)
    entry = np.arange(400, dtype=np.int64) * DAY
    alone, ten = (resampling_of(r, entry, entry + days * DAY, FEW) for days in (1, 11))
    assert alone is not None and ten is not None
    assert alone.block < 6 and ten.block == pytest.approx(20, rel=0.1)


def test_resamples_follow_the_same_kelly_rule_as_the_backtest() -> None:
    rng = np.random.default_rng(8)
    r = rng.normal(0.15, 1.2, size=(6, 80))
    size = Size(rule="kelly", fraction=0.02, kelly_cap=0.1, minimum_trades=10)
    rule = Rule(KELLY, kelly_fraction=0.5, kelly_cap=0.1, fraction=0.02, minimum_trades=10)
    for path, end in zip(r, ends(r, 0.02, rule)[:, 0], strict=True):
        so_far, equity = ClosedTrades(), 1.0
        for one in path:
            equity *= 1 + so_far.kelly(size) * one
            so_far.close(float(one))
        assert end == pytest.approx(equity, rel=1e-12)


def test_the_fraction_that_grows_fastest_is_kelly() -> None:
    """60% of even bets: 20% of equity, growing by ln(1.2^.6 x .8^.4) = 2.01% per trade."""
    r = np.tile([1.0, 1.0, 1.0, -1.0, -1.0], 80)[None, :]
    found = fraction_curve(lived(r, 1.0), FEW)
    assert found is not None
    assert found["optimal"]["value"] == pytest.approx(0.2, abs=0.02)
    assert found["optimal_growth"] == pytest.approx(0.6 * math.log(1.2) + 0.4 * math.log(0.8), abs=2e-4)
    assert found["largest"] == 0.99 and len(found["curve"]) == 13
    lost = fraction_curve(lived(np.tile([1.0, -1.0, -1.0], 80)[None, :], 1.0), FEW)
    assert lost is not None and lost["optimal"]["value"] == 0.0
    assert fraction_curve(lived(r[:, :10], 1.0), FEW) is None
    # ten alike at a time, all sized from the same equity: a tenth for each
    ten = lived(np.repeat(r, 10, axis=1), 1.0)
    groups = np.arange(4000, dtype=np.int64) // 10 * DAY
    together = fraction_curve(ten._replace(entry=groups, close=groups + DAY), FEW)
    assert together is not None and together["optimal"]["value"] == pytest.approx(0.02, abs=0.006)
    assert 10 * together["optimal_growth"] == pytest.approx(found["optimal_growth"], abs=5e-4)


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    bars = load_sample_bars()[0]
    placed = place_trades(make_trades(bars, "donchian"), bars)
    placed = placed.take(np.arange(0, len(placed), 6))
    table = {"stop": {"initial": "2ATR", "trail": "4ATR", "time": 60}, "book": {"equity": 1e5}}
    done = simulate_sized(placed, ladder_from_mapping(table | {"size": {"rule": "fraction", "fraction": 0.02}}))
    constant = constant_size(done, placed)
    assert constant is not None
    np.testing.assert_allclose(constant.planned_risk, 2000.0)
    np.testing.assert_allclose(constant.r, done.simulation.r, rtol=1e-9)
    trades = lived_of(done, done.simulation.r, done.share)
    alike = replay(np.arange(len(trades.r))[None, :], trades, Rule(SHARE), 0.5)[0, 0]
    return sizing_summary(done, constant, FEW) | {"r": done.simulation.r, "pnl": done.simulation.pnl, "alike": alike}


def test_a_rule_is_held_against_constant_size(summary: dict[str, Any]) -> None:
    r = summary["r"]
    assert summary["constant"]["final_equity"]["value"] == pytest.approx(1e5 + 2000 * r.sum())
    assert summary["sized"]["final_equity"]["value"] == pytest.approx(1e5 + summary["pnl"].sum())
    growth = summary["sized"]["growth_per_trade"]
    assert growth["value"] == pytest.approx(math.log(1 + summary["pnl"].sum() / 1e5) / len(r))
    # the replay of the trades as they were: only what is still open at the end differs
    assert summary["alike"] == pytest.approx(1 + summary["pnl"].sum() / 1e5, rel=1e-9)
    gain = summary["difference"]["growth_per_trade"]
    assert gain["value"] == pytest.approx(growth["value"] - summary["constant"]["growth_per_trade"]["value"])
    assert gain["low"] <= gain["value"] <= gain["high"]
    for name in ("sized", "constant"):
        assert 0 <= summary[name]["risk_of_ruin"] <= 1 and -1 <= summary[name]["max_drawdown"] <= 0
    assert summary["ruin"]["equity"] == 5e4 and summary["ruin"]["horizon_trades"] == len(r)
    assert summary["fractions"]["optimal"]["low"] is None or summary["fractions"]["optimal"]["low"] >= 0
