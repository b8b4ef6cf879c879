"""Tables as files: CSV (plain or gzipped), Parquet and Feather, read with the place of every row."""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.errors import InputFileError

TABLE_SUFFIXES = (".parquet", ".pq", ".csv", ".csv.gz", ".txt", ".feather", ".arrow")

# A symbol may be called NA, TRUE or 007; pandas would read a hole, a truth and a number.
_TEXT_COLUMNS = frozenset(
    {"symbol", "ticker", "sym", "instrument", "pair", "name", "trade_id", "tag", "side", "entry_at", "status"}
)
_HOLES = ["", "nan", "NaN", "NAN", "na", "NA", "n/a", "N/A", "#N/A", "null", "NULL", "None", "none", "-"]
_COMMA_NUMBER = re.compile(r"\s*-?\d+,\d+\s*")


@dataclass(frozen=True)
class Table:
    """A table and where each of its rows stands in the file, for messages.

    Parameters
    ----------
    frame : DataFrame
        Rows numbered from 0.
    name : str
        The file's name, or what the table is called.
    unit : {"line", "row"}
        What `numbers` count: lines of a text file (the header is one) or rows of a table.
    numbers : int64 array, shape (n_rows,)
    """

    frame: pd.DataFrame
    name: str
    unit: str
    numbers: npt.NDArray[np.int64]

    def place(self, position: int) -> str:
        """Return where a row stands, such as ``trades.csv, line 18``."""
        return f"{self.name}, {self.unit} {int(self.numbers[position])}"

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, name: str) -> Table:
        """Return a table that came from no file; a date index becomes a column."""
        return cls(_flat(frame), name, "row", np.arange(1, len(frame) + 1))


def table_suffix(path: Path) -> str | None:
    """Return the suffix by which a file is a table, or None.

    Examples
    --------
    >>> table_suffix(Path("AAPL-1d.CSV.gz")), table_suffix(Path("notes.md"))
    ('.csv.gz', None)
    """
    name = path.name.lower()
    return max((s for s in TABLE_SUFFIXES if name.endswith(s)), key=len, default=None)


def read_table(path: str | Path, headerless: Mapping[int, Sequence[str]] | None = None) -> Table:
    """Return the table in a file.

    Parameters
    ----------
    path : path
        CSV (comma, semicolon or tab; gzipped or not), Parquet or Feather, told by its suffix.
    headerless : mapping of int to names, optional
        Names of the columns of a CSV whose first line is data already, by the number of columns.

    Raises
    ------
    InputFileError
        If the file is missing, of no known kind, empty or cannot be read.
    """
    path = Path(path)
    suffix = table_suffix(path)
    if path.is_dir():
        raise InputFileError(f"A table must be a file, but '{path}' is a folder. Name one file in it.")
    if not path.exists():
        raise InputFileError(f"The file '{path}' does not exist. Check the path.")
    if suffix is None:
        raise InputFileError(
            f"A table must be CSV, CSV.gz, Parquet or Feather, but '{path}' ends with {path.suffix!r}. "
            f"Give it one of the endings {', '.join(TABLE_SUFFIXES)}."
        )
    try:
        if suffix in (".csv", ".csv.gz", ".txt"):
            return _read_csv(path, headerless or {})
        frame = _read_parquet(path) if suffix in (".parquet", ".pq") else _read_feather(path)
    except pd.errors.EmptyDataError:
        raise InputFileError(f"The file '{path}' is empty: not even a line with column names.") from None
    except pd.errors.ParserWarning:
        raise InputFileError(
            f"The file '{path}' cannot be read as csv: lines have more fields than the first line has names. "
            "Name every column, and quote texts that hold the separator."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, EOFError, zlib.error, NotImplementedError) as cause:
        reason = " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
        raise InputFileError(
            f"The file '{path}' cannot be read as {suffix[1:]}: {reason}. Write it again or check its ending."
        ) from cause
    return Table.from_frame(frame, path.name)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(frame.columns, pd.MultiIndex):
        frame = _one_level(frame)
    index = frame.index
    if isinstance(index, pd.DatetimeIndex) and index.name is None:
        frame = frame.rename_axis(index="timestamp")
    if isinstance(index, (pd.DatetimeIndex, pd.MultiIndex)) or (index.name is not None and index.name not in frame):
        frame = frame.reset_index()
    return frame.reset_index(drop=True)


