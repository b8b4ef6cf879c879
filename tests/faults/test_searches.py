"""Searches whose database is restarted, or stays away, in the middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest

from exitladder.errors import ModelError
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StudyStore
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import SearchSettings

SPACE = SearchSpace(
    SearchSettings(n_rungs=(1, 2)), Ladder(name="base", stop=Stop(initial=Distance(2.0, "ATR"), time=50))
)
N_TRIALS, BATCH = 48, 8


def _found(
    store: StudyStore | None, name: str = "", meanwhile: Callable[[int], None] = lambda batch: None
) -> SearchResult:
    """Search, and do something while a batch is evaluated."""
    batches = iter(range(100))

    def evaluate(ladders: list[Ladder]) -> Evaluation:
        if ladders:
            meanwhile(next(batches))
        worth = [[sum(rung.fraction for rung in ladder.rungs) + len(str(ladder)) % 7] for ladder in ladders]
        return Evaluation(
            np.array(worth, dtype=float).reshape(len(ladders), 1), np.zeros((len(ladders), 0)), ("worth",), ()
        )

    return search(SPACE, evaluate, N_TRIALS, sampler="qmc", batch_size=BATCH, store=store, name=name)


def _numbers(address: str, name: str) -> list[int]:
    storage = optuna.storages.RDBStorage(address.replace("postgresql:", "postgresql+psycopg:"))
    found = sorted(trial.number for trial in optuna.load_study(study_name=name, storage=storage).trials)
    storage.engine.dispose()
    return found


@pytest.mark.slow
def test_a_search_goes_on_after_postgresql_was_restarted(postgresql: Any) -> None:
    whole = _found(None)
    address = postgresql.address("searches")
    store = StudyStore(address)

    def restart(batch: int) -> None:
        if batch == 2:
            postgresql.stop()
            postgresql.start()

    shared = _found(store, "restarted", restart)
    assert shared.table.equals(whole.table) and shared.ladders == whole.ladders
    assert _numbers(address, "restarted") == list(range(N_TRIALS))
    store.close()


@pytest.mark.slow
def test_a_search_whose_database_stays_away_ends_and_continues_later(postgresql: Any) -> None:
    whole = _found(None)
    address = postgresql.address("searches")
    store = StudyStore(address)
    evaluated = []

    def stop(batch: int) -> None:
        evaluated.append(batch)
        if batch == 3:
            postgresql.stop()

    with pytest.raises(ModelError, match=r"The storage postgresql://postgres@127\.0\.0\.1"):
        _found(store, "away", stop)
    store.close()
    postgresql.start()
    store = StudyStore(address, lease_seconds=1.0)
    resumed = _found(store, "away", evaluated.append)
    assert resumed.table.equals(whole.table) and resumed.ladders == whole.ladders
    # the batch that could not be stored is evaluated once more, none of the others
    assert len(evaluated) == N_TRIALS // BATCH + 1
    assert _numbers(address, "away") == list(range(N_TRIALS))
    store.close()
