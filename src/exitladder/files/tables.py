"""Tables as files: text (plain, gzipped or zipped), Excel, Parquet and Feather, read with the place of every row."""

from __future__ import annotations

import csv
import lzma
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]

from exitladder.errors import InputFileError
from exitladder.files.conventions import MEGABYTE, PLAIN, Conventions
from exitladder.files.packed import too_large
from exitladder.files.table import Table
from exitladder.files.text.delimited import BadLine, NameColumns, read_delimited
from exitladder.files.text.edges import without_footer
from exitladder.files.untrusted.feather_v1 import in_second_version

__all__ = ["TABLE_SUFFIXES", "BadLine", "Table", "read_table", "table_suffix"]

_TEXTS = (".csv", ".csv.gz", ".txt", ".txt.gz", ".tsv", ".tsv.gz", ".zip")
_FEWEST_COLUMNS = 3
TABLE_SUFFIXES = (".parquet", ".pq", *_TEXTS, ".xlsx", ".feather", ".arrow")


def table_suffix(path: Path) -> str | None:
    """Return the suffix by which a file is a table, or None.

    Examples
    --------
    >>> table_suffix(Path("AAPL-1d.CSV.gz")), table_suffix(Path("notes.md"))
    ('.csv.gz', None)
    """
    name = path.name.lower()
    return max((s for s in TABLE_SUFFIXES if name.endswith(s)), key=len, default=None)


def read_table(
    path: str | Path,
    name_columns: NameColumns | None = None,
    conventions: Conventions = PLAIN,
    *,
    sheet: str = "",
    bad: list[BadLine] | None = None,
) -> Table:
    """Return the table in a file.

    Parameters
    ----------
    path : path
        CSV (comma, semicolon, tab or bar; gzipped, or alone in a zip file), Excel (.xlsx), Parquet or Feather, known
        by its suffix.
    name_columns : callable, optional
        Names the columns of a text file without a header line, by its first lines and its separator.
    conventions : Conventions
    sheet : str
        Of an Excel file; needed if it has several sheets that are not empty.
    bad : list of BadLine, optional
        Takes the lines of a text file with too many fields, which are then left out; without it they are an error.

    Returns
    -------
    Table

    Raises
    ------
    InputFileError
        If the file is missing, of no known kind, empty, too large or cannot be read.
    """
    path = Path(path)
    suffix = table_suffix(path)
    if path.is_dir():
        raise InputFileError(f"A table must be a file, but '{path}' is a folder. Name one file in it.")
    if not path.exists():
        raise InputFileError(f"The file '{path}' does not exist. Check the path.")
    if suffix is None:
        raise InputFileError(
            f"A table must be CSV, Excel, Parquet or Feather, but '{path}' ends with {path.suffix!r}. "
            f"Give it one of the endings {', '.join(TABLE_SUFFIXES)}."
        )
    try:
        if suffix in _TEXTS:
            return read_delimited(path, name_columns, conventions, bad)
        if suffix == ".xlsx":
            return _read_excel(path, sheet, conventions)
        frame = (_read_parquet if suffix in (".parquet", ".pq") else _read_feather)(path, conventions)
    except pd.errors.EmptyDataError:
        raise InputFileError(f"The file '{path}' is empty: not even a line with column names.") from None
    except pd.errors.ParserWarning:
        raise InputFileError(
            f"The file '{path}' cannot be read as csv: lines have more fields than the first line has names. "
            "Name every column, and quote texts that hold the separator."
        ) from None
    except pa.ArrowMemoryError:
        raise too_large(path, conventions.max_unpacked_mb) from None
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        EOFError,
        AttributeError,
        RuntimeError,
        OverflowError,
        csv.Error,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as cause:
        reason = " ".join(str(cause).split()).rstrip(".")[:200] or type(cause).__name__
        raise InputFileError(
            f"The file '{path}' cannot be read as {suffix[1:]}: {reason}. Write it again or check its ending."
        ) from cause
    return Table.from_frame(frame, path.name)


def sheet_names(path: str | Path) -> list[str]:
    """Return the names of an Excel file's sheets."""
    with pd.ExcelFile(path, engine="openpyxl") as book:
        return [str(name) for name in book.sheet_names]


def _read_excel(path: Path, sheet: str, conventions: Conventions) -> Table:
    with zipfile.ZipFile(path) as packed:
        if sum(m.file_size for m in packed.infolist()) > conventions.max_unpacked_mb * MEGABYTE:
            raise too_large(path, conventions.max_unpacked_mb)
    names, sheets = _sheets(path, sheet)
    if sheet and sheet not in names:
        raise InputFileError(f"There is no sheet {sheet!r} in '{path}'; it has: {', '.join(names)}.")
    filled = {name: frame for name, frame in sheets.items() if len(frame.dropna(how="all"))}
    notes = [name for name, frame in filled.items() if frame.notna().any().sum() < _FEWEST_COLUMNS]
    if len(filled) > len(notes):
        # a sheet of notes is no table
        filled = {name: frame for name, frame in filled.items() if name not in notes}
    else:
        notes = []
    if not filled:
        raise pd.errors.EmptyDataError
    if len(filled) > 1:
        raise InputFileError(
            f"An Excel file must have one sheet with a table, but '{path}' has {len(filled)}: {', '.join(filled)}. "
            "Save the one that is meant as a file of its own."
        )
    ((name, frame),) = filled.items()
    check_columns(path, frame.shape[1], conventions)
    table = _sheet_table(frame, f"{path.name}, sheet {name}" if len(sheets) > 1 else path.name)
    remarks = [f"sheet{'' if len(notes) == 1 else 's'} {', '.join(notes)} without a table left out"] if notes else []
    return replace(table, remarks=(*remarks, *table.remarks))


