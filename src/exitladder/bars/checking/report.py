"""Findings and repairs in bars, and their report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from exitladder.bars.layouts.how_read import Reading
from exitladder.clock import interval_name

SEVERITIES = ("error", "repaired", "warning", "note")
ROW_COLUMNS = ("place", "timestamp", "open", "high", "low", "close", "volume", "ranges_off")
# the worst first; rules that are not listed come between errors about values and warnings about doubts
_WORST_FIRST = (
    "no_rows", "missing_column", "not_a_number", "unreadable_stamp", "conflicting_duplicate", "unsorted", "bad_tick",
    "high_below_low", "price_not_positive", "nan_price", "outside_high_low", "duplicate", "possible_split",
    "mixed_lengths", "overlapping", "live_row", "spike", "unfinished", "roll", "level_jump", "big_move", "gap",
    "dividends_not_counted", "dividends_credited",
)  # fmt: skip
_RANK = {rule: rank for rank, rule in enumerate(_WORST_FIRST)}
# in words, at most 40 characters
MEANINGS = {
    "no_rows": "no bars", "missing_column": "a column is missing", "not_a_number": "a price is no number",
    "unreadable_stamp": "a timestamp cannot be read", "unsorted": "bars not in time order",
    "duplicate": "a bar occurs twice", "conflicting_duplicate": "a stamp occurs twice with other values",
    "bad_tick": "a price far outside its bar", "outside_high_low": "open or close outside the bar",
    "high_below_low": "high below low", "price_not_positive": "a price of 0 or below",
    "nan_price": "a price is missing",
    "nan_volume": "a volume is missing", "negative_volume": "a volume below 0", "possible_split": "looks like a split",
    "mixed_lengths": "bars of several lengths", "overlapping": "a bar begins before the last one ended",
    "live_row": "a row of the running bar", "spike": "a bar far off the bars around it",
    "unfinished": "the last bar has not ended", "roll": "looks like a contract roll",
    "level_jump": "the price level jumps for good", "big_move": "an unusually large move", "gap": "a gap in time",
    "dividends_not_counted": "dividends that are not counted", "dividends_credited": "dividends are credited",
    "adjusted": "prices adjusted by adj_close", "adjustment": "prices cannot be adjusted",
    "adjustment_falls": "the adjustment factor falls", "interval": "length of the bars",
    "hour_of_days": "daily bars stamped at an hour", "missing_month": "months are missing",
    "symbol_case": "symbols that differ in case only", "encoding": "encoding of the file",
    "joined": "files joined", "left_out": "rows left out", "no_trading": "bars without trading",
    "no_volume": "no volume", "period_ends": "stamps at the end of a period", "rounding": "prices rounded to the tick",
    "session_dates": "stamps are dates of sessions", "text_column": "a column of text is not read",
    "tick_volume": "volume counts ticks", "unknown_volume": "volume 0 but prices moved",
    "unnamed_column": "a column without a name", "stamps": "what the stamps mark", "zone": "time zone of the stamps",
}  # fmt: skip
# findings that say how something was taken that the file does not settle
_ASSUMED = frozenset(
    {
        "interval", "adjusted", "dividends_not_counted", "dividends_credited", "no_volume", "unknown_volume", "zone",
        "stamps",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One rule, and where one symbol breaks it.

    Parameters
    ----------
    symbol : str
        Empty if it is about a file or a folder.
    severity : {"error", "repaired", "warning", "note"}
    rule : str
        The rule's short name, such as ``unsorted``.
    count : int
        Number of rows (or files) affected.
    place : str
        File, line or row, and stamp of the first.
    message : str
        The whole sentence: rule, value, place, cure.
    rows : DataFrame, optional
        The affected rows: place, timestamp, prices, volume, and by how many typical ranges a price is off.
    """

    symbol: str
    severity: str
    rule: str
    count: int
    place: str
    message: str
    rows: pd.DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def order(self) -> tuple[int, int, int, str]:
        """The sort key that puts the worst first."""
        severity = SEVERITIES.index(self.severity) if self.severity in SEVERITIES else len(SEVERITIES)
        return severity, _RANK.get(self.rule, _RANK["possible_split"] - 1), -self.count, self.symbol


