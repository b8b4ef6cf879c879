"""The exit ladder: which portions of a position are sold, where, and what the stop does after each.

A ladder is written as TOML by the user and held as frozen dataclasses here. It is validated where it
is made; everything after that trusts it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from exitladder.errors import LadderError
from exitladder.plans.costs import Costs
from exitladder.plans.units import Condition, Distance, Target

STATE_SERIES = ("open_r", "mfe_r", "mae_r", "give_back_r", "bars_held", "stop_distance_r")
INTRABAR_POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme", "finer_bars")
LIMIT_FILLS = ("touch", "through")


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: a fraction of the original quantity and what triggers it; fires once.

    Exactly one of `target` and `when` is set.
    """

    fraction: float
    target: Target | None = None
    when: tuple[Condition, ...] = ()

    @property
    def is_signal(self) -> bool:
        """Whether the rung fires on conditions at a close and not at a resting price."""
        return self.target is None


@dataclass(frozen=True)
class Stop:
    """What the stop does over the life of a trade.

    Parameters
    ----------
    initial : Distance or None
        Defines the stop where a trade brings no stop_price (ATR or %).
    breakeven_after : int or None
        Number (from 1) of the rung whose fill moves the stop to the entry.
    breakeven_offset : Distance
        Added to the entry, in the trade's favour.
    trail : Distance or None
        Distance of the trailing line from the best price (chandelier).
    trail_after : int or None
        Number of the rung whose fill arms the trail. Without it and `trail_from` it is armed from
        the entry on.
    trail_from : Distance or None
        The trail is armed once the MFE has reached this (R).
    time : int or None
        Bars held after whose last close all that is left is sold at the next open.
    """

    initial: Distance | None = None
    breakeven_after: int | None = None
    breakeven_offset: Distance = Distance(0.0, "R")
    trail: Distance | None = None
    trail_after: int | None = None
    trail_from: Distance | None = None
    time: int | None = None


@dataclass(frozen=True)
class Execution:
    """How orders meet bars.

    Parameters
    ----------
    intrabar : str
        One of ``INTRABAR_POLICIES``; the default is the pessimistic one.
    limit_fill : {"touch", "through"}
        Whether a limit fills when its price is touched or only one tick beyond.
    participation : float
        Greatest share of a bar's volume that a fill may take; 0 means no cap.
    leverage : float
        0 means no liquidation price; otherwise it is one more stop.
    maintenance_margin : float
        Share of the notional at which a leveraged position is liquidated.
    """

    intrabar: str = "stop_first"
    limit_fill: str = "touch"
    participation: float = 0.0
    leverage: float = 0.0
    maintenance_margin: float = 0.0


@dataclass(frozen=True)
class Ladder:
    """A whole exit plan. What no rung sells is the runner.

    Raises
    ------
    LadderError
        If anything is impossible: fractions above 1, a rung number that does not exist, and so on.

    Examples
    --------
    >>> ladder = Ladder(rungs=(Rung(0.25, target=Target(1.0, "R")),), stop=Stop(breakeven_after=1))
    >>> ladder.runner
    0.75
    """

    name: str = "ladder"
    atr_window: int = 14
    rungs: tuple[Rung, ...] = ()
    stop: Stop = field(default_factory=Stop)
    costs: Costs = field(default_factory=Costs)
    execution: Execution = field(default_factory=Execution)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise LadderError(f"name must be a text that is not empty, but is {self.name!r}.")
        _whole(self.atr_window, "atr_window", least=1)
        for number, rung in enumerate(self.rungs, start=1):
            _check_rung(rung, f"rungs[{number}]")
        total = math.fsum(rung.fraction for rung in self.rungs)
        if total > 1 + 1e-9:
            raise LadderError(
                f"The rungs sell {total:.10g} of the position; their fractions must sum to at most 1 "
                "(what is left is the runner)."
            )
        _check_stop(self.stop, len(self.rungs))
        _check_execution(self.execution)

    @property
    def runner(self) -> float:
        """What no rung sells, as a fraction of the original quantity."""
        return max(0.0, 1.0 - math.fsum(rung.fraction for rung in self.rungs))

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series that the signal rungs need and that are not trade state, sorted."""
        names = {c.series for rung in self.rungs for c in rung.when} - set(STATE_SERIES)
        return tuple(sorted(names))


def _whole(value: object, place: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise LadderError(f"{place} must be a whole number from {least}, but is {value!r}.")


def _check_rung(rung: Rung, place: str) -> None:
    fraction = rung.fraction
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 < fraction <= 1:
        raise LadderError(
            f"{place}.fraction must be above 0 and at most 1 (a share of the original quantity), but is {fraction!r}."
        )
    if (rung.target is None) == (not rung.when):
        raise LadderError(f"{place} must have either a target or conditions in 'when', and not both.")


def _positive(distance: Distance | None, units: tuple[str, ...], place: str) -> None:
    if distance is None:
        return
    if distance.unit not in units:
        raise LadderError(f"{place} must be given in {' or '.join(units)}, but is '{distance}'.")
    if not (math.isfinite(distance.value) and distance.value > 0):
        raise LadderError(f"{place} must be above 0, but is '{distance}'.")


def _check_stop(stop: Stop, n_rungs: int) -> None:
    _positive(stop.initial, ("ATR", "%"), "stop.initial")
    _positive(stop.trail, ("R", "ATR", "%"), "stop.trail")
    _positive(stop.trail_from, ("R",), "stop.trail_from")
    for name in ("breakeven_after", "trail_after"):
        number = getattr(stop, name)
        if number is None:
            continue
        _whole(number, f"stop.{name}", least=1)
        if number > n_rungs:
            raise LadderError(f"stop.{name} names rung {number}, but the ladder has {n_rungs} rungs.")
    if stop.trail is None and (stop.trail_after is not None or stop.trail_from is not None):
        raise LadderError("stop.trail_after and stop.trail_from arm a trail, but stop.trail is not set.")
    if stop.trail_after is not None and stop.trail_from is not None:
        raise LadderError("stop.trail_after and stop.trail_from are both set; the trail is armed by one of them.")
    if stop.breakeven_after is None and stop.breakeven_offset.value != 0:
        raise LadderError("stop.breakeven_offset is set, but stop.breakeven_after is not.")
    if stop.time is not None:
        _whole(stop.time, "stop.time", least=1)


def _check_execution(execution: Execution) -> None:
    if execution.intrabar not in INTRABAR_POLICIES:
        raise LadderError(
            f"execution.intrabar must be one of {', '.join(INTRABAR_POLICIES)}, but is {execution.intrabar!r}."
        )
    if execution.limit_fill not in LIMIT_FILLS:
        raise LadderError(
            f"execution.limit_fill must be one of {', '.join(LIMIT_FILLS)}, but is {execution.limit_fill!r}."
        )
    if not 0 <= execution.participation <= 1:
        raise LadderError(f"execution.participation must lie in 0 to 1, but is {execution.participation!r}.")
    if execution.leverage != 0 and not 1 <= execution.leverage < math.inf:
        raise LadderError(f"execution.leverage must be 0 (none) or at least 1, but is {execution.leverage!r}.")
    if not 0 <= execution.maintenance_margin < 1:
        raise LadderError(f"execution.maintenance_margin must lie in 0 to 1, but is {execution.maintenance_margin!r}.")
