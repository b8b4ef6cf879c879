"""Results written whole or not at all: first beside their place, then moved there."""

from __future__ import annotations

import gzip
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exitladder.errors import OutputFileError, did_you_mean
from exitladder.files.csv_text import csv_parts
from exitladder.files.untrusted.formulas import with_marks
from exitladder.runtime.drafts import clear_drafts, draft_name
from exitladder.runtime.progress import SILENT, Progress

Content = bytes | str | pd.DataFrame | Mapping[str, Any] | Callable[[Path], object]

_TABLES = (".csv", ".csv.gz", ".parquet", ".json")


def write_bytes(content: bytes, path: str | Path) -> None:
    """Write bytes to a file, whole or not at all."""
    with _beside(Path(path)) as temporary:
        temporary.write_bytes(content)


def write_text(text: str, path: str | Path) -> None:
    """Write text as UTF-8 to a file, whole or not at all."""
    write_bytes(text.encode(), path)


def write_json(value: Any, path: str | Path) -> None:
    """Write a value as strict JSON to a file; see `json_text`."""
    write_text(json_text(value) + "\n", path)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, CSV.gz, Parquet or JSON (a list of rows), by the path's suffix.

    Numbers are written with all their digits, stamps as ISO 8601 with Z, so that a table reads back exactly.

    Raises
    ------
    OutputFileError
        If the suffix is none of these or the file cannot be written whole.
    """
    path = Path(path)
    name = path.name.lower()
    suffix = next((s for s in sorted(_TABLES, key=len, reverse=True) if name.endswith(s)), None)
    if suffix is None:
        raise OutputFileError(
            f"A table is written as one of {', '.join(_TABLES)}, but '{path}' ends with {path.suffix!r}. "
            f"{did_you_mean(path.suffix, _TABLES)}"
        )
    if suffix == ".json":
        write_json(frame, path)
        return
    with _beside(path) as temporary:
        if suffix == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            parts = csv_parts(_spelled(frame))
            if suffix == ".csv.gz":
                # mtime 0: the same table gives the same bytes
                temporary.write_bytes(gzip.compress(b"".join(parts), mtime=0))
                return
            with temporary.open("wb") as file:
                file.writelines(parts)


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV: numbers with all digits, stamps as ISO 8601 with Z, no cell a spreadsheet would run.

    See `exitladder.files.untrusted.formulas.marked`.
    """
    return b"".join(csv_parts(_spelled(frame))).decode()


def _spelled(frame: pd.DataFrame) -> pd.DataFrame:
    return with_marks(with_iso_stamps(frame))


def write_folder(path: str | Path, contents: Mapping[str, Content], progress: Progress = SILENT) -> Path:
    """Write several files into a folder: all are made beside it first, then moved in one by one.

    Parameters
    ----------
    path : path
        The folder; made where it is absent. Files in it of other names stay.
    contents : mapping of str to content
        By file name: bytes, text, a table (written by the name's suffix), a mapping (as JSON), or a function
        that writes to the path it is given.
    progress : Progress

    Returns
    -------
    Path

    Raises
    ------
    OutputFileError
        If anything cannot be written; no file of the folder was touched then.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise OutputFileError(f"'{path}' must be a folder, but is a file. Name another folder.")
    with _described(path):
        path.mkdir(parents=True, exist_ok=True)
        clear_drafts(path, path.name)
        beside = path / draft_name(path.name)
        beside.mkdir()
    try:
        with progress.stage("writing files", len(contents)) as advance:
            for name, content in contents.items():
                with _described(beside / name):
                    (beside / name).parent.mkdir(parents=True, exist_ok=True)
                    _write_one(content, beside / name)
                advance(1)
        with _described(path):
            for name in contents:
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(beside / name, path / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return path


def json_text(value: Any, indent: int | None = 2) -> str:
    """Return a value as strict JSON: no NaN (null instead), stamps as ISO 8601 with Z, tables as lists of rows.

    Examples
    --------
    >>> json_text({"r": float("nan"), "at": pd.Timestamp("2024-01-31", tz="UTC"), "n": np.int64(3)}, None)
    '{"r": null, "at": "2024-01-31T00:00:00Z", "n": 3}'
    """
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Return a value made of what JSON knows: dict, list, str, int, float, bool and None."""
    if isinstance(value, pd.DataFrame):
        columns = {str(name): [plain(v) for v in value[name].tolist()] for name in value.columns}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, pd.Series, pd.Index)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return iso_stamp(pd.Timestamp(value))
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return str(value)


def iso_stamp(stamp: pd.Timestamp) -> str:
    """Return a stamp as ISO 8601 in UTC with Z, with as many decimals as it needs."""
    utc = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return utc.isoformat().replace("+00:00", "Z")


def with_iso_stamps(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose stamps are texts: ISO 8601 with Z, blank where there is none."""
    out = frame.copy(deep=False)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype) or frame[name].dtype.kind == "M":
            # many rows share a bar: each moment is written once
            place, moments = pd.factorize(frame[name])
            out[name] = np.array([*_iso_stamps(pd.DatetimeIndex(moments)), None], dtype=object)[place]
    return out


def _iso_stamps(moments: pd.DatetimeIndex) -> list[str]:
    """Return each stamp as `iso_stamp` does: those of whole seconds at once."""
    utc = np.asarray(moments.tz_convert(None) if moments.tz is not None else moments)
    whole = utc == utc.astype("M8[s]")
    texts = np.empty(len(utc), dtype=object)
    texts[whole] = [f"{text}Z" for text in np.datetime_as_string(utc[whole], unit="s").tolist()]
    texts[~whole] = [iso_stamp(stamp) for stamp in moments[~whole]]
    return list(texts.tolist())


def _write_one(content: Content, path: Path) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, pd.DataFrame):
        write_table(content, path)
    elif isinstance(content, Mapping):
        write_json(content, path)
    else:
        content(path)
        if not path.is_file():
            raise OutputFileError(f"'{path.name}' was to be written, but its writer made no file.")


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success it becomes `path`, else it is removed."""
    if path.is_dir():
        raise OutputFileError(f"'{path}' must be a file, but is a folder. Name a file in it.")
    with _described(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_drafts(path.parent, path.name)
        temporary = path.with_name(draft_name(path.name))
        temporary.touch(exist_ok=False)
    try:
        with _described(path):
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _described(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        # Arrow puts sentences of its own around the system's
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        raise OutputFileError(f"'{path}' cannot be written: {reason}. Name a place where you may write.") from cause


def _umask() -> int:
    # the only way to read it is to set it
    mask = os.umask(0)
    os.umask(mask)
    return mask
