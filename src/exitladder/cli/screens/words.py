"""Names of files and JSON as words, for tables on a screen."""

from __future__ import annotations

from typing import Any

import pandas as pd

_PREFIXES = ("n_", "is_", "has_")
_WORDS = {"out": "folder", "tz": "time zone", "because": "reason", "n_in_sample": "in sample"}


def in_words(name: str) -> str:
    """Return a name of the JSON as words.

    Examples
    --------
    >>> in_words("n_without_stop"), in_words("run_id"), in_words("fills_file")
    ('without stop', 'run id', 'fills file')
    """
    if name in _WORDS:
        return _WORDS[name]
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name.replace("_", " ").replace(".", " ")


def value_in_words(value: Any) -> Any:
    """Return yes or no for a truth value, a time without its seconds, lists as text; others as they are."""
    if isinstance(value, pd.Timestamp):
        whole = value == value.normalize()
        return f"{value:%Y-%m-%d}" if whole else f"{value:%Y-%m-%d %H:%M} UTC"
    # of numpy too, which is no subclass
    return ("no", "yes")[bool(value)] if type(value).__name__ in ("bool", "bool_") else value


def frame_in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with words as headers, and yes and no for truth values."""
    named = [in_words(str(name)) for name in frame.columns]
    # two columns that would have one name keep their own
    shown = [word if named.count(word) == 1 else str(name) for word, name in zip(named, frame.columns, strict=True)]
    found = frame.set_axis(shown, axis=1)
    for name in found.columns[(found.dtypes == "bool").to_numpy()]:
        found[name] = found[name].map({True: "yes", False: "no"})
    return found


def mapping_in_words(mapping: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping with words as names, without lists that are empty."""
    found: dict[str, Any] = {}
    for name, value in mapping.items():
        word = in_words(name)
        shown = name if word in found or (word != name and word in mapping) else word
        if isinstance(value, dict):
            found[shown] = mapping_in_words(value)
        elif not (isinstance(value, (list, tuple)) and not value):
            found[shown] = value_in_words(value)
    return found
