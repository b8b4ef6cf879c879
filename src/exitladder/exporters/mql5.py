"""A ladder as an MQL5 expert advisor that manages the position of its chart, on hedging and netting accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exitladder.exporters.asks import Ask
from exitladder.exporters.header import plain
from exitladder.exporters.plan import plan_of
from exitladder.exporters.python_code import PROGRAMS
from exitladder.plans.adds import AMOUNTS
from exitladder.plans.ladder import STATE_SERIES, Ladder

_UNITS = {"R": 1, "ATR": 2, "%": 3, "price": 4, "fib": 5, "resistance": 5}
_STOP_UNITS = {"R": 1, "ATR": 2, "%": 3, "average": 6}
_HOOKS = {
    "series_condition": "SeriesValue",
    "swing_target": "LevelPrice",
    "clock": "MustLeave",
}


def hook_names(hooked: Sequence[Ask]) -> list[str]:
    """Return the names of the functions that an MQL5 file leaves to its user."""
    return [name for kind, name in _HOOKS.items() if any(ask.kind == kind for ask in hooked)]


def mql5_file(ladder: Ladder, header: Sequence[str], hooked: Sequence[Ask]) -> str:
    """Return a ladder as the source of an MQL5 expert advisor.

    Parameters
    ----------
    ladder : Ladder
    header : sequence of str
        Lines without comment signs.
    hooked : sequence of Ask
        What becomes a function to fill in.

    Returns
    -------
    str
    """
    plan = plan_of(ladder)
    text = _kept((PROGRAMS / "ladder.mq5").read_text(encoding="utf-8"), "plain" if plan.get("adds") else "adds")
    parts = {
        "INPUTS": "input long MagicNumber = 0;   // 0 manages any position of the symbol\n"
        "input ulong Deviation = 10;    // points",
        "RUNGS": str(len(plan["rungs"])),
        "TABLES": _tables(plan),
        "HOOKS": _hooks(plan, {ask.kind for ask in hooked}),
        "CONDITIONS": _conditions(plan),
        "ADD_CONDITIONS": _add_conditions(plan),
    }
    for name, value in parts.items():
        text = text.replace(f"@{name}@", value)
    comment = "\n".join(f"// {line}".rstrip() for line in header)
    return f"{comment}\n{text}"


def _kept(text: str, left_out: str) -> str:
    """Return the template without the sections of one kind, and without the marks of sections."""
    lines, is_kept = [], True
    for line in text.splitlines():
        if line in (f"//<{left_out}>", f"//</{left_out}>"):
            is_kept = line.startswith("//</")
        elif is_kept and not line.startswith(("//<", "//</")):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _tables(plan: dict[str, Any]) -> str:
    rungs, stop = plan["rungs"], plan["stop"]
    targets = [rung.get("target", [0.0, None]) for rung in rungs]
    initial = stop.get("initial", [0.0, None])
    trail = stop.get("trail", [0.0, None])
    offset = stop.get("offset", [0.0, "R"])
    lines = [
        f"const int    ATR_WINDOW = {plan['atr_window']};",
        _array("double", "FRACTION", [repr(rung.get("fraction", 0.0)) for rung in rungs]),
        _array("double", "TARGET", [repr(value) for value, _ in targets]),
        _array("int   ", "TARGET_UNIT", [str(_UNITS.get(unit, 0)) for _, unit in targets]),
        _array("bool  ", "IS_REST", ["true" if rung.get("rest") else "false" for rung in rungs]),
        f"const double INITIAL = {initial[0]!r};",
        f"const int    INITIAL_UNIT = {_UNITS.get(initial[1], 0)};",
        f"const int    BREAKEVEN_AFTER = {stop.get('breakeven_after', 0)};",
        f"const double OFFSET = {offset[0]!r};",
        f"const int    OFFSET_UNIT = {_UNITS[offset[1]]};",
        f"const double TRAIL = {trail[0]!r};",
        f"const int    TRAIL_UNIT = {_UNITS.get(trail[1], 0)};",
        f"const int    TRAIL_AFTER = {stop.get('trail_after', 0)};",
        f"const double TRAIL_FROM = {stop.get('trail_from', [0.0])[0]!r};",
        f"const int    TIME_BARS = {stop.get('time', 0)};",
        *_add_tables(plan),
    ]
    return "\n".join(lines)


def _add_tables(plan: dict[str, Any]) -> list[str]:
    adds = plan.get("adds", [])
    if not adds:
        return []
    stops = [add.get("stop") for add in adds]
    pairs: list[list[Any]] = [[0.0, stop] if isinstance(stop, str) else stop or [0.0, None] for stop in stops]
    columns = [
        ("double", "ADD_AT", [repr(add.get("at", [0.0])[0]) for add in adds]),
        ("int   ", "ADD_UNIT", [str(_UNITS[add["at"][1]] if "at" in add else 0) for add in adds]),
        ("bool  ", "ADD_PREVIOUS", ["true" if add.get("previous") else "false" for add in adds]),
        *(("double", f"ADD_{name.upper()}", [repr(add.get(name, 0.0)) for add in adds]) for name in AMOUNTS),
        ("double", "ADD_STOP", [repr(value) for value, _ in pairs]),
        ("int   ", "ADD_STOP_UNIT", [str(_STOP_UNITS.get(unit, 0)) for _, unit in pairs]),
    ]
    limit = plan["maximum"]
    return [
        "//--- Adds: the unit of a signal is 0, of a stop at the average 6; the first volume counts 1.",
        f"#define ADDS {len(adds)}",
        *(f"const {kind} {name}[ADDS] = {{{', '.join(values)}}};" for kind, name, values in columns),
        *(f"const double MAX_{name.upper()} = {limit.get(name, 0.0)!r};" for name in AMOUNTS),
        f"const bool   AFTER_EXIT = {'true' if plan.get('after_exit') else 'false'};",
        f"const int    UNTIL_BARS = {plan.get('until_bars', 0)};",
    ]


def _array(kind: str, name: str, values: list[str]) -> str:
    # One more than there are rungs, for the runner: no array is empty.
    last = {"double": "0.0", "int": "0", "bool": "false"}[kind.strip()]
    return f"const {kind} {name}[SIZE] = {{{', '.join([*values, last])}}};"


def _hooks(plan: dict[str, Any], kinds: set[str]) -> str:
    failing = '   Print("exitladder: fill in {0}; until then the expert does nothing.");\n   ExpertRemove();\n'
    series = failing.format("SeriesValue") if "series_condition" in kinds else ""
    level = failing.format("LevelPrice") if "swing_target" in kinds else ""
    leave = failing.format("MustLeave") if "clock" in kinds else ""
    texts = [
        "//--- The initial stop of a position without a stop loss; 0 if the ladder has none.\n"
        "double InitialStop()\n  {\n"
        "   if(INITIAL_UNIT == 0)\n      return 0;\n"
        "   double away = Distance(INITIAL, INITIAL_UNIT, entry_price, entry_atr);\n"
        "   return away == EMPTY_VALUE ? 0 : entry_price - side * away;\n  }",
        "//--- The price of the swing target of a rung; 0 if there is none.\n"
        f"double LevelPrice(int rung, int direction, double entry)\n  {{\n{level}   return 0;\n  }}",
        "//--- Whether the clock ends the position at the close of bar 1.\n"
        f"bool MustLeave()\n  {{\n{leave}   return false;\n  }}",
    ]
    if series:
        texts.append(
            "//--- The value of a series at the close of bar 1; for a short that of the mirrored market.\n"
            f"double SeriesValue(string name, int direction)\n  {{\n{series}   return EMPTY_VALUE;\n  }}"
        )
    return "\n".join(texts)


def _conditions(plan: dict[str, Any]) -> str:
    lines = []
    for n, rung in enumerate(plan["rungs"]):
        if not rung.get("when"):
            continue
        when = " && ".join(_condition(*condition) for condition in rung["when"])
        act = "is_leaving = true;" if rung.get("rest") else f"due_of[{n}] = true;"
        lines.append(f"   if(!done_of[{n}] && {when})\n      {act}")
    return "\n".join(lines)


def _add_conditions(plan: dict[str, Any]) -> str:
    lines = []
    for k, add in enumerate(plan.get("adds", [])):
        if add.get("when"):
            when = " && ".join(_condition(*condition) for condition in add["when"])
            lines.append(f"      if(!add_gone[{k}] && {when})\n         add_due[{k}] = true;")
    return "\n".join(lines)


def _condition(name: str, operator: str, threshold: float) -> str:
    if name == "bars_held":
        return f"{name} {operator} {threshold!r}"
    if name in STATE_SERIES:
        return f"{name} {'+' if operator in ('>=', '<') else '-'} slack {operator} {threshold!r}"
    value = f'SeriesValue("{plain(name)}", side)'
    return f"{value} != EMPTY_VALUE && {value} {operator} {threshold!r}"
