"""By what means a ladder is searched: where its studies are kept, and who looks at the candidates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from exitladder.errors import SettingsError
from exitladder.execution.signals import Signals
from exitladder.models.search.studies.store import StudyStore
from exitladder.models.search.team import DaskExecutor, Executor, InProcess, Processes
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.runtime.fingerprints import digest_of, digest_of_arrays
from exitladder.settings.tables import Settings

DATABASE = "studies.db"
IN_MEMORY = "memory"


@dataclass(frozen=True)
class SearchBackend:
    """Where studies are kept, and who evaluates.

    Parameters
    ----------
    store : StudyStore or None
        None keeps nothing.
    team : Team
    name : str
        Of the study; its folds have names that begin with it.
    ahead : int
        Batches that all who share the search look at at once; 0 for as many as the team does.
    """

    store: StudyStore | None = None
    team: Executor = field(default_factory=InProcess)
    name: str = "tune"
    ahead: int = 0


ALONE = SearchBackend()


@contextmanager
def search_backend(settings: Settings, *, fresh: bool = False) -> Iterator[SearchBackend]:
    """Give the means that the settings ask for, and close them after use.

    Parameters
    ----------
    fresh : bool
        Delete studies that are there and begin anew.

    Raises
    ------
    SettingsError
        If several are to share a search that is kept nowhere.
    ModelError
        If the storage or the cluster cannot be used.
    """
    tuning = settings.tuning
    url = tuning.storage
    if not url:
        url = f"sqlite:///{settings.tracking.store}/{DATABASE}" if settings.tracking.enabled else IN_MEMORY
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


def identity_of(objectives: Objectives) -> dict[str, str]:
    """Return fingerprints of what a ladder's worth follows from, besides the ladder."""
    placed, signals = objectives.placed, objectives.signals
    return {
        "bars": placed.bars.fingerprint(),
        "trades": placed.trades.fingerprint(),
        "entries": digest_of_arrays(placed.entry_bar, placed.first_bar, placed.end_bar, placed.entry_at),
        "signals": "none" if signals is None else _digest_of_signals(signals),
        "objectives": digest_of((objectives.names, objectives.constraints, _judging(objectives))),
        "base ladder": digest_of(objectives.base),
    }


def _digest_of_signals(signals: Signals) -> str:
    return digest_of((signals.names, digest_of_arrays(signals.values, signals.base, signals.first, signals.end)))


def _judging(objectives: Objectives) -> tuple[object, ...]:
    """What of the settings a ladder's worth depends on."""
    tuning, space = objectives.settings, objectives.space
    near = (space, objectives.seed) if tuning.robust == "neighbours" else ()
    limits = tuple(getattr(tuning, name) for name in objectives.constraints)
    pruning = (tuning.pruner, tuning.prune_p) if tuning.pruner != "none" else ()
    return (tuning.downside_weight, tuning.risk_per_trade, tuning.robust, limits, near, pruning)
