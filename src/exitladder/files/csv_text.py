"""The text of a long CSV file, as pandas writes it, column by column instead of cell by cell."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

LONG = 1_000
"""Shorter tables are left to pandas: they are written before pyarrow is loaded."""
_ROWS = 20_000
_SPECIAL = r'[,"\r\n]'
# Python and Arrow write the same digits; beyond these sizes they differ in when they turn to exponents.
_LEAST, _MOST, _MOST_WHOLE = 1e-4, 1e10, 1e15


def csv_parts(frame: pd.DataFrame) -> Iterator[bytes | memoryview]:
    """Yield the bytes of `pandas.DataFrame.to_csv` without the index and with line feeds, some rows at a time.

    Numbers have all their digits; missing values are blank.
    """
    if len(frame) < LONG or frame.shape[1] < 2 or not all(map(_is_known, (frame.iloc[:, k] for k in _places(frame)))):
        yield frame.to_csv(index=False, lineterminator="\n").encode()
        return
    yield _line(frame.columns).encode()
    begins = range(0, len(frame), _ROWS)
    if len(begins) == 1:
        yield _rows(frame)
        return
    # Only long tables are worth the loading of compiled code.
    write = partial(_rows, is_compiled=True)
    # Arrow computes outside Python's lock; a few parts at a time bound the memory.
    with ThreadPoolExecutor(_threads()) as pool:
        waiting: deque[Future[memoryview]] = deque()
        for begin in begins:
            waiting.append(pool.submit(write, frame.iloc[begin : begin + _ROWS]))
            if len(waiting) > _threads():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _threads() -> int:
    import pyarrow as pa

    return min(4, int(pa.cpu_count()))


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _places(frame: pd.DataFrame) -> range:
    return range(frame.shape[1])


def _is_known(column: pd.Series) -> bool:
    """Return whether a column is one of float64, integers, booleans and texts, of which some may be missing."""
    kind = column.dtype
    if isinstance(kind, pd.StringDtype):
        return True
    if isinstance(kind, np.dtype):
        if kind.kind == "O":
            return pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty")
        return kind == np.float64 or kind.kind in "iub"
    return pd.api.types.is_integer_dtype(kind) and pd.api.types.is_extension_array_dtype(kind)


def _rows(frame: pd.DataFrame, *, is_compiled: bool = False) -> memoryview:
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    columns: list[Any] = []
    for is_float, group in groupby(_places(frame), lambda k: frame.iloc[:, k].dtype == np.float64):
        places = list(group)
        if is_float and is_compiled:
            columns.append(_numbers(frame.iloc[:, places[0] : places[-1] + 1]))
        else:
            columns += [_texts(frame.iloc[:, k]) for k in places]
    ended = pc.binary_join_element_wise(columns[-1], "\n", "", null_handling="replace")
    joined = (
        ended if len(columns) == 1 else pc.binary_join_element_wise(*columns[:-1], ended, ",", null_handling="replace")
    )
    # one after another, the rows of an array of texts are the file
    _, ends, data = joined.buffers()
    return memoryview(data[: int(np.frombuffer(ends, dtype=np.int32)[len(joined)])])


def _numbers(block: pd.DataFrame) -> pa.Array:
    """Return the text of each row of adjacent columns of numbers."""
    import pyarrow as pa

    from exitladder.files.text.number_texts import rows_of_numbers

    text, ends = rows_of_numbers(block.to_numpy())
    return pa.StringArray.from_buffers(len(block), pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(text))


def _texts(column: pd.Series) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.dtype
    if kind == np.float64:
        return number_texts(column.to_numpy())
    if isinstance(kind, np.dtype) and kind.kind == "b":
        return pc.if_else(pa.array(column.to_numpy()), "True", "False")
    if pd.api.types.is_integer_dtype(kind):
        return _array(column)
    texts = _array(column)
    special = pc.fill_null(pc.match_substring_regex(texts, _SPECIAL), False)
    if not pc.any(special).as_py():
        return texts
    # whether a carriage return alone takes quotation marks depends on the version of Python
    written = [_line([text, ""])[: -len(",\n")] for text in texts.filter(special).to_pylist()]
    return pc.replace_with_mask(texts, special, pa.array(written, pa.string()))


def _array(column: pd.Series) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(pa.array(column, from_pandas=True), pa.string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def number_texts(values: FloatArray) -> pa.Array:
    """Return numbers as Python's ``repr`` writes them; null for NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    size = np.abs(values)
    with np.errstate(invalid="ignore"):
        whole = (values == np.rint(values)) & (size < _MOST_WHOLE) & ~((values == 0) & np.signbit(values))
        plain = (size >= _LEAST) & (size < _MOST) & ~whole
    texts = pc.cast(pa.array(values, mask=~plain), pa.string())
    if whole.any():
        integers = pc.cast(pa.array(values[whole].astype(np.int64)), pa.string())
        texts = pc.replace_with_mask(texts, pa.array(whole), pc.binary_join_element_wise(integers, ".0", ""))
    others = ~(whole | plain | np.isnan(values))
    if others.any():
        rest = pa.array([repr(value) for value in values[others].tolist()], pa.string())
        texts = pc.replace_with_mask(texts, pa.array(others), rest)
    return texts
