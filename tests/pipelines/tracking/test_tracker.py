"""The store of runs: what lands in it, how it is found again, and that nothing leaves the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.errors import TrackingError
from exitladder.pipelines.dashboards.mlflow import running_page, serve
from exitladder.pipelines.dashboards.servers import stop_on_terminate
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.runs import find_run, newest_experiment, run_artifact
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings

LADDER = ladder_from_mapping(
    {"name": "classic", "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}]}
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose path holds a space, with its tables made once (they take a second)."""
    folder = tmp_path_factory.mktemp("project") / "ml runs"
    with Tracker(folder, "first").run("demo", "seed"):
        pass
    return folder


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    folder.mkdir()
    (folder / "model.txt").write_text("tree")
    (folder / "model.json").write_text("{}")
    return folder


@pytest.fixture
def bars() -> BarSet:
    close = np.array([10.0, 11.0, 12.0])
    time = np.arange(3, dtype=np.int64) * 86_400_000_000_000
    return BarSet([Bars("AAA", 86_400_000_000_000, time, close, close, close, close)])


def test_a_run_holds_what_it_rests_on_and_what_it_found(store: Path, bars: BarSet) -> None:
    tracker = Tracker(store, "first")
    with tracker.run(
        "tune", "whole", settings=load_settings(None, ["tuning.n_trials=7"]), ladder=LADDER, bars=bars
    ) as run:
        run.log_tags({"who": "test"})
        run.log_params({"search": {"n": 3}})
        run.log_metrics({"expectancy_r": np.float64(0.25), "oof": {"auc": 0.6}})
        run.log_artifact("a,b\n1,2\n", "trades.csv")
        run.log_artifact(b"\x89PNG", "plots/equity.png")
        run.describe("Better by 0.1R.")

    found = find_run(run.run_id, store)
    assert (found.status, found.kind, found.name) == ("FINISHED", "tune", "whole")
    assert found.metrics == {"expectancy_r": 0.25, "oof/auc": 0.6}
    assert found.params["search.n"] == "3"
    assert found.params["tuning.n_trials"] == "7"
    assert found.params["ladder.rungs"] == "25% at 1R; 25% at 2R; runner 50%"
    assert found.params["data.bars_fingerprint"] == bars.fingerprint()[:16]
    assert found.params["data.first_bar"] == "1970-01-01T00:00:00+00:00"
    assert found.tags["mlflow.note.content"] == "Better by 0.1R."
    assert found.tags["version.python"] == ".".join(map(str, sys.version_info[:3]))
    assert found.tags["who"] == "test"
    kept = {path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*") if path.is_file()}
    assert kept == {"versions.json", "settings.json", "ladder.toml", "trades.csv", "plots/equity.png"}
    assert run_artifact("whole", "trades.csv", store).read_text() == "a,b\n1,2\n"
    assert found.folder.is_relative_to(store)


def test_what_is_no_number_is_left_out_and_what_is_long_is_cut(store: Path) -> None:
    with Tracker(store, "first").run("train") as run:
        run.log_metrics({"nan": np.nan, "none": None, "inf": np.inf, "text": "x", "p 5%": 1})
        run.log_params({"long": "x" * 20_000, "list": ["a", "b"]})
        run.log_params({f"key{k}": k for k in range(250)})
    found = find_run(run.run_id, store)
    assert found.metrics == {"p_5": 1.0}
    assert len(found.params["long"]) == 500
    assert found.params["list"] == "a, b"
    assert found.params["key249"] == "249"


def test_no_path_of_the_machine_is_told(store: Path, tmp_path: Path) -> None:
    settings = load_settings(None, [f'tracking.store="{tmp_path.as_posix()}/mlruns"'])
    with Tracker(store, "first").run("backtest", "paths", settings=settings) as run:
        run.log_params({"bars": tmp_path / "bars", "trades": str(tmp_path / "trades.csv"), "files": [tmp_path / "x"]})
    found = find_run(run.run_id, store)
    assert found.params["bars"] == "bars"
    assert found.params["trades"] == "trades.csv"
    assert found.params["files"] == "x"
    result = " ".join([*found.params.values(), *found.tags.values()])
    result += "".join(path.read_text() for path in found.folder.iterdir() if path.is_file())
    assert str(tmp_path) not in result
    assert str(Path.home()) not in result


def test_a_failed_run_says_so_and_lets_the_error_through(store: Path) -> None:
    with pytest.raises(ZeroDivisionError), Tracker(store, "first").run("train", "broken") as run:
        run.log_metrics({"seen": 1})
        _ = 1 / 0
    found = find_run(run.run_id, store)
    assert found.status == "FAILED"
    assert found.metrics == {"seen": 1.0}
    assert found.tags["error"] == "ZeroDivisionError: division by zero"
    with pytest.raises(KeyboardInterrupt), Tracker(store, "first").run("train", "stopped") as run:
        raise KeyboardInterrupt
    assert find_run(run.run_id, store).status == "KILLED"


def test_switched_off_nothing_is_written(tmp_path: Path, model_folder: Path) -> None:
    tracker = Tracker(tmp_path / "none", enabled=False)
    with tracker.run("train", settings=load_settings(None), ladder=LADDER) as run:
        run.log_artifact("text", "a.txt")
        run.log_folder(model_folder, "model")
        assert tracker.log_model(run, model_folder, "exhaustion") == ""
    assert run.run_id == ""
    assert not (tmp_path / "none").exists()


def test_a_model_is_found_by_every_name_it_has(store: Path, model_folder: Path) -> None:
    tracker = Tracker(store, "first")
    refs, runs = [], []
    for text in ("old", "new"):
        (model_folder / "model.txt").write_text(text)
        with tracker.run("train", f"model-{text}") as run:
            refs.append(tracker.log_model(run, model_folder, "exhaustion"))
            runs.append(run.run_id)

    def content(ref: str) -> str:
        return (resolve_model(ref, store) / "model.txt").read_text()

    assert refs == ["models:/exhaustion/1", "models:/exhaustion/2"]
    assert [content(ref) for ref in refs] == ["old", "new"]
    assert content("models:/exhaustion@newest") == "new"
    assert content("models:/exhaustion/latest") == "new"
    assert content(runs[0]) == "old"
    assert content(str(model_folder)) == "new"
    assert find_run(runs[1], store).tags["model"] == refs[1]


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("models:/exhaustion/99", r"There is no model .* The store holds .*models:/"),
        ("models:/nothing@newest", "There is no model"),
        ("models:nothing", "must be named models:/NAME/VERSION"),
        ("nothing", "must be named by a run id"),
        ("0" * 32, "There is no run"),
    ],
)
def test_a_model_that_is_not_there_is_told_with_what_is(store: Path, model_folder: Path, ref: str, words: str) -> None:
    tracker = Tracker(store, "first")
    with tracker.run("train") as run:
        tracker.log_model(run, model_folder, "exhaustion")
    with pytest.raises(TrackingError, match=words):
        resolve_model(ref, store)


