"""Where the training rows are kept: in memory, on disk, or on the workers of a cluster, by the memory budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from exitladder.errors import ModelError
from exitladder.runtime.memory import available_bytes
from exitladder.settings.tables import ModelSettings

Place = Literal["memory", "disk", "cluster"]

# Share of the available memory to use if model.memory_gb is 0; the rest is for other data and processes.
SHARE = 0.75
# Labels, times, masks and folds, and what is made of them on the way, bytes a row.
_BESIDE_ROWS = 200
# Rows that LightGBM draws to find bins on, and bytes that it takes for each value of them.
_DRAWN_ROWS, _BYTES_DRAWN = 200_000, 25


@dataclass(frozen=True)
class MemoryBudget:
    """Peak memory of training and its limit, bytes.

    Parameters
    ----------
    in_memory : float
        With the rows in memory: themselves, a copy of the stage's, and their bins.
    on_disk : float
        With the rows on disk: their bins, one byte a value, for all rows and again for each forest of the
        ensemble, doubled because LightGBM stores them in two orders.
    limit : float
        ``model.memory_gb``, or a share of the available memory.
    """

    in_memory: float
    on_disk: float
    limit: float

    @classmethod
    def of(cls, n_rows: int, n_features: int, settings: ModelSettings, available: float | None = None) -> MemoryBudget:
        """Return the memory budget for training on a number of rows.

        Parameters
        ----------
        n_rows, n_features : int
            Shape of the matrix of features.
        settings : ModelSettings
            ``memory_gb``, ``row_step`` and ``ensemble`` count.
        available : float, optional
            Bytes that the process may still allocate; measured by default.

        Returns
        -------
        MemoryBudget
        """
        used = math.ceil(n_rows / settings.row_step) * n_features
        bins, beside = used * (1 + 2 * settings.ensemble), n_rows * _BESIDE_ROWS
        drawn = min(n_rows, _DRAWN_ROWS) * n_features * _BYTES_DRAWN
        limit = settings.memory_gb * 1e9
        if not limit:
            limit = SHARE * (available_bytes() if available is None else available)
        return cls(n_rows * n_features * 4 + used * 4 + bins + beside, bins + beside + drawn, limit)


def place_of_rows(
    n_rows: int, n_features: int, settings: ModelSettings, *, has_cluster: bool, available: float | None = None
) -> Place:
    """Return where a number of rows is kept: the first of memory, cluster and disk that fits the budget.

    Parameters
    ----------
    n_rows, n_features : int
        Shape of the matrix of features.
    settings : ModelSettings
    has_cluster : bool
        Whether a Dask cluster is available (``model.scheduler``).
    available : float, optional
        Bytes that the process may still allocate; measured by default.

    Returns
    -------
    {"memory", "cluster", "disk"}

    Raises
    ------
    ModelError
        If none fits; the message states the memory needed and the remedies.
    """
    budget = MemoryBudget.of(n_rows, n_features, settings, available)
    if budget.in_memory <= budget.limit:
        return "memory"
    if has_cluster:
        return "cluster"
    if budget.on_disk <= budget.limit:
        return "disk"
    limit = "model.memory_gb" if settings.memory_gb else f"{SHARE:.0%} of the available memory (model.memory_gb = 0)"
    raise ModelError(
        f"Training may take {budget.limit / 1e9:.3g} GB, {limit}, but {n_rows:,} rows of {n_features} features need "
        f"{budget.in_memory / 1e9:.3g} GB, and {budget.on_disk / 1e9:.3g} GB with the rows on disk. Give a Dask "
        f"cluster with --scheduler (model.scheduler), raise model.row_step from {settings.row_step}, or train on "
        "fewer symbols."
    )
