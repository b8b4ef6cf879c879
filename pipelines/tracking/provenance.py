"""The provenance of a run: code, libraries and data behind its numbers."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pandas as pd

import exitladder
from exitladder.bars.bars import BarSet
from exitladder.clock import interval_name
from exitladder.trades.trades import Trades

LIBRARIES = ("numpy", "pandas", "numba", "scipy", "scikit-learn", "lightgbm", "optuna", "arch", "TA-Lib", "mlflow")


def package_version() -> str:
    """Return the version of the installed package, or ``unknown`` if it is not installed."""
    try:
        return metadata.version("exitladder")
    except metadata.PackageNotFoundError:
        return "unknown"


def git_commit() -> str:
    """Return the commit of the checkout the package runs from, with ``+changed`` if files differ.

    Empty if the package is installed apart from its repository: a user's own repository around
    the environment does not count.
    """
    root = Path(exitladder.__file__).resolve().parents[2]
    if not (root / ".git").exists() or not (root / "src" / "exitladder" / "__init__.py").is_file():
        return ""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return f"{commit}+changed" if _git(root, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions that decide a number: of the package, its commit, Python and the libraries."""
    found = {"exitladder": package_version()}
    if commit := git_commit():
        found["git_commit"] = commit
    found["python"] = platform.python_version()
    found["system"] = f"{platform.system()} {platform.machine()}"
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def describe_bars(bars: BarSet) -> dict[str, str | int]:
    """Return the symbols, span, interval, count and fingerprint of bars, as flat values."""
    intervals = dict.fromkeys(interval_name(int(length)) for length in bars.interval_ns)
    return {
        "symbols": ", ".join(bars.symbols),
        "n_symbols": len(bars.symbols),
        "interval": ", ".join(intervals),
        "n_bars": bars.n_bars,
        "first_bar": _stamp(int(bars.time.min())),
        "last_bar": _stamp(int(bars.time.max())),
        "bars_fingerprint": bars.fingerprint()[:16],
    }


def describe_trades(trades: Trades) -> dict[str, str | int]:
    """Return the count, span and fingerprint of trades, as flat values."""
    summary: dict[str, str | int] = {"n_trades": len(trades), "n_open": int(trades.is_open.sum())}
    if len(trades):
        summary["first_entry"] = _stamp(int(trades.entry_time.min()))
        summary["last_entry"] = _stamp(int(trades.entry_time.max()))
    summary["trades_fingerprint"] = trades.fingerprint()[:16]
    return summary


def flat(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested tables as one table with dotted names.

    Examples
    --------
    >>> flat({"tuning": {"n_trials": 200}, "seed": 1})
    {'tuning.n_trials': 200, 'seed': 1}
    """
    result: dict[str, object] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            result.update(flat(value, f"{name}."))
        else:
            result[name] = value
    return result


def metric_names(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested tables as one table with names that MLflow groups: ``policy/measure``, without spaces.

    Examples
    --------
    >>> metric_names({"classic 25/25/50": {"cvar_r": -1.0}, "n_open": 3})
    {'classic_25_25_50/cvar_r': -1.0, 'n_open': 3}
    """
    result: dict[str, object] = {}
    for key, value in table.items():
        name = prefix + re.sub(r"[^\w-]+", "_", str(key)).strip("_")[:100]
        if isinstance(value, Mapping):
            result.update(metric_names(value, f"{name}/"))
        else:
            result[name] = value
    return result


def without_machine_paths(value: object) -> object:
    """Return a value in which every absolute path is cut down to its last part.

    The place of files on one machine does not matter for the numbers and may contain a user's name.
    """
    if isinstance(value, Mapping):
        return {key: without_machine_paths(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_machine_paths(item) for item in value]
    if isinstance(value, Path) or (isinstance(value, str) and len(value) < 4096 and Path(value).is_absolute()):
        path = Path(value)
        return path.name if path.is_absolute() else str(path)
    return value


def _stamp(nanoseconds: int) -> str:
    return pd.Timestamp(nanoseconds, tz="UTC").isoformat()
