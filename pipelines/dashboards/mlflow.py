"""MLflow's page on a project's store, served on this machine until it is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from exitladder.errors import TrackingError
from exitladder.pipelines.dashboards.optuna import Studies, running_dashboard
from exitladder.pipelines.dashboards.servers import (
    check_port,
    first_to_end,
    free_port,
    stop,
    stop_on_terminate,
    wait_until_up,
)
from exitladder.pipelines.tracking.address import DATABASE, StoreAddress, store_address
from exitladder.pipelines.tracking.database import check_state, settle
from exitladder.pipelines.tracking.page.run_list import VIEW_KEY
from exitladder.pipelines.tracking.record import pending, read_records
from exitladder.pipelines.tracking.runs import newest_experiment
from exitladder.pipelines.tracking.sync import sync


def serve(
    store: str | Path | StoreAddress,
    host: str = "127.0.0.1",
    port: int = 5000,
    *,
    open_browser: bool = False,
    announce: Callable[[str], None] | None = None,
    studies: Studies | None = None,
) -> None:
    """Serve MLflow's page on a store, and Optuna's on its studies, until Ctrl-C (or SIGTERM); then stop both.

    Parameters
    ----------
    store : path
        The store folder.
    host, port
        Address to listen on; the default is reachable from this machine only. Port 0 takes a free one.
    open_browser : bool
        Also open the page in the user's browser.
    announce : callable
        Called with the address once the page responds; by default it is written to stderr.
    studies : Studies, optional
        The studies for Optuna's dashboard; without them there is only MLflow's page.

    Raises
    ------
    TrackingError
        If there is no store, the port is taken, or the server does not start.
    """
    tell = announce or _tell
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with stop_on_terminate(), ExitStack() as stack:
            if studies is not None:
                check_port(host, studies.port, "--studies-port")
            address, servers["MLflow's server"] = stack.enter_context(running_page(store, host, port))
            page = f"{address}/{_runs_view(store)}"
            pages = [page]
            tell(page if announce else f"MLflow's page is at {page} (Ctrl-C stops it)")
            if studies is not None:
                dashboard, servers["Optuna's dashboard"] = stack.enter_context(running_dashboard(studies, host))
                pages.append(dashboard)
                tell(dashboard if announce else f"Optuna's dashboard is at {dashboard} (Ctrl-C stops both)")
            for one in pages if open_browser else ():
                webbrowser.open(one)
            name, code = first_to_end(servers)
    except KeyboardInterrupt:
        return
    raise TrackingError(f"{name} stopped with exit code {code}. Start it again, or try another port.")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def running_page(
    store: str | Path | StoreAddress, host: str = "127.0.0.1", port: int = 5000
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Give the address of a store's page while the block runs, and the server's process.

    Parameters
    ----------
    store : path
    host : str
    port : int
        0 takes a free one.

    Yields
    ------
    (str, Popen)
        Address of the page, and the server's process.

    Raises
    ------
    TrackingError
        If there is no store, the port is taken, or the server does not start.
    """
    address_of_store = store_address(store)
    if address_of_store.kind == "server":
        raise TrackingError(f"The runs are on a server, which shows them itself: open {address_of_store.uri}")
    database = address_of_store.database
    if database is not None:
        if not database.is_file() and not any(read_records(address_of_store.home)):
            raise TrackingError(
                f"A store must be a folder with {DATABASE} in it, but '{address_of_store}' has none. Run a command "
                "that tracks first (such as exitladder demo), or name the store: --set tracking.store=FOLDER."
            )
        check_state(database)
        settle(database, address_of_store.artifacts)
    if pending(address_of_store.home) or (database is not None and not database.is_file()):
        sync(address_of_store, everything=False)
    port = free_port(host, port)
    address = f"http://{'localhost' if host in ('0.0.0.0', '::') else host}:{port}"
    with tempfile.TemporaryFile() as log:
        process = _start(address_of_store, host, port, log)
        try:
            wait_until_up(process, f"{address}/health", log, "MLflow's server")
            yield address, process
        finally:
            stop(process)


def _runs_view(store: str | Path | StoreAddress) -> str:
    """Return the path of the page that shows the runs; by default MLflow opens its page for language models."""
    newest = newest_experiment(store)
    place = f"/{newest}/runs" if newest else ""
    view = f"&viewStateShareKey={VIEW_KEY}" if newest else ""
    return f"#/experiments{place}?workflowType=machine_learning{view}"


def _start(store: StoreAddress, host: str, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # jobs serve language models, which a project has none of
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
    }
    # -P keeps a folder of the user's that is called like a library (types.py, features/) from being imported.
    command = [
        *(sys.executable, "-P", "-m", "mlflow", "server"),
        *("--backend-store-uri", store.uri, "--default-artifact-root", store.artifacts.as_uri()),
        *("--host", host, "--port", str(port), "--workers", "1"),
    ]
    own_group: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    return subprocess.Popen(
        command, env=environment, cwd=store.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **own_group
    )
