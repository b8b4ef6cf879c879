"""Parts that several screens share: the verdict in short, texts of numbers, tables of texts."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from exitladder.cli.screen import UNBOUNDED
from exitladder.cli.tables import table_text
from exitladder.pipelines.pages.first_lines.short_verdict import BEFORE_COSTS_START, split_verdict


def short_verdict(text: str) -> str:
    """Return a verdict without its details; the page and the JSON have them."""
    return split_verdict(text)[0]


def signed(value: Any, digits: int = 3) -> str:
    """Return a number with its sign, empty if there is none.

    Examples
    --------
    >>> signed(0.1136), signed(None), signed(-0.00001)
    ('+0.114', '', '0.000')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = f"{value:+,.{digits}f}"
    return text if any(digit in text for digit in "123456789") else text[1:]


def in_r(value: Any) -> str:
    """Return a number of R with its sign and unit, empty if there is none.

    Examples
    --------
    >>> in_r(-20.94), in_r(None)
    ('-20.9 R', '')
    """
    text = signed(value, 1)
    return f"{text} R" if text else ""


def with_range(entry: Mapping[str, Any] | None, digits: int = 3) -> str:
    """Return a value with its interval, if it has one.

    Examples
    --------
    >>> with_range({"value": 0.1, "low": -0.2, "high": 0.4}, 2)
    '+0.10 [-0.20, +0.40]'
    """
    if not entry:
        return ""
    value, low, high = (signed(entry.get(key), digits) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if low and high else value


def share(value: Any) -> str:
    """Return a share as a percentage, empty if there is none."""
    return "" if value is None else f"{value:.1%}"


def texts_table(rows: Iterable[Mapping[str, Any]], width: int = UNBOUNDED) -> str:
    """Return rows of texts and whole numbers as a table that fits; only the first column and the last one wrap.

    Columns without any text are left out.
    """
    frame = pd.DataFrame(list(rows))
    frame = frame.loc[:, [bool((frame[name].notna() & (frame[name] != "")).any()) for name in frame]]
    return table_text(frame, lambda value: "" if value is None else str(value), width, list(frame.columns[1:-1]))


def facts(pairs: Iterable[tuple[str, str]], width: int = UNBOUNDED) -> str:
    """Return names and texts, one pair per line, without those that have no text."""
    kept = [(name, text) for name, text in pairs if text]
    longest = max((len(name) for name, _ in kept), default=0)
    lines = [
        textwrap.fill(
            f"{name:<{longest}}  {text}", width, subsequent_indent=" " * (longest + 2), break_on_hyphens=False,
            break_long_words=False,
        )
        for name, text in kept
    ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def notes_text(data: Mapping[str, Any]) -> str:
    """Return the notes on the data, without those that the verdict repeats."""
    return " ".join(note for note in data.get("notes", []) if not note.startswith(BEFORE_COSTS_START))
