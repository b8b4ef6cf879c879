"""Progress display: a bar per stage on a terminal, a line per long stage in a file or pipe."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from exitladder.runtime.progress import Advance, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

# stages that are faster are not shown
_SECONDS_TO_A_BAR = 0.5
_SECONDS_TO_A_LINE = 1.0
# a stage that takes longer tells how far it is, again and again
_SECONDS_TO_NEWS = 30.0


# the displays of stages that run
_RUNNING: list[RichProgress] = []


def print_above(text: str) -> bool:
    """Print a line above the bars on the screen; returns whether there are any, otherwise nothing is printed."""
    from rich.text import Text

    shown = next((one for one in _RUNNING if one.live.is_started), None)
    if shown is None:
        return False
    shown.console.print(Text(text), soft_wrap=True)
    return True


def stages_on(stream: IO[str]) -> Progress:
    """Return the progress display for a stream."""
    return Bars(stream) if stream.isatty() else Lines(stream)


class Lines:
    """Writes a line at the end of each stage that took a second or longer, and every half minute how far it is.

    Parameters
    ----------
    stream : text stream
    least_seconds : float
        Shorter stages are not written.
    news_seconds : float
        Time between two lines on a stage that is not done.
    """

    def __init__(
        self,
        stream: IO[str],
        least_seconds: float = _SECONDS_TO_A_LINE,
        news_seconds: float = _SECONDS_TO_NEWS,
    ) -> None:
        self.stream, self.least_seconds, self.news_seconds = stream, least_seconds, news_seconds

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that counts the parts done; afterwards write them and the duration of the stage."""
        begin, done, how = time.monotonic(), 0, "stopped after"

        def advance(steps: int) -> None:
            nonlocal done
            done += steps

        ended = threading.Event()

        def tell() -> None:
            while not ended.wait(self.news_seconds):
                parts = f" ({done} of {total})" if total > 1 else ""
                self.stream.write(f"{name}: at work for {time.monotonic() - begin:.0f} s{parts}\n")
                self.stream.flush()

        # in a thread of its own, since a stage may work for minutes before it reports its first part
        news = threading.Thread(target=tell, daemon=True)
        news.start()
        try:
            yield advance
            how = "done in"
        finally:
            ended.set()
            news.join()
            seconds = time.monotonic() - begin
            if seconds >= self.least_seconds:
                parts = f" ({done} of {total})" if total > 1 else ""
                self.stream.write(f"{name}: {how} {seconds:.1f} s{parts}\n")
                self.stream.flush()


class Bars:
    """Draws a bar with part n of m for each stage that takes half a second or longer.

    A stage inside another one is drawn below it, until it ends.

    Parameters
    ----------
    stream : text stream
    least_seconds : float
        Shorter stages are not drawn.
    """

    def __init__(self, stream: IO[str], least_seconds: float = _SECONDS_TO_A_BAR) -> None:
        self.stream, self.least_seconds = stream, least_seconds
        self._shown: RichProgress | None = None

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that advances the bar."""
        most = max(total, 1)
        if self._shown is not None:
            shown = self._shown
            task = shown.add_task(name, total=most)
            try:
                yield lambda steps: shown.advance(task, steps)
            finally:
                shown.remove_task(task)
            return
        self._shown = shown = self._display()
        _RUNNING.append(shown)
        task = shown.add_task(name, total=most)
        # in a thread of its own, since a stage may work for minutes before it reports its first part
        drawing = threading.Timer(self.least_seconds, shown.start)
        drawing.daemon = True
        drawing.start()
        try:
            yield lambda steps: shown.advance(task, steps)
            shown.update(task, completed=most)
        finally:
            drawing.cancel()
            drawing.join()
            if shown.live.is_started:
                shown.stop()
            self._shown = None
            _RUNNING.remove(shown)

    def _display(self) -> RichProgress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(separator=" of "),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        console = Console(file=self.stream)
        return RichProgress(*columns, console=console, redirect_stdout=False, redirect_stderr=False)
