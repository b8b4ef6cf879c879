"""Lines of a text file around its table: a preamble above the header, the header repeated, a footer."""

from __future__ import annotations

import collections
import csv
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

# a preamble is no longer than this, nor is a footer
_MOST_ABOVE, _MOST_BELOW = 40, 5
_FEWEST_COLUMNS = 3


def lines_above_header(lines: Sequence[str], separator: str, first: int, is_number: Callable[[str], bool]) -> int:
    """Return the position of the header's line: `first`, or a later one if the lines above are a preamble.

    Parameters
    ----------
    lines : sequence of str
        The first lines of the file.
    separator : str
    first : int
        Position of the first line that may be the header.
    is_number : callable
        Whether a field is a number.

    Returns
    -------
    int
        A later line only if it has as many fields as most lines, none of them a number, and every line between
        has fewer. A quoted line break among them is left for the reader of the table.

    Examples
    --------
    >>> lines_above_header(["Symbol,ACME", "Date,Open,Close", "2024-01-02,1,2"], ",", 0, str.isdigit)
    1
    """
    rows = [next(csv.reader([line], delimiter=separator), []) for line in lines]
    counts = collections.Counter(
        len(row) for row, line in zip(rows[first:], lines[first:], strict=True) if line.strip()
    )
    usual = counts.most_common(1)[0][0] if counts else 0
    if usual < _FEWEST_COLUMNS or len(rows[first]) >= usual:
        return first
    for k in range(first, min(first + _MOST_ABOVE, len(lines) - 1)):
        if lines[k].count('"') % 2:
            return first
        if len(rows[k]) < usual:
            continue
        is_header = len(rows[k]) == usual and not any(is_number(field.strip()) for field in rows[k])
        has_data = any(is_number(field.strip()) for field in rows[k + 1])
        return k if is_header and has_data else first
    return first


def repeated_headers(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the rows that hold the names of the columns again, as where files were put one behind the other."""
    if len(frame.columns) < _FEWEST_COLUMNS or not len(frame):
        return np.empty(0, dtype=np.int64)
    again = np.ones(len(frame), dtype=bool)
    for name in frame.columns:
        values = frame[name]
        if not (values.dtype == object or pd.api.types.is_string_dtype(values.dtype)):
            return np.empty(0, dtype=np.int64)
        again &= (values == name).fillna(False).to_numpy(dtype=bool)
        if not again.any():
            return np.empty(0, dtype=np.int64)
    return np.flatnonzero(again)


def footer_rows(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the last rows that hold a text in the first column and nothing else, such as a note on the source."""
    if len(frame.columns) < _FEWEST_COLUMNS or len(frame) < 2:
        return np.empty(0, dtype=np.int64)
    tail = frame.tail(_MOST_BELOW)
    first = tail.iloc[:, 0].astype("str")
    is_note = tail.iloc[:, 1:].isna().all(axis=1) & first.str.contains(r"[^\W\d_]{3}", regex=True, na=False)
    n = int(np.argmin(np.append(is_note.to_numpy(dtype=bool)[::-1], False)))
    return np.arange(len(frame) - min(n, len(frame) - 1), len(frame))


def without_footer(
    frame: pd.DataFrame, numbers: npt.NDArray[np.int64], unit: str
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], list[str]]:
    """Return a table without the notes below it, the numbers of its rows, and a remark on the notes.

    Parameters
    ----------
    frame : DataFrame
    numbers : int64 array, shape (n_rows,)
        Where each row is in its file.
    unit : {"line", "row"}
        The noun for one of them.

    Returns
    -------
    DataFrame
    int64 array
    list of str
    """
    below = footer_rows(frame)
    if not len(below):
        return frame, numbers, []
    note, n = str(frame.iloc[below[0], 0])[:60], len(below)
    remark = f"{n} {unit}{'' if n == 1 else 's'} below the table left out, first {note!r}, {unit} {numbers[below[0]]}"
    return frame.iloc[: below[0]], numbers[: below[0]], [remark]
