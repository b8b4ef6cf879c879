"""Candidates of a search: what a trial's parameters are, and where in the unit cube they lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.bars import FloatArray
from exitladder.ladder import Ladder
from exitladder.models.search_space import SearchSpace

# Random suggestions from which the names of a space's parameters are learnt.
_LOOKS = 400


@dataclass(frozen=True)
class Range:
    """What a parameter may be; of the three kinds of Optuna's distributions.

    Parameters
    ----------
    kind : {"float", "int", "categorical"}
    low, high : float
        Bounds, both within; 0 and the last position for choices.
    log : bool
    choices : tuple
        Empty for numbers.

    Examples
    --------
    >>> Range("int", 1, 4).value_at(0.999), Range("float", 1, 100, log=True).value_at(0.5)
    (4, 10.0)
    """

    kind: str
    low: float
    high: float
    log: bool = False
    choices: tuple[Any, ...] = ()

    def value_at(self, share: float) -> Any:
        """Return the value at a coordinate from 0 to 1."""
        if self.kind == "float":
            return min(max(_between(self.low, self.high, share, self.log), self.low), self.high)
        if self.log:
            position = round(_between(self.low - 0.5, self.high + 0.5, share, True))
        else:
            position = int(self.low) + int(share * (self.high - self.low + 1))
        position = min(max(position, int(self.low)), int(self.high))
        return self.choices[position] if self.choices else position

    def share_of(self, value: Any) -> float:
        """Return a coordinate that gives the value; whole numbers and choices lie in the middle of their share."""
        if self.kind == "float":
            low, high, at = self.low, self.high, float(value)
        else:
            at = float(self.choices.index(value) if self.choices else value)
            low, high = self.low - 0.5, self.high + 0.5
        if high <= low:
            return 0.5
        share = math.log(at / low) / math.log(high / low) if self.log else (at - low) / (high - low)
        return min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class Candidate:
    """A ladder of the space with the parameters that suggest it; without any where the space does not hold it."""

    ladder: Ladder
    parameters: Mapping[str, Any]
    ranges: Mapping[str, Range]


class Cube:
    """A search space as a cube of a coordinate a parameter; a candidate may have no value in some.

    Parameters
    ----------
    space : SearchSpace
        Its parameters may depend on each other; their names are learnt by looking at suggestions.

    Attributes
    ----------
    names : tuple of str
    is_choice : bool array, shape (n,)
        Whether a coordinate is one of choices, which lie in no order.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        rng = np.random.default_rng(0)
        ranges: dict[str, Range] = {}
        for _ in range(_LOOKS):
            trial = _Trial(lambda name, within: within.value_at(float(rng.random())))
            space.suggest(trial)
            ranges.update(trial.ranges)
        self.names = tuple(ranges)
        self.is_choice = np.array([within.kind == "categorical" for within in ranges.values()], dtype=np.bool_)

    @property
    def n(self) -> int:
        """Coordinates."""
        return len(self.names)

    def at(self, point: FloatArray) -> Candidate:
        """Return the candidate at a point, shape (n,); coordinates it does not need are ignored."""
        shares = dict(zip(self.names, point.tolist(), strict=True))
        # A name so rare that no look met it stays in the middle.
        return self._candidate(lambda name, within: within.value_at(shares.get(name, 0.5)))

    def given(self, parameters: Mapping[str, Any]) -> Candidate:
        """Return the candidate of parameters that the space has suggested."""
        return self._candidate(lambda name, within: parameters[name])

    def warm(self, ladder: Ladder) -> Candidate:
        """Return a ladder as a candidate, with parameters where the space holds it."""
        parameters = self.space.parameters_of(ladder)
        return Candidate(ladder, {}, {}) if parameters is None else self.given(parameters)

    def points(self, candidates: Iterable[Candidate]) -> FloatArray:
        """Return where candidates lie, shape (n_candidates, n); NaN where one has no such parameter."""
        rows = [
            [c.ranges[name].share_of(c.parameters[name]) if name in c.ranges else math.nan for name in self.names]
            for c in candidates
        ]
        return np.asarray(rows, dtype=np.float64).reshape(-1, self.n)

    def _candidate(self, value: Callable[[str, Range], Any]) -> Candidate:
        trial = _Trial(value)
        ladder = self.space.suggest(trial)
        return Candidate(ladder, trial.parameters, trial.ranges)


class _Trial:
    """A trial whose values come from a function of the parameter's name and range; it keeps both."""

    def __init__(self, value: Callable[[str, Range], Any]) -> None:
        self._value = value
        self.parameters: dict[str, Any] = {}
        self.ranges: dict[str, Range] = {}

    def _suggest(self, name: str, within: Range) -> Any:
        if name not in self.parameters:
            self.parameters[name] = self._value(name, within)
            self.ranges[name] = within
        return self.parameters[name]

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return int(self._suggest(name, Range("int", low, high, log)))

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return float(self._suggest(name, Range("float", low, high, log)))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._suggest(name, Range("categorical", 0, len(choices) - 1, False, tuple(choices)))


def _between(low: float, high: float, share: float, log: bool) -> float:
    return low * (high / low) ** share if log else low + (high - low) * share
