"""What a store has after a record changed while it was being sent; the order is forced, the store is SQLite."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exitladder.pipelines.tracking.database import alone
from exitladder.pipelines.tracking.mlflow_store import mlflow_client
from exitladder.pipelines.tracking.promotions import Promotion, add_promotion
from exitladder.pipelines.tracking.record import pending
from exitladder.pipelines.tracking.sync import send, sync
from exitladder.pipelines.tracking.tracker import Tracker

NAME = "desk-exhaustion"


class _Interrupted:
    """A client of the store that lets something happen just before its first call of one method."""

    def __init__(self, client: Any, method: str, happens: Callable[[], None]) -> None:
        self._client, self._method, self._happens = client, method, happens

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name != self._method:
            return found

        def call(*values: Any, **named: Any) -> Any:
            self._method = ""
            self._happens()
            return found(*values, **named)

        return call


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tracker, list[str]]:
    """A tracker that keeps records only, and two runs with a registered model in its store."""
    folder = tmp_path_factory.mktemp("desk")
    model = folder / "model"
    model.mkdir()
    (model / "model.json").write_text("{}")
    writer = Tracker(folder / "mlruns", "desk")
    ids = []
    with mlflow_client(writer.store, create=True):
        for name in ("first", "second"):
            with writer.run("train", name) as run:
                assert writer.log_model(run, model, NAME)
            ids.append(run.run_id)
    return Tracker(writer.store, "desk", enabled=False), ids


def _give(tracker: Tracker, run_id: str) -> tuple[Promotion, str]:
    row = {"alias": "champion", "slot": "model", "action": "promote", "run_id": run_id, "model": "", "who": "ada"}
    done = add_promotion(tracker.store.home, row | {"because": "", "evidence": {}})
    return done, done.before


def _promote(tracker: Tracker, run_id: str) -> None:
    done, before = _give(tracker, run_id)
    for changed in filter(None, (before, run_id)):
        tracker.note_alias(changed, done)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["log_batch", "set_registered_model_alias"])
def test_a_promotion_while_a_run_is_sent_reaches_the_store(desk: tuple[Tracker, list[str]], moment: str) -> None:
    tracker, (first, second) = desk
    home = tracker.store.home
    _promote(tracker, first)
    with mlflow_client(tracker.store) as client:

        def another_command() -> None:
            _promote(tracker, second)
            send(client, tracker.store, second)

        # a process has read that the first run is the champion, and writes it after the second has become it
        assert send(_Interrupted(client, moment, another_command), tracker.store, first)
        assert pending(home) == []
        found = [client.get_run(run_id).data.tags["alias.champion"] for run_id in (first, second)]
        assert found == ["no", "yes"]
        now = client.get_model_version_by_alias(NAME, "champion")
        assert now.run_id == second
    assert sync(tracker.store).sent == []


@pytest.mark.slow
def test_a_promotion_noted_late_does_not_undo_a_later_one(desk: tuple[Tracker, list[str]]) -> None:
    tracker, (first, second) = desk
    earlier, _ = _give(tracker, first)
    _promote(tracker, second)
    tracker.note_alias(first, earlier)
    assert sync(tracker.store, everything=False).failed == {}
    with mlflow_client(tracker.store) as client:
        found = [client.get_run(run_id).data.tags["alias.champion"] for run_id in (first, second)]
        assert found == ["no", "yes"]
        assert client.get_model_version_by_alias(NAME, "champion").run_id == second


def test_a_lock_whose_file_was_removed_lets_one_in_at_a_time(tmp_path: Path) -> None:
    lock, has_entered = tmp_path / "a.lock", threading.Event()

    def waits() -> None:
        with alone(lock, 20.0):
            has_entered.set()

    waiting = threading.Thread(target=waits)
    first = alone(lock)
    with first:
        waiting.start()
        assert not has_entered.wait(0.3)
        lock.unlink()
        second = alone(lock)
        second.__enter__()
    assert not has_entered.wait(0.5)
    second.__exit__(None, None, None)
    waiting.join(20.0)
    assert has_entered.is_set()
