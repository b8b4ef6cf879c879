"""Models found by run, version or alias."""

from __future__ import annotations

import re
from pathlib import Path

from exitladder.errors import TrackingError
from exitladder.pipelines.tracking.mlflow_store import DATABASE, local_folder, mlflow_client, not_found, quoted
from exitladder.pipelines.tracking.run import plain_errors
from exitladder.pipelines.tracking.runs import _RUN_ID, _run_folder, find_run

_MODEL_FOLDER = "model"

_MODEL_REF = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))")


def resolve_model(ref: str, store: str | Path) -> Path:
    """Return the folder of the model that `ref` names.

    Parameters
    ----------
    ref : str
        ``models:/NAME/VERSION`` (or ``/latest``), ``models:/NAME@ALIAS``, a run id, or a local folder.
    store : path
        The store folder.

    Raises
    ------
    TrackingError
        If there is no such model.
    """
    if ref.startswith("models:"):
        return _registered_model(ref, Path(store))
    if not _RUN_ID.fullmatch(ref) and Path(ref).is_dir():
        return Path(ref)
    if not _RUN_ID.fullmatch(ref):
        raise TrackingError(
            "A model must be named by a run id, models:/NAME/VERSION, models:/NAME@ALIAS or an existing folder, "
            f"but is {ref!r}. {_known_models(Path(store))}"
        )
    run = find_run(ref, store)
    folder = _run_folder(run, Path(store)) / _MODEL_FOLDER
    if not folder.is_dir():
        raise TrackingError(
            f"A model must come from a run that trained one, but run '{run.name}' ({run.kind or '?'}) has none. "
            f"{_known_models(Path(store))}"
        )
    return folder


def _registered_model(ref: str, store: Path) -> Path:
    match = _MODEL_REF.fullmatch(ref)
    if match is None:
        raise TrackingError(
            f"A registered model must be named models:/NAME/VERSION or models:/NAME@ALIAS, but is {ref!r}. "
            f"{_known_models(store)}"
        )
    name = match["name"]
    with mlflow_client(store) as client, plain_errors(f"The model '{ref}' cannot be read"):
        try:
            if match["alias"]:
                version = client.get_model_version_by_alias(name, match["alias"])
            elif match["version"] == "latest":
                found = client.search_model_versions(f"name = {quoted(name)}", order_by=["version_number DESC"])
                version = found[0]
            else:
                version = client.get_model_version(name, match["version"])
            source = local_folder(version.source)
        except (not_found(), IndexError):
            raise TrackingError(f"There is no model '{ref}' in the store '{store}'. {_known_models(store)}") from None
    if not source.is_dir() and version.run_id:
        # The store may have been moved since; the run's folder is where it always was inside of it.
        source = store / "artifacts" / version.run_id / "artifacts" / source.name
    if not source.is_dir():
        raise TrackingError(
            f"The files of '{ref}' are gone from the store '{store}'. Train the model again, or restore the folder "
            "'artifacts' of the store."
        )
    return source


def _known_models(store: Path) -> str:
    if not (store / DATABASE).is_file():
        return f"The store '{store}' holds no model yet; train one with: exitladder train."
    with mlflow_client(store) as client:
        names = []
        for model in client.search_registered_models(max_results=20):
            names += [f"models:/{model.name}@{alias}" for alias in model.aliases]
            names += [f"models:/{version.name}/{version.version}" for version in model.latest_versions]
    return f"The store holds {', '.join(names)}." if names else "Train one with: exitladder train."
