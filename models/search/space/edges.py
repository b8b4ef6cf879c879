"""Values of a ladder at the edge of the range that was searched, with the key that widens it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from exitladder.models.search.space.columns import column_of, ladder_columns
from exitladder.models.search.space.neighbours import parameters_in
from exitladder.models.search.space.space import SUGGESTED, SearchSpace
from exitladder.plans.ladder import Ladder

_KEYS = {
    "n_rungs": "n_rungs", "time_bars": "time_bars", "trail_r": "trail_width", "trail_atr": "trail_width",
    "trail_percent": "trail_width", "trail_from_r": "trail_from_r", "breakeven_offset_r": "breakeven_offset_r",
    "stop": "stop", "exhaustion": "exhaustion", "exhaustion_min_r": "exhaustion_min_r", "hold_value_r": "hold_value_r",
    "exit_rank": "exit_rank",
    "hold_value_r_min_r": "hold_value_min_r", "add_factor": "add_factor", "add_distance_r": "add_distance",
    "add_distance_atr": "add_distance", "add_distance_percent": "add_distance", "add_stop_r": "add_stop_width",
    "add_stop_atr": "add_stop_width", "add_stop_percent": "add_stop_width",
}  # fmt: skip
_TARGET = re.compile(r"(target|gap)_\d+_(?:r|atr|percent)")
# A range that begins here cannot begin lower.
_LEAST_POSSIBLE = {"n_rungs": 0.0, "time_bars": 1.0, "n_adds": 1.0}


@dataclass(frozen=True)
class Edge:
    """A value at an edge of its range.

    Parameters
    ----------
    parameter : str
        As in the table of trials.
    part : str
        Of the ladder, in words.
    value : float or str
    end : {"low", "high"}
    key : str
        The setting that widens the range, such as ``search.time_bars``.
    """

    parameter: str
    part: str
    value: float | str
    end: str
    key: str

    def __str__(self) -> str:
        shown = self.value if isinstance(self.value, str) else f"{self.value:g}"
        return f"{self.part} {shown} ({self.key})"


def at_edges(space: SearchSpace, ladder: Ladder) -> tuple[Edge, ...]:
    """Return the values of a ladder that are at an edge of their range, if the range can be widened by a setting.

    Parameters
    ----------
    space : SearchSpace
    ladder : Ladder

    Returns
    -------
    tuple of Edge
        Empty if the ladder is outside the space. A range of a single value is fixed and has no edges.
    """
    ladder = replace(ladder, name=SUGGESTED)
    trial, columns = parameters_in(space, ladder), ladder_columns(ladder)
    found = []
    for name, value in trial.parameters.items():
        within, key = trial.ranges[name], _key(name, space)
        if within.choices or not key or value not in (within.low, within.high):
            continue
        end = "high" if value == within.high else "low"
        if end == "low" and (value <= _LEAST_POSSIBLE.get(key, 0.0) or _begins_at_a_step(name, value)):
            continue
        found.append(Edge(name, column_of(name), columns.get(column_of(name), value), end, f"search.{key}"))
    return tuple(found)


def _key(parameter: str, space: SearchSpace) -> str:
    """Return the key of a parameter's range; empty if there is none, or if the range follows from the predictions."""
    name = re.sub(r"_(steps|level)$", "", parameter)
    if match := _TARGET.fullmatch(name):
        return "first_target" if match[1] == "target" else "target_gap"
    if re.fullmatch(rf"n_adds_of_{space.settings.n_adds[-1]}(?:_beyond)?", name):
        return "n_adds"
    if name == "hold_value_r" and not space.settings.hold_value_r:
        return ""
    return _KEYS.get(name, "")


def _begins_at_a_step(parameter: str, value: float) -> bool:
    """Whether a number of steps is the least above 0."""
    return parameter.endswith("_steps") and value <= 1


def edges_text(edges: tuple[Edge, ...]) -> str:
    """Return a sentence on the values at an edge; empty without any."""
    if not edges:
        return ""
    what = ", ".join(str(edge) for edge in edges)
    return f"The ladder is at an edge of the ranges searched: {what}. Widen them to try values beyond."
