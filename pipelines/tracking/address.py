"""The address of an MLflow store: a folder, a database or a server, and the folder of the run records."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from exitladder.errors import TrackingError
from exitladder.secrets import masked, secret_in

VARIABLE = "MLFLOW_TRACKING_URI"
DEFAULT = "mlruns"
DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=/|//)")


@dataclass(frozen=True)
class StoreAddress:
    """An MLflow store.

    Parameters
    ----------
    kind : {"folder", "sqlite", "postgresql", "server"}
    uri : str
        As MLflow takes it.
    home : Path
        Folder of the run records, with the artifacts of each run in it.
    """

    kind: Literal["folder", "sqlite", "postgresql", "server"]
    uri: str
    home: Path

    def __str__(self) -> str:
        return str(self.home) if self.kind == "folder" else self.shown

    def __fspath__(self) -> str:
        return str(self.home)

    @property
    def shown(self) -> str:
        """The address for messages."""
        return str(self.database) if self.database is not None else masked(self.uri)

    @property
    def key(self) -> str:
        """The store's name in ``sent.json``; without the place of the folder, which may move."""
        database = self.database
        return database.name if database is not None and database.parent == self.home else self.shown

    @property
    def database(self) -> Path | None:
        """The SQLite file, if the store is one."""
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None

    @property
    def artifacts(self) -> Path:
        """The folder that holds a folder for each run."""
        return self.home / ARTIFACTS


def store_address(store: str | Path | StoreAddress, folder: str | Path = "") -> StoreAddress:
    """Return the store that a setting or a path names.

    Parameters
    ----------
    store : str, path or StoreAddress
        A folder, ``sqlite:///PATH``, ``postgresql://USER@HOST/DATABASE`` or ``http://SERVER``.
    folder : path
        Folder of the run records; by default the store's own, and ``mlruns`` if that has none.

    Returns
    -------
    StoreAddress

    Raises
    ------
    TrackingError
        If the address is of another kind or holds a password.
    """
    if isinstance(store, StoreAddress):
        return store
    text = str(store).strip()
    scheme = _SCHEME.match(text) if not isinstance(store, Path) else None
    kind = scheme[1].lower().partition("+")[0] if scheme else ""
    if found := secret_in(text):
        raise TrackingError(
            f"An MLflow store must be named without a password, but {masked(text)} has {found}. Set it in the "
            "environment: PGPASSWORD or PGPASSFILE, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN."
        )
    if kind in ("", "file"):
        # imported late: it loads an HTTP client
        from urllib.request import url2pathname

        path = Path(url2pathname(urlsplit(text).path)) if kind else Path(text)
        home = path.resolve()
        return StoreAddress("folder", _sqlite(home / DATABASE), Path(folder).resolve() if str(folder) else home)
    if kind == "sqlite":
        name = unquote(text.partition("sqlite:///")[2].partition("?")[0])
        if not name or name == ":memory:":
            raise TrackingError(f"An SQLite store must have a path, such as sqlite:///runs/mlflow.db, but is '{text}'.")
        path = Path(name).resolve()
        return StoreAddress("sqlite", _sqlite(path), Path(folder).resolve() if str(folder) else path.parent)
    home = Path(folder or DEFAULT).resolve()
    if kind in ("postgresql", "postgres"):
        return StoreAddress("postgresql", re.sub(r"^[^:]+", "postgresql+psycopg", text, count=1), home)
    if kind in ("http", "https"):
        _check_server(text)
        return StoreAddress("server", text.rstrip("/"), home)
    raise TrackingError(
        "An MLflow store must be a folder, sqlite:///PATH, postgresql://USER@HOST/DATABASE or http://SERVER, but is "
        f"'{masked(text)}'. Name one with tracking.store or {VARIABLE}."
    )


def chosen_store(store: str, folder: str) -> StoreAddress:
    """Return the store of a project: ``tracking.store``, or ``MLFLOW_TRACKING_URI`` if that key is at its default."""
    variable = os.environ.get(VARIABLE, "").strip()
    return store_address(variable if variable and store == DEFAULT else store, folder)


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path.as_posix()}"


def _check_server(text: str) -> None:
    try:
        parts = urlsplit(text)
        is_good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise TrackingError(
            f"An MLflow server must be named as http://HOST:PORT or https://HOST, but is '{masked(text)}'. Correct "
            f"tracking.store or {VARIABLE}."
        )
