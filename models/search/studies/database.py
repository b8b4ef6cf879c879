"""The database of studies: its connection, its locks, and Optuna's tables in it."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exitladder.errors import ModelError
from exitladder.runtime.sqlite_files import is_locked, make_whole, tables_of
from exitladder.secrets import masked, secret_in

# The revision of Optuna's tables that is written to: since Optuna 3.2.
_REVISION = "v3.2.0.a"
_LOCK = 7_203_311_958_224_417
_BATCHES = """create table if not exists exitladder_batches (
    study varchar(32) not null, batch integer not null, worker varchar(200), claimed_at double precision,
    payload text, primary key (study, batch))"""
_TABLES = (
    "studies",
    "study_directions",
    "trials",
    "trial_params",
    "trial_values",
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_intermediate_values",
)


class Database:
    """A database of SQLite or PostgreSQL with Optuna's tables and one of batches; missing tables are made.

    Parameters
    ----------
    url : str
        Such as ``sqlite:///mlruns/studies.db`` or ``postgresql://user@host/database``.

    Raises
    ------
    ModelError
        If it cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.sqlalchemy = importlib.import_module("sqlalchemy")
        parsed = _parsed(self.sqlalchemy, url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        with self.plain_errors():
            if self.is_sqlite:
                _make_sqlite(Path(parsed.database))
                check_sqlite(Path(parsed.database))
                self.engine = self.sqlalchemy.create_engine(
                    parsed, isolation_level="AUTOCOMMIT", connect_args={"timeout": 60}
                )
            else:
                self.engine = self.sqlalchemy.create_engine(parsed, pool_pre_ping=True)
                self._make_postgresql(parsed)
            with self.locked() as connection:
                self.run(connection, _BATCHES)
                revision = self.run(connection, "select version_num from alembic_version")[0][0]
            _check_revision(str(revision), url)
            reflected = self.sqlalchemy.MetaData()
            reflected.reflect(self.engine, only=_TABLES)
            self.tables = reflected.tables

    @contextmanager
    def locked(self) -> Iterator[Any]:
        """Give a connection inside a transaction that excludes all other writers of studies."""
        with self.plain_errors(), self.engine.connect() as connection:
            if not self.is_sqlite:
                with connection.begin():
                    self.run(connection, f"select pg_advisory_xact_lock({_LOCK})")
                    yield connection
                return
            connection.exec_driver_sql("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("rollback")
                raise
            connection.exec_driver_sql("commit")

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Give a connection to read by."""
        with self.plain_errors(), self.engine.connect() as connection:
            yield connection

    def run(self, connection: Any, statement: str, **values: Any) -> list[Any]:
        """Execute a statement and return its rows, if it has any.

        Parameters
        ----------
        connection : sqlalchemy.Connection
        statement : str
            SQL with ``:name`` placeholders.
        **values
            Values of the placeholders.

        Returns
        -------
        list of Row
            Empty if the statement returns none.
        """
        done = connection.execute(self.sqlalchemy.text(statement), values)
        return list(done.fetchall()) if done.returns_rows else []

    @property
    def now(self) -> str:
        """SQL of the database's own clock, in seconds: those of machines differ."""
        if self.is_sqlite:
            return "((julianday('now') - 2440587.5) * 86400.0)"
        return "extract(epoch from clock_timestamp())"

    @contextmanager
    def plain_errors(self) -> Iterator[None]:
        """Raise errors of the database as ModelError."""
        try:
            yield
        except (self.sqlalchemy.exc.DBAPIError, sqlite3.Error) as cause:
            first = (str(getattr(cause, "orig", cause)).strip() or str(cause)).splitlines()[0]
            raise ModelError(
                f"The storage {self.url} must be a database that can be written to, but: {first}"
            ) from cause

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def _make_postgresql(self, parsed: Any) -> None:
        from optuna import storages

        # Of many that come at once, one makes the tables.
        with self.engine.connect() as connection:
            self.run(connection, f"select pg_advisory_lock({_LOCK})")
            try:
                storages.RDBStorage(parsed.render_as_string()).engine.dispose()
            finally:
                self.run(connection, f"select pg_advisory_unlock({_LOCK})")


def _parsed(sqlalchemy: Any, url: str) -> Any:
    if found := secret_in(url):
        raise ModelError(
            f"The storage must not contain a password, because settings are saved with each run, but {masked(url)} has "
            f"{found}. Set the password in PGPASSWORD or ~/.pgpass."
        )
    try:
        parsed = sqlalchemy.make_url(url)
        is_known = parsed.get_backend_name() in ("sqlite", "postgresql", "postgres")
    except (sqlalchemy.exc.ArgumentError, ValueError):
        is_known = False
    if not is_known:
        raise ModelError(
            f"The storage of studies must be sqlite:///PATH or postgresql://USER@HOST/DATABASE, but is {masked(url)!r}."
        )
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ModelError("A SQLite storage must have a path (sqlite:///mlruns/studies.db), but has none.")
        return parsed
    try:
        importlib.import_module("psycopg")
    except ImportError:
        raise ModelError(
            "A PostgreSQL storage needs the package psycopg, which is not installed. Install it with: "
            "pip install 'exitladder[postgresql]'"
        ) from None
    return parsed.set(drivername="postgresql+psycopg")


def _make_sqlite(path: Path) -> None:
    """Make a file with Optuna's tables, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def make_tables(engine: dict[str, Any]) -> None:
        from optuna import storages

        storages.RDBStorage("sqlite://", engine_kwargs=engine)

    make_whole(path, make_tables)


def check_sqlite(path: Path, seconds: float = 5.0) -> None:
    """Raise ModelError, with the cure, if a file is no database of studies that can be used.

    Parameters
    ----------
    path : path
    seconds : float
        How long to wait for a lock.

    Raises
    ------
    ModelError
        If the file is locked, incomplete, another program's, or of another revision.
    """
    what = f"The storage of studies must be usable, but '{path}'"
    other = "Move it away or name another one (tuning.storage); its studies then begin again."
    try:
        tables, revisions = tables_of(path, seconds)
    except sqlite3.DatabaseError as error:
        if is_locked(error):
            raise ModelError(f"{what} is locked by another process. Wait until it is done, or end that one.") from error
        if isinstance(error, sqlite3.OperationalError):
            raise ModelError(f"{what} cannot be read ({error}). Check its permissions and the disk.") from error
        raise ModelError(f"{what} is not a complete SQLite database ({error}). {other}") from error
    if not set(_TABLES) <= tables or not revisions:
        state = "holds the tables of another program" if tables and "studies" not in tables else "is incomplete"
        raise ModelError(f"{what} {state}. {other}")
    _check_revision(min(revisions), str(path))


def _check_revision(revision: str, place: str) -> None:
    if revision != _REVISION:
        # revisions of Optuna are numbered by its versions
        age = "an earlier" if revision < _REVISION else "a later"
        cure = f"Upgrade it with: optuna storage upgrade --storage sqlite:///{place}" if revision < _REVISION else ""
        raise ModelError(
            f"Optuna's tables must be of revision {_REVISION}, but those in {place} are of {revision}, which is {age} "
            f"one. {cure or 'Use the version of exitladder that made it'}, or use another database."
        )
