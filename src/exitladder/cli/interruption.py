"""Ctrl-C and SIGTERM, which end the program even if a library swallows the first exception."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, TracebackType

from exitladder.cli.garbage import collect_as_usual
from exitladder.runtime.progress import Advance, Progress

_was_asked = threading.Event()
# until an interruption that a callback lost is sent again
_AGAIN_SECONDS = 0.05


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, so that partial files are removed.

    An exception cannot leave a callback that a library's compiled code makes, such as a compiler that frees memory:
    Python reports it and continues. An interruption lost in that way is sent again until it arrives.
    """
    _was_asked.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    report, report_ended = sys.unraisablehook, sys.excepthook
    handlers: dict[signal.Signals, object] = {}

    def stop(number: int, frame: FrameType | None) -> None:
        _was_asked.set()
        raise KeyboardInterrupt

    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            report(unraisable)
            return
        again = threading.Timer(_AGAIN_SECONDS, _send_again, [handlers])
        again.daemon = True
        again.start()

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # extensions print the traceback of an exception that they lose, before the hook above hears of it
        if not issubclass(kind, KeyboardInterrupt):
            report_ended(kind, error, trace)

    with contextlib.ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                handlers[number] = stop
                stack.callback(signal.signal, number, signal.signal(number, stop))
        stack.callback(handlers.clear)
        stack.callback(setattr, sys, "unraisablehook", report)
        stack.callback(setattr, sys, "excepthook", report_ended)
        sys.unraisablehook, sys.excepthook = lost, ended
        yield


def _send_again(handlers: dict[signal.Signals, object]) -> None:
    """Interrupt the main thread, unless the program has ended meanwhile."""
    number = next(iter(handlers), None)
    if number is not None:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


@dataclass(frozen=True)
class Interruptible:
    """Progress that ends the work at its next step if an interruption was requested, but a library swallowed it."""

    shown: Progress

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Yield a function that checks for a lost interruption, then reports the steps."""
        collect_as_usual()  # the command's modules are loaded
        with self.shown.stage(name, total) as advance:

            def step(steps: int) -> None:
                if _was_asked.is_set():
                    raise KeyboardInterrupt
                advance(steps)

            yield step
