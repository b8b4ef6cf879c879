"""A backtest of a book on real bars, and the commands that refuse such a plan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.compare import compare_screen
from exitladder.errors import InputFileError, LadderError
from exitladder.execution import simulate
from exitladder.exporters.export import export_ladder
from exitladder.pipelines.backtest import BacktestResult, backtest
from exitladder.pipelines.backtest_summary import WITHOUT_LIMITS, adjusted_p
from exitladder.pipelines.compare import compare
from exitladder.pipelines.pages.account import book_tables
from exitladder.pipelines.pages.comparison import comparison_html
from exitladder.pipelines.report import report
from exitladder.pipelines.tune import tune
from exitladder.plans.file import ladder_from_mapping, ladder_to_toml, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import compare_r, holm
from exitladder.statistics.intervals import Intervals
from exitladder.statistics.paired_days.accounts import compare_daily_accounts
from exitladder.trades.trades import Trades

LADDER = {
    "rungs": [{"fraction": 0.5, "target": "3R"}],
    "stop": {"initial": "2ATR", "trail": "4ATR", "time": 60},
    "costs": {"commission_bps": 2.0, "slippage_bps": 3.0, "tick": 0.01, "lot": 1, "min_quantity": 1},
}
BOOK = {
    **LADDER, "name": "book", "risk": {"level": 0.95},
    "limits": [{"when": "open_loss_equity >= 0.004", "reduce_to": 0.5}],
    "book": {"equity": 100_000, "max_open": 3, "limits": [{"when": "var > 0.012", "reduce_to": "until"}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> Ladder:
    return ladder_from_mapping(BOOK)


@pytest.fixture(scope="module")
def result(bars: BarSet, trades: Trades, small: Settings, plan: Ladder) -> BacktestResult:
    return backtest(bars, trades, plan, small)


@pytest.mark.slow
def test_a_book_runs_on_real_bars_and_is_held_against_no_limits(
    result: BacktestResult, small: Settings, tmp_path: Path
) -> None:
    result.write(tmp_path / "out")
    book = result.summary["book"]
    table = pd.read_csv(tmp_path / "out" / "book.csv")
    trades = pd.read_csv(tmp_path / "out" / "trades.csv", dtype={"trade_id": str})
    fills = pd.read_csv(tmp_path / "out" / "fills.csv")
    assert (table["n_open"] <= 3).all() and book["max_open"] == 3
    np.testing.assert_allclose(table["equity"].iloc[-1], 100_000 + trades["pnl"].sum(), atol=0.01)
    assert book["equity_end"] - book["equity_start"] == pytest.approx(book["net_pnl"])
    assert book["left_out"]["book_max_open"] == (trades["reason"] == "book_max_open").sum() > 0
    assert (fills["order"] == "limit").sum() > 0
    alone = simulate(result.simulation.placed, ladder_from_mapping(LADDER))
    assert result.summary["baseline"] == WITHOUT_LIMITS
    beside = result.summary["beside"][WITHOUT_LIMITS]
    assert beside["expectancy_r"]["value"] == pytest.approx(np.nanmean(alone.r), abs=1e-12)
    assert book["without_limits"]["net_pnl"] == pytest.approx(np.nansum(alone.pnl))
    tested = book["var_tests"]["book"]
    assert tested["n_forecasts"] > 250 and str(tested["n_exceptions"]) in tested["text"]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["book"] == book
    assert read_ladder(tmp_path / "out" / "ladder.toml") == result.ladder
    tables = {table.title: table.rows for table in book_tables(result.summary)}
    shown = dict(zip(tables["One account"][""], tables["One account"]["With limits"], strict=True))
    assert shown["Entries left out: too many positions open"] == f"{book['left_out']['book_max_open']:,}"
    assert tested["text"] in tables["Is the value at risk right?"]["Back-test"].tolist()


@pytest.mark.slow
def test_the_account_is_held_against_the_same_entries_without_limits(result: BacktestResult, tmp_path: Path) -> None:
    found = result.summary["book"]["against_without_limits"]
    table = result.files()["book.csv"]
    assert isinstance(table, pd.DataFrame)
    alone = result.parts[0].without_limits
    assert table["pnl_without_limits"].iloc[-1] == pytest.approx(np.nansum(alone.pnl))
    one = found["measures"]["return_per_year"]
    days = (table["close_time"].iloc[-1] - table.loc[table["n_open"] > 0, "close_time"].iloc[0]).days + 1
    ends = [table[name].iloc[-1] / 100_000 / days * 365.25 for name in ("pnl", "pnl_without_limits")]
    assert found["n_days"] == days
    assert [one["candidate"], one["baseline"]] == pytest.approx(ends)
    assert one["low"] < one["difference"] < one["high"]
    fall = float((table["pnl"] - np.maximum(table["pnl"].cummax(), 0)).min()) / 100_000
    assert found["measures"]["max_drawdown"]["candidate"] == pytest.approx(fall, abs=2e-3)
    tables = {table.title: table.rows for table in book_tables(result.summary)}
    assert len(tables["The limits against no limits"]) == 4
    out = report(_saved(result, tmp_path / "out"), tmp_path / "page.html", Settings())
    page = out.read_text(encoding="utf-8")
    assert "Which limit acted when" in page and "book.limits[1]" in page and "Equity at the end" in page


@pytest.mark.slow
def test_every_action_of_a_limit_is_written_down_with_its_close_and_what_it_read(result: BacktestResult) -> None:
    actions, fills = result.files()["book_actions.csv"], result.fills
    assert isinstance(actions, pd.DataFrame)
    counts = actions["action"].value_counts().to_dict()
    assert counts == result.summary["book"]["reductions"] and set(counts) == {"limits[1]", "book.limits[1]"}
    own = actions[actions["action"] == "limits[1]"]
    assert (own["value"] >= 0.004).all() and (own["measure"] == "open_loss_equity").all()
    assert (actions.loc[actions["action"] == "book.limits[1]", "trade_id"] == "").all()
    # whatever a limit sells was decided at the close before
    of_book = set(actions.loc[actions["action"] == "book.limits[1]", "close_time"])
    of_trade = set(zip(own["trade_id"], own["close_time"], strict=True))
    sold = fills[fills["order"] == "limit"]
    for name, time in zip(sold["trade_id"], pd.to_datetime(sold["bar_time"]), strict=True):
        closes = {close for close in of_book if time - pd.Timedelta(days=4) <= close <= time}
        closes |= {close for trade, close in of_trade if trade == name and close <= time}
        assert closes, (name, time)


@pytest.fixture(scope="module")
def other(bars: BarSet, trades: Trades, small: Settings) -> BacktestResult:
    return backtest(bars, trades, ladder_from_mapping({**LADDER, "book": {"equity": 50_000, "max_open": 2}}), small)


def _saved(result: BacktestResult, folder: Path) -> str:
    result.write(folder)
    return str(folder)


@pytest.mark.slow
def test_two_books_are_compared_by_their_accounts(
    result: BacktestResult, other: BacktestResult, small: Settings, tmp_path: Path
) -> None:
    names = [_saved(result, tmp_path / "first"), _saved(other, tmp_path / "this")]
    found = compare(names, small)
    (pair,) = found["pairs"]
    book = pair["book"]
    assert book["equity"] == {"candidate": 50_000, "baseline": 100_000}
    assert book["actions"]["candidate"] == {} and set(book["actions"]["baseline"]) == {"limits[1]", "book.limits[1]"}
    some = book["actions"]["baseline"]["limits[1]"]
    assert sum(some["by_year"].values()) == some["n"] == result.summary["book"]["reductions"]["limits[1]"]
    one = book["measures"]["return_per_year"]
    ends = [run.summary["book"]["net_pnl"] / run.summary["book"]["equity_start"] for run in (other, result)]
    assert [one["candidate"], one["baseline"]] == pytest.approx([end / book["n_days"] * 365.25 for end in ends])
    assert one["difference"] == pytest.approx(one["candidate"] - one["baseline"])
    assert one["p_adjusted"] >= one["p_value"]
    for name in ("sharpe_daily", "max_drawdown", "cvar_5_daily"):
        assert book["measures"][name]["low"] <= book["measures"][name]["high"]
    screen = compare_screen(found, 80)
    assert "the accounts of the two books" in screen and "limits[1]" in screen
    ours = screen[screen.index("the accounts of the two books") :]
    assert max(map(len, ours[: ours.index("Difference by")].splitlines())) <= 80
    assert "which limit acted when" in comparison_html(found)
    # a book against itself: no difference, and no doubt about it
    same = compare([names[0], _saved(result, tmp_path / "again")], small)["pairs"][0]["book"]["measures"]
    assert all(m["difference"] == m["low"] == m["high"] == 0 for m in same.values())
    (tmp_path / "this" / "book_actions.csv").unlink()
    with pytest.raises(InputFileError, match=r"has no book_actions\.csv"):
        compare(names, small)


@pytest.mark.slow
def test_a_volatility_target_gets_no_verdict_in_r(
    other: BacktestResult, bars: BarSet, trades: Trades, small: Settings, tmp_path: Path
) -> None:
    target = {"target": {"volatility": 0.05}, "book": {"equity": 50_000, "max_open": 2}, "risk": {"window": 60}}
    targeted = backtest(bars, trades, ladder_from_mapping({**LADDER, **target}), small)
    (pair,) = compare([_saved(other, tmp_path / "first"), _saved(targeted, tmp_path / "target")], small)["pairs"]
    assert pair["verdict"] is None and "does not compare" in pair["verdict_text"]
    assert pair["book"]["actions"]["candidate"]["target"]["n"] > 10
    assert "return_per_year" in pair["book"]["measures"]


def test_accounts_by_day_against_closed_forms() -> None:
    rng = np.random.default_rng(4)
    daily = rng.normal(0.0005, 0.01, 400)
    active = np.arange(400) % 7 < 5
    daily[~active] = 0.0
    found = compare_daily_accounts(0.5 * daily, daily, active, Intervals(n_bootstrap=200))
    assert found["return_per_year"].baseline == pytest.approx(daily.mean() * 365.25)
    # half the position: the same ratio on every resample, half of all else
    assert found["sharpe_daily"].difference == pytest.approx(0, abs=1e-9)
    assert found["sharpe_daily"].high == pytest.approx(0, abs=1e-9)
    worst = np.sort(daily[active])
    assert found["cvar_5_daily"].baseline == pytest.approx(worst[: len(worst) // 20].mean(), rel=0.03)
    assert found["cvar_5_daily"].candidate == pytest.approx(found["cvar_5_daily"].baseline / 2)
    assert found["max_drawdown"].candidate == pytest.approx(found["max_drawdown"].baseline / 2)
    assert found["max_drawdown"].low > 0


@pytest.mark.slow
def test_other_commands_refuse_a_book_and_never_ignore_it(
    plan: Ladder, bars: BarSet, some_open: Trades, small: Settings, result: BacktestResult, tmp_path: Path
) -> None:
    message = r"cannot follow \[\[limits\]\] and \[book\] of a plan"
    with pytest.raises(LadderError, match=message):
        simulate(result.simulation.placed, plan)
    with pytest.raises(LadderError, match=message):
        tune(bars, some_open, small, ladder=plan, out=tmp_path / "tuned")
    files = [tmp_path / "first.toml", tmp_path / "second.toml"]
    for file, ladder in zip(files, (ladder_from_mapping(LADDER), plan), strict=True):
        file.write_text(ladder_to_toml(ladder))
    with pytest.raises(LadderError, match=r"second.toml', cannot follow .*Run `exitladder backtest` with each"):
        compare([str(file) for file in files], small, bars=bars, trades=some_open)
    with pytest.raises(LadderError, match=f"{message}.*`exitladder score` lists every evening"):
        export_ladder(plan, "json")


def test_a_daily_loss_that_stops_nothing_is_refused_on_daily_bars(
    bars: BarSet, trades: Trades, small: Settings
) -> None:
    """Entries at the next open are entries of the next day; only purchases of a target are decided at the close."""
    book = {"equity": 100_000, "daily_loss": 0.01}
    with pytest.raises(LadderError, match="it stops nothing"):
        backtest(bars, trades, ladder_from_mapping(LADDER | {"book": book}), small)
    few = trades.take(np.arange(10))
    for plan in ({"book": book | {"daily_loss_action": "close"}}, {"book": book, "target": {"volatility": 0.05}}):
        assert "book" in backtest(bars, few, ladder_from_mapping(LADDER | {"rungs": []} | plan), small).summary


def test_identical_exits_beside_a_plan_are_one_hypothesis() -> None:
    rng = np.random.default_rng(1)
    time = np.arange(60) * 86_400 * 10**9
    ours, same, other = rng.normal(0.4, 1, 60), rng.normal(0.0, 1, 60), rng.normal(0.1, 1, 60)
    results = {"all out": same, "own": other, "without the limits": same.copy()}
    against = {name: compare_r(ours, r, time=time) for name, r in results.items()}
    found = adjusted_p(against, results)
    alone = holm([against["all out"].p_value, against["own"].p_value]).tolist()
    assert [found["all out"], found["own"]] == alone and found["without the limits"] == found["all out"]
    assert found["all out"] < holm([one.p_value for one in against.values()])[0]