def test_a_run_without_a_model_and_a_store_without_a_database(store: Path, tmp_path: Path) -> None:
    with Tracker(store, "first").run("backtest", "no model") as run:
        pass
    with pytest.raises(TrackingError, match=r"'no model' \(backtest\) has none"):
        resolve_model(run.run_id, store)
    with pytest.raises(TrackingError, match=r"has no artifact 'version\.json'\. Did you mean 'versions.json'"):
        run_artifact(run.run_id, "version.json", store)
    with pytest.raises(TrackingError, match=r"must be a folder with mlflow\.db in it"):
        find_run("x", tmp_path)
    with pytest.raises(TrackingError, match=r"holds no model yet"):
        resolve_model("x", tmp_path)
    with pytest.raises(TrackingError, match="Did you mean 'no model'"):
        find_run("no_model", store)


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "", "C:/out.txt"])
def test_an_artifact_stays_inside_its_run(store: Path, name: str) -> None:
    with pytest.raises(TrackingError, match="name"), Tracker(store, "first").run("train") as run:
        run.log_artifact("text", name)


@pytest.mark.parametrize("name", ["a/b", "a:b", "a@b", " "])
def test_a_model_has_a_name_that_a_reference_can_hold(store: Path, model_folder: Path, name: str) -> None:
    tracker = Tracker(store, "first")
    with pytest.raises(TrackingError, match="must not be empty, have more than"), tracker.run("train") as run:
        tracker.log_model(run, model_folder, name)


def test_names_with_quotes_are_only_names(store: Path) -> None:
    with Tracker(store, "it's").run("demo", "o'clock") as run:
        pass
    assert find_run("o'clock", store).run_id == run.run_id


