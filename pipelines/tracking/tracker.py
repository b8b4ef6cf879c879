"""The tracker of runs: an MLflow store in a folder of the project.

It uses an MLflow client of its own, so it sets no global state, does not touch the runs of a notebook, and sends
nothing over the network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from exitladder.bars.bars import BarSet
from exitladder.errors import TrackingError
from exitladder.pipelines.tracking.mlflow_store import (
    local_folder,
    mlflow_client,
    quoted,
    write_dataset,
    write_run,
)
from exitladder.pipelines.tracking.models import _MODEL_FOLDER
from exitladder.pipelines.tracking.run import TrackedRun, plain_errors
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

RunKind = Literal["train", "tune", "backtest", "score", "demo"]
NEWEST = "newest"
_LONGEST_NAME = 200


class Tracker:
    """Records runs into a store folder; if disabled, it does nothing.

    Parameters
    ----------
    store : path
        Folder of the store: ``mlflow.db`` and ``artifacts/`` in it. Made when first needed.
    experiment : str
        Name of the experiment (the project's name).
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
        *,
        settings: Settings | None = None,
        ladder: Ladder | None = None,
        bars: BarSet | None = None,
        trades: Trades | None = None,
    ) -> Iterator[TrackedRun]:
        """Record a run: its inputs at the start, its results when the block ends.

        An exception marks the run as failed (an interrupt as killed), keeps the values logged so far,
        and passes through.

        Parameters
        ----------
        kind : {"train", "tune", "backtest", "score", "demo"}
        name : str
            Of the run; by default the kind and the time.
        settings : Settings, optional
        ladder : Ladder, optional
        bars : BarSet, optional
        trades : Trades, optional

        Yields
        ------
        TrackedRun
            Takes the metrics and files; it ignores them if tracking is off.

        Raises
        ------
        TrackingError
            If the store cannot be written.
        """
        run = TrackedRun()
        if self.enabled:
            run.run_id, run.folder = self._start(kind, name)
        run.log_tags({"kind": kind})
        run.log_inputs(settings=settings, ladder=ladder, bars=bars, trades=trades)
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
        """Save a model's folder with the run, register it, and return its reference ``models:/NAME/VERSION``.

        Parameters
        ----------
        run : TrackedRun
        folder : path
        name : str
            Name to register it by, without ``/``, ``:`` and ``@``.
        description : str
        alias : str
            Will point to this version.

        Returns
        -------
        str
            Empty without tracking.

        Raises
        ------
        TrackingError
            If the name is not allowed or the model cannot be registered.
        """
        if run.folder is None:
            return ""
        run.log_folder(folder, _MODEL_FOLDER)
        check_model_name(name)
        kept = (
            f"The model '{name}' is kept in {run.folder / _MODEL_FOLDER} (run {run.run_id}), but cannot be registered"
        )
        with mlflow_client(self.store) as client, plain_errors(kept):
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
            plain_errors(f"A run cannot be started in the store '{self.store}'"),
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
        with mlflow_client(self.store) as client, plain_errors(f"The run '{run.run_id}' cannot be written"):
            write_run(client, run)
            if bars is not None:
                write_dataset(client, run.run_id, bars)
            client.set_terminated(run.run_id, status)


def check_model_name(name: str) -> None:
    """Refuse a name by which a model cannot be registered.

    Raises
    ------
    TrackingError
        If it is empty, longer than 200 characters, or holds one of ``/ : @ " '`` or a control character.

    Examples
    --------
    >>> check_model_name("desk/alpha-exhaustion")
    Traceback (most recent call last):
    exitladder.errors.TrackingError: The name of a model must not be empty, have more than 200 characters, or hold ...
    """
    if not name.strip() or len(name) > _LONGEST_NAME or set("/:@\"'") & set(name) or not name.isprintable():
        raise TrackingError(
            f'The name of a model must not be empty, have more than {_LONGEST_NAME} characters, or hold one of / : @ " '
            f"', but is {name!r}. It is made of the project's name: set project.name, such as --set "
            "project.name=desk-alpha."
        )
