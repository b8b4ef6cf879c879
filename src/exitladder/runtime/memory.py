"""Memory available to this process, and arrays kept on disk instead."""

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
    """Return the memory available to this process, bytes; infinite if the system does not report it.

    The minimum of the machine's free memory and the free memory of each control group (container, batch job)
    of this process. File pages that the kernel can reclaim count as free.

    Parameters
    ----------
    system : Path
        Folder that contains ``proc`` and ``sys``.
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
    """Yield the free memory of each control group of the process (v1 and v2) and of its parents."""
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
        # Inside a container the path may be the host's: then only the root exists, and it is the container's.
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
    """Return a float32 matrix backed by an unnamed temporary file, which vanishes with its last reference.

    Nothing remains on disk however the process ends. The folder is ``TMPDIR`` if set, otherwise
    ``/var/tmp`` if it exists (``/tmp`` is often in memory), otherwise the system's default.

    Raises
    ------
    OutputFileError
        If the disk is too small; names the space needed and the folder.
    """
    n_bytes = 4 * n_rows * n_columns
    folder = gettempdir() if os.environ.get("TMPDIR") or not _KEPT_ON_DISK.is_dir() else str(_KEPT_ON_DISK)
    with TemporaryFile(dir=folder, prefix="exitladder-") as file:
        try:
            # Allocated at once: if the disk filled up later, a write to memory would kill the process.
            if n_bytes and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
        except OSError as cause:
            raise OutputFileError(
                f"The training rows need {n_bytes / 1e9:.1f} GB in '{folder}', but the disk has too little space: "
                f"{cause}. Set the environment variable TMPDIR to a folder on a larger disk."
            ) from cause
        if not n_bytes:
            return np.empty((n_rows, n_columns), dtype=np.float32)
        return np.memmap(file, np.float32, "r+", shape=(n_rows, n_columns))
