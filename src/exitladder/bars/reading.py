"""Bars as users keep them: one file a symbol, a folder of them, or one file of many symbols."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.columns import HEADERLESS, bar_columns
from exitladder.bars.report import BarsReport, Finding, SymbolSummary, join_reports
from exitladder.bars.tables import ReadOptions, bars_from_frame, bars_of_table, read_options, some_of
from exitladder.clock import interval_from_name, interval_name
from exitladder.errors import BarsError
from exitladder.files.names import symbol_of_stem
from exitladder.files.tables import Table, read_table, table_suffix

__all__ = ["bars_from_frame", "check_bar_files", "name_parts", "read_bars"]

_NAMED = re.compile(r"(.+)-(\d+[smhdwDHW])")


def read_bars(
    source: str | Path | pd.DataFrame,
    *,
    symbol: str = "",
    tz: str = "UTC",
    adjust: str = "auto",
    repair: bool = False,
    interval: str | None = None,
) -> tuple[BarSet, BarsReport]:
    """Return the bars in a file, a folder or a table, checked, and what was found in them.

    Parameters
    ----------
    source : path or DataFrame
        Parquet, CSV (maybe gzipped) or Feather: one file a symbol, named ``SYMBOL-INTERVAL.parquet`` or just
        ``SYMBOL.csv``; one file with a ``symbol`` column; or a folder of files. Of a folder, the files directly in
        it are read that end like a table and have at least two of the columns open, high, low and close; others
        are named in the report. Of a table, the stamps may be the index.
    symbol : str
        The symbol of a table that has no ``symbol`` column.
    tz : str
        Time zone of stamps that carry none.
    adjust : {"auto", "none"}
        With "auto", prices are adjusted by ``adj_close`` where that column is there.
    repair : bool
        Repair invalid bars (see `exitladder.bars.checks`) instead of refusing them.
    interval : str, optional
        Read only bars of this length, such as ``1h``, from a folder that holds several.

    Raises
    ------
    InputFileError
        If a file is missing or cannot be read.
    BarsError
        If bars break a rule; the message has its value, place and cure.
    """
    if isinstance(source, pd.DataFrame):
        return bars_from_frame(source, symbol, tz=tz, adjust=adjust, repair=repair)
    good, report = _read(Path(source), tz, adjust, repair, interval)
    errors = report.of_severity("error")
    if errors:
        others = len(errors) - 1
        more = (
            f" {others} more rule{'s are' if others > 1 else ' is'} broken; `exitladder bars check` lists all."
            if others
            else ""
        )
        raise BarsError(errors[0].message + more)
    return BarSet(good), report


def check_bar_files(
    source: str | Path, *, tz: str = "UTC", adjust: str = "auto", repair: bool = False, interval: str | None = None
) -> BarsReport:
    """Return what is found in bars, errors included, where `read_bars` would stop at the first.

    Parameters are those of `read_bars`.
    """
    return _read(Path(source), tz, adjust, repair, interval)[1]


def name_parts(path: Path) -> tuple[str, int]:
    """Return the symbol that a file's name tells, and its interval in nanoseconds or 0.

    Examples
    --------
    >>> name_parts(Path("BTC-USD-4h.parquet"))[0], name_parts(Path("AAPL.csv.gz"))
    ('BTC-USD', ('AAPL', 0))
    """
    suffix = table_suffix(path) or ""
    stem = path.name[: len(path.name) - len(suffix)]
    match = _NAMED.fullmatch(stem)
    return (symbol_of_stem(match[1]), interval_from_name(match[2])) if match else (symbol_of_stem(stem), 0)


def _read(path: Path, tz: str, adjust: str, repair: bool, interval: str | None) -> tuple[list[Bars], BarsReport]:
    options = read_options(tz, adjust, repair, interval)
    good: list[Bars] = []
    reports: list[BarsReport] = []
    for table, symbol, interval_ns in _tables(path, options, reports):
        bars, report = bars_of_table(table, symbol, interval_ns, options)
        good += bars
        reports.append(report)
    report = join_reports(reports)
    if not report.symbols:
        raise BarsError(f"There must be bars in '{path}', but there are none. {_what_is_there(path, report)}")
    _refuse_twice(report)
    return good, report


def _tables(path: Path, options: ReadOptions, reports: list[BarsReport]) -> Iterator[tuple[Table, str, int]]:
    if not path.is_dir():
        yield read_table(path, HEADERLESS), *name_parts(path)
        return
    files = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith((".", "_")))
    chosen = [f for f in files if table_suffix(f)]
    parts = {f: name_parts(f) for f in chosen}
    if options.interval_ns:
        chosen = [f for f in chosen if parts[f][1] in (0, options.interval_ns)]
    _refuse_mixed_intervals({f: parts[f] for f in chosen})
    others = []
    for file in chosen:
        table = read_table(file, HEADERLESS)
        if bar_columns(table.frame.columns).looks_like_bars:
            yield table, *parts[file]
        else:
            others.append(file.name)
    if others:
        message = (
            f"{len(others)} tables in '{path}' have no open, high, low, close and were not read: {some_of(others)}."
        )
        reports.append(BarsReport(findings=(Finding("", "note", "not_bars", len(others), str(path), message),)))


def _refuse_mixed_intervals(parts: dict[Path, tuple[str, int]]) -> None:
    seen: dict[str, tuple[Path, int]] = {}
    for file, (symbol, interval_ns) in parts.items():
        other, length = seen.setdefault(symbol, (file, interval_ns))
        if other != file and length != interval_ns and length and interval_ns:
            raise BarsError(
                f"A symbol must have bars of one length, but '{symbol}' has {interval_name(length)} bars "
                f"({other.name}) and {interval_name(interval_ns)} bars ({file.name}). Choose one, such as "
                f'--interval {interval_name(interval_ns)} (interval="{interval_name(interval_ns)}"), '
                "or name a single file."
            )


def _refuse_twice(report: BarsReport) -> None:
    seen: dict[str, SymbolSummary] = {}
    for summary in report.symbols:
        other = seen.setdefault(summary.symbol, summary)
        if other is not summary:
            lengths = [interval_name(s.interval_ns) if s.interval_ns else "unknown" for s in (other, summary)]
            cure = f"--interval {lengths[0]}" if lengths[0] != lengths[1] else "take one of the files out"
            raise BarsError(
                f"Each symbol must come once, but '{summary.symbol}' is in {other.source} ({lengths[0]} bars) and in "
                f"{summary.source} ({lengths[1]} bars). Choose one: {cure}, or name a single file."
            )


def _what_is_there(path: Path, report: BarsReport) -> str:
    if report.notes:
        return report.notes[0]
    if path.is_dir():
        folders = sorted(f.name for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
        if folders:
            return f"Folders in it are not searched; name one of them: {some_of(folders)}."
        return "Put files such as AAPL-1d.parquet or AAPL.csv into it."
    return "Check the file."
