"""Imports every module and runs tests under other versions of Python, each in an environment of its own.

``python tools/other_pythons.py 3.12 3.13 [--full]``: without ``--full`` the tests are a small selection that compiles
nothing, with it those of ``make test-fast``. A version that is not on the PATH is skipped, and said to be.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import external

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("tests/plans", "tests/settings", "tests/trades")
IMPORT = """
import importlib, pkgutil, exitladder
names = [m.name for m in pkgutil.walk_packages(exitladder.__path__, "exitladder.") if not m.name.endswith("__main__")]
for name in names: importlib.import_module(name)
print(len(names), "modules imported")
"""


def environment(version: str) -> Path:
    """Return the Python of an environment with exitladder and what its tests need, made if it is not there."""
    folder = external.cache() / f"python{version}"
    python = folder / "bin" / "python"
    wanted = (ROOT / "constraints.txt").read_bytes() + (ROOT / "pyproject.toml").read_bytes() + os.fsencode(ROOT)
    stamp, digest = folder / external.STAMP, hashlib.sha256(wanted).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    subprocess.run([external.interpreter_of(version), "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile"]
    # Not editable, so that the tree's own installation stays as it is; PYTHONPATH puts the tree first.
    subprocess.run([*pip, "--constraint", "constraints.txt", ".[dev]"], cwd=ROOT, check=True)
    stamp.write_text(digest)
    return python


def try_out(python: Path, *, is_full: bool) -> int:
    """Return pytest's exit code, after every module was imported."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([python, "-c", IMPORT], cwd=ROOT, env=env, check=True)
    paths = () if is_full else QUICK
    test = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadfile",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow",
    ]
    return subprocess.run([*test, *paths], cwd=ROOT, env=env).returncode


def main() -> int:
    """Try each version; 1 if one fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("version", nargs="+")
    parser.add_argument("--full", action="store_true", help="all of make test-fast")
    given = parser.parse_args()
    failed = 0
    for version in given.version:
        began = time.monotonic()
        try:
            external.interpreter_of(version)
        except external.NotHereError as reason:
            print(f"Python {version} skipped: {reason}", flush=True)
            continue
        failed += try_out(environment(version), is_full=given.full) != 0
        print(f"Python {version}: {time.monotonic() - began:.0f} s", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
