"""By what means a model is trained: in this process, or where its rows exceed the memory, on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exitladder.models.forests.cluster import ClusterTrainer
from exitladder.models.forests.growing import MakeTrainer, train_here
from exitladder.models.forests.memory_budget import Place, place_of_rows
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings, Settings


@dataclass(frozen=True)
class TrainingBackend:
    """Who may grow forests.

    Parameters
    ----------
    cluster : ClusterTrainer or None
        Used for rows that exceed the memory here; None where there is none.
    """

    cluster: ClusterTrainer | None = None

    def place(self, n_rows: int, n_features: int, settings: ModelSettings) -> Place:
        """Return where so many rows are kept; see `place_of_rows`."""
        return place_of_rows(n_rows, n_features, settings, has_cluster=self.cluster is not None)

    def make_trainer(self, rows: TrainingRows) -> MakeTrainer:
        """Return who grows the forests of these rows."""
        return self.cluster if self.cluster is not None and rows.is_on_disk else train_here

    def describe(self, rows: TrainingRows) -> str:
        """Return where these rows are learnt from, in words."""
        if not rows.is_on_disk:
            return "in memory"
        return f"on {self.cluster.size} workers" if self.cluster is not None else "from disk"


HERE = TrainingBackend()


@contextmanager
def training_backend(settings: Settings) -> Iterator[TrainingBackend]:
    """Give the means that the settings ask for, and close them after use.

    Raises
    ------
    ModelError
        If the cluster cannot be used, whether or not the rows will need it.
    """
    if not settings.model.scheduler:
        yield HERE
        return
    cluster = ClusterTrainer(settings.model.scheduler)
    try:
        yield TrainingBackend(cluster)
    finally:
        cluster.close()
