"""How the search runs: in threads, processes or a Dask cluster, and in which storage its studies are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exitladder.errors import SettingsError
from exitladder.execution.signals import Signals
from exitladder.models.search.studies.store import StudyStore
from exitladder.models.search.team import DaskExecutor, Executor, InProcess, Processes
from exitladder.pipelines.tracking.address import chosen_store
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.runtime.fingerprints import digest_of, digest_of_arrays
from exitladder.settings.tables import TrackingSettings, TuningSettings

DATABASE = "studies.db"
IN_MEMORY = "memory"


@dataclass(frozen=True)
class SearchBackend:
    """How a search runs and where its studies are kept.

    Parameters
    ----------
    store : StudyStore or None
        None keeps no studies.
    team : Executor
        Evaluates the candidates.
    name : str
        Name of the study; the names of its folds begin with it.
    ahead : int
        Batches evaluated at once by all workers that share the search; 0 for as many as the executor takes.
    """

    store: StudyStore | None = None
    team: Executor = field(default_factory=InProcess)
    name: str = "tune"
    ahead: int = 0


ALONE = SearchBackend()


@contextmanager
def search_backend(
    tuning: TuningSettings, tracking: TrackingSettings, *, fresh: bool = False
) -> Iterator[SearchBackend]:
    """Give the backend that the settings ask for, and close it after use.

    Parameters
    ----------
    tuning : TuningSettings
    tracking : TrackingSettings
        Its folder of records holds the studies unless ``tuning.storage`` names another place.
    fresh : bool
        Delete the kept studies and start again.

    Yields
    ------
    SearchBackend
        Its store and its cluster connection are closed when the block ends.

    Raises
    ------
    SettingsError
        If several workers must share a search that is not stored.
    ModelError
        If the storage or the cluster cannot be used.
    """
    url = studies_url(tuning, tracking)
    if tuning.workers > 1 and url == IN_MEMORY:
        raise SettingsError(
            f"tuning.workers = {tuning.workers} must share a storage, but tuning.storage is '{IN_MEMORY}'. Give one, "
            "such as sqlite:///mlruns/studies.db or postgresql://USER@HOST/DATABASE."
        )
    if tuning.workers > 1 and tuning.scheduler:
        raise SettingsError("tuning.workers and tuning.scheduler exclude each other: the cluster has its own workers.")
    store = None if url == IN_MEMORY else StudyStore(url, by_content=not tuning.study, fresh=fresh)
    team: Executor = InProcess()
    try:
        if tuning.scheduler:
            team = DaskExecutor(tuning.scheduler)
        elif tuning.workers > 1:
            team = Processes(tuning.workers)
        yield SearchBackend(store, team, tuning.study or "tune", tuning.ahead)
    finally:
        if isinstance(team, DaskExecutor):
            team.close()
        if store is not None:
            store.close()


def studies_url(tuning: TuningSettings, tracking: TrackingSettings) -> str:
    """Return the address of the database of studies, or `IN_MEMORY`."""
    if tuning.storage:
        return tuning.storage
    return f"sqlite:///{_studies_folder(tracking)}/{DATABASE}" if tracking.enabled else IN_MEMORY


def _studies_folder(tracking: TrackingSettings) -> str:
    """Return the folder of studies: that of the run records, as the settings name it if they do."""
    address = chosen_store(tracking.store, tracking.folder)
    return (
        tracking.store
        if address.kind == "folder" and address.home == Path(tracking.store).resolve()
        else str(address.home)
    )


def identity_of(objectives: Objectives) -> dict[str, str]:
    """Return fingerprints of all inputs that determine a ladder's objectives, except the ladder."""
    placed, signals = objectives.placed, objectives.signals
    return {
        "bars": placed.bars.fingerprint(),
        "trades": placed.trades.fingerprint(),
        "entries": digest_of_arrays(placed.entry_bar, placed.first_bar, placed.end_bar, placed.entry_at),
        "signals": "none" if signals is None else _digest_of_signals(signals),
        "objectives": digest_of((objectives.names, objectives.constraints, _objective_settings(objectives))),
        "base ladder": digest_of(objectives.base),
    }


def _digest_of_signals(signals: Signals) -> str:
    return digest_of((signals.names, digest_of_arrays(signals.values, signals.base, signals.first, signals.end)))


def _objective_settings(objectives: Objectives) -> tuple[object, ...]:
    """Return the settings that determine a ladder's objectives."""
    tuning, space = objectives.settings, objectives.space
    near = (space, objectives.seed) if tuning.robust == "neighbours" else ()
    limits = tuple(getattr(tuning, name) for name in objectives.constraints)
    pruning = (tuning.pruner, tuning.prune_p) if tuning.pruner != "none" else ()
    return (tuning.downside_weight, tuning.risk_per_trade, tuning.robust, limits, near, pruning)
