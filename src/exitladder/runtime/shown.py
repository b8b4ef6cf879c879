"""How a result shows itself at the prompt and in a notebook: its kind, its main finding, the first rows of its table.

The result types of all layers share it: bars, trades, and what the commands return.
"""

from __future__ import annotations

import html
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 8
_COLUMNS = 12
_WIDTH = 100
_STYLE = "max-width: 60em; margin: 0.3em 0"


class Shown:
    """A type with a table and a text; gives it a readable repr and an HTML form for notebooks."""

    def headline(self) -> str:
        """Return the main finding, in a sentence or two."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the main table."""
        raise NotImplementedError

    def preview(self, n: int = _ROWS) -> tuple[pd.DataFrame, int]:
        """Return the first `n` rows of the table, and how many it has."""
        table = self.to_frame()
        return table.head(n), len(table)

    def __repr__(self) -> str:
        table, n = self.preview()
        text = textwrap.fill(f"{type(self).__name__}: {self.headline()}", _WIDTH, subsequent_indent="  ")
        if not n:
            return text
        columns = list(table.columns)
        shown = table[columns[:_COLUMNS]].to_string(
            index=False, max_cols=_COLUMNS, line_width=_WIDTH, max_colwidth=40, float_format="{:.4g}".format
        )
        more = [f"{n:,} rows"] if n > len(table) else []
        if len(columns) > _COLUMNS:
            more.append(f"{len(columns)} columns")
        left = f"\n[{', '.join(more)}; to_frame() has all]" if more else ""
        return f"{text}\n{shown}{left}"

    def _repr_html_(self) -> str:
        table, n = self.preview()
        head = f"<b>{html.escape(type(self).__name__)}</b>: {html.escape(self.headline())}"
        rows = table.to_html(index=False, max_cols=_COLUMNS, border=0, float_format="{:.4g}".format) if n else ""
        more = f"<p>{n:,} rows; <code>to_frame()</code> has all</p>" if n > len(table) else ""
        return f'<div><p style="{_STYLE}">{head}</p>{rows}{more}</div>'
