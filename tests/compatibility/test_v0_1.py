"""What version 0.1 wrote is still read: models to the bit, ladders, settings, runs, studies, stores."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import ExitladderWarning, ModelError
from exitladder.models.exhaustion.file import load_model
from exitladder.pipelines.doctor import doctor
from exitladder.pipelines.report import report
from exitladder.pipelines.score import score
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.runs import find_run, run_artifact
from exitladder.pipelines.tune import tune
from exitladder.plans.file import ladder_fingerprint, read_ladder
from exitladder.sample import load_sample_bars
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings
from exitladder.trades.files import read_trades

OLD = Path(__file__).with_name("v0_1")
MODEL = "models:/old-exhaustion/1"
TRAINED = "7a64df7cd60945a4a2e78ce4dbcb947b"
TUNED = "075953cac1904b4d94f77b488a3a9ade"
TESTED = "d27f2a2662bf43169a69c08f6260dbca"
FINISHED = "23fe4f9f497d4b4a8e7e3f96b6161f1b"
DELETED = "a7fa0ccd450e4aa9a75f1be6d737cd9e"


def floats(values: Any) -> np.ndarray:
    return np.array([np.nan if v is None else float.fromhex(v) for v in values])


@pytest.fixture(scope="module")
def predictions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OLD / "predictions.json").read_text())
    return found


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OLD / "expected.json").read_text())
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The store, in another place than it was made in."""
    with tarfile.open(OLD / "mlruns.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "mlruns"


@pytest.fixture
def settings(store: Path) -> Settings:
    return load_settings(OLD / "exitladder.toml", [f"tracking.store={store.as_posix()!r}"])


@pytest.fixture(scope="module")
def bars() -> BarSet:
    return BarSet([load_sample_bars()[0]["IBM"]])


def test_a_model_predicts_the_same_to_the_bit(predictions: dict[str, Any]) -> None:
    model = load_model(OLD / "model", names=predictions["names"])
    X = np.array([floats(row) for row in predictions["X"]], dtype=np.float32)
    found = model.predict(X, np.array(predictions["time_ns"], dtype=np.int64))
    assert len(set(predictions["exhaustion"])) > 20
    np.testing.assert_array_equal(found.exhaustion, floats(predictions["exhaustion"]))
    np.testing.assert_array_equal(found.hold_value_r, floats(predictions["hold_value_r"]))


# Knows neither the package nor its names: only what MLmodel says is found.
PREDICT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow, numpy as np, pandas as pd
asked = json.load(open("predictions.json"))
rows = [[float("nan") if v is None else float.fromhex(v) for v in row] for row in asked["X"]]
table = pd.DataFrame(np.array(rows), columns=asked["names"])
table["time"] = pd.to_datetime(asked["time_ns"])
assert "exitladder" not in sys.modules
said = mlflow.pyfunc.load_model("model").predict(table)
print(json.dumps([[None if v != v else v.hex() for v in said[name].tolist()] for name in said]))
"""


def test_mlflow_loads_a_model_by_the_loader_of_then(predictions: dict[str, Any], tmp_path: Path, root: Path) -> None:
    assert "loader_module: exitladder.pipelines.model_flavour" in (OLD / "model" / "MLmodel").read_text()
    shutil.copytree(OLD / "model", tmp_path / "model")
    shutil.copy(OLD / "predictions.json", tmp_path)
    env = {**os.environ, "PYTHONPATH": str(root / "src"), "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    done = subprocess.run([sys.executable, "-c", PREDICT], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [predictions["exhaustion"], predictions["hold_value_r"]]


@pytest.mark.parametrize("name", ["ladder.toml", "tuned/ladder.toml"])
def test_ladders_have_the_fingerprint_of_then(expected: dict[str, Any], name: str) -> None:
    assert ladder_fingerprint(read_ladder(OLD / name)) == expected["ladder_fingerprints"][name]


def test_settings_are_those_of_then(expected: dict[str, Any]) -> None:
    found = json.loads(json.dumps(asdict(load_settings(OLD / "exitladder.toml"))))
    for table, keys in expected["settings"].items():
        # The file sets none of these: the ranges of the search got other names with their units, and a model is trained
        # on every third row now.
        changed = {"model": ["row_step"], "search": [key for key in keys if key not in found["search"]]}.get(table, [])
        same = {key: value for key, value in keys.items() if key not in changed}
        assert {key: found[table][key] for key in same} == same, table


@pytest.mark.parametrize(("name", "ladder"), [("backtested", "classic"), ("tuned", "tuned ladder")])
def test_old_folders_are_reported_on(name: str, ladder: str, settings: Settings, tmp_path: Path) -> None:
    page = report(str(OLD / name), tmp_path / "page.html", settings).read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert ladder in page


def test_an_old_store_is_found_in_another_place(settings: Settings, store: Path, tmp_path: Path) -> None:
    for run_id, kind in ((TRAINED, "train"), (TUNED, "tune"), (TESTED, "backtest")):
        run = find_run(run_id, store)
        assert (run.kind, run.status, run.params["project.name"]) == (kind, "FINISHED", "old")
    assert run_artifact(TESTED, "summary.json", store).is_relative_to(store)
    assert resolve_model(MODEL, store).is_relative_to(store)
    assert load_model(resolve_model(MODEL, store)).names == ("rsi_14", "roc_5")


def test_an_old_model_advises_on_open_trades(settings: Settings, bars: BarSet) -> None:
    ladder = read_ladder(OLD / "ladder.toml")
    trades = read_trades(OLD / "trades.csv")
    asof = int(trades.entry_time[-1]) + 5 * 86_400 * 10**9
    advice = score(bars, trades, ladder, MODEL, settings, asof=asof).frame.set_index("trade_id")
    assert len(advice) == len(trades)
    assert 0 < advice["exhaustion"][trades.trade_id[-1]] < 1


@pytest.mark.slow
def test_runs_left_open_are_named_and_closed(settings: Settings, store: Path, tmp_path: Path) -> None:
    """Of a training killed long ago, a test that just began, and a run of another program, only the first is closed."""

    def state(where: str) -> Any:
        with closing(sqlite3.connect(store / "mlflow.db")) as opened:
            return opened.execute(f"select status, end_time from runs where run_uuid = '{where}'").fetchone()

    now = int(time.time() * 1000)
    with closing(sqlite3.connect(store / "mlflow.db")) as opened, opened:
        opened.execute("update runs set start_time = start_time - 86400000 * 30")
        opened.execute("update runs set status = 'RUNNING', end_time = null where run_uuid != ?", (FINISHED,))
        opened.execute("update runs set start_time = ? where run_uuid = ?", (now, TESTED))
        opened.execute("delete from tags where run_uuid = ? and key = 'mlflow.source.name'", (TUNED,))
        opened.execute("update runs set lifecycle_stage = 'deleted' where run_uuid = ?", (DELETED,))
    before = {run: state(run) for run in (TUNED, TESTED, FINISHED, DELETED)}
    found = [check for check in doctor(settings, tmp_path).checks if check.check == "runs of version 0.1"]
    assert [check.state for check in found] == ["notice", "notice"]
    assert "1 have been open for more than a day: train-" in found[0].finding and "--repair" in found[0].cure
    assert "1 began within a day" in found[1].finding and "backtest-" in found[1].finding
    assert state(TRAINED) == ("RUNNING", None)
    done = {check.state for check in doctor(settings, tmp_path, repair=True).checks if "0.1" in check.check}
    assert done == {"repaired", "notice"}
    status, end = state(TRAINED)
    assert status == "KILLED" and end <= now
    assert {run: state(run) for run in before} == before
    assert {c.state for c in doctor(settings, tmp_path).checks if "0.1" in c.check} == {"notice"}


def test_old_studies_open_for_reading(store: Path) -> None:
    storage = optuna.storages.RDBStorage(f"sqlite:///{store}/studies.db")
    study = optuna.load_study(study_name="named", storage=storage)
    values = [trial.value for trial in study.trials if trial.value is not None]
    assert len(study.trials) >= 8
    assert study.best_value == max(values)
    storage.engine.dispose()


def studies(store: Path) -> dict[str, int]:
    """Trials by study."""
    query = "select study_name, count(*) from studies join trials using (study_id) group by 1"
    with closing(sqlite3.connect(store / "studies.db")) as kept:
        return dict(kept.execute(query))


def test_a_search_on_old_studies_starts_again_and_says_so(
    settings: Settings, bars: BarSet, store: Path, tmp_path: Path
) -> None:
    before = studies(store)
    trades = read_trades(OLD / "trades.csv")
    with pytest.warns(ExitladderWarning, match="made by another version of exitladder, which may score ladders"):
        tune(bars, trades, settings, out=tmp_path / "tuned")
    after = studies(store)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2
    named = load_settings(OLD / "exitladder.toml", [f"tracking.store={store.as_posix()!r}", "tuning.study=named"])
    with pytest.raises(ModelError, match=r"Study 'named-fold-1' .*differs in: program"):
        tune(bars, trades, named, out=tmp_path / "named")
    assert studies(store) == after
