"""MLflow's page on a project's store, served on this machine until it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from exitladder.errors import TrackingError
from exitladder.pipelines.tracking.address import DATABASE, StoreAddress, store_address
from exitladder.pipelines.tracking.database import check_state, settle
from exitladder.pipelines.tracking.record import pending, read_records
from exitladder.pipelines.tracking.runs import newest_experiment
from exitladder.pipelines.tracking.sync import sync

_SECONDS_TO_START = 90.0
_SECONDS_TO_STOP = 10.0


def serve(
    store: str | Path | StoreAddress,
    host: str = "127.0.0.1",
    port: int = 5000,
    *,
    open_browser: bool = False,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve MLflow's page on a store until Ctrl-C (or SIGTERM), then stop it with its workers.

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

    Raises
    ------
    TrackingError
        If there is no store, the port is taken, or the server does not start.
    """
    try:
        with _stop_on_terminate(), running_page(store, host, port) as (address, process):
            page = f"{address}/{_runs_view(store)}"
            if announce is None:
                sys.stderr.write(f"MLflow's page is at {page} (Ctrl-C stops it)\n")
                sys.stderr.flush()
            else:
                announce(page)
            if open_browser:
                webbrowser.open(page)
            code = process.wait()
    except KeyboardInterrupt:
        return
    raise TrackingError(f"MLflow's server stopped with exit code {code}. Start it again, or try another --port.")


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
    port = _free_port(host, port)
    address = f"http://{'localhost' if host in ('0.0.0.0', '::') else host}:{port}"
    with tempfile.TemporaryFile() as log:
        process = _start(address_of_store, host, port, log)
        try:
            _wait_until_up(process, address, log)
            yield address, process
        finally:
            _stop(process)


def _runs_view(store: str | Path | StoreAddress) -> str:
    """Return the path of the page that shows the runs; by default MLflow opens its page for language models."""
    newest = newest_experiment(store)
    place = f"/{newest}/runs" if newest else ""
    return f"#/experiments{place}?workflowType=machine_learning"


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


def _free_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise TrackingError(
                f"The address must be free to serve the page on, but {host}:{port} is not: {error}. "
                "Name another one with --port."
            ) from None
        return int(probe.getsockname()[1])


def _wait_until_up(process: subprocess.Popen[bytes], address: str, log: IO[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise TrackingError(f"MLflow's server did not start (exit code {process.returncode}). {_last_words(log)}")
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TrackingError(f"MLflow's server did not answer within {_SECONDS_TO_START:g} seconds. {_last_words(log)}")


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return f"Its last output: {lines[-1].strip()}" if lines else "It had no output."


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers it has started."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.terminate()
    except ProcessLookupError:
        pass


@contextmanager
def _stop_on_terminate() -> Iterator[None]:
    """Let a polite kill end the block as Ctrl-C does, so that no server is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
