"""Units behind quantities, such as ``10 lots``: one for a whole column, named to the user."""

from __future__ import annotations

from typing import Any

import pandas as pd

from exitladder.errors import TradesError

_UNITS = {
    "lots": ("lot", "lots", "lote", "lotes", "lotti"),
    "shares": ("share", "shares", "shs", "sh", "stk", "stück", "aktien", "actions", "acciones", "azioni", "aandelen"),
    "contracts": (
        "contract",
        "contracts",
        "cont",
        "conts",
        "kontrakt",
        "kontrakte",
        "contrats",
        "contratos",
        "contratti",
    ),
    "units": ("unit", "units", "pcs"),
}
_BY_WORD = {word: unit for unit, words in _UNITS.items() for word in words}
_CELL = r"(?i)^\s*(?P<number>[-+]?[\d.,'’ \u00a0\u202f]*\d)\s*(?P<word>[a-zà-ÿ]+)\.?\s*$"
_MONEY = (
    r"^\s*[-+]?\s*(?P<before>[$€£¥₹₽]|(?i:USD|EUR|GBP|JPY|CHF|CAD|AUD|USDT|USDC)(?=[\s\d]))|\d\s*(?P<after>[$€£¥₹₽]"
    r"|(?i:USD|EUR|GBP|JPY|CHF|CAD|AUD|USDT|USDC))\s*$"
)


def without_units(given: pd.Series[Any]) -> tuple[pd.Series[Any], str, str]:
    """Return quantities without their units.

    Parameters
    ----------
    given : Series
        Numbers or texts.

    Returns
    -------
    quantities : Series
        The column itself if no cell has one of these units; texts else.
    unit : str
        ``lots``, ``shares``, ``contracts`` or ``units``; empty if no cell has one.
    problem : str
        Why the units cannot be read, without a full stop; empty if all filled cells have the same one.

    Examples
    --------
    >>> without_units(pd.Series(["10 lots", "0.5 lot"]))[0].tolist(), without_units(pd.Series(["1 lot"]))[1]
    (['10', '0.5'], 'lots')
    >>> without_units(pd.Series(["10 lots", "3 contracts"]))[2][:64]
    'Quantities of one column must have one unit, but are in contract'
    """
    if not (given.dtype == object or pd.api.types.is_string_dtype(given.dtype)):
        return given, "", ""
    filled = given.notna() & (given.astype("str").str.strip() != "")
    parts = given.astype("str").str.extract(_CELL)
    units = parts["word"].str.lower().map(_BY_WORD)
    if not units.notna().any():
        return given, "", ""
    names = sorted(set(units[filled].dropna()))
    plain = given[filled & units.isna()]
    if len(names) > 1 or len(plain):
        others = f" and, as {str(plain.iloc[0])[:30]!r}, in no unit that is known" if len(plain) else ""
        problem = (
            f"Quantities of one column must have one unit, but are in {' and '.join(names)}{others}. Write numbers "
            "alone, all of one unit"
        )
        return given, "", problem
    return parts["number"].where(filled, given), names[0], ""


def plain_quantities(given: pd.Series[Any], column: str, place: str) -> tuple[pd.Series[Any], str]:
    """Return quantities without their units, and what to say of the unit; empty if there is none.

    Parameters
    ----------
    given : Series
        Numbers or texts.
    column : str
        What the sentence calls it.
    place : str
        Where it is, for an error.

    Returns
    -------
    quantities : Series
    note : str
        A sentence without a full stop.

    Raises
    ------
    TradesError
        If the units cannot be read, see `without_units`.
    """
    plain, unit, problem = without_units(given)
    if problem:
        raise TradesError(f"{problem} ({place}).")
    return plain, _told_unit(unit, column) if unit else ""


def in_money(given: pd.Series[Any], symbols: pd.Series[Any]) -> tuple[int, str]:
    """Return the first quantity that is an amount of money, and its currency; (-1, "") if none is.

    Parameters
    ----------
    given : Series
        Quantities.
    symbols : Series
        Of the same rows. ``100000 EUR`` of EURUSD and ``0.5 BTC`` of BTCUSDT are quantities of the base.

    Returns
    -------
    row : int
    currency : str

    Examples
    --------
    >>> in_money(pd.Series(["5000 USD"]), pd.Series(["ACME"])), in_money(pd.Series(["0.5 BTC"]), pd.Series(["BTCUSDT"]))
    ((0, 'USD'), (-1, ''))
    """
    if not (given.dtype == object or pd.api.types.is_string_dtype(given.dtype)):
        return -1, ""
    found = given.astype("str").str.extract(_MONEY)
    codes = found["before"].fillna(found["after"])
    for i in (k for k, code in enumerate(codes) if isinstance(code, str)):
        if not str(symbols.iloc[i]).upper().lstrip("^.").startswith(codes.iloc[i].upper()):
            return i, str(codes.iloc[i])
    return -1, ""


def _told_unit(unit: str, column: str) -> str:
    """Return what to say of quantities that had a unit behind them."""
    if unit == "lots":
        return (
            f"{column} is in lots: money counts one lot as one unit unless [symbols] (or a column multiplier) gives "
            "the size of a lot, such as multiplier = 100000 for forex"
        )
    return f"{column} is in {unit}"
