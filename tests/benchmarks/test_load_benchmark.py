"""The load benchmark, in small: ``benchmarks/load.py`` runs it in full."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def load(root: Path) -> Iterator[Any]:
    """The benchmark, which is no package."""
    sys.path.insert(0, str(root / "benchmarks"))
    yield importlib.import_module("load")
    sys.path.remove(str(root / "benchmarks"))


@pytest.mark.parametrize(
    ("told", "longest"),
    [
        ([], 10.0),
        ([(0.0, 10.0)], 0.0),
        ([(1.0, 4.0), (4.5, 9.0)], 1.0),
        # one stage inside another, told before it
        ([(3.0, 4.0), (1.0, 8.0)], 2.0),
        ([(1.0, 2.0), (7.0, 9.0)], 5.0),
    ],
)
def test_the_longest_silence_is_outside_every_stage(load: Any, told: list[tuple[float, float]], longest: float) -> None:
    assert load._longest_gap(told, 10.0) == longest


@pytest.mark.slow
def test_a_command_is_measured(load: Any, tmp_path: Path) -> None:
    load.write_book(tmp_path, 3, 600, 30)
    used = load.run(tmp_path, load.COMMANDS["bars check"])
    assert used.status == 0, used.output
    # Linux counts the memory of the process that starts another as the other's too: here, that of many tests.
    assert used.gigabytes > 0.05
    assert 0 < used.silent_seconds <= used.seconds
    assert load.run(tmp_path, ["bars", "check", "absent.parquet"]).status != 0
