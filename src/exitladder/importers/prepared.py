"""A table on its way from a program's own form to the one that all share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from exitladder.importers.profiles import Found


@dataclass
class Prepared:
    """A table on its way to fills.

    Parameters
    ----------
    found : Found
        The table as found in its file.
    others : sequence of Found
        Further tables of the same file: orders beside deals, trades beside orders.
    frame : DataFrame of str
        Columns by the profile's names.
    kind : {"fills", "round_trips"}
    zone : str
        Time zone that the file itself tells, else blank.
    dates : {"auto", "dayfirst", "monthfirst"}
        What the user says of dates such as 03/04/2024.
    grouping : {"positions", "fifo"}
        How fills are to be grouped.
    notes : list of str
        Rows left out, and assumptions.
    money : dict of str to float
        Sums in the file that belong to no fill, such as funding, by kind.
    """

    found: Found
    others: Sequence[Found]
    frame: pd.DataFrame
    kind: str
    zone: str = ""
    dates: str = "auto"
    grouping: str = "positions"
    notes: list[str] = field(default_factory=list)
    money: dict[str, float] = field(default_factory=dict)


# changes the table in place
Step = Callable[[Prepared], None]
