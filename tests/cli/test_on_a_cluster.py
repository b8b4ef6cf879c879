"""Training and tuning with --scheduler on a real cluster of two worker processes, by commands alone."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exitladder.bars.bars import BarSet
from exitladder.bars.reading import read_bars
from exitladder.bars.writing import write_bars

SMALL = [
    "model.n_estimators=12", "model.ensemble=2", "labels.max_bars=40", "validation.n_bootstrap=100",
    "validation.n_folds=2", "validation.n_test_parts=2", "search.time_bars=[5,30]", "tuning.n_trials=24",
    "tuning.batch_size=8", "project.threads=1",
]  # fmt: skip
LITTLE = ("--set", "model.memory_gb=0.001")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    with (
        importlib.import_module("dask").config.set({"distributed.deploy.lost-worker-timeout": "1h"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as local,
    ):
        yield local


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, sample: Path, environment: dict[str, str]) -> Command:
    """Run the real program as a process, in a folder with bars of two symbols and trades on them."""
    folder = tmp_path_factory.mktemp("cluster")
    bars = read_bars(sample)[0]
    write_bars(BarSet([bars["IBM"], bars["MSFT"]]), folder / "bars")
    settings = [part for change in SMALL for part in ("--set", change)]

    def run(*args: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "exitladder", *map(str, args), "--format", "json", *settings]
        return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)

    made = run("trades", "make", "--bars", "bars", "--out", "trades.csv")
    assert made.returncode == 0, made.stderr
    return run


def result(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_train_grows_its_forests_on_the_cluster_where_rows_exceed_the_limit(command: Command, cluster: Any) -> None:
    train = ("train", "--bars", "bars", "--trades", "trades.csv")
    there = result(command(*train, "--scheduler", cluster.scheduler_address, *LITTLE))
    here = result(command(*train))
    assert here["rows_stored"] == "in memory"
    assert there["rows_stored"] == "on 2 workers"
    for name in ("n_trades", "n_rows", "n_stages", "n_rows_out_of_fold", "n_effective", "base_rate"):
        assert there[name] == here[name]
    assert there["auc"] == pytest.approx(here["auc"], abs=0.03)
    assert there["log_loss"] == pytest.approx(here["log_loss"], abs=0.01)
    shuffled = "LightGBM on shuffled labels"
    assert there["baselines"][shuffled]["auc"] == pytest.approx(here["baselines"][shuffled]["auc"], abs=0.05)
    assert there["model"].startswith("models:/")


@pytest.mark.long
def test_tune_writes_the_same_ladder_with_a_cluster_as_without(command: Command, cluster: Any, tmp_path: Path) -> None:
    tune = ("tune", "--bars", "bars", "--trades", "trades.csv", "--storage", "memory", "--sampler", "qmc")
    there = command(*tune, "--scheduler", cluster.scheduler_address, "--out", tmp_path / "there")
    here = command(*tune, "--out", tmp_path / "here")
    assert result(there)["verdict"] == result(here)["verdict"]
    for name in ("ladder.toml", "trials.csv", "net_r.csv"):
        ours, theirs = ((tmp_path / place / name).read_text().splitlines() for place in ("here", "there"))
        # the run that tuned it is named in the file, and differs
        assert [line for line in ours if not line.startswith("run = ")] == [
            line for line in theirs if not line.startswith("run = ")
        ]


def test_rows_without_room_are_refused_with_the_cures(command: Command) -> None:
    done = command("train", "--bars", "bars", "--trades", "trades.csv", *LITTLE)
    assert done.returncode == 1
    assert "Training may take 0.001 GB, model.memory_gb, but " in done.stderr
    assert "Give a Dask cluster with --scheduler" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["train", pytest.param("tune", marks=pytest.mark.long)])
def test_a_silent_scheduler_is_reported_even_if_unused(command: Command, name: str) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed (pip install 'exitladder[cluster]')")
    out = ("--out", "tuned") if name == "tune" else ()
    done = command(name, "--bars", "bars", "--trades", "trades.csv", "--scheduler", "nonsense", *out)
    assert done.returncode == 1
    assert "'nonsense' does not answer" in done.stderr
    assert "Traceback" not in done.stderr
