"""A run as MLflow shows it: a name that says what it is and found, data sets with context, promoted aliases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exitladder.bars.bars import Bars, BarSet
from exitladder.pipelines.tracking.mlflow_store import mlflow_client
from exitladder.pipelines.tracking.promotions import add_promotion
from exitladder.pipelines.tracking.record import read_record, run_files
from exitladder.pipelines.tracking.sync import sync
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.settings.loading import load_settings
from exitladder.trades.entries import make_trades

pytestmark = pytest.mark.slow
DAY = 86_400_000_000_000


def _check_models(client: Any, tracker: Tracker, ids: list[str], reader: str) -> None:
    """The models fill the page of models, with the files and numbers of their runs, and a reader names its model."""
    experiment = client.get_experiment_by_name("nse")
    models = {one.source_run_id: one for one in client.search_logged_models([experiment.experiment_id])}
    assert sorted(models) == sorted(ids)
    one = client.get_logged_model(models[ids[0]].model_id)
    assert (one.name, str(one.status)) == ("nse-exhaustion", "READY")
    assert one.artifact_location == (run_files(tracker.store.home, ids[0]) / "model").as_uri()
    assert [(m.key, m.value, m.dataset_name) for m in one.metrics] == [("auc", 0.6, "1 symbol, 1d")]
    assert json.loads(one.tags["mlflow.modelVersions"]) == [{"name": "nse-exhaustion", "version": 1}]
    assert [m.model_id for m in client.get_run(ids[0]).outputs.model_outputs] == [one.model_id]
    assert [m.model_id for m in client.get_run(reader).inputs.model_inputs] == [one.model_id]
    # sent again, nothing is there twice
    for path in tracker.store.artifacts.glob("*/sent.json"):
        path.unlink()
    assert sync(tracker.store).failed == {}
    assert len(client.search_logged_models([experiment.experiment_id])) == len(ids)
    # the list of runs begins with the verdict
    view = json.loads(experiment.tags["mlflow.sharedViewState.exitladder"])
    assert view["selectedColumns"][:3] == ["tags.`verdict`", "tags.`recommended`", "metrics.`expectancy_r`"]


def test_a_store_shows_names_data_sets_and_aliases(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 400)))
    bars = BarSet([Bars("AAA", DAY, np.arange(400) * DAY, close, close * 1.01, close * 0.99, close, None)])
    tracker = Tracker(tmp_path / "mlruns", "nse")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    ids = []
    for result in ("no difference", "better"):
        with tracker.run(
            "tune", settings=load_settings(None, []), bars=bars, trades=make_trades(bars, "donchian")
        ) as run:
            run.log_metrics({"classic 25/25/50": {"cvar_r": -1.0}})
            run.log_result(result)
            run.log_metrics({"auc": 0.6})
            reference = tracker.log_model(run, folder, "nse-exhaustion")
        ids.append(run.run_id)
    with tracker.run("backtest", settings=load_settings(None, []), bars=bars) as reader:
        reader.log_tags({"used_model": "models:/nse-exhaustion/1"})
    assert reference == "models:/nse-exhaustion/2"
    for run_id, before in ((ids[0], None), (ids[1], ids[0])):
        row = {"alias": "champion", "slot": "model", "action": "promote", "run_id": run_id, "model": "", "who": "ada"}
        done = add_promotion(tracker.store.home, row | {"because": "", "evidence": {}})
        for changed in filter(None, (before, run_id)):
            tracker.note_alias(changed, done)
    sync(tracker.store, everything=False)
    with mlflow_client(tracker.store) as client:
        first, second = (client.get_run(run_id) for run_id in ids)
        assert first.info.run_name == "nse donchian · tune · no difference"
        assert first.data.metrics == {"classic_25_25_50/cvar_r": -1.0, "auc": 0.6}
        # no more than differs from the defaults; data sets and tags describe the data
        assert set(first.data.params) == {"project.seed"}
        assert first.data.tags["data.interval"] == "1d"
        _check_models(client, tracker, ids, reader.run_id)
        found = {item.tags[0].value: item.dataset.name for item in first.inputs.dataset_inputs}
        assert found["bars"] == "1 symbol, 1d"
        assert found["trades"].endswith("trades")
        assert client.get_model_version_by_alias("nse-exhaustion", "champion").version in ("2", 2)
        assert (first.data.tags["alias.champion"], second.data.tags["alias.champion"]) == ("no", "yes")
        assert first.info.status == "FINISHED"
    record = read_record(tracker.store.home, ids[0])
    assert record is not None
    assert record["name"] == "nse donchian · tune · no difference"
