"""Commands killed at random moments: nothing half-written, a store that can be read, and the same result afterwards.

A third of ``EXITLADDER_EXAMPLES`` is the number of kills: 20 by default, 100 with 300, divided between the commands:
``backtest``, ``score``, ``bars fetch`` and ``report``, and from 200 examples on ``tune``, ``train`` and ``demo``, which
takes most of an hour.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.writing import write_bars
from exitladder.pipelines.tracking.database import state_of
from exitladder.pipelines.tracking.record import close_stale, pending, read_record, read_records
from exitladder.runtime.drafts import clear_drafts
from exitladder.sample import load_sample_bars
from exitladder.trades.entries import make_trades
from exitladder.trades.files import write_trades

EXAMPLES = int(os.environ.get("EXITLADDER_EXAMPLES", "60"))
N_KILLS = max(4, EXAMPLES // 3)
IS_LONG = EXAMPLES >= 200
QUICK = ("--set", "validation.n_bootstrap=200", "--set", "project.threads=1", "--quiet")
SMALL = (
    *("--set", "model.n_estimators=15", "--set", "validation.n_folds=3", "--set", "validation.n_test_parts=3"),
    *("--set", "labels.max_bars=60", "--set", "search.time_bars=[10, 60]"),
)

RUN_ID = re.compile(rb"[0-9a-f]{32}")

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


MONTHS = pd.period_range("2023-01", "2023-06", freq="M")


class SlowArchive(BaseHTTPRequestHandler):
    """An exchange's archive of hourly bars, in which every answer takes a moment, so that kills fall in between."""

    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        """Answer with a file in two halves."""
        time.sleep(0.04)
        body = self.files.get(self.path.lstrip("/"))
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write((body or b"")[: len(body or b"") // 2])
            time.sleep(0.04)
            self.wfile.write((body or b"")[len(body or b"") // 2 :])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _month(month: pd.Period) -> bytes:
    """The zip file of a month of hourly bars."""
    chance = np.random.default_rng(month.ordinal)
    stamps = pd.date_range(month.start_time, month.end_time, freq="1h", tz="UTC")
    price = np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.004, len(stamps) + 1))), 8)
    lines = []
    for k, (start, opened, close) in enumerate(zip(stamps, price[:-1], price[1:], strict=True)):
        ms = int(start.timestamp() * 1000)
        high, low = max(opened, close) + 0.5, min(opened, close) - 0.5
        prices = ",".join(f"{value:.8f}" for value in (opened, high, low, close, 5.0 + k))
        lines.append(f"{ms},{prices},{ms + 3_599_999},1.0,1,1.0,1.0,0")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(f"BTCUSDT-1h-{month}.csv", "\n".join(lines) + "\n")
    return packed.getvalue()


@pytest.fixture(scope="module")
def archive() -> Iterator[str]:
    """The address of an archive on this machine."""
    for month in MONTHS:
        name = f"data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-{month}.zip"
        SlowArchive.files[name] = _month(month)
        digest = hashlib.sha256(SlowArchive.files[name]).hexdigest()
        SlowArchive.files[f"{name}.CHECKSUM"] = f"{digest}  {name.rpartition('/')[2]}\n".encode()
    with ThreadingHTTPServer(("127.0.0.1", 0), SlowArchive) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


# With a moment of its own, as the clock would stand in the file; and followed from the entry, so that there are orders.
EVENING = ("--asof", "2013-03-02", "--since-entry", "--assume", "followed")
COMMANDS = ("backtest", "score", "fetch", "report", *(("tune", "train", "demo") if IS_LONG else ()))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bars and trades of the sample: as many trades as a search needs."""
    bars, _ = load_sample_bars()
    folder = tmp_path_factory.mktemp("book")
    write_bars(bars, folder / "bars")
    write_trades(make_trades(bars, "donchian"), folder / "trades.csv")
    return folder


def _arguments(name: str, inputs: Path, archive: str) -> list[str]:
    """The command to kill; the folder `done` has a backtest."""
    data = ["--bars", str(inputs / "bars"), "--trades", str(inputs / "trades.csv"), *QUICK]
    ladder = ["--ladder", str(inputs / "ladder.toml")]
    months = ["--from", str(MONTHS[0]), "--to", str(MONTHS[-1]), "--cache", "months"]
    return {
        "backtest": ["backtest", *data, *ladder, "--out", "backtest"],
        "score": ["score", *data, *ladder, *EVENING, "--out", "advice.csv"],
        "fetch": [
            *("bars", "fetch", "BTCUSDT", "--interval", "1h", *months, "--base-url", archive),
            *("--out", "fetched", "--quiet"),
        ],
        "report": ["report", "done", "--out", "report.html", *QUICK],
        "tune": ["tune", *data, *SMALL, "--trials", "24", "--out", "tune"],
        "train": ["train", *data, *SMALL],
        "demo": ["demo", "--trials", "24", *QUICK, *SMALL, "--out", "demo"],
    }[name]


def _start(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "exitladder", *arguments],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # What a script starts in the background does not hear Ctrl-C, and hands that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _unbroken(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> float:
    begin = time.monotonic()
    with _start(arguments, folder, environment) as process:
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode == 0, errors.decode()
    return time.monotonic() - begin


def _tables(folder: Path) -> dict[str, bytes]:
    """The files whose bytes are the same in every run, but for the id of the run that wrote them."""
    same = (".csv", ".toml", ".parquet", ".zip")
    found = [path for path in folder.rglob("*") if path.suffix in same and "mlruns" not in path.parts]
    return {path.relative_to(folder).as_posix(): RUN_ID.sub(b"", path.read_bytes()) for path in found}


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
@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_leaves_nothing_behind_and_ends_the_same_later(
    name: str, inputs: Path, book: Path, archive: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    arguments = _arguments(name, book if name in ("tune", "train") else inputs, archive)
    chance = random.Random(7)
    unbroken, used = tmp_path / "unbroken", tmp_path / "used"
    unbroken.mkdir()
    if name == "report":
        _unbroken([*_arguments("backtest", inputs, archive)[:-1], "done"], unbroken, environment)
    takes = _unbroken(arguments, unbroken, environment)
    whole = _tables(unbroken)
    shutil.copytree(unbroken, used)
    for k in range(-(-N_KILLS // len(COMMANDS))):
        folder = used if k % 2 or name == "report" else tmp_path / f"fresh-{k}"
        folder.mkdir(exist_ok=True)
        process = _start(arguments, folder, environment)
        time.sleep(chance.uniform(0.1, 1.0) * takes)
        process.send_signal((signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)[k % 4])
        process.wait()
        process.stderr.close()  # type: ignore[union-attr]
        _check_after_kill(folder, whole)
    _unbroken(arguments, used, environment)
    clear_drafts(used)
    assert _tables(used) == whole
    assert [path for path in used.rglob("*") if "draft" in path.name and ".pending" not in path.parts] == []
    if name != "fetch":
        statuses = [record["status"] for record in read_records(used / "mlruns")]
        assert "RUNNING" not in statuses and "FINISHED" in statuses
        _unbroken(["track", "--sync"], used, environment)  # the sending process may be slow
        assert state_of(used / "mlruns" / "mlflow.db", 60).condition == "good"
