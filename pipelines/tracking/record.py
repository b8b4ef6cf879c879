"""The record of a run: one JSON file, rewritten whole at each change, before anything is sent to a store.

``artifacts/RUN/run.json`` holds the record, ``artifacts/RUN/artifacts/`` the files of the run, and
``artifacts/RUN/sent.json`` which stores have it. ``.pending/RUN`` exists until the store has the finished run. Nothing
heavy is imported here: the sending process must start quickly.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from exitladder.pipelines.tracking.address import ARTIFACTS
from exitladder.pipelines.tracking.database import alone
from exitladder.runtime.drafts import clear_drafts, draft_name
from exitladder.runtime.processes import is_gone, this_process
from exitladder.secrets import masked

RECORD = "run.json"
SENT = "sent.json"
PENDING = ".pending"
CHANGING = "changing.lock"
PROBLEM = "problem.txt"
PROBLEM_SHOWN = "problem_shown.txt"
RUN_ID = re.compile(r"[0-9a-f]{32}")
_TABLES = ("params", "metrics", "tags", "owner")
_TEXTS = ("run_id", "name", "kind", "experiment", "status")
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED")
# far above any record: at most some hundred values of 5,000 characters
_MOST_BYTES = 50_000_000
_LOCK_SECONDS = 60.0


class Record:
    """The record of a run that this process makes.

    Parameters
    ----------
    home : path
        Folder of the records.
    kind, name, experiment : str
    """

    def __init__(self, home: Path, kind: str, name: str, experiment: str) -> None:
        self.home, self.run_id = home, uuid.uuid4().hex
        self.values: dict[str, Any] = {
            "version": 1,
            "run_id": self.run_id,
            "name": name or f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}",
            "is_named_by_us": not name,
            "kind": kind,
            "experiment": experiment,
            "status": "RUNNING",
            "started": _now(),
            "ended": None,
            "owner": this_process(),
            "params": {},
            "metrics": {},
            "tags": {},
            "dataset": None,
            "models": [],
            "artifacts": [],
        }
        # in this order, so that a kill in between leaves nothing that is not found again
        mark_pending(home, self.run_id)
        self.files.mkdir(parents=True)
        self.save()

    @property
    def files(self) -> Path:
        """Folder of the run's files."""
        return run_files(self.home, self.run_id)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Note metrics with the moment; one whose value stays keeps its moment."""
        kept = self.values["metrics"]
        for name, value in metrics.items():
            if name not in kept or kept[name][0] != value:
                kept[name] = [value, _now()]

    def close(self, status: str) -> None:
        """Note the end of the run and its files."""
        self.values |= {"status": status, "ended": _now(), "artifacts": listed(self.files)}
        self.save()

    def save(self) -> None:
        """Write the record, whole or not at all."""
        write_values(self.files.parent / RECORD, self.values)


def run_files(home: Path, run_id: str) -> Path:
    """Return the folder of a run's files, where MLflow would put them too."""
    return home / ARTIFACTS / run_id / "artifacts"


def read_record(home: Path, run_id: str) -> dict[str, Any] | None:
    """Return the values of a record, None if there is none that can be read."""
    found = read_values(home / ARTIFACTS / run_id / RECORD)
    is_good = (
        found is not None
        and all(isinstance(found.get(name), dict) for name in _TABLES)
        and all(isinstance(found.get(name), str) for name in _TEXTS)
        and found["run_id"] == run_id
        and found["status"] in STATUSES
        and isinstance(found.get("started"), int)
        and isinstance(found.get("models"), list)
        and all(isinstance(m, list) and len(m) == 2 for m in found["metrics"].values())
    )
    return found if is_good else None


def read_records(home: Path) -> Iterator[dict[str, Any]]:
    """Yield all records of a folder, in no order."""
    for run_id in _names(home / ARTIFACTS):
        record = read_record(home, run_id) if RUN_ID.fullmatch(run_id) else None
        if record is not None:
            yield record


def read_sent(home: Path, run_id: str) -> dict[str, Any]:
    """Return which stores have a run, and how much of it, by address."""
    return read_values(home / ARTIFACTS / run_id / SENT) or {}


def pending(home: Path) -> list[str]:
    """Return the runs that the store does not have yet, or not to their end."""
    return [name for name in _names(home / PENDING) if RUN_ID.fullmatch(name)]


