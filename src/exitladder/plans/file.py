"""The ladder file (TOML): strict reading, exact writing."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import tomli_w

from exitladder.errors import ExitladderWarning, LadderError
from exitladder.files.toml import only_keys, read_toml, tables_of
from exitladder.plans.adds import AVERAGES, Add, AddRules, parse_level
from exitladder.plans.costs import Costs
from exitladder.plans.ladder import Execution, Ladder, Rung, Stop
from exitladder.plans.limits import Book, Risk, book_from_mapping, limits_from, limits_table, risk_from_mapping
from exitladder.plans.provenance import tuned_from_mapping, tuned_to_toml
from exitladder.plans.size import Size, size_defaults
from exitladder.plans.target import target_from_mapping, target_table
from exitladder.plans.times import hours_from_text, hours_text, time_from_text
from exitladder.plans.units import Condition, Distance, Target
from exitladder.plans.without_effect import keys_without_effect

REST = "rest"
_SLICE_DISTANCES = ("stop", "trail", "trail_from")
_SLICE_KEYS = (*_SLICE_DISTANCES, "trail_after", "follow")
_STOP_DISTANCES = ("initial", "breakeven_offset", "trail", "trail_from")
_RUNG_KEYS = (*_SLICE_KEYS, "measured_from")
_ADD_KEYS = ("quantity", "units", "money", "spacing", "atr")
# A mapping of a ladder is nested no deeper than adds[1].when[1].
_DEEPEST = 4
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


def read_plan(path: str | Path) -> Ladder:
    """Return the ladder in a TOML file of the user's, as `read_ladder`; warns of keys that have no effect.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Ladder
    """
    ladder = read_ladder(path)
    for text in keys_without_effect(ladder):
        warnings.warn(f"{text} ({path})", ExitladderWarning, stacklevel=2)
    return ladder


def ladder_from_mapping(table: Mapping[str, Any], place: str = "ladder") -> Ladder:
    """Return the ladder described by nested tables; unknown keys are rejected with their location.

    Numbers may be Python's or numpy's.
    """
    table = _without_numpy(table)
    table = only_keys(table, [f.name for f in fields(Ladder)], place, LadderError)
    return Ladder(
        name=table.get("name", "ladder"),
        atr_window=table.get("atr_window", 14),
        rungs=tuple(
            _rung(rung, f"rungs[{n}]") for n, rung in enumerate(tables_of(table, "rungs", LadderError), start=1)
        ),
        stop=_stop(table.get("stop", {})),
        costs=costs_from_mapping(table.get("costs", {})),
        execution=_execution(table.get("execution", {})),
        adds=tuple(_add(add, f"adds[{n}]") for n, add in enumerate(tables_of(table, "adds", LadderError), start=1)),
        size=Size(**only_keys(table.get("size", {}), [f.name for f in fields(Size)], "size", LadderError)),
        add_rules=AddRules(
            **only_keys(table.get("add_rules", {}), [f.name for f in fields(AddRules)], "add_rules", LadderError)
        ),
        limits=limits_from(table, "limits"),
        risk=risk_from_mapping(table.get("risk", {})),
        book=book_from_mapping(table.get("book", {})),
        target=target_from_mapping(table["target"]) if "target" in table else None,
        tuned=tuned_from_mapping(table["tuned"]) if "tuned" in table else None,
    )


def _without_numpy(value: Any, left: int = _DEEPEST) -> Any:
    """Return nested tables with numpy's scalars as the Python values that they hold."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()
    if left and isinstance(value, Mapping):
        return {key: _without_numpy(item, left - 1) for key, item in value.items()}
    if left and isinstance(value, (list, tuple)):
        return [_without_numpy(item, left - 1) for item in value]
    return value


def costs_from_mapping(table: object, place: str = "costs") -> Costs:
    """Return the costs described by a table."""
    return Costs(**only_keys(table, [f.name for f in fields(Costs)], place, LadderError))


def _rung(table: object, place: str) -> Rung:
    table = only_keys(table, ["fraction", "target", "when", *_RUNG_KEYS], place, LadderError)
    if "fraction" not in table:
        raise LadderError(f"{place} must have a fraction (a share of the original quantity).")
    rest = table["fraction"] == REST
    own: dict[str, Any] = {
        key: Distance.parse(table[key], f"{place}.{key}") if key in _SLICE_DISTANCES else table[key]
        for key in _RUNG_KEYS
        if key in table
    }
    return Rung(
        fraction=0.0 if rest else table["fraction"],
        target=Target.parse(table["target"], f"{place}.target") if "target" in table else None,
        when=Condition.parse_all(table.get("when", []), f"{place}.when"),
        sells_rest=rest,
        **own,
    )


