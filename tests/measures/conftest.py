"""The fixtures of the tests of execution, which the measures rest on."""

from __future__ import annotations

import runpy
from pathlib import Path

_SHARED = runpy.run_path(str(Path(__file__).resolve().parents[1] / "execution" / "conftest.py"))
run, exits, placed_on, bars_from, worlds, paths = (
    _SHARED[name] for name in ("run", "exits", "placed_on", "bars_from", "worlds", "paths")
)
