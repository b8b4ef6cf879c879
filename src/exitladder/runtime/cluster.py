"""A Dask cluster of the user's, joined by its scheduler's address; Dask is loaded here, at first use."""

from __future__ import annotations

import importlib
from typing import Any

from exitladder.errors import ExitladderError


def distributed(doing: str, error: type[ExitladderError]) -> Any:
    """Return Dask's module of that name.

    Parameters
    ----------
    doing : str
        What needs it, as the beginning of a sentence: ``Searching``.
    error : type
        What to raise where it is not installed.
    """
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise error(
            f"{doing} on a cluster needs Dask, which is not installed. Install it with: pip install "
            "'exitladder[cluster]'"
        ) from None


def join_cluster(scheduler: str, doing: str, error: type[ExitladderError], kind: Any = None) -> Any:
    """Return a client of the scheduler at this address, to be closed by the caller.

    Parameters
    ----------
    scheduler : str
        Such as ``tcp://10.0.0.1:8786``.
    doing, error
        As in `distributed`.
    kind : type, optional
        Of the client, in place of Dask's own.

    Raises
    ------
    ExitladderError
        Of type `error`, if Dask is not installed or the scheduler does not answer.
    """
    dask = distributed(doing, error)
    client = kind or dask.Client
    try:
        # A client of an address without a port could not be made, and would not end with the process for 20 s.
        dask.comm.get_address_host_port(scheduler)
        return client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as cause:
        raise error(
            f"The scheduler must be the address of a running Dask scheduler, but '{scheduler}' does not "
            f"answer: {cause}."
        ) from cause


def workers_of(client: Any) -> dict[str, dict[str, Any]]:
    """Return what the scheduler knows of each worker, by its address."""
    found: dict[str, dict[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return found
