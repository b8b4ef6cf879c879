"""Sending of run records to an MLflow store: what the store lacks, once, however often and by whomever it is sent."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exitladder.errors import TrackingError
from exitladder.pipelines.tracking.address import ARTIFACTS, StoreAddress
from exitladder.pipelines.tracking.database import alone
from exitladder.pipelines.tracking.faults import first_line
from exitladder.pipelines.tracking.mlflow_store import mlflow_client, not_found, quoted
from exitladder.pipelines.tracking.page.logged_models import (
    DATA,
    MODEL_FOLDER,
    RUN_TAG,
    logged_model,
    note_version,
    send_model_metrics,
    send_used_model,
)
from exitladder.pipelines.tracking.page.run_list import VIEW_TAG, give_view, view_state
from exitladder.pipelines.tracking.promotions import holder
from exitladder.pipelines.tracking.record import (
    PENDING,
    SENT,
    forget_problem,
    mark_pending,
    note_problem,
    pending,
    read_record,
    read_records,
    read_sent,
    run_files,
    unmark_sent,
    write_values,
)

_PARAMS_IN_A_BATCH = 100
_METRICS_IN_A_BATCH = 800
_LOCK_SECONDS = 60.0


@dataclass
class SyncReport:
    """What a synchronisation did.

    Parameters
    ----------
    sent, present : list of str
        Runs that were sent now, and runs that the store had already.
    failed : dict of str to str
        Runs that could not be sent, with the reason.
    """

    sent: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def sync(address: StoreAddress, *, everything: bool = True) -> SyncReport:
    """Send the runs of a folder of records that the store lacks, and return a report.

    Parameters
    ----------
    address : StoreAddress
    everything : bool
        Compare all records with the store; False sends only those that are marked as not sent.

    Returns
    -------
    SyncReport

    Raises
    ------
    TrackingError
        If the store cannot be used.
    """
    report = SyncReport()
    with mlflow_client(address, create=True) as client:
        wanted = set(pending(address.home))
        if everything:
            known = _known_runs(client)
            for record in read_records(address.home):
                if record["run_id"] in wanted or known.get(record["run_id"]) == record["status"]:
                    continue
                mark_pending(address.home, record["run_id"])
                wanted.add(record["run_id"])
            report.present = sorted({r["run_id"] for r in read_records(address.home)} - wanted)
        for run_id in sorted(wanted):
            try:
                if send(client, address, run_id):
                    report.sent.append(run_id)
            except Exception as error:
                report.failed[run_id] = first_line(error)
    if report.failed:
        note_problem(address.home, next(iter(report.failed.values())))
    else:
        forget_problem(address.home)
    return report


def send(client: Any, address: StoreAddress, run_id: str) -> bool:
    """Send what the store lacks of a run; returns whether the store now has the run to its end.

    Parameters
    ----------
    client : MlflowClient
    address : StoreAddress
    run_id : str
        Of the record.

    Returns
    -------
    bool
        False while the run is running.

    Raises
    ------
    Exception
        Any of MLflow's, if the store does not take it; sending again continues.
    """
    lock = address.home / PENDING / f"{run_id}.lock"
    try:
        with alone(lock, _LOCK_SECONDS):
            while record := read_record(address.home, run_id):
                is_final = _send(client, address, record)
                # a promotion may have changed the record of a run that ended long ago
                if not is_final or unmark_sent(address.home, record):
                    break
            else:
                return False
    except sqlite3.OperationalError as error:
        raise TrackingError(f"The run '{run_id}' is being sent by another process: {first_line(error)}") from error
    if is_final:
        # Windows does not remove a file that another process has open
        with contextlib.suppress(OSError):
            lock.unlink()
    return is_final


def _send(client: Any, address: StoreAddress, record: Mapping[str, Any]) -> bool:
    """Send a record as it was read; returns whether the run has ended."""
    run_id = str(record["run_id"])
    noted = read_sent(address.home, run_id)
    sent = noted.setdefault(address.key, {})
    found = _run_in_store(client, address, record, sent.get("run_id", ""))
    sent["run_id"] = found.info.run_id
    place = address.home / ARTIFACTS / run_id / SENT
    if found.info.lifecycle_stage == "deleted":
        # the user has deleted it there
        return True
    write_values(place, noted)
    _send_values(client, found, record)
    is_final = bool(record["status"] != "RUNNING")
    # read before the record was closed, a file may still change
    if (is_final or record["models"]) and not sent.get("has_files"):
        _send_files(client, address, found, run_id)
        sent["has_files"] = is_final
    for model in record["models"]:
        model_id = logged_model(client, address, found, record, model)
        _register(client, found, model, sent.setdefault("models", {}))
        write_values(place, noted)
        note_version(client, model_id, model["name"], sent["models"][model["name"]])
        if is_final:
            send_model_metrics(client, found.info.run_id, model_id, record)
    send_used_model(client, found, record)
    for alias in record.get("aliases", []):
        _set_alias(client, address, str(alias), run_id, sent.get("models", {}))
    if is_final:
        if found.info.run_name != record["name"]:
            client.update_run(found.info.run_id, name=record["name"])
        if found.info.status != record["status"] or found.info.end_time != record["ended"]:
            client._tracking_client.set_terminated(found.info.run_id, record["status"], record["ended"])
        sent["status"] = record["status"]
        write_values(place, noted)
    return is_final


def _known_runs(client: Any) -> dict[str, str]:
    """Return the status of all runs of ours in a store, deleted ones too, by the id of their record."""
    found: dict[str, str] = {}
    everywhere = [e.experiment_id for e in _all_experiments(client)]
    for start in range(0, len(everywhere), 100):
        token = None
        while True:
            page = client.search_runs(
                everywhere[start : start + 100],
                f"tags.`{RUN_TAG}` != ''",
                run_view_type=3,
                max_results=1_000,
                page_token=token,
            )
            found |= {run.data.tags[RUN_TAG]: run.info.status for run in page}
            token = page.token
            if not token:
                break
    return found


def _all_experiments(client: Any) -> Iterable[Any]:
    token = None
    while True:
        page = client.search_experiments(view_type=3, max_results=1_000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _run_in_store(client: Any, address: StoreAddress, record: Mapping[str, Any], known: str) -> Any:
    """Return a record's run in the store; made if it is not there."""
    experiment = _experiment_id(client, address, record["experiment"])
    if address.kind == "server":
        return _run_on_server(client, experiment, record, known)
    try:
        return client.get_run(record["run_id"])
    except not_found() as error:
        if "not found" not in str(error):
            raise
    _insert_run(client, address, experiment, record)
    return client.get_run(record["run_id"])