def test_a_moved_store_still_gives_its_models(tmp_path: Path, model_folder: Path) -> None:
    tracker = Tracker(tmp_path / "here")
    with tracker.run("train") as run:
        ref = tracker.log_model(run, model_folder, "exhaustion")
    (tmp_path / "here").rename(tmp_path / "there")
    assert (resolve_model(ref, tmp_path / "there") / "model.txt").read_text() == "tree"
    assert run_artifact(run.run_id, "versions.json", tmp_path / "there").is_file()
    with Tracker(tmp_path / "there").run("train") as later:
        later.log_artifact("text", "a.txt")
    assert run_artifact(later.run_id, "a.txt", tmp_path / "there").is_relative_to(tmp_path / "there")
    assert not (tmp_path / "here").exists()


def test_processes_that_start_together_share_a_new_store(tmp_path: Path, root: Path) -> None:
    script = "\n".join(
        [
            "import sys",
            "from exitladder.pipelines.tracking.tracker import Tracker",
            "with Tracker('mlruns').run('demo', sys.argv[1]): pass",
        ]
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, name], cwd=tmp_path, env=_clean_environment(root), stderr=subprocess.PIPE
        )
        for name in ("one", "two")
    ]
    assert [process.communicate()[1] for process in started] == [b"", b""]
    assert {find_run(name, tmp_path / "mlruns").status for name in ("one", "two")} == {"FINISHED"}


SILENT_RUN = """
import socket, sys, warnings
warnings.simplefilter("error")
class Refused(socket.socket):
    def connect(self, address):
        raise SystemExit(f"something was sent to {address}")
socket.socket = Refused
from exitladder.pipelines.tracking.tracker import Tracker
if sys.argv[2] == "by another process":
    with Tracker(sys.argv[1]).run("train") as run:
        run.log_metrics({"a": 1})
    assert "mlflow" not in sys.modules
    raise SystemExit
from exitladder.pipelines.tracking.mlflow_store import load_mlflow
load_mlflow()
with Tracker(sys.argv[1]).run("train") as run:
    run.log_metrics({"a": 1})
from mlflow.telemetry import get_telemetry_client
from mlflow.telemetry.utils import is_telemetry_disabled
assert get_telemetry_client() is None and is_telemetry_disabled()
"""


def _clean_environment(root: Path) -> dict[str, str]:
    """Without what makes MLflow take us for a test, so that its telemetry would be on if we let it."""
    ours = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTEST_CURRENT_TEST")}
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "GITHUB_ACTIONS"):
        ours.pop(name, None)
    return {**ours, "PYTHONPATH": str(root / "src")}


@pytest.mark.parametrize("how", ["by another process", "by this process"])
def test_tracking_is_silent_lazy_and_sends_nothing(how: str, tmp_path: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SILENT_RUN, str(tmp_path / "mlruns"), how],
        env=_clean_environment(root),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["mlruns"]


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_the_page_shows_runs_until_it_is_stopped(store: Path, root: Path) -> None:
    with Tracker(store, "shown").run("tune", "on the page") as run:
        run.log_artifact("<b>equity</b>", "report.html")
    # Ctrl-C is ignored by what a shell starts in the background, such as these tests.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"{listen}; from exitladder.pipelines.dashboards.mlflow import serve; serve({str(store)!r}, port=0)"
    with (
        subprocess.Popen(
            [sys.executable, "-c", script], env=_clean_environment(root), stderr=subprocess.PIPE, text=True
        ) as process,
        _ended(process),
    ):
        assert process.stderr is not None
        line = process.stderr.readline()
        assert f"#/experiments/{newest_experiment(store)}/runs?workflowType=machine_learning" in line
        address = line.split("at ")[1].split("/#")[0]
        assert b"<html" in _fetch(address)
        assert _fetch(f"{address}/get-artifact?path=report.html&run_uuid={run.run_id}") == b"<b>equity</b>"
        port = int(address.rpartition(":")[2])
        with pytest.raises(TrackingError, match=r"Name another one with --port"), running_page(store, port=port):
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert (process.wait(30), rest) == (0, "")
    with pytest.raises(OSError, match="refused"):
        _fetch(address)


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process that a failed test would wait for."""
    try:
        yield
    finally:
        process.terminate()


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address) as answer:
        return bytes(answer.read())


def test_a_polite_kill_ends_serving_as_an_interrupt_does() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stop_on_terminate():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert signal.getsignal(signal.SIGTERM) is before


def test_serving_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"must be a folder with mlflow\.db"):
        serve(tmp_path)
