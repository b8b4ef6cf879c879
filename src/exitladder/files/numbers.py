"""Numbers written as text: one decimal mark for a whole file, thousands separators, currency signs."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_BLANK = "[\\s\u00a0\u202f]"
# longer signs before the shorter ones that they begin with; pence (p, GBX) are another unit and not among them
_SIGNS = (
    "USDT|USDC|BTC|USD|EUR|GBP|JPY|CHF|CAD|AUD|INR|BRL|NZD|HKD|SGD|SEK|NOK|DKK|PLN|CZK|HUF|TRY|ZAR|MXN|CNY|KRW|THB"
    "|(?:US|C|CA|A|AU|NZ|HK|S|R|MX)\\$|[$€£¥₹₽₿]"
)
_EXPONENT = "(?:[eE][+-]?\\d+)?"
# thousands as in India: 12,34,567
_LAKHS = r"\d{1,2}(?:,\d{2})+,\d{3}"
_SHAPE = {
    mark: "^-?(?:\\d{1,3}(?:["
    + other
    + "'’ \u00a0\u202f]\\d{3})+|"
    + more
    + "\\d+)?(?:"
    + escaped
    + "\\d*)?"
    + _EXPONENT
    + "$"
    for mark, other, escaped, more in ((".", ",", "\\.", _LAKHS + "|"), (",", ".", ",", ""))
}
# each mark is proved by a number that could not be written so with the other one
_PROOF = {
    ",": r"^-?(?:\d+,\d{1,2}|\d+,\d{4,}|\d{4,},\d{3}|0\d*,\d+|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,})"
    + _EXPONENT
    + "$",
    ".": r"^-?(?:\d+\.\d{1,2}|\d+\.\d{4,}|\d{4,}\.\d{3}|0\d*\.\d+|\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,}|"
    + _LAKHS
    + r"(?:\.\d*)?)"
    + _EXPONENT
    + "$",
}
_EITHER = r"^-?[1-9]\d{0,2},\d{3}$"
# quotes of bonds: 110'165 is 110 and 16.5/32
_BOND = r"^\d{2,3}['’](?:[0-2]\d|3[01])[0257]$"
_THOUSANDS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


class MixedNumbersError(ValueError):
    """Numbers of one file that contradict each other, or that leave the decimal mark open."""


def decimal_mark(columns: Iterable[pd.Series[Any]], *, said: str = "auto", has_points: bool = False) -> str:
    """Return the one decimal mark of a file's numbers.

    Parameters
    ----------
    columns : iterable of Series
        The file's columns of numbers that are text.
    said : {"auto", ".", ","}
        What the user says; then nothing is asked of the numbers.
    has_points : bool
        Whether other numbers of the file have decimal points.

    Returns
    -------
    {".", ","}
        A point if no number settles it and none is ambiguous.

    Raises
    ------
    MixedNumbersError
        If some numbers need a decimal point and others a decimal comma, or if a comma could be either a decimal
        mark or a thousands separator in all of them.

    Examples
    --------
    >>> decimal_mark([pd.Series(["1,0810", "1,0850"])]), decimal_mark([pd.Series(["980,500"])], has_points=True)
    (',', '.')
    >>> decimal_mark([pd.Series(["3,193", "3,299"])])
    Traceback (most recent call last):
    exitladder.files.numbers.MixedNumbersError: A comma must be either the decimal mark or a thousands separator...
    """
    if said != "auto":
        return said
    texts = [_cleaned(_texts(column)) for column in columns]
    _refuse_bonds(texts)
    # spaces and apostrophes separate thousands with either mark
    texts = [pc.replace_substring_regex(text, "(\\d)['’ \u00a0\u202f](\\d{3})", r"\1\2") for text in texts]
    shown = {mark: _first(texts, proof) for mark, proof in _PROOF.items()}
    if has_points and not shown["."]:
        shown["."] = "a number with a decimal point"
    if shown["."] and shown[","]:
        raise MixedNumbersError(
            f"All numbers of a file must have the same decimal mark, but {shown['.']} needs a point and {shown[',']} "
            "a comma. Write them in one way, or pass --decimal , or --decimal . (data.decimal)"
        )
    if shown[","]:
        return ","
    either = "" if shown["."] else _first(texts, _EITHER)
    if either:
        raise MixedNumbersError(
            "A comma must be either the decimal mark or a thousands separator, but every number with a comma, such "
            f"as {either}, could be read both ways. Pass --decimal . if the comma separates thousands, or --decimal , "
            "if it is the decimal mark (data.decimal)"
        )
    return "."


def proves(texts: pd.Series[Any], mark: str) -> BoolArray:
    """Return which cells hold a number that can only have this decimal mark.

    Parameters
    ----------
    texts : Series
        Cells that are text.
    mark : {".", ","}

    Returns
    -------
    bool array, shape (n,)

    Examples
    --------
    >>> proves(pd.Series(["100,5", "1.300", "1.300,50", "7"]), ",").tolist()
    [True, False, True, False]
    """
    found = pc.match_substring_regex(_cleaned(_texts(texts)), _PROOF[mark])
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=bool)


def open_points(texts: pd.Series[Any]) -> BoolArray:
    """Return which cells hold a number whose point may separate thousands or decimals in a file of decimal commas.

    Parameters
    ----------
    texts : Series
        Cells that are text.

    Returns
    -------
    bool array, shape (n,)

    Examples
    --------
    >>> open_points(pd.Series(["1.300", "1.300,50", "1,3"])).tolist()
    [True, False, False]
    """
    found = pc.match_substring_regex(_cleaned(_texts(texts)), r"^-?[1-9]\d{0,2}\.\d{3}$")
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=bool)


def has_thousands(texts: pd.Series[Any]) -> bool:
    """Return whether any cell shows that points separate thousands: 1.300,50 or 1.300.000."""
    found = pc.match_substring_regex(_cleaned(_texts(texts)), r"^-?\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})$")
    return bool(pc.any(found).as_py())


def _refuse_bonds(columns: Iterable[Any]) -> None:
    """Reject apostrophes that may separate 32nds instead of thousands.

    Raises
    ------
    MixedNumbersError
        If every number with an apostrophe could be a bond's price in 32nds.
    """
    first = ""
    for column in columns:
        marked = column.filter(pc.fill_null(pc.match_substring_regex(column, "\\d['’]\\d"), False))
        if not len(marked):
            continue
        if not pc.all(pc.match_substring_regex(marked, _BOND)).as_py():
            return
        first = first or repr(marked[0].as_py())
    if first:
        raise MixedNumbersError(
            f"An apostrophe must separate thousands, but {first} and all numbers like it could be 32nds of a point, as "
            "bonds are quoted. Write decimals such as 110.515625, or pass --decimal . if the apostrophe separates "
            "thousands (data.decimal)"
        )


def parse_numbers(given: pd.Series[Any], decimal: str = ".") -> tuple[FloatArray, BoolArray]:
    """Return a column's numbers, and which cells are filled in but hold no number.

    Parameters
    ----------
    given : Series
        Numbers, or texts such as ``1,029.34``, ``(1,201.91)`` for a negative, ``$95.72``, ``5 000.00`` and ``1.2M``.
    decimal : {".", ","}
        The file's decimal mark, see `decimal_mark`.

    Returns
    -------
    float64 array, shape (n,)
        NaN for blank cells and for those without a number.
    bool array, shape (n,)

    Examples
    --------
    >>> parse_numbers(pd.Series(["$95.72", "(1,201.91)", "1.5K", "12,34", None]))
    (array([   95.72, -1201.91,  1500.  ,      nan,      nan]), array([False, False, False,  True, False]))
    """
    if pd.api.types.is_bool_dtype(given.dtype):
        return np.full(len(given), np.nan), given.notna().to_numpy()
    if pd.api.types.is_numeric_dtype(given.dtype):
        return doubles(given), np.zeros(len(given), dtype=bool)
    if given.dtype == object:
        return _parse_objects(given, decimal)
    if not pd.api.types.is_string_dtype(given.dtype):
        return np.full(len(given), np.nan), given.notna().to_numpy()
    return _parse_texts(_texts(given), decimal)


def doubles(given: pd.Series[Any]) -> FloatArray:
    """Return numbers as doubles; one of half the size is the decimal number that it was written for.

    Parameters
    ----------
    given : Series of numbers

    Returns
    -------
    float64 array, shape (n,)
        NaN where a cell is blank.

    Examples
    --------
    >>> doubles(pd.Series([100.1], dtype="float32")).tolist()
    [100.1]
    """
    if str(given.dtype).lower() in ("float32", "float[pyarrow]"):
        # a high of 100.1 must not be below a target of 100.1
        texts = pa.array(given.to_numpy(dtype=np.float32, na_value=np.nan)).cast(pa.string())
        return np.asarray(texts.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.asarray(given.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def currencies_of(columns: Iterable[pd.Series[Any]]) -> list[str]:
    """Return the currency signs and codes in columns of numbers that are text, each once, in alphabetical order.

    Examples
    --------
    >>> currencies_of([pd.Series(["$100", "100.5"]), pd.Series(["€99"])])
    ['$', '€']
    """
    found: set[str] = set()
    for column in columns:
        texts = _texts(column)
        if pc.any(pc.match_substring_regex(texts, r"[^0-9.,eE+\-\s]")).as_py():
            signs = pc.struct_field(pc.extract_regex(texts, f"(?P<sign>{_SIGNS})"), "sign")
            found |= {str(sign) for sign in pc.unique(signs).to_pylist() if sign}
    return sorted(found)


def is_text(given: pd.Series[Any]) -> bool:
    """Return whether a column's cells may hold texts."""
    return bool(given.dtype == object or pd.api.types.is_string_dtype(given.dtype))


