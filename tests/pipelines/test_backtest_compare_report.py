"""`backtest`, `compare` and `report`: files, columns, and numbers that agree with each other."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import InputFileError, LadderError, TradesError
from exitladder.execution import STATUS, simulate_own_exits
from exitladder.measures.after_exit import COLUMNS
from exitladder.pipelines.backtest import ALL_OUT, SPREAD_POLICIES, BacktestResult, all_out, backtest
from exitladder.pipelines.compare import compare
from exitladder.pipelines.pages.saved_run import SHOWN, backtest_page
from exitladder.pipelines.plots.data import rung_hits
from exitladder.pipelines.report import report
from exitladder.pipelines.train import TrainResult
from exitladder.pipelines.tuning.policies import OWN_EXITS
from exitladder.plans.file import ladder_from_mapping
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

FILLS = [
    "trade_id", "fill", "bar_time", "order", "rung", "side", "quantity", "price", "commission", "slippage", "financing",
    "r",
]  # fmt: skip
TRADES = [
    "trade_id", "symbol", "side", "status", "reason", "quantity", "entry_time", "entry_price", "risk", "exit_time",
    "exit_price", "pnl", "financing", "r", "mfe_r", "mae_r", "give_back_r", "capture", "bars_held", "n_fills",
    "ambiguous_bars",
]  # fmt: skip


@pytest.fixture(scope="module")
def price_rungs() -> Ladder:
    return ladder_from_mapping(
        {
            "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
            "stop": {"breakeven_after": 1, "trail": "3ATR", "trail_after": 1, "time": 40},
            "costs": {"commission_bps": 2.0, "slippage_bps": 1.0, "tick": 0.01, "lot": 1, "min_quantity": 1},
        }
    )


@pytest.fixture(scope="module")
def result(bars: BarSet, some_open: Trades, small: Settings, price_rungs: Ladder) -> BacktestResult:
    return backtest(bars, some_open, price_rungs, small)


def test_files_have_the_promised_columns(result: BacktestResult, tmp_path: Path) -> None:
    result.write(tmp_path / "out")
    assert list(pd.read_csv(tmp_path / "out" / "fills.csv", nrows=1)) == FILLS
    columns = list(pd.read_csv(tmp_path / "out" / "trades.csv", nrows=1))
    assert columns[: len(TRADES)] == TRADES
    assert set(columns[len(TRADES) :]) < set(result.exits.table)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["expectancy_r"]["low"] <= summary["expectancy_r"]["value"] <= summary["expectancy_r"]["high"]
    assert set(summary["beside"]) == {ALL_OUT, OWN_EXITS}
    after = pd.read_csv(tmp_path / "out" / "after_exit.csv", dtype={"trade_id": str})
    assert list(after) == list(COLUMNS)
    assert len(after) == summary["n_closed"] == summary["after_exit"]["n_trades"]
    assert summary["breakeven_scratches"]["n"] == summary["n_breakeven_scratches"] > 0


def test_tables_copied_from_the_run_are_those_that_are_written(result: BacktestResult, tmp_path: Path) -> None:
    assert result.saved is not None
    result.write(tmp_path / "written")
    result.write(tmp_path / "copied", from_run=True)
    replace(result, saved=tmp_path / "removed").write(tmp_path / "sent meanwhile", from_run=True)
    for file in (tmp_path / "written").iterdir():
        for other in ("copied", "sent meanwhile"):
            assert (tmp_path / other / file.name).read_bytes() == file.read_bytes()


def test_the_summary_tells_all_that_the_page_on_statistics_names(result: BacktestResult, root: Path) -> None:
    page = (root / "docs" / "statistics.md").read_text()
    missing = [
        name for name in result.summary if f"`{name}`" not in page and not name.startswith(("n_", "max_drawdown"))
    ]
    assert not missing
    assert result.summary["inactive_rungs"]["by_rung"] == [0, 0]
    assert {"hit_rate", "hit_rate_given_previous", "mean_r"} <= set(result.summary["rungs"][1])
    assert set(result.summary["intrabar"]["expectancy_r"]) == set(SPREAD_POLICIES)


def test_what_stands_beside_is_paired_with_the_ladder(result: BacktestResult) -> None:
    beside = result.summary["beside"][OWN_EXITS]
    own = simulate_own_exits(result.simulation.placed, result.ladder)
    left = own.status == STATUS.index("closed")
    assert beside["n_trades"] == left.sum()
    assert beside["expectancy_r"]["value"] == pytest.approx(own.r[left].mean())
    difference = beside["difference_r"]
    assert difference["value"] == pytest.approx((result.simulation.r - own.r)[left].mean())
    assert difference["low"] < difference["value"] < difference["high"]


def test_trades_still_open_are_counted_in_the_verdict_with_their_part_and_the_result_without_them(
    bars: BarSet, some_open: Trades, small: Settings, price_rungs: Ladder, tmp_path: Path
) -> None:
    result = backtest(bars, some_open, replace(price_rungs, rungs=(), stop=Stop()), small)
    ours, own = result.simulation, simulate_own_exits(result.simulation.placed, result.ladder)
    paired = (own.status == STATUS.index("closed")) & np.isfinite(ours.r)
    is_open = paired & (ours.status == STATUS.index("open"))
    gain = ours.r - own.r
    assert 0 < is_open.sum() < paired.sum()
    found = result.summary["open_trades"]
    assert (found["n"], found["n_candidate"], found["n_baseline"]) == (is_open.sum(), is_open.sum(), 0)
    assert found["n_without"] == paired.sum() - is_open.sum()
    assert found["difference_without_r"] == pytest.approx(gain[paired & ~is_open].mean())
    assert found["contribution_r"] == pytest.approx(gain[is_open].sum() / paired.sum())
    assert found["share"] == pytest.approx(gain[is_open].sum() / gain[paired].sum())
    said = f"{found['n']:,} {'is' if found['n'] == 1 else 'are'} still open and valued at the last close"
    assert said in result.summary["verdict_text"]
    result.write(tmp_path / "out")
    page = report(str(tmp_path / "out"), tmp_path / "page.html", small).read_text(encoding="utf-8")
    assert said in page and "of the trades in the verdict, still open" in page
    # one name for one exit
    assert f'class="candidate"><th scope="row">{result.ladder.name}</th>' in page and "this ladder" not in page.lower()


def test_an_account_with_limits_is_shown_under_every_exit(
    result: BacktestResult, bars: BarSet, some_open: Trades, small: Settings, price_rungs: Ladder, tmp_path: Path
) -> None:
    assert result.summary["account"] is None
    limited = small.with_values({"account": {"max_open": 2, "capital": 1e9}})
    found = backtest(bars, some_open, price_rungs, limited)
    exits = [found.summary, *found.summary["beside"].values()]
    for shown in exits:
        account = shown["account"]
        assert account["n_taken"] > 0 < account["n_left_out"] == account["left_out"]["max_open"]
        assert account["max_drawdown_r"] < 0
    # The paired results are those without a limit.
    same = {name: value for name, value in found.summary.items() if name not in ("account", "beside", "terms")}
    assert same == {name: value for name, value in result.summary.items() if name not in ("account", "beside", "terms")}
    assert exits[0]["account"]["n_taken"] + exits[0]["account"]["n_left_out"] == found.summary["n_trades"]
    found.write(tmp_path / "limited")
    page = report(str(tmp_path / "limited"), tmp_path / "limited.html", small).read_text(encoding="utf-8")
    assert ">One account with limits</h2>" in page and OWN_EXITS in page
    result.write(tmp_path / "free")
    assert "One account" not in report(str(tmp_path / "free"), tmp_path / "free.html", small).read_text("utf-8")


def test_comparisons_beside_a_ladder_are_corrected_for_their_number(result: BacktestResult) -> None:
    rows = sorted(result.summary["beside"].values(), key=lambda row: row["p_value"])
    assert rows[0]["p_adjusted"] == pytest.approx(min(1.0, 2 * rows[0]["p_value"]))
    assert rows[1]["p_adjusted"] == pytest.approx(max(rows[0]["p_adjusted"], rows[1]["p_value"]))


def test_a_gain_that_takes_time_and_drawdown_is_named_in_the_verdict(
    bars: BarSet, some_open: Trades, small: Settings, tmp_path: Path
) -> None:
    """Own exits after ten days at a gain or a loss of 1%, against holding for 200 bars."""
    hold = Ladder(name="hold", stop=Stop(initial=Distance(6.0, "ATR"), time=200))
    free = replace(some_open, stop_price=np.full(len(some_open), np.nan))
    found = backtest(bars, free, hold, small)
    text, own = found.summary["verdict_text"], found.summary["beside"][OWN_EXITS]
    assert own["difference_r"]["value"] > 0
    assert "The gain takes a deeper account drawdown: " in text
    assert ("The gain takes time: " in text) == (found.summary["r_per_bar"] < own["r_per_bar"])
    assert found.summary["max_drawdown_account_r"] < own["max_drawdown_account_r"] < 0
    assert found.summary["max_drawdown_account"]["value"] < 0


def test_bars_that_no_finer_ones_make_up_are_counted(
    bars: BarSet, some_open: Trades, small: Settings, price_rungs: Ladder
) -> None:
    member = bars[bars.symbols[0]]
    half = member.interval_ns // 2
    # One finer bar in each day: the whole of it in the first 500 days, too narrow afterwards.
    narrow = np.arange(len(member)) >= 500
    high = np.where(narrow, np.maximum(member.open, member.close), member.high)
    finer = BarSet([replace(member, interval_ns=half, high=high)])
    # A trail in R: one in ATR would keep the line that the day's walk drew with the ATR of the day before (X5a).
    ladder = replace(price_rungs, stop=replace(price_rungs.stop, trail=Distance(2.0, "R")))
    found = backtest(bars, some_open, ladder, small, finer=finer).summary["intrabar"]
    coarse = found["coarse_bars"]
    assert 0 < coarse["n_bars"] < coarse["n_bars_lived"]
    # A day walked as one bar gives what the day itself gives.
    assert found["expectancy_r"]["finer_bars"] == found["expectancy_r"]["stop_first"]


def test_what_is_sold_is_what_was_bought(result: BacktestResult) -> None:
    fills, trades = result.fills, result.trades.set_index("trade_id")
    sold = fills[fills["order"] != "entry"].groupby("trade_id")["quantity"].sum()
    assert (sold.reindex(trades.index) == trades["quantity"]).all()


def test_pnl_is_the_cash_of_the_fills(result: BacktestResult) -> None:
    fills, trades = result.fills, result.trades.set_index("trade_id")
    sign = fills["side"].map({"buy": -1.0, "sell": 1.0})
    cash = (sign * fills["quantity"] * fills["price"] - fills["commission"]).where(fills["order"] != "mark")
    marked = fills["order"] == "mark"
    cash = cash.fillna((sign * fills["quantity"] * fills["price"])[marked])
    total = cash.groupby(fills["trade_id"]).sum().reindex(trades.index)
    pd.testing.assert_series_equal(total, trades["pnl"], check_names=False, rtol=1e-9, atol=1e-6)


def test_a_model_rung_needs_a_model_and_says_so(bars: BarSet, trades: Trades, small: Settings, classic: Ladder) -> None:
    with pytest.raises(LadderError, match="--model"):
        backtest(bars, trades, classic, small)


def test_a_model_rung_fires_on_predictions_that_are_never_in_sample(
    bars: BarSet, trades: Trades, small: Settings, classic: Ladder, trained: TrainResult
) -> None:
    found = backtest(bars, trades, classic, small, model=trained.model)
    counts = found.summary["predictions"]
    assert counts["n_rows_in_sample"] == 0
    assert counts["n_rows_out_of_fold"] > 0
    assert (found.fills["rung"] == 3).any()


def test_an_unknown_series_is_refused_with_the_nearest_name(bars: BarSet, trades: Trades, small: Settings) -> None:
    ladder = ladder_from_mapping({"rungs": [{"fraction": 1.0, "when": ["exhaustio >= 1"]}]})
    with pytest.raises(LadderError, match="Did you mean 'exhaustion'"):
        backtest(bars, trades, ladder, small)


def test_a_feature_reads_mirrored_for_a_short(bars: BarSet, trades: Trades, small: Settings) -> None:
    ladder = ladder_from_mapping({"rungs": [{"fraction": 1.0, "when": ["rsi_14 >= 80"]}], "stop": {"time": 60}})
    found = backtest(bars, trades, ladder, small)
    by_side = found.fills[found.fills["rung"] == 1].merge(found.trades[["trade_id", "side"]], on="trade_id")
    assert set(by_side["side_y"]) == {"long", "short"}


def test_compare_pairs_by_trade_and_adjusts(
    result: BacktestResult, bars: BarSet, some_open: Trades, small: Settings, price_rungs: Ladder, tmp_path: Path
) -> None:
    free = replace(price_rungs, costs=type(price_rungs.costs)())
    hold = replace(price_rungs, rungs=(), stop=Stop(time=40))
    result.write(tmp_path / "first")
    other = backtest(bars, some_open, free, small)
    third = backtest(bars, some_open, hold, small)
    output = compare([str(tmp_path / "first"), other.run_id, third.run_id], small, allows_differences=True)
    assert [pair["source"] for pair in output["pairs"]] == [other.run_id, third.run_id]
    free_pair = output["pairs"][0]
    assert free_pair["difference_r"] == pytest.approx((other.trades["r"] - result.trades["r"]).mean())
    assert free_pair["verdict"] == "better"
    assert all(pair["p_adjusted"] >= pair["p_value"] for pair in output["pairs"])
    held = output["pairs"][1]["open_trades"]
    opens = [(run.trades["status"] == "open").to_numpy() for run in (third, result)]
    assert (held["n_candidate"], held["n_baseline"]) == (opens[0].sum(), opens[1].sum())
    assert held["n"] == (opens[0] | opens[1]).sum() > 0


def test_compare_refuses_what_shares_no_trade(result: BacktestResult, small: Settings, tmp_path: Path) -> None:
    result.write(tmp_path / "a")
    result.write(tmp_path / "b")
    renamed = result.trades.assign(trade_id="x" + result.trades["trade_id"])
    renamed.to_csv(tmp_path / "b" / "trades.csv", index=False)
    with pytest.raises(TradesError, match="share no trade_id"):
        compare([str(tmp_path / "a"), str(tmp_path / "b")], small)


def test_the_page_shows_every_key_number_with_its_interval(
    result: BacktestResult, small: Settings, tmp_path: Path
) -> None:
    result.write(tmp_path / "out")
    shown = {number.label: number for number in backtest_page(tmp_path / "out").key_numbers}
    assert {"expectancy per trade", "win rate", "profit factor", "worst 5% of trades", "profit capture"} <= set(shown)
    found = result.summary["expectancy_r"]
    assert shown["expectancy per trade"].value == f"{found['value']:+.3f} R"
    assert (
        f"{small.validation.confidence:.0%} CI [{found['low']:+.3f}, {found['high']:+.3f}]"
        in shown["expectancy per trade"].note
    )


def test_every_key_number_of_the_page_is_in_the_summary(
    result: BacktestResult, small: Settings, tmp_path: Path
) -> None:
    assert {name for name in SHOWN if result.summary.get(name, {}).get("value") is None} == set()
    result.write(tmp_path / "out")
    page = report(str(tmp_path / "out"), tmp_path / "page.html", small).read_text(encoding="utf-8")
    for name, (label, form, _) in SHOWN.items():
        shown = form.format(result.summary[name]["value"]).replace("-", "−")
        assert f'<span class="label">{label}</span><span class="value ">{shown}</span>' in page


def test_rungs_have_one_mean_r_in_the_summary_and_in_the_picture(result: BacktestResult) -> None:
    drawn = rung_hits(result.fills, result.trades, len(result.ladder.rungs)).set_index("name")
    for rung in result.summary["rungs"]:
        assert drawn["mean_r"][f"rung {rung['rung']}"] == pytest.approx(rung["mean_r"]["value"])
        assert drawn["hit_rate"][f"rung {rung['rung']}"] == pytest.approx(rung["hit_rate"]["value"])


def test_report_of_a_folder_of_runs_names_them(small: Settings, tmp_path: Path) -> None:
    for name, file in (("tuned", "tune.json"), ("model", "model_card.json"), ("charts", "notes.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    (tmp_path / "model_card.html").write_text("<html></html>")
    named = rf"2 in folders of its own.*{re.escape(str(tmp_path / 'model'))}, {re.escape(str(tmp_path / 'tuned'))}\."
    with pytest.raises(InputFileError, match=named):
        report(str(tmp_path), tmp_path / "page.html", small)


def test_report_is_made_of_a_folder_or_a_run(result: BacktestResult, small: Settings, tmp_path: Path) -> None:
    result.write(tmp_path / "out")
    by_folder = report(str(tmp_path / "out"), tmp_path / "folder.html", small)
    by_run = report(result.run_id, tmp_path / "run.html", small)
    assert by_folder.read_text() == by_run.read_text()
    assert "<svg" in by_folder.read_text() or "data:image/svg+xml" in by_folder.read_text()
    with pytest.raises(InputFileError, match="holds none of them"):
        (tmp_path / "empty").mkdir()
        report(str(tmp_path / "empty"), tmp_path / "no.html", small)
    assert not (tmp_path / "no.html").exists()


def test_all_out_sells_everything_at_the_first_target(price_rungs: Ladder) -> None:
    plain = all_out(price_rungs)
    assert [rung.fraction for rung in plain.rungs] == [1.0]
    assert plain.runner == 0
    assert plain.stop.breakeven_after is None and plain.stop.trail is None
