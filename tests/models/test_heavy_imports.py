"""Heavy libraries are known to few files, and loaded at first use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("library", "files"),
    [
        ("lightgbm", {"forests/boosting.py"}),
        ("optuna", {"forests/parameter_search.py", "search/samplers/optuna.py", "search/studies/database.py"}),
    ],
)
def test_few_files_know_it(root: Path, library: str, files: set[str]) -> None:
    others = [root / "features", root / "pipelines", root / "src" / "exitladder"]
    paths = [path for folder in (root / "models", *others) for path in folder.rglob("*.py")]
    knows = {
        path.relative_to(root / "models").as_posix() if path.is_relative_to(root / "models") else str(path)
        for path in paths
        if re.search(rf"^\s*(import|from) {library}\b", path.read_text(), flags=re.MULTILINE)
    }
    assert knows == files


def test_models_load_without_them(root: Path) -> None:
    paths = [path for path in (root / "models").rglob("*.py") if path.stem not in ("__init__", "estimators")]
    names = [path.relative_to(root).with_suffix("").as_posix().replace("/", ".") for path in paths]
    assert len(names) > 30
    lines = [f"import exitladder.{name}" for name in names]
    heavy = ("lightgbm", "optuna", "sklearn", "mlflow", "scipy.optimize")
    lines += ["import sys", f"print([n for n in {heavy} if n in sys.modules])"]
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_nothing_is_pickled(root: Path) -> None:
    """Loading a pickle runs whatever is in it: no file of ours reads or writes one."""
    pickles = re.compile(
        r"^\s*(import|from) (pickle|joblib|cloudpickle|dill|shelve|marshal)\b|allow_pickle|(read|to)_pickle|\.pkl\b",
        flags=re.MULTILINE,
    )
    folders = [root / "models", root / "features", root / "pipelines", root / "src" / "exitladder"]
    guilty = [path for folder in folders for path in folder.rglob("*.py") if pickles.search(path.read_text())]
    assert guilty == []
