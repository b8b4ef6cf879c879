"""Connection to the user's Dask cluster by its scheduler address; imports Dask at first use."""

from __future__ import annotations

import importlib
from typing import Any

from exitladder.errors import ExitladderError


def distributed(doing: str, error: type[ExitladderError]) -> Any:
    """Return the module ``distributed`` of Dask.

    Parameters
    ----------
    doing : str
        The activity that needs it, as the beginning of a sentence: ``Searching``.
    error : type
        Error to raise if Dask is not installed.
    """
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise error(
            f"{doing} on a cluster needs Dask, which is not installed. Install it with: pip install "
            "'exitladder[cluster]'"
        ) from None


def join_cluster(scheduler: str, doing: str, error: type[ExitladderError], kind: Any = None) -> Any:
    """Return a client of the scheduler at this address; the caller must close it.

    Parameters
    ----------
    scheduler : str
        Address, such as ``tcp://10.0.0.1:8786``.
    doing, error
        As in `distributed`.
    kind : type, optional
        Client class to use instead of Dask's own.

    Returns
    -------
    distributed.Client

    Raises
    ------
    ExitladderError
        Of type `error`, if Dask is not installed or the scheduler does not answer.
    """
    dask = distributed(doing, error)
    client = kind or dask.Client
    try:
        # With an address without a port, the client fails and keeps the process alive for 20 s.
        dask.comm.get_address_host_port(scheduler)
        return client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as cause:
        raise error(
            f"The scheduler must be the address of a running Dask scheduler, but '{scheduler}' does not "
            f"answer: {cause}."
        ) from cause


def workers_of(client: Any) -> dict[str, dict[str, Any]]:
    """Return the scheduler's information on each worker, by address."""
    found: dict[str, dict[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return found
