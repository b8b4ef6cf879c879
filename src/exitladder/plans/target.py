"""A volatility target of the positions of a book, and the regimes that change it (docs/design/limits.md, L7 and L8)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from exitladder.errors import LadderError
from exitladder.files.toml import only_keys, tables_of
from exitladder.plans.limits import BOOK_MEASURES, MEASURES
from exitladder.plans.units import Condition

if TYPE_CHECKING:
    from exitladder.plans.ladder import Ladder

TARGET = "target"
"""Name under which its trades are counted."""
REALISED, ATR = "realised", "atr"
TRADE_TO = ("edge", "target")
UNITS = ("share", "percent")


@dataclass(frozen=True)
class Regime:
    """A factor of the target while conditions on named series hold.

    Parameters
    ----------
    when : tuple of Condition
        All must hold at a close.
    factor : float
        From 0 up; 0 sells everything.
    """

    when: tuple[Condition, ...]
    factor: float


@dataclass(frozen=True)
class VolatilityTarget:
    """How much volatility each position carries (table ``[target]``).

    Parameters
    ----------
    volatility : float
        Of the book's equity: a year, or per bar with the measure ``"atr"``.
    measure : str
        ``"realised"``: annual standard deviation of the symbol's returns over ``risk.window`` bars. ``"atr"``: the ATR
        of ``atr_window`` bars. Otherwise a named series of annual volatility, such as an implied one.
    unit : {"share", "percent"}
        Of a named series: 0.2 or 20 for 20% a year.
    band : float
        Nothing is traded while the quantity is within wanted × (1 ± band).
    trade_to : {"edge", "target"}
        Whether a trade goes to the edge of the band or to the target itself.
    floor : float
        Least volatility that is counted, in the unit of `volatility`: it bounds the quantity that quiet weeks call for.
    regimes : tuple of Regime
        ``[[target.regimes]]``.
    """

    volatility: float
    measure: str = REALISED
    unit: str = "share"
    band: float = 0.1
    trade_to: str = "edge"
    floor: float = 0.0
    regimes: tuple[Regime, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether the volatility is a named series."""
        return self.measure not in (REALISED, ATR)

    @property
    def series(self) -> set[str]:
        """Names of the series that the target reads."""
        read = {condition.series for regime in self.regimes for condition in regime.when}
        return read | ({self.measure} if self.is_named else set())


def target_from_mapping(table: object) -> VolatilityTarget:
    """Return the target that the table ``[target]`` describes."""
    table = only_keys(table, [f.name for f in fields(VolatilityTarget)], "target", LadderError)
    if "volatility" not in table:
        raise LadderError("[target] must have volatility: the share of equity a year that each position carries.")
    regimes = tables_of(table, "regimes", LadderError, "target.regimes")
    found = tuple(_regime(one, f"target.regimes[{n}]") for n, one in enumerate(regimes, start=1))
    return VolatilityTarget(**{**table, "regimes": found})


def _regime(table: object, place: str) -> Regime:
    table = only_keys(table, ["when", "factor"], place, LadderError)
    when = Condition.parse_all(table.get("when", []), f"{place}.when")
    if not when:
        raise LadderError(f'{place}.when must be a list of conditions, such as ["vix > 30"].')
    if "factor" not in table:
        raise LadderError(f"{place} must have factor, by which the target is multiplied, such as 0.5.")
    return Regime(when, table["factor"])


def target_table(target: VolatilityTarget) -> dict[str, Any]:
    """Return the table that `target_from_mapping` reads back; defaults are left out."""
    table = {
        f.name: getattr(target, f.name)
        for f in fields(target)
        if f.name not in ("volatility", "regimes") and getattr(target, f.name) != f.default
    }
    table = {"volatility": target.volatility, **table}
    if target.regimes:
        table["regimes"] = [
            {"when": [condition.exact for condition in regime.when], "factor": regime.factor}
            for regime in target.regimes
        ]
    return table


def _is_amount(value: object, least: float = 0.0) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value < math.inf


def check_target(ladder: Ladder, state_series: tuple[str, ...]) -> None:
    """Raise an error unless the target and the regime of entries make sense with the rest of the plan.

    Parameters
    ----------
    ladder : Ladder
    state_series : tuple of str
        Names of the state of a trade, which neither can read.

    Raises
    ------
    LadderError
    """
    target = ladder.target
    for condition in ladder.book.enter_when:
        _check_named(condition.series, state_series, "book.enter_when")
    if target is None:
        return
    if ladder.book.equity is None:
        raise LadderError(
            "[target] is a share of the account's equity, but book.equity is not set. Add a table [book] with the "
            "money at the start, such as equity = 100000."
        )
    if ladder.adds:
        raise LadderError("A plan cannot yet have [target] and [[adds]]: both buy. Leave one of them out.")
    if not _is_amount(target.volatility) or target.volatility == 0:
        raise LadderError(f"target.volatility must be above 0, such as 0.1, but is {target.volatility!r}.")
    if not _is_amount(target.band) or target.band >= 1:
        raise LadderError(f"target.band must be from 0 to below 1, such as 0.1, but is {target.band!r}.")
    if not _is_amount(target.floor):
        raise LadderError(f"target.floor must be at least 0, such as 0.05, but is {target.floor!r}.")
    if not isinstance(target.measure, str) or not target.measure.strip():
        raise LadderError(f"target.measure must be {REALISED}, {ATR} or a named series, but is {target.measure!r}.")
    for name, allowed in (("trade_to", TRADE_TO), ("unit", UNITS)):
        if getattr(target, name) not in allowed:
            raise LadderError(f"target.{name} must be one of {', '.join(allowed)}, but is {getattr(target, name)!r}.")
    if target.unit != "share" and not target.is_named:
        raise LadderError(f"target.unit is of a named series, but target.measure is {target.measure}. Leave unit out.")
    for number, regime in enumerate(target.regimes, start=1):
        if not _is_amount(regime.factor):
            raise LadderError(f"target.regimes[{number}].factor must be at least 0, but is {regime.factor!r}.")
    for name in sorted(target.series):
        _check_named(name, state_series, "[target]")


def _check_named(series: str, state_series: tuple[str, ...], place: str) -> None:
    if series in (*state_series, *MEASURES, *BOOK_MEASURES):
        raise LadderError(
            f"{place} can read series of the bars and external series, but reads {series}, which belongs to a position "
            "or to the book. Conditions on it belong in [[limits]] or [[book.limits]]."
        )


def target_in_words(target: VolatilityTarget) -> str:
    """Return the target in words.

    Examples
    --------
    >>> target_in_words(VolatilityTarget(0.1))
    'quantity follows 10% volatility of equity a year (realised), band 10%'
    """
    span = "per bar" if target.measure == ATR else "a year"
    parts = [f"quantity follows {target.volatility * 100:.4g}% volatility of equity {span} ({target.measure})"]
    parts.append(f"band {target.band * 100:.4g}%")
    parts += [f"{r.factor:.4g}x when {' and '.join(map(str, r.when))}" for r in target.regimes]
    return ", ".join(parts)
