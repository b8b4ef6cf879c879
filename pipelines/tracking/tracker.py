"""The tracker of runs: records in a folder of the project, sent to an MLflow store by a process of their own.

It sets no global state of MLflow, does not touch the runs of a notebook, and sends nothing over the network unless the
store is a server.
"""

from __future__ import annotations

import sqlite3
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning, TrackingError
from exitladder.pipelines.tracking.address import StoreAddress, chosen_store, store_address
from exitladder.pipelines.tracking.faults import first_line
from exitladder.pipelines.tracking.mlflow_store import mlflow_client
from exitladder.pipelines.tracking.page.logged_models import MODEL_FOLDER
from exitladder.pipelines.tracking.promotions import Promotion, history
from exitladder.pipelines.tracking.record import (
    Record,
    change_record,
    close_stale,
    has_problem,
    note_problem,
    read_sent,
    take_problem,
)
from exitladder.pipelines.tracking.run import TrackedRun
from exitladder.pipelines.tracking.sender import SENDER, has_begun, has_ended
from exitladder.pipelines.tracking.sync import send
from exitladder.plans.ladder import Ladder
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

RunKind = Literal["train", "tune", "backtest", "score", "demo"]
NEWEST = "newest"
_LONGEST_NAME = 200
# how long the end of a run is waited for, and the registration of a model
_END_SECONDS = 5.0
_MODEL_SECONDS = 120.0


class Tracker:
    """Records runs and lets them be sent to a store; if disabled, it does nothing.

    Parameters
    ----------
    store : str, path or StoreAddress
        A folder, in which ``mlflow.db`` and ``artifacts/`` are made when first needed, or the address of a database or
        a server; see `exitladder.pipelines.tracking.address.store_address`.
    experiment : str
        Name of the experiment (the project's name).
    enabled : bool
        False records nothing; runs then have an empty id.
    """

    def __init__(self, store: str | Path | StoreAddress, experiment: str = "exitladder", enabled: bool = True) -> None:
        self.store = store_address(store)
        self.experiment = experiment
        self.enabled = enabled

    @classmethod
    def from_settings(cls, settings: Settings) -> Tracker:
        """Return the tracker that a project's settings ask for."""
        return cls(
            chosen_store(settings.tracking.store, settings.tracking.folder),
            settings.project.name,
            settings.tracking.enabled,
        )

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
            If the name of an artifact is not allowed.

        Warns
        -----
        ExitladderWarning
            If the run cannot be recorded, or the store does not take it.
        """
        run = self._start(kind, name) if self.enabled else TrackedRun()
        run.subject = _subject(self.experiment, trades)
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
            moment = time.time()
            run.close(status)
            self._end(run, moment)

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
        run.log_folder(folder, MODEL_FOLDER)
        check_model_name(name)
        if run.record is None:
            return ""
        run.record.values["models"].append({"name": name, "description": description, "alias": alias})
        run.save()
        version = self._version(run, name)
        if not version:
            return ""
        run.log_tags({"model": f"models:/{name}/{version}"})
        return f"models:/{name}/{version}"

    def note_alias(self, run_id: str, row: Promotion) -> None:
        """Note in a run's record that it got or lost an alias, and let the store have the tags and the alias.

        Parameters
        ----------
        run_id : str
            Of a record.
        row : Promotion
            The change; the run has the alias from then on if it is the row's.
        """
        home = self.store.home

        def note(record: dict[str, Any]) -> None:
            # another process may have changed the alias again in the meantime
            rows = [one for one in history(home, row.alias, row.slot) if run_id in (one.run_id, one.before)]
            last = rows[-1] if rows else row
            record["tags"] |= {
                f"alias.{row.alias}": "yes" if last.run_id == run_id else "no",
                f"alias.{row.alias}.changed": f"{last.at} by {last.who}: {last.action}. {last.because}".strip(),
            }
            record["aliases"] = sorted({*record.get("aliases", []), row.alias})

        try:
            if not change_record(home, run_id, note):
                return
        except (OSError, sqlite3.OperationalError) as error:
            _warn(f"The promotion is kept in its history, but not in the record of the run: {first_line(error)}.")
            return
        if not self.enabled:
            return
        if self._sends_here():
            self._send_here(run_id)
        elif not SENDER.take(self.store, run_id):
            note_problem(home, "the process that sends runs cannot be started")

    def _start(self, kind: str, name: str) -> TrackedRun:
        """Return a run with its record, and let it be sent; without them, with a warning, if it cannot be written."""
        home = self.store.home
        try:
            close_stale(home)
            self._tell(take_problem(home))
            record = Record(home, kind, name, self.experiment)
        except OSError as error:
            _warn(
                f"This run is not recorded: '{home}' cannot be written to ({first_line(error)}). Name another folder "
                "with tracking.folder, or switch tracking off: --set tracking.enabled=false."
            )
            return TrackedRun()
        if self._sends_here():
            self._send_here(record.run_id)
        elif not SENDER.take(self.store, record.run_id):
            note_problem(home, "the process that sends runs cannot be started")
        return TrackedRun(record.run_id, record.files, record)

    def _end(self, run: TrackedRun, moment: float) -> None:
        """Let the end of a run be sent; wait for it only if the store already has its beginning."""
        if not run.run_id:
            return
        home = self.store.home
        if self._sends_here():
            self._send_here(run.run_id)
        elif has_begun(self.store, run.run_id):
            SENDER.wait(lambda: has_ended(self.store, run.run_id) or has_problem(home, moment), _END_SECONDS)
        if not has_ended(self.store, run.run_id):
            self._tell(take_problem(home))

    def _version(self, run: TrackedRun, name: str) -> str:
        """Return the version under which the store has registered a run's model; empty if it does not take it now."""

        def version() -> str:
            sent = read_sent(self.store.home, run.run_id).get(self.store.key, {})
            return str(sent.get("models", {}).get(name, ""))

        if self._sends_here():
            self._send_here(run.run_id)
        else:
            SENDER.wait(lambda: bool(version()) or has_problem(self.store.home), _MODEL_SECONDS)
        return version()

    def _sends_here(self) -> bool:
        """Whether this process sends its runs itself: it has loaded MLflow anyway, and the store is a local file."""
        return not SENDER.is_running and "mlflow.tracking" in sys.modules and self.store.database is not None

    def _send_here(self, run_id: str) -> None:
        try:
            with mlflow_client(self.store, create=True) as client:
                send(client, self.store, run_id)
        except Exception as error:
            note_problem(self.store.home, first_line(error))

    def _tell(self, problem: str) -> None:
        if problem:
            _warn(
                f"The runs are recorded in '{self.store.home}', but the store {self.store.shown} does not take them: "
                f"{problem.rstrip(chr(46))}. To send them later: exitladder track --sync"
            )


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


def _subject(experiment: str, trades: Trades | None) -> str:
    """Return what a run is about: the project, and the rule of the entries if all trades have one tag.

    The project's name is left out if nobody has set it.
    """
    tags = set() if trades is None else {str(tag) for tag in trades.tag}
    parts = ["" if experiment == Settings().project.name else experiment, tags.pop() if len(tags) == 1 else ""]
    return " ".join(part for part in parts if part and part != "nan")


def _warn(text: str) -> None:
    warnings.warn(text, ExitladderWarning, stacklevel=4)
