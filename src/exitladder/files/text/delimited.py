"""Text files of rows and columns: encoding, separator, header lines and decimal mark, found from the first lines."""

from __future__ import annotations

import collections
import csv
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.errors import InputFileError
from exitladder.files.conventions import Conventions
from exitladder.files.numbers import MixedNumbersError, decimal_mark
from exitladder.files.packed import open_bytes, text_encoding
from exitladder.files.table import Table
from exitladder.files.text.edges import lines_above_header, repeated_headers, without_footer
from exitladder.files.untrusted.formulas import without_marks

# Names the columns of a file without a header line, by its first lines and their separator; None if unknown.
NameColumns = Callable[[Sequence[Sequence[str]], str], Sequence[str] | None]

# A symbol may be called NA, TRUE or 007, and working_orders may be "none"; pandas would read a hole, a truth, a number.
_TEXT_COLUMNS = frozenset(
    {
        "symbol", "ticker", "sym", "instrument", "pair", "name", "trade_id", "tag", "side", "entry_at", "status",
        "working_orders",
    }
)  # fmt: skip
_HOLES = ["", "nan", "NaN", "NAN", "na", "NA", "n/a", "N/A", "#N/A", "null", "NULL", "None", "none", "-"]
_SAMPLE_LINES = 200
_SAMPLE_BYTES = 1 << 18
_SEPARATORS = "\t;|,"
# 093000 as a number would lose its zero, and 1.70407E+12 has lost its digits already
_KEPT_AS_TEXT = re.compile(r"\s*(?:0\d+|\d+(?:[.,]\d*)?[eE]\+?\d+)\s*")
_OPEN_POINT = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.\d{2,4}")
_NUMBER = re.compile(r"[-+]?\d[\d.,']*(?:[eE][-+]?\d+)?|[-+]?\.\d+|nan|NaN")
_TWO_LEVELS = {"price", "ticker", "", "attributes", "symbols"}


@dataclass(frozen=True)
class _Sniffed:
    """What the first lines of a file tell.

    Parameters
    ----------
    encoding, separator : str
    skipped : int
        Lines before the header, or before the data.
    lines : sequence of sequence of str
        Fields of the lines that follow.
    above : list of str
        Lines with text among those skipped.
    repeated : tuple of int
        Later lines that are left out, counted from 0: those that repeat the header, or have too many fields.
    """

    encoding: str
    separator: str
    skipped: int
    lines: list[list[str]]
    above: list[str] = field(default_factory=list)
    repeated: tuple[int, ...] = ()


@dataclass(frozen=True)
class BadLine:
    """A line with more fields than the header.

    Parameters
    ----------
    number : int
        From 1.
    fields : dict of str to str
        By the names of the header, as far as these go.
    n_fields, n_names : int
    separator : str
    """

    number: int
    fields: dict[str, str]
    n_fields: int
    n_names: int
    separator: str


def read_delimited(
    path: Path, name_columns: NameColumns | None, conventions: Conventions, bad: list[BadLine] | None = None
) -> Table:
    """Return the table in a text file, see `exitladder.files.tables.read_table`.

    Parameters
    ----------
    path : path
        A text file, maybe gzipped or alone in a zip file.
    name_columns : callable or None
        Names the columns of a file without a header line, by its first lines and its separator.
    conventions : Conventions
    bad : list of BadLine, optional
        Takes the lines with too many fields, which are then left out; without it they are an error.

    Returns
    -------
    Table

    Raises
    ------
    InputFileError
        If the text is not UTF-8, UTF-16 or Windows-1252, or the table is too large or malformed.
    pandas.errors.EmptyDataError
        If the file has no line with text.
    """
    with open_bytes(path, conventions) as stream:
        head = stream.read(_SAMPLE_BYTES)
    encoding = text_encoding(head)
    try:
        return _read(path, _without_bad(path, _sniff(head, encoding), conventions, bad), name_columns, conventions)
    except UnicodeDecodeError as cause:
        if encoding != "utf-8-sig":
            raise InputFileError(_not_text(path)) from cause
    try:
        return _read(path, _without_bad(path, _sniff(head, "cp1252"), conventions, bad), name_columns, conventions)
    except UnicodeDecodeError as cause:
        raise InputFileError(_not_text(path)) from cause


