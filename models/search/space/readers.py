"""Readers of a ladder: the value of each parameter of the search space in a given ladder."""

from __future__ import annotations

from collections.abc import Callable

from exitladder.plans.ladder import Ladder
from exitladder.plans.units import Distance, Target


def targets_of(ladder: Ladder) -> list[Target]:
    """Return the targets of the price rungs, in order."""
    return [rung.target for rung in ladder.rungs if rung.target is not None]


def gap(k: int) -> Callable[[Ladder], float]:
    """Return a reader of the distance from target k - 1 (or the entry) to target k."""

    def distance(ladder: Ladder) -> float:
        values = [target.value for target in targets_of(ladder)]
        return round(values[k] - (values[k - 1] if k else 0.0), 10)

    return distance


def rest_part_or_all(of: Callable[[Ladder], int | None], room: int, k: int) -> Callable[[Ladder], str]:
    """Return a reader of the quantity that a signal rung sells, as in ``search.signal_sells``.

    Parameters
    ----------
    of : callable
        Reads the shares of the rung beyond its least.
    room : int
        Those that no rung before it sells.
    k : int
        The rung, from 0.

    Returns
    -------
    callable
        It gives rest, part or all.
    """

    def sells(ladder: Ladder) -> str:
        if k < len(ladder.rungs) and ladder.rungs[k].sells_rest:
            return "all"
        return "rest" if of(ladder) == room else "part"

    return sells


def own_exit(k: int) -> Callable[[Ladder], str]:
    """Return a reader of the own exit of rung k, as in ``search.slices``."""

    def own(ladder: Ladder) -> str:
        rung = ladder.rungs[k]
        return "stop" if rung.stop is not None else "trail" if rung.trail is not None else "off"

    return own


def own_width(k: int, name: str) -> Callable[[Ladder], float | None]:
    """Return a reader of the own stop or trail of rung k, in its unit."""

    def width(ladder: Ladder) -> float | None:
        distance: Distance | None = getattr(ladder.rungs[k], name)
        return None if distance is None else distance.value

    return width


def own_unit(k: int) -> Callable[[Ladder], str | None]:
    """Return a reader of the unit of rung k's own trail."""

    def unit(ladder: Ladder) -> str | None:
        trail = ladder.rungs[k].trail
        return None if trail is None else trail.unit

    return unit


def by_clock(ladder: Ladder) -> str:
    """Return the exit by the clock, as in ``search.clock``; both at once are outside of it."""
    stop = ladder.stop
    if stop.session_close:
        return "session_close" if stop.clock is None else "both"
    return stop.clock or "off"


def initial_stop(ladder: Ladder) -> float | None:
    """Return the distance of the initial stop in its unit."""
    return None if ladder.stop.initial is None else ladder.stop.initial.value


def breakeven_offset(ladder: Ladder) -> float | None:
    """Return the breakeven offset in R, None where it is in another unit."""
    offset = ladder.stop.breakeven_offset
    return offset.value if offset.unit == "R" else 0.0 if offset.value == 0 else None


def distance_of(name: str) -> Callable[[Ladder], float | None]:
    """Return a reader of a distance of the stop by its name, in its unit."""

    def number(ladder: Ladder) -> float | None:
        distance: Distance | None = getattr(ladder.stop, name)
        return None if distance is None else distance.value

    return number


def trail_unit(ladder: Ladder) -> str | None:
    """Return the unit of the trail."""
    return None if ladder.stop.trail is None else ladder.stop.trail.unit


def armed_by(ladder: Ladder) -> str:
    """Return what arms the trail, as in ``search.trail``."""
    stop = ladder.stop
    if stop.trail is None:
        return "off"
    return "rung" if stop.trail_after is not None else "from_r" if stop.trail_from is not None else "entry"
