"""Ladders close to a given one: small steps in its parameters, and one parameter varied over its whole range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exitladder.models.search.space.space import SUGGESTED, SearchSpace
from exitladder.models.search.space.trials import Range, RecordedTrial, exact_trial, nearest_trial
from exitladder.plans.ladder import Ladder

# A neighbour differs in each number by at most this part of its range.
_STRIDE = 0.1
_TRIES = 20
# Numbers of rungs and adds, and the rungs that act, are structure: neighbours keep them.
_STRUCTURE = ("n_rungs", "breakeven_after", "trail_after", "n_adds")


def parameters_in(space: SearchSpace, ladder: Ladder) -> RecordedTrial:
    """Return a trial of a ladder's parameters, in the order of suggestion; empty if it is outside the space."""
    parameters = space.parameters_of(ladder)
    trial = exact_trial(parameters or {})
    if parameters is not None:
        space.suggest(trial)
    return trial


def neighbours(space: SearchSpace, ladder: Ladder, n: int, seed: int) -> list[Ladder]:
    """Return up to n different ladders close by: every number moved by a little, at random; choices stay.

    Parameters
    ----------
    space : SearchSpace
    ladder : Ladder
    n : int
    seed : int
        The same ladder and seed give the same neighbours, whatever was requested before.

    Returns
    -------
    list of Ladder
        Empty where the space does not hold the ladder, or nothing in it can be moved.
    """
    ladder = replace(ladder, name=SUGGESTED)
    asked = parameters_in(space, ladder)
    if not any(_moves(name, within) for name, within in asked.ranges.items()):
        return []
    rng = np.random.default_rng(seed)
    found: dict[Ladder, None] = {}
    for _ in range(_TRIES * n):
        moved = {
            name: _moved(value, asked.ranges[name], rng) if _moves(name, asked.ranges[name]) else value
            for name, value in asked.parameters.items()
        }
        other = space.suggest(nearest_trial(moved))
        if other != ladder:
            found[other] = None
        if len(found) == n:
            break
    return list(found)


def _moves(name: str, within: Range) -> bool:
    return not within.choices and not name.startswith(_STRUCTURE)


def _moved(value: Any, within: Range, rng: np.random.Generator) -> Any:
    share = float(rng.uniform(-_STRIDE, _STRIDE))
    if within.kind == "float":
        return within.nearest(value + share * (within.high - within.low))
    wide = value * (within.high / within.low) ** share if within.log else value + share * (within.high - within.low)
    # At least a step, or a coarse grid would have no neighbours.
    step = round(wide) - value or int(rng.integers(-1, 2))
    return int(within.nearest(value + step))


@dataclass(frozen=True)
class Slice:
    """A ladder with one parameter varied and all others as they are.

    Parameters
    ----------
    name : str
        Of the parameter.
    values : tuple
        In rising order, or the choices; the parameter's own value is among them.
    ladders : tuple of Ladder
        What each value makes of the ladder.
    at : int
        Position of the ladder itself.
    """

    name: str
    values: tuple[Any, ...]
    ladders: tuple[Ladder, ...]
    at: int


def slices(space: SearchSpace, ladder: Ladder, most: int = 15) -> tuple[Slice, ...]:
    """Return a slice through a ladder for each of its parameters.

    A value that needs further parameters (those of another rung, for example) takes the middle of their ranges.

    Parameters
    ----------
    space : SearchSpace
    ladder : Ladder
    most : int
        Values per slice at most, its own not counted.

    Returns
    -------
    tuple of Slice
        Empty if the ladder is outside the space.
    """
    ladder = replace(ladder, name=SUGGESTED)
    asked = parameters_in(space, ladder)
    found = []
    for name, own in asked.parameters.items():
        by_ladder: dict[Ladder, Any] = {}
        for value in _values(own, asked.ranges[name], most):
            made = ladder if value == own else space.suggest(nearest_trial({**asked.parameters, name: value}))
            if made != ladder or value == own:
                by_ladder.setdefault(made if made != ladder else ladder, value)
        ladders, values = tuple(by_ladder), tuple(by_ladder.values())
        if len(ladders) > 1:
            found.append(Slice(name, values, ladders, ladders.index(ladder)))
    return tuple(found)


def _values(own: Any, within: Range, most: int) -> Sequence[Any]:
    if within.choices:
        return within.choices
    if within.kind == "float":
        return sorted({*np.linspace(within.low, within.high, most).tolist(), own})
    spread = np.geomspace if within.log else np.linspace
    return sorted({*(round(v) for v in spread(within.low, within.high, most).tolist()), own})
