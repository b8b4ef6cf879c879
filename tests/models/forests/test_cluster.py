"""Forests grown by LightGBM's Dask estimators on a real cluster of two processes, one of which is killed."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exitladder.errors import ExitladderWarning, ModelError
from exitladder.models.exhaustion.model import ExhaustionModel
from exitladder.models.forests import cluster as cluster_growing
from exitladder.models.forests.boosting import booster_parameters
from exitladder.models.forests.cluster import ClusterTrainer
from exitladder.models.forests.growing import train_here
from exitladder.models.forests.rows import TrainingRows
from exitladder.runtime import fingerprints as program
from exitladder.runtime.memory import matrix_on_disk
from exitladder.settings.tables import ModelSettings

QUICK = ModelSettings(n_estimators=40, patience=8, ensemble=2, min_child_samples=60, row_step=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes on this machine, each watched by a nanny that starts it again."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    dask = importlib.import_module("dask")
    with (
        # A local cluster gives up a worker that is away a while after it was away before; others do not.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as local,
    ):
        yield local


@pytest.fixture(autouse=True)
def one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits the program while its tests run would otherwise be refused."""
    monkeypatch.setattr(program, "program_fingerprint", _the_same)


def _the_same() -> str:
    return "the same"


@pytest.fixture
def make_trainer(cluster: Any) -> Iterator[ClusterTrainer]:
    made = ClusterTrainer(cluster.scheduler_address)
    yield made
    made.close()


@pytest.fixture(scope="module")
def rows(make: Any) -> TrainingRows:
    made: TrainingRows = make.training_rows(n_trades=300, bars_a_trade=40, n_features=5)
    X = matrix_on_disk(*made.X.shape)
    X[:] = made.X
    return replace(made, X=X)


def texts(model: ExhaustionModel) -> list[str]:
    return [forest.text for stage in model.stages for forest in (stage.race, stage.hold)]


def trees(text: str) -> str:
    """A booster's text without the parameters that it was trained with."""
    return text[: text.index("parameters:")]


def test_the_model_is_like_the_one_that_is_trained_here(rows: TrainingRows, make_trainer: ClusterTrainer) -> None:
    """Stages, spans and the rule for the number of trees are the same; bins are found on each worker's own rows."""
    assert make_trainer.size == 2
    here = ExhaustionModel.fit(rows, QUICK, n_folds=2, threads=1)
    there = ExhaustionModel.fit(rows, QUICK, n_folds=2, threads=1, make_trainer=make_trainer)
    assert there.spans().drop(columns="calibration").equals(here.spans().drop(columns="calibration"))
    for ours, theirs in zip(here.stages, there.stages, strict=True):
        assert theirs.race.names() == ours.race.names()
        for own, other in ((ours.race, theirs.race), (ours.hold, theirs.hold)):
            assert other.n_trees % QUICK.ensemble == 0
            assert other.n_trees <= QUICK.ensemble * QUICK.n_estimators
            p, q = own.predict(rows.X, 1), other.predict(rows.X, 1)
            assert np.corrcoef(p, q)[0, 1] > 0.95
    assert here.metrics["auc"] > 0.7
    assert there.metrics["auc"] == pytest.approx(here.metrics["auc"], abs=0.01)
    assert there.metrics["log_loss"] == pytest.approx(here.metrics["log_loss"], abs=0.01)
    assert there.metrics["hold_correlation"] == pytest.approx(here.metrics["hold_correlation"], abs=0.02)
    # What is told of the network would differ from one training to the next.
    assert "[machines: ]" in there.stages[-1].race.text
    assert "127.0.0.1" not in "".join(texts(there))


@pytest.mark.parametrize("patience", [0, 6])
def test_the_held_out_loss_and_the_number_of_trees_follow_the_same_rule(
    rows: TrainingRows, make_trainer: ClusterTrainer, patience: int
) -> None:
    parameters = booster_parameters(QUICK, "binary", 0, 1)
    train = np.arange(len(rows))
    folds = [(train[:8_000], train[9_000:]), (train[4_000:], train[:3_000])]
    grown = [
        how(rows, train, parameters).train_held_out(
            train, rows.race, folds, "binary", n_trees=40, patience=patience
        )
        for how in (train_here, make_trainer)
    ]  # fmt: skip
    here, there = grown
    assert there.held_out_loss == pytest.approx(here.held_out_loss, abs=0.005)
    assert there.forest.n_trees == 2 * there.n_rounds
    if patience:
        assert abs(there.n_rounds - here.n_rounds) < 15
    else:
        assert there.n_rounds == here.n_rounds == 40
    # With all trees no less: where it ended, so many more did not help.
    longer = make_trainer(rows, train, parameters).train_held_out(
        train, rows.race, folds, "binary", n_trees=there.n_rounds + 1, patience=0
    )
    assert longer.held_out_loss >= there.held_out_loss or not patience


def test_one_worker_grows_the_trees_that_grow_here_to_the_bit(rows: TrainingRows, make_trainer: ClusterTrainer) -> None:
    make_trainer.size = 1
    train = np.arange(500, len(rows), dtype=np.int64)
    known = np.arange(len(train), dtype=np.int64)
    for objective, label in (("binary", rows.race), ("regression", rows.hold)):
        parameters = booster_parameters(QUICK, objective, 3, 1)
        here, there = (
            how(rows, train, parameters).train(known, label[train], 30, objective).text
            for how in (train_here, make_trainer)
        )
        assert trees(there) == trees(here)


