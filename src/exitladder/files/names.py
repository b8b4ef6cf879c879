"""File names of symbols, from which the symbol can be read back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from exitladder.errors import OutputFileError

# what a file system or a shell may not take, and the escape itself
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|-|$)", re.IGNORECASE)


def file_stem(symbol: str) -> str:
    """Return a file name for a symbol, without a suffix; `symbol_of_stem` reads it back.

    Characters that a file system may refuse are percent-encoded, as is a first ``.`` or ``_``, which would hide
    the file.

    Examples
    --------
    >>> [file_stem(s) for s in ("AAPL", "BTC-USD", "BTC/USDT:USDT", ".SPX", "BRK.B")]
    ['AAPL', 'BTC-USD', 'BTC%2FUSDT%3AUSDT', '%2ESPX', 'BRK.B']
    """
    text = _UNSAFE.sub(lambda match: _escaped(match[0]), symbol)
    if text[:1] in (".", "_", " ") or _DEVICES.match(text):
        text = _escaped(text[0]) + text[1:]
    if text[-1:] in (".", " "):
        text = text[:-1] + _escaped(text[-1])
    return text


def symbol_of_stem(stem: str) -> str:
    """Return the symbol that a file name was made of.

    Examples
    --------
    >>> symbol_of_stem("BTC%2FUSDT%3AUSDT"), symbol_of_stem("BTC-USD")
    ('BTC/USDT:USDT', 'BTC-USD')
    """
    return unquote(stem, errors="strict") if re.search("%[0-9A-Fa-f]{2}", stem) else stem


def refuse_clash(names: Iterable[str]) -> None:
    """Refuse file names of which two are one file.

    Raises
    ------
    OutputFileError
        If two names are equal where a file system ignores case.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other is not name:
            raise OutputFileError(
                f"Each symbol needs a file of its own, but '{other}' and '{name}' are one file where the file system "
                "ignores case. Write all symbols into one file, such as --out bars.parquet."
            )


def _escaped(character: str) -> str:
    return f"%{ord(character):02X}"
