"""A backtest with market impact: the same fills, and its cost beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.cli.screens.backtest import backtest_screen
from exitladder.files.output import json_text
from exitladder.pipelines.backtest import backtest, backtest_walk_forward
from exitladder.pipelines.compare import compare
from exitladder.pipelines.tune import tune
from exitladder.plans.file import ladder_from_mapping
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.trades.entries import make_trades
from exitladder.trades.files import trades_from_frame

LADDER = {
    "name": "half at 1R",
    "rungs": [{"fraction": 0.5, "target": "1R"}],
    "stop": {"initial": "2ATR", "time": 20},
    "costs": {"commission_bps": 1},
}


@pytest.fixture(scope="module")
def results() -> dict[str, object]:
    bars = load_sample_bars()[0]
    own = bars["IBM"].to_frame()
    rows = own.iloc[100:700:20]
    trades = trades_from_frame(
        rows.assign(
            trade_id=[f"T{k}" for k in range(len(rows))], symbol="IBM", side="long", entry_time=rows["timestamp"],
            entry_price=rows["open"], quantity=50_000.0, entry_at="open",
        )[["trade_id", "symbol", "side", "entry_time", "entry_price", "quantity", "entry_at"]]
    )  # fmt: skip
    found: dict[str, object] = {}
    for law in ("none", "square_root"):
        settings = load_settings(None, ["tracking.enabled=false", f"impact.law={law}", "validation.n_bootstrap=200"])
        found[law] = backtest(bars, trades, ladder_from_mapping(LADDER), settings)
    return found


def test_impact_changes_no_fill_and_lowers_the_result_by_its_cost(results: dict[str, object]) -> None:
    plain, paid = results["none"], results["square_root"]
    assert plain.fills.equals(paid.fills) and "impact" not in plain.summary  # type: ignore[attr-defined]
    assert plain.trades.equals(paid.trades.drop(columns="impact_r"))  # type: ignore[attr-defined]
    found, cost = paid.summary["impact"], paid.trades["impact_r"]  # type: ignore[attr-defined]
    assert (cost >= 0).all() and cost.mean() > 0
    assert found["cost_r"]["value"] == pytest.approx(cost.mean())
    before = paid.summary["expectancy_r"]["value"]  # type: ignore[attr-defined]
    assert found["expectancy_r"]["value"] == pytest.approx(before - cost.mean())
    assert found["n_unknown"] == 0 and found["baseline"] == "all out at the first target"
    assert np.isfinite(found["difference_r"]["value"]) and found["n_pairs"] == 30
    # the same trades without impact, so that both intervals can be read side by side
    beside = paid.summary["beside"][found["baseline"]]["difference_r"]  # type: ignore[attr-defined]
    assert found["difference_before_r"] == pytest.approx(beside)


def test_impact_moves_results_apart_as_only_stop_and_market_orders_pay(results: dict[str, object]) -> None:
    table = results["square_root"].trades  # type: ignore[attr-defined]
    assert np.corrcoef(table["r"], table["impact_r"])[0, 1] < 0
    assert (table["r"] - table["impact_r"]).std() > table["r"].std()


def test_the_screen_says_that_it_is_not_in_the_numbers(results: dict[str, object]) -> None:
    summary = results["square_root"].summary  # type: ignore[attr-defined]
    screen = backtest_screen(summary, "out", "run", 80)
    assert "market impact" in screen and "not in the" in screen
    assert max(map(len, screen.splitlines())) <= 80 or "exitladder report" in screen


def test_two_runs_under_one_law_are_compared_after_impact(results: dict[str, object], tmp_path: Path) -> None:
    settings = load_settings(None, ["tracking.enabled=false", "validation.n_bootstrap=200"])
    paid = results["square_root"]
    for name in ("one", "two", "other_law"):
        paid.write(tmp_path / name)  # type: ignore[attr-defined]
    table = pd.read_csv(tmp_path / "two" / "trades.csv")
    table.assign(r=table["r"] + 0.1, impact_r=2 * table["impact_r"]).to_csv(
        tmp_path / "two" / "trades.csv", index=False
    )
    summary = json.loads((tmp_path / "other_law" / "summary.json").read_text(encoding="utf-8"))
    summary["impact"]["prefactor"] *= 2
    (tmp_path / "other_law" / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    one, two, other = (str(tmp_path / name) for name in ("one", "two", "other_law"))
    found = compare([one, two], settings)["pairs"][0]["measures"]
    assert found["after_impact_r"]["difference"] == pytest.approx(0.1 - table["impact_r"].mean())
    assert found["expectancy_r"]["difference"] == pytest.approx(0.1)
    assert found["after_impact_r"]["low"] < found["after_impact_r"]["difference"] < found["after_impact_r"]["high"]
    assert "after_impact_r" not in compare([one, other], settings)["pairs"][0]["measures"]


def test_tune_states_impact_beside_results_that_it_does_not_change(tmp_path: Path) -> None:
    """The cost of the tuned ladders is that of a walk-forward backtest, which reckons it from its own fills."""
    bars = load_sample_bars()[0]
    trades = make_trades(bars, "donchian", lot=0.0)
    changes = ["tracking.enabled=false", "validation.n_bootstrap=200", "tuning.n_trials=16", "tuning.storage=memory"]
    plain = load_settings(None, changes)
    paid = load_settings(None, [*changes, "impact.law=square_root"])
    trades = trades.take(np.arange(0, len(trades), 2))
    without = tune(bars, trades, plain, out=tmp_path / "plain").to_mapping()
    found = tune(bars, trades, paid, out=tmp_path / "paid").to_mapping()
    assert "impact" not in without and json_text(found["policies"]) == json_text(without["policies"])
    assert json_text(found["folds"]) == json_text(without["folds"]) and found["verdict"] == without["verdict"]
    rows = {row["policy"]: row for row in found["impact"]["policies"]}
    walk = backtest_walk_forward(bars, trades, tmp_path / "paid", paid)
    assert rows["tuned ladder"]["cost_r"] == pytest.approx(walk.trades["impact_r"].mean())
    shown = {row["policy"]: row["expectancy_r"] for row in found["policies"]}
    for name, row in rows.items():
        assert row["after_impact_r"] == pytest.approx(shown[name] - row["cost_r"]) and row["cost_r"] > 0
    after = rows["tuned ladder"]["after_impact_r"] - rows[found["baseline"]]["after_impact_r"]
    assert found["impact"]["difference_r"]["value"] == pytest.approx(after)
