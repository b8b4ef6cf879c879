"""Files of a run read again: a folder may come from somebody else, or be cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from exitladder.errors import ExitladderError, InputFileError
from exitladder.files.conventions import MEGABYTE
from exitladder.files.untrusted.formulas import without_marks
from exitladder.files.untrusted.limits import how_to_raise, limit
from exitladder.files.untrusted.shapes import parse_json, read_json_text

_CURE = "Run the command again, or copy the whole folder again."
_NUMBERS = frozenset(
    {
        "r", "quantity", "entry_price", "risk", "exit_price", "pnl", "mfe_r", "mae_r", "give_back_r", "capture",
        "bars_held", "n_fills", "ambiguous_bars", "price", "commission", "slippage", "rung",
    }
)  # fmt: skip


def read_json(path: Path) -> dict[str, Any]:
    """Return the values of a JSON file that exitladder has written.

    Raises
    ------
    InputFileError
        If it cannot be read, or holds no table.
    """
    try:
        table = parse_json(read_json_text(path))
    except (OSError, ValueError) as error:
        raise InputFileError(f"'{path}' must be JSON written by exitladder, but cannot be read: {error}.") from error
    if not isinstance(table, dict):
        raise InputFileError(f"'{path}' must hold a table of names and values, but holds {type(table).__name__}.")
    return table


def read_saved_table(
    path: Path, texts: Mapping[str, type[str]] | None = None, columns: list[str] | None = None
) -> pd.DataFrame:
    """Return a CSV file that exitladder has written.

    Parameters
    ----------
    path : path
    texts : mapping of str to type, optional
        Columns that are texts whatever they hold, such as ``{"trade_id": str}``.
    columns : list of str, optional
        Read these only; all must be there.

    Returns
    -------
    DataFrame

    Raises
    ------
    InputFileError
        If it cannot be read, has lines of other lengths, or a column of numbers holds something else.
    """
    most = limit("EXITLADDER_MAX_SOURCE_MB") * MEGABYTE
    try:
        if path.stat().st_size > most:
            raise ValueError(f"it is larger than {most // MEGABYTE:,} MB. {how_to_raise('EXITLADDER_MAX_SOURCE_MB')}")
        frame = pd.read_csv(path, dtype=dict(texts or {}), usecols=columns, low_memory=False)
        frame = without_marks(frame)
    except (OSError, ValueError, OverflowError) as cause:
        reason = " ".join(str(cause).split()).rstrip(".")
        raise InputFileError(f"'{path}' must be a table that exitladder wrote, but: {reason}. {_CURE}") from cause
    for name in _NUMBERS & set(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame[name].dtype) or pd.api.types.is_bool_dtype(frame[name].dtype):
            raise InputFileError(f"{name} must be numbers, but some are not ('{path}'). {_CURE}")
    return frame


@contextmanager
def files_of_run(folder: Path) -> Iterator[None]:
    """Report files of a run that do not fit together as an `InputFileError`, whatever a page makes of them."""
    try:
        yield
    except (ExitladderError, MemoryError):
        raise
    except OSError as cause:
        raise InputFileError(f"A file of the run in '{folder}' cannot be read: {cause}. {_CURE}") from cause
    # A page is a function of these files alone: what fails in it is a value that exitladder did not write.
    except Exception as cause:
        reason = " ".join(str(cause).split()).rstrip(".")[:200]
        raise InputFileError(
            f"The files of a run must be those that exitladder wrote, but those in '{folder}' do not fit together "
            f"({type(cause).__name__}: {reason}). {_CURE}"
        ) from cause
