"""Exports for Python engines run in those engines, and their fills are the engine's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.exporters.markets import Filled, gathered, market, sales, trades_on, write_csv

from exitladder.execution import simulate
from exitladder.exporters import export_ladder
from exitladder.plans.file import ladder_from_mapping

LADDER = {
    "rungs": [
        {"fraction": 0.25, "target": "1R"},
        {"fraction": 0.25, "target": "2R", "stop": "0.5R", "trail": "2ATR", "trail_after": 1},
        {"fraction": 0.1, "target": "-0.5R"},
        {"fraction": 0.2, "when": ["give_back_r >= 0.8", "bars_held >= 3"]},
    ],
    "stop": {"breakeven_after": 1, "breakeven_offset": "0.1R", "trail": "3ATR", "trail_from": "1.5R", "time": 12},
    "costs": {"tick": 0.25, "lot": 1.0},
}


def test_the_export_runs_there_with_the_same_fills(
    external: Callable[[str], Path], program: str, tmp_path: Path
) -> None:
    python = external(program)
    ladder = ladder_from_mapping(LADDER)
    placed = trades_on(market(3), 3, n=6)
    write_csv(placed, tmp_path)
    (tmp_path / "exits.py").write_text(export_ladder(ladder, program).text)
    # Compiling takes longer than running.
    done = subprocess.run(
        [python, "exits.py", "bars.csv", "trades.csv", "fills.csv"],
        cwd=tmp_path,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "fills.csv", parse_dates=["bar_time"])
    bars = pd.DatetimeIndex(pd.to_datetime(placed.bars.time, utc=True))
    theirs: dict[str, list[Filled]] = {str(name): [] for name in placed.trades.trade_id}
    at = bars.get_indexer(pd.DatetimeIndex(table["bar_time"]))
    for name, bar, price, quantity in zip(table["trade_id"], at, table["price"], table["quantity"], strict=True):
        theirs[str(name)].append((int(bar), float(price), float(quantity)))
    assert [gathered(fills) for fills in theirs.values()] == sales(simulate(placed, ladder))


@pytest.fixture(params=["backtesting", pytest.param("vectorbt", marks=pytest.mark.slow)])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)
