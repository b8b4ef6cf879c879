"""The one tree of errors that exitladder raises on purpose.

Every message states the rule, the value that broke it, the place where it stands and the cure.
The command line prints it without a traceback and ends with exit code 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ExitladderError(Exception):
    """Root of all errors that a user can cause and can cure."""


class BarsError(ExitladderError):
    """Bars that cannot be used as they are."""


class TradesError(ExitladderError):
    """Trades that cannot be used as they are."""


class LadderError(ExitladderError):
    """A ladder that contradicts itself or names something unknown."""


class SettingsError(ExitladderError):
    """A settings file or an override that cannot be understood."""


class FeatureError(ExitladderError):
    """A feature that is unknown or cannot be computed on these bars."""


class ModelError(ExitladderError):
    """A model that cannot be trained, found, verified or applied."""


class TrackingError(ExitladderError):
    """A run, model version or store that MLflow cannot give."""


class InputFileError(ExitladderError):
    """A file that is missing or cannot be read."""


class OutputFileError(ExitladderError):
    """A result that cannot be written whole."""


class ExitladderWarning(UserWarning):
    """Something the user should know that does not stop the work."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest known name, or lists what is known.

    Parameters
    ----------
    name : str
        What the user wrote.
    known : iterable of str
        What would have been understood.

    Examples
    --------
    >>> did_you_mean("atr_percent", ["atr_pct", "rsi_14"])
    "Did you mean 'atr_pct'?"
    >>> did_you_mean("zzz", ["a", "b"])
    'Known are: a, b.'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known are: {', '.join(names)}." if names else "Nothing is allowed here."
