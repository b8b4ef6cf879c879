"""The whole job on a plan: its adds in the search, its sizes in the account, and nothing left out without a word."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.run import run_screen
from exitladder.errors import LadderError
from exitladder.pipelines.run import RunResult, run
from exitladder.plans.file import ladder_from_mapping, read_ladder
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import sized_like
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

PLAN = {
    "name": "mine",
    "adds": [{"quantity": 1.0, "at": "0.5ATR", "spacing": "previous", "stop": "2ATR"}] * 2,
    "stop": {"initial": "2ATR", "trail": "4ATR", "time": 30},
    "size": {"rule": "fraction", "fraction": 0.005, "maximum_equity": 2.0},
    "book": {"equity": 100000.0},
    "costs": {"commission_bps": 2.0, "slippage_bps": 3.0},
}
TINY = {
    "model": {"n_estimators": 3},
    "validation": {"n_folds": 2, "n_test_parts": 1, "n_bootstrap": 100},
    "tuning": {"n_trials": 3},
}


@dataclass(frozen=True)
class Whole:
    """A run, its folder and the lines that it told."""

    result: RunResult
    folder: Path
    told: list[str]


@pytest.fixture(scope="module")
def plan() -> Ladder:
    return ladder_from_mapping(PLAN)


@pytest.fixture(scope="module")
def whole(
    bars: BarSet, some_open: Trades, small: Settings, plan: Ladder, tmp_path_factory: pytest.TempPathFactory
) -> Whole:
    trades = some_open.take(some_open.symbol == "IBM")
    folder = tmp_path_factory.mktemp("run") / "result"
    told: list[str] = []
    result = run(BarSet([bars["IBM"]]), trades, small.with_values(TINY), out=folder, ladder=plan, tell=told.append)
    return Whole(result, folder, told)


@pytest.mark.slow
def test_the_plan_is_in_every_part(whole: Whole, plan: Ladder) -> None:
    found = json.loads((whole.folder / "plan" / "summary.json").read_text(encoding="utf-8"))
    assert found["adds"]["n_adds"] > 0
    assert "without the adds" in found["beside"]
    assert found["sizes"]["rule"] == "fraction"
    assert read_ladder(whole.folder / "plan" / "ladder.toml") == plan
    # the search tries the plan with its adds and without, and no quantity
    tuned = whole.result.tuned.tuned
    tried = [ladder for choice in tuned.folds for ladder in choice.search.ladders]
    assert any(len(ladder.adds) == 2 for ladder in tried)
    assert not any(ladder.size.is_sized for ladder in tried)
    assert any("without it" in line for line in whole.told)
    compared = whole.result.comparison["sources"]
    assert {"mine"} < set(compared)
    for page in ("index.html", "plan.html", "comparison.html"):
        html = (whole.folder / page).read_text(encoding="utf-8")
        assert 'href="plan.html"' in html
        assert "Your plan" in html
    assert "your plan" in run_screen(whole.result.to_mapping(), "result", 80)
    steps = whole.result.to_frame().set_index("part")["found"]
    assert "Against the same ladder without the adds" in steps["Your plan"]
    assert "Sized by 0.5% of equity at risk" in steps["Your plan"]


@pytest.mark.slow
def test_the_recommended_exit_has_the_quantities_of_the_size_rule(whole: Whole) -> None:
    folder = whole.folder / "recommended"
    advised, tested = read_ladder(whole.folder / "tuned" / "recommended.toml"), read_ladder(folder / "ladder.toml")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    if advised.tuned is not None and advised.tuned.choice == "own_exits":
        assert not tested.size.is_sized
        assert "sizes" not in summary
    else:
        assert tested.size.rule == summary["sizes"]["rule"] == "fraction"
        assert tested.size.maximum_equity == 2.0


def test_a_size_rule_is_lent_to_exits_that_are_executed(plan: Ladder) -> None:
    exits = ladder_from_mapping({"stop": {"initial": "2ATR", "time": 10}})
    lent = sized_like(exits, plan)
    assert (lent.size, lent.book) == (plan.size, plan.book)
    assert sized_like(exits, exits) == exits
    limited = ladder_from_mapping({"stop": {"initial": "2ATR", "time": 10}, "size": {"maximum": 2.0}})
    assert sized_like(limited, plan).size == replace(plan.size, maximum_equity=None, maximum=2.0)


def test_what_a_run_cannot_do_with_a_plan_is_refused_before_the_training(
    bars: BarSet, some_open: Trades, small: Settings, tmp_path: Path
) -> None:
    reads = PLAN | {"rungs": [{"fraction": 0.5, "when": "exhaustion >= 0.7"}]}
    book = {"stop": {"initial": "2ATR"}, "book": {"equity": 1e5, "max_open": 3}}
    searched = small.with_values({"search": {"adds": ["pyramid"], "add_maximum": [2.0, 3.0]}})
    for table, settings, text in (
        (reads, small, "reads exhaustion"),
        (book, small, "A run that tunes ladders cannot follow"),
        (PLAN, searched, "search.add_maximum"),
    ):
        with pytest.raises(LadderError, match=text):
            run(bars, some_open, settings, out=tmp_path / "out", ladder=ladder_from_mapping(table))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_without_any_exit_the_trades_that_the_recommended_exit_holds_are_open(
    bars: BarSet, trades: Trades, small: Settings, tmp_path: Path
) -> None:
    some = trades.take(trades.symbol == "IBM")
    assert some.is_open.all()
    ladder = ladder_from_mapping({"name": "slow", "rungs": [], "stop": {"initial": "8ATR", "time": 400}})
    result = run(BarSet([bars["IBM"]]), some, small.with_values(TINY), out=tmp_path / "result", ladder=ladder)
    table = pd.read_csv(tmp_path / "result" / "recommended" / "trades.csv", dtype={"trade_id": str})
    listed = json.loads((tmp_path / "result" / "today.json").read_text(encoding="utf-8"))
    held = set(table.loc[table["status"] == "open", "trade_id"])
    assert {row["trade_id"] for row in listed} == held and result.n_open == len(held)
    # none of them has been closed by the exit whose orders are listed
    assert not any("would have closed" in row["summary"] for row in listed)
