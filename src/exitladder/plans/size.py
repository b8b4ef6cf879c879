"""The size of a position: the rule of the first quantity, the most that may be held, and their checks (PL10)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeGuard

from exitladder.errors import LadderError
from exitladder.plans.limits import Book
from exitladder.plans.slices import check_whole

if TYPE_CHECKING:
    from exitladder.plans.ladder import Ladder

RULES = ("file", "fixed", "fraction", "volatility", "anti_martingale", "kelly")
# Rules that need the equity of the book, always or with a fraction.
WITH_EQUITY = ("fraction", "volatility", "kelly")
# Keys of each rule: those that must be given, and those with a default.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "file": ((), ()),
    "fixed": ((), ("units", "money")),
    "fraction": (("fraction",), ()),
    "volatility": (("target_volatility",), ("window",)),
    "anti_martingale": (("factor", "maximum_factor"), ("fraction", "units", "wins")),
    "kelly": (("fraction", "kelly_cap"), ("kelly_fraction", "minimum_trades")),
}
LIMITS = ("maximum", "maximum_units", "maximum_money", "maximum_equity")
# Larger amounts are slips of the pen, whose products would overflow.
_MOST = 1e15


@dataclass(frozen=True)
class Size:
    """The size of the position (table ``[size]``).

    Parameters
    ----------
    rule : {"file", "fixed", "fraction", "volatility", "anti_martingale", "kelly"}
        What gives the quantity of the first entry; ``file``: the trade's own.
    maximum : float or None
        The most that may be held, as a multiple of the first quantity.
    maximum_units : float or None
        The same in units.
    maximum_money : float or None
        The same in money, at the larger of the average entry and the price of the fill.
    maximum_equity : float or None
        The same as a multiple of the equity at the entry.
    units, money : float or None
        Rule ``fixed``: the first quantity, or its notional at the entry. Rule ``anti_martingale``: the base in units.
    fraction : float or None
        Share of equity lost if the trade loses its planned risk. Rule ``anti_martingale``: the base. Rule ``kelly``:
        used until enough trades are closed.
    target_volatility : float or None
        Annual volatility of the first entry as a share of equity.
    window : int
        Bars whose returns give the volatility.
    factor : float or None
        The base is multiplied by this after each run of `wins` winning trades.
    wins : int
        Winning trades in a row per step.
    maximum_factor : float or None
        The most that the base is multiplied by.
    kelly_fraction : float
        Share of the Kelly fraction that is used.
    kelly_cap : float or None
        The largest share of equity at risk.
    minimum_trades : int
        Closed trades without which the Kelly fraction is not used.
    ruin : float
        Share of the starting equity whose loss counts as ruin.
    """

    rule: str = "file"
    maximum: float | None = None
    maximum_units: float | None = None
    maximum_money: float | None = None
    maximum_equity: float | None = None
    units: float | None = None
    money: float | None = None
    fraction: float | None = None
    target_volatility: float | None = None
    window: int = 35
    factor: float | None = None
    wins: int = 1
    maximum_factor: float | None = None
    kelly_fraction: float = 0.5
    kelly_cap: float | None = None
    minimum_trades: int = 30
    ruin: float = 0.5

    @property
    def is_limited(self) -> bool:
        """Whether there is a maximum."""
        return any(getattr(self, name) is not None for name in LIMITS)

    @property
    def is_sized(self) -> bool:
        """Whether the first quantity or the maximum depends on more than the trade's own quantity."""
        return self.rule != "file" or self.maximum_equity is not None

    @property
    def needs_equity(self) -> bool:
        """Whether the rule or the maximum needs the equity of the book."""
        by_fraction = self.rule == "anti_martingale" and self.fraction is not None
        return self.rule in WITH_EQUITY or by_fraction or self.maximum_equity is not None

    def limits(self, equity: float | None = None) -> Size:
        """Return the maximum alone, which the engine executes.

        Parameters
        ----------
        equity : float, optional
            At the entry; with it a maximum as a multiple of equity becomes one in money, without it there is none.
        """
        if self.maximum_equity is not None:
            return Size(maximum_money=None if equity is None else max(self.maximum_equity * equity, 0.0) or 1e-300)
        return Size(**{name: getattr(self, name) for name in LIMITS})


