"""The exit ladder: the portions to sell, their targets, and the stop rules after each.

The user writes a ladder as TOML; here it is a set of frozen dataclasses. It is validated when it is
created, so later code can trust it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from exitladder.errors import LadderError
from exitladder.files.untrusted.limits import how_to_raise, limit
from exitladder.plans.adds import Add, AddRules, check_plan
from exitladder.plans.costs import Costs
from exitladder.plans.limits import MEASURES, Book, Limit, Risk, check_limits
from exitladder.plans.provenance import TunedOn
from exitladder.plans.size import Size
from exitladder.plans.slices import check_arming, check_own_arming, check_positive, check_slice, check_whole
from exitladder.plans.target import VolatilityTarget, check_target
from exitladder.plans.times import is_clock
from exitladder.plans.units import Condition, Distance, Target

STATE_SERIES = ("open_r", "mfe_r", "mae_r", "give_back_r", "bars_held", "stop_distance_r")
INTRABAR_POLICIES = ("stop_first", "target_first", "ohlc", "nearer_extreme", "finer_bars")
LIMIT_FILLS = ("touch", "through")
_LONGEST_NAME = 500


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: a fraction of the original quantity and its trigger; fires once.

    Exactly one of `target` and `when` is set. A rung with its own `stop` or `trail` is a slice (X10): its quantity is
    reserved from the entry on, and it may have neither target nor conditions.

    Parameters
    ----------
    fraction : float
        0 for a rung that sells the rest.
    target : Target or None
    when : tuple of Condition
    sells_rest : bool
        Whether the rung sells all that is left (``fraction = "rest"`` in a file); it needs conditions.
    stop : Distance or None
        The slice's own stop, this far below the entry in the trade's direction. Without it, the trade's initial stop.
    trail : Distance or None
        The slice's own trailing stop.
    trail_from : Distance or None
        MFE that arms it (R).
    trail_after : int or None
        Number (from 1) of the rung whose fill arms it. Without both, it is armed from the entry.
    follow : bool
        Whether the breakeven move and the trail of the trade move the slice's stop as well.
    measured_from : {"entry", "average"}
        Whether a target in R, ATR or % is measured from the entry or from the average entry after each add (PL5).
    """

    fraction: float
    target: Target | None = None
    when: tuple[Condition, ...] = ()
    sells_rest: bool = False
    stop: Distance | None = None
    trail: Distance | None = None
    trail_from: Distance | None = None
    trail_after: int | None = None
    follow: bool = False
    measured_from: str = "entry"

    @property
    def is_signal(self) -> bool:
        """Whether the rung is triggered by conditions at a close rather than by a resting price."""
        return bool(self.when)

    @property
    def is_slice(self) -> bool:
        """Whether the rung has a stop or a trail of its own (X10)."""
        return self.stop is not None or self.trail is not None

    @property
    def trigger(self) -> str:
        """The target or the conditions, as the ladder file writes them; empty for a slice without either.

        Examples
        --------
        >>> Rung(0.5, Target(1.5, "R")).trigger
        '1.5R'
        """
        return str(self.target) if self.target is not None else " and ".join(map(str, self.when))


@dataclass(frozen=True)
class Stop:
    """The stop rules of a ladder.

    Parameters
    ----------
    initial : Distance or None
        Initial stop of trades without a stop_price (ATR or %).
    breakeven_after : int or None
        Number (from 1) of the rung whose fill moves the stop to break-even.
    breakeven_offset : Distance
        Added to the entry price, in the trade's favour.
    trail : Distance or None
        Distance of the trailing stop from the best price (chandelier).
    trail_after : int or None
        Number of the rung whose fill arms the trailing stop. Without it and without `trail_from`, the
        trailing stop is armed from the entry.
    trail_from : Distance or None
        MFE that arms the trailing stop (R).
    time : int or None
        Time stop: after this number of bars, the rest is sold at the next open.
    hours : float or None
        The same in hours of the clock, known in advance and filled at a close (rule X11); in a file ``time = "6h"``.
    sessions : int or None
        The same in sessions, that of the entry being the first; in a file ``time = "3 sessions"``.
    session_close : bool
        Whether the rest is sold at the close of the session.
    clock : str or None
        Time of day on the exchange's clock at which the rest is sold, such as ``15:55``.
    max_gap : float or None
        Hours; a longer gap between two bars ends the trade at the next open. In a file ``"36h"``.
    breakeven_from : {"entry", "average"}
        Whether break-even is the entry or the average entry after each add (PL5).
    """

    initial: Distance | None = None
    breakeven_after: int | None = None
    breakeven_offset: Distance = Distance(0.0, "R")
    trail: Distance | None = None
    trail_after: int | None = None
    trail_from: Distance | None = None
    time: int | None = None
    hours: float | None = None
    sessions: int | None = None
    session_close: bool = False
    clock: str | None = None
    max_gap: float | None = None
    breakeven_from: str = "entry"

    @property
    def hours_kept(self) -> dict[str, Any]:
        """The fields that limit when a position may be held: a search keeps those of the user's ladder."""
        return {"session_close": self.session_close, "clock": self.clock, "max_gap": self.max_gap}

    @property
    def is_timed(self) -> bool:
        """Whether an exit is given by the clock, by sessions or by gaps (rule X11)."""
        return self.session_close or any(v is not None for v in (self.hours, self.sessions, self.clock, self.max_gap))


