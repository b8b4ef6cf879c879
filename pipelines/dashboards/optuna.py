"""Optuna's dashboard on the studies of ``tune``, served on this machine until it is stopped."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exitladder.errors import TrackingError
from exitladder.pipelines.dashboards.servers import free_port, stop, wait_until_up
from exitladder.pipelines.tuning.backend import IN_MEMORY, studies_url
from exitladder.settings.tables import TrackingSettings, TuningSettings

_PACKAGE = "optuna_dashboard"
_START = (
    "import sys; from optuna_dashboard import run_server; "
    "run_server(sys.argv[1], host=sys.argv[2], port=int(sys.argv[3]))"
)


@dataclass(frozen=True)
class Studies:
    """The studies to be shown.

    Parameters
    ----------
    url : str
        Of their database, as ``tuning.storage`` names it; without a password.
    port : int
        0 takes a free one.
    """

    url: str
    port: int = 8080


def studies_to_show(tuning: TuningSettings, tracking: TrackingSettings, port: int) -> tuple[Studies | None, str]:
    """Return the studies that Optuna's dashboard can show, or why there is no dashboard.

    Parameters
    ----------
    tuning : TuningSettings
    tracking : TrackingSettings
    port : int

    Returns
    -------
    Studies or None
    str
        The reason and its cure; empty with studies.
    """
    url = studies_url(tuning, tracking)
    if url == IN_MEMORY:
        return None, "no studies to show: they are kept in memory only (tuning.storage)"
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return None, "no studies to show yet: `exitladder tune` makes them"
    if importlib.util.find_spec(_PACKAGE) is None:
        return None, "Optuna's dashboard is not installed, so only MLflow's page opens: pip install 'exitladder[ui]'"
    return Studies(url, port), ""


@contextmanager
def running_dashboard(studies: Studies, host: str = "127.0.0.1") -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Give the address of Optuna's dashboard while the block runs, and the server's process.

    Parameters
    ----------
    studies : Studies
    host : str

    Yields
    ------
    (str, Popen)

    Raises
    ------
    TrackingError
        If the package is not installed, the port is taken, or the server does not start.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise TrackingError("Optuna's dashboard is not installed. Install it: pip install 'exitladder[ui]'")
    port = free_port(host, studies.port, "--studies-port")
    address = f"http://{'localhost' if host in ('0.0.0.0', '::') else host}:{port}/dashboard/"
    own_group: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    command = [sys.executable, "-P", "-c", _START, _with_driver(studies.url), host, str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **own_group)
        try:
            wait_until_up(process, address, log, "Optuna's dashboard")
            yield address, process
        finally:
            stop(process)


def _with_driver(url: str) -> str:
    """Return an address with the driver that exitladder installs."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgresql", "postgres") else url