def check_size(size: Size, book: Book) -> None:
    """Raise an error unless the size of the position and the equity of the book make a valid rule.

    Parameters
    ----------
    size : Size
    book : Book

    Raises
    ------
    LadderError
    """
    if size.rule not in RULES:
        raise LadderError(f"size.rule must be one of {', '.join(RULES)}, but is {size.rule!r}.")
    _check_keys(size)
    _check_numbers(size)
    _check_maximum(size)
    check_amount(book.equity, "book.equity", "the money in the account before the first trade")
    if size.needs_equity and book.equity is None:
        of = "size.maximum_equity" if size.rule not in WITH_EQUITY and size.fraction is None else f'"{size.rule}"'
        raise LadderError(
            f"A size that depends on equity needs the starting money, but {of} is set and book.equity is not. "
            "Add a table [book] with, for example, equity = 100000."
        )


def check_amount(value: object, place: str, what: str) -> None:
    """Raise an error unless an optional amount is a number above 0.

    Parameters
    ----------
    value : object
        None if it is not given.
    place, what : str
        For the message.

    Raises
    ------
    LadderError
    """
    if _number(value) and value > _MOST:
        raise LadderError(f"{place} must be at most {_MOST:g} ({what}), but is {value!r}.")
    if value is not None and not (_number(value) and value > 0):
        raise LadderError(f"{place} must be above 0 ({what}), but is {value!r}. Leave the key out if it is not wanted.")


def _number(value: object) -> TypeGuard[int | float]:
    # compared and not converted: a whole number of 400 digits is no float
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf


def _check_keys(size: Size) -> None:
    """Refuse keys of another rule, missing keys, and two keys that say the same."""
    needed, optional = KEYS[size.rule]
    usual = Size()
    every = {key for pair in KEYS.values() for keys in pair for key in keys}
    extra = sorted(key for key in every - {*needed, *optional} if getattr(size, key) != getattr(usual, key))
    if extra:
        owners = [rule for rule, pair in KEYS.items() if any(extra[0] in keys for keys in pair)]
        raise LadderError(
            f"size.{extra[0]} belongs to rule = {' or '.join(chr(34) + o + chr(34) for o in owners)}, but size.rule is "
            f'"{size.rule}". Correct the rule or leave the key out.'
        )
    missing = [key for key in needed if getattr(size, key) is None]
    if missing:
        raise LadderError(f'size.rule = "{size.rule}" needs {" and ".join(f"size.{key}" for key in missing)}.')
    for rule, choices in (("fixed", ("units", "money")), ("anti_martingale", ("fraction", "units"))):
        given = [key for key in choices if getattr(size, key) is not None]
        if size.rule == rule and len(given) != 1:
            raise LadderError(
                f'size.rule = "{rule}" needs one of {" and ".join(choices)}, but has '
                f"{' and '.join(given) or 'neither of them'}."
            )


def _check_numbers(size: Size) -> None:
    for name, what in (
        ("units", "in units"),
        ("money", "the notional at the entry"),
        ("target_volatility", "a share of equity, such as 0.1"),
    ):
        check_amount(getattr(size, name), f"size.{name}", what)
    for name, what in (
        ("fraction", "share of equity at risk"),
        ("kelly_cap", "largest share of equity at risk"),
        ("kelly_fraction", "share of the Kelly fraction"),
        ("ruin", "share of the starting equity"),
    ):
        value = getattr(size, name)
        if value is not None and not (_number(value) and 0 < value <= 1):
            raise LadderError(f"size.{name} must be above 0 and at most 1 ({what}), but is {value!r}.")
    for name in ("factor", "maximum_factor"):
        value = getattr(size, name)
        if value is not None and not (_number(value) and 1 < value <= 1000):
            raise LadderError(f"size.{name} must be above 1 and at most 1000, but is {value!r}.")
    if size.factor is not None and size.maximum_factor is not None and size.maximum_factor < size.factor:
        raise LadderError(
            f"size.maximum_factor must be at least size.factor ({size.factor:g}), but is {size.maximum_factor:g}: no "
            "win would enlarge a trade as much as the rule says."
        )
    check_whole(size.window, "size.window", least=5)
    check_whole(size.wins, "size.wins", least=1)
    check_whole(size.minimum_trades, "size.minimum_trades", least=10)


