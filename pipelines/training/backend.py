"""By what means a model is trained: in this process, or where its rows exceed the memory, on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exitladder.models.forests.cluster import ClusterGrower
from exitladder.models.forests.growing import Grower, grow_here
from exitladder.models.forests.memory_budget import Place, place_of_rows
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings, Settings


@dataclass(frozen=True)
class TrainingMeans:
    """Who may grow forests.

    Parameters
    ----------
    cluster : ClusterGrower or None
        Used for rows that exceed the memory here; None where there is none.
    """

    cluster: ClusterGrower | None = None

    def place(self, n_rows: int, n_features: int, settings: ModelSettings) -> Place:
        """Return where so many rows are kept; see `place_of_rows`."""
        return place_of_rows(n_rows, n_features, settings, has_cluster=self.cluster is not None)

    def grower(self, rows: TrainingRows) -> Grower:
        """Return who grows the forests of these rows."""
        return self.cluster if self.cluster is not None and rows.is_on_disk else grow_here

    def told(self, rows: TrainingRows) -> str:
        """Return where these rows are learnt from, in words."""
        if not rows.is_on_disk:
            return "in memory"
        return f"on {self.cluster.size} workers" if self.cluster is not None else "from disk"


HERE = TrainingMeans()


@contextmanager
def training_means(settings: Settings) -> Iterator[TrainingMeans]:
    """Give the means that the settings ask for, and close them after use.

    Raises
    ------
    ModelError
        If the cluster cannot be used, whether or not the rows will need it.
    """
    if not settings.model.scheduler:
        yield HERE
        return
    cluster = ClusterGrower(settings.model.scheduler)
    try:
        yield TrainingMeans(cluster)
    finally:
        cluster.close()
