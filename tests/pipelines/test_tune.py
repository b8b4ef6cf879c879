"""`tune`: the cut in time holds, the same seed gives the same ladder, the user's exits are what is beaten."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from exitladder.bars.bars import BarSet
from exitladder.errors import TradesError
from exitladder.execution import STATUS
from exitladder.files.output import json_text
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.plots.pictures import diagnostic_pictures
from exitladder.pipelines.report import report
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.tune import tune
from exitladder.pipelines.tuning.policies import OWN_EXITS, OWN_LADDER, SIMPLEST, TUNED
from exitladder.pipelines.tuning.tuned import tune_ladder
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.units import Distance
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

PROMISED = {
    "run_id", "ladder", "baseline", "difference_r", "interval", "dsr", "pbo", "p_value", "n_trials", "verdict",
    "verdict_text", "psr", "min_track_record", "spa_p", "folds", "continuous",
}  # fmt: skip


def test_prints_and_writes_what_is_promised(
    bars: BarSet, trades: Trades, small: Settings, trained: TrainResult, tmp_path: Path
) -> None:
    result = tune(bars, trades, small, model=trained.model, out=tmp_path / "tuned")
    shown = result.to_mapping()
    assert set(shown) >= PROMISED
    json_text(shown)
    assert shown["verdict"] in ("better", "worse", "no_difference")
    assert shown["n_trials"] >= 3 * 24
    ladder = read_ladder(tmp_path / "tuned" / "ladder.toml")
    assert ladder == result.tuned.ladder == ladder_from_mapping(shown["ladder"])
    results = pd.read_csv(tmp_path / "tuned" / "net_r.csv")
    test = results[results["part"] == "test"]
    assert shown["difference_r"] == pytest.approx((test[TUNED] - test[shown["baseline"]]).mean())
    assert shown["predictions"]["n_rows_in_sample"] == 0
    assert shown["baseline"] == SIMPLEST
    folds = pd.read_csv(tmp_path / "tuned" / "folds.csv")
    assert len(folds) == len(shown["folds"]) == 3
    parts = test.groupby("fold")
    assert parts[TUNED].mean().to_numpy() == pytest.approx(folds["tuned_r"].to_numpy())
    assert shown["difference_r"] == pytest.approx(np.average(folds["difference_r"], weights=folds["n_test"]))
    assert shown["n_trials"] == sum(fold["n_trials"] for fold in shown["folds"])
    assert "tuned 3 times" in shown["verdict_text"]


GROUPS = ("Ladder and performance", "Sensitivity", "Profit capture", "Example trades", "Model")


@pytest.fixture(scope="module")
def written(
    bars: BarSet, trades: Trades, small: Settings, trained: TrainResult, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a tuning with a model."""
    out = tmp_path_factory.mktemp("project") / "tuned"
    # What lies there from another tuning must not be shown.
    out.mkdir()
    (out / "scores.csv").write_text("trade_id\nT-1\n")
    tune(bars, trades, small, model=trained.model, out=out, command="exitladder tune --trades 'my trades.csv'")
    return out


def test_the_page_of_a_tuning_is_made_of_its_files(written: Path, small: Settings, tmp_path: Path) -> None:
    page = (written / "index.html").read_text(encoding="utf-8")
    fall = pd.DataFrame(json.loads((written / "tune.json").read_text())["policies"]).set_index("policy")
    shown = f"{fall['max_drawdown_account_r'][TUNED]:+.1f} R".replace("-", "−")
    assert f'<span class="label">account drawdown</span><span class="value ">{shown}</span>' in page
    # what a first look must see stands left in the table, so that no screen cuts it off
    assert page.index(">Account drawdown (R)<") < page.index(">Win rate<")
    for title in (*GROUPS, "Walk-forward test parts", "Account over all test parts"):
        assert f">{title}</h2>" in page
    assert escape("exitladder tune --trades 'my trades.csv'") in page
    assert "Open trades" not in page
    run = json.loads((written / "run.json").read_text(encoding="utf-8"))
    assert run["bars_fingerprint"] in page and run["trades_fingerprint"] in page
    for source in (str(written), run["run_id"]):
        again = report(source, tmp_path / "again.html", small)
        assert again.read_text(encoding="utf-8") == page


def test_trades_of_a_tuning_are_those_scored_once(written: Path) -> None:
    trades, results = (pd.read_csv(written / f"{name}.csv").set_index("trade_id") for name in ("trades", "net_r"))
    scored = results[results["part"] == "test"]
    assert trades.index.tolist() == scored.index.tolist()
    assert trades["r"].to_numpy() == pytest.approx(scored[TUNED].to_numpy(), abs=1e-9, nan_ok=True)
    examples = json.loads((written / "examples.json").read_text(encoding="utf-8"))["examples"]
    assert 4 < len(examples) <= 40 and {example["trade_id"] for example in examples} <= set(trades.index)


