"""``tune`` and ``run`` with a book on real bars: files, page, record, and a plan that the other commands take."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.run import run_book_screen
from exitladder.cli.screens.tuned_book import tuned_book_screen
from exitladder.errors import LadderError
from exitladder.execution.book.book import simulate_book
from exitladder.execution.book.tonight import AccountNow
from exitladder.pipelines.advice.open_trades import Management
from exitladder.pipelines.backtest import backtest, backtest_walk_forward
from exitladder.pipelines.books.run import run_book
from exitladder.pipelines.report import report
from exitladder.pipelines.score import score
from exitladder.pipelines.tracking.runs import find_run
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.pipelines.tune import TuneBookResult, tune_numbers
from exitladder.pipelines.tuning.samples.replay import read_walk_forward
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

PLAN = {
    "name": "mine",
    "rungs": [],
    "stop": {"initial": "2ATR", "trail": "4ATR", "time": 60},
    "costs": {"commission_bps": 2.0, "slippage_bps": 3.0},
    "limits": [{"when": "open_loss_equity >= 0.005", "reduce_to": 0.5}],
    "book": {"equity": 100_000, "max_open": 3},
}


@pytest.fixture(scope="module")
def plan() -> Ladder:
    return ladder_from_mapping(PLAN)


@pytest.fixture(scope="module")
def few(small: Settings) -> Settings:
    return small.with_values({"tuning": {"book_trials": 5}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("book") / "tuned"


@pytest.fixture(scope="module")
def tuned(bars: BarSet, trades: Trades, few: Settings, plan: Ladder, folder: Path) -> TuneBookResult:
    return tune_numbers(bars, trades, few, plan=plan, out=folder, command="exitladder tune …")


@pytest.mark.slow
def test_the_files_say_what_was_chosen_and_lead_to_the_same_account(tuned: TuneBookResult, folder: Path) -> None:
    found = json.loads((folder / "tune.json").read_text())
    assert found["kind"] == "book" and found["recommendation"] == tuned.headline()
    assert [row["number"] for row in found["numbers"]] == [
        "book.max_open =", "limits[1].open_loss_equity >=", "limits[1].reduce_to =",
    ]  # fmt: skip
    walk = read_walk_forward(folder)
    assert len(walk.ladders) == len(found["folds"]) == 3
    own = read_ladder(folder / "own.toml")
    later = list(zip(walk.cuts.tolist(), walk.ladders, strict=True))
    placed = tuned.tuned.placed
    again = simulate_book(placed, own, later=later)
    table = pd.read_csv(folder / "book.csv")
    np.testing.assert_allclose(again.curve.pnl, table["pnl"], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(simulate_book(placed, own).curve.pnl, table["pnl_own"], rtol=1e-9, atol=1e-6)
    rows = pd.read_csv(folder / "trades.csv", dtype={"trade_id": str})
    assert (rows["sample"] == "out_of_sample").sum() == found["n_test"]
    assert table["pnl"].iloc[-1] == pytest.approx(rows["pnl"].sum())
    trials = pd.read_csv(folder / "trials.csv")
    assert list(trials["kind"])[:2] == ["your own numbers", "no limits"] and len(trials) == found["n_trials"]
    chosen = trials.set_index("trial")["sharpe"]
    assert chosen.max() == chosen[tuned.tuned.final]


@pytest.mark.slow
def test_the_numbers_have_a_page_a_record_and_a_screen(
    tuned: TuneBookResult, few: Settings, folder: Path, tmp_path: Path
) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    for text in ("Accounts out of sample", "Chosen before each part", "no limits, all the money they need", "mine"):
        assert text in page
    again = report(str(folder), tmp_path / "page.html", few).read_text(encoding="utf-8")
    assert again.count("Sharpe ratio") == page.count("Sharpe ratio") > 3
    run = find_run(tuned.run_id, Tracker.from_settings(few).store)
    assert run.kind == "tune" and run.tags["recommended"] == tuned.tuned.choice
    assert run.metrics["n_trials"] == len(tuned.tuned.candidates.plans)
    assert (run.folder / "recommended.toml").is_file() and (run.folder / "index.html").is_file()
    screen = tuned_book_screen(tuned.to_mapping(), "tuned", 80)
    shown = screen.split("\n")[2:]  # the recommendation itself is wrapped by the terminal
    assert max(map(len, shown)) <= 80, max(shown, key=len)
    assert "exit of each trade stays as the plan states it" in " ".join(screen.split())


@pytest.mark.slow
def test_other_commands_take_the_recommended_plan(
    tuned: TuneBookResult, bars: BarSet, trades: Trades, few: Settings, folder: Path, plan: Ladder
) -> None:
    # tuned on all trades: a plan with other numbers than your own says so, and a backtest labels its trades
    chosen = replace(tuned.ladder, tuned=tuned.tuned.provenance(len(tuned.tuned.placed), 2**62))
    assert chosen.limits != plan.limits or chosen.book != plan.book
    recommended = read_ladder(folder / "recommended.toml")
    assert (recommended == plan) == (tuned.tuned.choice == "your own numbers")
    done = backtest(bars, trades, chosen, few)
    assert done.summary["sample"] == "in_sample" and done.summary["verdict"] is None
    assert done.summary["book"]["equity_start"] == 100_000
    open_trades = trades.take(trades.entry_time > np.sort(trades.entry_time)[-4])
    how = Management(account=AccountNow(100_000.0, 100_000.0))
    assert len(score(bars, open_trades, recommended, None, few, management=how).frame) == len(open_trades)
    with pytest.raises(LadderError, match=r"goes on from part to part.*book\.csv, trades\.csv and fills\.csv there"):
        backtest_walk_forward(bars, trades, folder, few)


@pytest.mark.slow
def test_a_whole_run_on_a_book(bars: BarSet, trades: Trades, few: Settings, plan: Ladder, tmp_path: Path) -> None:
    told: list[str] = []
    one = trades.take(np.isin(trades.symbol.astype(str), ["IBM", "MSFT"]))
    settings = few.with_values({"tuning": {"book_trials": 2}})
    result = run_book(bars, one, settings, plan=plan, out=tmp_path / "run", tell=told.append)
    assert [line.split(": ")[0] for line in told] == ["part 2 of 4", "part 3 of 4", "part 4 of 4"]
    summary = (tmp_path / "run" / "index.html").read_text(encoding="utf-8")
    for step in result.steps:
        assert (tmp_path / "run" / step.address).is_file() and f'href="{step.address}"' in summary
    written = json.loads((tmp_path / "run" / "run.json").read_text())
    assert written["plans"]["plan"]["net_pnl"] == result.tested["plan"].summary["book"]["net_pnl"]
    lines = run_book_screen(result.to_mapping(), "run", 80).split("\n")[2:]
    assert max(len(line) for line in lines if "index.html" not in line) <= 80
