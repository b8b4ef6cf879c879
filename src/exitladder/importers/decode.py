"""Numbers, stamps and sides as other programs write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.arrays import FloatArray, IntArray
from exitladder.clock import NO_TIME
from exitladder.errors import TradesError
from exitladder.files import numbers
from exitladder.files.stamps import read_stamps

HOLES = frozenset({"", "--", "-", "—", "nan", "none", "null", "n/a", "nat"})
# a coin or currency behind a number; one letter may be thousands or millions
_UNIT = r"(?<=[\d.,])\s*(?!(?i:inf)$)[A-Za-z]{2,10}$"
_DISTANCE = r"(?i)\d\s*(?:%|pips?|points?|pts?|ticks?|bps?|atr|r)\s*$"

# by letters and digits alone, see `side_key`
SIDE_WORDS: dict[str, int] = {
    **dict.fromkeys(
        ("buy", "b", "bot", "bought", "long", "l", "buytoopen", "buytoclose", "cover", "buytocover", "1", "buylong",
         "openlong", "closeshort", "enterlong", "entrylong", "exitshort", "true",
         "kauf", "kaufen", "gekauft", "achat", "acheter", "compra", "comprar", "acquisto", "koop", "aankoop", "gekocht",
         "köp", "köpt", "kjøp", "kjøpt", "køb", "købt", "kupno", "nákup", "alış", "купить", "покупка", "купля",
         "买入", "買入", "买进", "買進", "买", "買", "買い"), 1),
    **dict.fromkeys(
        ("sell", "s", "sld", "sold", "short", "ss", "sellshort", "shortsell", "selltoopen", "selltoclose", "-1",
         "openshort", "closelong", "entershort", "entryshort", "exitlong",
         "verkauf", "verkaufen", "verkauft", "vente", "vendre", "venta", "vender", "venda", "vendita", "verkoop",
         "verkocht", "sälj", "sålt", "salg", "solgt", "sprzedaż", "prodej", "satış", "продать", "продажа",
         "卖出", "賣出", "卖", "賣", "売", "売り"),
        -1),
}  # fmt: skip
_BUYS = r"\b(?:buy|bought|kauf|achat|compra|acquisto|koop)\b"
_SELLS = r"\b(?:sell|sold|verkauf|vente|venta|venda|vendita|verkoop)\b"
_UNDONE = r"cancel|reject|expire|void"
# a serial day of a spreadsheet, maybe among dates
_SERIAL = r"[2-7]\d{4}(?:[.,]\d+)?"


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


def refuse_open_points(quantity: pd.Series, columns: Iterable[pd.Series], place: str) -> None:
    """Reject points that may separate thousands in a file of semicolons: 1.000 in every number, quantities too.

    Parameters
    ----------
    quantity : Series of str
    columns : iterable of Series of str
        All columns of numbers of the file.
    place : str
        What messages call the file.

    Raises
    ------
    TradesError
        If nothing in the file tells decimals from thousands.
    """
    texts = [_without_units(column) for column in columns]
    marked = [text[text.str.contains(r"[.,]", regex=True)] for text in texts]
    if any(not numbers.open_points(text).all() for text in marked if len(text)):
        return
    shown = quantity[numbers.open_points(_without_units(quantity))]
    if len(shown):
        raise TradesError(
            "A point must be either the decimal mark or a thousands separator, but every number with a point, such as "
            f"the quantity {shown.iloc[0]!r}, could be read both ways ({place}). Pass --decimal . if it is the decimal "
            "mark, or --decimal , if it separates thousands (data.decimal)."
        )


def decode_numbers(
    texts: pd.Series, decimal: str, place: str = "the column", lines: pd.Series | None = None
) -> FloatArray:
    """Return numbers, NaN where a cell is blank or a word for none.

    Parameters
    ----------
    texts : Series of str
        Numbers as in `exitladder.files.numbers.parse_numbers`, maybe with a unit (``0.5BTC``, ``1.2 USDT``).
    decimal : {".", ","}
        See `decimal_mark`.
    place : str
        What messages call the column.
    lines : Series of str, optional
        Where each row is in its file.

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
        mark = "point" if decimal == "." else "comma"
        raise TradesError(
            f"A number must have a decimal {mark}, but {place} has {_first(texts, broken, lines)}. Correct it, or pass "
            "--decimal . or --decimal ,"
        )
    return values


def _first(texts: pd.Series, broken: npt.NDArray[np.bool_], lines: pd.Series | None) -> str:
    """Return the first broken cell, its place, and how many there are."""
    i, count = int(np.argmax(broken)), int(broken.sum())
    place = f"row {i + 1}" if lines is None else str(lines.iloc[i])
    return f"{texts.iloc[i]!r} ({place}; {count} row{'' if count == 1 else 's'} affected)"


def _without_units(texts: pd.Series) -> pd.Series:
    """Return numbers as texts without their units, blank where a word stands for none."""
    clean = texts.astype("str").str.strip()
    clean = clean.str.replace(_UNIT, "", regex=True)
    return clean.where(~clean.str.lower().isin(HOLES), "").astype("str")


def check_prices(texts: pd.Series, place: str, lines: pd.Series | None = None) -> None:
    """Reject a column of prices whose cells are distances, such as ``50 pips``, ``2%`` or ``1.5 ATR``.

    Parameters
    ----------
    texts : Series of str
    place : str
        The column in messages.
    lines : Series of str, optional
        Where each row is in its file.

    Raises
    ------
    TradesError
        If one is.
    """
    broken = texts.str.contains(_DISTANCE, regex=True).fillna(False).to_numpy(dtype=bool)
    if broken.any():
        raise TradesError(
            f"A price must be a number in the currency of its symbol, but {place} has {_first(texts, broken, lines)}: "
            "a distance. Write the price, or leave the column out."
        )


