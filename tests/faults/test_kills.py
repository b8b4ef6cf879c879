"""Commands killed at random moments: nothing half-written, a store that can be read, and the same result afterwards.

A third of ``EXITLADDER_EXAMPLES`` is the number of kills: 20 by default, 100 with 300. From 200 examples on, ``tune``,
``train``, ``score`` and ``demo`` are killed as well, which takes most of an hour.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from exitladder.pipelines.tracking.database import state_of
from exitladder.pipelines.tracking.record import close_stale, pending, read_record, read_records
from exitladder.runtime.drafts import clear_drafts

EXAMPLES = int(os.environ.get("EXITLADDER_EXAMPLES", "60"))
N_KILLS = max(4, EXAMPLES // 3)
IS_LONG = EXAMPLES >= 200
QUICK = ("--set", "validation.n_bootstrap=200", "--set", "project.threads=1", "--quiet")
SMALL = (
    *("--set", "model.n_estimators=15", "--set", "validation.n_folds=3", "--set", "validation.n_test_parts=3"),
    *("--set", "labels.max_bars=60", "--set", "search.time_bars=[10, 60]"),
)

MAKERS = """
import os, random, signal, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from exitladder.models.search.studies.database import Database, check_sqlite
from exitladder.pipelines.tracking.database import make_database, state_of
from exitladder.pipelines.tracking.mlflow_store import load_mlflow
from exitladder.runtime.drafts import clear_drafts
load_mlflow()
folder, n, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)

def make(place, kind):
    if kind == "runs":
        make_database(place)
    else:
        Database(f"sqlite:///{place}").close()

def born(place, kind):
    child = os.fork()
    if not child:
        make(place, kind)
        os._exit(0)
    return child

takes = {}
for kind in ("runs", "studies"):
    begin = time.monotonic()
    os.waitpid(born(folder / f"{kind}.db", kind), 0)
    takes[kind] = time.monotonic() - begin
n_whole = 0
for k in range(n):
    kind = ("runs", "studies")[k % 2]
    (folder / str(k)).mkdir()
    place = folder / str(k) / "made.db"
    # of two processes that make it, one is killed
    both = [born(place, kind) for _ in range(1 + k % 4 // 2)]
    time.sleep(chance.uniform(0, 1.1) * takes[kind])
    os.kill(both[0], signal.SIGKILL)
    for child in both:
        os.waitpid(child, 0)
    if place.exists():
        n_whole += 1
        assert state_of(place).condition == "good" if kind == "runs" else check_sqlite(place) is None
    else:
        assert len(both) == 1, "the other process should have made it"
    make(place, kind)
    assert [path.name for path in place.parent.iterdir() if "draft" in path.name] == []
print(n_whole)
"""


@pytest.mark.slow
def test_a_database_is_made_whole_or_not_at_all(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAKERS, str(tmp_path), str(max(8, N_KILLS // 2)), "1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "every kill came too early to prove anything"


def _commands(inputs: Path) -> dict[str, list[str]]:
    """The commands to kill, with the folder or file that each writes."""
    book = ["--bars", str(inputs / "bars"), "--trades", str(inputs / "trades.csv"), *QUICK]
    ladder = ["--ladder", str(inputs / "ladder.toml")]
    found = {
        "backtest": ["backtest", *book, *ladder, "--out", "backtest"],
        "report": ["report", "done", "--out", "report.html", *QUICK],
    }
    if IS_LONG:
        found |= {
            "tune": ["tune", *book, *SMALL, "--trials", "24", "--out", "tune"],
            "train": ["train", *book, *SMALL],
            "demo": ["demo", "--trials", "24", *QUICK, *SMALL, "--out", "demo"],
        }
    return found


def _start(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "exitladder", *arguments],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _unbroken(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> float:
    begin = time.monotonic()
    with _start(arguments, folder, environment) as process:
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode == 0, errors.decode()
    return time.monotonic() - begin


def _tables(folder: Path) -> dict[str, bytes]:
    """The files whose bytes are the same in every run."""
    found = [path for path in folder.rglob("*") if path.suffix in (".csv", ".toml") and "mlruns" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _check_after_kill(folder: Path, whole: Mapping[str, bytes]) -> None:
    """Whatever stands there is whole; the rest is hidden drafts, which their next writer removes."""
    for name, content in _tables(folder).items():
        if not any(part.startswith(".") for part in Path(name).parts):
            assert content == whole[name], f"{name} is half-written"
    assert state_of(folder / "mlruns" / "mlflow.db", 60).is_usable
    waiting = pending(folder / "mlruns")
    close_stale(folder / "mlruns")
    for run_id in waiting:
        record = read_record(folder / "mlruns", run_id)
        assert record is None or record["status"] != "RUNNING"


@pytest.mark.slow
def test_a_killed_command_leaves_nothing_behind_and_ends_the_same_later(
    inputs: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    commands = _commands(inputs)
    chance = random.Random(7)
    model = tmp_path / "unbroken"
    model.mkdir()
    _unbroken([*commands["backtest"][:-1], "done"], model, environment)
    takes = {name: _unbroken(arguments, model, environment) for name, arguments in commands.items()}
    whole = _tables(model)
    used = tmp_path / "used"
    used.mkdir()
    _unbroken([*commands["backtest"][:-1], "done"], used, environment)
    for k in range(N_KILLS):
        name = list(commands)[0 if k % 3 else k // 3 % len(commands)]
        folder = used if k % 2 or name == "report" else tmp_path / f"fresh-{k}"
        folder.mkdir(exist_ok=True)
        process = _start(commands[name], folder, environment)
        time.sleep(chance.uniform(0.1, 1.0) * takes[name])
        process.send_signal((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)[k % 4])
        process.wait()
        process.stderr.close()  # type: ignore[union-attr]
        _check_after_kill(folder, whole)
    for name in ("backtest", "report", "tune"):
        if name in commands:
            _unbroken(commands[name], used, environment)
            clear_drafts(used)
    assert _tables(used) == {name: whole[name] for name in _tables(used)}
    assert {"backtest/fills.csv", "backtest/trades.csv"} <= set(_tables(used))
    assert [path for path in used.rglob("*") if "draft" in path.name and ".pending" not in path.parts] == []
    statuses = [record["status"] for record in read_records(used / "mlruns")]
    assert "RUNNING" not in statuses and statuses.count("FINISHED") >= 2
    _unbroken(["track", "--sync"], used, environment)  # the sending process may be slow
    assert state_of(used / "mlruns" / "mlflow.db", 60).condition == "good"
