"""Rungs with their own stop and trail in a ladder file."""

from __future__ import annotations

from typing import Any

import pytest

from exitladder.errors import LadderError
from exitladder.plans.file import (
    ladder_fingerprint,
    ladder_from_mapping,
    ladder_to_mapping,
    ladder_to_toml,
    read_ladder,
)
from exitladder.plans.words import describe_ladder, in_words

OWN: dict[str, Any] = {
    "rungs": [
        {"fraction": 0.25, "target": "1R"},
        {"fraction": 0.25, "target": "2R", "stop": "0.5R", "trail": "2.5ATR", "trail_after": 1, "follow": True},
        {"fraction": 0.25, "when": ["open_r >= 1.0"], "trail": "1%", "trail_from": "1R"},
        {"fraction": 0.125, "stop": "1ATR"},
    ]
}


def test_a_slice_is_read_back_as_it_was_written(tmp_path: Any) -> None:
    ladder = ladder_from_mapping(OWN)
    assert ladder_to_mapping(ladder)["rungs"] == OWN["rungs"]
    path = tmp_path / "ladder.toml"
    path.write_text(ladder_to_toml(ladder))
    assert read_ladder(path) == ladder
    assert [rung.is_slice for rung in ladder.rungs] == [False, True, True, True]
    assert [rung.is_signal for rung in ladder.rungs] == [False, False, True, False]
    assert ladder.runner == 0.125


def test_every_part_of_a_slice_is_in_the_fingerprint() -> None:
    own = {"fraction": 0.5, "target": "2R", "stop": "0.5R"}
    parts: list[dict[str, Any]] = [
        {}, {"stop": "1R"}, {"trail": "1R"}, {"trail": "1R", "trail_from": "1R"}, {"trail": "1R", "trail_after": 2},
        {"follow": True},
    ]  # fmt: skip
    plain = {"fraction": 0.25, "target": "1R"}
    found = [ladder_fingerprint(ladder_from_mapping({"rungs": [own | part, plain]})) for part in parts]
    assert len({*found}) == len(parts)


def test_a_slice_in_words() -> None:
    ladder = ladder_from_mapping(OWN)
    assert in_words(ladder) == (
        "25% at 1R, 25% at 2R (own stop 0.5R, own trail 2.5ATR after rung 1, follows the stop of the trade), "
        "25% when open profit >= 1R (own trail 1% from 1R), 12.5% until its stop (own stop 1ATR)"
    )
    assert describe_ladder(ladder)["rungs"].endswith("12.5% until its stop (own stop 1ATR); runner 12.5%")


@pytest.mark.parametrize(
    ("rung", "message"),
    [
        ({"stop": "2R"}, "must not be farther away than the initial stop of the trade"),
        ({"stop": "-1R"}, "must be above 0"),
        ({"stop": 99.0}, "must be a number with the unit R, ATR or %"),
        ({"trail_from": "1R"}, "trail_from arms a trail of the rung, but rungs"),
        ({"stop": "0.5R", "trail_after": 2}, "arm a trail, but rungs"),
        ({"trail": "1R", "trail_from": "1ATR"}, "must be given in R"),
        ({"trail": "1R", "trail_from": "1R", "trail_after": 2}, "set only one of them"),
        ({"trail": "1R", "trail_after": 3}, "refers to rung 3, but the ladder has 2 rungs"),
        ({"trail": "1R", "trail_after": 1}, "refers to the rung itself"),
        ({"follow": True}, "applies to a rung with its own stop or trail"),
        ({"stop": "1R", "follow": 1}, "must be true or false"),
        ({"stop": "1R", "when": ["open_r > 1"]}, "either a target or conditions"),
        ({"own_stop": "1R"}, "own_stop"),
    ],
)
def test_slices_that_cannot_be_meant_are_rejected(rung: dict[str, Any], message: str) -> None:
    table = {"rungs": [{"fraction": 0.5, "target": "1R"} | rung, {"fraction": 0.25, "target": "3R"}]}
    with pytest.raises(LadderError, match=message):
        ladder_from_mapping(table)


def test_what_sells_the_rest_has_no_stop_of_its_own() -> None:
    with pytest.raises(LadderError, match="sells the rest, which has no quantity of its own"):
        ladder_from_mapping({"rungs": [{"fraction": "rest", "when": ["open_r > 1"], "stop": "1R"}]})


def test_nothing_comes_after_a_rung_that_only_a_stop_sells() -> None:
    table = {"rungs": [{"fraction": 0.5, "stop": "1R"}], "stop": {"breakeven_after": 1}}
    with pytest.raises(LadderError, match="neither a target nor conditions"):
        ladder_from_mapping(table)
