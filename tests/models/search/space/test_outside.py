"""What the user does today and the search does not reach is said, with the key that reaches it."""

from __future__ import annotations

import numpy as np
import pytest

from exitladder.models.search.space.outside import outside_ranges
from exitladder.plans.file import ladder_from_mapping
from exitladder.settings.loading import load_settings

NONE = np.empty(0)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"rungs": [{"fraction": 0.5, "target": "0.4R"}]}, []),
        ({"rungs": [{"fraction": 0.5, "target": "0.1R"}]}, ['search.first_target=["0.1R", "10R"]']),
        ({"rungs": [{"fraction": 0.5, "target": "30R"}]}, ['search.first_target=["0.25R", "30R"]']),
        ({"rungs": [{"fraction": 0.5, "target": "4%"}]}, ["not in the units searched (R)"]),
        # a partial stop-out is no target, and prices have no range
        ({"rungs": [{"fraction": 0.5, "target": "-0.5R"}], "stop": {"time": 20}}, []),
        ({"rungs": [{"fraction": 0.5, "target": 120.0}]}, []),
        ({"stop": {"trail": "40ATR", "time": 400}}, ["trailing stop of 40ATR", "search.time_bars (1 to 250)"]),
    ],
)
def test_a_ladder_outside_the_ranges_is_named(table: dict[str, object], said: list[str]) -> None:
    found = outside_ranges(load_settings(None).search, ladder_from_mapping({"name": "own", **table}), NONE)
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True))


def test_the_key_that_is_named_covers_the_ladder() -> None:
    own = ladder_from_mapping({"rungs": [{"fraction": 0.5, "target": "0.1R"}]})
    wider = load_settings(None, ['search.first_target=["0.1R", "10R"]', 'search.target_step=["0.05R"]']).search
    assert outside_ranges(wider, own, NONE) == ()


def test_small_winners_of_ones_own_are_named() -> None:
    rng = np.random.default_rng(0)
    search = load_settings(None).search
    (text,) = outside_ranges(search, None, rng.uniform(0.02, 0.2, 200))
    assert "Half of your own 200 winners left below 0.12R" in text
    assert outside_ranges(search, None, rng.uniform(0.2, 2.0, 200)) == ()
    # too few to speak of
    assert outside_ranges(search, None, np.full(5, 0.05)) == ()
