"""Ranges of the search with their units, and the lines that replace the keys of earlier versions."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path

import pytest

from exitladder.errors import SettingsError
from exitladder.settings.loading import load_settings
from exitladder.settings.ranges import DistanceRange
from exitladder.settings.tables import Settings
from exitladder.settings.template import settings_toml

R, ATR = DistanceRange(0.5, 4.0, "R"), DistanceRange(1.0, 8.0, "ATR")


@pytest.mark.parametrize(
    ("written", "ranges"),
    [
        ('["0.5R", "4R"]', (R,)),
        ('[["0.5R", "4R"]]', (R,)),
        ('[["1ATR", "8ATR"], ["0.5R", "4R"]]', (ATR, R)),
        ('"3%"', (DistanceRange(3.0, 3.0, "%"),)),
        ('["3ATR"]', (DistanceRange(3.0, 3.0, "ATR"),)),
        ('["3ATR", ["0.5R", "4R"]]', (DistanceRange(3.0, 3.0, "ATR"), R)),
        ("2.5ATR", (DistanceRange(2.5, 2.5, "ATR"),)),
    ],
)
def test_a_range_states_its_unit(written: str, ranges: tuple[DistanceRange, ...]) -> None:
    settings = load_settings(None, [f"search.first_target={written}"])
    assert settings.search.first_target == ranges
    assert settings.search.target_units == tuple(r.unit for r in ranges)
    assert Settings().with_values(settings.to_mapping()) == settings
    assert Settings().with_values(tomllib.loads(settings_toml(settings))) == settings


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.first_target=[0.5, 4]", "must be a number with the unit R, ATR or %"),
        ('search.first_target=["0.5R", "8ATR"]', "must have the same unit, but [0.5R, 8ATR] has R and ATR"),
        ('search.first_target=["0.5R", "4R", "1ATR", "8ATR"]', "must be one distance or [least, most]"),
        ('search.trail_width=["4R", "1R"]', "must be one distance or [least, most], but is [4R, 1R]"),
        ('search.trail_width=[["1R", "2R"], ["3R", "4R"]]', "must have one range in R, but has 2"),
        ('search.trail_width=["1fib", "2fib"]', "must be a number with the unit"),
        ("search.trail_width=[]", "must have at least one range"),
        ("search.trail_width=[[]]", "must be one distance or [least, most]"),
        ('search.target_gap=["0R", "1R"]', "search.target_gap must be at least 0.01R"),
        ('search.target_step=["1R", "2R"]', "search.target_step must have one step in R, but has 2"),
        ("search.trail_step=0.5", "must be a number with the unit"),
        ("search.first_targets=1", "Did you mean 'first_target'?"),
    ],
)
def test_ranges_that_cannot_be_are_refused(override: str, message: str) -> None:
    with pytest.raises(SettingsError) as result:
        load_settings(None, [override])
    assert message in str(result.value)


def test_units_left_out_have_default_steps() -> None:
    search = load_settings(None, ['search.trail_step="0.5ATR"']).search
    assert [search.step("trail_step", unit) for unit in ("ATR", "R", "%")] == [0.5, 0.25, 0.5]


@pytest.mark.parametrize(
    ("earlier", "lines"),
    [
        ("trail_atr = [1.5, 12]", {"trail_width": ["1.5ATR", "12ATR"]}),
        ("trail_atr = 3.0", {"trail_width": "3ATR"}),
        ("trail_units = ['ATR', '%']\ntrail_atr = 3.0", {"trail_width": ["3ATR", ["1%", "20%"]]}),
        ("target_units = ['R', 'ATR']", {"first_target": [["0.5R", "4R"], ["1ATR", "8ATR"]]}),
        (
            "target_units = ['R', 'ATR']\nfirst_target_r = [0.5, 3.0]\ntarget_gap_r = [0.5, 2]\ntarget_step_r = 0.5",
            {
                "first_target": [["0.5R", "3R"], ["1ATR", "8ATR"]],
                "target_gap": [["0.5R", "2R"], ["0.5ATR", "8ATR"]],
                "target_step": "0.5R",
            },
        ),
        ("first_target_percent = [2, 9]\ntarget_units = '%'", {"first_target": ["2%", "9%"]}),
        ("trail_step_r = 0.5\ntrail_step_percent = 1", {"trail_step": ["0.5R", "1%"]}),
    ],
)
def test_keys_of_earlier_versions_get_the_lines_to_write(
    tmp_path: Path, earlier: str, lines: dict[str, object]
) -> None:
    path = tmp_path / "exitladder.toml"
    path.write_text(f"[search]\nn_rungs = 2\n{earlier}\n")
    with pytest.raises(SettingsError, match=r"must state their unit.*exitladder\.toml.*Write instead:") as result:
        load_settings(path)
    message = str(result.value)
    for line in earlier.splitlines():
        assert line.split(" = ")[0] in message
    text = "\n".join(message.splitlines()[1:])
    assert tomllib.loads(text) == lines
    # They read as they are.
    path.write_text(f"[search]\nn_rungs = 2\n{text}\n")
    assert load_settings(path).search.n_rungs == (2, 2)


def test_an_override_by_an_earlier_key_gets_the_option_to_write() -> None:
    with pytest.raises(SettingsError) as result:
        load_settings(None, ["search.trail_atr=[1.5, 12]"])
    _, option = str(result.value).splitlines()
    word, override = shlex.split(option)
    assert word == "--set"
    assert load_settings(None, [override]).search.trail_width == (DistanceRange(1.5, 12.0, "ATR"),)
