"""The exceptions that exitladder raises on purpose.

Every message states the rule, the value that broke it, its location and the cure. The command line
prints it without a traceback and exits with code 1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from exitladder.secrets import masked

# A message quotes values from files that may be hostile: no value floods the terminal or steers it.
_LONGEST_QUOTE = 400
_LONGEST_TEXT = 4000
_QUOTED = re.compile(rf"'[^'\n]{{{_LONGEST_QUOTE},}}'|\"[^\"\n]{{{_LONGEST_QUOTE},}}\"")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_NAME = 100
# What is left of a long message before it is searched for passwords: far more than is shown.
_LONGEST_SEARCHED = 50_000


def shown(text: str) -> str:
    r"""Return a message with long quoted values shortened and control characters escaped.

    Examples
    --------
    >>> print(shown(f"side must be long or short, but is {chr(27)}[2J"))
    side must be long or short, but is \x1b[2J
    >>> len(shown("name must be short, but is '" + "x" * 10_000 + "'"))
    123
    """
    text = without_control(text)
    text = _QUOTED.sub(lambda match: _cut(match[0], 60, 20), text)
    return _cut(text, 2500, 1000) if len(text) > _LONGEST_TEXT else text


def without_control(text: str) -> str:
    """Return a text with control characters escaped, so that a name from a file cannot steer the terminal."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _cut(text: str, first: int, last: int) -> str:
    return f"{text[:first]}… ({len(text) - first - last:,} more) …{text[-last:]}"


def _told(text: str) -> str:
    """Return a message as an error keeps it: without passwords, shortened, its control characters escaped."""
    if len(text) > 2 * _LONGEST_SEARCHED:
        text = _cut(text, _LONGEST_SEARCHED, _LONGEST_SEARCHED)
    return shown(masked(text))


class ExitladderError(Exception):
    """Base class of all errors that a user can cause and fix; a password in the message is masked."""

    def __init__(self, *values: object) -> None:
        super().__init__(*(_told(value) if isinstance(value, str) else value for value in values))


class BarsError(ExitladderError):
    """Invalid bars."""


class TradesError(ExitladderError):
    """Invalid trades."""


class LadderError(ExitladderError):
    """A ladder that contradicts itself or names something unknown."""


class SettingsError(ExitladderError):
    """An invalid settings file or override."""


class FeatureError(ExitladderError):
    """A feature that is unknown or cannot be computed on these bars."""


class ModelError(ExitladderError):
    """A model that cannot be trained, found, verified or used."""


class TrackingError(ExitladderError):
    """A run, model version or store that MLflow cannot provide."""


class InputFileError(ExitladderError):
    """A file that is missing or cannot be read."""


class OutputFileError(ExitladderError):
    """A result that cannot be written completely."""


class OptionsError(ExitladderError):
    """An option, quote or position in options is invalid, or its valuation is not possible."""


class InputTypeError(ExitladderError, TypeError):
    """An argument of a type that the function does not take.

    Parameters
    ----------
    name : str
        The argument.
    value : object
        Its value; only the type is shown.
    rule : str
        The types that are taken.
    cure : str
        How to write it, without a full stop.

    Examples
    --------
    >>> raise InputTypeError("bars", 3, "a DataFrame or a path", "Write bars='data/'")
    Traceback (most recent call last):
    exitladder.errors.InputTypeError: bars must be a DataFrame or a path, but is of type int. Write bars='data/'.
    """

    def __init__(self, name: str, value: object, rule: str, cure: str) -> None:
        kind = "None" if value is None else f"of type {type(value).__name__}"
        super().__init__(f"{name} must be {rule}, but is {kind}. {cure}.")


class ExitladderWarning(UserWarning):
    """Something the user should know that does not stop the work; a password in the message is masked."""

    def __init__(self, *values: object) -> None:
        super().__init__(*(_told(value) if isinstance(value, str) else value for value in values))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the closest valid name, or lists the valid names.

    Parameters
    ----------
    name : str
        The name that the user wrote.
    known : iterable of str
        The valid names.

    Examples
    --------
    >>> did_you_mean("atr_percent", ["atr_pct", "rsi_14"])
    "Did you mean 'atr_pct'?"
    >>> did_you_mean("zzz", ["a", "b"])
    'Valid names: a, b.'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name[:_LONGEST_NAME], names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Valid names: {', '.join(names)}." if names else "No name is valid here."
