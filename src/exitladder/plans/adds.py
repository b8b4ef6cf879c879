"""Adds to a position and their checks (rules PL1 to PL8 of docs/plans.md)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from exitladder.errors import LadderError
from exitladder.files.untrusted.limits import how_to_raise, limit
from exitladder.plans.size import Size, check_amount, check_size
from exitladder.plans.slices import WIDTHS, check_positive, check_whole
from exitladder.plans.units import Condition, Distance, Target

if TYPE_CHECKING:
    from exitladder.plans.ladder import Ladder

MEASURED_FROM = ("entry", "average")
SPACINGS = ("entry", "previous")
ATRS = ("entry", "current")
AVERAGES = ("average", "average+costs")
AMOUNTS = ("quantity", "units", "money")
_SUPPORT = re.compile(r"\s*support\s+(\d+)\s*")


@dataclass(frozen=True)
class Add:
    """One tranche after the first entry: a quantity and its trigger; fires once.

    Exactly one of `quantity`, `units` and `money` is set, and exactly one of `at` and `when`.

    Parameters
    ----------
    quantity : float or None
        Multiple of the first quantity.
    units : float or None
        In units.
    money : float or None
        Money, divided by the price of the fill and the multiplier (PL8).
    at : Target or None
        Negative (R, ATR, %) or a support: an averaging add, a limit order. Positive or a resistance: a pyramiding add,
        a stop order. A price or an extension is one or the other by the side of the entry that it is on.
    when : tuple of Condition
        Signal add: decided at a close, bought at the next open.
    spacing : {"entry", "previous"}
        Whether `at` is measured from the entry or from the fill of the add before it, slippage included.
    atr : {"entry", "current"}
        Whether distances in ATR use that of the entry or that of the last closed bar.
    stop : Distance or str or None
        The stop of the whole position moves to this far from the fill of this add; ``"average"`` (or
        ``"average+costs"``): to the average entry.
    """

    quantity: float | None = None
    units: float | None = None
    money: float | None = None
    at: Target | None = None
    when: tuple[Condition, ...] = ()
    spacing: str = "entry"
    atr: str = "entry"
    stop: Distance | Literal["average", "average+costs"] | None = None

    @property
    def is_averaging(self) -> bool | None:
        """Whether the add averages into a pullback (PL1); None for a signal, a price or an extension: it depends.

        Examples
        --------
        >>> Add(1.0, at=Target(-0.5, "R")).is_averaging, Add(1.0, at=Target(0.5, "ATR")).is_averaging
        (True, False)
        >>> Add(1.0, at=Target(98.0, "price")).is_averaging is None
        True
        """
        if self.at is None or self.at.unit in ("price", "fib"):
            return None
        return self.at.unit == "support" or self.at.value < 0

    @property
    def trigger(self) -> str:
        """The target or the conditions, as the file writes them."""
        return str(self.at) if self.at is not None else " and ".join(map(str, self.when))


@dataclass(frozen=True)
class AddRules:
    """When adds are withdrawn (table ``[add_rules]``).

    Parameters
    ----------
    after_exit : bool
        Whether adds may still fill in bars after a part of the position was sold.
    until_bars : int or None
        Adds fill in this many bars after the entry only.
    """

    after_exit: bool = False
    until_bars: int | None = None


def parse_level(text: object, place: str) -> Target:
    """Return the level of an add: a target as for rungs, or ``"support 1"``; `place` is for error messages.

    Examples
    --------
    >>> parse_level("-0.5R", "adds[1].at"), parse_level("support 1", "adds[1].at")
    (Target(value=-0.5, unit='R'), Target(value=1.0, unit='support'))
    """
    if isinstance(text, str) and (match := _SUPPORT.fullmatch(text)):
        number = float(match[1])
        if not 1 <= number <= 1000:
            raise LadderError(
                f"{place} counts confirmed levels beyond the entry and must be from 1 to 1000, but is {text!r}."
            )
        return Target(number, "support")
    return Target.parse(text, place)


def check_plan(ladder: Ladder) -> None:
    """Raise an error unless the adds, the maximum size and their rules make a valid plan.

    Parameters
    ----------
    ladder : Ladder

    Raises
    ------
    LadderError
    """
    check_size(ladder.size, ladder.book)
    _check_add_rules(ladder.add_rules)
    _check_measures(ladder)
    if not ladder.adds:
        if ladder.add_rules != AddRules():
            raise LadderError("[add_rules] says when adds are withdrawn, but the plan has no [[adds]]. Leave it out.")
        return
    most = limit("EXITLADDER_MAX_RUNGS")
    if len(ladder.adds) > most or any(len(add.when) > most for add in ladder.adds):
        n = max(len(ladder.adds), *(len(add.when) for add in ladder.adds))
        raise LadderError(
            f"A plan may have {most:,} adds and each of them {most:,} conditions, but has {n:,}. "
            f"{how_to_raise('EXITLADDER_MAX_RUNGS')}"
        )
    for number, add in enumerate(ladder.adds, start=1):
        _check_add(add, f"adds[{number}]")
    _check_invalidation(ladder.adds, ladder.stop.initial)
    if any(rung.is_slice for rung in ladder.rungs):
        raise LadderError(
            "A plan with [[adds]] cannot yet have rungs with their own stop or trail. "
            "Leave stop and trail out of the rungs, or leave out the adds."
        )


def _check_add(add: Add, place: str) -> None:
    given = [name for name in AMOUNTS if getattr(add, name) is not None]
    if len(given) != 1:
        raise LadderError(
            f"{place} must have one of quantity (a multiple of the first quantity), units and money, but has "
            f"{' and '.join(given) or 'none of them'}."
        )
    for name, what in zip(AMOUNTS, ("a multiple of the first quantity", "in units", "an amount of money"), strict=True):
        check_amount(getattr(add, name), f"{place}.{name}", what)
    if (add.at is None) == (not add.when):
        raise LadderError(f"{place} must have either a level in 'at' or conditions in 'when', but not both.")
    if add.at is not None and add.at.unit == "price" and not add.at.value > 0:
        raise LadderError(
            f"{place}.at without a unit is a price and must be above 0, but is {add.at}. "
            'For a distance below the entry state a unit, such as "-0.5ATR".'
        )
    for name, allowed in (("spacing", SPACINGS), ("atr", ATRS)):
        if getattr(add, name) not in allowed:
            raise LadderError(f"{place}.{name} must be one of {', '.join(allowed)}, but is {getattr(add, name)!r}.")
    if add.spacing == "previous" and (add.at is None or add.at.unit not in WIDTHS):
        raise LadderError(
            f'{place}.spacing = "previous" measures a distance in R, ATR or % from the add before, but '
            f"{place} is triggered by {add.trigger!r}. Leave spacing out."
        )
    distances = [length for length in (add.at, add.stop) if isinstance(length, (Target, Distance))]
    if add.atr == "current" and not any(length.unit == "ATR" for length in distances):
        raise LadderError(f'{place}.atr = "current" needs a distance in ATR in at or stop, but there is none.')
    _check_add_stop(add, place)


def _check_add_stop(add: Add, place: str) -> None:
    if isinstance(add.stop, Distance):
        check_positive(add.stop, WIDTHS, f"{place}.stop")
        return
    if add.stop is not None and add.stop not in AVERAGES:
        raise LadderError(
            f'{place}.stop must be a distance such as "2ATR", or one of {", ".join(AVERAGES)}, but is {add.stop!r}.'
        )
    if add.stop is not None and add.is_averaging:
        raise LadderError(
            f'{place}.stop = "{add.stop}" would put the stop above the price at which the averaging add is bought '
            f"({add.trigger}), and sell at the next open. Leave stop out or give a distance from the fill."
        )


def _check_invalidation(adds: Sequence[Add], initial: Distance | None) -> None:
    """Refuse averaging adds that are at or beyond the initial stop wherever the entry is (PL7)."""
    depth: dict[str, float] = {}  # of the planned price of the add before, by unit; a mixture is resolved per trade
    for number, add in enumerate(adds, start=1):
        if add.at is None or add.at.unit not in WIDTHS:
            depth = {}
            continue
        unit, value = add.at.unit, add.at.value
        first = number == 1 or add.spacing == "entry"
        total = value if first else depth.get(unit, math.nan) + value
        # per cent of the fill before are not those of the entry
        depth = {} if unit == "%" and not first else {unit: total}
        if value >= 0 or math.isnan(total):
            continue
        reach = 1.0 if unit == "R" else initial.value if initial is not None and initial.unit == unit else math.inf
        if not (unit == "%" and not first) and total <= -reach * (1 - 1e-12):
            stop = "1R" if unit == "R" else str(initial)
            raise LadderError(
                f"adds[{number}].at must be between the entry and the initial stop ({stop} away), but is "
                f"{add.trigger!r}, {-total:.10g}{unit} from the entry. At the stop all is closed and nothing is added: "
                "move the add nearer or the stop farther away."
            )


def _check_add_rules(rules: AddRules) -> None:
    if not isinstance(rules.after_exit, bool):
        raise LadderError(f"add_rules.after_exit must be true or false, but is {rules.after_exit!r}.")
    if rules.until_bars is not None:
        check_whole(rules.until_bars, "add_rules.until_bars", least=1)


def _check_measures(ladder: Ladder) -> None:
    """Check the distances that are measured from the average entry instead of the entry (PL5)."""
    places = [(f"rungs[{n}].measured_from", rung.measured_from) for n, rung in enumerate(ladder.rungs, start=1)]
    for place, value in [*places, ("stop.breakeven_from", ladder.stop.breakeven_from)]:
        if value not in MEASURED_FROM:
            raise LadderError(f"{place} must be one of {', '.join(MEASURED_FROM)}, but is {value!r}.")
        if value == "average" and not ladder.adds:
            raise LadderError(f'{place} = "average" needs [[adds]]: without them the average is the entry itself.')
    for number, rung in enumerate(ladder.rungs, start=1):
        if rung.measured_from == "average" and (rung.target is None or rung.target.unit not in WIDTHS):
            raise LadderError(
                f'rungs[{number}].measured_from = "average" measures a distance in R, ATR or %, but the rung is '
                f"triggered by {rung.trigger!r}. Leave it out."
            )
    if ladder.stop.breakeven_from == "average" and ladder.stop.breakeven_after is None:
        raise LadderError("stop.breakeven_from is set, but stop.breakeven_after is not.")


def needs_stop(ladder: Ladder) -> bool:
    """Whether the plan averages into pullbacks without a stop of its own, so that each trade must have one (PL1)."""
    return ladder.stop.initial is None and any(add.is_averaging for add in ladder.adds)


def without_adds(ladder: Ladder) -> Ladder:
    """Return the exit ladder of a plan: the same rungs and stops, nothing added and no maximum size."""
    return replace(
        ladder,
        rungs=tuple(replace(rung, measured_from="entry") for rung in ladder.rungs),
        stop=replace(ladder.stop, breakeven_from="entry"),
        adds=(),
        size=Size(),
        add_rules=AddRules(),
    )


def add_in_words(add: Add) -> str:
    """Return an add in words.

    Examples
    --------
    >>> add_in_words(Add(0.5, at=Target(0.5, "ATR"), spacing="previous", stop=Distance(2.0, "ATR")))
    'add 0.5x at 0.5ATR from the previous fill (stop 2ATR from it)'
    >>> add_in_words(Add(money=300.0, when=(Condition("signal", ">=", 0.5),)))
    'add 300 in money when signal >= 0.5'
    """
    if add.quantity is not None:
        amount = f"{add.quantity:.4g}x"
    else:
        amount = f"{add.units:.10g} units" if add.units is not None else f"{add.money:.10g} in money"
    text = f"add {amount} {'when' if add.when else 'at'} {add.trigger}"
    if add.spacing == "previous":
        text += " from the previous fill"
    if add.stop is not None:
        text += f" (stop {'to the ' + add.stop if isinstance(add.stop, str) else str(add.stop) + ' from it'})"
    return text


def refuse_adds(ladder: Ladder, what: str) -> None:
    """Raise an error if a plan adds to positions or limits their size, which `what` cannot do yet.

    Parameters
    ----------
    ladder : Ladder
    what : str
        Subject of the message, such as ``"score"``.

    Raises
    ------
    LadderError
    """
    if ladder.is_plan:
        tables = " and ".join(
            name for name, used in (("[[adds]]", bool(ladder.adds)), ("[size]", ladder.size != Size())) if used
        )
        raise LadderError(
            f"{what} cannot yet take a plan with {tables}, but '{ladder.name}' has them. "
            "Use `exitladder backtest` for it, or leave these tables out."
        )
