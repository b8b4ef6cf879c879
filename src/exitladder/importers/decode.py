"""Numbers, stamps and sides as other programs write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.files import numbers
from exitladder.files.stamps import stamps_to_ns

HOLES = frozenset({"", "--", "-", "—", "nan", "none", "null", "n/a", "nat"})
# a coin or currency behind a number; one letter may be thousands or millions
_UNIT = r"(?<=[\d.,])\s*(?!(?i:inf)$)[A-Za-z]{2,10}$"
_DISTANCE = r"(?i)\d\s*(?:%|pips?|points?|pts?|ticks?|bps?|atr|r)\s*$"

SIDE_WORDS: dict[str, int] = {
    **dict.fromkeys(
        ("buy", "b", "bot", "bought", "long", "l", "buy to open", "buy to close", "cover", "buy to cover", "1",
         "kauf", "kaufen", "achat", "acheter", "compra", "comprar", "acquisto", "купить", "buy/long", "open_long",
         "openlong", "true"), 1),
    **dict.fromkeys(
        ("sell", "s", "sld", "sold", "short", "ss", "sell short", "short sell", "sell to open", "sell to close", "-1",
         "verkauf", "verkaufen", "vente", "vendre", "venta", "vender", "venda", "vendita", "продать", "sell/short"),
        -1),
}  # fmt: skip


def decimal_mark(columns: Iterable[pd.Series], place: str, given: str | None = None) -> str:
    """Return the one decimal mark of a file, ``.`` or ``,``, by the rule of all files.

    Parameters
    ----------
    columns : iterable of Series of str
        The columns of numbers, maybe with units behind them.
    place : str
        What messages call the file.
    given : {".", ","}, optional
        What the user says.

    Returns
    -------
    {".", ","}

    Raises
    ------
    TradesError
        If the file does not settle it: ``1,234`` alone may be 1234 or 1.234.
    """
    try:
        return numbers.decimal_mark([_without_units(column) for column in columns], said=given or "auto")
    except numbers.MixedNumbersError as cause:
        raise TradesError(f"{cause} ({place}).") from cause


def decode_numbers(texts: pd.Series, decimal: str, place: str = "the column") -> FloatArray:
    """Return numbers, NaN where a cell is blank or a word for none.

    Parameters
    ----------
    texts : Series of str
        Numbers as in `exitladder.files.numbers.parse_numbers`, maybe with a unit (``0.5BTC``, ``1.2 USDT``).
    decimal : {".", ","}
        See `decimal_mark`.
    place : str
        What messages call the column.

    Returns
    -------
    float64 array, shape (n,)

    Raises
    ------
    TradesError
        If a cell is neither blank nor a number.

    Examples
    --------
    >>> decode_numbers(pd.Series(["$1,029.34", "(1,201.91)", "5 000.00", "0.5BTC", "--"]), ".").tolist()
    [1029.34, -1201.91, 5000.0, 0.5, nan]
    """
    values, broken = numbers.parse_numbers(_without_units(texts), decimal)
    if broken.any():
        i = int(np.argmax(broken))
        mark = "point" if decimal == "." else "comma"
        raise TradesError(
            f"A number must have a decimal {mark}, but {place} has {texts.iloc[i]!r} (row {i + 1}; {int(broken.sum())} "
            "rows affected). Correct it, or pass --decimal . or --decimal ,"
        )
    return values


def _without_units(texts: pd.Series) -> pd.Series:
    """Return numbers as texts without their units, blank where a word stands for none."""
    clean = texts.astype("str").str.strip()
    clean = clean.str.replace(_UNIT, "", regex=True)
    return clean.where(~clean.str.lower().isin(HOLES), "").astype("str")


def check_prices(texts: pd.Series, place: str) -> None:
    """Reject a column of prices whose cells are distances, such as ``50 pips``, ``2%`` or ``1.5 ATR``.

    Raises
    ------
    TradesError
        If one is.
    """
    broken = texts.str.contains(_DISTANCE, regex=True).fillna(False).to_numpy(dtype=bool)
    if broken.any():
        i = int(np.argmax(broken))
        raise TradesError(
            f"A price must be a number in the currency of its symbol, but {place} has {texts.iloc[i]!r} (row {i + 1}; "
            f"{int(broken.sum())} rows affected): a distance. Write the price, or leave the column out."
        )


def units(texts: pd.Series) -> npt.NDArray[np.object_]:
    """Return the unit behind each number, blank where there is none: ``0.5BTC`` is in BTC."""
    found = texts.str.extract(r"\d\s*([A-Za-z]{2,10})\s*$")[0].fillna("")
    return np.array([str(t).upper() for t in found], dtype=object)


def decode_times(texts: pd.Series, tz: str, *, place: str, day_first: bool | None = None) -> IntArray:
    """Return stamps as nanoseconds since 1970 UTC, ``NO_TIME`` where a cell is blank.

    Parameters
    ----------
    texts : Series of str
        One column: one order of day, month and year.
    tz : str
        Time zone of stamps that carry none.
    place : str
        What messages call the column.
    day_first : bool, optional
        What the user says about ``03/04/2024``.

    Returns
    -------
    int64 array, shape (n,)

    Raises
    ------
    TradesError
        If a stamp cannot be read, or the column does not settle its order.
    """
    blank = texts.str.strip().str.lower().isin(HOLES).to_numpy()
    clean = texts.where(~blank, None).map(_usual, na_action="ignore")
    if day_first is not None:
        clean = clean.map(lambda t: _year_first(t, day_first), na_action="ignore")
    time = stamps_to_ns(clean, tz)
    broken = (time == NO_TIME) & ~blank
    if broken.any():
        i = int(np.argmax(broken))
        raise TradesError(
            f"Stamps must be readable and in one order of day and month, but {place} has {texts.iloc[i]!r} (row "
            f"{i + 1}; {int(broken.sum())} rows affected). Say the order with --dayfirst or --monthfirst, or write ISO "
            "8601."
        )
    return time


def _usual(text: str) -> str:
    """Return a stamp of MT5 (2024.01.05 09:30), IBKR (20240105;093000), Binance (24-01-05 …) or Excel as ISO."""
    text = text.strip()
    if found := re.fullmatch(r"(\d{4})\.(\d\d)\.(\d\d)(.*)", text):
        return f"{found[1]}-{found[2]}-{found[3]}{found[4]}"
    if found := re.fullmatch(r"(\d{4})-?(\d\d)-?(\d\d)\s*[;,T ]\s*(\d\d):?(\d\d):?(\d\d)( ?[A-Z]{3})?", text):
        return f"{found[1]}-{found[2]}-{found[3]} {found[4]}:{found[5]}:{found[6]}"
    if found := re.fullmatch(r"(\d\d)-(\d\d)-(\d\d) (\d\d:\d\d.*)", text):
        return f"20{found[1]}-{found[2]}-{found[3]} {found[4]}"
    if re.fullmatch(r"[2-7]\d{4}(\.\d+)?", text):
        stamp = pd.Timestamp("1899-12-30") + pd.Timedelta(days=float(text))
        return stamp.round("s").isoformat()
    return text


def _year_first(text: str, day_first: bool) -> str:
    found = re.fullmatch(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(.*)", text)
    if not found:
        return text
    day, month = (found[1], found[2]) if day_first else (found[2], found[1])
    return f"{found[3]}-{int(month):02d}-{int(day):02d}{found[4]}"


def decode_sides(texts: pd.Series, more: dict[str, int] | None = None) -> FloatArray:
    """Return +1 for a buy or long, -1 for a sell or short, NaN where a word is neither."""
    words = SIDE_WORDS | (more or {})
    return np.asarray(texts.str.strip().str.lower().map(words), dtype=np.float64)