def _parse_objects(given: pd.Series[Any], decimal: str) -> tuple[FloatArray, BoolArray]:
    values, bad = np.full(len(given), np.nan), np.zeros(len(given), dtype=bool)
    is_word = np.zeros(len(given), dtype=bool)
    for i, cell in enumerate(given):
        if isinstance(cell, str):
            is_word[i] = True
        elif isinstance(cell, (int, float, Decimal, np.number)) and not isinstance(cell, bool):
            try:
                values[i] = float(cell)
            except (OverflowError, ValueError):
                bad[i] = True
        else:
            bad[i] = not (cell is None or cell is pd.NA or cell is pd.NaT)
    if is_word.any():
        values[is_word], bad[is_word] = _parse_texts(_texts(given[is_word]), decimal)
    return values, bad


def _parse_texts(texts: Any, decimal: str) -> tuple[FloatArray, BoolArray]:
    clean = _cleaned(texts)
    ending = pc.utf8_upper(pc.utf8_slice_codeunits(clean, start=-1, stop=None))
    times = np.ones(len(clean))
    scaled = pc.fill_null(pc.is_in(ending, pa.array(list(_THOUSANDS))), False)
    if pc.any(scaled).as_py():
        factors = pd.Series(ending.to_pandas()).map(_THOUSANDS).fillna(1.0).to_numpy(dtype=np.float64)
        times = np.where(scaled.to_numpy(zero_copy_only=False), factors, 1.0)
        clean = pc.if_else(scaled, pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(clean, start=0, stop=-1)), clean)
    special = pc.match_substring_regex(clean, r"^-?(?:inf|Inf|INF)(?:inity)?$")
    fits = pc.and_(pc.match_substring_regex(clean, _SHAPE[decimal]), pc.match_substring_regex(clean, r"\d"))
    other = "," if decimal == "." else "."
    plain = pc.replace_substring_regex(clean, "[" + other + "'’ \u00a0\u202f]", "")
    plain = pc.replace_substring(plain, decimal, ".") if decimal != "." else plain
    usable = pc.if_else(pc.or_(fits, special), plain, pa.scalar(None, clean.type))
    values = pc.cast(usable, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64) * times
    blank = pc.fill_null(pc.equal(clean, ""), True).to_numpy(zero_copy_only=False)
    return values, np.isnan(values) & ~blank


