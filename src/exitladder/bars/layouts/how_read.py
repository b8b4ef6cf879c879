"""How a file of bars was read: settled by the file or assumed, with the option that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from exitladder.arrays import IntArray
from exitladder.clock import NO_TIME
from exitladder.files.table import Table

if TYPE_CHECKING:
    from exitladder.bars.layouts.columns import BarColumns
    from exitladder.bars.layouts.stamping import Placing

_DAY = 86_400 * 10**9


@dataclass(frozen=True)
class Reading:
    """How one file was read.

    Parameters
    ----------
    source : str
        The file's name.
    form : str
        Form of the stamps, such as ``ISO 8601`` or ``epoch milliseconds``.
    order : str
        ``day first`` or ``month first``; empty where dates do not need it.
    zone : str
        Where the time zone comes from.
    stamps : str
        ``start`` or ``end`` of a bar.
    decimal : {".", ","}
        Decimal mark.
    encoding : str
        Of a text file, else empty.
    columns : mapping of str to str
        From the names used here to the file's own.
    remarks : tuple of str
        What else was understood, or left out.
    """

    source: str
    form: str
    order: str
    zone: str
    stamps: str
    decimal: str
    encoding: str
    columns: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    def as_row(self) -> dict[str, str]:
        """Return the reading as one row of a table of texts."""
        return {
            "file": self.source,
            "stamps": self.form + (f", {self.order}" if self.order else ""),
            "zone": self.zone,
            "stamped_at": self.stamps,
            "decimal": self.decimal,
            "encoding": self.encoding,
            "columns": ", ".join(f"{name}={label}" for name, label in self.columns.items()),
            "remarks": "; ".join(self.remarks),
        }

    def as_line(self) -> str:
        """Return the reading as one line, without the file's name."""
        row = self.as_row()
        renamed = [f"{name}={label}" for name, label in self.columns.items() if label.casefold() != name]
        parts = [
            f"timestamps: {row['stamps']}, marking the {row['stamped_at']} of a bar; time zone: {row['zone']}",
            f"decimal mark: '{self.decimal}'",
            *([f"encoding: {self.encoding}"] if self.encoding not in ("", "utf-8") else []),
            f"columns: {', '.join(renamed) or 'by their names'}",
            *self.remarks,
        ]
        return "; ".join(parts)


def reading_of(table: Table, names: BarColumns, decimal: str, placing: Placing) -> Reading:
    """Return how a table was read.

    Parameters
    ----------
    table : Table
    names : BarColumns
    decimal : str
        The decimal mark that was used.
    placing : Placing
        The stamps and the time zone that was used.

    Returns
    -------
    Reading
    """
    stamps = placing.stamps
    if stamps.are_dates:
        zone = "none needed (calendar dates)"
    elif stamps.form.startswith("epoch"):
        zone = "UTC"
    elif not stamps.n_naive:
        zone = "in the timestamps"
    else:
        zone = f"{placing.tz} assumed (--tz)" + _hours(stamps.wall)
    columns = {name: str(label) for name, label in names.known.items()}
    if names.time_of_day is not None:
        columns["time of day"] = str(names.time_of_day)
    return Reading(
        source=table.name,
        form=stamps.form,
        order=stamps.order,
        zone=zone,
        stamps="end" if placing.at_end else "start",
        decimal=decimal,
        encoding=table.encoding,
        columns=columns,
        remarks=table.remarks,
    )


def _hours(wall: IntArray) -> str:
    """Return the hours of most bars, on the clock of the file."""
    known = wall[wall != NO_TIME][:100_000]
    clock = np.sort(known % _DAY)
    if not len(clock):
        return ""
    first, last = (pd.Timestamp(int(clock[round(k * (len(clock) - 1))])).strftime("%H:%M") for k in (0.02, 0.98))
    return f": bars from {first} to {last}"