def _check_maximum(size: Size) -> None:
    given = [name for name in LIMITS if getattr(size, name) is not None]
    for name in given:
        check_amount(getattr(size, name), f"size.{name}", "the most that may be held")
    if len(given) > 1:
        raise LadderError(f"The maximum size must be given once, but [size] has {' and '.join(given)}. Keep one.")
    if size.maximum is not None and size.maximum < 1:
        raise LadderError(
            f"size.maximum is a multiple of the first quantity and must be at least 1, but is {size.maximum:.10g}: "
            "no trade could be entered."
        )


def without_size_rule(ladder: Ladder, equity: float | None = None) -> Ladder:
    """Return a plan without the rule of its first quantity, which the engine executes on trades that have theirs.

    Parameters
    ----------
    ladder : Ladder
    equity : float, optional
        At the entry, for a maximum as a multiple of equity; without it there is no such maximum.

    Returns
    -------
    Ladder
    """
    return replace(ladder, size=ladder.size.limits(equity)) if ladder.size.is_sized else ladder


def sized_like(ladder: Ladder, plan: Ladder) -> Ladder:
    """Return a ladder with the size rule of a plan, and with its maximum if the ladder has none of its own.

    Parameters
    ----------
    ladder : Ladder
        One with a size rule of its own keeps it, and one that stands for the user's own exits the quantities of the
        trades.
    plan : Ladder

    Returns
    -------
    Ladder
    """
    keeps = ladder.tuned is not None and ladder.tuned.choice == "own_exits"
    if keeps or ladder.size.is_sized or not plan.size.is_sized:
        return ladder
    limits = {name: getattr(ladder.size if ladder.size.is_limited else plan.size, name) for name in LIMITS}
    return replace(ladder, size=replace(plan.size, **limits), book=plan.book)


def refuse_size_rule(ladder: Ladder) -> None:
    """Raise an error if the first quantity depends on more than the trade, so that quantities come first.

    Raises
    ------
    LadderError
    """
    if ladder.size.is_sized:
        of = f'rule = "{ladder.size.rule}"' if ladder.size.rule != "file" else "maximum_equity"
        raise LadderError(
            f"The engine executes trades with the quantities that they have, but [size] of '{ladder.name}' has {of}, "
            "which depends on the trades before. Use exitladder.measures.sizing.simulate_sized or "
            "`exitladder backtest`."
        )


def size_in_words(size: Size) -> str:
    """Return the rule of the first quantity in words, empty for the trade's own.

    Examples
    --------
    >>> size_in_words(Size(rule="fraction", fraction=0.01)), size_in_words(Size())
    ('1% of equity at risk', '')
    """
    at_risk = "" if size.fraction is None else f"{100 * size.fraction:.4g}% of equity at risk"
    if size.rule == "fixed":
        return f"{size.units:.10g} units" if size.units is not None else f"{size.money:.10g} in money"
    if size.rule == "fraction":
        return at_risk
    if size.rule == "volatility":
        return f"volatility of {100 * (size.target_volatility or 0):.4g}% of equity a year ({size.window} bars)"
    if size.rule == "anti_martingale":
        base = at_risk or f"{size.units:.10g} units"
        run = "win" if size.wins == 1 else f"{size.wins} wins in a row"
        return f"{base}, times {size.factor:g} after each {run}, at most times {size.maximum_factor:g}"
    if size.rule == "kelly":
        return (
            f"{size.kelly_fraction:g} Kelly, at most {100 * (size.kelly_cap or 0):.4g}% of equity at risk "
            f"({100 * (size.fraction or 0):.4g}% for the first {size.minimum_trades} trades)"
        )
    return ""


def size_defaults() -> dict[str, Any]:
    """Return the default of every key of ``[size]`` that a fingerprint leaves out."""
    known = ("rule", "maximum", "maximum_units", "maximum_money")
    return {f.name: f.default for f in fields(Size) if f.name not in known}
