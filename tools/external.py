"""Environments of the programs that the tests run beside this one: one virtual environment each, pinned and cached.

``python tools/external.py freqtrade vectorbt`` makes those that are not there yet and prints each one's Python;
without a name it lists all. They are kept in ``$EXITLADDER_TOOLS``, or in ``~/.cache/exitladder-tools``.
The pins are ``tools/external/NAME.txt``, all that pip has to install; the first line says which Python they need.
Nothing of them is installed beside exitladder, whose own pins would contradict theirs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from glob import glob
from pathlib import Path

PINS = Path(__file__).resolve().parent / "external"
STAMP = "pins.sha256"
# Programs of the system: where they are looked for, and the Debian package that holds them.
SYSTEM = {
    "postgresql": (("/usr/lib/postgresql/*/bin/initdb", "initdb"), "postgresql"),
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "chromium"),
}
MINUTES = 15


class NotHereError(Exception):
    """A program that cannot be had; the message says why and what to do."""


def cache() -> Path:
    """Return the folder of the environments."""
    return Path(os.environ.get("EXITLADDER_TOOLS") or Path.home() / ".cache" / "exitladder-tools")


def names() -> list[str]:
    """Return every program's name."""
    return sorted([*(p.stem for p in PINS.glob("*.txt")), *SYSTEM])


def find(name: str) -> Path:
    """Return the Python of a program's environment, or the program where the system has it; nothing is installed.

    Raises
    ------
    NotHereError
        If it is not there, or was made from other pins.
    """
    if name in SYSTEM:
        return _system(name)
    python = _folder(name) / "bin" / "python"
    stamp = _folder(name) / STAMP
    if not python.exists() or not stamp.is_file():
        raise NotHereError(f"{name} is not installed in {_folder(name)}; `python tools/external.py {name}` does it")
    if stamp.read_text() != _digest(name):
        raise NotHereError(f"{_folder(name)} has other pins than {name}.txt; `python tools/external.py {name}` does it")
    return python


def make(name: str) -> Path:
    """Return the Python of a program's environment, made if it is not there.

    Raises
    ------
    NotHereError
        If no fitting Python is found, or pip cannot install the pins.
    """
    try:
        return find(name)
    except NotHereError:
        if name in SYSTEM:
            raise
    interpreter = interpreter_for(_least_python(name))
    folder = _folder(name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        _quietly([interpreter, "-m", "venv", str(folder)])
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--no-compile",
            "--disable-pip-version-check",
        ]
        _quietly([*pip, "--no-deps", "--requirement", str(_pins(name))])
    except subprocess.SubprocessError as cause:
        shutil.rmtree(folder, ignore_errors=True)
        # Of a command that took too long the output is bytes.
        output = getattr(cause, "stderr", None) if isinstance(cause, subprocess.CalledProcessError) else None
        last = [line for line in (output or str(cause)).splitlines() if line.strip()][-1]
        raise NotHereError(f"{name} could not be installed: {last[:300]}") from cause
    (folder / STAMP).write_text(_digest(name))
    return find(name)


def interpreter_for(least: str) -> str:
    """Return a Python of at least this version: this one, one on the PATH, or one that pyenv keeps.

    Raises
    ------
    NotHereError
        If none is found.
    """
    wanted = tuple(int(part) for part in least.split("."))
    minors = range(wanted[1], 15)
    kept = [p for m in minors for p in sorted(glob(f"{_pyenv()}/versions/3.{m}.*/bin/python3.{m}"))]
    for candidate in (sys.executable, *(f"python3.{m}" for m in minors), *kept):
        path = shutil.which(candidate)
        if path and _runs(path, wanted):
            return path
    raise NotHereError(f"it needs Python {least} or newer, and none is on the PATH")


def interpreter_of(version: str) -> str:
    """Return a Python of exactly this version, such as 3.12: one on the PATH, or one that pyenv keeps.

    Raises
    ------
    NotHereError
        If none is found.
    """
    major, minor = (int(part) for part in version.split("."))
    kept = sorted(glob(f"{_pyenv()}/versions/{version}.*/bin/python{version}"))
    for candidate in (f"python{version}", *kept):
        path = shutil.which(candidate)
        if path and _runs(path, (major, minor)):
            return path
    raise NotHereError(f"no python{version} is on the PATH")


def _runs(path: str, wanted: tuple[int, ...]) -> bool:
    # venv makes no pip without ensurepip, and pyenv's stand-ins on the PATH end with an error.
    code = f"import sys, ensurepip; sys.exit(sys.version_info < {wanted!r})"
    return subprocess.run([path, "-c", code], capture_output=True).returncode == 0


def _pyenv() -> str:
    return os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")


def _system(name: str) -> Path:
    places, package = SYSTEM[name]
    for place in places:
        found = next(iter(sorted(glob(place), reverse=True)), None) or shutil.which(place)
        if found:
            return Path(found)
    raise NotHereError(f"{name} is not installed; on Debian: apt install {package}")


def _folder(name: str) -> Path:
    return cache() / name


def _pins(name: str) -> Path:
    path = PINS / f"{name}.txt"
    if not path.is_file():
        raise NotHereError(f"no program is named {name!r}; there are {', '.join(names())}")
    return path


def _digest(name: str) -> str:
    return hashlib.sha256(_pins(name).read_bytes()).hexdigest()


def _least_python(name: str) -> str:
    first = _pins(name).read_text().splitlines()[0]
    return first.removeprefix("# python >=").strip()


def _quietly(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=60 * MINUTES)


def main() -> int:
    """Make the environments named, or list all; 1 if one cannot be had."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="*", help="program; none lists all")
    given = parser.parse_args().name
    missing = 0
    for name in given or names():
        try:
            print(f"{name}: {make(name) if given else find(name)}", flush=True)
        except NotHereError as reason:
            missing += 1
            print(f"{name}: {reason}", flush=True)
    return 1 if given and missing else 0


if __name__ == "__main__":
    sys.exit(main())
