"""The first version of Feather, which Arrow reads without any check: in a process of its own, which may crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from exitladder.errors import InputFileError

_SECONDS = 120
_BYTES = 8_000_000_000
_PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]), int(sys.argv[3])))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from pyarrow import feather
table = feather.read_table(sys.argv[1], use_threads=False)
table.validate(full=True)
feather.write_feather(table, sys.argv[2], compression="uncompressed")
"""


def in_second_version(path: Path, target: Path) -> Path:
    """Write a Feather file of version 1 again as version 2 and return it.

    Parameters
    ----------
    path : path
    target : path
        The file to write.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    InputFileError
        If the file cannot be read, or reading it takes too long or too much memory, or crashes.
    """
    command = [sys.executable, "-P", "-c", _PROGRAM, str(path.resolve()), str(target), str(_BYTES)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["it is damaged"])[-1]
        if done.returncode == 0 and target.is_file():
            return target
    except subprocess.TimeoutExpired:
        reason = f"it takes more than {_SECONDS} s"
    raise InputFileError(
        f"The file '{path}' cannot be read as Feather of version 1: {reason[:200].rstrip('.')}. Save it as Parquet, or "
        "as Feather of version 2 (pyarrow.feather.write_feather)."
    )