@dataclass(frozen=True)
class SymbolSummary:
    """What became of one symbol.

    Parameters
    ----------
    symbol, source : str
        `source` is the file's name.
    interval_ns : int
        0 if nothing could be read.
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
    """The findings of reading bars, per symbol.

    Parameters
    ----------
    symbols : tuple of SymbolSummary
    findings : tuple of Finding
        There are no errors among them if `read_bars` returned.
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
        """Return the findings of these severities, the worst first."""
        return tuple(sorted((f for f in self.findings if f.severity in severities), key=lambda f: f.order))

    @property
    def errors(self) -> tuple[str, ...]:
        """Messages about bars that cannot be used."""
        return tuple(f.message for f in self.of_severity("error"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Messages about repairs and doubtful values."""
        return tuple(f.message for f in self.of_severity("repaired", "warning"))

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages that are good to know."""
        return tuple(f.message for f in self.of_severity("note"))

    @property
    def assumed(self) -> tuple[str, ...]:
        """Messages about choices that the files do not settle, each with the option that changes it."""
        return tuple(f.message for f in self.of_severity("warning", "note") if f.rule in _ASSUMED)

    @property
    def n_adjusted(self) -> int:
        """Rows, over all symbols, whose prices the adjustment changed."""
        return sum(s.n_adjusted for s in self.symbols)

    def repaired(self, symbol: str | None = None) -> dict[str, int]:
        """Return the number of repairs per rule, over all symbols or in one."""
        counts: dict[str, int] = {}
        for finding in self.of_severity("repaired"):
            if symbol in (None, finding.symbol):
                counts[finding.rule] = counts.get(finding.rule, 0) + finding.count
        return counts

    def symbols_frame(self) -> pd.DataFrame:
        """Return one row per symbol: file, interval, rows, bars, span, counts of findings by severity."""
        counts: dict[tuple[str, str], int] = {}
        for finding in self.findings:
            key = (finding.symbol, finding.severity)
            counts[key] = counts.get(key, 0) + 1
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
                **{f"n_{severity}": counts.get((s.symbol, severity), 0) for severity in SEVERITIES},
            }
            for s in self.symbols
        ]
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per finding, the worst first, and one with severity ``ok`` per symbol without any."""
        concerned = {f.symbol for f in self.findings}
        fine = (Finding(s.symbol, "ok", "", 0, s.source, "") for s in self.symbols if s.symbol not in concerned)
        names = [f.name for f in fields(Finding) if f.name != "rows"]
        found = sorted((*self.findings, *fine), key=lambda finding: finding.order)
        return pd.DataFrame([{name: getattr(f, name) for name in names} for f in found], columns=names)

    def rules_frame(self) -> pd.DataFrame:
        """Return one row per severity and rule, the worst first: symbols, rows, and what the rule means."""
        grouped: dict[tuple[str, str], list[Finding]] = {}
        for finding in sorted(self.findings, key=lambda f: f.order):
            grouped.setdefault((finding.severity, finding.rule), []).append(finding)
        rows = [
            {
                "severity": severity,
                "rule": rule,
                "symbols": len({f.symbol for f in found}),
                "rows": sum(f.count for f in found),
                "meaning": MEANINGS.get(rule, ""),
            }
            for (severity, rule), found in grouped.items()
        ]
        return pd.DataFrame(rows, columns=["severity", "rule", "symbols", "rows", "meaning"])

    def rows_frame(self) -> pd.DataFrame:
        """Return every affected row, the worst first: by severity and rule, then by how far a price is off."""
        parts = []
        for finding in sorted(self.findings, key=lambda f: f.order):
            if finding.rows is not None:
                rows = finding.rows.assign(symbol=finding.symbol, severity=finding.severity, rule=finding.rule)
                parts.append(rows.assign(_order=finding.order[0] * 1000 + finding.order[1]))
        names = ["symbol", "severity", "rule", *ROW_COLUMNS]
        if not parts:
            return pd.DataFrame(columns=names)
        joined = pd.concat(parts, ignore_index=True)
        off = -np.nan_to_num(joined["ranges_off"].to_numpy(dtype=np.float64), nan=0.0, posinf=1e300)
        return joined.iloc[np.lexsort((off, joined["_order"].to_numpy()))][names].reset_index(drop=True)

    def worst_rows(self, most: int = 3) -> pd.DataFrame:
        """Return the worst rows: errors before doubts, and of each the prices that are farthest off."""
        rows = self.rows_frame()
        serious = rows[rows["severity"] != "note"]
        rank = serious["severity"].map({name: k for k, name in enumerate(SEVERITIES)}).to_numpy(dtype=np.int64)
        off = -np.nan_to_num(serious["ranges_off"].to_numpy(dtype=np.float64), nan=0.0, posinf=1e300)
        return serious.iloc[np.lexsort((off, rank))].head(most).reset_index(drop=True)


def join_reports(reports: Iterable[BarsReport]) -> BarsReport:
    """Return one report of several."""
    parts = list(reports)
    return BarsReport(
        symbols=tuple(s for part in parts for s in part.symbols),
        findings=tuple(f for part in parts for f in part.findings),
        readings=tuple(r for part in parts for r in part.readings),
    )
