"""Cells of a CSV file that a spreadsheet would run as a formula."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

# A call or a pipe (DDE) is needed to do harm: @ES, -1.5 and =A1 stay as they are.
_FORMULA = re.compile(r"[\s']*[=+\-@].*[(|]", re.DOTALL)
_MARKED = re.compile(r"'[\s']*[=+\-@].*[(|]", re.DOTALL)


def marked(text: str) -> str:
    r"""Return a cell's text as it is written: an apostrophe before a formula, which a spreadsheet then shows as text.

    Examples
    --------
    >>> marked('=HYPERLINK("http://x")'), marked("@ES"), marked("-1.5"), marked("+cmd|' /C calc'!A0")
    ('\'=HYPERLINK("http://x")', '@ES', '-1.5', "'+cmd|' /C calc'!A0")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unmarked(text: str) -> str:
    """Return the text that `marked` was given.

    Examples
    --------
    >>> unmarked(marked("=A(1)")), unmarked(marked("'=A(1)")), unmarked("'tis (so)")
    ('=A(1)', "'=A(1)", "'tis (so)")
    """
    return text[1:] if _MARKED.match(text) else text


def with_marks(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts and column names are as `marked` writes them."""
    return _mapped(frame, marked, lambda column: column.str.contains(r"^[\s']*[=+\-@]", regex=True, na=False))


def without_marks(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table as it was before `with_marks`."""
    return _mapped(frame, unmarked, lambda column: column.str.startswith("'", na=False))


def _mapped(frame: pd.DataFrame, change: Any, may_need: Any) -> pd.DataFrame:
    out = frame
    for k in range(frame.shape[1]):
        column = frame.iloc[:, k]
        if not (column.dtype == object or pd.api.types.is_string_dtype(column.dtype)):
            continue
        if not _has_call(column):
            continue
        texts = column
        if column.dtype == object:
            texts = column.where(column.map(lambda cell: isinstance(cell, str)), None).astype("str")
        found = may_need(texts).fillna(False).to_numpy(dtype=bool)
        if found.any():
            out = out.copy() if out is frame else out
            values = column.astype(object).to_numpy(copy=True)
            values[found] = [change(str(text)) for text in values[found]]
            out.isetitem(k, pd.Series(values, dtype=column.dtype).array)
    names = [change(name) if isinstance(name, str) else name for name in frame.columns]
    return out if names == list(frame.columns) else out.set_axis(names, axis=1)


def _has_call(column: pd.Series) -> bool:
    """Return whether any cell has the call or the pipe that both patterns need: few columns have, and this is quick."""
    import pyarrow as pa  # type: ignore[import-untyped]

    try:
        texts = pa.array(column, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):  # cells that are no texts, or that are not Unicode
        return True
    if not (pa.types.is_large_string(texts.type) or pa.types.is_string(texts.type)):
        return not pa.types.is_null(texts.type)
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    # the bytes of all cells of a chunk, one after another
    contents = [np.frombuffer(data, dtype=np.uint8) for data in (chunk.buffers()[2] for chunk in chunks) if data]
    return any(bool((content == ord(sign)).any()) for content in contents for sign in "(|")
