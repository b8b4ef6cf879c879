"""The summary of what the simulator really writes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from exitladder.execution import Simulation, simulate
from exitladder.measures.cash import cash_flow
from exitladder.measures.summary import summarise
from exitladder.plans.file import ladder_from_mapping
from exitladder.sample import load_sample_bars
from exitladder.statistics import Intervals
from exitladder.statistics.comparison import compare_r
from exitladder.statistics.verdict import verdict
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import PlacedTrades, place_trades

LADDER = ladder_from_mapping(
    {
        "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
        "stop": {"initial": "2ATR", "breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
        "costs": {"commission_bps": 2.0, "slippage_bps": 3.0, "funding_bps_per_bar": 0.5, "tick": 0.01},
    }
)


@pytest.fixture(scope="module")
def placed() -> PlacedTrades:
    bars, _ = load_sample_bars()
    return place_trades(make_trades(bars, "donchian", window=20), bars)


@pytest.fixture(scope="module")
def simulation(placed: PlacedTrades) -> Simulation:
    return simulate(placed, LADDER)


def test_the_account_is_the_sum_of_the_trades(simulation: Simulation) -> None:
    """Commission, slippage, financing and the marks of open trades: all of it is dated and none twice."""
    trades, fills = simulation.trades_frame(), simulation.fills_frame()
    cash = cash_flow(trades, fills)
    assert cash is not None
    assert cash.pnl.sum() == pytest.approx(trades["pnl"].sum())
    assert cash.time.min() >= trades["entry_time"].min().value // 86_400_000_000_000 * 86_400_000_000_000


def test_summary_agrees_with_the_simulation(simulation: Simulation) -> None:
    trades, fills = simulation.trades_frame(), simulation.fills_frame()
    other = replace(LADDER, execution=replace(LADDER.execution, intrabar="target_first"))
    policies = {"stop_first": simulation.r, "target_first": simulate(simulation.placed, other).r}
    found = summarise(trades, fills, LADDER, intervals=Intervals(n_bootstrap=200), policies=policies)
    json.dumps(found, allow_nan=False)
    assert found["expectancy_r"]["value"] == pytest.approx(np.nanmean(simulation.r))
    assert found["n_trades"] + found["n_skipped"] == len(trades)
    assert found["n_ambiguous_bars"] == simulation.ambiguous_bars.sum()
    assert found["fills_per_trade"]["value"] == pytest.approx(np.mean(simulation.n_fills[simulation.status != 2]))
    for rung, target in zip(found["rungs"], (1.0, 2.0), strict=True):
        reached = np.unique(fills.loc[fills["rung"] == rung["rung"], "trade_id"])
        assert rung["n_hits"] == len(reached)
        # Limit orders fill at their price or, where the open has passed it, at a better one.
        assert target <= rung["mean_r"]["low"] <= rung["mean_r"]["value"] < target + 0.2
    assert found["intrabar"]["spread_r"]["value"] >= 0


def test_costs_make_a_ladder_worse_and_the_verdict_says_so(simulation: Simulation, placed: PlacedTrades) -> None:
    dear = simulate(placed, replace(LADDER, costs=LADDER.costs.times(20)))
    found = compare_r(dear.r, simulation.r, time=placed.trades.entry_time, intervals=Intervals(n_bootstrap=400))
    assert verdict(found, "dear", "cheap").kind == "worse"