def _insert_run(client: Any, address: StoreAddress, experiment: str, record: Mapping[str, Any]) -> None:
    """Add a run under the record's own id, which a second one cannot have; MLflow's own call would choose another."""
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
    from sqlalchemy.exc import IntegrityError

    run = SqlRun(
        run_uuid=record["run_id"],
        name=record["name"],
        artifact_uri=run_files(address.home, record["run_id"]).as_uri(),
        experiment_id=int(experiment),
        source_type="UNKNOWN",
        source_name="",
        entry_point_name="",
        user_id="",
        status="RUNNING",
        start_time=record["started"],
        source_version="",
        lifecycle_stage="active",
    )
    run.tags = [SqlTag(key=key, value=value) for key, value in _first_tags(record).items()]
    try:
        with client._tracking_client.store.ManagedSessionMaker(read_only=False) as session:
            session.add(run)
    except (IntegrityError, not_found()) as error:
        if "unique" not in str(error).lower():
            raise


def _run_on_server(client: Any, experiment: str, record: Mapping[str, Any], known: str) -> Any:
    """Return a record's run on a server, which chooses the ids: the tag finds it, and of two made at once one stays."""
    if known:
        try:
            return client.get_run(known)
        except not_found() as error:
            if "not found" not in str(error).lower():
                raise
    found = _by_tag(client, experiment, record["run_id"])
    if not found:
        client.create_run(experiment, start_time=record["started"], run_name=record["name"], tags=_first_tags(record))
        found = _by_tag(client, experiment, record["run_id"])
    for double in found[1:]:
        if double.info.lifecycle_stage != "deleted":
            client.delete_run(double.info.run_id)
    return found[0]


def _by_tag(client: Any, experiment: str, run_id: str) -> list[Any]:
    found = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{run_id}'", run_view_type=3)
    # every process that looks keeps the same one
    return sorted(found, key=lambda run: (run.info.lifecycle_stage == "deleted", run.info.run_id))


def _first_tags(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        RUN_TAG: record["run_id"],
        "mlflow.runName": record["name"],
        "kind": record["kind"],
        "mlflow.source.name": f"exitladder {record['kind']}",
        "mlflow.source.type": "LOCAL",
    }


