"""Stores of every kind, in every condition: a run is never broken by its store, and every run arrives once."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exitladder.errors import ExitladderWarning, ModelError, OutputFileError, TrackingError
from exitladder.files.places import check_place
from exitladder.models.search.studies.database import Database
from exitladder.pipelines.dashboards.mlflow import running_page
from exitladder.pipelines.doctor import doctor
from exitladder.pipelines.tracking import record as records
from exitladder.pipelines.tracking.address import chosen_store, store_address
from exitladder.pipelines.tracking.database import known_revisions, make_database, state_of
from exitladder.pipelines.tracking.mlflow_store import load_mlflow, mlflow_client
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.page.logged_models import RUN_TAG
from exitladder.pipelines.tracking.record import Record, close_stale, pending, read_record, read_sent
from exitladder.pipelines.tracking.runs import find_run, run_artifact
from exitladder.pipelines.tracking.sync import sync
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.runtime.processes import this_process
from exitladder.settings.loading import load_settings


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder store whose tables were made once; tests copy its database."""
    folder = tmp_path_factory.mktemp("made")
    load_mlflow()
    make_database(folder / "mlflow.db")
    return folder


@pytest.fixture
def copied(store: Path, tmp_path: Path) -> Path:
    """A folder store of a test's own."""
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "mlflow.db").write_bytes((store / "mlflow.db").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("text", "kind", "uri"),
    [
        ("runs", "folder", "sqlite:///{here}/runs/mlflow.db"),
        ("file:///srv/runs", "folder", "sqlite:////srv/runs/mlflow.db"),
        ("sqlite:///a/b.db", "sqlite", "sqlite:///{here}/a/b.db"),
        ("postgresql://me@db:5433/exits", "postgresql", "postgresql+psycopg://me@db:5433/exits"),
        ("http://tracking.example:5000/", "server", "http://tracking.example:5000"),
        ("https://tracking.example", "server", "https://tracking.example"),
    ],
)
def test_every_kind_of_address(text: str, kind: str, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = store_address(text)
    assert (found.kind, found.uri) == (kind, uri.format(here=tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert store_address(text, "elsewhere").home == tmp_path / "elsewhere"


@pytest.mark.parametrize("text", ["mysql://h/d", "ftp://h/d", "http://", "http://h:99999", "http://[::1", "sqlite://"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(TrackingError, match="must"):
        store_address(text)


def test_the_variable_of_mlflow_counts_unless_a_store_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    assert chosen_store("mlruns", "").uri == "http://tracking.example"
    assert chosen_store("elsewhere", "").kind == "folder"


def _half_made(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as opened:
        opened.executescript("create table experiments (a); create table _alembic_tmp_params (a);")


def _of_revision(path: Path, revision: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("create table experiments (a)")
        opened.execute("create table alembic_version (version_num varchar)")
        opened.execute("insert into alembic_version values (?)", (revision,))


def _foreign(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as opened:
        opened.execute("create table recipes (a)")


@pytest.mark.parametrize(
    ("damage", "condition", "words"),
    [
        (_half_made, "broken", "half made.*_alembic_tmp_params.*doctor --repair"),
        (lambda path: path.write_bytes(b""), "broken", "is empty.*doctor --repair"),
        (lambda path: path.write_bytes(b"not a database" * 100), "broken", "not a complete SQLite.*doctor --repair"),
        (_foreign, "foreign", "another program"),
        (lambda path: _of_revision(path, "451aebb31d03"), "old", "earlier version of MLflow.*doctor --repair"),
        (lambda path: _of_revision(path, "ffffffffffff"), "newer", "later version of MLflow.*pip install"),
    ],
)
def test_a_damaged_database_is_named_with_its_cure(
    damage: Callable[[Path], object], condition: str, words: str, tmp_path: Path
) -> None:
    damage(tmp_path / "mlflow.db")
    before = (tmp_path / "mlflow.db").read_bytes()
    assert state_of(tmp_path / "mlflow.db").condition == condition
    with pytest.raises(TrackingError, match=f"(?s){words}"), mlflow_client(tmp_path):
        pass
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"not a database" * 100), "not a complete SQLite database"),
        (lambda path: path.write_bytes(b""), "is incomplete"),
        (_foreign, "another program"),
    ],
)
def test_a_damaged_database_of_studies_is_named_with_its_cure(
    damage: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    damage(tmp_path / "studies.db")
    with pytest.raises(ModelError, match=f"{words}.*tuning.storage"):
        Database(f"sqlite:///{tmp_path / 'studies.db'}")


def test_a_database_whose_writer_was_killed_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    _of_revision(file, next(iter(known_revisions()[1])))
    child = os.fork()
    if not child:
        opened = sqlite3.connect(file, isolation_level=None)
        opened.execute("pragma cache_size = 1")
        opened.execute("begin")
        opened.executemany("insert into experiments values (?)", [("x" * 5_000,) for _ in range(200)])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / "mlflow.db-journal").stat().st_size > 0
    assert state_of(file).condition == "good"
    with contextlib.closing(sqlite3.connect(file)) as after:
        assert after.execute("select count(*) from experiments").fetchone() == (0,)


def test_a_locked_database_does_not_break_a_run(copied: Path) -> None:
    with contextlib.closing(sqlite3.connect(copied / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("begin exclusive")
        assert state_of(copied / "mlflow.db", 0.1).condition == "locked"
        with (
            pytest.warns(ExitladderWarning, match="is locked by another process"),
            _quick(copied).run("backtest", "while locked") as run,
        ):
            run.log_metrics({"a": 1})
        holder.execute("rollback")
    assert find_run("while locked", copied).metrics == {"a": 1.0}
    assert sync(store_address(copied)).sent == [run.run_id]
    assert sync(store_address(copied)).sent == []
    assert _in_store(copied) == {"while locked": ("FINISHED", {"a": 1.0})}


def _quick(folder: Path | str) -> Tracker:
    """A tracker whose runs this process sends itself, so that a test need not wait."""
    tracker = Tracker(folder)
    tracker._sends_here = lambda: True  # type: ignore[method-assign]
    return tracker


def _in_store(store: Any) -> dict[str, tuple[str, dict[str, float]]]:
    """The runs of ours that MLflow's own client finds in a store."""
    with mlflow_client(store) as client:
        everywhere = [e.experiment_id for e in client.search_experiments()]
        found = client.search_runs(everywhere, f"tags.`{RUN_TAG}` != ''")
    names = [run.info.run_name for run in found]
    assert len(names) == len(set(names)), f"a run came twice: {names}"
    return {run.info.run_name: (run.info.status, run.data.metrics) for run in found}


def test_a_full_disk_does_not_break_a_run(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.warns(ExitladderWarning, match=r"No space left.*tracking\.folder"),
        _quick(copied).run("backtest") as run,
    ):
        with monkeypatch.context() as patched:
            patched.setattr(records, "write_whole", full)
            run.log_metrics({"a": 1})
        run.log_artifact("text", "a.txt")
    with monkeypatch.context() as patched:
        patched.setattr(records, "write_whole", full)
        with pytest.warns(ExitladderWarning, match="This run is not recorded"), _quick(copied).run("backtest") as run:
            run.log_metrics({"a": 1})
    assert run.run_id == ""


def test_the_doctor_makes_a_half_made_database_anew(tmp_path: Path) -> None:
    home = tmp_path / "runs"
    home.mkdir()
    _half_made(home / "mlflow.db")
    with pytest.warns(ExitladderWarning, match="half made"), _quick(home).run("backtest", "kept"):
        pass
    settings = load_settings(None, [f"tracking.store={str(home)!r}"])
    sick = doctor(settings, tmp_path)
    assert not sick.is_well
    assert {check.check for check in sick.checks if check.state == "wrong"} == {"store"}
    healed = doctor(settings, tmp_path, repair=True)
    assert healed.is_well, healed
    assert _in_store(home) == {"kept": ("FINISHED", {})}
    assert [path.name for path in home.glob("mlflow.db.broken-*")]
    assert doctor(settings, tmp_path).checks[1].state == "good"


GONE = {**this_process(), "pid": 2**22 + 7, "started": "1"}


def test_runs_left_open_by_a_kill_are_closed_and_their_drafts_removed(copied: Path, tmp_path: Path) -> None:
    dead, _, elsewhere = (Record(copied, "tune", name, "exits") for name in ("dead", "alive", "elsewhere"))
    for one, owner in ((dead, GONE), (elsewhere, {**GONE, "machine": "0" * 12})):
        one.values["owner"] = owner
        one.save()
    draft = copied / "artifacts" / dead.run_id / "artifacts" / f".a.{GONE['machine']}-{GONE['pid']}-1-00000000.draft"
    draft.write_text("half")
    assert find_run("dead", copied).status == "KILLED"
    assert close_stale(copied) == [dead.run_id]
    assert not draft.exists()
    found = {name: find_run(name, copied).status for name in ("dead", "alive", "elsewhere")}
    assert found == {"dead": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}
    assert sync(store_address(copied)).failed == {}
    assert {name: status for name, (status, _) in _in_store(copied).items()} == found


def test_a_clock_set_back_loses_no_run(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends before it began, and one of an hour ago that began after it."""
    real = time.time
    with _quick(copied).run("backtest", "across") as run:
        run.log_metrics({"a": 1})
        monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    with _quick(copied).run("backtest", "later, by an earlier clock") as run:
        run.log_metrics({"a": 2})
    monkeypatch.setattr(time, "time", real)
    for name, value in (("across", 1.0), ("later, by an earlier clock", 2.0)):
        found = find_run(name, copied)
        assert (found.status, found.metrics) == ("FINISHED", {"a": value})
    assert sync(store_address(copied)).failed == {}
    assert {name: found[0] for name, found in _in_store(copied).items()} == {
        "across": "FINISHED",
        "later, by an earlier clock": "FINISHED",
    }


def test_outputs_are_checked_before_computing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for path, kind, words in (
        (tmp_path / "file", "folder", "must be a folder"),
        (tmp_path / "folder", "file", "must be a file"),
        (tmp_path / "file" / "below", "folder", "cannot be made"),
        (Path("/proc/nothing/x"), "folder", "cannot be"),
    ):
        with pytest.raises(OutputFileError, match=words):
            check_place(path, kind)  # type: ignore[arg-type]
    left = tmp_path / f".folder.{GONE['machine']}-{GONE['pid']}-1-00000000.draft"
    others = tmp_path / f".folder.{'0' * 12}-{GONE['pid']}-1-00000000.draft"
    left.mkdir()
    others.mkdir()
    check_place(tmp_path / "folder" / "new" / "out", "folder")
    assert not (tmp_path / "folder" / "new").exists()
    check_place(tmp_path / "folder", "folder")
    assert not left.exists() and others.exists()


TWO = """
import sys
from exitladder.pipelines.tracking.address import store_address
from exitladder.pipelines.tracking.mlflow_store import load_mlflow
from exitladder.pipelines.tracking.sync import sync
load_mlflow()
print("ready", flush=True)
sys.stdin.readline()
report = sync(store_address(sys.argv[1], sys.argv[2]))
assert not report.failed, report.failed
"""


def _sync_at_once(address: str, homes: list[Path], environment: dict[str, str]) -> None:
    """Send from several folders, each by a process of its own, all at the same moment."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, address, str(home)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for home in homes
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    assert [process.communicate("go\n")[1] for process in started] == ["" for _ in started]


def _records(home: Path, names: list[str]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for name in names:
        record = Record(home, "backtest", name, "exits")
        record.values["params"] = {"a": "1"}
        record.log_metrics({"m": 0.5})
        (record.files / "a.txt").write_text(name)
        record.close("FINISHED")


@pytest.mark.slow
def test_postgresql_takes_runs_of_many_at_once_and_survives_a_restart(
    postgresql: Any, tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = postgresql.address("runs")
    homes = [tmp_path / "one", tmp_path / "two"]
    _records(homes[0], ["a", "b"])
    _records(homes[1], ["c"])
    # twice the first folder: two processes send the same runs into an empty database
    _sync_at_once(address, [homes[0], *homes], environment)
    assert _in_store(address) == {name: ("FINISHED", {"m": 0.5}) for name in "abc"}
    assert [pending(home) for home in homes] == [[], []]
    assert run_artifact("c", "a.txt", store_address(address, homes[1])).read_text() == "c"

    with (
        warnings.catch_warnings(),
        Tracker(store_address(address, homes[0])).run("tune", "through a crash") as run,
    ):
        # whether the end of the run finds the server up again is a matter of moments
        warnings.simplefilter("ignore", ExitladderWarning)
        _wait(lambda: "through a crash" in _in_store(address))
        assert _in_store(address)["through a crash"][0] == "RUNNING"
        postgresql.stop()
        run.log_metrics({"late": 2})
        postgresql.start()
    _wait(lambda: not pending(homes[0]), lambda: sync(store_address(address, homes[0])))
    assert _in_store(address)["through a crash"] == ("FINISHED", {"late": 2.0})


def _wait(is_done: Callable[[], bool], otherwise: Callable[[], object] | None = None, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
        if otherwise is not None and time.monotonic() > deadline - seconds * 0.7:
            otherwise()


@pytest.mark.slow
def test_a_server_takes_runs_while_they_run_and_what_it_missed_later(
    store: Path, tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "mlflow.db").write_bytes((store / "mlflow.db").read_bytes())
    home = tmp_path / "mlruns"
    with running_page(tmp_path / "served", port=0) as (server, _):
        address = store_address(server)
        assert address.home == home
        with Tracker(server).run("train", "seen") as run:
            run.log_params({"p": 1})
            run.log_artifact("<b>page</b>", "plots/page.html")
            _wait(lambda: "seen" in _in_store(server))
            assert _in_store(server)["seen"][0] == "RUNNING"
            model = tmp_path / "model"
            model.mkdir()
            (model / "model.txt").write_text("tree")
            reference = Tracker(server).log_model(run, model, "exits")
        assert reference == "models:/exits/1"
        _wait(lambda: not pending(home))
        assert (resolve_model("models:/exits@newest", server) / "model.txt").read_text() == "tree"
        elsewhere = store_address(server, tmp_path / "another machine")
        assert (resolve_model("models:/exits@newest", elsewhere) / "model.txt").read_text() == "tree"
        assert run_artifact("seen", "plots/page.html", elsewhere).read_text() == "<b>page</b>"
    # the server is gone
    with (
        pytest.warns(ExitladderWarning, match=r"does not take them.*exitladder track --sync"),
        Tracker(server).run("backtest", "missed") as run,
    ):
        run.log_metrics({"a": 3})
        _wait(lambda: records.has_problem(home), seconds=120)
    assert pending(home) == [run.run_id]
    assert find_run("missed", server).metrics == {"a": 3.0}
    port = int(server.rpartition(":")[2])
    with running_page(tmp_path / "served", port=port):
        _sync_at_once(server, [home, home], environment)
        assert _in_store(server) == {"seen": ("FINISHED", {}), "missed": ("FINISHED", {"a": 3.0})}
    assert pending(home) == []


@pytest.mark.slow
def test_the_run_of_a_killed_command_is_closed_at_once(
    store: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    home = tmp_path / "runs"
    home.mkdir()
    (home / "mlflow.db").write_bytes((store / "mlflow.db").read_bytes())
    script = (
        "import os, signal\nfrom exitladder.pipelines.tracking.tracker import Tracker\n"
        f"with Tracker({str(home)!r}).run('tune', 'killed'): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False, cwd=tmp_path)
    assert done.returncode == -9
    assert find_run("killed", home).status == "KILLED"
    _wait(lambda: not pending(home))
    assert _in_store(home) == {"killed": ("KILLED", {})}


def test_a_record_that_is_no_record_is_passed_over(copied: Path) -> None:
    good = Record(copied, "tune", "good", "exits")
    good.close("FINISHED")
    for k, text in enumerate(("", "{", "null", "[]", '{"run_id": 1}', "[" * 5_000, '{"status": {}}')):
        run_id = f"{k:032x}"
        (copied / "artifacts" / run_id / "artifacts").mkdir(parents=True)
        (copied / "artifacts" / run_id / "run.json").write_text(text)
        records.mark_pending(copied, run_id)
        assert read_record(copied, run_id) is None
        assert read_sent(copied, run_id) == {}
    close_stale(copied)
    assert sync(store_address(copied)).sent == [good.run_id]
    assert json.loads((copied / "artifacts" / good.run_id / "sent.json").read_text())["mlflow.db"]["status"]
