"""The process that sends run records to stores while the command computes; MLflow is imported there.

`Sender` is the command's end of it, ``python -m exitladder.pipelines.tracking.sender`` the process. The command writes
the store and the run, one line of JSON each, into the process's standard input. Everything else passes through the
files of the record: the process watches ``run.json`` and writes ``sent.json``. It outlives the command until everything
is sent or the store has refused, and closes a run that the command, killed, left open.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from exitladder.pipelines.tracking.address import ARTIFACTS, StoreAddress
from exitladder.pipelines.tracking.faults import first_line
from exitladder.pipelines.tracking.record import (
    PENDING,
    RECORD,
    close_stale,
    forget_problem,
    note_problem,
    pending,
    read_record,
    read_sent,
)
from exitladder.runtime.processes import Owner, is_gone, this_process

_POLL_SECONDS = 0.1
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 30.0
# how long the process goes on after the command has ended
_AFTERWARDS_SECONDS = 900.0


class Sender:
    """The sending process, as the command sees it; started at first use, one for each process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._of = os.getpid()

    def start(self) -> bool:
        """Start the process unless it runs; returns whether it runs."""
        if self._of != os.getpid():
            # after a fork the process belongs to the parent
            self._process, self._of = None, os.getpid()
        if self._process is not None and self._process.poll() is None:
            return True
        if not sys.executable:
            return False
        own_session: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
        try:
            # -P keeps a folder of the user's that is called like a library (types.py, features/) from being imported.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **own_session,
            )
        except OSError:
            return False
        atexit.register(_let_go, self._process)
        return True

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._of == os.getpid() and self._process is not None and self._process.poll() is None

    def take(self, address: StoreAddress, run_id: str) -> bool:
        """Let the process send a run to a store; returns whether it was reached."""
        if not self.start() or self._process is None or self._process.stdin is None:
            return False
        line = {
            "kind": address.kind,
            "uri": address.uri,
            "home": str(address.home),
            "run_id": run_id,
            "owner": this_process(),
        }
        try:
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return False
        return True

    def wait(self, is_done: Callable[[], bool], seconds: float) -> bool:
        """Wait until something has happened, or the process has ended; returns whether it has happened."""
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > deadline or self._process is None or self._process.poll() is not None:
                return is_done()
            time.sleep(0.02)
        return True


SENDER = Sender()


def has_begun(address: StoreAddress, run_id: str) -> bool:
    """Whether the store has the beginning of a run."""
    return address.key in read_sent(address.home, run_id)


def has_ended(address: StoreAddress, run_id: str) -> bool:
    """Whether the store has a run to its end."""
    return not (address.home / PENDING / run_id).exists()


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Tell the process that no more comes, and let it end by itself."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    # Python would warn that it still runs.
    process.returncode = process.poll() or 0


class _Work:
    """What the process has to do for one store."""

    def __init__(self, address: StoreAddress, owner: Owner) -> None:
        self.address, self.owner = address, owner
        self.runs: dict[str, float] = {}
        self.has_failed, self.has_caught_up = False, False
        self._client: Any = None
        self._pause, self._not_before = _FIRST_PAUSE, 0.0
        self._ended: set[str] = set()

    def step(self, *, is_last: bool) -> None:
        """Send what has changed; after a failure only after a pause, or as a last attempt."""
        if is_last:
            close_stale(self.address.home)
        changed = [run_id for run_id, seen in list(self.runs.items()) if self._written_at(run_id) != seen]
        if not changed and self.has_caught_up:
            return
        if not is_last and time.monotonic() < self._not_before and not self._has_just_ended(changed):
            return
        try:
            self._send(changed)
        except Exception as error:
            self._client = None
            note_problem(self.address.home, first_line(error))
            self.has_failed, self._not_before = True, time.monotonic() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return
        self.has_failed, self._pause = False, _FIRST_PAUSE
        forget_problem(self.address.home)

    def _has_just_ended(self, changed: list[str]) -> bool:
        """Whether one of the runs has ended since the last look: the command waits for a moment."""
        records = (read_record(self.address.home, run_id) for run_id in changed)
        ended = {str(record["run_id"]) for record in records if record and record["status"] != "RUNNING"} - self._ended
        self._ended |= ended
        return bool(ended)

    def has_work(self) -> bool:
        """Whether a run of the command is not sent to its end."""
        return bool(set(self.runs) & set(pending(self.address.home)))

    def _send(self, changed: list[str]) -> None:
        from exitladder.pipelines.tracking.mlflow_store import mlflow_client
        from exitladder.pipelines.tracking.sync import send

        if self._client is None:
            with mlflow_client(self.address, create=True) as client:
                self._client = client
        for run_id in changed:
            seen = self._written_at(run_id)
            send(self._client, self.address, run_id)
            self.runs[run_id] = seen
        if not self.has_caught_up:
            for run_id in pending(self.address.home):
                if run_id not in self.runs:
                    send(self._client, self.address, run_id)
            self.has_caught_up = True

    def _written_at(self, run_id: str) -> float:
        try:
            return (self.address.home / ARTIFACTS / run_id / RECORD).stat().st_mtime_ns
        except OSError:
            return -1.0


def main(lines: TextIO = sys.stdin) -> None:
    """Send what the command asks for until it has ended and nothing is left."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(5)
    warnings.simplefilter("ignore")
    work: dict[tuple[str, Path], _Work] = {}
    has_closed = threading.Event()
    threading.Thread(target=_read, args=(lines, work, has_closed), daemon=True).start()
    from exitladder.pipelines.tracking.mlflow_store import load_mlflow

    load_mlflow()
    deadline = None
    while True:
        items = list(work.values())
        is_last = has_closed.is_set() or any(is_gone(item.owner) for item in items)
        for item in items:
            item.step(is_last=is_last)
        if is_last:
            deadline = deadline or time.monotonic() + _AFTERWARDS_SECONDS
            if time.monotonic() > deadline or not any(item.has_work() and not item.has_failed for item in items):
                return
        time.sleep(_POLL_SECONDS)


def _read(lines: TextIO, work: dict[tuple[str, Path], _Work], has_closed: threading.Event) -> None:
    """Take the command's lines; a command that ends without one has nothing to send."""
    for line in lines:
        told = json.loads(line)
        address = StoreAddress(told["kind"], told["uri"], Path(told["home"]))
        item = work.setdefault((address.uri, address.home), _Work(address, told["owner"]))
        item.runs[told["run_id"]] = 0.0
    if not work:
        os._exit(0)
    has_closed.set()


if __name__ == "__main__":
    main()
