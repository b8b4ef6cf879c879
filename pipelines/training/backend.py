"""Where a model is trained: in this process, or on a Dask cluster if its rows exceed the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exitladder.models.estimators.trainer import LIGHTGBM, Estimators, chosen_estimators, estimator_trainer
from exitladder.models.forests.cluster import ClusterTrainer
from exitladder.models.forests.growing import MakeTrainer, train_here
from exitladder.models.forests.memory_budget import Place, place_of_rows
from exitladder.models.forests.rows import TrainingRows
from exitladder.settings.tables import ModelSettings


@dataclass(frozen=True)
class TrainingBackend:
    """The place where forests are trained: this process or a cluster.

    Parameters
    ----------
    cluster : ClusterTrainer or None
        Used for rows that exceed the memory of this machine; None without a cluster.
    estimators : Estimators
        Trained in place of LightGBM.
    """

    cluster: ClusterTrainer | None = None
    estimators: Estimators = LIGHTGBM

    def place(self, n_rows: int, n_features: int, settings: ModelSettings) -> Place:
        """Return where a number of rows is kept: in memory, on disk or on the cluster; see `place_of_rows`.

        Parameters
        ----------
        n_rows, n_features : int
        settings : ModelSettings
            ``model.memory_gb`` limits the memory.

        Returns
        -------
        Place
        """
        return place_of_rows(n_rows, n_features, settings, has_cluster=self.cluster is not None)

    def make_trainer(self, rows: TrainingRows) -> MakeTrainer:
        """Return the function that makes the trainer of these rows' forests."""
        if self.estimators:
            return estimator_trainer(self.estimators)
        return self.cluster if self.cluster is not None and rows.is_on_disk else train_here

    def describe(self, rows: TrainingRows) -> str:
        """Return in words where these rows are kept during training."""
        if not rows.is_on_disk:
            return "in memory"
        return f"on {self.cluster.size} workers" if self.cluster is not None else "from disk"


HERE = TrainingBackend()


@contextmanager
def training_backend(settings: ModelSettings, given: Estimators = LIGHTGBM) -> Iterator[TrainingBackend]:
    """Give the backend that ``model.scheduler`` and ``model.estimator`` ask for, and close it after use.

    Parameters
    ----------
    settings : ModelSettings
    given : Estimators
        Estimators to be trained instead of those that the settings name.

    Raises
    ------
    ModelError
        If the cluster cannot be used, whether or not the rows will need it, or an estimator cannot be trained.
    SettingsError
        If the settings name no estimator of the right kind.
    """
    estimators = chosen_estimators(settings, given.race, given.hold)
    if not settings.scheduler:
        yield TrainingBackend(estimators=estimators)
        return
    cluster = ClusterTrainer(settings.scheduler)
    try:
        yield TrainingBackend(cluster)
    finally:
        cluster.close()
