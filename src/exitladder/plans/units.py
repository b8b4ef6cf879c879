"""Distances, targets and conditions with their units, as written in a ladder file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from exitladder.errors import LadderError

TARGET_UNITS = ("R", "ATR", "%", "price", "fib", "resistance")

OPERATORS = (">=", "<=", ">", "<")

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"

_DISTANCE = re.compile(rf"\s*({_NUMBER})\s*(R|ATR|%)\s*")

_LEVEL = re.compile(rf"\s*(fib|resistance)\s+({_NUMBER})\s*")

_CONDITION = re.compile(rf"\s*([A-Za-z_]\w*)\s*(>=|<=|>|<)\s*({_NUMBER})\s*")


@dataclass(frozen=True)
class Distance:
    """A price distance in a unit that is resolved once per trade.

    Parameters
    ----------
    value : float
        Number of units.
    unit : {"R", "ATR", "%"}
        R is the trade's initial risk per unit, ATR the average true range known at the entry, % a
        percentage of the entry price (for a trailing stop: of the best price).

    Examples
    --------
    >>> Distance.parse("2.5ATR", "stop.trail")
    Distance(value=2.5, unit='ATR')
    """

    value: float
    unit: str

    @classmethod
    def parse(cls, text: object, place: str) -> Distance:
        """Return the distance written in `text`, such as ``"2ATR"``; `place` is used in error messages."""
        match = _DISTANCE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise LadderError(f'{place} must be a number with the unit R, ATR or %, such as "2ATR", but is {text!r}.')
        return cls(_finite(float(match[1]), text, place), match[2])

    def __str__(self) -> str:
        return f"{self.value:.10g}{self.unit}"


@dataclass(frozen=True)
class Target:
    """A price target, resolved once at the entry.

    Parameters
    ----------
    value : float
        Multiple of the unit. Negative values (R, ATR, %) mean a partial stop-out below the entry.
    unit : {"R", "ATR", "%", "price", "fib", "resistance"}
        `fib` is an extension of the last confirmed swing, `resistance` the n-th confirmed swing level
        beyond the entry (support for a short). Adds also know `support`, the n-th level on the losing side.
    """

    value: float
    unit: str

    @classmethod
    def parse(cls, text: object, place: str) -> Target:
        """Return the target written in `text`, such as ``"1R"``, ``"fib 1.618"`` or a price."""
        if isinstance(text, bool):
            raise LadderError(f'{place} must be a target such as "1R", but is {text!r}.')
        if isinstance(text, (int, float)):
            # a whole number of 400 digits is no float
            price = float(text) if -1e308 < text < 1e308 else math.inf
            return cls._checked(price, "price", text, place)
        if isinstance(text, str):
            if match := _DISTANCE.fullmatch(text):
                return cls._checked(float(match[1]), match[2], text, place)
            if match := _LEVEL.fullmatch(text):
                return cls._checked(float(match[2]), match[1], text, place)
            if re.fullmatch(rf"\s*{_NUMBER}\s*", text):
                return cls._checked(float(text), "price", text, place)
        raise LadderError(
            f'{place} must be a target such as "1R", "2ATR", "5%", "fib 1.618", "resistance 1" or a price, '
            f"but is {text!r}."
        )

    @classmethod
    def _checked(cls, value: float, unit: str, text: object, place: str) -> Target:
        _finite(value, text, place)
        if unit in ("R", "ATR", "%") and value == 0:
            raise LadderError(
                f"{place} must not be 0, the entry price itself, but is {text!r}; a positive value is a target, a "
                "negative one a partial stop-out."
            )
        if unit == "resistance" and (value < 1 or value != int(value)):
            raise LadderError(
                f"{place} counts confirmed levels beyond the entry and must be an integer of at least 1, but is "
                f"{text!r}."
            )
        if unit == "fib" and value <= 0:
            raise LadderError(f"{place} must be a positive extension ratio such as 1.618, but is {text!r}.")
        return cls(value, unit)

    def __str__(self) -> str:
        if self.unit == "price":
            return f"{self.value:.10g}"
        if self.unit in ("fib", "resistance", "support"):
            return f"{self.unit} {self.value:.10g}"
        return f"{self.value:.10g}{self.unit}"


@dataclass(frozen=True)
class Condition:
    """A comparison of a named series with a number, evaluated at a bar's close.

    NaN makes it false. Series are in the trade's direction: a short uses those of the mirrored market.
    """

    series: str
    operator: str
    threshold: float

    @classmethod
    def parse(cls, text: object, place: str) -> Condition:
        """Return the condition written in `text`, such as ``"exhaustion >= 0.70"``."""
        match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise LadderError(f"{place} must read 'series >= number' (also <=, > or <), but is {text!r}.")
        return cls(match[1], match[2], _finite(float(match[3]), text, place))

    @classmethod
    def parse_all(cls, when: object, place: str) -> tuple[Condition, ...]:
        """Return the conditions of a list, or of one text."""
        texts = [when] if isinstance(when, str) else when
        if not isinstance(texts, (list, tuple)):
            raise LadderError(f"{place} must be a list of conditions, but is {when!r}.")
        return tuple(cls.parse(text, place) for text in texts)

    @property
    def exact(self) -> str:
        """The condition as a file has it: `parse` reads it back to the bit."""
        return f"{self.series} {self.operator} {self.threshold!r}"

    def __str__(self) -> str:
        return f"{self.series} {self.operator} {self.threshold:.10g}"


def _finite(value: float, text: object, place: str) -> float:
    if not math.isfinite(value):
        raise LadderError(f"{place} must be finite, but is {text!r}.")
    return value
