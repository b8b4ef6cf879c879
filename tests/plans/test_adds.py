"""Adds, the maximum size and their rules as TOML: read strictly, refused with a cure, written back exactly."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import pytest

from exitladder.errors import LadderError
from exitladder.exporters.export import export_ladder
from exitladder.plans.adds import Add, AddRules, needs_stop
from exitladder.plans.file import ladder_fingerprint, ladder_from_mapping, ladder_to_mapping, ladder_to_toml
from exitladder.plans.ladder import Ladder
from exitladder.plans.size import Size
from exitladder.plans.units import Condition, Distance, Target
from exitladder.plans.words import describe_ladder, in_words

PLAN = """
[[rungs]]
fraction = 0.5
target = "2R"
measured_from = "average"
[[adds]]
quantity = 1.0
at = "0.5ATR"
spacing = "previous"
stop = "2ATR"
atr = "current"
[[adds]]
units = 50
at = "support 2"
[[adds]]
money = 300.5
when = ["signal >= 0.5", "open_r < 0.25"]
stop = "average+costs"
[stop]
initial = "2ATR"
breakeven_after = 1
breakeven_from = "average"
[size]
maximum = 4.0
[add_rules]
after_exit = true
until_bars = 40
"""


def plan_of(**add: Any) -> dict[str, Any]:
    return {"adds": [{"quantity": 1.0, "at": "0.5R", **add}]}


def test_a_plan_file_is_understood_and_written_back() -> None:
    plan = ladder_from_mapping(tomllib.loads(PLAN))
    assert plan.adds == (
        Add(1.0, at=Target(0.5, "ATR"), spacing="previous", stop=Distance(2, "ATR"), atr="current"),
        Add(units=50, at=Target(2, "support")),
        Add(
            money=300.5,
            when=(Condition("signal", ">=", 0.5), Condition("open_r", "<", 0.25)),
            stop="average+costs",
        ),
    )
    assert (plan.size, plan.add_rules) == (Size(maximum=4.0), AddRules(True, 40))
    assert plan.series == ("signal",)
    assert [add.is_averaging for add in plan.adds] == [False, True, None]
    for back in (
        ladder_from_mapping(tomllib.loads(ladder_to_toml(plan))),
        ladder_from_mapping(ladder_to_mapping(plan)),
    ):
        assert back == plan
        assert ladder_fingerprint(back) == ladder_fingerprint(plan)
    assert describe_ladder(plan)["adds"].startswith("add 1x at 0.5ATR from the previous fill (stop 2ATR from it); ")
    assert in_words(ladder_from_mapping(plan_of())) == "initial stop, add 1x at 0.5R"


def test_every_table_of_a_plan_changes_the_fingerprint_and_their_absence_does_not() -> None:
    assert ladder_fingerprint(Ladder()) == "e9b8e1056e8de5f3"  # of version 0.1
    tables = [{}, plan_of(), plan_of(quantity=2.0), plan_of(atr="current", stop="2ATR"), {"size": {"maximum": 2.0}}]
    tables.append(plan_of() | {"add_rules": {"until_bars": 3}})
    assert len({ladder_fingerprint(ladder_from_mapping(table)) for table in tables}) == len(tables)
    assert not any(name in ladder_to_toml(Ladder()) for name in ("adds", "size", "measured_from"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (plan_of(quantity=0), r"adds\[1\].quantity must be above 0"),
        (plan_of(units=3), r"adds\[1\] must have one of quantity .*, units and money, but has quantity and units"),
        ({"adds": [{"at": "1R"}]}, "but has none of them"),
        (plan_of(when=["signal > 1"]), r"adds\[1\] must have either a level in 'at' or conditions"),
        (plan_of(at="-1R"), r"adds\[1\].at must be between the entry and the initial stop \(1R away\)"),
        (plan_of(at="-3ATR") | {"stop": {"initial": "2ATR"}}, r"the initial stop \(2ATR away\)"),
        (
            {"adds": [{"quantity": 1, "at": "-0.6R"}, {"quantity": 1, "at": "-0.4R", "spacing": "previous"}]},
            r"adds\[2\].at .* 1R from the entry",
        ),
        (plan_of(at="-0.5R", stop="average"), r'adds\[1\].stop = "average" would put the stop above'),
        (plan_of(at="support 1", stop="average+costs"), r"adds\[1\].stop"),
        (plan_of(stop="-1R"), r"adds\[1\].stop must be above 0"),
        (plan_of(stop="mean"), r"adds\[1\].stop must be a number with the unit"),
        (plan_of(at=101.0, spacing="previous"), r'adds\[1\].spacing = "previous" measures a distance'),
        (plan_of(atr="current"), r'adds\[1\].atr = "current" needs a distance in ATR'),
        (plan_of(spacing="last"), r"adds\[1\].spacing must be one of entry, previous"),
        (plan_of(at="support 0"), r"adds\[1\].at counts confirmed levels"),
        (plan_of(quantiti=1), "Unknown key 'quantiti' in adds"),
        ({"adds": {"quantity": 1}}, r"adds must be a list of tables \(\[\[adds\]\]\)"),
        ({"add_rules": {"until_bars": 3}}, r"has no \[\[adds\]\]"),
        (plan_of() | {"add_rules": {"until_bars": 0}}, "add_rules.until_bars must be an integer of at least 1"),
        (plan_of() | {"add_rules": {"after_exit": 1}}, "add_rules.after_exit must be true or false"),
        ({"size": {"maximum": 0.5}}, "size.maximum is a multiple of the first quantity and must be at least 1"),
        ({"size": {"maximum": 2.0, "maximum_units": 3}}, "must be given once"),
        (plan_of(quantity=1e308), r"adds\[1\].quantity must be at most 1e\+15"),
        ({"size": {"rule": "martingale"}}, "size.rule must be one of file, fixed"),
        ({"size": {"maximum_equity": 0.1}}, "size.maximum_equity is set and book.equity is not"),
        ({"rungs": [{"fraction": 1.0, "target": "1R", "measured_from": "average"}]}, r"needs \[\[adds\]\]"),
        (
            plan_of() | {"rungs": [{"fraction": 1.0, "target": 101, "measured_from": "average"}]},
            r"rungs\[1\].measured_from",
        ),
        (plan_of() | {"stop": {"breakeven_from": "average"}}, "stop.breakeven_from is set"),
        (plan_of() | {"rungs": [{"fraction": 0.5, "stop": "0.5R"}]}, "cannot yet have rungs with their own stop"),
    ],
)
def test_an_invalid_plan_is_refused_with_its_place(table: dict[str, Any], message: str) -> None:
    with pytest.raises(LadderError, match=message):
        ladder_from_mapping(table)


@pytest.mark.parametrize("price", [0, -5.0, "-5", "0.0"])
def test_a_price_of_an_add_is_above_zero(price: object) -> None:
    with pytest.raises(LadderError, match=r"adds\[1\].at without a unit is a price and must be above 0, but is (-5|0)"):
        ladder_from_mapping(plan_of(at=price))


@pytest.mark.parametrize(
    "table",
    [
        plan_of(at="1R\x1b[31m"),
        plan_of(at="1\nX"),
        plan_of(spacing="\x1b[2J"),
        plan_of(stop="\x07"),
        plan_of(quantity="\x9b31m"),
        plan_of(**{"\x1b[31m\nspacing": 1}),
        {"adds": [{"quantity": 1.0, "when": ["\x1b >= 1"]}]},
        {"adds": "\x1b"},
        {"adds": ["\r\n"]},
        {"size": {"rule": "\x1b"}},
        {"add_rules": {"until_bars": "\x1b"}},
        {"add_rules": {"\x1b\n": 1}},
    ],
)
def test_no_control_character_of_a_plan_reaches_the_terminal(table: dict[str, Any]) -> None:
    with pytest.raises(LadderError) as refusal:
        ladder_from_mapping(table)
    assert not [character for character in str(refusal.value) if ord(character) < 32 or 127 <= ord(character) < 160]


def test_numbers_of_numpy_make_the_plan_that_pythons_numbers_make() -> None:
    def table(whole: Any, number: Any, true: Any) -> dict[str, Any]:
        return {
            "atr_window": whole(20),
            "rungs": [{"fraction": number(0.5), "target": number(120.5)}],
            "adds": [{"quantity": whole(1), "at": number(95.5)}, {"money": number(300.0), "at": "1R"}],
            "stop": {"time": whole(40), "breakeven_after": whole(1)},
            "costs": {"lot": whole(1), "commission_bps": number(2.0)},
            "size": {"maximum": whole(3)},
            "add_rules": {"until_bars": whole(5), "after_exit": true(1)},
        }

    plan = ladder_from_mapping(table(int, float, bool))
    given = ladder_from_mapping(table(np.int64, np.float64, np.bool_))
    assert given == plan
    assert ladder_fingerprint(given) == ladder_fingerprint(plan)
    assert ladder_to_toml(given) == ladder_to_toml(plan)


def test_a_trades_own_stop_is_stop_enough_for_averaging() -> None:
    assert needs_stop(ladder_from_mapping(plan_of(at="-0.5R")))
    assert not needs_stop(ladder_from_mapping(plan_of(at="-0.5R") | {"stop": {"initial": "2ATR"}}))
    assert not needs_stop(ladder_from_mapping(plan_of()))


def test_programs_that_cannot_express_adds_refuse_them() -> None:
    plan = ladder_from_mapping(plan_of(at="support 1") | {"name": "tranches", "stop": {"initial": "2ATR"}})
    with pytest.raises(LadderError, match=r"cannot express adds\[1\]"):
        export_ladder(plan, "mql5")
    sized = ladder_from_mapping({"size": {"rule": "fixed", "units": 5.0}})
    with pytest.raises(LadderError, match=r"cannot express size.rule = 'fixed'"):
        export_ladder(sized, "pine")
