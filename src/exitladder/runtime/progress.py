"""How long work tells how far it is, without knowing who shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Shows stages of work; the command line draws bars, a test may count."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Return a context that gives a function to call with each number of steps done."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Give a function that does nothing."""
        yield lambda steps: None


SILENT = Silent()
