"""MLflow's own loader gives the model back, to the bit, in a process that knows nothing of exitladder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import ModelError
from exitladder.features import row_matrix
from exitladder.models.exhaustion.file import load_model
from exitladder.pipelines.inputs.prepare import prepare
from exitladder.pipelines.tracking.flavour import FILES, OPTIONS, ExhaustionPyfunc
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.train import TrainResult
from exitladder.settings.tables import Settings
from exitladder.trades.trades import Trades

STRANGER = """
import json, sys
import mlflow, pandas
assert not [name for name in sys.modules if name.startswith("exitladder")]
mlflow.set_tracking_uri("sqlite:///mlruns/mlflow.db")
X, when = (pandas.read_parquet(path) for path in sys.argv[1:3])
def hexed(table):
    return {name: column.map(float.hex).tolist() for name, column in table.items()}
def told(ref):
    model = mlflow.pyfunc.load_model(ref)
    signature = model.metadata.signature
    return {
        "last": hexed(model.predict(X)),
        "then": hexed(model.predict(X.assign(time=when["time"]))),
        "inputs": signature.inputs.to_dict(),
        "outputs": signature.outputs.to_dict(),
    }
json.dump([told(ref) for ref in sys.argv[3:]], sys.stdout)
"""


@pytest.fixture(scope="module")
def table(bars: BarSet, trades: Trades, small: Settings) -> tuple[pd.DataFrame, np.ndarray]:
    """Features of some rows over the whole span, and when each is decided."""
    prepared = prepare(bars, trades, small)
    chosen = np.arange(0, prepared.rows.n_rows, 97)
    matrix = row_matrix(prepared.placed, prepared.rows, prepared.features, select=chosen)
    return pd.DataFrame(matrix.values, columns=list(matrix.names)), bars.close_time[prepared.rows.bar_of(chosen)]


def test_mlflow_loads_it_in_a_process_that_only_knows_mlflow(
    trained: TrainResult, store: Path, table: tuple[pd.DataFrame, np.ndarray], tmp_path: Path, root: Path
) -> None:
    X, when = table
    paths = [tmp_path / "x.parquet", tmp_path / "time.parquet"]
    X.to_parquet(paths[0])
    pd.DataFrame({"time": pd.to_datetime(when, unit="ns")}).to_parquet(paths[1])
    newest = "models:/small-exhaustion@newest"
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, *map(str, paths), trained.model, newest],
        cwd=store.parent,
        env={**os.environ, "PYTHONPATH": str(root / "src"), "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Other tests train into this store too: the alias names the newest of them.
    models = [trained.trained.model, load_model(resolve_model(newest, store))]
    for model, result in zip(models, json.loads(done.stdout), strict=True):
        late = np.full(len(X), model.stages[-1].valid_from_ns)
        for key, times in (("last", late), ("then", when)):
            expected = model.predict(X.to_numpy(), times)
            assert result[key]["exhaustion"] == [value.hex() for value in expected.exhaustion.tolist()]
            assert result[key]["hold_value_r"] == [value.hex() for value in expected.hold_value_r.tolist()]
        assert np.isnan(model.predict(X.to_numpy(), when).exhaustion).any()
        features, beside = result["inputs"][: len(model.names)], result["inputs"][len(model.names) :]
        assert [c["name"] for c in features] == list(model.names) and {c["type"] for c in features} == {"double"}
        assert [c["name"] for c in beside] == ["time", *FILES, *OPTIONS]
        assert [c["type"] for c in beside] == ["datetime", *["string"] * 8]
        assert [(c["name"], c["type"]) for c in result["outputs"]] == [
            ("exhaustion", "double"),
            ("hold_value_r", "double"),
        ]


def test_the_folder_holds_text_alone(trained: TrainResult, store: Path) -> None:
    folder = resolve_model(trained.model, store)
    assert {path.suffix for path in folder.iterdir()} == {"", ".txt", ".json", ".yaml"}
    for path in folder.iterdir():
        path.read_text(encoding="utf-8")
    needed = (folder / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in needed)
    assert {line.split("==")[0] for line in needed} >= {"exitladder", "lightgbm", "numpy", "pandas"}
    assert str(Path.home()) not in (folder / "MLmodel").read_text()


def test_columns_go_by_name_and_the_index_stays(trained: TrainResult, table: tuple[pd.DataFrame, np.ndarray]) -> None:
    X, when = table
    model = ExhaustionPyfunc(trained.trained.model)
    plain = model.predict(X)
    turned = model.predict(X[X.columns[::-1]].astype(np.float64).set_axis(X.index + 7))
    assert turned.index.tolist() == (X.index + 7).tolist()
    np.testing.assert_array_equal(turned.to_numpy(), plain.to_numpy())
    naive, aware = pd.to_datetime(when, unit="ns"), pd.to_datetime(when, unit="ns", utc=True).tz_convert("Asia/Tokyo")
    pd.testing.assert_frame_equal(model.predict(X.assign(time=naive)), model.predict(X.assign(time=aware)))


def test_other_columns_and_blank_times_are_refused(
    trained: TrainResult, table: tuple[pd.DataFrame, np.ndarray]
) -> None:
    X, _ = table
    model = ExhaustionPyfunc(trained.trained.model)
    with pytest.raises(ModelError, match="missing: rsi_14"):
        model.predict(X.drop(columns="rsi_14"))
    with pytest.raises(ModelError, match="not trained on: luck"):
        model.predict(X.assign(luck=0.0))
    with pytest.raises(ModelError, match="some are blank"):
        model.predict(X.assign(time=pd.Series(pd.NaT, index=X.index)))
