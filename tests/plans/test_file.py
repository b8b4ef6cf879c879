"""A ladder as TOML: read strictly, written back exactly."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitladder.errors import InputFileError, LadderError
from exitladder.plans.costs import Costs
from exitladder.plans.file import (
    ladder_fingerprint,
    ladder_from_mapping,
    ladder_to_mapping,
    ladder_to_toml,
    read_ladder,
)
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.units import Condition, Distance, Target

PROMISED = """
name = "classic"
atr_window = 14
[[rungs]]
fraction = 0.25
target = "1R"
[[rungs]]
fraction = 0.25
target = "2R"
[[rungs]]
fraction = 0.25
when = ["exhaustion >= 0.70", "open_r >= 0.5"]
[stop]
initial = "2ATR"
breakeven_after = 1
trail = "3ATR"
trail_after = 1
time = 40
[costs]
commission_bps = 2.0
slippage_bps = 1.0
tick = 0.01
lot = 1
min_quantity = 1
[execution]
intrabar = "stop_first"
limit_fill = "touch"
"""


def test_the_promised_file_is_understood() -> None:
    ladder = ladder_from_mapping(tomllib.loads(PROMISED))
    assert [str(r.target) for r in ladder.rungs[:2]] == ["1R", "2R"]
    assert ladder.rungs[2].when == (Condition("exhaustion", ">=", 0.7), Condition("open_r", ">=", 0.5))
    assert ladder.runner == pytest.approx(0.25)
    assert ladder.stop == Stop(Distance(2, "ATR"), 1, Distance(0, "R"), Distance(3, "ATR"), 1, None, 40)
    assert ladder.series == ("exhaustion",)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [("1R", "R", 1), ("-0.5R", "R", -0.5), ("2.5 ATR", "ATR", 2.5), ("5%", "%", 5), ("101.5", "price", 101.5),
     (99, "price", 99), ("fib 1.618", "fib", 1.618), ("resistance 2", "resistance", 2)],
)  # fmt: skip
def test_every_unit_of_a_target(text: object, unit: str, value: float) -> None:
    assert Target.parse(text, "x") == Target(value, unit)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stop": {"trial": "3ATR"}}, "Unknown key 'trial' in stop. Did you mean 'trail'?"),
        ({"rung": []}, "Unknown key 'rung' in ladder. Did you mean 'rungs'?"),
        (
            {"rungs": [{"fraction": 0.75, "target": "1R"}, {"fraction": 0.4, "target": "2R"}]},
            "at most 1 (the rest is the runner), but sum to 1.15",
        ),
        ({"rungs": [{"fraction": 0.0, "target": "1R"}]}, "fraction must be above 0"),
        ({"rungs": [{"target": "1R"}]}, "must have a fraction"),
        ({"rungs": [{"fraction": 0.5}]}, "either a target or conditions"),
        ({"rungs": [{"fraction": 0.5, "target": "0R"}]}, "must not be 0, the entry price itself"),
        ({"rungs": [{"fraction": 0.5, "target": "2 potatoes"}]}, "must be a target such as"),
        ({"rungs": [{"fraction": 0.5, "target": "resistance 1.5"}]}, "integer of at least 1"),
        ({"rungs": [{"fraction": 0.5, "when": ["rsi_14 = 70"]}]}, "must read 'series >= number'"),
        ({"stop": {"breakeven_after": 3}}, "refers to rung 3, but the ladder has 1 rungs"),
        ({"stop": {"trail_after": 1}}, "stop.trail is not set"),
        ({"stop": {"trail": "3ATR", "trail_after": 1, "trail_from": "1R"}}, "set only one of them"),
        ({"stop": {"initial": "2R"}}, "ATR or %"),
        ({"stop": {"trail": "-3ATR"}}, "must be above 0"),
        ({"stop": {"time": 0}}, "integer of at least 1"),
        ({"stop": {"time": "0 sessions"}}, "integer of at least 1"),
        ({"stop": {"time": "6"}}, 'bars (40), hours ("6h") or sessions'),
        ({"stop": {"time": "6 weeks"}}, "must be given in bars"),
        ({"stop": {"hours": 6}}, "hours"),
        ({"stop": {"session_close": "yes"}}, "session_close must be true or false, but is 'yes'"),
        ({"stop": {"clock": "4pm"}}, 'clock must be a time of day of the exchange, from "00:01" to "24:00"'),
        ({"stop": {"clock": "00:00"}}, "clock must be a time of day"),
        ({"stop": {"max_gap": 36}}, 'max_gap must be a duration above 0, such as "36h"'),
        ({"stop": {"max_gap": "0h"}}, "max_gap must be a duration above 0"),
        ({"stop": {"time": 2.5}}, "integer of at least 1"),
        ({"costs": {"commission_bps": -1}}, "must be 0 or more"),
        ({"costs": {"slippage_ticks": 1}}, "needs the tick size"),
        ({"costs": {"tick": "fine"}}, "must be a number"),
        ({"execution": {"intrabar": "hopeful"}}, "must be one of stop_first"),
        ({"execution": {"leverage": 0.5}}, "at least 1"),
        ({"atr_window": 0}, "integer of at least 1"),
    ],
)
def test_what_is_impossible_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    """Trap T34: what is unknown or impossible is refused, and never replaced by a default."""
    table = {"rungs": [{"fraction": 0.5, "target": "1R"}], **change}
    with pytest.raises(LadderError) as result:
        ladder_from_mapping(table)
    assert message in str(result.value)


def test_a_file_that_is_no_toml_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("rungs = [")
    with pytest.raises(LadderError, match="not valid TOML"):
        read_ladder(tmp_path / "broken.toml")
    with pytest.raises(InputFileError, match="does not exist"):
        read_ladder(tmp_path / "absent.toml")


numbers = st.floats(0.01, 50, allow_nan=False).map(lambda v: round(v, 4))
targets = st.one_of(
    st.builds(Target, numbers, st.sampled_from(["R", "ATR", "%", "price", "fib"])),
    st.builds(Target, st.integers(1, 5).map(float), st.just("resistance")),
    st.builds(Target, numbers.map(lambda v: -v), st.sampled_from(["R", "ATR"])),
)
conditions = st.builds(
    Condition, st.sampled_from(["exhaustion", "rsi_14", "open_r"]), st.sampled_from([">=", "<=", ">", "<"]), numbers
)
fractions = st.integers(1, 25).map(lambda k: k / 100)
rungs = st.one_of(
    st.builds(lambda f, t: Rung(f, target=t), fractions, targets),
    st.builds(lambda f, c: Rung(f, when=tuple(c)), fractions, st.lists(conditions, min_size=1, max_size=3)),
)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ({"time": "40 bars"}, {"time": 40}),
        ({"time": "1 bar"}, {"time": 1}),
        ({"time": "6h"}, {"time": "6h"}),
        ({"time": "20m"}, {"time": f"{20 / 60!r}h"}),
        ({"time": "2d", "session_close": True}, {"time": "48h", "session_close": True}),
        ({"time": "1 session"}, {"time": "1 session"}),
        ({"time": "3 sessions", "clock": "15:55"}, {"time": "3 sessions", "clock": "15:55"}),
        ({"max_gap": "1.5d"}, {"max_gap": "36h"}),
    ],
)
def test_times_by_the_clock_are_written_as_they_are_read(written: dict[str, Any], kept: dict[str, Any]) -> None:
    ladder = ladder_from_mapping({"stop": written})
    assert ladder_to_mapping(ladder)["stop"] == kept
    again = ladder_from_mapping(tomllib.loads(ladder_to_toml(ladder)))
    assert again == ladder and ladder_fingerprint(again) == ladder_fingerprint(ladder)
    other = ladder_from_mapping({"stop": {"time": 41}})
    assert ladder_fingerprint(other) != ladder_fingerprint(ladder)


@given(
    rungs=st.lists(rungs, max_size=4),
    trail=st.none() | st.builds(Distance, numbers, st.sampled_from(["R", "ATR", "%"])),
    time=st.none() | st.integers(1, 500),
    costs=st.builds(Costs, commission_bps=numbers, tick=numbers, funding_bps_per_bar=numbers.map(lambda v: -v)),
    policy=st.sampled_from(["stop_first", "ohlc", "finer_bars"]),
)
def test_what_is_written_reads_back_equal(
    rungs: list[Rung], trail: Distance | None, time: int | None, costs: Costs, policy: str
) -> None:
    ladder = Ladder(
        rungs=tuple(rungs), stop=Stop(trail=trail, time=time), costs=costs, execution=Execution(intrabar=policy)
    )
    text = ladder_to_toml(ladder)
    again = ladder_from_mapping(tomllib.loads(text))
    assert again == ladder
    assert ladder_fingerprint(again) == ladder_fingerprint(ladder)
    assert text.count("[[rungs]]") == len(rungs)
