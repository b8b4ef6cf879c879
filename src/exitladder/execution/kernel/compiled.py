"""How the kernels are compiled: two decorators, and a number that changes with the rules' source for the cache.

The compiler keeps machine code on disk by the file of the compiled function alone. Were another file changed,
such as the one that says when a stop fills, it would go on running the old rule. So every function that is kept
closes over this number, which is part of its key in the cache; the functions it calls are not kept on their own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from exitladder.runtime.compiling import linked, linked_counted

_EXECUTION = Path(__file__).resolve().parents[1]


def source_files() -> list[Path]:
    """Return every file of the execution room, in one order."""
    return sorted(_EXECUTION.rglob("*.py"), key=lambda path: path.relative_to(_EXECUTION).as_posix())


def source_number() -> int:
    """Return a hash of all files of the execution room, as a number."""
    digest = hashlib.sha256()
    for path in source_files():
        digest.update(path.relative_to(_EXECUTION).as_posix().encode())
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")


SOURCES = source_number()

# Decorators of the functions that the kernels consist of: set into the code of their callers, or only where the
# compiler thinks it better. (Left open, numba takes it over from the first caller.) `counted` ones make arrays.
inlined = linked(error_model="numpy", forceinline=True)
compiled = linked(error_model="numpy", forceinline=False)
counted = linked_counted(error_model="numpy", forceinline=False)
