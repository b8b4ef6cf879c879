"""A ladder as JSON, described by ``ladder.schema.json`` beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from exitladder import __version__
from exitladder.exporters.asks import asks_of
from exitladder.plans.adds import Add
from exitladder.plans.file import ladder_fingerprint, ladder_to_mapping
from exitladder.plans.ladder import Ladder, Rung, Stop
from exitladder.plans.units import Distance, Target
from exitladder.plans.words import in_words

SCHEMA = Path(__file__).with_name("ladder.schema.json")
SCHEMA_NAME, SCHEMA_VERSION = "exitladder.ladder", 1


def ladder_json(ladder: Ladder) -> dict[str, Any]:
    """Return a ladder as the JSON that ``ladder.schema.json`` describes.

    The key ``file`` holds the tables of the ladder file, which `exitladder.plans.file.ladder_from_mapping` reads back.
    """
    stop = ladder.stop
    return {
        "schema": SCHEMA_NAME,
        "version": SCHEMA_VERSION,
        "made_by": f"exitladder {__version__}",
        "fingerprint": ladder_fingerprint(ladder),
        "name": ladder.name,
        "in_words": in_words(ladder),
        "atr_window": ladder.atr_window,
        "rungs": [_rung(number, rung) for number, rung in enumerate(ladder.rungs, start=1)],
        "runner": ladder.runner,
        "stop": {
            "initial": _value(stop.initial),
            "breakeven": None
            if stop.breakeven_after is None
            else {"after_rung": stop.breakeven_after, "offset": _value(stop.breakeven_offset)},
            "trail": _trail(stop),
            "time": _time(stop),
            "session_close": stop.session_close,
            "clock": stop.clock,
            "max_gap_hours": stop.max_gap,
        },
        **_adds(ladder),
        "asks": sorted({ask.kind for ask in asks_of(ladder)}),
        "file": ladder_to_mapping(ladder),
    }


def json_text(ladder: Ladder) -> str:
    """Return the JSON of a ladder as ASCII text."""
    return json.dumps(ladder_json(ladder), indent=2) + "\n"


def _value(value: Distance | Target | None) -> dict[str, Any] | None:
    return None if value is None else {"value": float(value.value), "unit": value.unit}


def _adds(ladder: Ladder) -> dict[str, Any]:
    """Return the keys of a plan that adds to positions or limits their size; none for a ladder."""
    if not ladder.is_plan:
        return {}
    size, rules = ladder.size, ladder.add_rules
    return {
        "adds": [_add(number, add) for number, add in enumerate(ladder.adds, start=1)],
        "maximum": {"quantity": size.maximum, "units": size.maximum_units, "money": size.maximum_money},
        "add_rules": {"after_exit": rules.after_exit, "until_bars": rules.until_bars},
        "measured_from_average": {
            "rungs": [n for n, rung in enumerate(ladder.rungs, start=1) if rung.measured_from == "average"],
            "breakeven": ladder.stop.breakeven_from == "average",
        },
    }


def _add(number: int, add: Add) -> dict[str, Any]:
    stop = add.stop
    return {
        "number": number,
        "quantity": add.quantity,
        "units": add.units,
        "money": add.money,
        "at": _value(add.at),
        "when": [{"series": c.series, "operator": c.operator, "value": float(c.threshold)} for c in add.when],
        "from_previous": add.spacing == "previous",
        "current_atr": add.atr == "current",
        "stop": None if stop is None else {"to": stop} if isinstance(stop, str) else {"distance": _value(stop)},
    }


def _rung(number: int, rung: Rung) -> dict[str, Any]:
    return {
        "number": number,
        "fraction": None if rung.sells_rest else float(rung.fraction),
        "sells_rest": rung.sells_rest,
        "target": _value(rung.target),
        "when": [{"series": c.series, "operator": c.operator, "value": float(c.threshold)} for c in rung.when],
        "is_slice": rung.is_slice,
        "stop": _value(rung.stop),
        "trail": _trail(rung),
        "follows_main_stop": rung.follow,
    }


def _trail(part: Rung | Stop) -> dict[str, Any] | None:
    if part.trail is None:
        return None
    armed = "rung" if part.trail_after is not None else "mfe" if part.trail_from is not None else "entry"
    return {
        "distance": _value(part.trail),
        "armed_by": armed,
        "after_rung": part.trail_after,
        "from_mfe": _value(part.trail_from),
    }


def _time(stop: Stop) -> dict[str, Any] | None:
    for unit, value in (("bars", stop.time), ("hours", stop.hours), ("sessions", stop.sessions)):
        if value is not None:
            return {"value": value, "unit": unit}
    return None
