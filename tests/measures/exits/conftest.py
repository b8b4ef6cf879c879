"""The fixtures of the tests of execution, which these measures rest on."""

from __future__ import annotations

import runpy
from pathlib import Path

_SHARED = runpy.run_path(str(Path(__file__).resolve().parents[2] / "execution" / "conftest.py"))
run, placed_on, bars_from, worlds = (_SHARED[name] for name in ("run", "placed_on", "bars_from", "worlds"))
