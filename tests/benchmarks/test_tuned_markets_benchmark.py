"""The table of markets, on one planted market in small: ``benchmarks/tuned_markets.py`` drives the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

QUICK = ("tuning.n_trials=24", "validation.n_bootstrap=200", "model.n_estimators=10", "project.threads=1")


@pytest.fixture(scope="module")
def markets(root: Path) -> Any:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("tuned_markets")
    sys.path.remove(str(root / "benchmarks"))


def test_a_row_tells_what_the_commands_printed(markets: Any, tmp_path: Path) -> None:
    result = markets.tuned_on("planted", tmp_path, "donchian", list(QUICK), 240)
    assert [command.split()[1] for command in result["commands"]] == ["train", "tune"]
    assert "--model models:/" in result["commands"][1]
    # Of all that was learnt from, only stages that knew nothing of it speak.
    assert result["predictions"]["n_rows_out_of_fold"] > 0 == result["predictions"]["n_rows_final_model"]
    cells = [cell.strip() for cell in markets.line_of(result).strip("|").split("|")]
    assert len(cells) == len(markets.HEADS)
    row = dict(zip(markets.HEADS, cells, strict=True))
    assert (row["market"], row["trades"], row["scored"], row["parts"]) == ("planted", "240", "120", "4")
    assert row["verdict"] == result["verdict"].replace("_", " ")
    assert row["difference (R), 95% CI"].startswith(f"{result['difference_r']:+.3f} (")
    needed = row["more trades needed"]
    assert f"about {needed} more trades" in result["verdict_text"] or needed == "–"


def test_a_command_that_fails_says_why(markets: Any, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"(?s)`exitladder tune .*failed:.*The file 't.csv' does not exist"):
        markets.exitladder(tmp_path, "tune", "--bars", "nothing.parquet", "--trades", "t.csv", "--out", "tuned")