def _one_level(frame: pd.DataFrame) -> pd.DataFrame:
    """Return yfinance's table of columns (Price, Ticker), either way round, as rows with a symbol."""
    levels = [{str(name).lower() for name in frame.columns.get_level_values(k)} for k in (0, 1)]
    tickers = 1 if "close" in levels[0] else 0
    parts = [
        frame.xs(name, axis=1, level=tickers).assign(symbol=str(name)).rename_axis(columns=None)
        for name in dict.fromkeys(frame.columns.get_level_values(tickers))
    ]
    rows: pd.DataFrame = pd.concat(parts)
    return rows


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    # a single file, so that no folder name of the path is taken for a column
    with pq.ParquetFile(path) as file:
        frame: pd.DataFrame = file.read().to_pandas()
    return frame


def _read_feather(path: Path) -> pd.DataFrame:
    from pyarrow import feather

    frame: pd.DataFrame = feather.read_table(path).to_pandas()
    return frame


def _read_csv(path: Path, headerless: Mapping[int, Sequence[str]]) -> Table:
    separator, skipped, header, second, decimal = _sniff(path)
    is_counted = header == [str(n) for n in range(len(header))]
    has_header = is_counted or not (len(header) >= 5 and all(_is_number(f) for f in header[1:]))
    names = None if has_header else headerless.get(len(header), [f"column_{n}" for n in range(len(header))])
    columns = header if names is None else list(names)
    if names is None and header[0] == "Price" and second[:1] == ["Ticker"]:
        # yfinance writes three header lines: Price, Ticker, Date
        columns, has_header, skipped = ["Date", *header[1:]], False, skipped + 3
        names = columns
    text = {c for c in columns if c.strip().lower().replace(" ", "_") in _TEXT_COLUMNS}
    with warnings.catch_warnings():
        # the first column must never be taken for an index because lines end with a separator
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame = pd.read_csv(
            path,
            sep=separator,
            skiprows=skipped,
            header=0 if has_header else None,
            names=None if names is None else list(names),
            index_col=False,
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,
            na_values={c: [""] if c in text else _HOLES for c in columns},
            skip_blank_lines=False,
            decimal=decimal,
            low_memory=False,
            encoding="utf-8-sig",
        )
    numbers = np.arange(len(frame), dtype=np.int64) + skipped + (2 if has_header else 1)
    blank = frame.isna().all(axis=1).to_numpy() if len(frame) else np.empty(0, dtype=bool)
    if blank.any():
        frame, numbers = frame[~blank], numbers[~blank]
    return Table(frame.reset_index(drop=True), path.name, "line", numbers)


def _sniff(path: Path) -> tuple[str, int, list[str], list[str], str]:
    """Return separator, lines to skip, fields of the first two lines that count, decimal mark."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline=None) as stream:
        lines = [line.rstrip("\n") for _, line in zip(range(20), stream, strict=False)]
    if not any(line.strip() for line in lines):
        raise pd.errors.EmptyDataError
    separator = max(",;\t|", key=lambda s: max(line.count(s) for line in lines))
    fields = max(line.count(separator) for line in lines)
    # exports may begin with a line that is no header: a web address, "sep=,"
    skipped = next(
        n
        for n, line in enumerate(lines)
        if line.strip() and not line.startswith("sep=") and (separator in line or not fields)
    )
    header, second = (
        [field.strip().strip('"') for field in line.split(separator)] for line in [*lines, ""][skipped : skipped + 2]
    )
    body = lines[skipped + 1 :]
    has_comma = separator != "," and any(_COMMA_NUMBER.fullmatch(f) for line in body for f in line.split(separator))
    decimal = "," if has_comma else "."
    return separator, skipped, header, second, decimal


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
