"""The page on Python: its code runs, and its table names the functions that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import exitladder

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "python.md").read_text(encoding="utf-8")


def test_the_code_runs_and_its_results_are_tables(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code.replace('"enabled": False}', '"enabled": False}, "validation": {"n_bootstrap": 100}'), found)
    assert len(found["first"].to_frame()) == len(found["trades"])
    (pair,) = exitladder.compare([found["first"], found["second"]], found["quick"])["pairs"]
    assert (pair["source"], pair["against"]) == ("half at 3R", "half at 1R")


def test_the_table_names_functions_that_are_there() -> None:
    named = set(re.findall(r"^\| `([a-z_]+)\(", PAGE, re.MULTILINE))
    assert named and named <= set(exitladder.__all__)
