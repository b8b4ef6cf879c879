"""Trials, which give a search space the parameters of a ladder, and the ranges of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Trial(Protocol):
    """The part of Optuna's trials that suggesting a ladder needs."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Return a whole number from low to high.

        Parameters
        ----------
        name : str
            Of the parameter.
        low, high : int
            Range, both ends included.
        log : bool
            Whether equal ratios are equally likely.

        Returns
        -------
        int
        """

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Return a number from low to high.

        Parameters
        ----------
        name : str
            Of the parameter.
        low, high : float
            Range, both ends included.
        log : bool
            Whether equal ratios are equally likely.

        Returns
        -------
        float
        """

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of the choices."""


class OutsideSpaceError(Exception):
    """A ladder or a parameter is outside the space."""


@dataclass(frozen=True)
class Range:
    """Range of a parameter; of the three kinds of Optuna's distributions.

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
    >>> Range("int", 1, 100, log=True).nearest(None), Range("float", 0.0, 1.0).nearest(3.0)
    (10, 1.0)
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
        """Return a coordinate that gives the value; whole numbers and choices are in the middle of their share."""
        if self.kind == "float":
            low, high, at = self.low, self.high, float(value)
        else:
            at = float(self.choices.index(value) if self.choices else value)
            low, high = self.low - 0.5, self.high + 0.5
        if high <= low:
            return 0.5
        share = math.log(at / low) / math.log(high / low) if self.log else (at - low) / (high - low)
        return min(max(share, 0.0), 1.0)

    def holds(self, value: Any) -> bool:
        """Return whether the parameter may have a value; None it may not."""
        if self.choices:
            return value in self.choices
        return value is not None and self.low <= float(value) <= self.high

    def nearest(self, value: Any) -> Any:
        """Return the value clamped to the range; without a value, the middle of the range or the first choice."""
        if self.choices:
            return value if value in self.choices else self.choices[0]
        if value is None:
            value = (self.low * self.high) ** 0.5 if self.log else (self.low + self.high) / 2
            value = value if self.kind == "float" else round(value) if self.log else math.floor(value)
        return min(max(value, self.low), self.high)


def _between(low: float, high: float, share: float, log: bool) -> float:
    return low * (high / low) ** share if log else low + (high - low) * share


class RecordedTrial:
    """A trial whose values come from a function of the parameter's name and range; it records both.

    Parameters
    ----------
    value_of : callable
        Gives a value from a parameter's name and range.

    Attributes
    ----------
    parameters : dict
        Values by name, in the order of the suggestions.
    ranges : dict of str to Range
    """

    def __init__(self, value_of: Callable[[str, Range], Any]) -> None:
        self._value_of = value_of
        self.parameters: dict[str, Any] = {}
        self.ranges: dict[str, Range] = {}

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """Return a whole number from low to high.

        Parameters
        ----------
        name : str
            Of the parameter.
        low, high : int
            Range, both ends included.
        log : bool
            Whether equal ratios are equally likely.

        Returns
        -------
        int
        """
        return int(self._suggest(name, Range("int", low, high, log)))

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Return a number from low to high.

        Parameters
        ----------
        name : str
            Of the parameter.
        low, high : float
            Range, both ends included.
        log : bool
            Whether equal ratios are equally likely.

        Returns
        -------
        float
        """
        return float(self._suggest(name, Range("float", low, high, log)))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of the choices."""
        return self._suggest(name, Range("categorical", 0, len(choices) - 1, False, tuple(choices)))

    def _suggest(self, name: str, within: Range) -> Any:
        if name not in self.parameters:
            self.parameters[name] = self._value_of(name, within)
            self.ranges[name] = within
        return self.parameters[name]


def exact_trial(parameters: Mapping[str, Any]) -> RecordedTrial:
    """Return a trial of these parameters; a missing one, or one outside its range, is refused.

    Raises
    ------
    OutsideSpaceError
        When such a parameter is suggested.
    """

    def value_of(name: str, within: Range) -> Any:
        value = parameters.get(name)
        if not within.holds(value):
            raise OutsideSpaceError(name)
        return value

    return RecordedTrial(value_of)


def nearest_trial(parameters: Mapping[str, Any]) -> RecordedTrial:
    """Return a trial of these parameters; one outside its range takes the nearest value, a missing one the middle."""
    return RecordedTrial(lambda name, within: within.nearest(parameters.get(name)))
