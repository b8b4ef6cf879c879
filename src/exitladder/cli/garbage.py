"""Python's garbage collector in a process of the command line.

While modules are imported, nearly every new object stays; to look through all of them again and again, and once more
when the process ends, takes a third of a command's start.
"""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_RARE = 100_000


def collect_rarely() -> None:
    """Collect only after many new objects, until `collect_as_usual`."""
    gc.set_threshold(_RARE, *_USUAL[1:])


def collect_as_usual() -> None:
    """Collect as often as Python does by default."""
    if gc.get_threshold()[0] == _RARE:
        gc.set_threshold(*_USUAL)


def leave_at_exit() -> None:
    """Leave all objects to the operating system when the process ends."""
    collect_as_usual()
    gc.freeze()
