"""Trades in and ladders out, promotion and the whole run from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import exitladder
from exitladder.errors import InputTypeError, LadderError, TrackingError, TradesError
from exitladder.pipelines.backtest import BacktestResult

LADDER = {"name": "half", "rungs": [{"fraction": 0.5, "target": "1R"}], "stop": {"initial": "2%", "time": 40}}
BROKER = pd.DataFrame(
    {
        "Ticker": ["ACME", "ACME"], "Dir": ["buy", "sell"], "Opened": ["2024-01-02", "2024-01-05"],
        "In": [100.0, 101.0], "Size": [10, 5], "Stop": [98.0, 103.0],
    }
)  # fmt: skip
NAMED = {
    "Ticker": "symbol", "Dir": "side", "Opened": "entry_time", "In": "entry_price", "Size": "quantity",
    "Stop": "stop_price",
}  # fmt: skip


def test_a_table_of_trades_is_imported_by_its_columns() -> None:
    found = exitladder.import_trades(BROKER, columns=NAMED)
    assert found.trades.side.tolist() == [1, -1] and found.fills is None and found.notes
    assert found.to_frame()["entry_price"].tolist() == [100.0, 101.0]
    assert repr(found).startswith("Imported: a table of trades; 2 trades in 1 symbol")
    with pytest.raises(TradesError, match=r"read one table"):
        exitladder.import_trades([BROKER, BROKER], columns=NAMED)
    with pytest.raises(InputTypeError, match=r"sources must be .* list of them"):
        exitladder.import_trades(3)


def test_fills_of_a_known_program_are_grouped_as_the_command_does(tmp_path: Path) -> None:
    fills = pd.DataFrame(
        {
            "time": ["2024-01-02 15:00", "2024-01-03 15:00", "2024-01-04 15:00"], "symbol": "ACME",
            "side": ["buy", "sell", "sell"], "price": [100.0, 103.0, 104.0], "quantity": [10, 4, 6],
        }
    )  # fmt: skip
    fills.to_csv(tmp_path / "fills.csv", index=False)
    whole = exitladder.import_trades(tmp_path / "fills.csv", settings={"data": {"tz": "America/New_York"}})
    table = exitladder.import_trades([fills], settings={"data": {"tz": "America/New_York"}})
    assert len(whole.trades) == 1 and whole.fills is not None and len(whole.fills) == 3
    assert str(whole.to_frame()["entry_time"].iloc[0]) == "2024-01-02 20:00:00+00:00"
    columns = ["symbol", "side", "entry_time", "entry_price", "quantity", "exit_time", "exit_price"]
    pd.testing.assert_frame_equal(whole.to_frame()[columns], table.to_frame()[columns])


def test_a_ladder_is_exported(tmp_path: Path) -> None:
    made = exitladder.export(LADDER, "backtesting", out=tmp_path / "exits.py")
    assert (tmp_path / "exits.py").read_text() == made.text and "class" in made.text
    assert set(made.to_frame()["kind"]) == {"differs"} and "lines" in repr(made)
    where = {"symbol": "BTC/USDT:USDT", "side": "short", "entry": 100, "quantity": 2, "stop": 105}
    timeless = {**LADDER, "stop": {"initial": "2%"}}
    orders = exitladder.export(timeless, "ccxt", position=where, exchanges=["bybit"])
    assert '"buy"' in orders.text and "BTC/USDT:USDT" in orders.text
    for wrong, error in (({"symbol": "X"}, InputTypeError), ({**where, "side": 0}, InputTypeError)):
        with pytest.raises(error, match=r"position.*Write position="):
            exitladder.export(timeless, "ccxt", position=wrong)
    with pytest.raises(LadderError, match=r"'quantity'.*above 0"):
        exitladder.export(timeless, "ccxt", position={**where, "quantity": -1})
    with pytest.raises(LadderError, match=r"apply to to='ccxt' only"):
        exitladder.export(LADDER, "json", position=where)


@pytest.fixture
def project(tmp_path: Path) -> dict[str, Any]:
    return {
        "tracking": {"store": str(tmp_path / "runs")},
        "validation": {"n_bootstrap": 100},
        "promotion": {"min_trades": 5, "min_days": 5},
    }


def test_runs_are_promoted_and_taken_back(project: dict[str, Any]) -> None:
    sample, _ = exitladder.load_sample_bars()
    bars = {"FB": sample["FB"].head(300).to_frame()}
    trades = exitladder.make_trades(bars, "random")

    def tested(name: str, target: str) -> BacktestResult:
        plan = {"name": name, "rungs": [{"fraction": 0.5, "target": target}], "stop": {"initial": "2%", "time": 20}}
        done: BacktestResult = exitladder.backtest(bars, trades, plan, project)
        return done

    first, second = tested("one", "1R"), tested("two", "2R")
    done = exitladder.promote(first, "challenger", project)
    assert done.promotion.run_id == first.run_id and f"{first.run_id} is challenger" in repr(done)
    assert {"rule", "has_passed"} <= set(done.to_frame())
    exitladder.promote(second.run_id, "challenger", project, because="better")
    back = exitladder.rollback("challenger", project)
    assert back.promotion.run_id == first.run_id
    history = exitladder.promotion_history(project, "challenger")
    assert history["action"].tolist() == ["rollback", "promote", "promote"]
    with pytest.raises(TrackingError, match=r"no champion now"):
        exitladder.rollback("champion", project)
    with pytest.raises(InputTypeError, match=r"run must be a run id"):
        exitladder.promote(3)


def test_the_whole_run_passes_on_what_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from exitladder.pipelines import run as pipeline

    seen: dict[str, Any] = {}

    def record(bars: Any, trades: Any, settings: Any, **how: Any) -> str:
        seen.update(how, bars=bars, trades=trades, settings=settings)
        return "done"

    monkeypatch.setattr(pipeline, "run", record)
    sample, _ = exitladder.load_sample_bars()
    table = sample["FB"].head(200).to_frame().set_index("timestamp")
    trades = exitladder.make_trades({"FB": table}, "random")
    settings = {"tuning": {"n_trials": 7}}
    assert exitladder.run(table, trades.to_frame(), settings, out=tmp_path, ladder=LADDER) == "done"
    assert seen["settings"].tuning.n_trials == 7 and seen["ladder"].name == "half" and seen["out"] == tmp_path
    assert seen["bars"].symbols == ("FB",) and len(seen["trades"]) == len(trades)
    wrong: Any = 3
    with pytest.raises(InputTypeError):
        exitladder.run(table, wrong, out=tmp_path)
