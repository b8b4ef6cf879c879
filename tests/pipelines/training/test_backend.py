"""By what means a model is trained does not change it where the rows only lie elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from exitladder.bars.bars import BarSet
from exitladder.errors import FeatureError, ModelError
from exitladder.features import row_matrix
from exitladder.models.forests.memory_budget import Place
from exitladder.pipelines.inputs.prepare import Prepared, prepare
from exitladder.pipelines.training.backend import HERE, TrainingBackend, training_backend
from exitladder.pipelines.training.knowledge import partial_dependence
from exitladder.pipelines.training.model import fit_model, training_rows
from exitladder.runtime.progress import SILENT
from exitladder.settings.tables import ModelSettings, Settings
from exitladder.trades.trades import Trades


class OnDisk(TrainingBackend):
    """As if the rows had no room in memory."""

    def place(self, n_rows: int, n_features: int, settings: ModelSettings) -> Place:
        return "disk"


@pytest.fixture(scope="module")
def prepared(bars: BarSet, trades: Trades, small: Settings) -> Prepared:
    return prepare(bars, trades, small)


def test_rows_written_to_disk_teach_the_same_model(prepared: Prepared, small: Settings) -> None:
    in_memory, on_disk = (training_rows(prepared, small, backend=backend) for backend in (HERE, OnDisk()))
    assert (in_memory.is_on_disk, on_disk.is_on_disk) == (False, True)
    np.testing.assert_array_equal(on_disk.X, in_memory.X)
    assert (HERE.describe(in_memory), OnDisk().describe(on_disk)) == ("in memory", "from disk")
    first, second = (
        fit_model(rows, prepared, small, SILENT, backend) for rows, backend in ((in_memory, HERE), (on_disk, OnDisk()))
    )
    for one, other in zip(first.stages, second.stages, strict=True):
        assert (one.race.text, one.hold.text) == (other.race.text, other.hold.text)
    used = np.flatnonzero(in_memory.is_used)
    result = [partial_dependence(first, rows.X, used) for rows in (in_memory, on_disk)]
    assert result[0] == result[1] == partial_dependence(first, in_memory.X[used])


def test_a_model_does_not_tell_by_what_means_it_was_trained(prepared: Prepared, small: Settings) -> None:
    settings = replace(small, model=replace(small.model, memory_gb=9.0, scheduler="tcp://10.0.0.1:8786"))
    model = fit_model(training_rows(prepared, settings), prepared, settings, SILENT)
    assert model.settings == small.model


def test_without_room_nothing_is_computed(prepared: Prepared, small: Settings) -> None:
    little = replace(small, model=replace(small.model, memory_gb=1e-4))
    with (
        training_backend(little.model) as backend,
        pytest.raises(ModelError, match="Give a Dask cluster with --scheduler"),
    ):
        training_rows(prepared, little, backend=backend)


def test_a_matrix_of_another_shape_is_not_written_to(prepared: Prepared) -> None:
    n, names = prepared.rows.n_rows, prepared.features.names
    with pytest.raises(FeatureError, match="out must be for all rows"):
        row_matrix(prepared.placed, prepared.rows, prepared.features, out=np.empty((n - 1, len(names)), np.float32))
    with pytest.raises(FeatureError, match="out must be for all rows"):
        row_matrix(
            prepared.placed,
            prepared.rows,
            prepared.features,
            select=np.arange(n),
            out=np.empty((n, len(names)), np.float32),
        )
