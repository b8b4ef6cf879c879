"""The commands of the page on tonight's orders, run as they stand there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from exitladder.cli import main
from exitladder.pipelines.advice.rows.columns import COLUMNS
from exitladder.pipelines.advice.schema import score_schema
from exitladder.sample import load_sample_bars

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "evening.md").read_text()
LADDER = """
name = "plain"
rungs = [{fraction = 0.25, target = "1R"}, {fraction = 0.25, target = "2R"}]
stop = {initial = "2ATR", breakeven_after = 1, trail = "3ATR", trail_after = 1}
costs = {lot = 1, tick = 0.01, min_quantity = 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bars of two symbols until 14 January 2013, the newer ones, four open trades, one invalid and one closed."""
    path = tmp_path_factory.mktemp("evening")
    bars = load_sample_bars()[0]
    cut = pd.Timestamp("2013-01-15")
    rows = []
    for symbol in ("FB", "IBM"):
        one = bars[symbol]
        frame = pd.DataFrame(
            {
                "timestamp": pd.to_datetime(one.time),
                "open": one.open,
                "high": one.high,
                "low": one.low,
                "close": one.close,
            }
        )
        frame = frame[(frame["timestamp"] >= "2012-06-01") & (frame["timestamp"] < "2013-01-17")]
        for name, part in (("data", frame["timestamp"] < cut), ("new", frame["timestamp"] >= cut - pd.Timedelta("5D"))):
            (path / name).mkdir(exist_ok=True)
            frame[part].to_parquet(path / name / f"{symbol}-1d.parquet")
        for k, at in enumerate((60, 100)):
            entry = frame.iloc[at]
            rows.append({
                "trade_id": f"{symbol}-{k}", "symbol": symbol, "side": "long", "entry_time": str(entry["timestamp"]),
                "entry_price": entry["open"], "quantity": 13 + k, "stop_price": round(entry["open"] * 0.9, 2),
                "quantity_open": 13 if k == 0 else np.nan,
            })  # fmt: skip
    rows.append({**rows[0], "trade_id": "wrong", "stop_price": 999.0})
    rows.append(
        {**rows[0], "trade_id": "closed", "exit_time": "2012-12-03", "exit_price": 25.0, "quantity_open": np.nan}
    )
    pd.DataFrame(rows).to_csv(path / "trades.csv", index=False)
    (path / "ladder.toml").write_text(LADDER)
    (path / "exitladder.toml").write_text("[tracking]\nenabled = false\n")
    return path


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Any]:
    """The exit code and the output of each command of the page, in their order."""
    commands = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return {line: CliRunner().invoke(main, shlex.split(line)[1:]) for line in commands}


def rows_of(path: Path) -> dict[str, Any]:
    return {row["trade_id"]: row for row in json.loads(path.read_text())}


def test_each_command_ends_as_the_page_says(results: dict[str, Any]) -> None:
    assert len(results) == 5
    for line, result in results.items():
        assert result.exit_code == (3 if "--exit-code" in line else 0), result.output


def test_one_bad_trade_is_named_and_the_others_are_scored(folder: Path, results: dict[str, Any]) -> None:
    rows = rows_of(folder / "wednesday.json")
    assert set(rows) == {"FB-0", "FB-1", "IBM-0", "IBM-1", "wrong"}
    assert "stop_price must be below entry_price" in rows["wrong"]["summary"]
    assert rows["FB-1"]["orders"] == [] and "quantity_open" in rows["FB-1"]["summary"]
    assert rows["FB-0"]["orders"] and rows["FB-0"]["managed_from"] == "2013-01-16"


def test_outputs_hold_the_published_schema(folder: Path, results: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the extra notebooks")
    schema = json.loads((DOCS / "score.schema.json").read_text())
    assert schema == score_schema()
    for name in ("tuesday.json", "wednesday.json", "shared.json"):
        jsonschema.validate(json.loads((folder / name).read_text()), schema)
    printed = next(result for line, result in results.items() if "--format csv" in line).stdout
    assert printed.splitlines()[0].split(",") == list(COLUMNS)


def test_shared_scores_have_no_names_and_no_money(folder: Path, results: dict[str, Any]) -> None:
    text = (folder / "shared.json").read_text()
    assert not re.search(r"FB|IBM", text)
    for row in json.loads(text):
        assert row["price"] is row["quantity_open"] is row["stop_price"] is row["risk_now"] is None
        assert row["orders"] == row["warnings"] == []


def test_the_python_of_the_page(folder: Path, results: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    trades = pd.read_csv("trades.csv")
    trades[trades["trade_id"] != "wrong"].to_csv("trades.csv", index=False)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code.replace("exitladder.Settings()", "exitladder.load_settings('exitladder.toml')"), found)
    assert set(found["result"].frame["trade_id"]) == {"FB-0", "FB-1"}
    assert (found["result"].frame["urgency"] != "ask").all()


def test_old_bars_are_told_by_the_exit_code_and_in_every_output(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars until Wednesday 16 January 2013; a job on Friday the 18th ends with 4, one on the 17th at noon with 0."""
    monkeypatch.chdir(folder)
    trades = pd.read_csv("trades.csv", dtype=str)
    trades[trades["trade_id"].isin(["FB-0", "IBM-0"])].to_csv("two.csv", index=False)
    call = "score --bars data --trades two.csv --ladder ladder.toml --exit-code --format"
    old = CliRunner().invoke(main, [*call.split(), "json", "--asof", "2013-01-18"])
    assert old.exit_code == 4 and "bars are old for 2 of 2 open trades: at least 2 missing" in " ".join(
        old.stderr.split()
    )
    assert [row["bars_missed"] for row in json.loads(old.stdout)] == [2, 2]
    fresh = CliRunner().invoke(main, [*call.split(), "csv", "--asof", "2013-01-17 12:00"])
    assert fresh.exit_code == 0 and "bars are old" not in fresh.stderr