def _without_bad(path: Path, sniffed: _Sniffed, conventions: Conventions, bad: list[BadLine] | None) -> _Sniffed:
    """Return what the first lines tell, and leave out the lines with too many fields if they are asked for."""
    if bad is None or not _has_header(sniffed.lines[0]):
        return sniffed
    names = sniffed.lines[0]
    with open_bytes(path, conventions) as stream:
        lines = stream.read().decode(sniffed.encoding).splitlines()
    reader = csv.reader(lines, delimiter=sniffed.separator)
    try:
        for row in reader:
            number = reader.line_num
            while row and not row[-1].strip():
                row.pop()
            if number > sniffed.skipped and len(row) > len(names):
                fields = {name: text.strip() for name, text in zip(names, row, strict=False)}
                bad.append(BadLine(number, fields, len(row), len(names), sniffed.separator))
    except csv.Error:
        bad.clear()
    return replace(sniffed, repeated=tuple(line.number - 1 for line in bad))


def _not_text(path: Path) -> str:
    return f"A text file must be UTF-8, UTF-16 or Windows-1252, but '{path}' is none of them. Save it as UTF-8."


def _sniff(head: bytes, encoding: str) -> _Sniffed:
    text = head.decode(encoding, errors="ignore" if len(head) == _SAMPLE_BYTES else "strict")
    lines = text.splitlines()[: _SAMPLE_LINES + 1]
    if len(head) == _SAMPLE_BYTES and len(lines) > 1:
        lines = lines[:-1]
    if not any(line.strip() for line in lines):
        raise pd.errors.EmptyDataError
    separator = _separator([line for line in lines if line.strip()])
    skipped = next(
        n
        for n, line in enumerate(lines)
        if line.strip() and not line.startswith(("sep=", "# ")) and (separator in line or not _most(lines, separator))
    )
    skipped = lines_above_header(lines, separator, skipped, _is_number)
    fields = [[f.strip() for f in row] for row in csv.reader(lines[skipped:], delimiter=separator)]
    above = [line.strip() for line in lines[:skipped] if line.strip() and not line.startswith("sep=")]
    return _Sniffed(encoding, separator, skipped, fields, above)


def _most(lines: list[str], separator: str) -> int:
    return max(line.count(separator) for line in lines)


def _separator(lines: list[str]) -> str:
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines]
    usual = {s: collections.Counter(line.count(s) for line in bare).most_common(1)[0][0] for s in _SEPARATORS}
    # commas inside numbers come as often as a separator, but not in the line with the names
    good = [s for s in _SEPARATORS if usual[s] and any(line.count(s) >= usual[s] for line in bare[:3])]
    steady = [s for s in good if s in bare[0] and bare[0].count(s) == usual[s]]
    return max(steady or good or ",;\t|", key=lambda s: (usual[s], max(line.count(s) for line in bare)))


def _read(path: Path, sniffed: _Sniffed, name_columns: NameColumns | None, conventions: Conventions) -> Table:
    first = sniffed.lines[0]
    if len(first) > conventions.max_columns:
        raise InputFileError(
            f"A table may have {conventions.max_columns:,} columns, but '{path}' has more. If it is what you "
            "expect, raise the limit with --set data.max_columns=N."
        )
    if _has_two_levels(sniffed.lines):
        return _two_levels(path, sniffed, conventions)
    has_header = _has_header(first)
    names: list[str] | None = None
    if not has_header:
        names = list(_names_of(path, sniffed, name_columns, conventions))
    elif conventions.columns:
        raise InputFileError(
            f"--columns names the columns of a file without a header line, but '{path}' begins with "
            f"{', '.join(first)[:80]}. Leave --columns away, or rename the columns in the file."
        )
    columns = names or [name or ("index" if n == 0 else "") for n, name in enumerate(first)]
    frame, decimal = _frame(path, sniffed, columns, conventions, has_header=has_header, names=names)
    numbers = np.arange(len(frame) + len(sniffed.repeated), dtype=np.int64) + sniffed.skipped + (2 if has_header else 1)
    numbers = numbers[~np.isin(numbers - 1, sniffed.repeated)] if sniffed.repeated else numbers
    remarks = _remarks_above(sniffed)
    again = repeated_headers(frame) if has_header else numbers[:0]
    if len(again):
        remarks.append(f"{_lines(len(again))} that repeat the header left out, first line {numbers[again[0]]}")
        sniffed = replace(sniffed, repeated=tuple(sorted({*sniffed.repeated, *(numbers[again] - 1).tolist()})))
        frame, decimal = _frame(path, sniffed, columns, conventions, has_header=has_header, names=names)
        numbers = np.delete(numbers, again)
    blank = frame.isna().all(axis=1).to_numpy() if len(frame) else np.empty(0, dtype=bool)
    if blank.any():
        frame, numbers = frame[~blank], numbers[~blank]
    frame, numbers, below = without_footer(frame, numbers, "line")
    remarks += below
    counts = collections.Counter(name for name in columns if name)
    return Table(
        frame.reset_index(drop=True),
        path.name,
        "line",
        numbers,
        decimal=decimal,
        encoding=sniffed.encoding.removesuffix("-sig"),
        doubled=tuple(name for name, n in counts.items() if n > 1),
        has_header=has_header,
        remarks=tuple(remarks),
    )


