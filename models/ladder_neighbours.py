"""Ladders close to a given one: small steps in its parameters, and one parameter varied over its whole range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exitladder.ladder import Ladder
from exitladder.models.search_questions import Given, Parameter, Recorder
from exitladder.models.search_space import SUGGESTED, SearchSpace

# A neighbour differs in each number by at most this part of its range.
_STRIDE = 0.1
_TRIES = 20
# Which rung a number belongs to, or how many there are, is no matter of a little more or less.
_STRUCTURE = ("n_rungs", "breakeven_after", "trail_after")


def parameters_in(space: SearchSpace, ladder: Ladder) -> tuple[Parameter, ...]:
    """Return what a ladder of the space rests on, in the order in which it is asked; empty if it is not in it."""
    given = space.parameters_of(ladder)
    if given is None:
        return ()
    recorder = Recorder(Given(given))
    space.suggest(recorder)
    return tuple(recorder.asked)


def neighbours(space: SearchSpace, ladder: Ladder, n: int, seed: int) -> list[Ladder]:
    """Return up to n different ladders close by: every number moved by a little, at random; choices stay.

    Parameters
    ----------
    n : int
    seed : int
        The same ladder and seed give the same neighbours, whatever else was asked before.

    Returns
    -------
    list of Ladder
        Empty where the space does not hold the ladder, or nothing in it can be moved.
    """
    ladder = replace(ladder, name=SUGGESTED)
    asked = parameters_in(space, ladder)
    if not any(_moves(p) for p in asked):
        return []
    rng = np.random.default_rng(seed)
    found: dict[Ladder, None] = {}
    for _ in range(_TRIES * n):
        moved = {p.name: _moved(p, rng) if _moves(p) else p.value for p in asked}
        other = space.suggest(Given(moved, fills=True))
        if other != ladder:
            found[other] = None
        if len(found) == n:
            break
    return list(found)


def _moves(parameter: Parameter) -> bool:
    return not parameter.choices and not parameter.name.startswith(_STRUCTURE)


def _moved(p: Parameter, rng: np.random.Generator) -> Any:
    share = float(rng.uniform(-_STRIDE, _STRIDE))
    if not p.is_whole:
        return min(max(p.value + share * (p.high - p.low), p.low), p.high)
    wide = p.value * (p.high / p.low) ** share if p.is_log else p.value + share * (p.high - p.low)
    # At least a step, or a coarse grid would have no neighbours.
    step = round(wide) - p.value or int(rng.integers(-1, 2))
    return int(min(max(p.value + step, p.low), p.high))


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
    """Return a slice through a ladder for each of its parameters; `most` values each.

    A value that asks for more parameters (another rung, say) takes the middle of their ranges.
    """
    ladder = replace(ladder, name=SUGGESTED)
    asked = parameters_in(space, ladder)
    given = {p.name: p.value for p in asked}
    found = []
    for p in asked:
        by_ladder: dict[Ladder, Any] = {}
        for value in _values(p, most):
            made = ladder if value == p.value else space.suggest(Given({**given, p.name: value}, fills=True))
            if made != ladder or value == p.value:
                by_ladder.setdefault(made if made != ladder else ladder, value)
        ladders, values = tuple(by_ladder), tuple(by_ladder.values())
        if len(ladders) > 1:
            found.append(Slice(p.name, values, ladders, ladders.index(ladder)))
    return tuple(found)


def _values(p: Parameter, most: int) -> Sequence[Any]:
    if p.choices:
        return p.choices
    if p.is_whole:
        spread = np.geomspace(p.low, p.high, most) if p.is_log else np.linspace(p.low, p.high, most)
        return sorted({*(round(v) for v in spread.tolist()), p.value})
    return sorted({*np.linspace(p.low, p.high, most).tolist(), p.value})
