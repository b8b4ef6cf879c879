"""Streams of files that may be packed: gzip and zip are unpacked up to a bound."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import IO

from exitladder.errors import InputFileError
from exitladder.files.conventions import MEGABYTE, Conventions


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more than some bytes."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, path: Path, limit_mb: int) -> None:
        self._stream, self._path, self._limit_mb = stream, path, limit_mb
        self._left = limit_mb * MEGABYTE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise too_large(self._path, self._limit_mb)
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


def too_large(path: Path, limit_mb: int) -> InputFileError:
    """Return the error for a file that unpacks to more than the bound."""
    return InputFileError(
        f"A packed file may unpack to {limit_mb:,} MB, but '{path}' holds more. If it is what you expect, raise the "
        "limit with --set data.max_unpacked_mb=N."
    )


def open_bytes(path: Path, conventions: Conventions) -> IO[bytes]:
    """Return the bytes of a text file, unpacked if it is a .gz or .zip.

    Raises
    ------
    InputFileError
        If a zip file holds no table or several, asks for a password, or unpacks to too much.
    """
    name = path.name.lower()
    if name.endswith(".gz"):
        return io.BufferedReader(_Bounded(gzip.open(path), path, conventions.max_unpacked_mb), 1 << 18)
    if name.endswith(".zip"):
        packed = zipfile.ZipFile(path)
        member = _only_member(packed, path)
        if member.flag_bits & 1:
            raise InputFileError(f"The file '{path}' asks for a password. Unpack it first.")
        if member.file_size > conventions.max_unpacked_mb * MEGABYTE:
            raise too_large(path, conventions.max_unpacked_mb)
        return io.BufferedReader(_Bounded(packed.open(member), path, conventions.max_unpacked_mb), 1 << 18)
    return path.open("rb")


def _only_member(packed: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    members = [
        m
        for m in packed.infolist()
        if not m.is_dir() and not m.filename.startswith("__MACOSX/") and not Path(m.filename).name.startswith(".")
    ]
    tables = [m for m in members if m.filename.lower().endswith((".csv", ".txt", ".tsv"))]
    if len(tables) != 1:
        inside = ", ".join(m.filename for m in members[:4]) or "nothing"
        raise InputFileError(
            f"A zip file must hold one .csv or .txt file, but '{path}' holds {inside}"
            f"{' and more' if len(members) > 4 else ''}. Unpack it and name the file, or the folder."
        )
    return tables[0]


def text_encoding(head: bytes) -> str:
    r"""Return the encoding that a file's first bytes tell; UTF-8 where they tell none.

    Examples
    --------
    >>> text_encoding(b"\xff\xfed\x00a\x00"), text_encoding(b"d\x00a\x00t\x00e\x00"), text_encoding(b"date")
    ('utf-16', 'utf-16-le', 'utf-8-sig')
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    sample = head[:400]
    if len(sample) >= 8 and not any(sample[1:100:2]):
        return "utf-16-le"
    if len(sample) >= 8 and not any(sample[0:100:2]):
        return "utf-16-be"
    return "utf-8-sig"
