"""What is listed as slow is there."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def test_every_slow_path_is_there(root: Path) -> None:
    spec = importlib.util.spec_from_file_location("tests_conftest", root / "tests" / "conftest.py")
    assert spec is not None and spec.loader is not None
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    for path in conftest.SLOW:
        file = path.split("::")[0]
        assert list((root / "tests").glob(f"{file}*")), f"tests/{path} is listed as slow, but is not there"
