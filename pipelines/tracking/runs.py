"""Tracked runs found again, with their artifacts: among the records first, then in the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from exitladder.errors import TrackingError, did_you_mean
from exitladder.pipelines.tracking.address import StoreAddress, store_address
from exitladder.pipelines.tracking.faults import plain_errors
from exitladder.pipelines.tracking.mlflow_store import local_folder, mlflow_client, quoted
from exitladder.pipelines.tracking.page.logged_models import DATA, RUN_TAG
from exitladder.pipelines.tracking.record import RECORD, pending, read_record, read_records, read_values, run_files
from exitladder.runtime.processes import is_gone

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run_id", "name", "kind", "status", "started", "is_sent")
_RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class RunRecord:
    """A finished or running run as its record, or the store, holds it."""

    run_id: str
    name: str
    kind: str
    status: str
    started: float
    folder: Path
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def find_run(ref: str, store: str | Path | StoreAddress) -> RunRecord:
    """Return a run by its id or by its output folder, if that holds the id, or the newest run of that name.

    Raises
    ------
    TrackingError
        If the store or the run does not exist, or a folder does not name its run.
    """
    address = store_address(store)
    if ref and Path(ref).is_dir():
        found_id = _id_in(Path(ref))
        if found_id:
            return _find(found_id, address)
        try:  # a run may have the name of a folder
            return _find(ref, address)
        except TrackingError as cause:
            raise TrackingError(
                f"A folder stands for its run if it holds {RECORD} with a run_id, as that of `exitladder tune` does, "
                f"but '{ref}' does not, and no run has this name. Give the run id, which `exitladder track` lists."
            ) from cause
    return _find(ref, address)


def _find(ref: str, address: StoreAddress) -> RunRecord:
    """Return a run by its id, or the newest run of that name."""
    is_id = bool(_RUN_ID.fullmatch(ref))
    if is_id and (of_id := read_record(address.home, ref)) is not None:
        return _of_record(address, of_id)
    records = list(read_records(address.home))
    recorded = None if is_id else _newest(records, ref)
    if recorded is not None and address.database is not None:
        return _of_record(address, recorded)
    try:
        known = [str(record["run_id" if is_id else "name"]) for record in records]
        found = _in_store(ref, address, known, is_id=is_id)
    except TrackingError:
        if recorded is None:
            raise
        found = None
    if recorded is not None and (found is None or found.started <= recorded["started"] / 1000):
        return _of_record(address, recorded)
    if found is None:
        raise TrackingError(f"There is no run '{ref}' in the store '{address}'.")
    return found


def _id_in(folder: Path) -> str:
    """Return the run id that a folder holds in its run.json, empty if it holds none."""
    run_id = (read_values(folder / RECORD) or {}).get("run_id")
    return run_id if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id) else ""


def _in_store(ref: str, address: StoreAddress, recorded: list[str], *, is_id: bool) -> RunRecord:
    """Return a run of an earlier version of exitladder or of another machine, which has no record here."""
    if recorded and address.database is not None and not address.database.exists():
        # The first runs are recorded, and not in the store yet.
        raise _no_run(ref, address, recorded)
    with mlflow_client(address) as client, plain_errors(f"The run '{ref}' cannot be read"):
        everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
        condition = f"attributes.{'run_id' if is_id else 'run_name'} = {quoted(ref)}"
        newest = ["attributes.start_time DESC"]
        found = client.search_runs(everywhere, condition, max_results=1, order_by=newest)
        if not found and is_id:
            found = client.search_runs(everywhere, f"tags.`{RUN_TAG}` = '{ref}'", max_results=1, order_by=newest)
        if not found:
            recent = client.search_runs(everywhere, max_results=50, order_by=newest)
            known = [run.info.run_name for run in recent] if not is_id else []
            known = known or [run.info.run_id for run in recent[:5]]
            # What was recorded here last may not be in the store yet.
            raise _no_run(ref, address, dict.fromkeys([*recorded[-50:], *known]))
        return _of_store(client, address, found[0])


def _no_run(ref: str, address: StoreAddress, known: Iterable[str]) -> TrackingError:
    return TrackingError(f"There is no run '{ref}' in the store '{address}'. {did_you_mean(ref, known)}")


def run_artifact(ref: str, name: str, store: str | Path | StoreAddress) -> Path:
    """Return a file or folder that a run has saved.

    Parameters
    ----------
    ref : str
        Run id, or the name of the newest run of that name.
    name : str
        Path inside the run's artifacts.
    store : str, path or StoreAddress

    Returns
    -------
    Path

    Raises
    ------
    TrackingError
        If the run or the artifact does not exist.
    """
    run = find_run(ref, store)
    folder = _run_folder(run, store)
    if not (folder / name).exists():
        saved = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        raise TrackingError(f"Run '{run.name}' has no artifact '{name}'. {did_you_mean(name, saved)}")
    return folder / name


def runs_frame(address: StoreAddress) -> pd.DataFrame:
    """Return the recorded runs, newest first: run_id, name, kind, status, started, is_sent."""
    import pandas as pd

    waiting = set(pending(address.home))
    rows = [
        {
            **{name: record[name] for name in COLUMNS[:4]},
            "started": pd.Timestamp(record["started"], unit="ms", tz="UTC"),
            "is_sent": record["run_id"] not in waiting,
        }
        for record in sorted(read_records(address.home), key=lambda record: -int(record["started"]))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def newest_experiment(store: str | Path | StoreAddress) -> str | None:
    """Return the id of the experiment that was updated last, or None if there is none yet."""
    with mlflow_client(store) as client, plain_errors(f"The store '{store}' cannot be read"):
        found = client.search_experiments(order_by=["last_update_time DESC"])
    return next((str(experiment.experiment_id) for experiment in found if experiment.name != "Default"), None)


def _newest(records: Iterable[dict[str, Any]], name: str) -> dict[str, Any] | None:
    found = [record for record in records if record["name"] == name]
    return max(found, key=lambda record: int(record["started"]), default=None)


def _run_folder(run: RunRecord, store: str | Path | StoreAddress) -> Path:
    return run.folder if run.folder.is_dir() else run_files(store_address(store).home, run.run_id)


def _of_record(address: StoreAddress, record: Mapping[str, Any]) -> RunRecord:
    status = record["status"]
    return RunRecord(
        run_id=record["run_id"],
        name=record["name"],
        kind=record["kind"],
        status="KILLED" if status == "RUNNING" and is_gone(record["owner"]) else status,
        started=record["started"] / 1000,
        folder=run_files(address.home, record["run_id"]),
        params={key: str(value) for key, value in record["params"].items()},
        metrics={key: float(value) for key, (value, _) in record["metrics"].items()},
        tags={key: str(value) for key, value in record["tags"].items()},
    )


def _of_store(client: Any, address: StoreAddress, run: Any) -> RunRecord:
    uri = run.info.artifact_uri
    if uri.startswith("file:") or "://" not in uri.replace(":/", "://", 1):
        folder = local_folder(uri)
    else:
        # files that are on a server are fetched
        folder = Path(client.download_artifacts(run.info.run_id, "", mkdtemp(prefix="exitladder-run-")))
    return RunRecord(
        run_id=run.info.run_id,
        name=run.info.run_name,
        kind=run.data.tags.get("kind", ""),
        status=run.info.status,
        started=run.info.start_time / 1000,
        folder=folder,
        params=dict(run.data.params) | {k: v for k, v in run.data.tags.items() if k.startswith(DATA)},
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
    )
