"""Checks of slices: rungs with a stop or a trail of their own (X10)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from exitladder.errors import LadderError
from exitladder.plans.units import Distance

if TYPE_CHECKING:
    from exitladder.plans.ladder import Rung

WIDTHS = ("R", "ATR", "%")
# 30 years of bars of one second; the engine counts in 32 bits
_MOST_BARS = 1_000_000_000


def check_whole(value: object, place: str, least: int) -> None:
    """Raise an error unless a value is an integer of at least `least` and not absurdly large.

    Parameters
    ----------
    value : object
    place : str
        For error messages.
    least : int

    Raises
    ------
    LadderError
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise LadderError(f"{place} must be an integer of at least {least}, but is {value!r}.")
    if value > _MOST_BARS:
        raise LadderError(f"{place} must be at most {_MOST_BARS:,}, but is {value!r}.")


def check_positive(distance: Distance | None, units: tuple[str, ...], place: str) -> None:
    """Raise an error unless a distance, if there is one, is positive and in one of the units.

    Parameters
    ----------
    distance : Distance or None
    units : tuple of str
    place : str
        For error messages.

    Raises
    ------
    LadderError
    """
    if distance is None:
        return
    if distance.unit not in units:
        raise LadderError(f"{place} must be given in {' or '.join(units)}, but is '{distance}'.")
    if not (math.isfinite(distance.value) and distance.value > 0):
        raise LadderError(f"{place} must be above 0, but is '{distance}'.")


def check_slice(rung: Rung, place: str) -> None:
    """Raise an error if a rung's own stop and trail do not make a valid slice.

    Parameters
    ----------
    rung : Rung
    place : str
        Such as ``rungs[1]``, for error messages.

    Raises
    ------
    LadderError
    """
    if not rung.is_slice:
        for name in ("trail_from", "trail_after"):
            if getattr(rung, name) is not None:
                raise LadderError(f"{place}.{name} arms a trail of the rung, but {place}.trail is not set.")
        if rung.follow:
            raise LadderError(
                f"{place}.follow applies to a rung with its own stop or trail, but has neither. Without them the rung "
                "is under the stop of the whole trade; leave follow out."
            )
        return
    if rung.sells_rest:
        raise LadderError(
            f'{place} sells the rest, which has no quantity of its own to protect. Leave out "stop" and "trail".'
        )
    if not isinstance(rung.follow, bool):
        raise LadderError(f"{place}.follow must be true or false, but is {rung.follow!r}.")
    check_positive(rung.stop, WIDTHS, f"{place}.stop")
    if rung.stop is not None and rung.stop.unit == "R" and rung.stop.value > 1:
        raise LadderError(
            f"{place}.stop must not be farther away than the initial stop of the trade (1R), but is '{rung.stop}'. "
            'Leave it out or write "1R" for the initial stop.'
        )
    check_positive(rung.trail, WIDTHS, f"{place}.trail")
    check_positive(rung.trail_from, ("R",), f"{place}.trail_from")
    if rung.trail is None and (rung.trail_after is not None or rung.trail_from is not None):
        raise LadderError(f"{place}.trail_after and {place}.trail_from arm a trail, but {place}.trail is not set.")
    if rung.trail_after is not None and rung.trail_from is not None:
        raise LadderError(f"{place}.trail_after and {place}.trail_from are both set; set only one of them.")


def check_arming(rungs: tuple[Rung, ...], number: int, place: str) -> None:
    """Raise an error unless the fill of rung `number` can move a stop that is needed afterwards.

    Parameters
    ----------
    rungs : tuple of Rung
    number : int
        From 1.
    place : str
        The setting that refers to the rung, for error messages.

    Raises
    ------
    LadderError
    """
    check_whole(number, place, least=1)
    if number > len(rungs):
        raise LadderError(f"{place} refers to rung {number}, but the ladder has {len(rungs)} rungs.")
    rung = rungs[number - 1]
    if rung.sells_rest:
        raise LadderError(
            f"{place} refers to rung {number}, which sells all that is left, so no stop is needed after it. "
            "Refer to another rung."
        )
    if rung.target is None and not rung.when:
        raise LadderError(
            f"{place} refers to rung {number}, which has neither a target nor conditions; its stop and its trail move "
            "no other stop. Refer to another rung."
        )


def check_own_arming(rungs: tuple[Rung, ...]) -> None:
    """Raise an error if a slice's trail is armed by a rung that cannot arm it.

    Parameters
    ----------
    rungs : tuple of Rung

    Raises
    ------
    LadderError
    """
    for number, rung in enumerate(rungs, start=1):
        if rung.trail_after is None:
            continue
        place = f"rungs[{number}].trail_after"
        check_arming(rungs, rung.trail_after, place)
        if rung.trail_after == number:
            raise LadderError(
                f"{place} refers to the rung itself, but nothing of it is left once it has filled. Refer to another "
                "rung, or leave it out to trail from the entry."
            )
