"""Fingerprints of the program's code and of plain values."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import exitladder
from exitladder.errors import ModelError


def program_files(root: Path) -> list[tuple[str, Path]]:
    """Return every module below a package folder with its relative path; follows links to folders."""
    found: list[tuple[str, Path]] = []
    for folder, inner, names in os.walk(root, followlinks=True):
        inner[:] = [name for name in inner if name != "__pycache__"]
        paths = (Path(folder) / name for name in names if name.endswith(".py"))
        found.extend((path.relative_to(root).as_posix(), path) for path in paths)
    return sorted(found)


@cache
def program_fingerprint() -> str:
    """Return the fingerprint of the program's code: another version may value a ladder differently."""
    root = Path(exitladder.__file__).parent
    digest = hashlib.sha256()
    for name, path in program_files(root):
        digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def refuse_other_programs(client: Any) -> None:
    """Reject a Dask cluster in which any worker runs another version of this program.

    Raises
    ------
    ModelError
    """
    for fingerprint in client.run(program_fingerprint).values():
        if fingerprint != program_fingerprint():
            raise ModelError(
                "All workers must run the same version of exitladder, but one runs another. "
                "Install the same version on all workers."
            )


def digest_of_arrays(*arrays: npt.NDArray[Any]) -> str:
    """Return the fingerprint of arrays, to the bit."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def digest_of(value: Any) -> str:
    """Return the fingerprint of a value's ``repr``, which is complete for dataclasses of plain values.

    Examples
    --------
    >>> digest_of((1, "2")) == digest_of((1, "2")) != digest_of((1, 2))
    True
    """
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]
