"""A backtest of a book on real bars, and the commands that refuse such a plan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import LadderError
from exitladder.execution import simulate
from exitladder.exporters.export import export_ladder
from exitladder.pipelines.backtest import BacktestResult, backtest
from exitladder.pipelines.backtest_summary import WITHOUT_LIMITS, adjusted_p
from exitladder.pipelines.pages.account import book_tables
from exitladder.pipelines.score import score
from exitladder.pipelines.tune import tune
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.statistics.comparison import compare_r, holm
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
def test_other_commands_refuse_a_book_and_never_ignore_it(
    plan: Ladder, bars: BarSet, some_open: Trades, small: Settings, result: BacktestResult, tmp_path: Path
) -> None:
    message = r"cannot yet follow \[\[limits\]\] and \[book\] of a plan"
    with pytest.raises(LadderError, match=message):
        simulate(result.simulation.placed, plan)
    with pytest.raises(LadderError, match=message):
        score(bars, some_open, plan, None, small)
    with pytest.raises(LadderError, match=message):
        tune(bars, some_open, small, ladder=plan, out=tmp_path / "tuned")
    with pytest.raises(LadderError, match=message):
        export_ladder(plan, "json")


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
