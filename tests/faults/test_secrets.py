"""No password reaches a file, a message, a page, a store or the list of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from exitladder.cli import main
from exitladder.errors import SettingsError, TrackingError
from exitladder.pipelines.tracking.record import pending
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.secrets import masked, secret_in
from exitladder.settings.loading import load_settings

SECRET = "S3CRETpass"
SPELLINGS = [
    ("--storage", f"postgresql://me:{SECRET}@h/db"),
    ("--set", f"tuning.storage=postgresql://me:{SECRET}@h/db"),
    ("--storage", f"postgresql://h/db?user=me&password={SECRET}"),
    ("--storage", f"postgresql://h/db?%70assword={SECRET}"),
    ("--storage", f"mysql://me:{SECRET}@h/db"),
    ("--storage", f"postgresql://me:{SECRET}@h:port/db"),
    ("--storage", f"postgresql://me%3A{SECRET}@h/db"),
    ("--storage", f"postgresql://me:a/{SECRET}@h/db"),
    ("--storage", f"host=h user=me password={SECRET}"),
    ("--set", f"tracking.store=http://me:{SECRET}@h"),
    ("--set", f"tracking.store=https://{SECRET}@h"),
    ("--set", f"tracking.store=postgresql://h/db?sslpassword={SECRET}"),
    ("--set", f"tuning.scheduler=tcp://me:{SECRET}@h:8786"),
    ("--set", f"tuning.storag=postgresql://me:{SECRET}@h/db"),
    ("--set", f"postgresql://me:{SECRET}@h/db"),
    ("--trials", f"postgresql://me:{SECRET}@h/db"),
    ("MLFLOW_TRACKING_URI", f"http://me:{SECRET}@h"),
    ("MLFLOW_TRACKING_URI", f"postgresql://me:{SECRET}@h/db"),
]


@pytest.mark.parametrize("is_debugging", [False, True])
@pytest.mark.parametrize(("where", "spelling"), SPELLINGS)
def test_every_spelling_is_refused_and_masked(
    where: str, spelling: str, is_debugging: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["tune", "--bars", "none", "--trades", "none.csv", "--out", "out"]
    if where.startswith("--"):
        arguments += [where, spelling]
    else:
        monkeypatch.setenv(where, spelling)
    done = CliRunner().invoke(main, arguments + ["--debug"] * is_debugging)
    assert done.exit_code in (1, 2)
    assert SECRET not in done.output + done.stderr
    assert "***" in done.stderr
    assert "this is a bug" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_settings_file_and_python_refuse_them_too(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f'[tuning]\nstorage = "postgresql://me:{SECRET}@h/db"\n')
    with pytest.raises(SettingsError, match=r"PGPASSWORD") as caught:
        load_settings(tmp_path / "s.toml")
    assert SECRET not in str(caught.value)
    with pytest.raises(TrackingError) as refused:
        Tracker(f"http://me:{SECRET}@h")
    assert SECRET not in str(refused.value)


@given(
    user=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    host=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    secret=st.from_regex(r"[A-Z0-9%$!~_.-]{4,12}", fullmatch=True),
    scheme=st.sampled_from(["postgresql", "postgresql+psycopg", "mysql", "http", "https", "tcp"]),
    around=st.sampled_from(["{}", "cannot open '{}'", "a {} b", '"{}"', "error: {}: refused", "x={}"]),
)
def test_masking_hides_any_password_and_keeps_the_rest(
    user: str, host: str, secret: str, scheme: str, around: str
) -> None:
    for address in (f"{scheme}://{user}:{secret}@{host}/db", f"{scheme}://{host}/db?a=1&password={secret}"):
        assert secret_in(address)
        shown = masked(around.format(address))
        assert secret not in shown
        assert f"{host}/db" in shown
    assert masked(around.format(f"{scheme}://{host}/db?a=1")) == around.format(f"{scheme}://{host}/db?a=1")


HOSTILE = ["a", "a.", "a:", "a://", "a://b:", "a://b:c/", "password", "password.", "=", "?a=", "'", " ", "@"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_is_searched_in_a_time_that_grows_with_its_length(piece: str) -> None:
    """A search that backtracks over it all would take days, and the run's time limit for a test would end it."""
    text = piece * (30_000 // len(piece))
    assert masked(text + f" postgresql://me:{SECRET}@h/db {text}").count(SECRET) == 0
    assert SECRET not in str(TrackingError(10 * text + f" postgresql://me:{SECRET}@h/db " + text))


@pytest.mark.slow
def test_nothing_that_a_run_leaves_behind_holds_a_password(
    postgresql: Any, inputs: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """A tracked tune with passwords in the environment; every byte of its folder, output and process list is read."""
    address = postgresql.address("secrets")
    variables = dict.fromkeys(("PGPASSWORD", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"), SECRET)
    command = [
        *(sys.executable, "-m", "exitladder", "backtest", "--bars", inputs / "bars"),
        *("--trades", inputs / "trades.csv", "--ladder", inputs / "ladder.toml", "--out", "out"),
        *("--set", f"tracking.store={address}", "--set", "validation.n_bootstrap=200"),
    ]
    seen = b""
    with subprocess.Popen(
        list(map(str, command)),
        cwd=tmp_path,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while process.poll() is None:
            seen += b"".join(_command_lines())
            time.sleep(0.1)
        assert process.stdout is not None and process.stderr is not None
        output = process.stdout.read() + process.stderr.read()
    assert process.returncode == 0, output
    deadline = time.monotonic() + 200
    while pending(tmp_path / "mlruns") and time.monotonic() < deadline:
        seen += b"".join(_command_lines())
        time.sleep(0.2)
    assert pending(tmp_path / "mlruns") == []
    assert b"exitladder.pipelines.tracking.sender" in seen
    page = ["report", "out", "--out", "page.html"]
    subprocess.run([sys.executable, "-m", "exitladder", *page], cwd=tmp_path, env=environment, check=True)
    import psycopg

    where = f"host=127.0.0.1 port={postgresql.port} user=postgres dbname=secrets"
    with psycopg.connect(where) as connection:
        tables = [row[0] for row in connection.execute("select tablename from pg_tables where schemaname = 'public'")]
        rows = [str(connection.execute(f'select * from "{table}"'.encode()).fetchall()) for table in tables]
    assert len(tables) > 20 and any("expectancy_r" in text for text in rows)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert SECRET.encode() not in b"".join([*files, output, seen, *(text.encode() for text in rows)])


def _command_lines() -> list[bytes]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                found.append(Path("/proc", name, "cmdline").read_bytes())
            except OSError:
                continue
    return found
