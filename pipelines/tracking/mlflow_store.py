"""MLflow itself: its client on a store, loaded at use, quiet, and without telemetry.

Beside `exitladder.pipelines.tracking.flavour` this is the only file that imports MLflow;
`exitladder.pipelines.tracking.tracker` defines the records.
"""

from __future__ import annotations

import json
import logging
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from exitladder.bars.bars import BarSet
from exitladder.errors import TrackingError
from exitladder.pipelines.tracking.database import alone, settle
from exitladder.pipelines.tracking.provenance import describe_bars
from exitladder.pipelines.tracking.run import TrackedRun, plain_errors

DATABASE = "mlflow.db"

_PARAMS_IN_A_BATCH = 100
_METRICS_IN_A_BATCH = 800


@contextmanager
def mlflow_client(store: Path, *, create: bool = False) -> Iterator[Any]:
    """Give MLflow's client of a store: loaded at use, quiet, and without telemetry."""
    store = store.resolve()
    if create:
        with plain_errors(f"The store '{store}' cannot be created"):
            (store / "artifacts").mkdir(parents=True, exist_ok=True)
    elif not (store / DATABASE).is_file():
        raise TrackingError(
            f"A store must be a folder with {DATABASE} in it, but '{store}' has none. "
            "Run a command that tracks (such as exitladder train), or name the store: --set tracking.store=FOLDER."
        )
    # Both are read when MLflow is imported and again at every event.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    with warnings.catch_warnings():
        # MLflow's own use of deprecated calls is nothing a user of ours could act on.
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        for chatty in ("mlflow", "alembic", "sqlalchemy"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        address = database_uri(store)
        with plain_errors(f"The store '{store}' cannot be opened"), alone(store):
            if create:
                settle(store / DATABASE, store / "artifacts")
            client = MlflowClient(tracking_uri=address, registry_uri=address)
        yield client


def database_uri(store: Path) -> str:
    """Return the address of a store's database, as MLflow wants it."""
    return f"sqlite:///{(store.resolve() / DATABASE).as_posix()}"


def local_folder(uri: str) -> Path:
    """Return the local folder of an artifact URI of MLflow."""
    parts = urlparse(uri)
    if parts.scheme not in ("file", ""):
        raise TrackingError(f"Artifacts must be in a local folder, but those of this run are at '{uri}'.")
    return Path(url2pathname(parts.path)) if parts.scheme else Path(uri)


def quoted(text: str) -> str:
    """Return a text quoted for MLflow's filters, which have no escape character."""
    mark = '"' if "'" in text else "'"
    return f"{mark}{text}{mark}"


def write_run(client: Any, run: TrackedRun) -> None:
    """Write all values of a run in as few calls as MLflow allows, nearly always one."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    params = [Param(key, value) for key, value in run.params.items()]
    metrics = [Metric(key, value, now, 0) for key, value in run.metrics.items()]
    tags = [RunTag(key, value) for key, value in run.tags.items()]
    while params or metrics or tags:
        client.log_batch(
            run.run_id, metrics[:_METRICS_IN_A_BATCH], params[:_PARAMS_IN_A_BATCH], tags[:_PARAMS_IN_A_BATCH]
        )
        del metrics[:_METRICS_IN_A_BATCH], params[:_PARAMS_IN_A_BATCH], tags[:_PARAMS_IN_A_BATCH]


def write_dataset(client: Any, run_id: str, bars: BarSet) -> None:
    """Record the bars of a run as a data set, so that MLflow shows which runs share them.

    Parameters
    ----------
    client : MlflowClient
    run_id : str
    bars : BarSet
    """
    from mlflow.entities import Dataset, DatasetInput

    summary = describe_bars(bars)
    dataset = Dataset(
        name=f"{summary['n_symbols']} symbols, {summary['interval']}",
        digest=str(summary["bars_fingerprint"]),
        source_type="bars",
        source=json.dumps({"first_bar": summary["first_bar"], "last_bar": summary["last_bar"]}),
        profile=json.dumps({"n_bars": summary["n_bars"], "n_symbols": summary["n_symbols"]}),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, tags=[])])


def not_found() -> type[Exception]:
    """Return the exception that MLflow raises if an object does not exist."""
    from mlflow.exceptions import MlflowException

    return MlflowException
