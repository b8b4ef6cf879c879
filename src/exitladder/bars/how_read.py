"""How a file of bars was read: what it settled itself, what was assumed and the option that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
        parts = [
            f"stamps {row['stamps']}, zone {row['zone']}, at the {row['stamped_at']} of a bar",
            f"decimal mark '{self.decimal}'",
            *([f"encoding {self.encoding}"] if self.encoding not in ("", "utf-8") else []),
            f"columns {row['columns']}",
            *self.remarks,
        ]
        return "; ".join(parts)
