"""The benchmark of a large backtest times functions by their names: each must be the one that the command calls."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def benchmark(root: Path) -> Iterator[Any]:
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("backtest_size")
    sys.path.remove(str(root / "benchmarks"))


@pytest.mark.slow
def test_every_stage_is_timed(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, attribute in benchmark.STAGES.values():
        monkeypatch.setattr(place, attribute, getattr(place, attribute))  # put back afterwards
    size = ["60", "--symbols", "2", "--bars", "700", "--folder", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["backtest_size.py", *size])
    benchmark.main()
    rows = capsys.readouterr().out.splitlines()[2:]
    seconds = {row[:36].strip(): float(row[36:45]) for row in rows}
    assert set(seconds) == {*benchmark.STAGES, "the rest", "together"}
    assert seconds["together"] > 0
    assert (tmp_path / "all" / "out" / "summary.json").is_file()
