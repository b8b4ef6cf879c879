"""SQLite files: made whole or not at all, and opened to be read, also after their writer was killed."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from exitladder.runtime.drafts import clear_drafts, draft_name, put_in_place


@contextmanager
def opened_to_read(path: Path, seconds: float = 5.0) -> Iterator[sqlite3.Connection]:
    """Give a connection that reads an existing file.

    If a writer was killed, its unfinished transaction is rolled back first, as by any writer.

    Parameters
    ----------
    path : path
    seconds : float
        How long to wait for a lock.

    Yields
    ------
    sqlite3.Connection

    Raises
    ------
    sqlite3.DatabaseError
        If the file is locked for longer, cannot be read, or is no database.
    """
    for mode in ("ro", "rw"):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=seconds)
        try:
            connection.execute("select count(*) from sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            connection.close()
            # a reader may not roll back the journal of a killed writer
            if mode == "rw" or "readonly" not in str(error):
                raise
        except UnicodeDecodeError as error:  # SQLite quotes a damaged statement in its message
            connection.close()
            raise sqlite3.DatabaseError("a statement of its schema is not text") from error
        else:
            with closing(connection):
                yield connection
            return


def tables_of(path: Path, seconds: float = 5.0) -> tuple[set[str], set[str]]:
    """Return the names of a file's tables, and the revisions that Alembic has written to it.

    Parameters
    ----------
    path : path
    seconds : float
        How long to wait for a lock.

    Returns
    -------
    tables, revisions : set of str

    Raises
    ------
    sqlite3.DatabaseError
        As `opened_to_read`.
    """
    with opened_to_read(path, seconds) as opened:
        tables = {str(name) for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = opened.execute("SELECT version_num FROM alembic_version") if "alembic_version" in tables else ()
        return tables, {str(revision) for (revision,) in found}


def is_locked(error: sqlite3.DatabaseError) -> bool:
    """Whether another process holds the file."""
    return isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))


def make_whole(path: Path, make_tables: Callable[[dict[str, Any]], object]) -> None:
    """Make a file with tables, whole or not at all; nothing if it exists.

    The tables are made in memory, which spares the disk, and copied into a draft that is renamed.

    Parameters
    ----------
    path : path
    make_tables : callable
        Takes the arguments of a SQLAlchemy engine that writes to the memory, ``creator`` and ``poolclass``.
    """
    clear_drafts(path.parent, path.name)
    if path.exists():
        return
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    draft = path.with_name(draft_name(path.name))
    try:
        pool = importlib.import_module("sqlalchemy.pool").StaticPool
        make_tables({"creator": lambda: memory, "poolclass": pool})
        with closing(sqlite3.connect(draft)) as target:
            memory.backup(target)
        # Of several that come at once, one puts its file there.
        put_in_place(draft, path)
    finally:
        memory.close()
        for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
            leftover.unlink(missing_ok=True)
