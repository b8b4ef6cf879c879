"""Running the program: inside this process where its output matters, as a process of its own where its end does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exitladder.cli import main

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def invoke(*args: object) -> Result:
        return CliRunner().invoke(main, [str(a) for a in args])

    return invoke


@pytest.fixture(scope="session")
def environment(root: Path) -> dict[str, str]:
    """What a process needs to find this package, installed or not."""
    path = os.pathsep.join(filter(None, [str(root / "src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


@pytest.fixture
def process(tmp_path: Path, environment: dict[str, str]) -> Process:
    """Run the real program in an empty folder."""

    def start(*args: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "exitladder", *(str(a) for a in args)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    return start


@pytest.fixture(scope="session")
def sample() -> Path:
    """Folder of the sample bars."""
    import exitladder.sample

    return Path(exitladder.sample.__file__).parent
