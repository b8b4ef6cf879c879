"""Drafts: files written beside their place and renamed when complete; drafts of killed processes are removed.

A draft's name holds the process that writes it. A draft is abandoned if that process ran on this machine and has
ended.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from pathlib import Path

from exitladder.runtime.processes import is_gone, this_process

_NAME = re.compile(r"\.(?P<of>.+)\.(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<started>\w*)-[0-9a-f]{8}\.draft(-\w+)?")
# a file's name has 255 bytes at most
_LONGEST = 80


def draft_name(name: str) -> str:
    """Return a name, not used before, of the draft of a file or folder."""
    me = this_process()
    return f".{name[:_LONGEST]}.{me['machine']}-{me['pid']}-{me['started']}-{uuid.uuid4().hex[:8]}.draft"


def is_abandoned(path: Path) -> bool:
    """Whether a path is a draft of a process that has ended."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return False
    owner: dict[str, object] = {**this_process(), **match.groupdict(), "pid": int(match["pid"])}
    return is_gone(owner)


def clear_drafts(folder: Path, name: str | None = None) -> list[Path]:
    """Remove the abandoned drafts in a folder and return them; those of one file or folder if `name` is given."""
    removed = []
    try:
        found = sorted(entry for entry in os.listdir(folder) if ".draft" in entry)
    except OSError:
        return []
    for entry in found:
        match = _NAME.fullmatch(entry)
        path = folder / entry
        if match is None or (name is not None and match["of"] != name[:_LONGEST]) or not is_abandoned(path):
            continue
        remove_draft(path)
        removed.append(path)
    return removed


def remove_draft(path: Path) -> None:
    """Remove a draft, a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def put_in_place(draft: Path, path: Path) -> bool:
    """Rename a complete draft unless the place is taken; returns whether this draft got the place.

    Parameters
    ----------
    draft, path : path
        In the same folder.
    """
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:
        # a file system without links: of two at the same moment the later one wins, and both are complete
        if path.exists():
            return False
        os.replace(draft, path)
        return True
    draft.unlink(missing_ok=True)
    return True
