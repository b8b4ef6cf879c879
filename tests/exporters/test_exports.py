"""What each export refuses, hooks, and hostile names."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from exitladder.errors import LadderError
from exitladder.exporters import export_ladder
from exitladder.exporters.capabilities import capability_table, differences
from exitladder.exporters.ccxt_orders import OpenPosition
from exitladder.exporters.json_file import SCHEMA, ladder_json
from exitladder.exporters.targets import NAMES, TARGETS, YES
from exitladder.plans.file import ladder_fingerprint, ladder_from_mapping
from exitladder.plans.ladder import Ladder

PLAIN = {
    "rungs": [{"fraction": 0.25, "target": "1R"}, {"fraction": 0.25, "target": "2R"}],
    "stop": {"initial": "2ATR", "breakeven_after": 1, "trail": "3ATR", "trail_after": 1},
    "costs": {"tick": 0.01, "lot": 1.0},
}
ASKED: dict[str, dict[str, Any]] = {
    "swing_target": {"rungs": [{"fraction": 0.5, "target": "fib 1.618"}], "stop": {"initial": "2%"}},
    "partial_stop": {"rungs": [{"fraction": 0.5, "target": "-0.5R"}], "stop": {"initial": "2%"}},
    "state_condition": {"rungs": [{"fraction": 0.5, "when": "open_r >= 1"}], "stop": {"initial": "2%"}},
    "series_condition": {"rungs": [{"fraction": 0.5, "when": "exhaustion >= 0.7"}], "stop": {"initial": "2%"}},
    "rest": {"rungs": [{"fraction": "rest", "when": "open_r >= 1"}], "stop": {"initial": "2%"}},
    "slice": {"rungs": [{"fraction": 0.5, "target": "1R", "stop": "0.5R"}], "stop": {"initial": "2%"}},
    "time_bars": {"stop": {"initial": "2%", "time": 5}},
    "clock": {"stop": {"initial": "2%", "clock": "15:55"}},
    "participation": {"stop": {"initial": "2%"}, "execution": {"participation": 0.1}},
    "leverage": {"stop": {"initial": "2%"}, "execution": {"leverage": 5.0}},
    "through": {"stop": {"initial": "2%"}, "execution": {"limit_fill": "through"}},
    "averaging_add": {"adds": [{"quantity": 1.0, "at": "-0.5%"}], "stop": {"initial": "2%"}},
    "pyramiding_add": {"adds": [{"quantity": 1.0, "at": "1R"}], "stop": {"initial": "2%"}},
    "signal_add": {"adds": [{"quantity": 1.0, "when": "open_r >= 1"}], "stop": {"initial": "2%"}},
    "level_add": {"adds": [{"quantity": 1.0, "at": 98.0}], "stop": {"initial": "2%"}},
    "chained_add": {"adds": [{"quantity": 1.0, "at": "1R"}, {"quantity": 1.0, "at": "1R", "spacing": "previous"}]},
    "current_atr": {"adds": [{"quantity": 1.0, "at": "1ATR", "atr": "current"}], "stop": {"initial": "2%"}},
    "add_stop": {"adds": [{"quantity": 1.0, "at": "1R", "stop": "2ATR"}], "stop": {"initial": "2%"}},
    "average_stop": {"adds": [{"quantity": 1.0, "at": "1R", "stop": "average"}], "stop": {"initial": "2%"}},
    "costs_stop": {"adds": [{"quantity": 1.0, "at": "1R", "stop": "average+costs"}], "stop": {"initial": "2%"}},
    "add_rules": {"adds": [{"quantity": 1.0, "at": "1R"}], "add_rules": {"until_bars": 3}, "stop": {"initial": "2%"}},
    "from_average": {
        "adds": [{"quantity": 1.0, "at": "1R"}],
        "rungs": [{"fraction": 0.5, "target": "1R", "measured_from": "average"}],
        "stop": {"initial": "2%"},
    },
    "maximum": {"adds": [{"quantity": 1.0, "at": "1R"}], "size": {"maximum": 2.0}, "stop": {"initial": "2%"}},
    "size_rule": {"size": {"rule": "fixed", "units": 10.0}, "stop": {"initial": "2%"}},
    "maximum_alone": {"size": {"maximum": 2.0}, "stop": {"initial": "2%"}},
    "own_stop": {"rungs": [{"fraction": 0.5, "target": "1R"}]},
}
HOSTILE = (
    '"""\nimport os; os.system("echo owned")\n"""',
    "x*/ } int OnInit(){return 1;} /*",
    "a\r\n//@version=5\nstrategy.close_all()",
    "b\u2028evil()\u2029\x85c\x00d\\",
    "{{ 7*7 }} ${HOME} `id` %s \x1b[2J",
    "名前 é '; DROP TABLE",
)


@pytest.mark.parametrize("kind", sorted(ASKED))
@pytest.mark.parametrize("to", NAMES)
def test_what_a_target_cannot_express_is_refused_or_a_hook(to: str, kind: str) -> None:
    ladder = ladder_from_mapping(ASKED[kind])
    target = next(t for t in TARGETS if t.name == to)
    level = target.level(kind)
    if level == YES:
        assert export_ladder(ladder, to, hooks=True).text
        return
    with pytest.raises(LadderError, match="cannot express"):
        export_ladder(ladder, to)
    if level == "no":
        with pytest.raises(LadderError, match="cannot express"):
            export_ladder(ladder, to, hooks=True)
        return
    made = export_ladder(ladder, to, hooks=True)
    assert made.hooks
    for name in made.hooks:
        assert name.split(" ")[0] in made.text


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("to", NAMES)
def test_a_hostile_name_stays_a_name(to: str, name: str) -> None:
    harmless = export_ladder(ladder_from_mapping(PLAIN | {"name": "x"}), to).text
    made = export_ladder(ladder_from_mapping(PLAIN | {"name": name}), to).text
    assert made.isascii()
    if to in ("json", "ccxt"):
        assert json.loads(made)["name"] == name
    elif to in ("backtesting", "vectorbt", "freqtrade"):
        assert without_plan(made) == without_plan(harmless)
    else:
        # Only comments and strings may differ, line for line.
        assert [code_of(line) for line in made.splitlines()] == [code_of(line) for line in harmless.splitlines()]


def code_of(line: str) -> str:
    """Return a line of Pine or MQL5 without its comment and the insides of its strings."""
    parts = line.split("//")[0].split('"')
    return '"'.join(parts[::2])


def without_plan(text: str) -> str:
    """Return the code of a Python file, but for the name in its plan."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "name" and isinstance(value, ast.Constant):
                    value.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize("to", NAMES)
