"""Reading of TOML tables in which everything unknown is refused with its place and the nearest name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from exitladder.errors import ExitladderError, InputFileError, did_you_mean
from exitladder.files.conventions import MEGABYTE
from exitladder.files.untrusted.limits import how_to_raise, limit

# a part of a dotted key, and that none begins inside another one
_KEY = r"""(?:"[^"\n]*+"|'[^'\n]*+'|[A-Za-z0-9_-]++)"""
_KEY_START = r"""(?<![A-Za-z0-9_."'-])"""


def read_toml(path: str | Path, what: str, error: type[ExitladderError]) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Parameters
    ----------
    path : path
        The file.
    what : str
        What the file should be, for messages: "ladder", "settings".
    error : type
        Raised where the text is not TOML.

    Returns
    -------
    dict
        From the file's top-level keys to their values.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    ExitladderError
        Of the class `error`, if the text is not valid TOML.
    """
    most = limit("EXITLADDER_MAX_TOML_MB") * MEGABYTE
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(most + 1)
        text = content.decode("utf-8")
    except FileNotFoundError as cause:
        raise InputFileError(f"The {what} file '{path}' does not exist. Check the path.") from cause
    except (OSError, UnicodeDecodeError, ValueError) as cause:
        raise InputFileError(f"The {what} file '{path}' cannot be read: {cause}.") from cause
    if len(content) > most:
        raise InputFileError(
            f"A {what} file may have {most // MEGABYTE} MB, but '{path}' has more. "
            f"{how_to_raise('EXITLADDER_MAX_TOML_MB')}"
        )
    try:
        return parse_toml(text.replace("\r\n", "\n"))
    except ValueError as cause:
        raise error(f"The {what} file '{path}' is not valid TOML: {cause}.") from cause


def parse_toml(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises
    ------
    ValueError
        If it is not TOML, is nested too deeply, or has an integer of more than 64 bits; without a full stop.

    Examples
    --------
    >>> parse_toml("stop.time = 40")
    {'stop': {'time': 40}}
    >>> parse_toml("a." * 1000 + "b = 1")
    Traceback (most recent call last):
    ValueError: keys and lists may be nested 32 deep, but are nested deeper. If this is ...
    """
    depth = limit("EXITLADDER_MAX_TOML_DEPTH")
    too_deep = (
        f"keys and lists may be nested {depth} deep, but are nested deeper. {how_to_raise('EXITLADDER_MAX_TOML_DEPTH')}"
    ).rstrip(".")
    # tomllib takes time and memory that grow with the square of the number of dots
    if re.search(rf"{_KEY_START}(?:{_KEY}\s*+\.\s*+){{{depth},}}", text):
        raise ValueError(too_deep)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ValueError(too_deep) from None
    _check_values(table, depth, too_deep)
    return table


def _check_values(value: Any, left: int, too_deep: str) -> None:
    if isinstance(value, (dict, list)):
        if left < 0:
            raise ValueError(too_deep)
        for item in value.values() if isinstance(value, dict) else value:
            _check_values(item, left - 1, too_deep)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("integers must fit into 64 bits, but one does not")


def tables_of(
    table: Mapping[str, Any], name: str, error: type[ExitladderError], place: str | None = None
) -> Sequence[object]:
    """Return a list of tables, empty if there is none.

    Parameters
    ----------
    table : mapping
    name : str
        Key of the list.
    error : type
        Class of the error to raise.
    place : str, optional
        Name of the list in error messages, the key by default.

    Returns
    -------
    sequence

    Raises
    ------
    ExitladderError
        Of the class `error`, if it is no list.
    """
    found = table.get(name, [])
    if not isinstance(found, (list, tuple)):
        raise error(f"{place or name} must be a list of tables ([[{place or name}]]), but is {found!r}.")
    return found


def only_keys(table: object, known: Iterable[str], place: str, error: type[ExitladderError]) -> Mapping[str, Any]:
    """Return `table` if it is a table and holds known keys only.

    Parameters
    ----------
    table : object
        A value of a TOML file.
    known : iterable of str
        The keys that it may have.
    place : str
        Name of the table in error messages.
    error : type
        Class of the error to raise.

    Returns
    -------
    mapping
        `table` itself.

    Raises
    ------
    ExitladderError
        Of the class `error`, if `table` is not a table or has an unknown key.

    Examples
    --------
    >>> from exitladder.errors import LadderError
    >>> only_keys({"trial": "3ATR"}, ["trail", "time"], "stop", LadderError)
    Traceback (most recent call last):
    exitladder.errors.LadderError: Unknown key 'trial' in stop. Did you mean 'trail'?
    """
    if not isinstance(table, Mapping):
        raise error(f"{place} must be a table of keys, but is {table!r}.")
    names = list(known)
    for key in table:
        if key not in names:
            raise error(f"Unknown key {str(key)!r} in {place}. {did_you_mean(str(key), names)}")
    return table
