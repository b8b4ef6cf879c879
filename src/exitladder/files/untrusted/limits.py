"""Limits on untrusted files that no setting of a project raises, each with an environment variable."""

from __future__ import annotations

import os

from exitladder.errors import SettingsError

# Far above any file that exitladder writes itself.
LIMITS = {
    "EXITLADDER_MAX_TOML_MB": 5,
    "EXITLADDER_MAX_TOML_DEPTH": 32,
    "EXITLADDER_MAX_RUNGS": 1000,
    "EXITLADDER_MAX_MODEL_MB": 500,
    "EXITLADDER_MAX_MODEL_DEPTH": 500,
    "EXITLADDER_MAX_JSON_MB": 500,
    "EXITLADDER_MAX_SOURCE_MB": 1000,
}


def limit(name: str) -> int:
    """Return a limit: its default, or the value of the environment variable of that name.

    Raises
    ------
    SettingsError
        If the variable is not a positive integer.

    Examples
    --------
    >>> limit("EXITLADDER_MAX_RUNGS")
    1000
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return LIMITS[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise SettingsError(f"{name} must be a positive integer, but is {text!r}. Correct or unset it.")
    return int(text)


def how_to_raise(name: str) -> str:
    """Return the sentence that says how to raise a limit.

    Examples
    --------
    >>> how_to_raise("EXITLADDER_MAX_RUNGS")
    'If this is what you expect, raise the limit with EXITLADDER_MAX_RUNGS=N.'
    """
    return f"If this is what you expect, raise the limit with {name}=N."