def _remarks_above(sniffed: _Sniffed) -> list[str]:
    n = len(sniffed.above)
    return [f"{_lines(n)} above the header left out, first {sniffed.above[0][:60]!r}"] if n else []


def _lines(n: int) -> str:
    return f"{n} line{'' if n == 1 else 's'}"


def _names_of(
    path: Path, sniffed: _Sniffed, name_columns: NameColumns | None, conventions: Conventions
) -> Sequence[str]:
    n = len(sniffed.lines[0])
    if conventions.columns:
        if len(conventions.columns) != n:
            raise InputFileError(
                f"--columns must name every column, but names {len(conventions.columns)} and '{path}' has {n}."
            )
        return conventions.columns
    found = name_columns(sniffed.lines, sniffed.separator) if name_columns else None
    if found is None:
        raise InputFileError(
            f"A file must begin with a line of column names, but '{path}' begins with "
            f"{sniffed.separator.join(sniffed.lines[0])[:80]!r}. Add one, or pass --columns NAME,NAME,..."
        )
    return found


def _has_header(first: list[str]) -> bool:
    if first == [str(n) for n in range(len(first))]:
        return True
    n_numbers = sum(_is_number(field) for field in first)
    return not (n_numbers >= 4 and len(first) - n_numbers <= 3)


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text.strip()))


def _decimal(path: Path, sniffed: _Sniffed, conventions: Conventions) -> str:
    """Return the decimal mark with which numbers are parsed at once; texts are left for later."""
    if conventions.decimal != "auto":
        return conventions.decimal
    _refuse_open_points(path, sniffed)
    sample = [f for row in sniffed.lines[1:] or sniffed.lines for f in row]
    try:
        return decimal_mark([pd.Series(sample or [""], dtype="str")])
    except MixedNumbersError:
        return "."


def _refuse_open_points(path: Path, sniffed: _Sniffed) -> None:
    """Reject points that may separate thousands, as where a semicolon separates the fields: 1.000 in every number.

    Raises
    ------
    InputFileError
        If volume or quantity too has three digits behind every point. Prices alone may well have three decimals.
    """
    if sniffed.separator != ";":
        return
    rows = sniffed.lines[1:]
    numbers = [field for row in rows for field in row if _is_number(field) and not _DATE.fullmatch(field.strip())]
    if any("," in field or ("." in field and not _OPEN_POINT.fullmatch(field)) for field in numbers):
        return
    names = [name.strip().lower() for name in sniffed.lines[0]]
    amounts = [k for k, name in enumerate(names) if name.startswith(("vol", "quantity", "qty"))]
    shown = next(((k, row[k]) for row in rows for k in amounts if k < len(row) and _OPEN_POINT.fullmatch(row[k])), None)
    if shown is not None:
        raise InputFileError(
            "A point must be either the decimal mark or a thousands separator, but every number with a point, such as "
            f"the {names[shown[0]]} {shown[1]!r}, could be read both ways ('{path}'). Pass --decimal . if it is the "
            "decimal mark, or --decimal , if the point separates thousands (data.decimal; it holds for all files), or "
            "write the numbers without it."
        )


