"""What MLflow leaves open about a store's database: who may make it, and where it lies after a move."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@contextmanager
def alone(store: Path, seconds: float = 120.0) -> Iterator[None]:
    """Let one process at a time open a store: two that make its tables at once leave it broken.

    The lock is SQLite's own, which ends with the process that holds it, on every system.
    """
    with closing(sqlite3.connect(store / ".opening", timeout=seconds, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
            # A folder that cannot be written to holds a finished store, or none.
        yield


def settle(database: Path, artifacts: Path) -> int:
    """Let a store's database point to its own folder of artifacts; return how many experiments had moved.

    MLflow writes whole paths down, and would go on writing to the place that a store was moved from.
    Only what lay in a local folder of that name is changed: experiments that keep their artifacts
    elsewhere stay as they are.

    Parameters
    ----------
    database : Path
        The store's ``mlflow.db``; nothing is done where there is none yet.
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
