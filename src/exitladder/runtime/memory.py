"""How much memory this process may still take, and arrays that lie on disk instead."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

import numpy as np
import numpy.typing as npt

from exitladder.errors import OutputFileError

_SYSTEM = Path("/")
_KEPT_ON_DISK = Path("/var/tmp")


def available_bytes(system: Path = _SYSTEM) -> float:
    """Return the memory that this process may still take, bytes; infinite where the system does not tell.

    The least of what the machine has left and what each control group (a container, a batch job) has left
    that this process is in. File pages that the kernel gives up at once count as left.

    Parameters
    ----------
    system : Path
        Where ``proc`` and ``sys`` are.
    """
    return min(_left_on_machine(system), *_left_in_groups(system), math.inf)


def _left_on_machine(system: Path) -> float:
    for line in _lines(system / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return 1024.0 * int(line.split()[1])
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return math.inf


def _left_in_groups(system: Path) -> Iterator[float]:
    """Yield what each of the process's control groups has left, of either version, and each group's parents."""
    for line in _lines(system / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            root, names = system / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file ")
        elif "memory" in controllers.split(","):
            root = system / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        else:
            continue
        group = root / path.strip("/")
        # Inside a container the path may be the host's: then only the root is there, and it is the container's.
        for folder in (group, *(parent for parent in group.parents if parent.is_relative_to(root))):
            most, used = (next(_lines(folder / name), "") for name in names[:2])
            if most.isdigit() and used.isdigit():
                stat = (text for text in _lines(folder / "memory.stat") if text.startswith(names[2]))
                yield float(max(0, int(most) - int(used) + int(next(stat, " 0").split()[1])))


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from path.read_text().splitlines()
    except OSError:
        return


def matrix_on_disk(n_rows: int, n_columns: int) -> npt.NDArray[np.float32]:
    """Return a matrix of float32 that lies in a file without a name, which is gone when nobody holds it any more.

    However the process ends, nothing of it is left. The folder is ``TMPDIR`` where that is set, else
    ``/var/tmp`` where there is one (``/tmp`` is often kept in memory), else the system's.

    Raises
    ------
    OutputFileError
        If the disk has too little room, with how much is needed and where.
    """
    n_bytes = 4 * n_rows * n_columns
    folder = gettempdir() if os.environ.get("TMPDIR") or not _KEPT_ON_DISK.is_dir() else str(_KEPT_ON_DISK)
    with TemporaryFile(dir=folder, prefix="exitladder-") as file:
        try:
            # Taken at once: a disk that fills up later would kill the process at a write to memory.
            if n_bytes and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
        except OSError as cause:
            raise OutputFileError(
                f"The rows to train on need {n_bytes / 1e9:.1f} GB in '{folder}', but there is too little room: "
                f"{cause}. Name a folder on a larger disk by the environment variable TMPDIR."
            ) from cause
        if not n_bytes:
            return np.empty((n_rows, n_columns), dtype=np.float32)
        return np.memmap(file, np.float32, "r+", shape=(n_rows, n_columns))
