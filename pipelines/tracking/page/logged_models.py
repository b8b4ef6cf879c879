"""Models of runs as MLflow's LoggedModels, which fill the page *Models* of an experiment; inputs of later runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from exitladder.pipelines.tracking.address import StoreAddress
from exitladder.pipelines.tracking.mlflow_store import not_found
from exitladder.pipelines.tracking.record import run_files

MODEL_FOLDER = "model"
VERSIONS = "mlflow.modelVersions"
RUN_TAG = "exitladder.run_id"
MODEL_TYPE = "exhaustion model"
# parameters that describe the data, which a store keeps as tags: the data sets show them
DATA = "data."
# tags of runs that name the model that they read
READERS = ("used_model", "scored_model")
_MOST_METRICS = 50


def logged_model(
    client: Any, address: StoreAddress, found: Any, record: Mapping[str, Any], model: Mapping[str, Any]
) -> str:
    """Return the id of a run's LoggedModel, which is made with its parameters, metrics and files if it is not there.

    Parameters
    ----------
    client : MlflowClient
    address : StoreAddress
    found : mlflow.entities.Run
        The run in the store.
    record : mapping
    model : mapping
        Of the record: ``name`` and ``description``.

    Returns
    -------
    str
    """
    from mlflow.entities import LoggedModelOutput

    run_id, experiment = found.info.run_id, found.info.experiment_id
    there = _models_of(client, experiment, run_id)
    if not there:
        tags = {"verdict": str(record["tags"].get("value_finding", "")), "description": model.get("description") or ""}
        client.create_logged_model(
            experiment,
            name=str(model["name"]),
            source_run_id=run_id,
            params={key: str(value) for key, value in record["params"].items() if not key.startswith(DATA)},
            tags={key: value[:5000] for key, value in tags.items() if value},
            model_type=MODEL_TYPE,
        )
        there = _models_of(client, experiment, run_id)
        for double in there[1:]:
            client.delete_logged_model(double.model_id)
    one = there[0]
    if str(one.status) != "READY":
        _give_files(client, address, found, record["run_id"], one)
        client.log_outputs(run_id, [LoggedModelOutput(one.model_id, 0)])
        client.finalize_logged_model(one.model_id, "READY")
    return str(one.model_id)


def note_version(client: Any, model_id: str, name: str, version: str) -> None:
    """Note the registered version of a LoggedModel, so that the page *Models* links to it.

    Parameters
    ----------
    client : MlflowClient
    model_id : str
    name, version : str
        Of the registered model.
    """
    known = client.get_logged_model(model_id).tags or {}
    text = json.dumps([{"name": name, "version": int(version)}])
    if known.get(VERSIONS) != text:
        client.set_logged_model_tags(model_id, {VERSIONS: text})


def send_model_metrics(client: Any, run_id: str, model_id: str, record: Mapping[str, Any]) -> None:
    """Log the metrics of a training with its model and data, for the columns of the page *Models*.

    Parameters
    ----------
    client : MlflowClient
    run_id : str
        In the store.
    model_id : str
    record : mapping
    """
    from mlflow.entities import Metric

    has = {metric.key for metric in client.get_logged_model(model_id).metrics or ()}
    data = record.get("dataset") or {}
    metrics = [
        Metric(
            key, float(value), int(moment), 0,
            model_id=model_id, dataset_name=data.get("name"), dataset_digest=data.get("digest"), run_id=run_id,
        )
        for key, (value, moment) in record["metrics"].items()
        if "/" not in key and key not in has
    ][:_MOST_METRICS]  # fmt: skip
    if metrics:
        client.log_batch(run_id, metrics=metrics)


def send_used_model(client: Any, found: Any, record: Mapping[str, Any]) -> None:
    """Record the model that a run has read as an input of the run, so that either leads to the other.

    Parameters
    ----------
    client : MlflowClient
    found : mlflow.entities.Run
    record : mapping
    """
    from mlflow.entities import LoggedModelInput

    reference = next((str(record["tags"][tag]) for tag in READERS if record["tags"].get(tag)), "")
    if not reference or getattr(found.inputs, "model_inputs", None):
        return
    model_id = _id_of(client, reference, found.info.experiment_id)
    if model_id:
        client.log_inputs(found.info.run_id, models=[LoggedModelInput(model_id)])


def _models_of(client: Any, experiment: str, run_id: str) -> list[Any]:
    found = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run_id}'")
    # every process that looks keeps the same one
    return sorted(found, key=lambda one: (one.creation_timestamp, one.model_id))


def _give_files(client: Any, address: StoreAddress, found: Any, run_id: str, one: Any) -> None:
    """Let a LoggedModel have the files of its run: in a database it names their folder, a server gets a copy."""
    folder = run_files(address.home, run_id) / MODEL_FOLDER
    if address.kind == "server":
        if folder.is_dir():
            client.log_model_artifacts(one.model_id, str(folder))
        return
    from mlflow.store.tracking.dbmodels.models import SqlLoggedModel

    with client._tracking_client.store.ManagedSessionMaker(read_only=False) as session:
        row = session.get(SqlLoggedModel, one.model_id)
        if row is not None:
            row.artifact_location = f"{found.info.artifact_uri}/{MODEL_FOLDER}"


def _id_of(client: Any, reference: str, experiment: str) -> str:
    """Return the id of the LoggedModel that a reference means, empty if the store does not know it."""
    try:
        if not reference.startswith("models:/"):
            return _of_run(client, reference, experiment) if reference.isalnum() else ""
        name = reference.removeprefix("models:/")
        if "@" in name:
            name, _, alias = name.partition("@")
            version = client.get_model_version_by_alias(name, alias)
        else:
            name, _, number = name.partition("/")
            version = client.get_model_version(name, number)
        # a registry in a database does not keep the id
        return str(getattr(version, "model_id", None) or _of_run(client, version.run_id, experiment))
    except not_found():
        return ""


def _of_run(client: Any, run_id: str, experiment: str) -> str:
    # a server has ids of its own, and the tag names the run's record
    sent = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{run_id}'", max_results=1)
    run = sent[0] if sent else client.get_run(run_id)
    found = _models_of(client, run.info.experiment_id, run.info.run_id)
    return str(found[0].model_id) if found else ""
