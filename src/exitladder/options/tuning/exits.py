"""Exits that a search over plans on options tries: conditions whose thresholds are numbers or ranges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from exitladder.errors import SettingsError, did_you_mean
from exitladder.options.positions.plan import SERIES
from exitladder.plans.units import Condition

PROFITS = ("max_profit_share", "premium_r", "open_r", "mfe_r")
"""Series on which a plan may scale out."""
_SEARCHED = tuple(name for name in SERIES if not name.startswith("position_") and name != "gamma_1pct")
"""Not those of the contracts that are left: they depend on earlier sales."""
_WHOLE = ("days_to_expiry", "bars_held")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_TERM = re.compile(rf"\s*([A-Za-z_]\w*)\s*(>=|<=|>|<)\s*({_NUMBER})\s*(?:\.\.\s*({_NUMBER})\s*)?")


@dataclass(frozen=True)
class Exit:
    """An exit of the search: the conditions to choose one of, from the least thresholds to the largest.

    Parameters
    ----------
    text : str
        As the settings have it.
    choices : tuple of tuples of Condition
        All conditions of one choice must hold at a close.
    """

    text: str
    choices: tuple[tuple[Condition, ...], ...]

    @property
    def takes_profit(self) -> bool:
        """Whether it is reached by a growing profit alone, so that a plan may scale out on it."""
        first = self.choices[0]
        return len(first) == 1 and first[0].series in PROFITS and first[0].operator in (">=", ">")


def values_of(least: float, most: float, n: int, series: str = "") -> list[float]:
    """Return n evenly spaced numbers of a range, both ends included, in three digits.

    Parameters
    ----------
    least, most : float
    n : int
        1 is the least number alone.
    series : str
        Days and bars are whole.

    Returns
    -------
    list of float

    Examples
    --------
    >>> values_of(0.25, 0.9, 4), values_of(1, 21, 4, "days_to_expiry"), values_of(0.5, 0.5, 4)
    ([0.25, 0.467, 0.683, 0.9], [1.0, 8.0, 14.0, 21.0], [0.5])
    """
    points = np.linspace(least, most, n if most > least else 1)
    whole = series in _WHOLE and float(least).is_integer() and float(most).is_integer()
    return sorted({float(round(x)) if whole else float(f"{x:.3g}") for x in points})


def exits_of(texts: Sequence[str], n_values: int) -> tuple[Exit, ...]:
    """Return the exits that ``options_search.exits`` declares.

    Parameters
    ----------
    texts : sequence of str
        Such as ``max_profit_share >= 0.25..0.9``; several conditions may be joined by ``and``.
    n_values : int
        Numbers tried of a range.

    Returns
    -------
    tuple of Exit

    Raises
    ------
    SettingsError
        If a text is not of that form, or names an unknown series.

    Examples
    --------
    >>> one, = exits_of(["mfe_r >= 0.5 and give_back_r >= 0.2..0.4"], 2)
    >>> [" and ".join(map(str, choice)) for choice in one.choices]
    ['mfe_r >= 0.5 and give_back_r >= 0.2', 'mfe_r >= 0.5 and give_back_r >= 0.4']
    """
    return tuple(_exit(text, n_values) for text in texts)


def _exit(text: str, n_values: int) -> Exit:
    terms = [_term(term, text, n_values) for term in re.split(r"\band\b", text)]
    return Exit(text, tuple(product(*terms)))


def _term(term: str, text: str, n_values: int) -> list[Condition]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise SettingsError(
            "options_search.exits must read 'series >= least..most', of which several may be joined by 'and' (a single "
            f"number fixes a threshold), but one is {text!r}."
        )
    series, operator, least, most = match.groups()
    if series not in _SEARCHED:
        raise SettingsError(
            f"options_search.exits can read {', '.join(_SEARCHED)}, but one reads '{series}'. "
            f"{did_you_mean(series, _SEARCHED)}"
        )
    low, high = float(least), float(most if most is not None else least)
    if low > high:
        raise SettingsError(
            f"The range {least}..{most} in options_search.exits must start with its smaller number ({text!r})."
        )
    return [Condition(series, operator, value) for value in values_of(low, high, n_values, series)]
