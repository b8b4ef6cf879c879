"""The database of a store: made whole or not at all, opened by one process at a time, its state named.

Nothing heavy is imported before a database has to be made.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import logging
import re
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from exitladder.errors import TrackingError
from exitladder.runtime.drafts import draft_name
from exitladder.runtime.sqlite_files import is_locked, make_whole, tables_of

_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
Condition = Literal["absent", "good", "locked", "broken", "old", "newer", "foreign"]


@dataclass(frozen=True)
class DatabaseState:
    """The condition of an SQLite file.

    Parameters
    ----------
    condition : {"absent", "good", "locked", "broken", "old", "newer", "foreign"}
    reason : str
        The fault; empty if it is absent or good.
    cure : str
    """

    condition: Condition
    reason: str = ""
    cure: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether MLflow can open it, or make it."""
        return self.condition in ("absent", "good")


@contextmanager
def alone(lock: Path, seconds: float = 120.0) -> Iterator[None]:
    """Let one process at a time into the block.

    The lock is SQLite's own, which ends with the process that holds it, on every system. The file may be removed at any
    time: whoever then holds a lock on a file that is no longer there takes the lock of the new one.

    Parameters
    ----------
    lock : path
        A file for the lock, made if it is absent.
    seconds : float
        How long to wait for it.

    Raises
    ------
    sqlite3.OperationalError
        If another process holds the lock for longer.
    """
    while True:
        with contextlib.suppress(OSError):
            lock.touch()
        opened = _file_number(lock)
        with closing(sqlite3.connect(lock, timeout=seconds, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise
                # A folder that cannot be written to holds a finished store, or none.
                opened = _file_number(lock)
            if opened != _file_number(lock):
                continue
            yield
            return


def _file_number(path: Path) -> int | None:
    """Return the number of a file that no other has while it is open; None if there is no file."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def state_of(database: Path, seconds: float = 5.0) -> DatabaseState:
    """Return the condition of a store's SQLite file, without MLflow and without changing it.

    Parameters
    ----------
    database : path
    seconds : float
        How long to wait for a lock.
    """
    if not database.exists():
        return DatabaseState("absent")
    doctor = "Run: exitladder doctor --repair"
    try:
        tables, revisions = tables_of(database, seconds)
    except sqlite3.DatabaseError as error:
        if is_locked(error):
            return DatabaseState(
                "locked", "is locked by another process", "Wait until it is done, or end the program that holds it."
            )
        if isinstance(error, sqlite3.OperationalError):
            return DatabaseState("broken", f"cannot be read ({error})", "Check its permissions and the disk.")
        return DatabaseState(
            "broken", f"is not a complete SQLite database ({error})", f"{doctor}, which keeps it under another name."
        )
    half_made = [name for name in tables if name.startswith("_alembic_tmp_")]
    if half_made or (tables and "experiments" in tables and not revisions):
        return DatabaseState(
            "broken",
            f"is half made: it was interrupted ({', '.join(half_made) or 'its revision is missing'})",
            f"{doctor}, which makes it again from the run records and keeps it under another name.",
        )
    if not tables:
        return DatabaseState("broken", "is empty", f"{doctor}, which makes it again from the run records.")
    if "experiments" not in tables:
        return DatabaseState("foreign", "holds the tables of another program", "Name another file with tracking.store.")
    return _state_of_revision(revisions, doctor)


def _state_of_revision(revisions: set[str], doctor: str) -> DatabaseState:
    known, newest = known_revisions()
    if revisions <= newest:
        return DatabaseState("good")
    if revisions <= known:
        return DatabaseState(
            "old",
            f"is of an earlier version of MLflow (revision {', '.join(sorted(revisions))})",
            f"{doctor}, which upgrades a copy and keeps the original.",
        )
    return DatabaseState(
        "newer",
        f"is of a later version of MLflow (revision {', '.join(sorted(revisions))}) than the one installed",
        "Install that version (pip install --upgrade mlflow), or name another store with tracking.store.",
    )


@functools.cache
def known_revisions() -> tuple[set[str], set[str]]:
    """Return all revisions of the tables that the installed MLflow knows, and the newest ones.

    They are read from the names in its files: importing MLflow takes seconds.
    """
    spec = importlib.util.find_spec("mlflow")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    texts = [
        path.read_text(encoding="utf-8")
        for place in places
        for path in Path(place, "store", "db_migrations", "versions").glob("*.py")
    ]
    of = re.compile(r"^(down_)?revision(?:\s*:[^=]+)?\s*=\s*[\"'](\w+)[\"']", re.MULTILINE)
    pairs = [pair for text in texts for pair in of.findall(text)]
    known = {revision for down, revision in pairs if not down}
    return known, known - {revision for down, revision in pairs if down}


def check_state(database: Path) -> DatabaseState:
    """Return the condition of a store's SQLite file if it can be used.

    Raises
    ------
    TrackingError
        With the cure, if it cannot.
    """
    state = state_of(database)
    if not state.is_usable:
        raise TrackingError(f"The store's database must be usable, but '{database}' {state.reason}. {state.cure}")
    return state


def make_database(database: Path) -> None:
    """Make the SQLite file of a store with all of MLflow's tables, whole or not at all; nothing if it exists."""

    def make_tables(engine: dict[str, Any]) -> None:
        with _quiet_migrations() as (sqlalchemy, utils):
            utils._initialize_tables(sqlalchemy.create_engine("sqlite://", **engine))

    make_whole(database, make_tables)


def replace_broken(database: Path) -> Path:
    """Make a database again and return where the broken one is kept; the run records are sent again by a sync."""
    with alone(database.parent / ".opening"):
        kept = _kept_name(database, "broken")
        for ending in ("", "-journal", "-wal", "-shm"):
            part = database.with_name(database.name + ending)
            if part.exists():
                part.replace(kept.with_name(kept.name + ending))
        make_database(database)
    return kept


def upgrade_database(database: Path) -> Path:
    """Bring a copy of a database to the installed MLflow's tables, put it in place, and return where the original is.

    Raises
    ------
    Exception
        Any of MLflow's, if the copy cannot be upgraded; the original is unchanged then.
    """
    draft, kept = database.with_name(draft_name(database.name)), _kept_name(database, "before-upgrade")
    try:
        with alone(database.parent / ".opening"):
            with closing(sqlite3.connect(database, timeout=30)) as source:
                with closing(sqlite3.connect(draft)) as target:
                    source.backup(target)
                with _quiet_migrations() as (sqlalchemy, utils):
                    engine = sqlalchemy.create_engine(f"sqlite:///{draft.as_posix()}")
                    utils._upgrade_db(engine)
                    engine.dispose()
            database.replace(kept)
            draft.replace(database)
    finally:
        for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
            leftover.unlink(missing_ok=True)
    return kept


@contextmanager
def _quiet_migrations() -> Iterator[tuple[Any, Any]]:
    """Give SQLAlchemy and MLflow's migrations, without their warnings and log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for chatty in ("mlflow", "alembic"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        utils = importlib.import_module("mlflow.store.db.utils")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        yield importlib.import_module("sqlalchemy"), utils


def _kept_name(database: Path, why: str) -> Path:
    return database.with_name(f"{database.name}.{why}-{time.strftime('%Y%m%d-%H%M%S')}")


def settle(database: Path, artifacts: Path) -> int:
    """Point a store's database to its own folder of artifacts; return how many experiments had moved.

    MLflow stores absolute paths and would keep writing to the old location of a moved store.
    Only experiments with artifacts in a local folder of that name are changed; all others stay unchanged.

    Parameters
    ----------
    database : Path
        The store's ``mlflow.db``; nothing is done if there is none yet.
    artifacts : Path
        The folder of artifacts beside it.
    """
    if not database.is_file():
        return 0
    here = artifacts.resolve().as_uri()
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        known = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'experiments'")
        if known.fetchone() is None:
            return 0
        found = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        moved = [
            place
            for (place,) in found
            if place and place.startswith("file:") and place != here and place.endswith("/artifacts")
        ]
        for before in moved:
            for table, column in _PLACES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (here, len(before) + 1, before, len(before) + 1, f"{before}/"),
                )
    return len(moved)
