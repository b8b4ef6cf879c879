"""Search settings of earlier versions, which had one key for each unit; the message gives the lines to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exitladder.errors import SettingsError

_SUFFIXES = {"R": "r", "ATR": "atr", "%": "percent"}
# The defaults that the earlier keys had.
_DEFAULTS: dict[str, Any] = {
    "first_target_r": [0.5, 4.0], "first_target_atr": [1.0, 8.0], "first_target_percent": [1.0, 20.0],
    "target_gap_r": [0.25, 4.0], "target_gap_atr": [0.5, 8.0], "target_gap_percent": [0.5, 20.0],
    "target_step_r": 0.25, "target_step_atr": 0.5, "target_step_percent": 0.5,
    "trail_atr": [1.5, 8.0], "trail_r": [0.5, 4.0], "trail_percent": [1.0, 20.0],
    "trail_step_atr": 0.25, "trail_step_r": 0.25, "trail_step_percent": 0.5,
}  # fmt: skip
_UNITS = {"target_units": "R", "trail_units": "ATR"}
# Each of today's keys: the prefix of the earlier ones, and the earlier key that chose among units.
_KEYS = {
    "first_target": ("first_target", "target_units"),
    "target_gap": ("target_gap", "target_units"),
    "target_step": ("target_step", "target_units"),
    "trail_width": ("trail", "trail_units"),
    "trail_step": ("trail_step", "trail_units"),
}


def refuse_earlier_search_keys(table: object, place: str) -> None:
    """Refuse keys of ``[search]`` that named a unit each, with the lines that replace them.

    Parameters
    ----------
    table : object
        The table ``[search]`` as a file or an override states it.
    place : str
        Where it comes from, for the message.

    Raises
    ------
    SettingsError
        If the table has such a key.
    """
    if not isinstance(table, Mapping):
        return
    earlier = [key for key in table if key in _DEFAULTS or key in _UNITS]
    if not earlier:
        return
    lines = [line for key in _KEYS if (line := _line(key, table))]
    is_file = place.startswith("settings (")
    raise SettingsError(
        f"Ranges in [search] must state their unit, but {', '.join(earlier)}{f' in {place}' if is_file else ''} "
        f"{'are keys' if len(earlier) > 1 else 'is a key'} of an earlier version. Write instead:\n"
        + "\n".join(line if is_file else f"--set 'search.{line.replace(' = ', '=', 1)}'" for line in lines)
    )


def _line(key: str, table: Mapping[str, Any]) -> str:
    """Return the line of the current key equivalent to the earlier ones, or nothing if none of them maps to it."""
    prefix, chooser = _KEYS[key]
    given = [unit for unit, suffix in _SUFFIXES.items() if f"{prefix}_{suffix}" in table]
    units = given
    if key in ("first_target", "trail_width"):
        chosen = table.get(chooser)
        if chosen is None:
            usual = _UNITS[chooser]
            units = [usual] if usual in given else given
        else:
            # A unit that was not chosen was not searched.
            units = [unit for unit in _items(chosen) if unit in _SUFFIXES]
    elif key == "target_gap" and given:
        units = list(dict.fromkeys([*_items(table.get("target_units", "R")), *given]))
        units = [unit for unit in units if unit in _SUFFIXES]
    if not units:
        return ""
    written = []
    for unit in units:
        name = f"{prefix}_{_SUFFIXES[unit]}"
        texts = [f'"{_number(value)}{unit}"' for value in _items(table.get(name, _DEFAULTS[name]))]
        written.append(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    several = ", ".join(written)
    return f"{key} = {several}" if len(written) == 1 else f"{key} = [{several}]"


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _number(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, (int, float)) else str(value)