@pytest.mark.long
def test_the_same_rows_on_two_workers_give_the_same_trees_though_workers_are_killed(
    rows: TrainingRows, make_trainer: ClusterTrainer, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(QUICK, n_estimators=250, patience=0, ensemble=1)
    # While rows are made ready, and while LightGBM trains: either would wait for ever for the one that is gone.
    tasks = {2: "", 4: "_train_part"}
    begun: list[int] = []
    killed: list[int] = []
    unbroken = cluster_growing._Share.trained

    def kill(share: Any, task: str) -> None:
        """Kill the second worker as soon as both do this."""
        pids = share.client.run(os.getpid)
        while sum(task in str(key) for keys in share.client.processing().values() for key in keys) < 2:
            time.sleep(0.002)
        killed.append(pids[share.workers[1]])
        os.kill(killed[-1], signal.SIGKILL)

    def grown(share: Any, *args: Any) -> str:
        begun.append(len(begun))
        if is_cruel and len(begun) in tasks:
            threading.Thread(target=kill, args=(share, tasks[len(begun)]), daemon=True).start()
        return unbroken(share, *args)

    monkeypatch.setattr(cluster_growing._Share, "trained", grown)
    is_cruel = False
    left_alone = ExhaustionModel.fit(rows, settings, n_folds=1, threads=1, make_trainer=make_trainer)
    n_forests, is_cruel = len(begun), True
    begun.clear()
    disturbed = ExhaustionModel.fit(rows, settings, n_folds=1, threads=1, make_trainer=make_trainer)
    assert len(set(killed)) == 2
    assert len(begun) == n_forests + 2
    assert make_trainer.size == 2
    assert texts(disturbed) == texts(left_alone)
    assert disturbed.metrics == left_alone.metrics


def test_a_worker_with_labels_of_one_kind_is_not_taken_for_one_of_the_other(
    rows: TrainingRows, make_trainer: ClusterTrainer
) -> None:
    """LightGBM's classifier would number the classes of each worker by itself, so that ones alone become zeros."""
    size = -(-len(rows) // (2 * cluster_growing._BLOCKS_A_WORKER))
    of_second = np.arange(len(rows)) // size % 2 == 1
    y = np.where(of_second, 1.0, (rows.X[:, 0] > 1).astype(np.float64))
    parameters = booster_parameters(QUICK, "binary", 0, 1)
    train = np.arange(len(rows))
    p = make_trainer(rows, train, parameters).train(train, y, 40, "binary").predict(rows.X, 1)
    assert p.mean() == pytest.approx(y.mean(), abs=0.05)
    assert p[rows.X[:, 0] > 1].mean() > 0.85


@pytest.mark.long
def test_workers_that_nobody_starts_again_are_left_out(rows: TrainingRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose process nobody starts again, and one whose LightGBM may wait for it for ever."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    monkeypatch.setattr(cluster_growing, "_PATIENCE_WITH_WORKERS", 1.0)
    parameters, train = booster_parameters(QUICK, "binary", 0, 1), np.arange(len(rows))
    unbroken, failed = cluster_growing._Share.trained, []

    def grown(share: Any, *args: Any) -> str:
        if len(share.workers) == 2:
            failed.append(share.workers[0])
            share.client.submit(os._exit, 1, workers=[share.workers[0]], pure=False).result()
        return unbroken(share, *args)

    monkeypatch.setattr(cluster_growing._Share, "trained", grown)
    with unguarded_workers(distributed, 3) as address:
        make_trainer = ClusterTrainer(address)
        make_trainer.size = 2
        with pytest.warns(ExitladderWarning, match="1 of 2 continue"):
            text = make_trainer(rows, train, parameters).train(train, rows.race, 20, "binary").text
        alone = train_here(rows, train, parameters).train(train, rows.race, 20, "binary").text
        assert trees(text) == trees(alone)
        assert len(failed) == 1
        make_trainer.close()


@contextmanager
def unguarded_workers(distributed: Any, n: int) -> Iterator[str]:
    """Yield the address of a scheduler with workers that nobody starts again."""
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50) as local:
        line = [sys.executable, "-m", "distributed.cli.dask_worker", local.scheduler_address, "--no-nanny"]
        line += ["--nthreads", "1", "--no-dashboard"]
        quiet = subprocess.DEVNULL
        started = [subprocess.Popen(line, stdout=quiet, stderr=quiet) for _ in range(n)]
        try:
            with distributed.Client(local.scheduler_address, set_as_default=False) as client:
                client.wait_for_workers(n, timeout=60)
            yield local.scheduler_address
        finally:
            for process in started:
                process.kill()
                process.wait()


def test_a_repeated_failure_is_reported(
    rows: TrainingRows, make_trainer: ClusterTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_growing, "_TRIES", 2)
    parameters = booster_parameters(QUICK, "binary", 0, 1) | {"num_leaves": -1}
    train = np.arange(len(rows))
    with pytest.raises(ModelError, match=r"failed 2 times, last with: .*num_leaves.* logs of its workers"):
        make_trainer(rows, train, parameters).train(train, rows.race, 5, "binary")


def test_another_version_of_the_program_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "program_fingerprint", _of_this_process)
    with pytest.raises(ModelError, match="one runs another"):
        ClusterTrainer(cluster.scheduler_address)


def _of_this_process() -> int:
    return os.getpid()


def test_a_missing_scheduler_and_a_missing_dask_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    with pytest.raises(ModelError, match="'nonsense' does not answer"):
        ClusterTrainer("nonsense")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModelError, match=r"Training on a cluster needs Dask, .* pip install 'exitladder\[cluster\]'"):
        ClusterTrainer("tcp://127.0.0.1:1")
