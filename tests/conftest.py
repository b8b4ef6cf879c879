"""What tests of several rooms share."""

from __future__ import annotations

import os
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
