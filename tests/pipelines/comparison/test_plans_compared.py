"""A plan against a ladder, paired by entry: R counts the planned risk, money stands beside it, adds tie up capital."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.screens.compare import compare_screen
from exitladder.execution import simulate
from exitladder.pipelines.compare import compare
from exitladder.pipelines.comparison.account import taken_trades
from exitladder.pipelines.comparison.sources import Source
from exitladder.plans.file import read_ladder
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import AccountSettings
from exitladder.trades.trades import Trades, place_trades

LADDER = '[stop]\ninitial = "2ATR"\ntrail = "4ATR"\n[costs]\nlot = 1\ntick = 0.01\n'
PLAN = LADDER + '[[adds]]\nquantity = 1.0\nat = "0.5ATR"\nstop = "2ATR"\n[[adds]]\nquantity = 1.0\nat = "-0.5ATR"\n'


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, bars: BarSet, trades: Trades) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("plans")
    (folder / "ladder.toml").write_text(LADDER)
    (folder / "plan.toml").write_text(PLAN)
    settings = load_settings(None, ["tracking.enabled=false", "validation.n_bootstrap=200", "data.splits=keep"])
    some = trades.take(np.argsort(trades.entry_time)[:80])
    names = [str(folder / "ladder.toml"), str(folder / "plan.toml")]
    return compare(names, settings, bars=bars, trades=some), folder


def test_the_pair_is_in_planned_risk_with_money_beside(
    compared: tuple[dict[str, Any], Path], bars: BarSet, trades: Trades
) -> None:
    found, folder = compared
    (pair,) = found["pairs"]
    placed = place_trades(trades.take(np.argsort(trades.entry_time)[:80]), bars)
    plan, ladder = (simulate(placed, read_ladder(folder / name)) for name in ("plan.toml", "ladder.toml"))
    both = np.isfinite(plan.r) & np.isfinite(ladder.r)
    assert pair["n_trades"] == both.sum()
    assert pair["difference_r"] == pytest.approx(float((plan.r - ladder.r)[both].mean()))
    money = pair["money"]
    assert money["planned_risk"]["candidate"] == pytest.approx(float(plan.planned_risk[both].mean()))
    assert money["planned_risk"]["candidate"] > 1.5 * money["planned_risk"]["baseline"]
    assert money["profit"]["difference"] == pytest.approx(float((plan.pnl - ladder.pnl)[both].mean()))
    assert "equal R means equal profit for the money at risk" in pair["verdict_text"]
    assert pair["account"]["candidate"]["n_taken"] <= pair["account"]["baseline"]["n_taken"]
    screen = compare_screen(found, 80)
    lines = [line for line in screen.splitlines() if line.startswith(("R divides by the planned risk", "equal R"))]
    assert lines and max(map(len, lines)) <= 80


def test_a_size_rule_changes_quantities_and_not_r(bars: BarSet, trades: Trades, tmp_path: Path) -> None:
    (tmp_path / "ladder.toml").write_text(LADDER)
    (tmp_path / "sized.toml").write_text(LADDER + '[size]\nrule = "fixed"\nunits = 7.0\n')
    settings = load_settings(None, ["tracking.enabled=false", "validation.n_bootstrap=200", "data.splits=keep"])
    names = [str(tmp_path / "ladder.toml"), str(tmp_path / "sized.toml")]
    some = trades.take(np.argsort(trades.entry_time)[:30])
    (pair,) = compare(names, settings, bars=bars, trades=some)["pairs"]
    assert pair["difference_r"] == pytest.approx(0.0, abs=1e-12)
    assert any("quantity of 30 of 30" in text for text in pair["terms_differ"])


def test_an_add_ties_up_capital_of_the_account() -> None:
    """Two trades of 1,000 fit into 2,000; once the first has added 500, the second does not."""
    table = pd.DataFrame(
        {
            "trade_id": ["A", "B"], "status": "closed", "quantity": 10.0, "entry_price": 100.0,
            "entry_time": pd.to_datetime(["2024-01-01", "2024-01-04"], utc=True), "r": [1.0, 1.0],
        }
    ).set_index("trade_id")  # fmt: skip
    rows = [
        ("A", "2024-01-01", "entry", 10.0), ("A", "2024-01-02", "add", 5.0), ("A", "2024-01-09", "stop", 15.0),
        ("B", "2024-01-04", "entry", 10.0), ("B", "2024-01-08", "stop", 10.0),
    ]  # fmt: skip
    fills = pd.DataFrame(rows, columns=["trade_id", "bar_time", "order", "quantity"])
    source = Source("plan", table, fills)
    without = Source("ladder", table, fills[fills["order"] != "add"])
    limits = AccountSettings(capital=2000.0)
    assert taken_trades(source, table.index, limits)[0].tolist() == [True, False]
    assert taken_trades(without, table.index, limits)[0].tolist() == [True, True]
