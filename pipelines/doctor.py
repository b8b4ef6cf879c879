"""``exitladder doctor``: stores, runs, leftovers, versions, threads and caches, checked and repaired."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from exitladder.errors import ExitladderError
from exitladder.models.search.studies.database import check_sqlite
from exitladder.pipelines.earlier_runs import close_earlier_runs, open_earlier_runs
from exitladder.pipelines.tracking.address import StoreAddress, chosen_store
from exitladder.pipelines.tracking.database import replace_broken, state_of, upgrade_database
from exitladder.pipelines.tracking.mlflow_store import mlflow_client
from exitladder.pipelines.tracking.record import close_stale, pending, read_record, read_records
from exitladder.pipelines.tracking.sync import sync
from exitladder.pipelines.tuning.backend import DATABASE as STUDIES
from exitladder.runtime.drafts import is_abandoned, remove_draft
from exitladder.runtime.processes import is_gone
from exitladder.settings.tables import Settings

State = Literal["good", "notice", "wrong", "repaired"]
_MOST_ENTRIES = 50_000
_DEEPEST = 4
_SECONDS_OF_A_LEFTOVER = 3_600.0


@dataclass(frozen=True)
class Check:
    """One line of the doctor.

    Parameters
    ----------
    check : str
        The subject.
    state : {"good", "notice", "wrong", "repaired"}
    finding : str
    cure : str
        Empty if nothing is to do.
    """

    check: str
    state: State
    finding: str
    cure: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All lines of the doctor."""

    checks: tuple[Check, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return all(check.state != "wrong" for check in self.checks)

    def to_mapping(self) -> dict[str, Any]:
        """Return the lines as plain values."""
        return {"is_well": self.is_well, "checks": [asdict(check) for check in self.checks]}


def doctor(settings: Settings, folder: Path, *, repair: bool = False) -> Diagnosis:
    """Check a project and return the findings.

    Parameters
    ----------
    settings : Settings
        They name the store.
    folder : path
        The project's folder, in which leftovers are looked for.
    repair : bool
        Make safe repairs: close runs whose process has ended and those that version 0.1 left open, send runs that the
        store lacks, remove leftovers, make a broken database again from the run records, upgrade one of an earlier
        MLflow. A database that is replaced is kept under another name.

    Returns
    -------
    Diagnosis
    """
    try:
        address = chosen_store(settings.tracking.store, settings.tracking.folder)
    except ExitladderError as error:
        return Diagnosis((Check("store", "wrong", str(error)), *_surroundings()))
    checks = [_stale_runs(address, repair=repair), _store(address, repair=repair)]
    if checks[-1].state in ("good", "repaired"):
        checks += [*_earlier_runs(address, repair=repair), _unsent(address, repair=repair)]
    checks += [_studies(address), _leftovers(address, folder, repair=repair), *_surroundings()]
    return Diagnosis(tuple(checks))


def _surroundings() -> tuple[Check, ...]:
    return (_versions(), _threads(), _caches())


def _stale_runs(address: StoreAddress, *, repair: bool) -> Check:
    running = [
        r for r in (read_record(address.home, i) for i in pending(address.home)) if r and r["status"] == "RUNNING"
    ]
    stale = [record["name"] for record in running if is_gone(record["owner"])]
    if stale and repair:
        close_stale(address.home)
        return Check("runs", "repaired", f"{len(stale)} runs of ended processes closed as KILLED: {', '.join(stale)}")
    if stale:
        cure = "exitladder doctor --repair closes them, and so does the next tracked command"
        return Check("runs", "notice", f"{len(stale)} runs of ended processes are open: {', '.join(stale)}", cure)
    return Check("runs", "good", f"{len(running)} running, none left open by an ended process")


def _store(address: StoreAddress, *, repair: bool) -> Check:
    database = address.database
    if database is None:
        try:
            with mlflow_client(address) as client:
                client.search_experiments(max_results=1)
        except Exception as error:
            cure = "start it or correct its address; runs are recorded meanwhile and sent by: exitladder track --sync"
            return Check("store", "wrong", str(error), cure)
        return Check("store", "good", f"{address} answers")
    state = state_of(database)
    if state.condition == "absent":
        return Check("store", "good", f"no store yet in {address}")
    if state.is_usable:
        return Check("store", "good", f"{address}: the database is complete and of the installed MLflow's version")
    mended: Callable[[Path], Path] | None = {"broken": replace_broken, "old": upgrade_database}.get(state.condition)
    if not repair or mended is None:
        return Check("store", "wrong", f"{database} {state.reason}", state.cure)
    try:
        kept = mended(database)
    except Exception as error:
        return Check("store", "wrong", f"{database} {state.reason}, and could not be repaired: {error}", state.cure)
    return Check("store", "repaired", f"{database} {state.reason}; replaced, and kept as {kept.name}")


def _earlier_runs(address: StoreAddress, *, repair: bool) -> list[Check]:
    """Return a line on the runs that version 0.1 left open; none if there are none."""
    database = address.database
    if database is None or not database.is_file():
        return []
    runs = open_earlier_runs(database)
    ended = [run for run in runs if run.has_ended(time.time())]
    names = ", ".join(map(str, ended))
    found = []
    if ended and repair:
        try:
            close_earlier_runs(address, ended)
        except Exception as error:
            return [Check("runs of version 0.1", "wrong", f"{len(ended)} cannot be closed: {error}")]
        found.append(Check("runs of version 0.1", "repaired", f"{len(ended)} open runs closed as KILLED: {names}"))
    elif ended:
        finding = f"{len(ended)} have been open for more than a day: {names}"
        found.append(Check("runs of version 0.1", "notice", finding, "exitladder doctor --repair closes them"))
    recent = [str(run) for run in runs if run not in ended]
    if recent:
        finding = f"{len(recent)} began within a day and may still be running: {', '.join(recent)}"
        found.append(Check("runs of version 0.1", "notice", finding))
    return found


def _unsent(address: StoreAddress, *, repair: bool) -> Check:
    waiting = [i for i in pending(address.home) if (read_record(address.home, i) or {}).get("status") != "RUNNING"]
    if repair and any(read_records(address.home)):
        try:
            report = sync(address)
        except Exception as error:
            return Check("unsent runs", "wrong", str(error))
        if report.failed:
            return Check(
                "unsent runs", "wrong", f"{len(report.failed)} not taken: {next(iter(report.failed.values()))}"
            )
        if report.sent:
            return Check("unsent runs", "repaired", f"{len(report.sent)} runs sent to {address}")
        waiting = []
    if waiting:
        return Check(
            "unsent runs", "notice", f"{len(waiting)} runs are not in the store yet", "exitladder track --sync"
        )
    return Check("unsent runs", "good", "none")


def _studies(address: StoreAddress) -> Check:
    path = address.home / STUDIES
    if not path.exists():
        return Check("studies", "good", "no studies yet")
    try:
        check_sqlite(path)
    except ExitladderError as error:
        return Check("studies", "wrong", str(error))
    return Check("studies", "good", f"{path.name} is complete and of the expected revision")


def _leftovers(address: StoreAddress, folder: Path, *, repair: bool) -> Check:
    found = sorted({*_drafts(folder.resolve()), *_drafts(address.home)})
    if not found:
        return Check("leftovers", "good", "none")
    names = ", ".join(path.name for path in found[:3]) + (" ..." if len(found) > 3 else "")
    if repair:
        for path in found:
            remove_draft(path)
        return Check("leftovers", "repaired", f"{len(found)} drafts of ended processes removed: {names}")
    return Check(
        "leftovers", "notice", f"{len(found)} drafts of ended processes: {names}", "exitladder doctor --repair"
    )


def _drafts(folder: Path) -> Iterator[Path]:
    """Yield the drafts of ended processes in a folder and below; those of version 0.1 once they are old."""
    seen = 0
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        earlier = re.compile(rf"\.{re.escape(Path(place).name)}-[a-z0-9_]{{8}}")
        for name in [*folders, *files]:
            path = Path(place, name)
            is_earlier = bool(earlier.fullmatch(name)) and path.is_dir() and _age(path) > _SECONDS_OF_A_LEFTOVER
            if is_abandoned(path) or is_earlier:
                yield path
        seen += len(folders) + len(files)
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = [] if depth >= _DEEPEST or seen > _MOST_ENTRIES else [n for n in folders if n not in hidden]


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _versions() -> Check:
    from packaging.requirements import InvalidRequirement, Requirement

    wrong, n = [], 0
    try:
        wanted = metadata.requires("exitladder") or []
    except metadata.PackageNotFoundError:
        return Check("versions", "notice", "exitladder is not installed as a package, so nothing states the versions")
    for line in wanted:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        n += 1
        try:
            version = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{needed.name} is missing")
            continue
        if not needed.specifier.contains(version, prereleases=True):
            wrong.append(f"{needed.name} {version} is installed, {needed.specifier} is needed")
    if wrong:
        return Check("versions", "wrong", "; ".join(wrong), "pip install --upgrade exitladder")
    return Check("versions", "good", f"{n} packages as required")


def _threads() -> Check:
    n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    over = []
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value and not (value.isdecimal() and 0 < int(value) <= n):
            over.append(f"{name}={value}")
    if over:
        return Check(
            "threads", "notice", f"{n} processors, but {', '.join(over)}", "unset them, or use project.threads"
        )
    return Check("threads", "good", f"{n} processors")


def _caches() -> Check:
    import exitladder

    chosen = os.environ.get("NUMBA_CACHE_DIR", "")
    folder = Path(chosen) if chosen else Path(exitladder.__file__).parent / "execution" / "__pycache__"
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    n = sum(1 for _ in folder.rglob("*.nbc")) if folder.is_dir() else 0
    if not os.access(there, os.W_OK):
        return Check(
            "compiler cache",
            "notice",
            f"{there} cannot be written to, so that every start may compile the engine again",
            "set NUMBA_CACHE_DIR to a folder of yours",
        )
    return Check("compiler cache", "good", f"{n} compiled functions stored")