@dataclass(frozen=True)
class Execution:
    """The execution model.

    Parameters
    ----------
    intrabar : str
        One of ``INTRABAR_POLICIES``; the default is the pessimistic one.
    limit_fill : {"touch", "through"}
        Whether a limit order fills when its price is touched or only one tick beyond.
    participation : float
        Maximum share of a bar's volume that a fill may take; 0 means no cap.
    leverage : float
        0 means no liquidation price; otherwise the liquidation price acts as a second stop.
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
    """A complete plan. The part that no rung sells is the runner. Without adds it is an exit ladder.

    Raises
    ------
    LadderError
        If anything is invalid: fractions that sum to more than 1, a rung number that does not exist, etc.

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
    adds: tuple[Add, ...] = ()
    size: Size = field(default_factory=Size)
    add_rules: AddRules = field(default_factory=AddRules)
    limits: tuple[Limit, ...] = ()
    risk: Risk = field(default_factory=Risk)
    book: Book = field(default_factory=Book)
    target: VolatilityTarget | None = None
    # What the ladder was tuned on is no part of the plan: ladders that trade alike are equal.
    tuned: TunedOn | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise LadderError(f"name must be a non-empty string, but is {self.name!r}.")
        if len(self.name) > _LONGEST_NAME:
            raise LadderError(f"name must have at most {_LONGEST_NAME} characters, but is {self.name!r}.")
        for name, kind in (("stop", Stop), ("costs", Costs), ("execution", Execution)):
            _check_part(getattr(self, name), kind, name)
        for number, rung in enumerate(self.rungs, start=1):
            _check_part(rung, Rung, f"rungs[{number}]")
        check_whole(self.atr_window, "atr_window", least=1)
        most = limit("EXITLADDER_MAX_RUNGS")
        if len(self.rungs) > most or any(len(rung.when) > most for rung in self.rungs):
            n = max(len(self.rungs), *(len(rung.when) for rung in self.rungs))
            raise LadderError(
                f"A ladder may have {most:,} rungs and each of them {most:,} conditions, but has {n:,}. "
                f"{how_to_raise('EXITLADDER_MAX_RUNGS')}"
            )
        for number, rung in enumerate(self.rungs, start=1):
            _check_rung(rung, f"rungs[{number}]")
        total = math.fsum(rung.fraction for rung in self.rungs)
        if total > 1 + 1e-9:
            raise LadderError(
                f"The fractions of the rungs must sum to at most 1 (the rest is the runner), but sum to {total:.10g}."
            )
        _check_stop(self.stop, self.rungs)
        check_own_arming(self.rungs)
        _check_execution(self.execution)
        check_plan(self)
        check_limits(self)
        check_target(self, STATE_SERIES)
        if self.shares_account and self.size.is_sized:
            raise LadderError(
                "A plan with [[limits]] or limits in [book] cannot yet have a size rule or a maximum in equity too. "
                "Leave one of them out."
            )
        if self.shares_account and any(rung.is_slice for rung in self.rungs):
            raise LadderError(
                "A plan with [[limits]] or [book] cannot yet have rungs with their own stop or trail. "
                "Leave stop and trail out of the rungs, or leave out the limits."
            )

    @property
    def is_plan(self) -> bool:
        """Whether the position may grow or its size is limited: more than an exit ladder (docs/plans.md)."""
        return bool(self.adds) or self.size.is_limited or self.size.is_sized or self.target is not None

    @property
    def shares_account(self) -> bool:
        """Whether positions are run side by side in one account: a book, limits or a target (docs/books.md)."""
        return self.book.is_shared or bool(self.limits) or self.target is not None

    @property
    def alone(self) -> Ladder:
        """The same plan for each position by itself: without limits, ``[risk]``, ``[target]`` and rules of the book."""
        if not self.shares_account:
            return self
        return replace(self, limits=(), book=Book(equity=self.book.equity), risk=Risk(), target=None)

    @property
    def buys_more(self) -> bool:
        """Whether positions may grow after their entry: by adds, or by a volatility target."""
        return bool(self.adds) or self.target is not None

    @property
    def runner(self) -> float:
        """The part that no rung sells, as a fraction of the original quantity."""
        return max(0.0, 1.0 - math.fsum(rung.fraction for rung in self.rungs))

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series that signal rungs and signal adds use, without trade state, sorted."""
        names = {c.series for rung in self.rungs for c in rung.when} | {c.series for add in self.adds for c in add.when}
        of_limits = {c.series for limit in self.limits for c in limit.when} - set(MEASURES)
        of_book = {c.series for c in self.book.enter_when} | (self.target.series if self.target else set())
        return tuple(sorted((names | of_limits | of_book) - set(STATE_SERIES)))


def _check_part(part: object, kind: type, place: str) -> None:
    if not isinstance(part, kind):
        raise LadderError(
            f"{place} must be of type {kind.__name__}, but is a {type(part).__name__}. To make a ladder of tables, "
            "write exitladder.ladder_from_mapping({'rungs': [{'fraction': 0.5, 'target': '1R'}]})."
        )


def _check_rung(rung: Rung, place: str) -> None:
    fraction = rung.fraction
    check_slice(rung, place)
    if rung.sells_rest:
        if rung.target is not None or not rung.when or fraction != 0:
            raise LadderError(
                f'{place}.fraction = "rest" sells all that is left once conditions hold; give it "when", and no target.'
            )
        return
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 < fraction <= 1:
        raise LadderError(
            f"{place}.fraction must be above 0 and at most 1 (a share of the original quantity), but is {fraction!r}."
        )
    if rung.is_slice and rung.target is None and not rung.when:
        return
    if (rung.target is None) == (not rung.when):
        raise LadderError(f"{place} must have either a target or conditions in 'when', but not both.")


def _check_stop(stop: Stop, rungs: tuple[Rung, ...]) -> None:
    check_positive(stop.initial, ("ATR", "%"), "stop.initial")
    check_positive(stop.trail, ("R", "ATR", "%"), "stop.trail")
    check_positive(stop.trail_from, ("R",), "stop.trail_from")
    for name in ("breakeven_after", "trail_after"):
        number = getattr(stop, name)
        if number is not None:
            check_arming(rungs, number, f"stop.{name}")
    if stop.trail is None and (stop.trail_after is not None or stop.trail_from is not None):
        raise LadderError("stop.trail_after and stop.trail_from arm a trail, but stop.trail is not set.")
    if stop.trail_after is not None and stop.trail_from is not None:
        raise LadderError("stop.trail_after and stop.trail_from are both set; set only one of them.")
    if stop.breakeven_after is None and stop.breakeven_offset.value != 0:
        raise LadderError("stop.breakeven_offset is set, but stop.breakeven_after is not.")
    _check_times(stop)


def _check_times(stop: Stop) -> None:
    for number in (stop.time, stop.sessions):
        if number is not None:
            check_whole(number, "stop.time", least=1)
    if sum(value is not None for value in (stop.time, stop.hours, stop.sessions)) > 1:
        raise LadderError("stop.time must be given in bars, in hours or in sessions, but is given twice.")
    for name, hours in (("time", stop.hours), ("max_gap", stop.max_gap)):
        if hours is not None and not (math.isfinite(hours) and hours > 0):
            raise LadderError(f"stop.{name} must be a duration above 0, but is {hours!r} hours.")
    if not isinstance(stop.session_close, bool):
        raise LadderError(f"stop.session_close must be true or false, but is {stop.session_close!r}.")
    if stop.clock is not None and (not is_clock(stop.clock) or stop.clock == "00:00"):
        raise LadderError(
            f'stop.clock must be a time of day of the exchange, from "00:01" to "24:00", but is {stop.clock!r}.'
        )


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
        raise LadderError(f"execution.participation must be from 0 to 1, but is {execution.participation!r}.")
    if execution.leverage != 0 and not 1 <= execution.leverage < math.inf:
        raise LadderError(f"execution.leverage must be 0 (none) or at least 1, but is {execution.leverage!r}.")
    if not 0 <= execution.maintenance_margin < 1:
        raise LadderError(
            f"execution.maintenance_margin must be at least 0 and below 1, but is {execution.maintenance_margin!r}."
        )