def _frame(
    path: Path,
    sniffed: _Sniffed,
    columns: Sequence[str],
    conventions: Conventions,
    *,
    has_header: bool,
    names: list[str] | None,
) -> tuple[pd.DataFrame, str]:
    decimal = _decimal(path, sniffed, conventions)
    text: set[Any] = {c for c in columns if c.lower().replace(" ", "_") in _TEXT_COLUMNS}
    dtype: Any = dict.fromkeys(text, str)
    for k, name in enumerate(columns):
        # a time such as 093000 must keep its zeros
        if re.search("time|date|day|stamp|unix|epoch|^ts$|^t$", name.lower()) and any(
            k < len(row) and _KEPT_AS_TEXT.fullmatch(row[k]) for row in sniffed.lines[1:]
        ):
            dtype[name] = str
    if decimal == "," and sniffed.separator == ",":
        # a point is no decimal point here, and pandas would take it for one
        dtype = str
    holes: dict[Any, Any] = {c or f"Unnamed: {k}": [""] if c in text else _HOLES for k, c in enumerate(columns)}
    is_packed = path.name.lower().endswith((".gz", ".zip"))
    with warnings.catch_warnings(), _source(path, conventions, is_packed=is_packed) as source:
        # the first column must never be taken for an index because lines end with a separator
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame = pd.read_csv(
            source,
            sep=sniffed.separator,
            skiprows=[*range(sniffed.skipped), *sniffed.repeated] if sniffed.repeated else sniffed.skipped,
            header=0 if has_header else None,
            names=names,
            index_col=False,
            dtype=dtype,
            keep_default_na=False,
            na_values=holes,
            skip_blank_lines=False,
            decimal="." if sniffed.separator == "," else decimal,
            skipinitialspace=True,
            low_memory=False,
            encoding=sniffed.encoding,
        )
    frame = _without_guards(without_marks(frame))
    if has_header:
        frame = frame.rename(columns={"Unnamed: 0": "index"})
        frame = frame[[c for c in frame if not (str(c).startswith("Unnamed: ") and frame[c].isna().all())]]
    return frame, decimal


def _without_guards(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts are no formulas such as ="0700", which keep a spreadsheet from reading a number."""
    for k in range(frame.shape[1]):
        column = frame.iloc[:, k]
        if pd.api.types.is_string_dtype(column.dtype) and column.str.startswith('="', na=False).any():
            frame.isetitem(k, column.str.replace(r'^="(.*)"$', r"\1", regex=True).array)
    return frame


class _source:  # noqa: N801 - a context manager used as a function
    """The path itself for a plain file, which pandas reads fastest; else a bounded stream."""

    def __init__(self, path: Path, conventions: Conventions, *, is_packed: bool) -> None:
        self._given: Any = open_bytes(path, conventions) if is_packed else path

    def __enter__(self) -> Any:
        return self._given

    def __exit__(self, *_: object) -> None:
        if isinstance(self._given, io.IOBase):
            self._given.close()


def _has_two_levels(lines: list[list[str]]) -> bool:
    """Whether the header is yfinance's: prices, tickers, and the index's name alone in a third line."""
    if len(lines) < 3 or len(lines[0]) < 3:
        return False
    first, second, third = lines[:3]
    return bool(
        second
        and third
        and first[0].lower() in _TWO_LEVELS
        and second[0].lower() in _TWO_LEVELS
        and third[0].lower() in ("date", "datetime")
        and not any(third[1:])
        and len(second) == len(first)
    )


def _two_levels(path: Path, sniffed: _Sniffed, conventions: Conventions) -> Table:
    first, second = sniffed.lines[0][1:], sniffed.lines[1][1:]
    prices, tickers = (first, second) if "close" in {name.lower() for name in first} else (second, first)
    names = ["Date", *(str(n) for n in range(len(first)))]
    below = _Sniffed(sniffed.encoding, sniffed.separator, sniffed.skipped + 3, sniffed.lines[3:] or [[]])
    frame, decimal = _frame(path, below, names, conventions, has_header=False, names=names)
    lines = np.arange(len(frame), dtype=np.int64) + below.skipped + 1
    parts, numbers, remarks = [], [], []
    pairs = collections.Counter(zip(prices, tickers, strict=True))
    for ticker in dict.fromkeys(tickers):
        chosen = {str(n): price for n, (price, t) in enumerate(zip(prices, tickers, strict=True)) if t == ticker}
        part = frame[["Date", *chosen]].rename(columns=chosen).assign(symbol=ticker)
        part = part.loc[:, ~part.columns.duplicated()]
        blank = part[list(chosen.values())].isna().all(axis=1).to_numpy()
        if blank.any():
            remarks.append(f"{int(blank.sum())} rows in which '{ticker}' has no price were left out")
        parts.append(part[~blank])
        numbers.append(lines[~blank])
    return Table(
        pd.concat(parts, ignore_index=True),
        path.name,
        "line",
        np.concatenate(numbers),
        decimal=decimal,
        encoding=sniffed.encoding.removesuffix("-sig"),
        doubled=tuple(dict.fromkeys(price for (price, _), n in pairs.items() if n > 1)),
        remarks=tuple(remarks),
    )
