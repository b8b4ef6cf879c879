"""Ranges and steps of distances with their units, as ``[search]`` states them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from exitladder.errors import LadderError, SettingsError
from exitladder.plans.units import Distance

_LEAST = 0.01


@dataclass(frozen=True)
class DistanceRange:
    """A range of distances in one unit.

    Parameters
    ----------
    low, high : float
        Ends of the range, both included; equal ends fix the distance.
    unit : {"R", "ATR", "%"}

    Examples
    --------
    >>> distance_ranges(["0.5R", "4R"], "search.first_target")
    (DistanceRange(low=0.5, high=4.0, unit='R'),)
    """

    low: float
    high: float
    unit: str

    @property
    def limits(self) -> tuple[float, float]:
        """Both ends, in `unit`."""
        return self.low, self.high

    def to_plain(self) -> list[str]:
        """Return both ends as a settings file states them."""
        return [str(Distance(self.low, self.unit)), str(Distance(self.high, self.unit))]


def distance_ranges(value: Any, place: str) -> tuple[DistanceRange, ...]:
    """Return the ranges that a setting states: one, or one for each of several units.

    Parameters
    ----------
    value : str, sequence of two str, or sequence of these
        ``"3ATR"`` fixes the distance, ``["0.5R", "4R"]`` is a range, and
        ``[["0.5R", "4R"], ["1ATR", "8ATR"]]`` are ranges in two units.
    place : str
        Name of the key, for messages.

    Returns
    -------
    tuple of DistanceRange
        In the order given; no unit comes twice.

    Raises
    ------
    SettingsError
        If a distance has no unit, the ends of a range have different units or are in the wrong order,
        or a unit comes twice.
    """
    items = _items(value)
    if not items:
        raise SettingsError(f"{place} must have at least one range, but is empty.")
    # A flat list of texts is one range; a nested list has one range for each unit.
    several = any(isinstance(item, (list, tuple, DistanceRange)) for item in items)
    found = tuple(_range(item, place) for item in (items if several else [items]))
    _refuse_same_units([item.unit for item in found], place, "range")
    return found


def distance_steps(value: Any, place: str) -> tuple[Distance, ...]:
    """Return the steps that a setting states, at most one for each unit.

    Parameters
    ----------
    value : str or sequence of str
        Such as ``"0.25R"`` or ``["0.25R", "0.5ATR"]``.
    place : str
        Name of the key, for messages.

    Raises
    ------
    SettingsError
        If a step has no unit or a unit comes twice.
    """
    found = tuple(_distance(item, place) for item in _items(value))
    _refuse_same_units([item.unit for item in found], place, "step")
    return found


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def _range(item: Any, place: str) -> DistanceRange:
    if isinstance(item, DistanceRange):
        return item
    ends = [_distance(end, place) for end in _items(item)]
    units = {end.unit for end in ends}
    if len(ends) > 2 or not ends or (len(units) == 1 and ends[0].value > ends[-1].value):
        raise SettingsError(
            f"{place} must be one distance or [least, most], but is {_shown(item)}. Write one range as "
            '["1ATR", "8ATR"], ranges in several units as [["0.5R", "4R"], ["1ATR", "8ATR"]].'
        )
    if len(units) > 1:
        raise SettingsError(
            f"Both ends of a range in {place} must have the same unit, but {_shown(item)} has "
            f"{ends[0].unit} and {ends[1].unit}. Write ranges in several units as "
            '[["0.5R", "4R"], ["1ATR", "8ATR"]].'
        )
    return DistanceRange(ends[0].value, ends[-1].value, ends[0].unit)


def _distance(item: Any, place: str) -> Distance:
    if isinstance(item, Distance):
        return item
    try:
        found = Distance.parse(item, place)
    except LadderError as error:
        raise SettingsError(str(error)) from None
    if found.value < _LEAST:
        raise SettingsError(f"{place} must be at least {_LEAST:g}{found.unit}, but is {item!r}.")
    return found


def _refuse_same_units(units: list[str], place: str, what: str) -> None:
    for unit in units:
        if units.count(unit) > 1:
            raise SettingsError(f"{place} must have one {what} in {unit}, but has {units.count(unit)}.")


def _shown(item: Any) -> str:
    return "[" + ", ".join(str(end) for end in _items(item)) + "]"
