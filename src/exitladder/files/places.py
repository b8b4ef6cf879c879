"""Places of results, checked before anything is computed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

from exitladder.errors import OutputFileError
from exitladder.runtime.drafts import clear_drafts, draft_name

PlaceKind = Literal["file", "folder", "either"]
TABLES = (".csv", ".csv.gz", ".parquet", ".json")


def check_place(path: Path, kind: PlaceKind = "either", endings: tuple[str, ...] = ()) -> None:
    """Check that a result can be written to a place, and remove the drafts that killed processes left there.

    Parameters
    ----------
    path : path
        Nothing of it is made.
    kind : {"file", "folder", "either"}
        An "either" that ends like a table is a file, otherwise a folder.
    endings : tuple of str
        Endings of a file, one of which it must have; any if empty.

    Raises
    ------
    OutputFileError
        If the place is of the other kind, or nothing can be written there.
    """
    if kind == "either":
        kind = "file" if path.name.lower().endswith(TABLES) else "folder"
    if kind == "folder" and path.exists() and not path.is_dir():
        raise OutputFileError(f"'{path}' must be a folder, but is a file. Name another folder.")
    if kind == "file" and path.is_dir():
        raise OutputFileError(f"'{path}' must be a file, but is a folder. Name a file in it.")
    if kind == "file" and endings and not path.name.lower().endswith(endings):
        raise OutputFileError(f"The output must end with {', '.join(endings)}, but is '{path}'. Name another file.")
    clear_drafts(path.parent, path.name)
    if kind == "folder":
        clear_drafts(path)
    check_folder(path if kind == "folder" else path.parent)


def check_folder(folder: Path) -> None:
    """Check that files can be written into a folder, or, if it does not exist, that it can be made.

    Raises
    ------
    OutputFileError
        If not, with the reason of the system.
    """
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise OutputFileError(f"'{folder}' cannot be made: '{there}' is a file. Name another place.")
    probe = there / draft_name("probe")
    try:
        # a byte, because a full disk still takes an empty file
        probe.write_bytes(b"\n")
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise OutputFileError(
            f"'{folder}' cannot be written to: {reason}. Name a place where you may write."
        ) from cause
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