def test_every_file_names_its_maker_and_its_differences(to: str) -> None:
    ladder = ladder_from_mapping(PLAIN)
    made = export_ladder(ladder, to)
    assert ladder_fingerprint(ladder) in made.text
    assert "exitladder 0." in made.text
    for text in made.differs:
        assert text.split(":")[0] in made.text


def test_only_differences_of_its_own_parts_are_named_and_each_module_is_imported_once() -> None:
    plain = export_ladder(ladder_from_mapping(PLAIN), "freqtrade")
    adding = {**PLAIN, "adds": [{"quantity": 0.5, "at": "0.5R"}]}
    plan = export_ladder(ladder_from_mapping(adding), "freqtrade")
    assert not any(text.startswith(("Adds:", "Pyramiding")) for text in plain.differs) and "Adds:" not in plain.text
    assert any(text.startswith("Pyramiding") for text in plan.differs) and "- Adds:" in plan.text
    for made in (plain, plan, export_ladder(ladder_from_mapping(PLAIN), "vectorbt")):
        modules = re.findall(r"^(?:from (\S+) )?import (.+)$", made.text, re.MULTILINE)
        named = [start or name for start, name in modules]
        assert len(named) == len(set(named)), named


def valid(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "$") -> None:
    """Check the parts of JSON Schema that the file uses."""
    if "$ref" in schema:
        node: Any = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            node = node[key]
        valid(value, node, root, place)
        return
    names = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    if "type" in schema:
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        fits = [is_number if k in ("number", "integer") else isinstance(value, names[k]) for k in kinds]
        assert any(fits), place
    assert value == schema.get("const", value), place
    assert "enum" not in schema or value in schema["enum"], place
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value), place
        assert schema.get("additionalProperties", True) or set(value) <= set(schema["properties"]), place
        for key, item in value.items():
            valid(item, schema["properties"].get(key, {}), root, f"{place}.{key}")
    for k, item in enumerate(value if isinstance(value, list) else []):
        valid(item, schema.get("items", {}), root, f"{place}[{k}]")


@pytest.mark.parametrize("kind", sorted(ASKED))
def test_the_json_follows_its_schema_and_reads_back(kind: str) -> None:
    ladder = ladder_from_mapping(ASKED[kind])
    table = json.loads(export_ladder(ladder, "json").text)
    schema = json.loads(SCHEMA.read_text())
    valid(table, schema, schema)
    assert ladder_from_mapping(table["file"]) == ladder
    with pytest.raises(AssertionError):
        valid(ladder_json(ladder) | {"runner": "half"}, schema, schema)


def orders_of(ladder: Ladder, position: OpenPosition, venue: str) -> list[dict[str, Any]]:
    made = json.loads(export_ladder(ladder, "ccxt", position=position, exchanges=[venue]).text)
    found: list[dict[str, Any]] = made["exchanges"][venue]["orders"]
    return found


