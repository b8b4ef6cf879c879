"""Limits of risk of a position and of a book (docs/design/books.md and limits.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from exitladder.errors import LadderError
from exitladder.files.toml import only_keys, tables_of
from exitladder.plans.slices import check_whole
from exitladder.plans.units import Condition
from exitladder.statistics.risk.methods import METHODS, least_window

if TYPE_CHECKING:
    from exitladder.plans.ladder import Ladder

MEASURES = ("open_loss_equity", "open_gain_equity", "volatility", "var", "cvar")
"""Of a position, beside trade state and named series."""
BOOK_MEASURES = ("var", "cvar", "drawdown_equity", "exposure", "net_exposure", "margin_used", "open_loss_equity")
TAILS = ("var", "cvar")
"""Measures that need enough bars for the level of `Risk`."""
GROWING = ("open_loss_equity", "var", "cvar", "exposure", "margin_used")
"""Measures that shrink in proportion to the quantity, so that it can be found with which they hold (L3)."""
UNTIL = "until"
LEFT_OUT = {
    "book_max_open": "too many positions open",
    "book_margin": "margin above the free money",
    "book_daily_loss": "after the daily loss",
    "book_ruined": "no equity left",
    "book_regime": "outside the regime for entries",
}
"""Why a book leaves an entry out, in words."""
REDUCTIONS = ("pro_rata", "largest_risk")
MARGIN_CALLS = ("worst", "close")
DAILY_LOSS_ACTIONS = ("stop", "close")


@dataclass(frozen=True)
class Limit:
    """One limit: conditions at a close, and the rest of the position or the book after the next open (L2, L3).

    Parameters
    ----------
    when : tuple of Condition
        All must hold.
    reduce_to : float or "until"
        Share of the quantity held, from 0 to below 1; ``"until"``: as much as lets the one condition be false.
    repeat : bool
        Whether it fires at every close at which it holds, and not only again after it did not hold.
    """

    when: tuple[Condition, ...]
    reduce_to: float | Literal["until"]
    repeat: bool = False


@dataclass(frozen=True)
class Risk:
    """How volatility, value at risk and expected shortfall are estimated (table ``[risk]``, L5).

    Parameters
    ----------
    method : {"historical", "parametric", "filtered"}
    level : float
        Probability that a loss stays within the value at risk.
    window : int
        Bars that an estimate uses.
    horizon : int
        Bars ahead.
    degrees : float, optional
        Degrees of freedom of Student's t for the parametric method; None is the normal law.
    """

    method: str = "historical"
    level: float = 0.99
    window: int = 250
    horizon: int = 1
    degrees: float | None = None


@dataclass(frozen=True)
class Book:
    """The account that positions share (table ``[book]``).

    Parameters
    ----------
    equity : float, optional
        Money at the start, in the account's currency. Alone it only serves the size rules of the plan.
    max_open : int, optional
        Most positions open at once.
    margin : float, optional
        Margin rate: share of a position's value that must be free. None: 1 / ``execution.leverage``, or 1.
    margin_call : {"worst", "close"}
        Whether the maintenance margin is tested with all positions at the worst price of their bar too (B5).
    daily_loss : float, optional
        Share of the equity of the day before, from which on nothing is bought that day (B6).
    daily_loss_action : {"stop", "close"}
        Whether open positions are closed too.
    reduce : {"pro_rata", "largest_risk"}
        What a limit of the book sells (B8).
    stale_days : float
        Days after which a mark is too old (B1).
    enter_when : tuple of Condition
        Regime of entries: conditions on named series at the last close before an entry; without it the entry is left
        out (L8).
    limits : tuple of Limit
        ``[[book.limits]]``.
    """

    equity: float | None = None
    max_open: int | None = None
    margin: float | None = None
    margin_call: str = "worst"
    daily_loss: float | None = None
    daily_loss_action: str = "stop"
    reduce: str = "pro_rata"
    stale_days: float = 7.0
    enter_when: tuple[Condition, ...] = ()
    limits: tuple[Limit, ...] = field(default=())

    @property
    def is_shared(self) -> bool:
        """Whether positions are run side by side: something else than the starting money is stated."""
        return replace(self, equity=None) != Book()


def limit_from_mapping(table: object, place: str) -> Limit:
    """Return the limit that a table describes; `place` is for error messages."""
    table = only_keys(table, ["when", "reduce_to", "repeat"], place, LadderError)
    when = Condition.parse_all(table.get("when", []), f"{place}.when")
    if not when:
        raise LadderError(f'{place}.when must be a list of conditions, such as ["open_loss_equity >= 0.02"].')
    if "reduce_to" not in table:
        raise LadderError(f'{place} must have reduce_to: the share that is left, from 0 to below 1, or "until".')
    return Limit(when, table["reduce_to"], table.get("repeat", False))


def limits_from(table: Mapping[str, Any], place: str) -> tuple[Limit, ...]:
    """Return the limits of a table; `place` is where they are, such as ``book.limits``."""
    found = tables_of(table, "limits", LadderError, place)
    return tuple(limit_from_mapping(one, f"{place}[{n}]") for n, one in enumerate(found, start=1))


def book_from_mapping(table: object) -> Book:
    """Return the book that the table ``[book]`` describes."""
    table = only_keys(table, [f.name for f in fields(Book)], "book", LadderError)
    values = {**table, "limits": limits_from(table, "book.limits")}
    if "enter_when" in values:
        values["enter_when"] = Condition.parse_all(values["enter_when"], "book.enter_when")
    return Book(**values)


def risk_from_mapping(table: object) -> Risk:
    """Return the estimates that the table ``[risk]`` describes."""
    return Risk(**only_keys(table, [f.name for f in fields(Risk)], "risk", LadderError))


def check_limits(ladder: Ladder) -> None:
    """Raise an error unless limits, estimates and book make sense together.

    Parameters
    ----------
    ladder : Ladder

    Raises
    ------
    LadderError
    """
    limits, risk, book = ladder.limits, ladder.risk, ladder.book
    _check_risk(risk, reads_tail=any(c.series in TAILS for limit in (*limits, *book.limits) for c in limit.when))
    for number, limit in enumerate(limits, start=1):
        _check_limit(limit, f"limits[{number}]")
        needed = {c.series for c in limit.when} & set(MEASURES) - {"volatility"}
        if needed and book.equity is None:
            raise LadderError(
                f"limits[{number}] compares {sorted(needed)[0]}, a share of the account's equity, with a number, "
                "but book.equity is not set. Add a table [book] with the money at the start, such as equity = 100000."
            )
    if risk != Risk() and not limits and not book.limits and ladder.target is None:
        raise LadderError("[risk] says how limits estimate risk, but the plan has no limits. Leave it out.")
    if book.is_shared and book.equity is None:
        raise LadderError("[book] must have equity: the money at the start, in the account's currency.")
    _check_book(book)


def _is_number(value: object, low: float, high: float = math.inf) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value < high


def _check_limit(limit: Limit, place: str, of_book: bool = False) -> None:
    if not isinstance(limit.repeat, bool):
        raise LadderError(f"{place}.repeat must be true or false, but is {limit.repeat!r}.")
    if of_book:
        for condition in limit.when:
            if condition.series not in BOOK_MEASURES:
                raise LadderError(
                    f"{place}.when can read {', '.join(BOOK_MEASURES)}, but reads {condition.series}. Limits on "
                    "series of one position belong in [[limits]]."
                )
    if limit.reduce_to != UNTIL:
        if not _is_number(limit.reduce_to, 0.0, 1.0):
            raise LadderError(
                f'{place}.reduce_to must be a share from 0 to below 1, or "until", but is {limit.reduce_to!r}.'
            )
        return
    grows = len(limit.when) == 1 and limit.when[0].series in GROWING and limit.when[0].operator in (">=", ">")
    if not grows or limit.when[0].threshold < 0:
        raise LadderError(
            f'{place}.reduce_to = "until" needs one condition "> number" or ">= number" on a measure that shrinks with '
            f"the quantity ({', '.join(GROWING)}), but has {' and '.join(map(str, limit.when))}."
        )


def _check_risk(risk: Risk, *, reads_tail: bool) -> None:
    if risk.method not in METHODS:
        raise LadderError(f"risk.method must be one of {', '.join(METHODS)}, but is {risk.method!r}.")
    if not _is_number(risk.level, 0.5, 1.0):
        raise LadderError(f"risk.level must be from 0.5 to below 1, such as 0.99, but is {risk.level!r}.")
    for name in ("window", "horizon"):
        check_whole(getattr(risk, name), f"risk.{name}", least=1)
    if risk.degrees is not None and not (_is_number(risk.degrees, 2.0) and risk.degrees > 2):
        raise LadderError(f"risk.degrees must be above 2 (Student's t needs a variance), but is {risk.degrees!r}.")
    if risk.window < 2:
        raise LadderError(f"risk.window must be at least 2 bars for a standard deviation, but is {risk.window}.")
    least = least_window(risk.method, risk.level, risk.horizon)
    if reads_tail and risk.window < least:
        raise LadderError(
            f"risk.window must be at least {least} bars for a {risk.method} value at risk at {risk.level:g} over "
            f"{risk.horizon} bars, but is {risk.window}."
        )


def _check_book(book: Book) -> None:
    if book.max_open is not None:
        check_whole(book.max_open, "book.max_open", least=1)
    if book.margin is not None and not (_is_number(book.margin, 0.0) and 0 < book.margin <= 1):
        raise LadderError(f"book.margin must be a rate above 0 and at most 1, but is {book.margin!r}.")
    if book.daily_loss is not None and not (_is_number(book.daily_loss, 0.0, 1.0) and book.daily_loss > 0):
        raise LadderError(f"book.daily_loss must be a share of equity above 0 and below 1, but is {book.daily_loss!r}.")
    if not (_is_number(book.stale_days, 0.0) and book.stale_days > 0):
        raise LadderError(f"book.stale_days must be above 0, but is {book.stale_days!r}.")
    for name, allowed in (
        ("margin_call", MARGIN_CALLS),
        ("daily_loss_action", DAILY_LOSS_ACTIONS),
        ("reduce", REDUCTIONS),
    ):
        if getattr(book, name) not in allowed:
            raise LadderError(f"book.{name} must be one of {', '.join(allowed)}, but is {getattr(book, name)!r}.")
    if book.daily_loss is None and book.daily_loss_action != "stop":
        raise LadderError("book.daily_loss_action is set, but book.daily_loss is not.")
    if not book.limits and book.reduce != "pro_rata":
        raise LadderError("book.reduce says what [[book.limits]] sell, but there are none. Leave it out.")
    for number, limit in enumerate(book.limits, start=1):
        _check_limit(limit, f"book.limits[{number}]", of_book=True)


def check_daily_loss(ladder: Ladder, *, on_days: bool) -> None:
    """Raise an error if a daily loss would stop nothing (rule B6 of docs/design/books.md).

    Parameters
    ----------
    ladder : Ladder
    on_days : bool
        Whether every bar lasts a day or longer: the day of a loss is then over at the close that shows it.

    Raises
    ------
    LadderError
    """
    book = ladder.book
    if on_days and book.daily_loss is not None and book.daily_loss_action == "stop" and ladder.target is None:
        raise LadderError(
            "book.daily_loss with daily_loss_action = 'stop' stops entries for the rest of the day, but these bars "
            "last a day or longer, so it stops nothing. Set daily_loss_action = 'close', or leave daily_loss out."
        )


_OTHER_COMMANDS = "Use `exitladder backtest` or `exitladder tune` for it, or leave these tables out."


def refuse_limits(ladder: Ladder, what: str, cure: str = _OTHER_COMMANDS) -> None:
    """Raise an error if a plan has limits, a target or a book, which `what` cannot follow.

    Parameters
    ----------
    ladder : Ladder
    what : str
        Subject of the message, such as ``"A simulation of trades one by one"``.
    cure : str
        What to do instead, in a sentence.

    Raises
    ------
    LadderError
    """
    used = (("[[limits]]", bool(ladder.limits)), ("[target]", ladder.target is not None))
    tables = [name for name, is_used in (*used, ("[book]", ladder.book.is_shared)) if is_used]
    if tables:
        raise LadderError(
            f"{what} cannot follow {' and '.join(tables)} of a plan, which need all positions side by side in one "
            f"account. {cure}"
        )


def limits_table(limit: Limit) -> dict[str, Any]:
    """Return the table that `limit_from_mapping` reads back."""
    table: dict[str, Any] = {"when": [condition.exact for condition in limit.when]}
    table["reduce_to"] = limit.reduce_to
    return table | ({"repeat": True} if limit.repeat else {})
