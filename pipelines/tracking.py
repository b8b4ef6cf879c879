"""Where every run is kept: an MLflow store in a folder of the project.

It talks to the store through a client of its own, so that nothing global is set, a notebook's own runs
are left alone, and nothing is sent anywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from exitladder.bars import BarSet
from exitladder.errors import TrackingError, did_you_mean
from exitladder.ladder import Ladder
from exitladder.pipelines.mlflow_store import (
    DATABASE,
    local_folder,
    mlflow_client,
    not_found,
    quoted,
    write_dataset,
    write_run,
)
from exitladder.pipelines.tracked_run import TrackedRun, told
from exitladder.settings import Settings
from exitladder.trades import Trades

RunKind = Literal["train", "tune", "backtest", "score", "demo"]
NEWEST = "newest"

_MODEL_FOLDER = "model"
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_MODEL_REF = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))")


@dataclass(frozen=True)
class RunRecord:
    """What the store holds of a finished or running run."""

    run_id: str
    name: str
    kind: str
    status: str
    started: float
    folder: Path
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class Tracker:
    """Records runs into a store folder; switched off, it does nothing and costs nothing.

    Parameters
    ----------
    store : path
        Folder of the store: ``mlflow.db`` and ``artifacts/`` in it. Made when first needed.
    experiment : str
        The experiment that runs are put in (the project's name).
    enabled : bool
        False records nothing; runs then have an empty id.
    """

    def __init__(self, store: str | Path, experiment: str = "exitladder", enabled: bool = True) -> None:
        self.store = Path(store).resolve()
        self.experiment = experiment
        self.enabled = enabled

    @classmethod
    def from_settings(cls, settings: Settings) -> Tracker:
        """Return the tracker that a project's settings ask for."""
        return cls(settings.tracking.store, settings.project.name, settings.tracking.enabled)

    @contextmanager
    def run(
        self,
        kind: RunKind,
        name: str = "",
        tags: Mapping[str, object] | None = None,
        *,
        settings: Settings | None = None,
        ladder: Ladder | None = None,
        bars: BarSet | None = None,
        trades: Trades | None = None,
    ) -> Iterator[TrackedRun]:
        """Record a run: what it rests on at once, what it finds when the block ends.

        An exception marks the run as failed (an interrupt as killed), keeps what was logged so far,
        and passes through.
        """
        run = TrackedRun()
        if self.enabled:
            run.run_id, run.folder = self._start(kind, name)
        run.log_tags({"kind": kind, **(tags or {})})
        run.log_ground(settings=settings, ladder=ladder, bars=bars, trades=trades)
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        except BaseException as error:
            run.log_tags({"error": f"{type(error).__name__}: {error}"})
            raise
        finally:
            if self.enabled:
                self._end(run, status, bars)

    def log_model(self, run: TrackedRun, folder: Path, name: str, *, description: str = "", alias: str = NEWEST) -> str:
        """Keep a model's folder with the run, register it, and return its reference ``models:/NAME/VERSION``.

        `alias` then points to this version. Without tracking the reference is empty.
        """
        if run.folder is None:
            return ""
        if not name.strip() or set("/:@") & set(name):
            raise TrackingError(f"The name of a model must not be empty nor hold '/', ':' or '@', but is {name!r}.")
        run.log_folder(folder, _MODEL_FOLDER)
        with mlflow_client(self.store) as client, told(f"The model '{name}' cannot be registered"):
            if not any(model.name == name for model in client.search_registered_models(f"name = {quoted(name)}")):
                client.create_registered_model(name)
            version = client.create_model_version(
                name,
                source=(run.folder / _MODEL_FOLDER).as_uri(),
                run_id=run.run_id,
                description=description or None,
                await_creation_for=0,
            )
            client.set_registered_model_alias(name, alias, str(version.version))
        run.log_tags({"model": f"models:/{name}/{version.version}"})
        return f"models:/{name}/{version.version}"

    def _start(self, kind: str, name: str) -> tuple[str, Path]:
        with (
            mlflow_client(self.store, create=True) as client,
            told(f"A run cannot be started in the store '{self.store}'"),
        ):
            command = f"exitladder {kind}"
            run = client.create_run(
                self._experiment_id(client),
                run_name=name or f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}",
                tags={"kind": kind, "mlflow.source.name": command, "mlflow.source.type": "LOCAL"},
            )
            folder = local_folder(run.info.artifact_uri)
            folder.mkdir(parents=True, exist_ok=True)
        return run.info.run_id, folder

    def _experiment_id(self, client: Any) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                location = (self.store / "artifacts").as_uri()
                # The kind makes the page show runs and metrics first, and not traces of language models.
                kind = {"mlflow.experimentKind": "custom_model_development"}
                return str(client.create_experiment(self.experiment, artifact_location=location, tags=kind))
            except Exception:
                # Another process may have made it in the meantime.
                found = client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _end(self, run: TrackedRun, status: str, bars: BarSet | None) -> None:
        with mlflow_client(self.store) as client, told(f"The run '{run.run_id}' cannot be written"):
            write_run(client, run)
            if bars is not None:
                write_dataset(client, run.run_id, bars)
            client.set_terminated(run.run_id, status)


def find_run(ref: str, store: str | Path) -> RunRecord:
    """Return a run by its id, or the newest run of that name.

    Raises
    ------
    TrackingError
        If the store or the run does not exist.
    """
    with mlflow_client(Path(store)) as client, told(f"The run '{ref}' cannot be read"):
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
    """Return the file or folder `name` that a run has kept.

    Raises
    ------
    TrackingError
        If the run or the artifact does not exist.
    """
    run = find_run(ref, store)
    folder = _run_folder(run, Path(store))
    if not (folder / name).exists():
        kept = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        raise TrackingError(f"Run '{run.name}' has kept no '{name}'. {did_you_mean(name, kept)}")
    return folder / name


def newest_experiment(store: str | Path) -> str | None:
    """Return the id of the experiment that was worked on last, or None where there is none yet."""
    with mlflow_client(Path(store)) as client, told(f"The store '{store}' cannot be read"):
        found = client.search_experiments(order_by=["last_update_time DESC"])
    return next((str(experiment.experiment_id) for experiment in found if experiment.name != "Default"), None)


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
    with mlflow_client(store) as client, told(f"The model '{ref}' cannot be read"):
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
            f"The files of '{ref}' are gone from the store '{store}'. Train the model again, or bring the folder "
            "'artifacts' of the store back."
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