def _add(table: object, place: str) -> Add:
    table = only_keys(table, [*_ADD_KEYS, "at", "when", "stop"], place, LadderError)
    stop = table.get("stop")
    return Add(
        at=parse_level(table["at"], f"{place}.at") if "at" in table else None,
        when=Condition.parse_all(table.get("when", []), f"{place}.when"),
        stop=stop if stop is None or stop in AVERAGES else Distance.parse(stop, f"{place}.stop"),
        **{key: table[key] for key in _ADD_KEYS if key in table},
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
            entry["when"] = [c.exact for c in rung.when]
        rungs.append(entry | _changed(rung, Rung(rung.fraction), _RUNG_KEYS))
    table: dict[str, Any] = {"name": ladder.name, "atr_window": ladder.atr_window, "rungs": rungs}
    for name, part, default in (
        ("stop", ladder.stop, Stop()),
        ("costs", ladder.costs, Costs()),
        ("execution", ladder.execution, Execution()),
        ("size", ladder.size, Size()),
        ("add_rules", ladder.add_rules, AddRules()),
        ("risk", ladder.risk, Risk()),
        ("book", ladder.book, Book()),
    ):
        values = _changed(part, default, [f.name for f in fields(part)])
        if name == "stop":
            values = _with_times_as_text(values)
        if "limits" in values:
            values["limits"] = [limits_table(limit) for limit in values["limits"]]
        if "enter_when" in values:
            values["enter_when"] = [condition.exact for condition in values["enter_when"]]
        if values:
            table[name] = values
    if ladder.target is not None:
        table["target"] = target_table(ladder.target)
    if ladder.adds:
        table["adds"] = [_add_table(add) for add in ladder.adds]
    if ladder.limits:
        table["limits"] = [limits_table(limit) for limit in ladder.limits]
    return table


def _add_table(add: Add) -> dict[str, Any]:
    table = _changed(add, Add(), ("quantity", "units", "money"))
    if add.at is not None:
        table["at"] = _exact(add.at)
    elif add.when:
        table["when"] = [c.exact for c in add.when]
    return table | _changed(add, Add(), ("spacing", "atr", "stop"))


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
    return f"{value.unit} {number!r}" if value.unit in ("fib", "resistance", "support") else f"{number!r}{value.unit}"


def ladder_to_toml(ladder: Ladder) -> str:
    """Return the ladder as TOML text that reads back to an equal ladder, with one table per rung as users write it.

    The table ``[tuned]`` follows if the ladder has one.
    """
    table = ladder_to_mapping(ladder)
    rungs = table.pop("rungs")
    if not rungs:
        table["rungs"] = []
    adds = table.pop("adds", [])
    limits = table.pop("limits", [])
    names = ("stop", "costs", "execution", "size", "add_rules", "risk", "book", "target")
    parts = {name: table.pop(name) for name in names if name in table}
    limits_of_book = parts["book"].pop("limits", []) if "book" in parts else []
    regimes = parts["target"].pop("regimes", []) if "target" in parts else []
    blocks = [tomli_w.dumps(table)]
    blocks += [f"[[rungs]]\n{tomli_w.dumps(rung)}" for rung in rungs]
    blocks += [f"[[adds]]\n{tomli_w.dumps(add)}" for add in adds]
    blocks += [f"[[limits]]\n{tomli_w.dumps(limit)}" for limit in limits]
    blocks += [f"[{name}]\n{tomli_w.dumps(part)}" for name, part in parts.items()]
    blocks += [f"[[book.limits]]\n{tomli_w.dumps(limit)}" for limit in limits_of_book]
    blocks += [f"[[target.regimes]]\n{tomli_w.dumps(regime)}" for regime in regimes]
    if ladder.tuned is not None:
        blocks.append(tuned_to_toml(ladder.tuned))
    return "\n".join(blocks)


# Settings that version 0.1 did not know, with their defaults.
_NEW_IN_RUNGS: dict[str, Any] = {
    "sells_rest": False, "stop": None, "trail": None, "trail_from": None, "trail_after": None, "follow": False,
    "measured_from": "entry",
}  # fmt: skip
_NEW_IN_STOP: dict[str, Any] = {
    "hours": None, "sessions": None, "session_close": False, "clock": None, "max_gap": None, "breakeven_from": "entry",
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
    for table, defaults in (("size", size_defaults()), ("book", asdict(Book()))):
        _leave_out_defaults(content[table], defaults)
    plain = {name: value for name, value in asdict(Size()).items() if name not in size_defaults()}
    new = {"adds": (), "size": plain, "add_rules": asdict(AddRules()), "book": {}, "target": None}
    _leave_out_defaults(content, new | {"limits": (), "risk": asdict(Risk())})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
