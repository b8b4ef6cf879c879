"""Kernels run as plain Python find what compiled kernels find, to the bit, on random worlds."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

N_WORLDS = int(os.environ.get("EXITLADDER_EXAMPLES", "80"))
MODES = """
import sys
from exitladder.runtime import interpreting
interpreting.permit()
assert interpreting.interpret_if_small(1)
sys.argv = [{file!r}]
import runpy
runpy.run_path({file!r}, run_name="__main__")
assert "numba" not in sys.modules
"""


def digests(drawn: list[dict[str, Any]], finer_of: Callable[..., Any]) -> list[str]:
    """Return a digest of everything that was simulated in each world, or the refusal."""
    from exitladder.errors import ExitladderError
    from exitladder.execution import simulate
    from exitladder.execution.signals import Signals
    from exitladder.plans.file import ladder_from_mapping

    out = []
    for table in drawn:
        placed, finer = finer_of(table["world"])
        arrays = {name: np.array(values) for name, values in table["world"]["series"].items()}
        signals = Signals.from_bars(placed, arrays, arrays)
        try:
            done = simulate(placed, ladder_from_mapping(table["plan"]), signals, finer=finer)
        except ExitladderError as error:
            out.append(str(error))
            continue
        digest = hashlib.sha256()
        for array in (done.states, done.rungs, done.growth, done.adds, *vars(done.fills).values()):
            if array is not None:
                values = np.array(array, dtype=np.float64)
                values[np.isnan(values)] = np.nan
                digest.update(values.tobytes())
        out.append(digest.hexdigest())
    return out


@cache
def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"interpreted_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _placed_with_finer(table: dict[str, Any]) -> Any:
    """Return the trades of a world on its bars, and its finer bars."""
    shared, against = _module("conftest"), _module("test_kernel_against_reference")
    world = _module("worlds").World(**{**table, "finer": {int(t): rows for t, rows in table["finer"].items()}})
    return against.on_bars(world, shared.place), against.finer_set(world, shared.bars_of)


@pytest.mark.slow
def test_plain_python_gives_the_same_bits(worlds: ModuleType) -> None:
    drawn: list[dict[str, Any]] = []

    @settings(
        max_examples=N_WORLDS, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(data=st.data())
    def draw(data: st.DataObject) -> None:
        is_plan = data.draw(st.booleans())
        world = data.draw(worlds.worlds(with_slices=False if is_plan else None))
        plan = data.draw(worlds.plan_tables(world)) if is_plan else world.ladder
        drawn.append({"world": asdict(world), "plan": plan})

    draw()
    script = MODES.format(file=__file__)
    done = subprocess.run([sys.executable, "-c", script], input=json.dumps(drawn), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    interpreted = json.loads(done.stdout)
    assert interpreted == digests(json.loads(json.dumps(drawn)), _placed_with_finer)
    assert len(set(interpreted)) > N_WORLDS // 2


if __name__ == "__main__":
    sys.stdout.write(json.dumps(digests(json.load(sys.stdin), _placed_with_finer)))