def test_files_of_a_tuning_by_an_older_version_make_a_page(written: Path, small: Settings, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in ("ladder.toml", "net_r.csv", "folds.csv", "trials.csv", "importance.csv", "slices.csv"):
        shutil.copyfile(written / name, old / name)
    result = json.loads((written / "tune.json").read_text(encoding="utf-8"))
    result["portrait"], result["portrait_text"] = result.pop("diagnostics"), result.pop("diagnostics_text")
    (old / "tune.json").write_text(json.dumps(result), encoding="utf-8")
    page = report(str(old), tmp_path / "old.html", small).read_text(encoding="utf-8")
    assert escape(result["verdict_text"].split(".")[0]) in page
    assert GROUPS[0] in page and not any(f">{title}</h2>" in page for title in GROUPS[1:])
    # The numbers of the diagnostics are read under either name.
    shutil.copytree(written, tmp_path / "renamed")
    (tmp_path / "renamed" / "tune.json").write_text(json.dumps(result), encoding="utf-8")
    renamed = report(str(tmp_path / "renamed"), tmp_path / "renamed.html", small).read_text(encoding="utf-8")
    assert renamed == (written / "index.html").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_numbers(bars: BarSet, trades: Trades, small: Settings) -> None:
    prepared = prepare(bars, trades, small)
    first, second = tune_ladder(prepared, small), tune_ladder(prepared, small)
    assert json_text(first.to_mapping()) == json_text(second.to_mapping())


def test_the_users_own_exits_are_the_baseline_where_known(
    bars: BarSet, some_open: Trades, small: Settings, classic: Ladder
) -> None:
    prepared = prepare(bars, some_open, small)
    tuned = tune_ladder(prepared, small)
    assert tuned.baseline == OWN_EXITS
    # sold 1 % above the entry: a gain for longs, a loss for shorts, before costs
    own, side = tuned.net_r[OWN_EXITS].to_numpy(), prepared.placed.trades.side
    closed = ~prepared.placed.trades.is_open
    known = closed & np.isfinite(own)
    # an exit that its bar never reached is no baseline (E2)
    assert 0.2 < known[closed].mean() < 1
    assert (own[known & (side < 0)] < 0).all()
    assert (own[known & (side > 0)] > 0).mean() > 0.9
    # own exits without an end are marked, and counted as such
    scored = tuned.walk.test & np.isfinite(own) & np.isfinite(tuned.net_r[TUNED].to_numpy())
    said = tuned.to_mapping()["open_trades"]
    assert said["n_baseline"] == (scored & ~closed).sum() > 0
    is_open = np.zeros(len(scored), dtype=bool)
    for cut, part in zip(tuned.walk.folds, tuned.parts, strict=True):
        is_open[cut.test] = part.simulation.status == STATUS.index("open")
    assert said["n_candidate"] == (scored & is_open).sum()


def test_the_users_ladder_is_judged_and_gives_costs(bars: BarSet, trades: Trades, small: Settings) -> None:
    own = ladder_from_mapping(
        {
            "rungs": [{"fraction": 0.5, "target": "1R"}],
            "stop": {"time": 40},
            "costs": {"commission_bps": 50.0},
        }
    )
    tuned = tune_ladder(prepare(bars, trades, small), small, own_ladder=own)
    assert tuned.baseline == OWN_LADDER
    assert tuned.ladder.costs == own.costs
    assert OWN_LADDER in set(tuned.scoreboard.table["policy"])


@pytest.mark.filterwarnings("ignore:762 of 762 trades were entered and closed inside one bar")
def test_exits_that_beat_the_users_own_are_named(bars: BarSet, trades: Trades, small: Settings) -> None:
    """Leaving at the worst price of the first bar gives every trend away: what holds on is better, and it is said."""
    placed = prepare(bars, trades, small).placed
    first = placed.first_bar
    own = replace(
        placed.trades,
        exit_time=bars.close_time[first] - 1,
        exit_price=np.where(placed.trades.side > 0, bars.low[first], bars.high[first]),
    )
    tuned = tune_ladder(prepare(bars, own, small), small)
    found = tuned.superior[OWN_EXITS]
    assert tuned.verdict.kind == "better"
    assert set(found.superior) > {TUNED}
    assert "Of the other exits, " in tuned.verdict.text
    for name in set(found.superior) - {TUNED}:
        assert f"'{name}'" in tuned.verdict.text
    assert found.p_value <= 0.05


def test_too_few_trades_are_refused_with_the_cure(bars: BarSet, trades: Trades, small: Settings) -> None:
    with pytest.raises(TradesError, match="at least 20 trades"):
        tune_ladder(prepare(bars, trades.take(np.arange(25)), small), small)


def test_exits_that_no_ladder_beats_are_kept(bars: BarSet, some_open: Trades, small: Settings) -> None:
    """Sold 30 % beyond the entry: no ladder does better, so the tuning says no change, in every fold and at last."""
    closed = ~some_open.is_open
    price = np.where(closed, some_open.entry_price * (1 + 0.3 * some_open.side), some_open.exit_price)
    tuned = tune_ladder(prepare(bars, replace(some_open, exit_price=price), small), small)
    assert tuned.no_change == OWN_EXITS
    assert all(choice.keeps_own_exits for choice in tuned.folds)
    test = tuned.walk.test
    np.testing.assert_array_equal(tuned.net_r[TUNED][test], tuned.net_r[OWN_EXITS][test])
    assert tuned.verdict.kind == "no_difference"
    shown = tuned.to_mapping()
    assert "keep what you do" in shown["verdict_text"]
    assert {row["ladder_text"] for row in shown["folds"]} == {f"no change: {OWN_EXITS}"}
    trials = tuned.choice.trials_frame()
    own = trials.iloc[-1]
    assert (own["source"], own["ladder"]) == ("own_exits", f"no change: {OWN_EXITS}")
    worth = trials["mean_minus_downside"]
    assert own["mean_minus_downside"] == worth.max()
    assert (trials["source"] == "own_exits").sum() == 1 and len(trials) == tuned.search.n_trials + 1
    rows = {row["policy"]: row for row in shown["continuous"]}
    assert rows[TUNED]["total_r"] == rows[OWN_EXITS]["total_r"]
    json_text(shown)


def test_a_change_is_told_where_a_ladder_is_better(bars: BarSet, some_open: Trades, small: Settings) -> None:
    tuned = tune_ladder(prepare(bars, some_open, small), small)
    assert tuned.no_change == ""
    assert not tuned.choice.keeps_own_exits
    assert tuned.diagnostics.text in tuned.to_mapping()["diagnostics_text"]


@pytest.mark.slow
def test_a_search_by_time_and_capital_with_an_account_of_three_positions(
    bars: BarSet, some_open: Trades, small: Settings, tmp_path: Path
) -> None:
    """Optuna's sampler on both objectives; the account is shown under every exit, on the page too."""
    tuning = {"objectives": ["r_per_bar", "r_per_capital_day"], "sampler": "tpe", "n_trials": 12}
    limited = small.with_values({"tuning": tuning, "account": {"max_open": 3}})
    tuned = tune(bars, some_open, limited, out=tmp_path / "tuned").tuned
    trials = tuned.choice.trials_frame()
    assert np.isfinite(trials[["r_per_bar", "r_per_capital_day"]].to_numpy()).all()
    own = trials[trials["source"] == "own_exits"].iloc[0]
    assert own["r_per_bar"] != own["r_per_capital_day"]
    rows = {row["policy"]: row for row in tuned.to_mapping()["account"]}
    board: dict[Any, dict[Any, Any]] = tuned.scoreboard.table.set_index("policy").to_dict("index")
    assert set(rows) == set(board) >= {TUNED, OWN_EXITS, SIMPLEST}
    for name, row in rows.items():
        assert row["n_taken"] + row["n_left_out"] == board[name]["n_trades"]
        assert row["n_taken"] > 0 < row["left_out"]["max_open"]
    accounts = {row["policy"]: row for row in tuned.to_mapping()["continuous"]}
    for name in (TUNED, OWN_EXITS):
        assert accounts[name]["max_drawdown_r"] == pytest.approx(board[name]["max_drawdown_account_r"])
        assert accounts[name]["total_r"] == pytest.approx(board[name]["expectancy_r"] * board[name]["n_trades"])
    assert ">One account with limits</h2>" in (tmp_path / "tuned" / "index.html").read_text(encoding="utf-8")


def test_every_part_of_the_search_space_goes_through(bars: BarSet, trades: Trades, small: Settings) -> None:
    """Several objectives, constraints, a stop that is searched, other units and indicator rungs, by neighbours."""
    wide = small.with_values(
        {
            "tuning": {
                "objectives": ["sharpe", "cvar_r"],
                "robust": "neighbours",
                "max_fills": 3.5,
                "max_cost_share": 0.9,
                "n_trials": 20,
            },
            "search": {
                "stop": [1.5, 3.0],
                "first_target": [["1ATR", "8ATR"], ["1%", "20%"]],
                "trail_width": [["1.5ATR", "8ATR"], ["0.5R", "4R"], ["1%", "20%"]],
                "breakeven_offset_r": [0.0, 0.2],
                "indicator_rungs": ["rsi_14 >= 60..85 and open_r >= 0..1", "bb_pctb_20 >= 0.8..1.2"],
            },
        }
    )
    free = replace(trades, stop_price=np.full(len(trades), np.nan)).take(np.arange(300))
    tuned = tune_ladder(prepare(bars, free, wide), wide)
    assert {ladder.stop.initial for ladder in tuned.search.ladders} > {Distance(1.5, "ATR"), Distance(3.0, "ATR")}
    assert any("rsi_14" in ladder.series for ladder in tuned.search.ladders)
    assert tuned.search.evaluation.constraints == ("max_fills", "max_cost_share")
    assert tuned.net_r.notna().all().all()
    json_text(tuned.to_mapping())
    for picture in diagnostic_pictures(tuned.diagnostics):
        assert picture.image.startswith(b"<?xml")
