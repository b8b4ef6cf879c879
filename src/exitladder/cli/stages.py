"""Progress display: a bar per stage on a terminal, a line per stage in a file or pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from exitladder.runtime.progress import Advance, Progress


def stages_on(stream: IO[str]) -> Progress:
    """Return the progress display for a stream."""
    return Bars(stream) if stream.isatty() else Lines(stream)


@dataclass(frozen=True)
class Lines:
    """Writes a line when a stage is complete."""

    stream: IO[str]

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that does nothing; afterwards write the duration of the stage."""
        begin = time.monotonic()
        yield lambda steps: None
        self.stream.write(f"{name}: done in {time.monotonic() - begin:.1f} s\n")
        self.stream.flush()


@dataclass(frozen=True)
class Bars:
    """Draws a progress bar per stage."""

    stream: IO[str]

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that advances the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        console = Console(file=self.stream)
        with RichProgress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as shown:
            task = shown.add_task(name, total=max(total, 1))
            yield lambda steps: shown.advance(task, steps)
            shown.update(task, completed=max(total, 1))
