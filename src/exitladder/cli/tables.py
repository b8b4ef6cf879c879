"""A table of text: as wide as it needs, or fitted to a terminal without breaking words, numbers or dates."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import pandas as pd

from exitladder.cli.screen import UNBOUNDED

_GAP = 3
# headers are wrapped to this width, or that of their cells if it is larger: as little as the terminal needs
_HEADERS = (16, 10, 1)
# a text column never becomes narrower than its longest word, up to this
_LONGEST_WORD = 28


@dataclass(frozen=True)
class _Column:
    """One column of texts.

    Parameters
    ----------
    header : str
    cells : tuple of str
    is_number : bool
        Whether it is aligned to the right.
    is_whole : bool
        Whether its cells must not be wrapped.
    """

    header: str
    cells: tuple[str, ...]
    is_number: bool
    is_whole: bool

    @property
    def width(self) -> int:
        """Width without any wrapping."""
        return max(map(len, (*self.header.split("\n"), *(line for cell in self.cells for line in cell.split("\n")))))

    @property
    def narrowest(self) -> int:
        """Width below which a word or number would break."""
        words = self.cells if self.is_whole else [w for cell in self.cells for w in cell.split()]
        cells = max(map(len, words), default=1)
        return max(max(map(len, self.header.split("\n"))), cells if self.is_whole else min(cells, _LONGEST_WORD))


def table_text(
    frame: pd.DataFrame, cell: Callable[[object], str], width: int = UNBOUNDED, rigid: Collection[str] = ()
) -> str:
    """Return a table as text.

    Headers wrap at ``_`` and spaces, texts at spaces. Columns that still do not fit continue in a second table below,
    which repeats the first column.

    Parameters
    ----------
    frame : DataFrame
    cell : callable
        Text of a value.
    width : int
        Characters per line.
    rigid : collection of str
        Columns of text that must not be wrapped; those of numbers and times never are.

    Returns
    -------
    str
    """
    columns = [_column(str(name), frame.iloc[:, k], cell) for k, name in enumerate(frame.columns)]
    columns = [replace(column, is_whole=column.is_whole or column.header in rigid) for column in columns]
    plain = columns
    for most in _HEADERS:
        if _total([c.width for c in columns]) > width:
            columns = [replace(c, header=_wrapped(c.header, max(most, *(len(t) for t in c.cells), 1))) for c in plain]
    return "\n".join(_drawn(block, width) for block in _blocks(columns, width))


def table_or_records(frame: pd.DataFrame, cell: Callable[[object], str], width: int = UNBOUNDED) -> str:
    """Return a table as text if it fits, otherwise a paragraph per row: its first value, then names and values.

    Parameters
    ----------
    frame : DataFrame
    cell : callable
        Text of a value.
    width : int
        Characters per line.

    Returns
    -------
    str
    """
    columns = [_column(str(name), frame.iloc[:, k], cell) for k, name in enumerate(frame.columns)]
    shaped = [replace(c, header=c.header.replace(" ", "\n")) for c in columns]
    if _total([c.narrowest for c in shaped]) <= width:
        return table_text(frame, cell, width)
    return "".join(
        _record([(c.header, cells[k]) for c, cells in zip(columns, texts, strict=True)], width)
        for texts in [[c.cells for c in columns]]
        for k in range(len(frame))
    )


def _record(pairs: list[tuple[str, str]], width: int) -> str:
    """Return a row as lines: short values together, long texts on lines of their own."""
    lines, short = [pairs[0][1]], []
    for name, value in pairs[1:]:
        if len(value) > _LONGEST_WORD:
            lines.append(f"  {name}: {value}")
        elif value:
            short.append(f"{name} {value}")
    lines[1:1] = ["  " + "; ".join(short)] if short else []
    filled = (
        textwrap.fill(line, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        for line in lines
    )
    return "\n".join(filled) + "\n"


def _column(header: str, values: pd.Series, cell: Callable[[object], str]) -> _Column:
    is_time = pd.api.types.is_datetime64_any_dtype(values.dtype)
    is_number = is_time or pd.api.types.is_numeric_dtype(values.dtype)
    return _Column(header, tuple(_stamps(values) if is_time else map(cell, values)), is_number, is_number)


def _stamps(values: pd.Series) -> list[str]:
    """Return times as dates if all are midnight, else to the second or minute."""
    known = values.dropna()
    form = "%Y-%m-%d"
    if (known != known.dt.normalize()).any():
        form += " %H:%M" if (known == known.dt.floor("min")).all() else " %H:%M:%S"
    return ["" if pd.isna(value) else value.strftime(form) for value in values]


def _wrapped(header: str, width: int) -> str:
    """Return a header with a line break after some of its ``_``, so that it is about as wide as its cells."""
    spaced = header.replace("_", "_ ").replace("\n", " ")
    longest = max(map(len, spaced.split()), default=1)
    lines = textwrap.wrap(spaced, max(width, longest), break_long_words=False, break_on_hyphens=False)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def _blocks(columns: list[_Column], width: int) -> list[list[_Column]]:
    """Return the columns in groups of which each fits, every group with the first column."""
    blocks: list[list[_Column]] = []
    for column in columns:
        if not blocks or (
            _total([c.narrowest for c in (*blocks[-1], column)]) > width and len(blocks[-1]) > (len(blocks) > 1)
        ):
            blocks.append([columns[0]] if blocks else [])
        blocks[-1].append(column)
    return blocks


def _total(widths: list[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _widths(columns: list[_Column], width: int) -> list[int]:
    """Return the width of each column: its own, or less for the widest columns of text until all fit."""
    widths = [column.width for column in columns]
    while _total(widths) > width:
        shrinkable = [k for k, column in enumerate(columns) if widths[k] > column.narrowest]
        if not shrinkable:
            break
        widths[max(shrinkable, key=lambda k: widths[k])] -= 1
    return widths


def _drawn(columns: list[_Column], width: int) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, own in zip(columns, _widths(columns, width), strict=True):
        table.add_column(
            Text(column.header), justify="right" if column.is_number else "left", overflow="fold", width=own
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, row))
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, legacy_windows=False).print(table)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())