def _experiment_id(client: Any, address: StoreAddress, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            # A server knows the place of its files itself.
            location = None if address.kind == "server" else address.artifacts.as_uri()
            # The kind makes the page show runs and metrics first, and not traces of language models.
            kind = {"mlflow.experimentKind": "custom_model_development", VIEW_TAG: view_state()}
            return str(client.create_experiment(name, artifact_location=location, tags=kind))
        except Exception:
            # Another process may have made it in the meantime.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    give_view(client, found)
    return str(found.experiment_id)


def _send_values(client: Any, found: Any, record: Mapping[str, Any]) -> None:
    """Log the params, metrics and tags that the store lacks, and bars and trades as data sets."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    data, run_id = found.data, found.info.run_id
    about_data = {key: value for key, value in record["params"].items() if key.startswith(DATA)}
    own = {key: value for key, value in record["params"].items() if key not in about_data}
    params = [Param(key, str(value)) for key, value in own.items() if key not in data.params]
    metrics = [
        Metric(key, float(value), int(moment), 0)
        for key, (value, moment) in record["metrics"].items()
        if data.metrics.get(key) != value
    ]
    labels = record["tags"] | about_data
    tags = [RunTag(key, str(value)) for key, value in labels.items() if data.tags.get(key) != str(value)]
    while params or metrics or tags:
        client.log_batch(run_id, metrics[:_METRICS_IN_A_BATCH], params[:_PARAMS_IN_A_BATCH], tags[:_PARAMS_IN_A_BATCH])
        del metrics[:_METRICS_IN_A_BATCH], params[:_PARAMS_IN_A_BATCH], tags[:_PARAMS_IN_A_BATCH]
    given = {"bars": record.get("dataset")}
    given |= {context: record.get(f"{context}_dataset") for context in ("trades", "quotes")}
    if any(given.values()) and not found.inputs.dataset_inputs:
        client.log_inputs(
            run_id,
            [
                DatasetInput(Dataset(**_texts(values)), tags=[InputTag("mlflow.data.context", context)])
                for context, values in given.items()
                if values
            ],
        )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def _send_files(client: Any, address: StoreAddress, found: Any, run_id: str) -> None:
    folder = run_files(address.home, run_id)
    if found.info.artifact_uri != folder.as_uri() and folder.is_dir() and any(folder.iterdir()):
        client.log_artifacts(found.info.run_id, str(folder))


def _register(client: Any, found: Any, model: Mapping[str, Any], versions: dict[str, str]) -> None:
    """Register a run's model unless its version is there, and let the alias name the model that was trained last."""
    name, run_id = str(model["name"]), found.info.run_id
    if name in versions:
        return
    is_run = f"name = {quoted(name)} and run_id = '{run_id}'"
    there = list(client.search_model_versions(is_run))
    if not there:
        if not any(known.name == name for known in client.search_registered_models(f"name = {quoted(name)}")):
            try:
                client.create_registered_model(name)
            except not_found() as error:
                if "exist" not in str(error):
                    raise
        source = f"{found.info.artifact_uri}/{MODEL_FOLDER}"
        there = [
            client.create_model_version(
                name,
                source=source,
                run_id=run_id,
                description=model.get("description") or None,
                await_creation_for=0,
            )
        ]
    version = str(min(int(item.version) for item in there))
    alias = str(model.get("alias") or "")
    if alias and _is_newest(client, name, alias, found.info.start_time):
        client.set_registered_model_alias(name, alias, version)
    client.set_tag(run_id, "model", f"models:/{name}/{version}")
    versions[name] = version


def _set_alias(client: Any, address: StoreAddress, alias: str, run_id: str, versions: Mapping[str, str]) -> None:
    """Let the registered models of a run have the alias that the history of promotions gives them, or no longer.

    The history is read again after each change: of two processes that send at once, the later one sees the last row.
    """
    while True:
        now = holder(address.home, alias)
        given = {} if now is None else _versions(address, now.run_id)
        if now is not None and now.run_id == run_id:
            given = dict(versions)
        for name, version in versions.items():
            if name in given:
                client.set_registered_model_alias(name, alias, given[name])
                continue
            try:
                has_it = str(client.get_model_version_by_alias(name, alias).version) == version
            except not_found():
                continue
            if has_it:
                client.delete_registered_model_alias(name, alias)
        if holder(address.home, alias) == now:
            return


def _versions(address: StoreAddress, run_id: str) -> dict[str, str]:
    """Return the versions of a run's models in the store, by name."""
    return dict(read_sent(address.home, run_id).get(address.key, {}).get("models", {}))


def _is_newest(client: Any, name: str, alias: str, started: int) -> bool:
    """Whether no model that was trained later has the alias."""
    try:
        now = client.get_model_version_by_alias(name, alias)
        return bool(client.get_run(now.run_id).info.start_time <= started) if now.run_id else True
    except not_found():
        return True
