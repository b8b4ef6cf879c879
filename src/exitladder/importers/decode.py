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
from exitladder.files.stamps import stamps_to_ns

HOLES = frozenset({"", "--", "-", "—", "nan", "none", "null", "n/a", "nat"})
_NUMBER = re.compile(r"[-+]?[\d.,' ]*\d(?:[eE][-+]?\d+)?")
_DISTANCE = r"(?i)\d\s*(?:%|pips?|points?|pts?|ticks?|bps?|atr|r)\s*$"
_SIGNS = str.maketrans("", "", "$€£¥₹ ")

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


def decimal_mark(texts: Iterable[str], delimiter: str, given: str | None = None) -> str:
    """Return the one decimal mark of a file, ``.`` or ``,``.

    Parameters
    ----------
    texts : iterable of str
        The cells of all columns of numbers.
    delimiter : str
        What separates the columns: a semicolon goes with decimal commas.
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
    if given:
        return given
    comma, point, open_case = False, False, ""
    for raw in texts:
        text = raw.strip("()+- ").replace(" ", "")
        found = _NUMBER.match(text)
        text = found.group() if found else ""
        if "," in text and "." in text:
            return "," if text.rfind(",") > text.rfind(".") else "."
        if text.count(",") == 1:
            if len(text.split(",")[1]) != 3 or text.startswith("0,"):
                comma = True
            else:
                open_case = open_case or raw
        elif text.count(",") > 1:
            point = True
        elif text.count(".") == 1:
            point = point or len(text.split(".")[1]) != 3
    if comma:
        return ","
    if point or not open_case:
        return "."
    if delimiter == ";":
        return ","
    raise TradesError(
        f"A file must settle what its commas mean, but {open_case!r} may be {open_case.replace(',', '')} or "
        f"{open_case.replace(',', '.')}. Say which with --decimal . or --decimal ,"
    )


def decode_numbers(texts: pd.Series, decimal: str) -> FloatArray:
    """Return numbers, NaN where a cell is blank or none.

    Currency signs, units behind (``0.5BTC``, ``1.2 USDT``), thousands and negatives in brackets are understood.

    Examples
    --------
    >>> decode_numbers(pd.Series(["$1,029.34", "(1,201.91)", "5 000.00", "0.5BTC", "--"]), ".").tolist()
    [1029.34, -1201.91, 5000.0, 0.5, nan]
    """
    thousands = "," if decimal == "." else "."
    return np.array([_number(text, decimal, thousands) for text in texts], dtype=np.float64)


def _number(text: str, decimal: str, thousands: str) -> float:
    text = text.strip()
    if text.lower() in HOLES:
        return np.nan
    sign = -1.0 if text.startswith("(") and text.endswith(")") else 1.0
    text = text.strip("()").translate(_SIGNS).replace(thousands, "").replace("'", "").rstrip("%")
    if decimal == ",":
        text = text.replace(",", ".")
    try:
        return sign * float(text)
    except ValueError:
        found = re.match(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+(?![a-zA-Z]))?", text)
        return sign * float(found.group()) if found and re.fullmatch(r"[A-Za-z]{2,10}", text[found.end() :]) else np.nan


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
