"""What tests of several rooms share."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Processes that share a machine share its cores: LightGBM's threads, waiting for each other in turns, would take many
# times as long. Libraries read this when they are loaded, so it comes first.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
if _WORKERS:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

EXAMPLES = int(os.environ.get("EXITLADDER_EXAMPLES", "60"))
settings.register_profile(
    "exitladder",
    max_examples=EXAMPLES,
    deadline=None,
    # The same examples at every run, so that a red run can be repeated; EXITLADDER_RANDOM=1 looks for new ones.
    derandomize="EXITLADDER_RANDOM" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("exitladder")

ROOT = Path(__file__).resolve().parent.parent

# What `make test-fast` leaves out: paths, or the beginnings of tests' names, below tests/.
SLOW = (
    "benchmarks",
    "cli/commands/test_bars_fetch.py",
    "cli/test_on_a_cluster.py",
    "cli/test_outside_data.py",
    "cli/test_program.py",
    "cli/test_whole_way.py",
    "compatibility",
    "execution/test_driftless_markets.py",
    "execution/test_exit_theory",
    "execution/test_kernel_against_reference.py",
    "exporters/test_programs.py",
    "external",
    "faults",
    "features/test_parallel.py",
    "importers/test_programs.py",
    "models/exhaustion",
    "models/forests",
    "models/search",
    "notebooks",
    "packaging",
    "pipelines",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow, and leave long proofs to `.ci/long`, which sets EXITLADDER_LONG.

    There, properties that ask for few examples get a quarter of the proof's.
    """
    if "EXITLADDER_LONG" not in os.environ:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    starts = tuple(f"tests/{path}" for path in SLOW)
    for item in items:
        if item.nodeid.startswith(starts):
            item.add_marker(pytest.mark.slow)
        test: Any = getattr(item, "obj", None)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None and "EXITLADDER_LONG" in os.environ and own.max_examples < EXAMPLES // 4:
            test._hypothesis_internal_use_settings = settings(own, max_examples=EXAMPLES // 4)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real market data beside the project; skips where it is absent."""
    folder = Path(os.environ.get("EXITLADDER_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "MANIFEST.csv").is_file():
        pytest.skip(f"the real market data is not at {folder} (set EXITLADDER_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def external() -> Callable[[str], Path]:
    """The Python of a program's own environment, or a program of the system; skips with the reason where it is not.

    ``external("freqtrade")`` gives a path; nothing is installed by a test (``python tools/external.py freqtrade``).
    """
    spec = importlib.util.spec_from_file_location("external_tools", ROOT / "tools" / "external.py")
    assert spec is not None and spec.loader is not None
    tools = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tools)

    def find(name: str) -> Path:
        try:
            found: Path = tools.find(name)
        except tools.NotHereError as reason:
            pytest.skip(str(reason))
        return found

    return find
