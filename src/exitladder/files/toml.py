"""Reading of TOML tables in which everything unknown is refused with its place and the nearest name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from exitladder.errors import ExitladderError, InputFileError, did_you_mean


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
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise InputFileError(f"The {what} file '{path}' cannot be read: {cause}.") from cause
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise error(f"The {what} file '{path}' is not valid TOML: {cause}.") from cause


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
            raise error(f"Unknown key '{key}' in {place}. {did_you_mean(str(key), names)}")
    return table
