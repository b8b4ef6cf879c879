"""A table and the place of every row of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from exitladder.errors import InputFileError


@dataclass(frozen=True)
class Table:
    """A table and the place of each of its rows in the file, for messages.

    Parameters
    ----------
    frame : DataFrame
        Rows numbered from 0.
    name : str
        The file's name, or the name of the table.
    unit : {"line", "row"}
        What `numbers` count: lines of a text file (the header is one) or rows of a table.
    numbers : int64 array, shape (n_rows,)
    decimal : {".", ","}
        Decimal mark with which numbers of a text file were parsed.
    encoding : str
        Of a text file; empty otherwise.
    doubled : tuple of str
        Names that more than one column has; pandas adds ``.1`` to the later ones.
    has_header : bool
        Whether the file names its columns.
    remarks : tuple of str
        Parts left out, and how others were read.
    """

    frame: pd.DataFrame
    name: str
    unit: str
    numbers: npt.NDArray[np.int64]
    decimal: str = "."
    encoding: str = ""
    doubled: tuple[str, ...] = ()
    has_header: bool = True
    remarks: tuple[str, ...] = ()

    def place(self, position: int) -> str:
        """Return the place of a row, such as ``trades.csv, line 18``."""
        return f"{self.name}, {self.unit} {int(self.numbers[position])}"

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, name: str) -> Table:
        """Return a table that came from no file; a date index becomes a column."""
        flat, remarks = _flat(frame)
        _refuse_far_dates(flat, name)
        counts = pd.Series([str(c) for c in flat.columns]).value_counts(sort=False)
        doubled = tuple(str(c) for c in counts.index[counts > 1])
        if doubled:
            flat.columns = pd.Index(_numbered([str(c) for c in flat.columns]))
        return cls(flat, name, "row", np.arange(1, len(flat) + 1), doubled=doubled, remarks=remarks)


def _refuse_far_dates(frame: pd.DataFrame, name: str) -> None:
    """Refuse dates that Python cannot write, which no market has."""
    for k, label in enumerate(frame.columns):
        column = frame.iloc[:, k]
        if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
            years = column.dt.year.dropna()
            if len(years) and not (years.min() > 1 and years.max() < 9999):
                far = int(years.max() if years.max() >= 9999 else years.min())
                raise InputFileError(
                    f"Dates must be in the years 2 to 9998, but column '{label}' has one in the year {far} ({name}). "
                    "Check the unit of the stamps."
                )


def _numbered(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        count = seen.setdefault(name, 0)
        seen[name] += 1
        out.append(f"{name}.{count}" if count else name)
    return out


def _flat(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    remarks: tuple[str, ...] = ()
    if isinstance(frame.columns, pd.MultiIndex):
        frame, remarks = _one_level(frame)
    index = frame.index
    if index.name is None and isinstance(index, pd.DatetimeIndex):
        frame = frame.rename_axis(index="timestamp")
    elif index.name is None and pd.api.types.is_string_dtype(index.dtype) and not isinstance(index, pd.MultiIndex):
        frame = frame.rename_axis(index="index")
    index = frame.index
    if isinstance(index, pd.MultiIndex) or (index.name is not None and index.name not in frame):
        frame = frame.reset_index()
    elif isinstance(index, pd.DatetimeIndex):
        frame = frame.reset_index(names=None if index.name not in frame else f"{index.name}_index")
    return frame.reset_index(drop=True), remarks


def _one_level(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return yfinance's table of columns (Price, Ticker), either way round, as rows with a symbol."""
    levels = [{str(name).lower() for name in frame.columns.get_level_values(k)} for k in (0, 1)]
    tickers = 1 if "close" in levels[0] else 0
    parts, remarks = [], []
    for name in dict.fromkeys(frame.columns.get_level_values(tickers)):
        part = pd.DataFrame(frame.xs(name, axis=1, level=tickers)).rename_axis(columns=None)
        blank = part.isna().all(axis=1).to_numpy()
        if blank.any():
            remarks.append(f"{int(blank.sum())} rows in which '{name}' has no price were left out")
        parts.append(part[~blank].assign(symbol=str(name)))
    rows: pd.DataFrame = pd.concat(parts)
    return rows, tuple(remarks)
