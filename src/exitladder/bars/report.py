"""What was found in bars, what was mended, and what to mind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import pandas as pd

from exitladder.bars.how_read import Reading
from exitladder.clock import interval_name

SEVERITIES = ("error", "mended", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One rule, and what it met in one symbol.

    Parameters
    ----------
    symbol : str
        Empty where it is about a file or a folder.
    severity : {"error", "mended", "warning", "note"}
    rule : str
        The rule's short name, such as ``unsorted``.
    count : int
        Rows (or files) concerned.
    place : str
        File, line or row, and stamp of the first.
    message : str
        The whole sentence: rule, value, place, cure.
    """

    symbol: str
    severity: str
    rule: str
    count: int
    place: str
    message: str


@dataclass(frozen=True)
class SymbolSummary:
    """What became of one symbol.

    Parameters
    ----------
    symbol, source : str
        `source` is the file's name.
    interval_ns : int
        0 where nothing could be read.
    n_rows, n_bars : int
        Rows in the file and bars that came out.
    first, last : Timestamp or None
    n_adjusted : int
        Rows whose prices the adjustment changed.
    has_volume : bool
    """

    symbol: str
    source: str
    interval_ns: int
    n_rows: int
    n_bars: int
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    n_adjusted: int
    has_volume: bool


@dataclass(frozen=True)
class BarsReport:
    """What reading bars found, per symbol.

    Parameters
    ----------
    symbols : tuple of SymbolSummary
    findings : tuple of Finding
        Errors first met first; there are none where `read_bars` returned.
    readings : tuple of Reading
        How each file was read.
    """

    symbols: tuple[SymbolSummary, ...] = ()
    findings: tuple[Finding, ...] = ()
    readings: tuple[Reading, ...] = ()

    def readings_frame(self) -> pd.DataFrame:
        """Return one row per file: form of its stamps, zone, decimal mark, columns."""
        return pd.DataFrame([reading.as_row() for reading in self.readings])

    def how_read(self, most: int = 5) -> list[str]:
        """Return a line for each way in which files were read, at most `most`."""
        files: dict[str, list[str]] = {}
        for reading in self.readings:
            files.setdefault(reading.as_line(), []).append(reading.source)
        lines = [
            f"{names[0]}{f' and {len(names) - 1} more files' if len(names) > 1 else ''} read as: {line}"
            for line, names in files.items()
        ]
        return lines if len(lines) <= most else [*lines[:most], f"{len(lines) - most} more ways; see --format json"]

    def of_severity(self, *severities: str) -> tuple[Finding, ...]:
        """Return the findings of these severities."""
        return tuple(f for f in self.findings if f.severity in severities)

    @property
    def errors(self) -> tuple[str, ...]:
        """Messages of what makes the bars unusable."""
        return tuple(f.message for f in self.of_severity("error"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Messages of what was mended and what is doubtful."""
        return tuple(f.message for f in self.of_severity("mended", "warning"))

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages that are good to know."""
        return tuple(f.message for f in self.of_severity("note"))

    @property
    def n_adjusted(self) -> int:
        """Rows, over all symbols, whose prices the adjustment changed."""
        return sum(s.n_adjusted for s in self.symbols)

    def repaired(self, symbol: str | None = None) -> dict[str, int]:
        """Return how often each rule had to be mended, over all symbols or in one."""
        counts: dict[str, int] = {}
        for finding in self.of_severity("mended"):
            if symbol in (None, finding.symbol):
                counts[finding.rule] = counts.get(finding.rule, 0) + finding.count
        return counts

    def symbols_frame(self) -> pd.DataFrame:
        """Return one row a symbol: file, interval, rows, bars, span, counts of findings by severity."""
        rows = [
            {
                "symbol": s.symbol,
                "file": s.source,
                "interval": interval_name(s.interval_ns) if s.interval_ns else "",
                "n_rows": s.n_rows,
                "n_bars": s.n_bars,
                "first": s.first,
                "last": s.last,
                "n_adjusted": s.n_adjusted,
                "has_volume": s.has_volume,
                **{
                    f"n_{severity}": sum(f.symbol == s.symbol for f in self.of_severity(severity))
                    for severity in SEVERITIES
                },
            }
            for s in self.symbols
        ]
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a finding, and one with severity ``ok`` for each symbol without any."""
        concerned = {f.symbol for f in self.findings}
        fine = (Finding(s.symbol, "ok", "", 0, s.source, "") for s in self.symbols if s.symbol not in concerned)
        rows = sorted((*self.findings, *fine), key=lambda finding: finding.symbol)
        return pd.DataFrame([asdict(row) for row in rows], columns=[f.name for f in fields(Finding)])


def join_reports(reports: Iterable[BarsReport]) -> BarsReport:
    """Return one report of several."""
    parts = list(reports)
    return BarsReport(
        symbols=tuple(s for part in parts for s in part.symbols),
        findings=tuple(f for part in parts for f in part.findings),
        readings=tuple(r for part in parts for r in part.readings),
    )
