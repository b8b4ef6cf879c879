"""A registered model behind ``mlflow models serve``: the JSON of ``exitladder score``, over HTTP on this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.cli.served import ServedModel
from exitladder.errors import ExitladderError, ModelError
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.train import TrainResult
from exitladder.trades.trades import Trades

ASOF = "2013-02-25"
LADDER = """
name = "served"
stop = {initial = "2ATR", trail = "3ATR", trail_after = 1}
rungs = [{fraction = 0.25, target = "2R"}, {fraction = 0.25, when = ["exhaustion >= 0.5"]}]
"""
Request = dict[str, str]
Ask = Callable[[dict[str, Any]], tuple[int, Any]]


@pytest.fixture(scope="module")
def files(bars: BarSet, some_open: Trades, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bars, trades, of which one is invalid, and a ladder that reads the model."""
    folder = tmp_path_factory.mktemp("served")
    names = ["AAPL", "GOOG"]
    parts = [bars[name] for name in names]
    market = pd.concat([
        pd.DataFrame({"symbol": b.symbol, "time": pd.to_datetime(b.time, utc=True), "open": b.open, "high": b.high,
                      "low": b.low, "close": b.close, "volume": b.volume}) for b in parts
    ])  # fmt: skip
    market.to_csv(folder / "bars.csv", index=False)
    chosen = some_open.take(some_open.is_open & np.isin(some_open.symbol.astype(str), names))
    table = pd.DataFrame({
        "trade_id": chosen.trade_id, "symbol": chosen.symbol, "side": np.where(chosen.side > 0, "long", "short"),
        "entry_time": pd.to_datetime(chosen.entry_time, utc=True), "entry_price": chosen.entry_price,
        "quantity": 100, "quantity_open": 100, "stop_price": chosen.stop_price,
    })  # fmt: skip
    table.loc[len(table)] = {**table.iloc[0], "trade_id": "no price", "entry_price": -1.0}
    table.to_csv(folder / "trades.csv", index=False)
    (folder / "ladder.toml").write_text(LADDER, encoding="utf-8")
    return folder


@pytest.fixture
def request_of(files: Path) -> Request:
    texts = {name: next(files.glob(f"{name}.*")).read_text("utf-8") for name in ("bars", "trades", "ladder")}
    return {**texts, "asof": ASOF}


@pytest.fixture(scope="module")
def served(trained: TrainResult, store: Path) -> ServedModel:
    return ServedModel(resolve_model(trained.model, store))


@pytest.fixture(scope="module")
def command(trained: TrainResult, store: Path, files: Path, root: Path) -> list[dict[str, Any]]:
    """What the program prints for the same files and model."""
    done = subprocess.run(
        [sys.executable, "-m", "exitladder", "score", "--bars", files / "bars.csv", "--trades", files / "trades.csv",
         "--ladder", files / "ladder.toml", "--model", trained.model, "--asof", ASOF, "--format", "json", "--quiet",
         "--set", f"tracking.store={store}"],
        env={**os.environ, "PYTHONPATH": str(root / "src")}, cwd=files, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


@pytest.fixture(scope="module")
def ask(trained: TrainResult, store: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The registered model, served on the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # MLflow starts uvicorn by name
    uvicorn = importlib.util.find_spec("uvicorn")
    assert uvicorn is not None and uvicorn.origin is not None
    path = os.pathsep.join([str(Path(uvicorn.origin).parents[4] / "bin"), os.environ["PATH"]])
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", trained.model, "--env-manager", "local",
             "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            cwd=store.parent, start_new_session=True, stdout=out, stderr=out,
            env={**os.environ, "PYTHONPATH": str(root / "src"), "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true",
                 "MLFLOW_TRACKING_URI": "sqlite:///mlruns/mlflow.db"},
        )  # fmt: skip

    def send(body: dict[str, Any]) -> tuple[int, Any]:
        question = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(question, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    try:
        for _ in range(600):
            assert server.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield send
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(20)


def test_the_server_answers_the_json_of_the_command(
    ask: Ask, command: list[dict[str, Any]], request_of: Request
) -> None:
    status, answer = ask({"dataframe_records": [request_of]})
    assert status == 200, answer
    assert answer == {"predictions": command}
    assert sum(row["exhaustion"] is not None for row in command) > 1 and any(row["orders"] for row in command)
    assert [row["trade_id"] for row in command if row["urgency"] == "ask"] == ["no price"]
    # a fault of the request is told
    status, answer = ask({"dataframe_records": [{**request_of, "ladder": "rungs = 3"}]})
    assert status == 400 and "rungs" in json.dumps(answer)


def test_the_next_evening_carries_on(served: ServedModel, request_of: Request) -> None:
    first = served.predict(pd.DataFrame([request_of]))
    assert isinstance(first, list)
    later = {**request_of, "asof": "2013-02-26", "previous": json.dumps(first)}
    second = served.predict(pd.DataFrame([later]))
    assert isinstance(second, list)
    managed = {row["trade_id"]: row["managed_from"] for row in first}
    assert all(row["managed_from"] == managed[row["trade_id"]] for row in second)
    assert {row["bars_managed"] for row in second if row["managed_from"]} == {1}


def test_a_faulty_request_is_refused_with_its_cure(served: ServedModel, request_of: Request) -> None:
    def error(**changed: str | None) -> str:
        given = {name: text for name, text in {**request_of, **changed}.items() if text is not None}
        with pytest.raises(ExitladderError) as found:
            served.predict(pd.DataFrame([given]))
        return str(found.value)

    assert "lacks ladder" in error(ladder=None)
    assert "trades is blank" in error(trades=" ")
    assert "has rsi_14" in error(rsi_14="3")
    assert "followed or untouched" in error(assume="all")
    assert "true or false" in error(since_entry="maybe")
    assert "these have tracking" in error(settings="[tracking]\nstore = 'elsewhere'")
    assert "files of the server" in error(settings="[data]\ndividends = '/etc/passwd'")
    assert "files of the server" in error(settings="[data]\nsymbol_map = '/etc/passwd'")
    assert "TOML" in error(settings="costs")
    with pytest.raises(ModelError, match="one row"):
        served.predict(pd.DataFrame([request_of, request_of]))


def test_a_request_leaves_nothing_behind(
    served: ServedModel, request_of: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    served.predict(pd.DataFrame([request_of]))
    assert list(tmp_path.iterdir()) == []
