"""Ctrl-C and SIGTERM, which end the program even if a library swallows the first exception."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from exitladder.runtime.progress import Advance, Progress

_was_asked = threading.Event()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, so that partial files are removed."""
    _was_asked.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        _was_asked.set()
        raise KeyboardInterrupt

    with contextlib.ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                stack.callback(signal.signal, number, signal.signal(number, stop))
        yield


@dataclass(frozen=True)
class Interruptible:
    """Progress that ends the work at its next step if an interruption was requested but lost.

    Python cannot raise an exception out of a library callback, such as a compiler that frees memory; it reports
    the exception and continues.
    """

    shown: Progress

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that checks for a lost interruption, then reports the steps."""
        with self.shown.stage(name, total) as advance:

            def step(steps: int) -> None:
                if _was_asked.is_set():
                    raise KeyboardInterrupt
                advance(steps)

            yield step