def units(texts: pd.Series) -> npt.NDArray[np.object_]:
    """Return the unit behind each number, blank where there is none: ``0.5BTC`` is in BTC."""
    found = texts.str.extract(r"\d\s*([A-Za-z]{2,10})\s*$")[0].fillna("")
    return np.array([str(t).upper() for t in found], dtype=object)


def date_order(columns: Mapping[str, pd.Series], place: str) -> str:
    """Return the order of day and month that any column of times settles for the whole file.

    Parameters
    ----------
    columns : mapping of str to Series of str
        Columns of times by their name.
    place : str
        What messages call the file.

    Returns
    -------
    {"auto", "dayfirst", "monthfirst"}
        ``auto`` if no column settles it.

    Raises
    ------
    TradesError
        If two columns contradict each other.
    """
    orders: dict[str, str] = {}
    for name, texts in columns.items():
        found = read_stamps(_plain_stamps(texts))
        if found.order and not found.problem:
            orders[name] = found.order
    if len(set(orders.values())) > 1:
        shown = " and ".join(f"{name} has the {order.split()[0]} first" for name, order in orders.items())
        raise TradesError(
            f"All dates of a file must have one order of day and month, but {shown} ({place}). Write them in one "
            "order, such as 2024-01-31."
        )
    return next(iter(orders.values()), "auto").replace(" ", "")


def decode_times(
    texts: pd.Series, tz: str, *, place: str, dates: str = "auto", lines: pd.Series | None = None
) -> tuple[IntArray, int]:
    """Return stamps as nanoseconds since 1970 UTC, ``NO_TIME`` where a cell is blank.

    Parameters
    ----------
    texts : Series of str
        One column: one order of day, month and year.
    tz : str
        Time zone of stamps that carry none.
    place : str
        What messages call the column.
    dates : {"auto", "dayfirst", "monthfirst"}
        Order of ``03/04/2024`` where the column does not settle it.
    lines : Series of str, optional
        Where each row is in its file.

    Returns
    -------
    int64 array, shape (n,)
    int
        Stamps without a zone of their own.

    Raises
    ------
    TradesError
        If a stamp cannot be read, or the column does not settle its order.
    """
    clean = _plain_stamps(texts)
    found = read_stamps(clean, tz=tz, dates=dates)
    if found.problem:
        raise TradesError(f"{found.problem} ({place}).")
    broken = (found.ns == NO_TIME) & clean.notna().to_numpy()
    if broken.any():
        raise TradesError(
            f"Stamps must be dates and times that exist in their time zone, but {place} has "
            f"{_first(texts, broken, lines)}. Write ISO 8601 with its offset, such as 2024-01-31T15:30-05:00, or check "
            "--tz."
        )
    return found.ns, found.n_naive


def _plain_stamps(texts: pd.Series) -> pd.Series:
    """Return a column of stamps without words for none; serial days among dates become dates."""
    clean = texts.str.strip()
    clean = clean.where(~clean.str.lower().isin(HOLES), None)
    serial = clean.str.fullmatch(_SERIAL).fillna(False).to_numpy(dtype=bool)
    if serial.any():
        clean = clean.where(~serial, clean.str.replace(",", "."))
        if not (serial | clean.isna().to_numpy()).all():
            clean = clean.where(~serial, clean.map(_from_serial, na_action="ignore"))
    return clean


def _from_serial(text: str) -> str:
    if not re.fullmatch(_SERIAL, text):
        return text
    return (pd.Timestamp("1899-12-30") + pd.Timedelta(days=float(text))).round("s").isoformat()


def side_key(word: object) -> str:
    """Return a word for a side by its letters and digits in lower case: ``Buy to Cover`` is ``buytocover``.

    Examples
    --------
    >>> side_key("Buy to Cover"), side_key("-1"), side_key("-1%")
    ('buytocover', '-1', '-1%')
    """
    text = unicodedata.normalize("NFC", str(word)).strip().lower().replace("\u2212", "-")
    return "".join(c for c in text if c.isalnum()) if any(c.isalpha() for c in text) else text


def decode_sides(texts: pd.Series, more: dict[str, int] | None = None) -> FloatArray:
    """Return +1 for a buy or long, -1 for a sell or short, NaN where a word is neither.

    Parameters
    ----------
    texts : Series of str
        Words in any of several languages; texts such as ``Market buy`` and ``YOU SOLD ACME INC`` that name one of both.
    more : dict of str to int, optional
        Further words.

    Returns
    -------
    float64 array, shape (n,)

    Examples
    --------
    >>> decode_sides(pd.Series(["Sell short", "Limit buy", "Verkoop", "Dividend"])).tolist()
    [-1.0, 1.0, -1.0, nan]
    """
    words = SIDE_WORDS | {side_key(word): side for word, side in (more or {}).items()}
    found = texts.map(side_key).map(words).astype(np.float64)
    plain = texts.astype("str").str.lower()
    plain = plain.where(~plain.str.contains(_UNDONE, regex=True), "")
    buys, sells = (plain.str.contains(pattern, regex=True) for pattern in (_BUYS, _SELLS))
    found = found.mask(found.isna() & buys & ~sells, 1.0)
    return np.asarray(found.mask(found.isna() & sells & ~buys, -1.0), dtype=np.float64)
