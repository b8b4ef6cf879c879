"""``exitladder export``: where the file goes, hooks, positions for ccxt, and wrong usage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
LADDER = """
[[rungs]]
fraction = 0.5
target = "1R"
[[rungs]]
fraction = 0.25
when = ["exhaustion >= 0.7"]
[stop]
initial = "2%"
"""


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    path = tmp_path / "ladder.toml"
    path.write_text(LADDER)
    return path


def test_the_file_goes_to_stdout_or_to_its_place(run: Run, ladder: Path, tmp_path: Path) -> None:
    shown = run("export", ladder, "--to", "json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["runner"] == 0.25
    assert run("export", ladder, "--to", "json", "--out", "l.json").exit_code == 0
    assert (tmp_path / "l.json").read_text() == shown.stdout


def test_a_model_rung_needs_hooks(run: Run, ladder: Path) -> None:
    refused = run("export", ladder, "--to", "pine")
    assert refused.exit_code == 1 and "rungs[2].when" in refused.output and "--hooks" in refused.output
    made = run("export", ladder, "--to", "pine", "--hooks")
    assert made.exit_code == 0
    assert "seriesValue" in made.stderr and "runtime.error" in made.stdout


def test_ccxt_takes_a_position(run: Run, ladder: Path) -> None:
    position = ("--market", "BTC/USDT:USDT", "--side", "short", "--entry-price", 100, "--quantity", 8)
    made = run("export", ladder, "--to", "ccxt", "--hooks", "--exchange", "okx", *position)
    table = json.loads(made.stdout)
    assert list(table["exchanges"]) == ["okx"]
    assert [o["amount"] for o in table["exchanges"]["okx"]["orders"]] == [4, 4, 2, 2]
    # an unknown exchange is named before anything else that is wrong
    unknown = run("export", ladder, "--to", "ccxt", "--exchange", "okey", *position[:4])
    assert unknown.exit_code == 1 and "but is 'okey'" in unknown.output and "hooks" not in unknown.output
    assert run("export", ladder, "--to", "ccxt", "--hooks", *position[:4]).exit_code == 2
    assert run("export", ladder, "--to", "json", *position).exit_code == 2
    assert run("export", ladder, "--to", "ccxt", "--hooks", *position[:-1], "nan").exit_code == 1
