"""The units of a plan: distances, targets and conditions as a ladder file states them."""

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
    """A length in price, stated in a unit that is resolved once per trade.

    Parameters
    ----------
    value : float
        How many units.
    unit : {"R", "ATR", "%"}
        R is the trade's risk per unit, ATR the average true range known at the entry, % is of the
        entry price (for a trail: of the best price).

    Examples
    --------
    >>> Distance.parse("2.5ATR", "stop.trail")
    Distance(value=2.5, unit='ATR')
    """

    value: float
    unit: str

    @classmethod
    def parse(cls, text: object, place: str) -> Distance:
        """Return the distance that `text` states, such as ``"2ATR"``; `place` is for messages."""
        match = _DISTANCE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise LadderError(
                f'{place} must be a number with one of the units R, ATR or %, such as "2ATR", but is {text!r}.'
            )
        return cls(float(match[1]), match[2])

    def __str__(self) -> str:
        return f"{self.value:.10g}{self.unit}"


@dataclass(frozen=True)
class Target:
    """A price known in advance, resolved once at the entry.

    Parameters
    ----------
    value : float
        Multiple of the unit. Negative (R, ATR, %) means a partial stop-out below the entry.
    unit : {"R", "ATR", "%", "price", "fib", "resistance"}
        `fib` is an extension of the last confirmed swing, `resistance` the n-th confirmed swing level
        beyond the entry (support for a short).
    """

    value: float
    unit: str

    @classmethod
    def parse(cls, text: object, place: str) -> Target:
        """Return the target that `text` states, such as ``"1R"``, ``"fib 1.618"`` or a price."""
        if isinstance(text, bool):
            raise LadderError(f'{place} must be a target such as "1R", but is {text!r}.')
        if isinstance(text, (int, float)):
            return cls._checked(float(text), "price", text, place)
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
        if not math.isfinite(value):
            raise LadderError(f"{place} must be finite, but is {text!r}.")
        if unit in ("R", "ATR", "%") and value == 0:
            raise LadderError(
                f"{place} is {text!r}, which is the entry itself; a target lies above it, a partial stop-out below."
            )
        if unit == "resistance" and (value < 1 or value != int(value)):
            raise LadderError(
                f"{place} counts confirmed levels beyond the entry and must be a whole number from 1, but is {text!r}."
            )
        if unit == "fib" and value <= 0:
            raise LadderError(f"{place} must be a positive extension ratio such as 1.618, but is {text!r}.")
        return cls(value, unit)

    def __str__(self) -> str:
        if self.unit == "price":
            return f"{self.value:.10g}"
        if self.unit in ("fib", "resistance"):
            return f"{self.unit} {self.value:.10g}"
        return f"{self.value:.10g}{self.unit}"


@dataclass(frozen=True)
class Condition:
    """A comparison between a named series and a number, evaluated at a bar's close.

    A NaN makes it false. Series are in the trade's direction: for a short they are those of the
    mirrored market.
    """

    series: str
    operator: str
    threshold: float

    @classmethod
    def parse(cls, text: object, place: str) -> Condition:
        """Return the condition that `text` states, such as ``"exhaustion >= 0.70"``."""
        match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise LadderError(f"{place} must read 'series >= number' (also <=, > or <), but is {text!r}.")
        return cls(match[1], match[2], float(match[3]))

    def __str__(self) -> str:
        return f"{self.series} {self.operator} {self.threshold:.10g}"
