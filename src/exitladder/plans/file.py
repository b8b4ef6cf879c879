"""The ladder file (TOML): strict reading, exact writing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import tomli_w

from exitladder.errors import LadderError
from exitladder.files.toml import only_keys, read_toml
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.provenance import tuned_from_mapping, tuned_to_toml
from exitladder.plans.times import hours_from_text, hours_text, time_from_text
from exitladder.plans.units import Condition, Distance, Target

REST = "rest"
_SLICE_DISTANCES = ("stop", "trail", "trail_from")
_SLICE_KEYS = (*_SLICE_DISTANCES, "trail_after", "follow")
_STOP_DISTANCES = ("initial", "breakeven_offset", "trail", "trail_from")
# Fields of a stop that the key "time" of a file holds.
_IN_TIME = ("hours", "sessions")


def read_ladder(path: str | Path) -> Ladder:
    """Return the ladder in a TOML file.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    LadderError
        If it is not valid TOML, or contains an unknown key or an invalid value.
    """
    table = read_toml(path, "ladder", LadderError)
    try:
        return ladder_from_mapping(table)
    except LadderError as error:
        raise LadderError(f"{error} ({path})") from None


def ladder_from_mapping(table: Mapping[str, Any], place: str = "ladder") -> Ladder:
    """Return the ladder described by nested tables; unknown keys are rejected with their location."""
    table = only_keys(table, [f.name for f in fields(Ladder)], place, LadderError)
    rungs = table.get("rungs", [])
    if not isinstance(rungs, (list, tuple)):
        raise LadderError(f"rungs must be a list of tables ([[rungs]]), but is {rungs!r}.")
    return Ladder(
        name=table.get("name", "ladder"),
        atr_window=table.get("atr_window", 14),
        rungs=tuple(_rung(rung, f"rungs[{n}]") for n, rung in enumerate(rungs, start=1)),
        stop=_stop(table.get("stop", {})),
        costs=costs_from_mapping(table.get("costs", {})),
        execution=_execution(table.get("execution", {})),
        tuned=tuned_from_mapping(table["tuned"]) if "tuned" in table else None,
    )


def costs_from_mapping(table: object, place: str = "costs") -> Costs:
    """Return the costs described by a table."""
    return Costs(**only_keys(table, [f.name for f in fields(Costs)], place, LadderError))


def _rung(table: object, place: str) -> Rung:
    table = only_keys(table, ["fraction", "target", "when", *_SLICE_KEYS], place, LadderError)
    if "fraction" not in table:
        raise LadderError(f"{place} must have a fraction (a share of the original quantity).")
    rest = table["fraction"] == REST
    when = table.get("when", [])
    if isinstance(when, str):
        when = [when]
    if not isinstance(when, (list, tuple)):
        raise LadderError(f"{place}.when must be a list of conditions, but is {when!r}.")
    own: dict[str, Any] = {
        key: Distance.parse(table[key], f"{place}.{key}") if key in _SLICE_DISTANCES else table[key]
        for key in _SLICE_KEYS
        if key in table
    }
    return Rung(
        fraction=0.0 if rest else table["fraction"],
        target=Target.parse(table["target"], f"{place}.target") if "target" in table else None,
        when=tuple(Condition.parse(c, f"{place}.when") for c in when),
        sells_rest=rest,
        **own,
    )


def _stop(table: object) -> Stop:
    table = only_keys(table, [f.name for f in fields(Stop) if f.name not in _IN_TIME], "stop", LadderError)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key == "time":
            values |= time_from_text(value, "stop.time")
        elif key == "max_gap":
            values[key] = hours_from_text(value, "stop.max_gap")
        else:
            values[key] = Distance.parse(value, f"stop.{key}") if key in _STOP_DISTANCES else value
    return Stop(**values)


def _execution(table: object) -> Execution:
    table = only_keys(table, [f.name for f in fields(Execution)], "execution", LadderError)
    for key in ("participation", "leverage", "maintenance_margin"):
        value = table.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise LadderError(f"execution.{key} must be a number, but is {value!r}.")
    return Execution(**table)


def ladder_to_mapping(ladder: Ladder) -> dict[str, Any]:
    """Return nested tables that `ladder_from_mapping` reads back to an equal ladder; omits defaults except rungs.

    The provenance (``[tuned]``) is left out.
    """
    rungs: list[dict[str, Any]] = []
    for rung in ladder.rungs:
        entry: dict[str, Any] = {"fraction": REST if rung.sells_rest else rung.fraction}
        if rung.target is not None:
            entry["target"] = _exact(rung.target)
        elif rung.when:
            entry["when"] = [f"{c.series} {c.operator} {c.threshold!r}" for c in rung.when]
        rungs.append(entry | _changed(rung, Rung(rung.fraction), _SLICE_KEYS))
    table: dict[str, Any] = {"name": ladder.name, "atr_window": ladder.atr_window, "rungs": rungs}
    for name, part, default in (
        ("stop", ladder.stop, Stop()),
        ("costs", ladder.costs, Costs()),
        ("execution", ladder.execution, Execution()),
    ):
        values = _changed(part, default, [f.name for f in fields(part)])
        if name == "stop":
            values = _with_times_as_text(values)
        if values:
            table[name] = values
    return table


def _with_times_as_text(values: dict[str, Any]) -> dict[str, Any]:
    texts = dict(values)
    if "hours" in texts:
        texts["time"] = hours_text(texts.pop("hours"))
    if "sessions" in texts:
        number = texts.pop("sessions")
        texts["time"] = f"{number} session{'s' if number > 1 else ''}"
    if "max_gap" in texts:
        texts["max_gap"] = hours_text(texts["max_gap"])
    return texts


def _changed(part: object, default: object, names: Sequence[str]) -> dict[str, Any]:
    """Return the fields that differ from their default, as the file writes them."""
    return {
        name: _exact(value) if isinstance(value := getattr(part, name), Distance) else value
        for name in names
        if getattr(part, name) != getattr(default, name)
    }


def _exact(value: Distance | Target) -> str | float:
    if value.unit == "price":
        return value.value
    number = int(value.value) if value.value == int(value.value) else value.value
    return f"{value.unit} {number!r}" if value.unit in ("fib", "resistance") else f"{number!r}{value.unit}"


def ladder_to_toml(ladder: Ladder) -> str:
    """Return the ladder as TOML text that reads back to an equal ladder, with one table per rung as users write it.

    The table ``[tuned]`` follows if the ladder has one.
    """
    table = ladder_to_mapping(ladder)
    rungs = table.pop("rungs")
    if not rungs:
        table["rungs"] = []
    parts = {name: table.pop(name) for name in ("stop", "costs", "execution") if name in table}
    blocks = [tomli_w.dumps(table)]
    blocks += [f"[[rungs]]\n{tomli_w.dumps(rung)}" for rung in rungs]
    blocks += [f"[{name}]\n{tomli_w.dumps(part)}" for name, part in parts.items()]
    if ladder.tuned is not None:
        blocks.append(tuned_to_toml(ladder.tuned))
    return "\n".join(blocks)


# Settings that version 0.1 did not know, with their defaults.
_NEW_IN_RUNGS: dict[str, Any] = {
    "sells_rest": False, "stop": None, "trail": None, "trail_from": None, "trail_after": None, "follow": False,
}  # fmt: skip
_NEW_IN_STOP: dict[str, Any] = {
    "hours": None, "sessions": None, "session_close": False, "clock": None, "max_gap": None
}  # fmt: skip


def _leave_out_defaults(table: dict[str, Any], new: Mapping[str, Any]) -> None:
    for name, default in new.items():
        if table[name] == default:
            del table[name]


def ladder_fingerprint(ladder: Ladder) -> str:
    """Return a short hash that two ladders share only if they are equal in everything but the name and ``[tuned]``.

    Fields that version 0.1 did not know are left out at their default, so that its hashes hold.
    """
    content = asdict(ladder)
    for name in ("name", "tuned"):
        content.pop(name)
    if content["costs"]["multiplier"] == 1.0:
        del content["costs"]["multiplier"]
    for rung in content["rungs"]:
        _leave_out_defaults(rung, _NEW_IN_RUNGS)
    _leave_out_defaults(content["stop"], _NEW_IN_STOP)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
