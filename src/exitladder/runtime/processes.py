"""The process that wrote something, and whether it still runs."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

Owner = dict[str, str | int]


def this_process() -> Owner:
    """Return the identity of this process: machine, space of process numbers, number and start.

    The machine is a digest, so that no name of a machine is stored.
    """
    return {"machine": _machine(), "space": _space(), "pid": os.getpid(), "started": started_at(os.getpid()) or ""}


def is_gone(owner: Mapping[str, object]) -> bool:
    """Whether a process of this machine is known to have ended; False if nothing is known of it.

    Parameters
    ----------
    owner : mapping
        As `this_process` returned it, perhaps in another process.
    """
    pid = owner.get("pid")
    if owner.get("machine") != _machine() or owner.get("space") != _space() or not isinstance(pid, int):
        return False
    found = started_at(pid)
    # the number of an ended process is given to later ones, which start at another moment
    return found is None or bool(owner.get("started") and found and found != owner.get("started"))


def started_at(pid: int) -> str | None:
    """Return the start of a process as the system counts it, None if it has ended, "" if the system does not say."""
    if os.name != "posix" or pid <= 0:
        return ""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        # state (Z and X: ended, but not yet collected by its parent) ... start in ticks since boot
        return None if fields[0] in "ZX" else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except (OSError, IndexError):
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return ""
    return _started_by_ps(pid)


def _started_by_ps(pid: int) -> str:
    try:
        done = subprocess.run(
            ["ps", "-p", str(pid), "-o", "lstart="], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "".join(done.stdout.split())


@functools.cache
def _machine() -> str:
    try:
        known = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        known = ""
    return hashlib.sha256(f"{platform.node()} {known}".encode()).hexdigest()[:12]


@functools.cache
def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
