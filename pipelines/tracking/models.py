"""Models found by run, version or alias."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from exitladder.errors import TrackingError
from exitladder.pipelines.tracking.address import StoreAddress, store_address
from exitladder.pipelines.tracking.database import check_state
from exitladder.pipelines.tracking.faults import plain_errors
from exitladder.pipelines.tracking.mlflow_store import local_folder, mlflow_client, not_found, quoted
from exitladder.pipelines.tracking.page.logged_models import MODEL_FOLDER, RUN_TAG
from exitladder.pipelines.tracking.promotions import ALIASES, holder
from exitladder.pipelines.tracking.record import run_files
from exitladder.pipelines.tracking.runs import _RUN_ID, _run_folder, find_run
from exitladder.runtime.sqlite_files import opened_to_read

_MODEL_REF = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))")


@dataclass(frozen=True)
class _Version:
    """A registered version: where its files are, and the run that trained it, by its record where it has one."""

    source: str
    run_id: str


def resolve_model(ref: str, store: str | Path | StoreAddress) -> Path:
    """Return the folder of the model that `ref` names.

    Parameters
    ----------
    ref : str
        ``models:/NAME/VERSION`` (or ``/latest``), ``models:/NAME@ALIAS``, a run id, a local folder, or ``champion`` or
        ``challenger`` (`exitladder promote`).
    store : str, path or StoreAddress
        The store.

    Raises
    ------
    TrackingError
        If there is no such model.
    """
    address = store_address(store)
    if ref in ALIASES and not Path(ref).is_dir():
        ref = _promoted(ref, address)
    if ref.startswith("models:"):
        return _registered_model(ref, address)
    if not _RUN_ID.fullmatch(ref) and Path(ref).is_dir():
        return Path(ref)
    if not _RUN_ID.fullmatch(ref):
        raise TrackingError(
            "A model must be named by a run id, models:/NAME/VERSION, models:/NAME@ALIAS or an existing folder, "
            f"but is {ref!r}. {_known_models(address)}"
        )
    run = find_run(ref, address)
    folder = _run_folder(run, address) / MODEL_FOLDER
    if not folder.is_dir():
        raise TrackingError(
            f"A model must come from a run that trained one, but run '{run.name}' ({run.kind or '?'}) has none. "
            f"{_known_models(address)}"
        )
    return folder


def _promoted(alias: str, address: StoreAddress) -> str:
    """Return the run that has an alias of `exitladder promote`."""
    now = holder(address.home, alias)
    if now is None:
        raise TrackingError(
            f"There is no {alias} among the models of '{address}'. Promote one: exitladder promote RUN --as {alias}."
        )
    return now.run_id


def _registered_model(ref: str, address: StoreAddress) -> Path:
    match = _MODEL_REF.fullmatch(ref)
    if match is None:
        raise TrackingError(
            f"A registered model must be named models:/NAME/VERSION or models:/NAME@ALIAS, but is {ref!r}. "
            f"{_known_models(address)}"
        )
    version = _in_file(match, address) if address.database is not None else _in_store(match, ref, address)
    if version is None:
        raise TrackingError(f"There is no model '{ref}' in the store '{address}'. {_known_models(address)}")
    recorded = run_files(address.home, version.run_id) / MODEL_FOLDER
    if version.run_id and recorded.is_dir():
        # The store may have been moved since, or be a server; among the records nothing has moved.
        return recorded
    if version.source.startswith("file:") and local_folder(version.source).is_dir():
        return local_folder(version.source)
    if address.kind == "server":
        return _fetched(ref, address, version)
    raise TrackingError(
        f"The files of '{ref}' are gone from the store '{address}'. Train the model again, or restore the folder "
        "'artifacts' of the store."
    )


def _in_file(match: re.Match[str], address: StoreAddress) -> _Version | None:
    """Return a version from a SQLite store; read directly, because importing MLflow takes longer than scoring."""
    database = address.database
    if database is None or check_state(database).condition == "absent":
        return None
    name, version, alias = match["name"], match["version"], match["alias"]
    wanted = "select coalesce(nullif(storage_location, ''), source), run_id from model_versions where name = ? and "
    kept = " and coalesce(current_stage, '') <> 'Deleted_Internal'"
    with opened_to_read(database, 30.0) as opened:
        if alias:
            of_alias = "version = (select version from registered_model_aliases where name = ? and alias = ?)"
            rows = opened.execute(wanted + of_alias + kept, (name, name, alias)).fetchall()
        elif version == "latest":
            rows = opened.execute(f"{wanted} true{kept} order by version desc limit 1", (name,)).fetchall()
        else:
            number = int(version) if version.isdecimal() and len(version) < 10 else -1
            rows = opened.execute(f"{wanted} version = ?{kept}", (name, number)).fetchall()
    return _Version(str(rows[0][0] or ""), str(rows[0][1] or "")) if rows else None


def _in_store(match: re.Match[str], ref: str, address: StoreAddress) -> _Version | None:
    name = match["name"]
    with mlflow_client(address) as client, plain_errors(f"The model '{ref}' cannot be read"):
        try:
            if match["alias"]:
                version = client.get_model_version_by_alias(name, match["alias"])
            elif match["version"] == "latest":
                found = client.search_model_versions(f"name = {quoted(name)}", order_by=["version_number DESC"])
                version = found[0]
            else:
                version = client.get_model_version(name, match["version"])
            return _Version(str(version.source), _recorded_id(client, version.run_id))
        except (not_found(), IndexError) as error:
            if isinstance(error, IndexError) or "not found" in str(error).lower():
                return None
            raise


def _recorded_id(client: Any, run_id: str) -> str:
    """Return the id of a run's record; a server gives runs ids of its own."""
    return str(client.get_run(run_id).data.tags.get(RUN_TAG, run_id)) if run_id else ""


def _fetched(ref: str, address: StoreAddress, version: _Version) -> Path:
    """Return a folder with the files of a model that are on a server."""
    import importlib

    with mlflow_client(address), plain_errors(f"The model '{ref}' cannot be fetched"):
        artifacts = importlib.import_module("mlflow.artifacts")
        target = mkdtemp(prefix="exitladder-model-")
        return Path(
            artifacts.download_artifacts(artifact_uri=version.source, dst_path=target, tracking_uri=address.uri)
        )


def _known_models(address: StoreAddress) -> str:
    if address.database is not None and not address.database.is_file():
        return f"The store '{address}' holds no model yet; train one with: exitladder train."
    with mlflow_client(address) as client:
        names = []
        for model in client.search_registered_models(max_results=20):
            names += [f"models:/{model.name}@{alias}" for alias in model.aliases]
            names += [f"models:/{version.name}/{version.version}" for version in model.latest_versions]
    return f"The store holds {', '.join(names)}." if names else "Train one with: exitladder train."
