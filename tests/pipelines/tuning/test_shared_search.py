"""One search shared by processes over PostgreSQL and by a Dask cluster, with one of them killed in the middle."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import ModelError
from exitladder.models.search import search as ladder_search
from exitladder.models.search.evaluation import Evaluator
from exitladder.models.search.loop import Inline, SearchWorker
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.search import SearchResult, search
from exitladder.models.search.space.candidates import Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StudyStore
from exitladder.models.search.studies.studies import StudyPlan
from exitladder.models.search.team import DaskExecutor, Processes, SearchJob, join_search
from exitladder.pipelines.inputs.prepare import base_ladder
from exitladder.pipelines.tuning.objectives import Objectives
from exitladder.pipelines.tuning.pruned_objectives import PrunedObjectives
from exitladder.runtime import fingerprints as program
from exitladder.runtime.fingerprints import digest_of
from exitladder.settings.loading import load_settings
from exitladder.trades.entries import make_trades
from exitladder.trades.trades import place_trades

N_TRIALS, BATCH = 256, 32


@pytest.fixture(scope="module")
def objectives() -> Objectives:
    """Trades on random walks, judged by a measure that takes its time."""
    rng = np.random.default_rng(5)
    bars = []
    for symbol in "ABCD":
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 1_500)))
        opened = np.concatenate([[100.0], close[:-1]])
        reach = np.abs(rng.normal(0, 0.004, (2, 1_500)))
        high, low = np.maximum(opened, close) * (1 + reach[0]), np.minimum(opened, close) * (1 - reach[1])
        stamps = np.arange(1_500, dtype=np.int64) * 86_400 * 10**9
        bars.append(Bars(symbol, 86_400 * 10**9, stamps, opened, high, low, close))
    market = BarSet(bars)
    settings = load_settings(None, ["tuning.robust=neighbours", "costs.commission_bps=2", "project.threads=1"])
    base = base_ladder(settings)
    space = SearchSpace(settings.search, base)
    return Objectives.of(settings, place_trades(make_trades(market, "donchian"), market), None, base, space)


def found_by(objectives: Objectives, sampler: str = "qmc", **how: Any) -> SearchResult:
    assert objectives.space is not None
    return search(objectives.space, objectives.judge, N_TRIALS, sampler=sampler, batch_size=BATCH, **how)


def check_same(shared: SearchResult, alone: SearchResult) -> None:
    assert shared.table.equals(alone.table)
    assert shared.ladders == alone.ladders
    np.testing.assert_array_equal(shared.evaluation.values, alone.evaluation.values)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server of our own on a free port of this machine."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'exitladder[postgresql]')")
    known = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
    found = [path for path in known if path]
    if not found:
        pytest.skip("no PostgreSQL server is installed (Debian and Ubuntu: apt install postgresql)")
    programs = Path(found[-1]).resolve().parent
    # It refuses to run as root; Debian's package makes this user.
    who: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="exitladder-postgresql-"))
    if who:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"], check=True, **quiet)
    options = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
    running = subprocess.Popen(
        [programs / "postgres", "-D", data, *(part for option in options for part in ("-c", option))], **quiet
    )
    try:
        for _ in range(200):
            try:
                # a server that still starts up takes connections, and refuses them
                psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.05)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(timeout=20)
        shutil.rmtree(folder)


def numbers_in(url: str, study: str) -> list[int]:
    """Numbers of the trials that Optuna reads."""
    storage = optuna.storages.RDBStorage(url)
    found = sorted(trial.number for trial in optuna.load_study(study_name=study, storage=storage).trials)
    storage.engine.dispose()
    return found


@contextmanager
def helpers(job: SearchJob, n: int) -> Iterator[list[Any]]:
    """Processes that take part in a search."""
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=join_search, args=(job,), daemon=True) for _ in range(n)]
    for process in started:
        process.start()
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


def waited(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return result


@pytest.mark.parametrize("sampler", ["mixture"])
def test_a_killed_process_loses_no_trial_and_doubles_none(
    objectives: Objectives, server: str, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes share a budget in PostgreSQL; the one that looks at a batch is killed there."""
    monkeypatch.setattr(ladder_search, "program_fingerprint", lambda: "the same")
    assert objectives.space is not None
    store = StudyStore(server, lease_seconds=2.0)
    plan = StudyPlan(
        search=SearchPlan(sampler, 0, N_TRIALS, BATCH),
        n_warm=0,
        learns=sampler != "qmc",
        ahead=2,
        objectives=objectives.names,
        constraints=(),
        identity={"program": "the same", "space": digest_of(objectives.space)} | {"warm starts": digest_of(())},
    )
    study = store.open(f"killed {sampler}", plan)
    job = SearchJob(server, 2.0, study.name, objectives.space, Evaluator(objectives.judge), (), 1)

    def held(pids: list[int]) -> list[int]:
        with store.database.reading() as connection:
            rows = store.database.run(connection, "select worker from exitladder_batches where payload is null")
        return [pid for pid in pids if any(f":{pid}:" in worker for (worker,) in rows)]

    def n_known() -> int:
        with store.database.reading() as connection:
            known = "select 1 from exitladder_batches where study = :t and payload is not null"
            return len(store.database.run(connection, known, t=study.token))

    with helpers(job, 2) as processes:
        waited(n_known)
        by_pid = {process.pid: process for process in processes}
        victim = waited(lambda: held(list(by_pid)))[0]
        os.kill(victim, signal.SIGKILL)
        by_pid[victim].join()
        assert n_known() < N_TRIALS // BATCH
        waited(lambda: n_known() == N_TRIALS // BATCH)
    assert numbers_in(server.replace("postgresql:", "postgresql+psycopg:"), study.name) == list(range(N_TRIALS))
    # Read as a finished search, it is what one process finds.
    shared = found_by(objectives, sampler, store=store, name=study.name)
    if sampler == "qmc":
        check_same(shared, found_by(objectives, sampler))
    else:
        alone = store.open(f"alone {sampler}", plan)
        worker = SearchWorker(alone, Cube(objectives.space), ())
        worker.take_part(Inline(Evaluator(objectives.judge)))
        assert [c.ladder for c in worker.candidates()] == list(shared.ladders)
        np.testing.assert_array_equal(worker.evaluation().values, shared.evaluation.values)
    store.close()


def test_processes_of_one_command_find_what_one_finds(
    objectives: Objectives, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StudyStore(server)
    check_same(found_by(objectives, store=store, name="two", team=Processes(2)), found_by(objectives))
    store.close()
    with pytest.raises(ModelError, match="Several workers must share a storage, but this search has none"):
        found_by(objectives, team=Processes(2))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Dask cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as local:
        yield local


class KillsAfter:
    """Progress that calls a function when so many trials are known."""

    def __init__(self, n: int, kill: Callable[[], None]) -> None:
        self.n, self.kill, self.done = n, kill, 0

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        def advance(steps: int) -> None:
            before, self.done = self.done, self.done + steps
            if before < self.n <= self.done:
                self.kill()

        yield advance


@pytest.mark.parametrize("sampler", [pytest.param("qmc", marks=pytest.mark.long), "mixture"])
def test_a_killed_worker_of_a_cluster_loses_no_trial_and_doubles_none(
    objectives: Objectives, cluster: Any, sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "program_fingerprint", _the_same)
    url = f"sqlite:///{tmp_path}/studies.db"
    store, team = StudyStore(url), DaskExecutor(cluster.scheduler_address)
    assert team.size == 2
    killed: list[int] = []

    def kill() -> None:
        # Both in one of the two cases: then what they hold has to be sent again.
        for pid in list(team.client.run(os.getpid).values())[: 2 if sampler == "mixture" else 1]:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    shared = found_by(objectives, sampler, store=store, name="shared", team=team, progress=KillsAfter(2 * BATCH, kill))
    assert killed
    assert numbers_in(url, "shared") == list(range(N_TRIALS))
    if sampler == "qmc":
        check_same(shared, found_by(objectives))
    else:
        # Two batches are asked for at once; another cluster of two does the same.
        waited(lambda: len(team.client.scheduler_info(n_workers=-1)["workers"]) == 2)
        check_same(found_by(objectives, sampler, team=team), shared)
    team.close()
    store.close()


@contextmanager
def cluster_of_processes(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and a worker, each a process of its own: the scheduler's address and process."""
    pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    known = folder / "scheduler.json"
    at = ["--scheduler-file", str(known), "--no-dashboard"]
    programs = (
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *at],
        ["distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(folder), *at],
    )
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    started = [subprocess.Popen([sys.executable, "-m", *program], **quiet) for program in programs]
    try:
        waited(known.is_file)
        address = json.loads(known.read_text())["address"]
        team = waited(lambda: _team_of(address))
        team.close()
        yield address, started[0]
    finally:
        for process in started:
            process.kill()
            process.wait()


def _team_of(address: str) -> DaskExecutor | None:
    with suppress(ModelError):
        return DaskExecutor(address)
    return None


def test_a_killed_scheduler_ends_a_search_that_continues_without_it(objectives: Objectives, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    store = StudyStore(url)
    with cluster_of_processes(tmp_path) as (address, scheduler):
        team = DaskExecutor(address)
        with pytest.raises(ModelError, match=f"scheduler must run .* '{address}' no longer answers.* continues"):
            found_by(objectives, store=store, name="shared", team=team, progress=KillsAfter(2 * BATCH, scheduler.kill))
        team.close()
    known = numbers_in(url, "shared")
    assert 2 * BATCH <= len(known) < N_TRIALS
    check_same(found_by(objectives, store=store, name="shared"), found_by(objectives))
    assert numbers_in(url, "shared") == list(range(N_TRIALS))
    store.close()


def test_a_shared_search_gives_up_the_same_candidates(
    objectives: Objectives, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a batch is held against follows from how many are ahead, and not from who looks at them."""
    monkeypatch.setattr(program, "program_fingerprint", _the_same)
    judge = PrunedObjectives(
        replace(objectives, settings=replace(objectives.settings, robust="none", pruner="wilcoxon"))
    )

    def pruned(**how: Any) -> SearchResult:
        assert objectives.space is not None
        warm = [Cube(objectives.space).at(np.full(Cube(objectives.space).n, 0.4)).ladder]
        return search(
            objectives.space, judge.judge, N_TRIALS, sampler="qmc", batch_size=BATCH, ahead=2, warm_starts=warm,
            prune=judge.judge_against, **how,
        )  # fmt: skip

    alone = pruned()
    assert 20 < alone.evaluation.is_pruned.sum() < N_TRIALS - 5
    team, store = DaskExecutor(cluster.scheduler_address), StudyStore(f"sqlite:///{tmp_path}/studies.db")
    check_same(pruned(team=team), alone)
    team.close()
    check_same(pruned(team=Processes(2), store=store), alone)
    store.close()


def _the_same() -> str:
    return "the same"


def test_a_scheduler_that_is_not_there_is_told() -> None:
    pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    with pytest.raises(ModelError, match="'nonsense' does not answer"):
        DaskExecutor("nonsense")
