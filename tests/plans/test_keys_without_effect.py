"""Every key of the tables of a plan has an effect, or is refused, or is named as one that has none."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from exitladder.errors import ExitladderWarning, LadderError
from exitladder.plans.adds import Add, AddRules
from exitladder.plans.file import ladder_from_mapping, read_plan
from exitladder.plans.limits import Book, Risk
from exitladder.plans.size import Size
from exitladder.plans.without_effect import keys_without_effect

Table = dict[str, Any]

BELOW: Table = {"quantity": 1.0, "at": "-0.25R"}
BEYOND: Table = {"quantity": 1.0, "at": "0.5ATR"}
RUNG: Table = {"fraction": 0.5, "target": "2R"}
SHARED: Table = {"equity": 1e5, "max_open": 3}
ANTI: Table = {"rule": "anti_martingale", "fraction": 0.01, "factor": 2.0, "maximum_factor": 4.0}
KELLY: Table = {"rule": "kelly", "fraction": 0.01, "kelly_cap": 0.02}
EQUITY: Table = {"book": {"equity": 1e5}}
LIMIT: Table = {"when": ["var > 0.02"], "reduce_to": "until"}
LIMITED: Table = {"book": {"equity": 1e5, "limits": [LIMIT]}}

# Of each key: a plan in which it has an effect, and plans in which it would have none.
KEYS: dict[str, tuple[Table, list[Table]]] = {
    "size.rule": ({"size": {"rule": "fixed", "units": 5.0}}, []),
    "size.units": ({"size": {"rule": "fixed", "units": 5.0}}, [{"size": {"units": 5.0}}]),
    "size.money": ({"size": {"rule": "fixed", "money": 5e3}}, [{"size": {"money": 5e3}}]),
    "size.maximum": ({"size": {"maximum": 2.0}, "adds": [BEYOND]}, [{"size": {"maximum": 2.0}}]),
    "size.maximum_units": ({"size": {"maximum_units": 9.0}}, []),
    "size.maximum_money": ({"size": {"maximum_money": 9e3}}, []),
    "size.maximum_equity": ({"size": {"maximum_equity": 1.0}, **EQUITY}, [{"size": {"maximum_equity": 1.0}}]),
    "size.fraction": ({"size": {"rule": "fraction", "fraction": 0.01}, **EQUITY}, [{"size": {"fraction": 0.01}}]),
    "size.target_volatility": (
        {"size": {"rule": "volatility", "target_volatility": 0.1}, **EQUITY},
        [{"size": {"target_volatility": 0.1}}],
    ),
    "size.window": (
        {"size": {"rule": "volatility", "target_volatility": 0.1, "window": 20}, **EQUITY},
        [{"size": {"rule": "fraction", "fraction": 0.01, "window": 20}, **EQUITY}],
    ),
    "size.factor": ({"size": ANTI, **EQUITY}, [{"size": {"factor": 2.0}}]),
    "size.maximum_factor": ({"size": ANTI, **EQUITY}, [{"size": {"maximum_factor": 2.0}}]),
    "size.wins": ({"size": {**ANTI, "wins": 2}, **EQUITY}, [{"size": {**KELLY, "wins": 2}, **EQUITY}]),
    "size.kelly_fraction": ({"size": {**KELLY, "kelly_fraction": 0.3}, **EQUITY}, [{"size": {"kelly_fraction": 0.3}}]),
    "size.kelly_cap": ({"size": KELLY, **EQUITY}, [{"size": {**ANTI, "kelly_cap": 0.02}, **EQUITY}]),
    "size.minimum_trades": ({"size": {**KELLY, "minimum_trades": 50}, **EQUITY}, [{"size": {"minimum_trades": 50}}]),
    "size.ruin": (
        {"size": {"ruin": 0.3}, **EQUITY},
        [
            {"size": {"ruin": 0.3}},
            {"size": {"rule": "fixed", "units": 5.0, "ruin": 0.3}},
            {"size": {"ruin": 0.3}, "book": SHARED},
        ],
    ),
    "adds.quantity": ({"adds": [BEYOND]}, []),
    "adds.units": ({"adds": [{"units": 5.0, "at": "1R"}]}, []),
    "adds.money": ({"adds": [{"money": 5e3, "at": "1R"}]}, []),
    "adds.at": ({"adds": [BELOW]}, []),
    "adds.when": ({"adds": [{"quantity": 1.0, "when": ["open_r >= 0.5"]}]}, []),
    "adds.spacing": (
        {"adds": [BEYOND, {**BEYOND, "spacing": "previous"}]},
        [{"adds": [BEYOND, {"quantity": 1.0, "at": 105.0, "spacing": "previous"}]}],
    ),
    "adds.atr": (
        {"adds": [{**BEYOND, "atr": "current"}]},
        [{"adds": [{"quantity": 1.0, "at": "1R", "atr": "current"}]}],
    ),
    "adds.stop": (
        {"adds": [{**BELOW, "stop": "0.5R"}]},
        [
            {"adds": [{**BELOW, "stop": "0.75R"}]},
            {"adds": [BELOW, {**BELOW, "spacing": "previous", "stop": "0.5R"}]},
            {"adds": [{**BELOW, "stop": "average"}]},
        ],
    ),
    "add_rules.after_exit": (
        {"adds": [BEYOND], "rungs": [RUNG], "add_rules": {"after_exit": True}},
        [
            {"adds": [BEYOND], "add_rules": {"after_exit": True}},
            {"rungs": [RUNG], "add_rules": {"after_exit": True}},
        ],
    ),
    "add_rules.until_bars": (
        {"adds": [BEYOND], "add_rules": {"until_bars": 9}, "stop": {"time": 10}},
        [
            {"adds": [BEYOND], "add_rules": {"until_bars": 10}, "stop": {"time": 10}},
            {"add_rules": {"until_bars": 10}},
        ],
    ),
    "book.equity": (EQUITY, []),
    "book.max_open": ({"book": SHARED}, [{"book": {"max_open": 3}}]),
    "book.margin": ({"book": {"equity": 1e5, "margin": 0.1}}, [{"book": {"margin": 0.1}}]),
    "book.margin_call": (
        {"book": {"equity": 1e5, "margin_call": "close"}, "execution": {"maintenance_margin": 0.05}},
        [{"book": {"equity": 1e5, "margin_call": "close"}}],
    ),
    "book.daily_loss": ({"book": {"equity": 1e5, "daily_loss": 0.03}}, []),
    "book.daily_loss_action": (
        {"book": {"equity": 1e5, "daily_loss": 0.03, "daily_loss_action": "close"}},
        [{"book": {"equity": 1e5, "daily_loss_action": "close"}}],
    ),
    "book.reduce": (
        {"book": {"equity": 1e5, "reduce": "largest_risk", "limits": [LIMIT]}},
        [{"book": {"equity": 1e5, "reduce": "largest_risk"}}],
    ),
    "book.stale_days": ({"book": {**SHARED, "stale_days": 3}}, []),
    "book.enter_when": ({"book": {"equity": 1e5, "enter_when": ["signal > 0"]}}, []),
    "book.limits": (LIMITED, []),
    "risk.method": ({**LIMITED, "risk": {"method": "parametric"}}, [{"risk": {"method": "parametric"}}]),
    "risk.level": ({**LIMITED, "risk": {"level": 0.95}}, [{"risk": {"level": 0.95}}]),
    "risk.window": ({**LIMITED, "risk": {"window": 300}}, [{"risk": {"window": 300}}]),
    "risk.horizon": ({**LIMITED, "risk": {"horizon": 2}}, [{"risk": {"horizon": 2}}]),
    "risk.degrees": (
        {**LIMITED, "risk": {"method": "parametric", "degrees": 4.0}},
        [{**LIMITED, "risk": {"degrees": 4.0}}],
    ),
    "execution.maintenance_margin": (
        {"execution": {"maintenance_margin": 0.05, "leverage": 3.0}},
        [{"execution": {"maintenance_margin": 0.05}}],
    ),
    "execution.leverage": (
        {"book": SHARED, "execution": {"leverage": 3.0}},
        [{"book": {"equity": 1e5, "margin": 0.1}, "execution": {"leverage": 3.0}}],
    ),
}


def told(table: Table) -> str:
    """Return what is said of the plan: the refusal, or the keys without effect; empty if there is nothing to say."""
    base = {"rungs": [], "stop": {"initial": "2ATR"}}
    try:
        plan = ladder_from_mapping({**base, **table, "stop": {"initial": "2ATR", **table.get("stop", {})}})
    except LadderError as refusal:
        return str(refusal)
    return "\n".join(keys_without_effect(plan))


def test_the_cases_name_every_key() -> None:
    parts = {"size": Size, "adds": Add, "add_rules": AddRules, "book": Book, "risk": Risk}
    every = {f"{table}.{f.name}" for table, part in parts.items() for f in fields(part)}
    assert every == {key for key in KEYS if not key.startswith("execution.")}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_without_effect_is_refused_or_named(key: str) -> None:
    useful, pointless = KEYS[key]
    assert told(useful) == ""
    for table in pointless:
        text = told(table)
        name, field = key.split(".")
        assert field in text or f"[{name}]" in text
        assert text.endswith(".")


def test_a_plan_is_read_with_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('stop = {initial = "2ATR"}\nsize = {maximum = 3.0}\n')
    with pytest.warns(ExitladderWarning, match=r"size\.maximum has no effect.*plan\.toml"):
        assert read_plan(file).size.maximum == 3.0
