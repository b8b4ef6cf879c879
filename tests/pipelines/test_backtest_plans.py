"""A backtest of a plan with adds on real bars, and the commands that refuse such a plan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.backtest import backtest_screen
from exitladder.execution import simulate
from exitladder.measures.adds import IN_PLANNED_RISK
from exitladder.pipelines.backtest import backtest
from exitladder.pipelines.backtest_summary import WITHOUT_ADDS
from exitladder.pipelines.compare import compare
from exitladder.pipelines.pages.saved_run import backtest_page
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

LADDER = {
    "rungs": [{"fraction": 0.5, "target": "3R"}],
    "stop": {"initial": "2ATR", "trail": "4ATR", "time": 60},
    "costs": {"commission_bps": 2.0, "slippage_bps": 3.0, "tick": 0.01, "lot": 1, "min_quantity": 1},
}
UNIT = {"quantity": 1.0, "at": "0.5ATR", "spacing": "previous", "stop": "2ATR"}
PLAN = {**LADDER, "name": "turtle", "adds": [UNIT, UNIT, UNIT], "size": {"maximum": 4.0}}


SIZED = {**LADDER, "size": {"rule": "fraction", "fraction": 0.005}, "book": {"equity": 50_000.0}}


@pytest.mark.slow
def test_a_size_rule_is_shown_in_every_place(bars: BarSet, some_open: Trades, small: Settings, tmp_path: Path) -> None:
    few = some_open.take(np.arange(0, len(some_open), 3))
    result = backtest(bars, few, ladder_from_mapping(SIZED), small)
    wide = {"size": {"maximum_units": 1e12}, "book": {"equity": 50_000.0}}
    plain = backtest(bars, few, ladder_from_mapping({**LADDER, **wide}), small)
    result.write(tmp_path / "out")
    sizes, done = result.summary["sizes"], result.simulation
    taken = done.quantity > 0
    assert 0 < sizes["mean_share"] <= sizes["max_share"] <= 0.005 * (1 + 1e-9)
    assert sizes["sized"]["final_equity"]["value"] == pytest.approx(50_000 + np.nansum(done.pnl))
    assert sizes["n_trades"] + sum(sizes["skipped"].values()) == len(done)
    assert sizes["difference"]["growth_per_trade"]["value"] is not None and sizes["ruin"]["equity"] == 25_000
    # a maximum alone adds nothing, and R stays that of the first entry
    assert "adds" not in plain.summary and IN_PLANNED_RISK not in plain.summary["data"]["notes"]
    # the quantities of the file, and the same trades: R per trade of the exits beside it stays
    assert plain.summary["sizes"]["rule"] == "file" and "fractions" not in plain.summary["sizes"]
    assert plain.simulation.pnl.tolist() == simulate(plain.simulation.placed, ladder_from_mapping(LADDER)).pnl.tolist()
    for name in plain.summary["beside"]:
        ours, theirs = (one.summary["beside"][name]["expectancy_r"]["value"] for one in (result, plain))
        assert ours == pytest.approx(theirs, abs=0.01 if name == "own exits" or taken.all() else 0.05)
    trades = pd.read_csv(tmp_path / "out" / "trades.csv", dtype={"trade_id": str})
    assert trades["equity_before"].iloc[0] == 50_000 and trades["equity_before"].nunique() > 20
    assert read_ladder(tmp_path / "out" / "ladder.toml") == ladder_from_mapping(SIZED)
    screen = backtest_screen(result.summary, "out", result.run_id, 80)
    assert "Sizes: 0.5% of equity at risk" in screen and "optimal fraction" in screen
    block = screen.split("Sizes: ")[1].split("\n\n")[0]
    assert max(map(len, block.splitlines())) <= 80
    tables = {table.title: table for table in backtest_page(tmp_path / "out").tables}
    measures = [row[0] for row in tables["Sizes"].texts()]
    assert measures[0] == "Final equity" and measures[-1] == "Risk of ruin"
    assert len(tables["Growth by fraction of equity at risk"].texts()) == 13


@pytest.mark.slow
def test_a_plan_runs_on_real_bars_and_is_held_against_its_ladder(
    bars: BarSet, some_open: Trades, small: Settings, tmp_path: Path
) -> None:
    result = backtest(bars, some_open, ladder_from_mapping(PLAN), small)
    done, summary = result.simulation, result.summary
    result.write(tmp_path / "out")
    fills = pd.read_csv(tmp_path / "out" / "fills.csv", dtype={"trade_id": str})
    trades = pd.read_csv(tmp_path / "out" / "trades.csv", dtype={"trade_id": str})
    new = ["quantity_entered", "average_entry", "planned_risk", "n_adds"]
    assert set(new) < set(trades)
    carried = trades[trades["status"] != "skipped"]
    adds = fills[fills["order"] == "add"]
    assert len(adds) == carried["n_adds"].sum() == summary["adds"]["n_adds"] > 100
    assert (adds["r"] == 0).all()
    by_trade = fills.groupby("trade_id")["r"].sum().reindex(carried["trade_id"])
    np.testing.assert_allclose(by_trade.to_numpy(), carried["r"].to_numpy(), atol=1e-9)
    np.testing.assert_allclose(carried["pnl"], carried["r"] * carried["planned_risk"], rtol=1e-9)
    assert (carried["quantity_entered"] <= 4 * carried["quantity"]).all()
    assert summary["adds"]["max_size"] == 4.0
    alone = simulate(done.placed, ladder_from_mapping(LADDER))
    assert summary["beside"][WITHOUT_ADDS]["expectancy_r"]["value"] == pytest.approx(np.nanmean(alone.r), abs=1e-12)
    assert any("planned risk" in note for note in summary["data"]["notes"])
    assert read_ladder(tmp_path / "out" / "ladder.toml") == result.ladder
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["adds"] == summary["adds"]
    result.write(tmp_path / "again")
    (pair,) = compare([str(tmp_path / "out"), str(tmp_path / "again")], small)["pairs"]
    assert pair["difference_r"] == 0 and "money" not in pair
