"""What tests of several rooms share."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "exitladder",
    max_examples=int(os.environ.get("EXITLADDER_EXAMPLES", "60")),
    deadline=None,
    # The same examples at every run, so that a red run can be repeated; EXITLADDER_RANDOM=1 looks for new ones.
    derandomize="EXITLADDER_RANDOM" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("exitladder")

ROOT = Path(__file__).resolve().parent.parent


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
