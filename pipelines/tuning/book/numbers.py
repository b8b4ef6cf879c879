"""The numbers of a book that a tuning varies, and the values that ``search.book`` gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from exitladder.errors import LadderError, SettingsError, did_you_mean
from exitladder.plans.file import ladder_from_mapping, ladder_to_mapping
from exitladder.plans.ladder import STATE_SERIES, Ladder
from exitladder.plans.limits import BOOK_MEASURES, MEASURES, UNTIL
from exitladder.plans.units import Condition

PLAN = "plan"
"""In ``search.book``: every number that the plan states, from half of it to twice."""
STEPS = 5
"""Values of a number, from the least to the most."""
_SHARES = (0.0, 0.25, 0.5, 0.75)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_TEXT = re.compile(rf"\s*([a-z][\w.\[\]]*)\s*(>=|<=|=|>|<)\s*({_NUMBER})\s*(?:\.\.\s*({_NUMBER})\s*)?")


@dataclass(frozen=True)
class Number:
    """One number of a plan.

    Parameters
    ----------
    key : str
        Where it is, such as ``book.max_open`` or ``limits[1].open_loss_equity``.
    sign : str
        ``"="``, or the operator of the condition that it is the threshold of.
    own : float or None
        In the user's plan; None if it is not stated.
    path : tuple of str and int
        The same in nested tables.
    is_own_scale : bool
        Whether half of it and twice it make sense without knowing more: a named series has a scale of its own.
    """

    key: str
    sign: str
    own: float | None
    path: tuple[str | int, ...]
    is_own_scale: bool = True

    def text(self, value: float | None) -> str:
        """Return the number with a value, as ``search.book`` writes it.

        Examples
        --------
        >>> Number("book.max_open", "=", 3, ("book", "max_open")).text(4.0)
        'book.max_open = 4'
        """
        return f"{self.key} {self.sign} {'none' if value is None else format(value, '.6g')}"


@dataclass(frozen=True)
class Searched:
    """A number with the values that are tried.

    Parameters
    ----------
    number : Number
    values : tuple of float
        Ascending.
    """

    number: Number
    values: tuple[float, ...]


def numbers_of(plan: Ladder) -> list[Number]:
    """Return every number of a book that can be tuned, those that the plan does not state included.

    Parameters
    ----------
    plan : Ladder
        With a book, limits or a target.

    Returns
    -------
    list of Number
        In the order of the file.
    """
    book, target = plan.book, plan.target
    found = [
        Number("book.max_open", "=", book.max_open, ("book", "max_open")),
        Number("book.daily_loss", "=", book.daily_loss, ("book", "daily_loss")),
        *_of_conditions(book.enter_when, "book.enter_when", ("book", "enter_when")),
    ]
    for path, limits in ((("limits",), plan.limits), (("book", "limits"), book.limits)):
        for n, limit in enumerate(limits):
            place = f"{'.'.join(path)}[{n + 1}]"
            found += _of_conditions(limit.when, place, (*path, n, "when"))
            if limit.reduce_to != UNTIL:
                found.append(Number(f"{place}.reduce_to", "=", float(limit.reduce_to), (*path, n, "reduce_to")))
    if target is not None:
        for name in ("volatility", "band", "floor"):
            own = float(getattr(target, name))
            # a floor of 0 is none
            found.append(Number(f"target.{name}", "=", own or None, ("target", name)))
        for n, regime in enumerate(target.regimes):
            place = f"target.regimes[{n + 1}]"
            found += _of_conditions(regime.when, place, ("target", "regimes", n, "when"))
            found.append(Number(f"{place}.factor", "=", float(regime.factor), ("target", "regimes", n, "factor")))
    return found


def _of_conditions(when: Sequence[Condition], place: str, path: tuple[str | int, ...]) -> Iterator[Number]:
    for k, condition in enumerate(when):
        has_scale = condition.series in (*MEASURES, *BOOK_MEASURES, *STATE_SERIES)
        key = f"{place}.{condition.series}"
        yield Number(key, condition.operator, condition.threshold, (*path, k), has_scale)


def searched_numbers(plan: Ladder, texts: Sequence[str]) -> list[Searched]:
    """Return the numbers that ``search.book`` names, with their values.

    Parameters
    ----------
    plan : Ladder
        With a book, limits or a target.
    texts : sequence of str
        ``"plan"``, and ranges such as ``"book.max_open = 2..10"`` or ``"limits[1].open_loss_equity >= 0.002..0.02"``,
        which take the place of that of ``"plan"``.

    Returns
    -------
    list of Searched
        In the order of the file.

    Raises
    ------
    SettingsError
        If a text cannot be read, names a number that the plan cannot have, or a value that it cannot take, or if
        nothing is left to be tuned.
    """
    known = {(one.key, one.sign): one for one in numbers_of(plan)}
    found: dict[tuple[str, str], Searched] = {}
    for text in texts:
        if text == PLAN:
            continue
        number, low, high = _read(text, known)
        found[number.key, number.sign] = Searched(number, _between(number, low, high))
    if PLAN in texts:
        for place, number in known.items():
            values = _around(number)
            if values and place not in found:
                found[place] = Searched(number, values)
    if not found:
        raise SettingsError(
            f"search.book finds no number to tune in '{plan.name}'. Name one with its range, such as "
            '"book.max_open = 2..10".'
        )
    ordered = [found[place] for place in known if place in found]
    for one in ordered:
        for value in {one.values[0], one.values[-1]}:
            try:
                with_values(plan, {one.number: value})
            except LadderError as error:
                raise SettingsError(f"search.book cannot try {one.number.text(value)}: {error}") from None
    return ordered


def _read(text: str, known: Mapping[tuple[str, str], Number]) -> tuple[Number, float, float]:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise SettingsError(
            'search.book must be "plan" or ranges such as "book.max_open = 2..10" and '
            f'"limits[1].open_loss_equity >= 0.002..0.02" (a single number fixes it), but one is {text!r}.'
        )
    key, sign = match[1], match[2]
    low, high = float(match[3]), float(match[4] if match[4] is not None else match[3])
    if low > high:
        raise SettingsError(f"The range {match[3]}..{match[4]} in search.book must start with its smaller number.")
    if (key, sign) not in known:
        signs = [one for name, one in known if name == key]
        if signs:
            raise SettingsError(f"search.book must write {key} with '{signs[0]}' as the plan does, but has {text!r}.")
        raise SettingsError(
            f"search.book names '{key}', which the plan does not have. {did_you_mean(key, [name for name, _ in known])}"
        )
    return known[key, sign], low, high


def _around(number: Number) -> tuple[float, ...]:
    """Return values from half of a number to twice it; of a share that is left, from nothing to three quarters."""
    own = number.own
    if own is None or not number.is_own_scale:
        return ()
    if number.path[-1] == "reduce_to":
        return tuple(sorted({*_SHARES, own}))
    if own == 0:
        return ()
    low, high = sorted((own / 2, own * 2))
    if number.path[-1] == "max_open":
        low = max(1.0, float(int(low)))
    if number.path[-1] in ("daily_loss", "band"):
        high = min(high, 0.99)
    return tuple(sorted({*_between(number, low, high), float(own)}))


def _between(number: Number, low: float, high: float) -> tuple[float, ...]:
    """Return values from one end to the other: equal ratios if both are above 0, else equal steps."""
    even = np.geomspace(low, high, STEPS) if low > 0 else np.linspace(low, high, STEPS)
    if number.path[-1] == "max_open":
        return tuple(sorted({float(round(value)) for value in even}))
    return tuple(sorted({low, high, *(float(f"{value:.3g}") for value in even[1:-1])}))


def with_values(plan: Ladder, values: Mapping[Number, float]) -> Ladder:
    """Return a plan with other values of some of its numbers.

    Parameters
    ----------
    plan : Ladder
    values : mapping of Number to float

    Returns
    -------
    Ladder
        Without ``[tuned]``.

    Raises
    ------
    LadderError
        If it cannot take them.
    """
    table = deepcopy(ladder_to_mapping(plan))
    for number, value in values.items():
        *way, last = number.path
        place: Any = table
        for step in way:
            place = place[step]
        if number.sign != "=":
            series = Condition.parse(place[last], number.key).series
            place[last] = Condition(series, number.sign, float(value)).exact
        else:
            place[last] = int(value) if last == "max_open" else float(value)
    return ladder_from_mapping(table)
