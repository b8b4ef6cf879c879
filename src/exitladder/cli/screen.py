"""The width of the screen, and text fitted to it. Loads no table library: every command imports it."""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import IO

# width of what does not go to a terminal
UNBOUNDED = 100_000


def width_of(stream: IO[str]) -> int:
    """Return the characters per line of a stream: a terminal's width, `UNBOUNDED` for a file or pipe."""
    return shutil.get_terminal_size().columns if stream.isatty() else UNBOUNDED


def fitted(text: str, stream: IO[str]) -> str:
    """Return text with lines wrapped at spaces if they are wider than a terminal, list entries indented.

    Parameters
    ----------
    text : str
    stream : text stream
        Destination; only a terminal limits the lines.
    """
    width = width_of(stream)
    lines = [line if len(line) <= width else _wrapped_line(line, width) for line in text.split("\n")]
    return "\n".join(lines)


def _wrapped_line(line: str, width: int) -> str:
    # a list entry, or a name and its value in two columns
    start = re.match(r"\S.{,20}?\S {2,}(?=\S)| *(?:- )?", line)
    indent = " " * (len(start[0]) if start else 0)
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
