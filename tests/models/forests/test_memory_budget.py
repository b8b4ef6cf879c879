"""Where rows have room."""

from __future__ import annotations

import pytest

from exitladder.errors import ModelError
from exitladder.models.forests.memory_budget import MemoryBudget, Place, place_of_rows
from exitladder.settings.tables import ModelSettings

ROWS, FEATURES = 10_000_000, 60
GB = 1e9


@pytest.mark.parametrize(
    ("memory_gb", "has_cluster", "place"),
    [
        (15, False, "memory"),
        (15, True, "memory"),
        (9, False, "disk"),
        (9, True, "cluster"),
        (1, True, "cluster"),
    ],
)
def test_the_first_that_has_room_is_taken(memory_gb: float, has_cluster: bool, place: Place) -> None:
    settings = ModelSettings(memory_gb=memory_gb, row_step=1)
    assert place_of_rows(ROWS, FEATURES, settings, has_cluster=has_cluster) == place


def test_a_share_of_what_is_available_is_the_limit_by_default() -> None:
    room = MemoryBudget.of(ROWS, FEATURES, ModelSettings(row_step=1), available=16 * GB)
    assert room.limit == 12 * GB
    assert room.on_disk < 0.7 * room.in_memory
    for available, place in ((room.in_memory / 0.75 + 1, "memory"), (room.in_memory / 0.75 - 1, "disk")):
        assert place_of_rows(ROWS, FEATURES, ModelSettings(row_step=1), has_cluster=False, available=available) == place


def test_fewer_rows_to_learn_from_need_less() -> None:
    every, tenth = (MemoryBudget.of(ROWS, FEATURES, ModelSettings(row_step=step)) for step in (1, 10))
    assert tenth.in_memory < 0.5 * every.in_memory
    assert tenth.on_disk < 0.7 * every.on_disk


def test_too_little_memory_is_reported_with_sizes_and_cures() -> None:
    with pytest.raises(ModelError) as refused:
        place_of_rows(ROWS, FEATURES, ModelSettings(memory_gb=2, row_step=1), has_cluster=False)
    result = str(refused.value)
    assert result.startswith("Training may take 2 GB, model.memory_gb, but 10,000,000 rows of 60 features need 11 GB, ")
    for cure in ("--scheduler", "model.row_step", "fewer symbols"):
        assert cure in result
    with pytest.raises(ModelError, match=r"75% of the available memory \(model\.memory_gb = 0\)"):
        place_of_rows(ROWS, FEATURES, ModelSettings(row_step=1), has_cluster=False, available=GB)
