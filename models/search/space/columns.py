"""A ladder as a row of a table: its numbers and choices by plain names, whatever search space it comes from."""

from __future__ import annotations

import re

from exitladder.plans.ladder import Ladder, Rung
from exitladder.plans.words import SERIES_IN_R, own_stop_of

RUNGS, UNIT = "price rungs", "unit of targets"
BREAKEVEN, OFFSET = "breakeven after rung", "breakeven offset"
ARMED, WIDTH, TRAIL_UNIT = "trail armed by", "trail width", "unit of the trail"
AFTER, FROM = "trail after rung", "trail from"
ADDS, N_ADDS, DISTANCE, ADD_UNIT = "adds", "number of adds", "distance of adds", "unit of adds"
FACTOR, ADD_STOP, MAXIMUM = "factor of adds", "stop after an add", "maximum size"
TIME, STOP, CLOCK = "time stop (bars)", "initial stop", "exit by the clock"

_PLAIN = {
    "n_rungs": RUNGS, "target_unit": UNIT, "breakeven": BREAKEVEN, "breakeven_offset_r": OFFSET, "trail": ARMED,
    "trail_without_rung": ARMED, "trail_unit": TRAIL_UNIT, "trail_from_r": FROM,
    "time_bars": TIME, "time_stop": TIME, "stop": STOP, "clock": CLOCK,
    "adds": ADDS, "adds_without_average": ADDS, "add_factor": FACTOR, "add_stop": ADD_STOP, "add_stop_unit": ADD_STOP,
}  # fmt: skip

_OF_ADDS = {
    "n_adds_of_": N_ADDS, "add_unit_of_": ADD_UNIT, "add_depth_": DISTANCE, "add_distance_": DISTANCE,
    "add_stop_": ADD_STOP, "add_maximum_of_": MAXIMUM,
}  # fmt: skip


def ladder_columns(ladder: Ladder) -> dict[str, float | str]:
    """Return the parts of a ladder by column name; parts that it does not have are left out.

    Examples
    --------
    >>> from exitladder.plans.file import ladder_from_mapping
    >>> ladder = ladder_from_mapping({"rungs": [{"fraction": 0.25, "target": "1R"}], "stop": {"time": 40}})
    >>> {name: part for name, part in ladder_columns(ladder).items() if name != "trail armed by"}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'price rungs': 1, 'unit of targets': 'R', 'target 1': 1.0, 'sold at target 1': 0.25,
     'breakeven after rung': 'never', 'time stop (bars)': 40}
    >>> ladder_columns(ladder_from_mapping({"rungs": [{"fraction": 0.25, "stop": "0.5R"}]}))["own exit of rung 1"]
    'own stop 0.5R'
    """
    price = [rung for rung in ladder.rungs if rung.target is not None]
    found: dict[str, float | str] = {RUNGS: len(price)}
    if price and price[0].target is not None:
        found[UNIT] = price[0].target.unit
    for k, rung in enumerate(price, start=1):
        if rung.target is not None:
            found[f"target {k}"] = rung.target.value
        found[f"sold at target {k}"] = rung.fraction
    for number, rung in enumerate(ladder.rungs, start=1):
        if rung.is_signal:
            _add_signal(found, rung)
        elif rung.target is None:
            found[f"kept in rung {number}"] = rung.fraction
        if rung.is_slice:
            found[f"own exit of rung {number}"] = own_stop_of(rung).strip("()")
    stop = ladder.stop
    if stop.initial is not None:
        found[STOP] = stop.initial.value
    found[BREAKEVEN] = "never" if stop.breakeven_after is None else str(stop.breakeven_after)
    if stop.breakeven_offset.value:
        found[OFFSET] = stop.breakeven_offset.value
    armed = "rung" if stop.trail_after else "MFE" if stop.trail_from else "entry"
    found[ARMED] = "off" if stop.trail is None else armed
    if stop.trail is not None:
        found[WIDTH], found[TRAIL_UNIT] = stop.trail.value, stop.trail.unit
    if stop.trail_after is not None:
        found[AFTER] = stop.trail_after
    if stop.trail_from is not None:
        found[FROM] = stop.trail_from.value
    if stop.time is not None:
        found[TIME] = stop.time
    if stop.session_close or stop.clock is not None:
        found[CLOCK] = "session close" if stop.session_close else str(stop.clock)
    if ladder.is_plan:
        _add_adds(found, ladder)
    return found


def _add_adds(found: dict[str, float | str], ladder: Ladder) -> None:
    """Add the columns of a plan; a ladder without adds has none of them."""
    if ladder.size.maximum is not None:
        found[MAXIMUM] = ladder.size.maximum
    if not ladder.adds:
        return
    first = ladder.adds[0]
    found[N_ADDS] = len(ladder.adds)
    kinds: dict[bool | None, str] = {True: "average", False: "pyramid", None: "price"}
    found[ADDS] = "signal" if first.at is None else kinds[first.is_averaging]
    if first.at is not None:
        found[DISTANCE], found[ADD_UNIT] = abs(first.at.value), first.at.unit
    if first.quantity is not None:
        found[FACTOR] = first.quantity
    if first.stop is not None:
        found[ADD_STOP] = str(first.stop)


def _add_signal(found: dict[str, float | str], rung: Rung) -> None:
    name = _words(rung.when[0].series)
    taken = sum(key.startswith(f"sold on {name}") for key in found)
    name = f"{name} {taken + 1}" if taken else name
    found[f"sold on {name}"] = 1.0 if rung.sells_rest else rung.fraction  # all of it
    for j, condition in enumerate(rung.when):
        found[f"{name}: {_words(condition.series)}" if j else f"{name} threshold"] = condition.threshold


def column_of(parameter: str) -> str:
    """Return the column that a parameter of a search space shows itself in.

    Examples
    --------
    >>> column_of("gap_2_r_steps"), column_of("stick_1"), column_of("trail_atr_steps"), column_of("exhaustion_level")
    ('target 2', 'sold at target 1', 'trail width', 'exhaustion threshold')
    """
    name = re.sub(r"_(steps|level)$", "", parameter)
    if name in _PLAIN:
        return _PLAIN[name]
    if match := re.fullmatch(r"(?:target|gap)_(\d+)_(?:r|atr|percent)", name):
        return f"target {match[1]}"
    if match := re.fullmatch(r"stick_(\d+)", name):
        return f"sold at target {match[1]}"
    if match := re.fullmatch(r"slice_(?:stop_|trail_unit_|trail_)?(\d+)(?:_r|_atr|_percent)?", name):
        return f"own exit of rung {match[1]}"
    if name.startswith("breakeven_after_of_"):
        return BREAKEVEN
    if name.startswith("trail_after_of_"):
        return AFTER
    if name in ("trail_r", "trail_atr", "trail_percent"):
        return WIDTH
    for begin, column in _OF_ADDS.items():
        if name.startswith(begin):
            return column
    if match := re.fullmatch(r"(.+)_(?:sells|stick|rung)", name):
        return f"sold on {_words(match[1])}"
    if name.endswith("_min_r"):
        return f"{_words(name.removesuffix('_min_r'))}: {_words('open_r')}"
    return f"{_words(name)} threshold"


def _words(series: str) -> str:
    return SERIES_IN_R.get(series, series)
