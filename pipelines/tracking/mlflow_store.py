"""MLflow itself: its client on a store, loaded at use, quiet, and without telemetry.

Beside `exitladder.pipelines.tracking.flavour` and `sync` this is the only file that imports MLflow;
`exitladder.pipelines.tracking.record` holds the records.
"""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from exitladder.errors import TrackingError
from exitladder.pipelines.tracking.address import DATABASE, StoreAddress, store_address
from exitladder.pipelines.tracking.database import alone, check_state, make_database, settle
from exitladder.pipelines.tracking.faults import plain_errors

_LOCK = 7_203_311_958_224_418
# MLflow would ask a server that does not answer for many minutes.
_LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "PGCONNECT_TIMEOUT": "10",
}


@contextmanager
def mlflow_client(store: str | Path | StoreAddress, *, create: bool = False) -> Iterator[Any]:
    """Give MLflow's client of a store: loaded at use, quiet, and without telemetry.

    Parameters
    ----------
    store : str, path or StoreAddress
    create : bool
        Make a store that is a folder or a SQLite file if there is none.

    Yields
    ------
    mlflow.MlflowClient

    Raises
    ------
    TrackingError
        If there is no store, or it cannot be used.
    """
    address = store_address(store)
    database = address.database
    if database is not None:
        if create:
            with plain_errors(f"The store '{address}' cannot be created"):
                database.parent.mkdir(parents=True, exist_ok=True)
        elif not database.is_file():
            raise TrackingError(
                f"A store must be a folder with {DATABASE} in it, but '{address}' has none. "
                "Run a command that tracks (such as exitladder train), or name the store: --set tracking.store=FOLDER."
            )
        check_state(database)
    with warnings.catch_warnings():
        # MLflow's own use of deprecated calls is nothing a user of ours could act on.
        warnings.simplefilter("ignore")
        make_client = load_mlflow()
        with plain_errors(f"The store '{address}' cannot be opened"):
            client = _opened(address, make_client, create)
        yield client


def load_mlflow() -> Any:
    """Import MLflow, quiet, without telemetry and with bounded waiting; return the class of its client."""
    # Both are read when MLflow is imported and again at every event.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    for name, value in _LIMITS.items():
        os.environ.setdefault(name, value)
    for chatty in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # MLflow's own use of deprecated calls is nothing a user of ours could act on.
        warnings.simplefilter("ignore")
        client = importlib.import_module("mlflow.tracking").MlflowClient
    # MLflow sets the level of its own logger when it is imported.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    return client


def _opened(address: StoreAddress, make_client: Any, create: bool) -> Any:
    database = address.database
    if database is not None:
        with alone(database.parent / ".opening"):
            if create:
                make_database(database)
                settle(database, address.artifacts)
            return make_client(tracking_uri=address.uri, registry_uri=address.uri)
    if address.kind == "postgresql":
        with _alone_in_postgresql(address.uri):
            return make_client(tracking_uri=address.uri, registry_uri=address.uri)
    return make_client(tracking_uri=address.uri, registry_uri=address.uri)


@contextmanager
def _alone_in_postgresql(uri: str) -> Iterator[None]:
    """Let one process at a time make the tables of a database on a server; the lock ends with its connection."""
    try:
        importlib.import_module("psycopg")
    except ImportError:
        raise TrackingError(
            "A PostgreSQL store needs the package psycopg, which is not installed. Install it with: "
            "pip install 'exitladder[postgresql]'"
        ) from None
    sqlalchemy = importlib.import_module("sqlalchemy")
    pool = importlib.import_module("sqlalchemy.pool").NullPool
    engine = sqlalchemy.create_engine(uri, poolclass=pool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"select pg_advisory_lock({_LOCK})"))
        try:
            yield
        finally:
            connection.execute(sqlalchemy.text(f"select pg_advisory_unlock({_LOCK})"))


def local_folder(uri: str) -> Path:
    """Return the local folder of an artifact URI of MLflow."""
    parts = urlparse(uri)
    if parts.scheme not in ("file", ""):
        raise TrackingError(f"Artifacts must be in a local folder, but those of this run are at '{uri}'.")
    return Path(url2pathname(parts.path)) if parts.scheme else Path(uri)


def quoted(text: str) -> str:
    """Return a text quoted for MLflow's filters, which have no escape character."""
    mark = '"' if "'" in text else "'"
    return f"{mark}{text}{mark}"


def not_found() -> type[Exception]:
    """Return the exception that MLflow raises if an object does not exist."""
    found: type[Exception] = importlib.import_module("mlflow.exceptions").MlflowException
    return found
