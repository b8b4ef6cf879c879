"""Progress reports of long work, independent of their display."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Displays stages of work; the command line draws bars, a test may count steps."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Return a context that yields a function to call with the number of steps completed."""


class Silent:
    """Displays nothing."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that does nothing."""
        yield lambda steps: None


SILENT = Silent()
