"""The database of a store: opened by one process at a time, and corrected after the store has moved."""

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
    """Let one process at a time open a store: two that make its tables at once would break it.

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