def mark_pending(home: Path, run_id: str) -> None:
    """Note that the store does not have a run yet, and which process makes it."""
    (home / PENDING).mkdir(parents=True, exist_ok=True)
    write_values(home / PENDING / run_id, this_process())


def unmark_pending(home: Path, run_id: str) -> None:
    """Note that the store has a run to its end."""
    (home / PENDING / run_id).unlink(missing_ok=True)


def change_record(home: Path, run_id: str, change: Callable[[dict[str, Any]], None]) -> bool:
    """Change the record of a run that has ended, and note that the store lacks the change.

    Parameters
    ----------
    home : path
        Folder of the records.
    run_id : str
    change : callable
        Gets the values of the record and changes them in place.

    Returns
    -------
    bool
        Whether there is a record.

    Raises
    ------
    OSError, sqlite3.OperationalError
        If the record cannot be written, or another process changes records for a minute.
    """
    with _changing(home):
        record = read_record(home, run_id)
        if record is None:
            return False
        change(record)
        mark_pending(home, run_id)
        write_values(home / ARTIFACTS / run_id / RECORD, record)
    return True


def unmark_sent(home: Path, record: Mapping[str, Any]) -> bool:
    """Note that the store has a run to its end, unless its record has changed since it was read.

    Parameters
    ----------
    home : path
        Folder of the records.
    record : mapping
        The values that were sent.

    Returns
    -------
    bool
        False if the record has changed: it must be sent again.
    """
    with _changing(home):
        now = read_record(home, record["run_id"])
        if now is not None and now != record:
            return False
        unmark_pending(home, record["run_id"])
    return True


def _changing(home: Path) -> contextlib.AbstractContextManager[None]:
    """Let one process at a time change records and their marks as pending."""
    (home / PENDING).mkdir(parents=True, exist_ok=True)
    return alone(home / PENDING / CHANGING, _LOCK_SECONDS)


def close_stale(home: Path) -> list[str]:
    """Close the runs left open by processes of this machine that have ended, as KILLED; return their ids."""
    closed = []
    clear_drafts(home / PENDING)
    for run_id in pending(home):
        folder = home / ARTIFACTS / run_id
        record = read_record(home, run_id)
        if record is None:
            if not (folder / RECORD).exists() and is_gone(read_values(home / PENDING / run_id) or {}):
                # killed before it had written anything
                clear_drafts(folder)
                for empty in (folder / "artifacts", folder):
                    with contextlib.suppress(OSError):
                        empty.rmdir()
                unmark_pending(home, run_id)
            continue
        if record["status"] == "RUNNING" and is_gone(record["owner"]):
            clear_drafts(folder)
            clear_drafts(folder / "artifacts")
            record |= {"status": "KILLED", "ended": _now(), "artifacts": listed(folder / "artifacts")}
            record["tags"].setdefault("error", "the process ended without closing the run")
            write_values(folder / RECORD, record)
            closed.append(run_id)
    return closed


def note_problem(home: Path, text: str) -> None:
    """Keep the reason why a store does not take runs."""
    with contextlib.suppress(OSError):
        # addresses of objects differ each time
        write_whole(home / PENDING / PROBLEM, re.sub(r"0x[0-9a-f]{6,}", "...", masked(text)))


def has_problem(home: Path, since: float = 0.0) -> bool:
    """Whether a store has refused runs since a moment (seconds since 1970) and since `take_problem` was called last."""
    try:
        return (home / PENDING / PROBLEM).stat().st_mtime >= since
    except OSError:
        return False


def take_problem(home: Path) -> str:
    """Return the reason why a store does not take runs; empty if there is none or the same was returned before."""
    place, shown = home / PENDING / PROBLEM, home / PENDING / PROBLEM_SHOWN
    try:
        text = place.read_text(encoding="utf-8")
        before = shown.read_text(encoding="utf-8") if shown.is_file() else ""
        os.replace(place, shown)
    except (OSError, ValueError):
        return ""
    return text if text != before else ""


def forget_problem(home: Path) -> None:
    """Forget the reason: the store takes runs again."""
    for name in (PROBLEM, PROBLEM_SHOWN):
        (home / PENDING / name).unlink(missing_ok=True)


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return the files of a folder by path and size."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [{"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size} for path in found]


def read_values(path: Path) -> dict[str, Any] | None:
    """Return the JSON object of a file, None if there is none."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def write_values(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    write_whole(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text, whole or not at all."""
    draft = path.with_name(draft_name(path.name))
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _now() -> int:
    return int(time.time() * 1000)