def _texts(given: pd.Series[Any]) -> Any:
    words = given.where(given.notna(), None)
    made = pa.array([w if isinstance(w, str) else None for w in words] if given.dtype == object else words)
    made = made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made
    return made.cast(pa.large_string())


def _cleaned(texts: Any) -> Any:
    clean = pc.replace_substring_regex(texts, f"^{_BLANK}+|{_BLANK}+$", "")
    # accounting programs write the sign at the end
    clean = pc.replace_substring_regex(clean, r"^([0-9][0-9.,]*)-$", r"-\1")
    if not pc.any(pc.match_substring_regex(clean, r"[^0-9.,eE+-]")).as_py():
        return pc.replace_substring_regex(clean, r"^\+", "")
    # a number that a spreadsheet is told to keep as text
    clean = pc.replace_substring_regex(clean, r'^="(.*)"$', r"\1")
    # the price of an order: @100.50
    clean = pc.replace_substring_regex(clean, f"^@{_BLANK}*", "")
    clean = pc.replace_substring_regex(clean, "^[−–]", "-")
    clean = pc.replace_substring_regex(clean, f"^(?:{_SIGNS})?{_BLANK}*\\((.+)\\)$", r"-\1")
    clean = pc.replace_substring_regex(clean, f"^([+-]?){_BLANK}*(?:{_SIGNS}){_BLANK}*", r"\1")
    clean = pc.replace_substring_regex(clean, f"{_BLANK}*(?:{_SIGNS})$", "")
    return pc.replace_substring_regex(clean, r"^\+", "")


def _first(texts: Iterable[Any], pattern: str) -> str:
    for column in texts:
        found = pc.fill_null(pc.match_substring_regex(column, pattern), False)
        if pc.any(found).as_py():
            return repr(column.filter(found)[0].as_py())
    return ""
