"""``exitladder plan``: the tranches of a plan, with the quantity given or from the rule of its sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
TURTLE = (
    """
atr_window = 20
[stop]
initial = "2ATR"
"""
    + 3
    * """
[[adds]]
quantity = 1.0
at = "0.5ATR"
spacing = "previous"
stop = "2ATR"
"""
)
RULE = """
[size]
rule = "fraction"
fraction = 0.01
[book]
equity = 50000
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "turtle.toml"
    path.write_text(TURTLE + RULE)
    return path


def test_the_turtle_on_gold(run: Run, plan: Path) -> None:
    """W is 5N for each unit of the first quantity: 1% of 100,000 buys 80 at first."""
    shown = run("plan", plan, "--entry", 310, "--atr", 2.5, "--equity", 100_000, "--format", "json")
    rows = json.loads(shown.stdout)
    assert [row["price"] for row in rows] == [310.0, 311.25, 312.5, 313.75]
    assert [row["held"] for row in rows] == pytest.approx([80, 160, 240, 320])
    assert [row["risk"] for row in rows] == pytest.approx([400, 700, 900, 1000])
    assert "planned risk 1,000.00, 1.00% of equity" in shown.stderr
    half = run("plan", plan, "--entry", 310, "--atr", 2.5, "--format", "json")
    assert json.loads(half.stdout)[0]["quantity"] == pytest.approx(40)


def test_a_quantity_of_the_trade(run: Run, plan: Path, tmp_path: Path) -> None:
    shown = run("plan", plan, "--entry", 100, "--stop", 110, "--side", "short", "--quantity", 3, "--atr", 5)
    assert shown.exit_code == 0 and "add 3" in shown.stdout
    (tmp_path / "bare.toml").write_text(TURTLE)
    assert run("plan", "bare.toml", "--entry", 100, "--atr", 5).exit_code == 2
    refused = run("plan", plan, "--entry", 100)
    assert refused.exit_code == 1 and "Give stop or atr" in refused.stderr
    assert run("plan", plan, "--entry", "nan", "--atr", 5).exit_code == 1