def _sheets(path: Path, sheet: str) -> tuple[list[str], dict[str, pd.DataFrame]]:
    """Return the names of a book's sheets, and the cells of one of them or of all."""
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            names = [str(name) for name in book.sheet_names]
            chosen = [name for name in names if not sheet or name == sheet]
            return names, pd.read_excel(book, sheet_name=chosen, header=None)
    # openpyxl lets any error through that a broken sheet causes in it
    except Exception as cause:
        raise ValueError(f"it is no Excel file that openpyxl can read ({type(cause).__name__}: {cause})") from cause


def _sheet_table(cells: pd.DataFrame, name: str) -> Table:
    """Return a sheet's cells as a table; its first row with the most filled cells names the columns."""
    filled = cells.notna().sum(axis=1).to_numpy()
    top = int(np.argmax(filled >= max(1, int(filled[:50].max()))))
    header = ["index" if pd.isna(cell) and k == 0 else str(cell).strip() for k, cell in enumerate(cells.iloc[top])]
    body = cells.iloc[top + 1 :]
    keep = body.notna().any(axis=1).to_numpy()
    columns = [k for k in range(len(header)) if header[k] != "nan" or body.iloc[:, k].notna().any()]
    frame = body.loc[keep, columns].infer_objects()
    frame.columns = pd.Index([header[k] for k in columns])
    numbers = np.flatnonzero(keep) + top + 2
    frame, numbers, remarks = without_footer(frame, numbers, "row")
    table = Table.from_frame(frame.reset_index(drop=True), name)
    return Table(table.frame, name, "row", numbers.astype(np.int64), doubled=table.doubled, remarks=tuple(remarks))


def _read_parquet(path: Path, conventions: Conventions) -> pd.DataFrame:
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    # a single file, so that no folder name of the path is taken for a column
    with pq.ParquetFile(path) as file:
        about = file.metadata
        check_columns(path, len(file.schema_arrow.names), conventions)
        packed = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
        if max(packed, about.num_rows * about.num_columns * 8) > conventions.max_unpacked_mb * MEGABYTE:
            raise too_large(path, conventions.max_unpacked_mb)
        table = file.read()
    table.validate(full=True)
    return _to_pandas(table)


def _read_feather(path: Path, conventions: Conventions) -> pd.DataFrame:
    with path.open("rb") as stream:
        is_first_version = stream.read(4) == b"FEA1"
    if is_first_version:
        with tempfile.TemporaryDirectory() as folder:
            return _read_arrow(in_second_version(path, Path(folder) / "table.arrow"), path, conventions)
    return _read_arrow(path, path, conventions)


def _read_arrow(file: Path, path: Path, conventions: Conventions) -> pd.DataFrame:
    with pa.OSFile(str(file)) as stream, pa.ipc.open_file(stream) as batched:
        check_columns(path, len(batched.schema.names), conventions)
        batches, size = [], 0
        for k in range(batched.num_record_batches):
            batches.append(batched.get_batch(k))
            # offsets that point out of their buffer would end the process in the next step
            batches[-1].validate(full=True)
            size += batches[-1].nbytes
            if size > conventions.max_unpacked_mb * MEGABYTE:
                raise too_large(path, conventions.max_unpacked_mb)
        return _to_pandas(pa.Table.from_batches(batches, batched.schema))


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as pandas has it.

    Raises
    ------
    ValueError
        If it cannot be.
    """
    try:
        frame: pd.DataFrame = table.to_pandas()
    except (MemoryError, RecursionError):
        raise
    # pandas' metadata in the file may name anything
    except Exception as cause:
        raise ValueError(f"its columns cannot be read ({type(cause).__name__}: {cause})") from cause
    return frame


def check_columns(path: Path, n: int, conventions: Conventions) -> None:
    """Refuse a table of too many columns.

    Parameters
    ----------
    path : path
        For the message.
    n : int
        Number of columns.
    conventions : Conventions

    Raises
    ------
    InputFileError
        If there are more than `conventions.max_columns`.
    """
    if n > conventions.max_columns:
        raise InputFileError(
            f"A table may have {conventions.max_columns:,} columns, but '{path}' has {n:,}. If it is what you expect, "
            "raise the limit with --set data.max_columns=N."
        )
