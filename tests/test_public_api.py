"""The names that `import exitladder` offers are pinned, and importing it is quick."""

from __future__ import annotations

import subprocess
import sys

import exitladder

NAMES = {
    "Costs", "ExhaustionClassifier", "ExitladderError", "HoldValueRegressor", "Ladder", "Settings", "__version__",
    "backtest", "compare", "export", "features_frame", "import_trades", "load_sample_bars", "ladder_from_mapping",
    "load_settings", "measure_exits", "make_trades", "place_trades", "promote", "promotion_history", "rollback", "run",
    "read_bars", "read_ladder", "read_trades", "report", "score", "simulate", "train", "tune",
}  # fmt: skip


def test_public_names_are_pinned() -> None:
    assert set(exitladder.__all__) == NAMES
    for name in NAMES:
        assert getattr(exitladder, name) is not None


def test_version_is_the_package_metadata() -> None:
    from importlib.metadata import version

    assert version("exitladder") == exitladder.__version__


def test_import_loads_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "numba", "lightgbm", "mlflow", "optuna", "sklearn", "matplotlib", "talib", "click"}
    code = f"import sys, exitladder; print(sorted(set(sys.modules) & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
