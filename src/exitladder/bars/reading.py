"""Bars as users keep them: one file per symbol, a folder of them, or one file of many symbols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.checking.report import BarsReport, Finding, SymbolSummary, join_reports
from exitladder.bars.layouts.columns import bar_columns
from exitladder.bars.layouts.headerless import headerless_columns
from exitladder.bars.layouts.joining import join_parts
from exitladder.bars.layouts.names import FileName, file_name, name_parts, renamed
from exitladder.bars.layouts.wide import long_table
from exitladder.bars.tables import ReadOptions, bars_from_frame, bars_of_table, read_options, some_of
from exitladder.clock import interval_name
from exitladder.errors import BarsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.tables import Table, read_table, table_suffix
from exitladder.runtime.progress import SILENT, Progress

__all__ = ["bars_from_frame", "check_bar_files", "name_parts", "read_bars"]


def read_bars(
    source: str | Path | pd.DataFrame,
    *,
    symbol: str = "",
    tz: str = "UTC",
    adjust: str = "auto",
    repair: bool = False,
    interval: str | None = None,
    conventions: Conventions = PLAIN,
    progress: Progress = SILENT,
) -> tuple[BarSet, BarsReport]:
    """Return the bars in a file, a folder or a table, checked, with the findings.

    Parameters
    ----------
    source : path or DataFrame
        Parquet, CSV (maybe gzipped or zipped), Excel or Feather: one file per symbol, named
        ``SYMBOL-INTERVAL.parquet`` or just ``SYMBOL.csv``; files of one month or day each, named
        ``SYMBOL-INTERVAL-2024-01.csv``, which are joined; one file with a ``symbol`` column; or a folder of files. Of
        a folder, the files directly in it are read that end like a table and have at least two of the columns open,
        high, low and close; others are named in the report. Of a table, the stamps may be the index.
    symbol : str
        The symbol of bars that have one and no ``symbol`` column.
    tz : str
        Time zone of stamps that carry none.
    adjust : {"auto", "adj_close", "none"}
        With "auto" and "adj_close", prices are adjusted by ``adj_close`` where that column is there. Commands that
        read trades too take "auto" as "none" if the entry prices are as traded.
    repair : bool
        Repair invalid bars (see `exitladder.bars.checking.checks`) instead of refusing them.
    interval : str, optional
        Read only bars of this length, such as ``1h``, from a folder that holds several.
    conventions : Conventions
        What files may leave open: order of day and month, decimal mark, which end of a bar is stamped, names.
    progress : Progress
        Shows the files read, and the symbols of each.

    Returns
    -------
    bars : BarSet
    report : BarsReport
        The findings that are not errors, and how each file was read.

    Raises
    ------
    InputFileError
        If a file is missing or cannot be read.
    BarsError
        If bars break a rule; the message has its value, place and cure.
    """
    if isinstance(source, pd.DataFrame):
        name = symbol or conventions.symbol
        return bars_from_frame(source, name, tz=tz, adjust=adjust, repair=repair, conventions=conventions)
    conventions = replace(conventions, symbol=symbol) if symbol else conventions
    good, report = _read(Path(source), read_options(tz, adjust, repair, interval, conventions), progress)
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
    source: str | Path,
    *,
    tz: str = "UTC",
    adjust: str = "auto",
    repair: bool = False,
    interval: str | None = None,
    conventions: Conventions = PLAIN,
    progress: Progress = SILENT,
) -> BarsReport:
    """Return the findings in bars, errors included; `read_bars` stops at the first error.

    Parameters are those of `read_bars`.

    Parameters
    ----------
    source : path
        A file or a folder of bars.
    tz, adjust, repair, interval, conventions, progress
        As for `read_bars`.

    Returns
    -------
    BarsReport
        With the errors.

    Raises
    ------
    InputFileError
        If the source is missing or cannot be read.
    BarsError
        If an option is invalid.
    """
    return _read(Path(source), read_options(tz, adjust, repair, interval, conventions), progress)[1]


def _read(path: Path, options: ReadOptions, progress: Progress) -> tuple[list[Bars], BarsReport]:
    good: list[Bars] = []
    reports: list[BarsReport] = []
    parts: dict[str, list[tuple[Bars, str]]] = {}
    chosen, left = _chosen_files(path, options)
    others = []
    with progress.stage("reading bars", len(chosen)) as advance:
        for file, name in chosen.items():
            table = _table(file, options)
            if path.is_dir() and not bar_columns(table.frame.columns).looks_like_bars:
                others.append(file.name)
                advance(1)
                continue
            # TradingView stamps daily bars at the open of their session
            for_file = replace(options, at_open=name.source == "TradingView")
            bars, report = bars_of_table(table, name.symbol, name.interval_ns, for_file, progress)
            if name.part:
                for part in bars:
                    parts.setdefault(part.symbol, []).append((part, table.name))
            else:
                good += bars
            reports.append(report)
            advance(1)
    report = join_reports([*reports, *_not_read(path, others, left)])
    for members in parts.values():
        if len(members) == 1:
            good.append(members[0][0])
            continue
        joined, report = join_parts(members, report)
        good.append(joined)
    if not report.symbols:
        raise BarsError(f"There must be bars in '{path}', but there are none. {_what_is_there(path, report)}")
    good, report = _renamed(good, report, options)
    _refuse_twice(report)
    return good, join_reports([report, _alike_symbols(report, path)])


def _alike_symbols(report: BarsReport, path: Path) -> BarsReport:
    """Return warnings of symbols that differ only in case: most often one symbol, cut in two."""
    spellings: dict[str, list[str]] = {}
    for summary in report.symbols:
        spellings.setdefault(summary.symbol.casefold(), []).append(summary.symbol)
    found = []
    for names in spellings.values():
        if len(names) > 1:
            shown = " and ".join(repr(name) for name in names)
            message = (
                f"Symbols {shown} differ only in case ('{path.name}') and are read as {len(names)} symbols. If they "
                "are one, write them in one way."
            )
            found.append(Finding(names[0], "warning", "symbol_case", len(names), path.name, message))
    return BarsReport(findings=tuple(found))


def _renamed(good: list[Bars], report: BarsReport, options: ReadOptions) -> tuple[list[Bars], BarsReport]:
    renames = renamed([s.symbol for s in report.symbols], options.conventions)
    if not renames:
        return good, report
    bars = [replace(b, symbol=renames.get(b.symbol, b.symbol)) for b in good]
    symbols = tuple(replace(s, symbol=renames.get(s.symbol, s.symbol)) for s in report.symbols)
    findings = tuple(replace(f, symbol=renames.get(f.symbol, f.symbol)) for f in report.findings)
    return bars, replace(report, symbols=symbols, findings=findings)


def _chosen_files(path: Path, options: ReadOptions) -> tuple[dict[Path, FileName], list[str]]:
    """Return the files to read, and those whose names say that they hold no traded prices."""
    if not path.is_dir():
        return {path: file_name(path)}, []
    files = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith((".", "_")))
    parts = {f: file_name(f) for f in files if table_suffix(f)}
    chosen = [f for f in parts if not parts[f].kind]
    if options.interval_ns:
        chosen = [f for f in chosen if parts[f].interval_ns in (0, options.interval_ns)]
    _refuse_mixed_intervals({f: (parts[f].symbol, parts[f].interval_ns) for f in chosen})
    return {f: parts[f] for f in chosen}, [f"{f.name} ({parts[f].kind})" for f in parts if parts[f].kind]


def _not_read(path: Path, others: list[str], left: list[str]) -> Iterator[BarsReport]:
    for names, rule, what in (
        (others, "not_bars", "tables in '{}' have no open, high, low, close and were not read"),
        (left, "not_candles", "files in '{}' hold no traded prices and were not read"),
    ):
        if names:
            message = f"{len(names)} {what.format(path)}: {some_of(names)}."
            yield BarsReport(findings=(Finding("", "note", rule, len(names), str(path), message),))


def _table(path: Path, options: ReadOptions) -> Table:
    # HistData stamps the start of a bar, and its lines look like NinjaTrader's
    stamps = "start" if file_name(path).source == "HistData" else options.conventions.stamps
    return long_table(read_table(path, partial(headerless_columns, stamps=stamps), options.conventions))


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
