"""SQLite files opened to be read, also after their writer was killed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


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
        else:
            with closing(connection):
                yield connection
            return
