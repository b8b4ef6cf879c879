"""``exitladder ui``: MLflow's page and Optuna's dashboard on one project, opened, refused and ended together."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import optuna
import pytest

from exitladder.errors import TrackingError
from exitladder.models.search.studies.database import Database
from exitladder.pipelines.dashboards.mlflow import serve
from exitladder.pipelines.dashboards.optuna import Studies, running_dashboard, studies_to_show
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.settings.loading import load_settings

pytestmark = pytest.mark.slow
START = """
import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
from exitladder.cli import main; main()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run and one study, in the database that `tune` makes."""
    folder = tmp_path_factory.mktemp("project")
    with Tracker(folder / "mlruns", "shown").run("tune", "on the page"):
        pass
    url = f"sqlite:///{folder / 'mlruns' / 'studies.db'}"
    Database(url).engine.dispose()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(storage=url, study_name="ladders").optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    return folder


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return bytes(answer.read())


def test_both_open_and_end_with_an_interrupt(project: Path, root: Path) -> None:
    pytest.importorskip("optuna_dashboard", reason="pip install 'exitladder[ui]'")
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-c", START, "ui", "--no-open", "--port", "0", "--studies-port", "0"]
    with subprocess.Popen(command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            pages = re.findall(r"(http\S+)", process.stderr.readline() + process.stderr.readline())
            mlflow, dashboard = pages
            assert b"<html" in _fetch(mlflow.partition("/#")[0])
            studies: Any = json.loads(_fetch(dashboard.replace("/dashboard/", "/api/studies")))
            assert [study["study_name"] for study in studies["study_summaries"]] == ["ladders"]
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
            assert (process.wait(30), rest) == (0, "")
        finally:
            process.terminate()
    for page in pages:
        with pytest.raises(OSError, match="refused"):
            _fetch(page.partition("/#")[0])


def test_a_taken_port_is_refused_before_anything_starts(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for ports, option in (((port, 0), "--port"), ((0, port), "--studies-port")):
            with pytest.raises(TrackingError, match=rf"must be free.*Name another one with {option}\."):
                serve(project / "mlruns", port=ports[0], studies=Studies("sqlite:///x.db", ports[1]))


def test_what_is_missing_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(None, [f"tracking.store='{project / 'mlruns'}'"])
    elsewhere = load_settings(None, [f"tracking.store='{project / 'new'}'"])
    in_memory = load_settings(None, ["tuning.storage=memory"])
    found = {name: importlib.util.find_spec(name) for name in ("json",)}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found.get(name))
    assert studies_to_show(settings.tuning, settings.tracking, 0)[1].endswith("pip install 'exitladder[ui]'")
    with pytest.raises(TrackingError, match=r"pip install 'exitladder\[ui\]'"), running_dashboard(Studies("x")):
        pass
    found["optuna_dashboard"] = found["json"]
    shown, reason = studies_to_show(settings.tuning, settings.tracking, 0)
    assert (shown is not None, reason) == (True, "")
    assert "makes them" in studies_to_show(elsewhere.tuning, elsewhere.tracking, 0)[1]
    assert "in memory only" in studies_to_show(in_memory.tuning, in_memory.tracking, 0)[1]
