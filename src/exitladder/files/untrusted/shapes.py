"""JSON from files that may be hostile: bounded, strict, and of the shape that its reader expects."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exitladder.files.conventions import MEGABYTE
from exitladder.files.untrusted.limits import how_to_raise, limit

_WORDS = {str: "a string", int: "an integer of 64 bits", float: "a finite number", bool: "true or false"}


class Anything:
    """The shape of a value that is not looked into."""


def parse_json(text: str, *, has_constants: bool = False) -> Any:
    """Return the value of a JSON text; with `has_constants` it may hold NaN and infinity, as Python writes them.

    Raises
    ------
    ValueError
        If the text is not JSON or is nested too deeply; without a full stop.

    Examples
    --------
    >>> parse_json('{"r": null}')
    {'r': None}
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: lists and tables are nested too deeply
    """
    try:
        return json.loads(text, parse_constant=float if has_constants else _refuse_constant)
    except RecursionError:
        raise ValueError("lists and tables are nested too deeply") from None


def read_json_text(path: Path) -> str:
    """Return the text of a JSON file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is too large or not UTF-8.
    """
    most = limit("EXITLADDER_MAX_JSON_MB") * MEGABYTE
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(
            f"it may have {most // MEGABYTE:,} MB, but has more. {how_to_raise('EXITLADDER_MAX_JSON_MB')}".rstrip(".")
        )
    return content.decode("utf-8")


def check_shape(value: Any, shape: Any, place: str) -> None:
    """Refuse a value that does not have a shape.

    Parameters
    ----------
    value : object
        Of a JSON file.
    shape : object
        A type (``str``, ``int``, ``float``, ``bool``, or `Anything`), ``None``, a tuple of alternatives, ``[shape]``
        for a list, ``{str: shape}`` for a table with any keys, or a table of the shapes of known keys, in which a key
        that ends with ``?`` may be absent; other keys are not looked at.
    place : str
        Name of the value in messages.

    Raises
    ------
    ValueError
        With the place, the rule and the value, without a full stop.

    Examples
    --------
    >>> check_shape({"folds": [{"n": 3}]}, {"folds": [{"n": int}]}, "tune.json")
    >>> check_shape({"folds": [{"n": "3"}]}, {"folds": [{"n": int}]}, "tune.json")
    Traceback (most recent call last):
    ValueError: tune.json.folds[0].n must be an integer of 64 bits, but is '3'
    """
    if shape is Anything:
        return
    if isinstance(shape, tuple):
        _check_alternatives(value, shape, place)
    elif shape is None:
        if value is not None:
            raise ValueError(f"{place} must be null, but is {_short(value)}")
    elif isinstance(shape, type):
        if not _is_of(value, shape):
            raise ValueError(f"{place} must be {_WORDS[shape]}, but is {_short(value)}")
    elif isinstance(shape, list):
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{place} must be a list, but is {_short(value)}")
        for n, item in enumerate(value):
            check_shape(item, shape[0], f"{place}[{n}]")
    else:
        _check_table(value, shape, place)


def _check_alternatives(value: Any, shapes: tuple[Any, ...], place: str) -> None:
    failures = []
    for shape in shapes:
        try:
            check_shape(value, shape, place)
        except ValueError as failure:
            failures.append(failure)
        else:
            return
    raise failures[0]


def _check_table(value: Any, shape: Mapping[Any, Any], place: str) -> None:
    if not isinstance(value, Mapping):
        raise ValueError(f"{place} must be a table, but is {_short(value)}")
    if set(shape) == {str}:
        for key, item in value.items():
            check_shape(item, shape[str], f"{place}.{key}")
        return
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if name in value:
            check_shape(value[name], inner, f"{place}.{name}")
        elif name == key:
            raise ValueError(f"{place} must have {name}, but has {_short(list(value)[:8])}")


def _is_of(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and -(2**63) <= value < 2**63
    if kind is float:
        return isinstance(value, (int, float)) and abs(value) < 1e300 and math.isfinite(value)
    return isinstance(value, kind)


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**100 else "a number of over 100 digits"
    return text if len(text) <= 80 else f"{text[:60]}…"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"numbers must be finite, but one is {name}")