def test_ccxt_orders_never_sell_more_than_is_held() -> None:
    orders = orders_of(ladder_from_mapping(PLAIN), OpenPosition("BTC/USDT:USDT", 1, 100.0, 13.0, 95.0), "bybit")
    limits = [order for order in orders if order["kind"] == "limit"]
    stops = [order for order in orders if order["kind"] == "stop"]
    assert [(order["amount"], order["price"]) for order in limits] == [(3.0, 105.0), (3.0, 110.0)]
    assert [order["amount"] for order in stops] == [3.0, 3.0, 7.0]
    assert all(order["params"]["reduceOnly"] and order["params"]["stopLossPrice"] == 95.0 for order in stops)
    assert [order["oco"] for order in limits] == [order["oco"] for order in stops[:2]] == ["rung 1", "rung 2"]


TRANCHES = {
    "rungs": [{"fraction": 0.25, "target": "2R"}],
    "adds": [
        {"quantity": 0.5, "at": "-0.4R"},
        {"quantity": 0.5, "at": "-0.3R", "spacing": "previous"},
        {"money": 300.0, "at": "0.6R", "stop": "1.2R"},
    ],
    "size": {"maximum": 2.0},
    "costs": {"tick": 0.25, "lot": 1.0},
}


@pytest.mark.parametrize("side", [1, -1])
def test_ccxt_adds_open_and_never_exceed_the_maximum(side: int) -> None:
    """13 at 100, R 5: 6 at 2 below, 6 at 1.5 below that, then only one fits; 300 in money is 2 at 103."""
    position = OpenPosition("BTC/USDT:USDT", side, 100.0, 13.0, 100.0 - 5 * side)
    made = json.loads(export_ladder(ladder_from_mapping(TRANCHES), "ccxt", position=position, exchanges=["bybit"]).text)
    venue = made["exchanges"]["bybit"]
    adds = [order for order in venue["orders"] if order["kind"].startswith("add")]
    first = adds[0]
    assert (first["add"], first["amount"], first["price"]) == (1, 6.0, 100.0 - 2 * side)
    assert first["side"] == ("buy" if side > 0 else "sell")
    assert not any("reduceOnly" in order["params"] for order in adds)
    assert 13 + sum(order["amount"] for order in adds) <= 26
    for later in venue["after_adds"]:
        stops = [order for order in later["orders"] if order["kind"] == "stop"]
        assert sum(order["amount"] for order in stops) == later["held"] <= 26
        assert [order["amount"] for order in later["orders"] if order["kind"] == "limit"] == [later["held"] // 4]
    both = next(later for later in venue["after_adds"] if later["filled"] == [1, 2])
    assert both["average_entry"] == pytest.approx((13 * 100 + 6 * (100 - 2 * side) + 6 * (100 - 3.5 * side)) / 25)
    pyramid = next(later for later in venue["after_adds"] if later["filled"] == [3])
    levels = {order["params"]["stopLossPrice"] for order in pyramid["orders"] if order["kind"] == "stop"}
    assert levels == {97.0 if side > 0 else 103.0}  # 1.2R from the fill at 103, or at 97


def test_an_exchange_without_stop_orders_that_open_is_refused_by_name_or_left_out() -> None:
    plan = ladder_from_mapping(TRANCHES)
    with pytest.raises(LadderError, match=r"kraken cannot express adds\[3\].at = '0.6R'"):
        export_ladder(plan, "ccxt", exchanges=["kraken"])
    made = json.loads(export_ladder(plan, "ccxt").text)
    assert set(made["left_out"]) == {"hyperliquid", "kraken"}
    assert "bybit" in made["exchanges"]


def test_ccxt_orders_of_a_short_on_spot_and_bad_positions() -> None:
    ladder = ladder_from_mapping(PLAIN)
    orders = orders_of(ladder, OpenPosition("BTC/EUR", -1, 100.0, 8.0, 104.0), "kraken")
    assert {order["side"] for order in orders} == {"buy"}
    assert not any("reduceOnly" in order["params"] for order in orders)
    assert orders[0]["price"] == 96.0
    with pytest.raises(LadderError, match="must fit the ladder"):
        export_ladder(ladder, "ccxt", position=OpenPosition("X", 1, 100.0, 8.0, 104.0))
    with pytest.raises(LadderError, match="must be one of"):
        export_ladder(ladder, "ccxt", exchanges=["bybitt"])


def test_the_page_has_the_tables_of_the_code(root: Path) -> None:
    page = (root / "docs" / "exports.md").read_text(encoding="utf-8")
    assert capability_table() in page
    assert differences() in page
    for name in NAMES:
        assert f"--to {name}" in page
