"""Tracked runs found again, with their artifacts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exitladder.errors import TrackingError, did_you_mean
from exitladder.pipelines.tracking.mlflow_store import local_folder, mlflow_client, quoted
from exitladder.pipelines.tracking.run import plain_errors

_RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class RunRecord:
    """A finished or running run as the store holds it."""

    run_id: str
    name: str
    kind: str
    status: str
    started: float
    folder: Path
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def find_run(ref: str, store: str | Path) -> RunRecord:
    """Return a run by its id, or the newest run of that name.

    Raises
    ------
    TrackingError
        If the store or the run does not exist.
    """
    with mlflow_client(Path(store)) as client, plain_errors(f"The run '{ref}' cannot be read"):
        everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
        condition = f"attributes.{'run_id' if _RUN_ID.fullmatch(ref) else 'run_name'} = {quoted(ref)}"
        found = client.search_runs(everywhere, condition, max_results=1, order_by=["attributes.start_time DESC"])
        if not found:
            recent = client.search_runs(everywhere, max_results=50, order_by=["attributes.start_time DESC"])
            known = [run.info.run_name for run in recent] if not _RUN_ID.fullmatch(ref) else []
            known = known or [run.info.run_id for run in recent[:5]]
            raise TrackingError(f"There is no run '{ref}' in the store '{store}'. {did_you_mean(ref, known)}")
        return _record(found[0])


def run_artifact(ref: str, name: str, store: str | Path) -> Path:
    """Return a file or folder that a run has saved.

    Parameters
    ----------
    ref : str
        Run id, or the name of the newest run of that name.
    name : str
        Path inside the run's artifacts.
    store : path

    Returns
    -------
    Path

    Raises
    ------
    TrackingError
        If the run or the artifact does not exist.
    """
    run = find_run(ref, store)
    folder = _run_folder(run, Path(store))
    if not (folder / name).exists():
        saved = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        raise TrackingError(f"Run '{run.name}' has no artifact '{name}'. {did_you_mean(name, saved)}")
    return folder / name


def newest_experiment(store: str | Path) -> str | None:
    """Return the id of the experiment that was updated last, or None if there is none yet."""
    with mlflow_client(Path(store)) as client, plain_errors(f"The store '{store}' cannot be read"):
        found = client.search_experiments(order_by=["last_update_time DESC"])
    return next((str(experiment.experiment_id) for experiment in found if experiment.name != "Default"), None)


def _run_folder(run: RunRecord, store: Path) -> Path:
    folder = run.folder
    return folder if folder.is_dir() else store.resolve() / "artifacts" / run.run_id / "artifacts"


def _record(run: Any) -> RunRecord:
    return RunRecord(
        run_id=run.info.run_id,
        name=run.info.run_name,
        kind=run.data.tags.get("kind", ""),
        status=run.info.status,
        started=run.info.start_time / 1000,
        folder=local_folder(run.info.artifact_uri),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
    )
