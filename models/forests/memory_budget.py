"""Where the rows that a model learns from have room: in memory, on disk, or shared among the workers of a cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from exitladder.errors import ModelError
from exitladder.runtime.memory import available_bytes
from exitladder.settings.tables import ModelSettings

Place = Literal["memory", "disk", "cluster"]

# Of what is available, where model.memory_gb does not say: the rest is for what else the process and others need.
SHARE = 0.75
# Labels, times, masks and folds, and what is made of them on the way, bytes a row.
_BESIDE_ROWS = 200
# Rows that LightGBM draws to find bins on, and bytes that it takes for each value of them.
_DRAWN_ROWS, _BYTES_DRAWN = 200_000, 25


@dataclass(frozen=True)
class MemoryBudget:
    """What training needs at its peak, and what it may take, bytes.

    Parameters
    ----------
    in_memory : float
        With the rows in memory: themselves, a copy of the stage's, and their bins.
    on_disk : float
        With the rows on disk: their bins, one byte a value, for all rows and again for each forest of the
        ensemble, twice as LightGBM keeps them in two orders.
    limit : float
        ``model.memory_gb``, or a share of what is available.
    """

    in_memory: float
    on_disk: float
    limit: float

    @classmethod
    def of(cls, n_rows: int, n_features: int, settings: ModelSettings, available: float | None = None) -> MemoryBudget:
        """Return the room for so many rows; `available` bytes by default are what the process may still take."""
        learnt = math.ceil(n_rows / settings.row_step) * n_features
        bins, beside = learnt * (1 + 2 * settings.ensemble), n_rows * _BESIDE_ROWS
        drawn = min(n_rows, _DRAWN_ROWS) * n_features * _BYTES_DRAWN
        limit = settings.memory_gb * 1e9
        if not limit:
            limit = SHARE * (available_bytes() if available is None else available)
        return cls(n_rows * n_features * 4 + learnt * 4 + bins + beside, bins + beside + drawn, limit)


def place_of_rows(
    n_rows: int, n_features: int, settings: ModelSettings, *, has_cluster: bool, available: float | None = None
) -> Place:
    """Return where so many rows are kept and learnt from: the first of memory, cluster and disk that has room.

    Raises
    ------
    ModelError
        If none has, with what is needed and the cures.
    """
    room = MemoryBudget.of(n_rows, n_features, settings, available)
    if room.in_memory <= room.limit:
        return "memory"
    if has_cluster:
        return "cluster"
    if room.on_disk <= room.limit:
        return "disk"
    limit = "model.memory_gb" if settings.memory_gb else f"{SHARE:.0%} of the available memory (model.memory_gb = 0)"
    raise ModelError(
        f"Training may take {room.limit / 1e9:.3g} GB, {limit}, but {n_rows:,} rows of {n_features} features need "
        f"{room.in_memory / 1e9:.3g} GB, and {room.on_disk / 1e9:.3g} GB with the rows on disk. Give a Dask cluster "
        f"with --scheduler (model.scheduler), raise model.row_step from {settings.row_step}, or train on fewer symbols."
    )
