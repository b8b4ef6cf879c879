"""Aliases, promotion, rollback, the shadow and `track --sync` on a real MLflow server and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import exitladder
from exitladder.bars.bars import BarSet
from exitladder.cli import main
from exitladder.models.exhaustion.file import save_model
from exitladder.pipelines.dashboards.mlflow import running_page
from exitladder.pipelines.promote import promote, promotion_history, rollback
from exitladder.pipelines.tracking.address import StoreAddress, chosen_store
from exitladder.pipelines.tracking.mlflow_store import mlflow_client
from exitladder.pipelines.tracking.models import resolve_model
from exitladder.pipelines.tracking.page.logged_models import RUN_TAG
from exitladder.pipelines.tracking.record import Record, pending
from exitladder.pipelines.tracking.sync import sync
from exitladder.pipelines.tracking.tracker import Tracker
from exitladder.settings.loading import load_settings
from exitladder.settings.tables import Settings

pytestmark = pytest.mark.slow
NAME = "desk-exhaustion"
LADDER = {"rungs": [{"fraction": 0.5, "target": "2R"}], "stop": {"time": 60}}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[BarSet, Any, Path]:
    """Bars, open trades, and the folder of a small real model."""
    sample, _ = exitladder.load_sample_bars()
    bars = BarSet([sample["IBM"].head(1500)])
    trades = exitladder.make_trades(bars, "donchian")
    few = {"n_estimators": 3, "ensemble": 1, "patience": 0, "combine": "forest", "by_symbol": False}
    quick = {"tracking": {"enabled": False}, "model": few, "validation": {"n_folds": 2, "n_bootstrap": 100}}
    found = exitladder.train(bars, trades, quick)
    return bars, trades, save_model(found.trained.model, tmp_path_factory.mktemp("desk") / "model")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server of our own."""
    folder = tmp_path_factory.mktemp("served")
    with Tracker(folder, "first").run("tune", "makes the store"):
        pass
    with running_page(folder, port=0) as (address, _):
        yield address


@pytest.fixture(params=["server", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of a project whose runs go to a real store."""
    found = request.getfixturevalue(request.param)
    address = found if request.param == "server" else found.address("promotions")
    values = {"store": address, "folder": str(tmp_path / "runs")}
    return exitladder.Settings().with_values({"project": {"name": f"desk {request.param}"}, "tracking": values})


def _registered(settings: Settings, desk: tuple[BarSet, Any, Path], name: str) -> str:
    bars, trades, folder = desk
    tracker = Tracker.from_settings(settings)
    with tracker.run("train", name, settings=settings, bars=bars, trades=trades) as run:
        run.log_metrics({"n_trades_out_of_fold": 500})
        run.log_tags({"leak_check": "passed"})
        assert tracker.log_model(run, folder, f"{NAME} of {settings.project.name}").startswith("models:/")
    return run.run_id


def _holders(address: StoreAddress, name: str) -> dict[str, str]:
    """The run that has each alias of a model in the store, by the id of its record."""
    with mlflow_client(address) as client:
        aliases = client.get_registered_model(name).aliases
        versions = {alias: client.get_model_version(name, version) for alias, version in aliases.items()}
        return {alias: client.get_run(one.run_id).data.tags[RUN_TAG] for alias, one in versions.items()}


def test_promotion_rollback_and_shadow_reach_the_store(settings: Settings, desk: tuple[BarSet, Any, Path]) -> None:
    bars, trades, _ = desk
    name = f"{NAME} of {settings.project.name}"
    first, second = (_registered(settings, desk, which) for which in ("first", "second"))
    address = chosen_store(settings.tracking.store, settings.tracking.folder)

    def holders() -> dict[str, str]:
        assert sync(address, everything=False).failed == {}
        return _holders(address, name)

    promote(first, settings, because="a test", who="ada")
    promote(second, settings, alias="challenger", who="ada")
    assert holders() == {"newest": second, "champion": first, "challenger": second}
    # the champion is scored, and the challenger predicts the same bars beside it
    evening = int(bars.close_time.max()) - 60 * 86_400_000_000_000
    text = exitladder.score(bars, trades, LADDER, "champion", settings, asof=evening).shadow
    assert "no outcome is known yet" in text
    later = exitladder.score(bars, trades, LADDER, "champion", settings, asof=int(bars.close_time.max()))
    assert "has not earned the place yet" in later.shadow
    promote(second, settings, because="better in the shadow", who="bob")
    assert holders()["champion"] == second
    rollback(settings, because="it was not", who="ada")
    assert holders() == {"newest": second, "champion": first, "challenger": second}
    history = promotion_history(settings, "champion")
    assert history["action"].tolist() == ["rollback", "promote", "promote"]
    assert history["run_id"].tolist() == [first, second, first]
    with mlflow_client(address) as client:
        found = {run.data.tags[RUN_TAG]: run for run in client.search_runs(_experiments(client, settings))}
        assert found[first].data.tags["alias.champion"] == "yes"
        assert found[second].data.tags["alias.champion"] == "no"
        assert "ada: rollback. it was not" in found[first].data.tags["alias.champion.changed"]
        decided = found[later.run_id].data.metrics["shadow/n_decided"]
        assert decided > 0
        # the scored model is an input of the run, and the page of models has one of each training
        assert len(client.search_logged_models(_experiments(client, settings))) == 2
        read = client.get_run(found[later.run_id].info.run_id)
        assert len(read.inputs.model_inputs) == 1
    elsewhere = replace(address, home=address.home.parent / "another machine")
    assert (resolve_model(f"models:/{name}@champion", elsewhere) / "model.json").is_file()


def _experiments(client: Any, settings: Settings) -> list[str]:
    return [client.get_experiment_by_name(settings.project.name).experiment_id]


def test_track_sync_sends_what_the_store_lacks_once(settings: Settings, tmp_path: Path) -> None:
    home = Path(settings.tracking.folder)
    home.mkdir(exist_ok=True)
    for name in ("a", "b"):
        record = Record(home, "backtest", name, settings.project.name)
        record.log_metrics({"m": 0.5})
        record.close("FINISHED")
    overrides = [f"tracking.store={settings.tracking.store}", f"tracking.folder={home}"]
    command = ["track", "--sync", "--format", "json", *(word for one in overrides for word in ("--set", one))]
    for expected in ('"sent": 2', '"sent": 0'):
        done = CliRunner().invoke(main, command, standalone_mode=False)
        assert done.exception is None, done.output
        assert expected in done.stdout
    assert pending(home) == []
    assert load_settings(None, overrides).tracking.store == settings.tracking.store
