"""Servers of pages: started as processes of their own, waited for, and ended with the workers that they start."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from exitladder.errors import TrackingError

_SECONDS_TO_START = 90.0
_SECONDS_TO_STOP = 10.0


def free_port(host: str, port: int, option: str = "--port") -> int:
    """Return a port that can be served on: the one asked for, or a free one for 0.

    Parameters
    ----------
    host : str
    port : int
    option : str
        That names another one, for the message.

    Returns
    -------
    int

    Raises
    ------
    TrackingError
        If it is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise TrackingError(
                f"The address must be free to serve the page on, but {host}:{port} is not: {error}. "
                f"Name another one with {option}."
            ) from None
        return int(probe.getsockname()[1])


def check_port(host: str, port: int, option: str) -> None:
    """Refuse a taken port before anything is started.

    Parameters
    ----------
    host : str
    port : int
    option : str
        That names another one, for the message.

    Raises
    ------
    TrackingError
        If it is taken.
    """
    free_port(host, port, option)


def wait_until_up(process: subprocess.Popen[bytes], page: str, log: IO[bytes], name: str) -> None:
    """Wait until a server answers.

    Parameters
    ----------
    process : Popen
    page : str
        Address that answers with 200 once it is up.
    log : binary file
        Of its output.
    name : str
        For messages.

    Raises
    ------
    TrackingError
        If it ends or does not answer in time; the message has its last output.
    """
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise TrackingError(f"{name} did not start (exit code {process.returncode}). {_last_words(log)}")
        try:
            with urllib.request.urlopen(page, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TrackingError(f"{name} did not answer within {_SECONDS_TO_START:g} seconds. {_last_words(log)}")


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return f"Its last output: {lines[-1].strip()}" if lines else "It had no output."


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers it has started."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.terminate()
    except ProcessLookupError:
        pass


@contextmanager
def stop_on_terminate() -> Iterator[None]:
    """Let a polite kill end the block as Ctrl-C does, so that no server is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def first_to_end(servers: Mapping[str, subprocess.Popen[bytes]]) -> tuple[str, int]:
    """Wait until one of several servers ends, and return its name and exit code."""
    while True:
        for name, process in servers.items():
            code = process.poll()
            if code is not None:
                return name, code
        time.sleep(0.2)
