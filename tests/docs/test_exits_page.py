"""The worked example of the page "Exit quality" is run on the page's own files and prints what the page shows."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from exitladder.cli import main
from exitladder.measures.exits.catalogue import measures_of

PAGE = (Path(__file__).parents[2] / "docs" / "exits.md").read_text()
COMMAND = next(line for line in PAGE.splitlines() if line.startswith("exitladder trades exits") and "bars.csv" in line)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's files."""
    monkeypatch.chdir(tmp_path)
    tables = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    for name, text in zip(("bars.csv", "trades.csv", "fills.csv"), tables, strict=True):
        (tmp_path / name).write_text(text)
    (tmp_path / "exitladder.toml").write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])
    return tmp_path


def run(*more: str) -> Result:
    return CliRunner().invoke(main, [*shlex.split(COMMAND)[1:], *more])


def test_it_prints_what_the_page_shows(example: Path) -> None:
    result = run()
    assert result.exit_code == 0, result.stderr
    assert result.stdout == re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_json_and_files_say_the_same(example: Path) -> None:
    found = json.loads(run("--format", "json", "--out", "exits.csv").stdout)
    measures = found["policies"]["your own exits"]
    assert measures["managing"]["money"]["value"] == -750
    assert measures["best_exit"]["hindsight"] is True
    assert any(note.startswith("hindsight") for note in found["notes"])
    assert found["notes"][0].startswith("All results are before costs")
    row = pd.read_csv("exits.csv").iloc[0]
    assert (row["managing_r"], row["money_per_r"], row["hindsight_best_exit_r"]) == (-0.75, 1000, 1.625)
    lines = run("--format", "csv").stdout.splitlines()
    assert lines[0] == "policy,measure,hindsight,n,unit,value,low,high"
    assert "your own exits,managing,False,1,money,-750.0,," in lines


def test_results_are_said_to_be_before_costs_until_costs_are_set(example: Path) -> None:
    assert "before costs" in run().stdout and "before costs" in run().stderr
    paid = run("--set", "costs.commission_bps=1")
    assert paid.exit_code == 0 and "before costs" not in paid.stdout + paid.stderr


def test_what_is_not_given_is_asked_for(example: Path) -> None:
    without = CliRunner().invoke(main, shlex.split(COMMAND.replace("--target 2R", ""))[1:])
    assert "--target" in without.stderr and "managing" not in without.stdout
    (example / "exitladder.toml").write_text("")
    assert "exchange_tz" in run().stderr
    trades = pd.read_csv("trades.csv").drop(columns=["exit_time", "exit_price"])
    trades.to_csv("trades.csv", index=False)
    no_exits = CliRunner().invoke(main, shlex.split(COMMAND.replace("--fills fills.csv", ""))[1:])
    assert no_exits.exit_code == 1 and "exit_time" in no_exits.stderr
    assert run("--bars-later", "0").exit_code == 2


def test_the_page_explains_every_measure() -> None:
    missing = [one.name for one in measures_of(["hindsight_last_exit_5_bars_later_r"]) if f"`{one.name}`" not in PAGE]
    assert [name for name in missing if not re.fullmatch(r"(updraw|drawdown)_(winners|losers)", name)] == []
