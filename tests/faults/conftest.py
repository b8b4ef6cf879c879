"""Servers of our own on this machine, and inputs that a command is done with in a moment."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# programs that the tests start, with imports of their own
collect_ignore = ["mutations.py", "readers.py", "worker.py"]


class PostgreSQL:
    """A PostgreSQL server on a free port; skips the test if none is installed."""

    def __init__(self) -> None:
        known = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
        found = [path for path in known if path]
        if not found:
            pytest.skip("no PostgreSQL server is installed (Debian and Ubuntu: apt install postgresql)")
        self._programs = Path(found[-1]).resolve().parent
        # It refuses to run as root; Debian's package makes this user.
        who: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        self._folder = Path(tempfile.mkdtemp(prefix="exitladder-postgresql-"))
        if who:
            shutil.chown(self._folder, "postgres", "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._data = str(self._folder / "data")
        self._how: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "cwd": self._folder,
            **who,
        }
        make = [str(self._programs / "initdb"), "-D", self._data, "-A", "trust", "-U", "postgres", "-N"]
        subprocess.run(make, check=True, **self._how)
        self._running: subprocess.Popen[bytes] | None = None
        self.start()

    def address(self, database: str = "postgres") -> str:
        """The address of a database, which is made if it does not exist."""
        import psycopg

        where = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (database,)).fetchone():
                connection.execute(f'create database "{database}"'.encode())
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        command = [str(self._programs / "postgres"), "-D", self._data, *(p for o in options for p in ("-c", o))]
        self._running = subprocess.Popen(command, **self._how)
        import psycopg

        for _ in range(400):
            try:
                psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        if self._running is not None:
            self._running.send_signal(signal.SIGQUIT)
            self._running.wait(timeout=20)
            self._running = None

    def remove(self) -> None:
        """Stop the server and remove its files."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@pytest.fixture(scope="package")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server of our own."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'exitladder[postgresql]')")
    server = PostgreSQL()
    yield server
    server.remove()


@pytest.fixture(scope="package")
def environment(root: Path) -> dict[str, str]:
    """What a process needs to find this package."""
    path = os.pathsep.join(filter(None, [str(root / "src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


@pytest.fixture(scope="package")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bars of one symbol, a few trades and a ladder: a backtest of them takes a moment."""
    from exitladder.bars.bars import BarSet
    from exitladder.sample import load_sample_bars
    from exitladder.trades.entries import make_trades
    from exitladder.trades.files import write_trades

    folder = tmp_path_factory.mktemp("inputs")
    bars = load_sample_bars()[0]
    one = BarSet([bars["FB"]])
    (folder / "bars").mkdir()
    one["FB"].to_frame().to_parquet(folder / "bars" / "FB.parquet")
    write_trades(make_trades(one, "donchian"), folder / "trades.csv")
    (folder / "ladder.toml").write_text(
        'name = "two rungs"\nrungs = [{fraction = 0.25, target = "1R"}, {fraction = 0.25, target = "2R"}]\n'
        'stop = {initial = "2ATR", time = 40}\n'
    )
    return folder
