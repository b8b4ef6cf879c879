"""Bars from a table: columns named, stamps read, rules checked, prices adjusted, symbol by symbol."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exitladder.bars.adjust import adjust_prices
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.checking.checks import RawBars, check_bars
from exitladder.bars.checking.notes import commonest_step, notes_despite_errors, notes_on, row_finding
from exitladder.bars.checking.report import BarsReport, Finding, SymbolSummary, join_reports
from exitladder.bars.checking.rolls import CONTRACT_COLUMNS, contract_changes, roll_text
from exitladder.bars.layouts.cells import read_cells, rows_by_symbol, several_lengths, snap_noise
from exitladder.bars.layouts.columns import HOURS, PRICES, REQUIRED, BarColumns, bar_columns, snake_name
from exitladder.bars.layouts.how_read import reading_of
from exitladder.bars.layouts.period_ends import name_the_end, period_of
from exitladder.bars.layouts.stamping import (
    Placing,
    are_last_moments,
    name_midnight_as_24,
    place_in_time,
    zone_not_used,
)
from exitladder.bars.layouts.wide import long_table
from exitladder.clock import NO_TIME, interval_from_name, interval_name
from exitladder.errors import BarsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.stamps import Stamps, check_tz, read_stamps
from exitladder.files.tables import Table
from exitladder.runtime.progress import SILENT, Progress

_SECOND = 10**9
_DAY = 86_400 * _SECOND
_MONTH = 31 * _DAY
# more unreadable stamps than this share are no slips of a pen
_FEW = 0.05


@dataclass(frozen=True)
class ReadOptions:
    """How bars are to be read: the parameters of `exitladder.bars.reading.read_bars`."""

    tz: str
    adjust: str
    repair: bool
    interval_ns: int | None
    conventions: Conventions = PLAIN
    at_open: bool = False


def read_options(
    tz: str, adjust: str, repair: bool, interval: str | None, conventions: Conventions = PLAIN
) -> ReadOptions:
    """Return how bars are to be read, checked; `tz` counts where it is not UTC, else the conventions' one.

    Parameters
    ----------
    tz, adjust, repair, conventions
        As for `exitladder.bars.reading.read_bars`.
    interval : str or None
        Length of the bars to read, such as ``1h``; None accepts any.

    Returns
    -------
    ReadOptions

    Raises
    ------
    BarsError
        If the time zone, `adjust`, the interval or a convention is unknown.
    """
    zone = check_tz(tz if tz != "UTC" else conventions.tz, BarsError)
    if adjust not in ("auto", "adj_close", "none"):
        raise BarsError(f"adjust must be auto, adj_close or none, but is {adjust!r}.")
    length = interval_from_name(interval) if interval else None
    return ReadOptions(zone, adjust, repair, length, conventions.checked(BarsError))


def bars_from_frame(
    frame: pd.DataFrame,
    symbol: str = "",
    *,
    tz: str = "UTC",
    adjust: str = "auto",
    repair: bool = False,
    conventions: Conventions = PLAIN,
) -> tuple[BarSet, BarsReport]:
    """Return the bars in a table, checked, with the findings.

    Parameters
    ----------
    frame : DataFrame
        Columns as in a file, the stamps maybe as its index; one symbol, or several in a ``symbol`` column.
    symbol : str
        The symbol where there is no such column.
    tz, adjust, repair, conventions
        As for `read_bars`.

    Returns
    -------
    bars : BarSet
    report : BarsReport

    Raises
    ------
    BarsError
        If an option is invalid or the bars break a rule; the message has the value, place and cure.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"Open": [10.0], "High": [11.0], "Low": [9.0], "Close": [10.5]}, index=pd.DatetimeIndex(["2024-01-31"])
    ... )
    >>> bars, report = bars_from_frame(table, "ACME")
    >>> bars["ACME"].close
    array([10.5])
    """
    options = read_options(tz, adjust, repair, None, conventions)
    table = long_table(Table.from_frame(frame, f"the table of '{symbol}'" if symbol else "the table"))
    good, report = bars_of_table(table, symbol or "bars", 0, options)
    if report.errors:
        raise BarsError(report.errors[0])
    return BarSet(good), report


def bars_of_table(
    table: Table, symbol: str, interval_ns: int, options: ReadOptions, progress: Progress = SILENT
) -> tuple[list[Bars], BarsReport]:
    """Return the usable bars of a table and the findings, errors included.

    Parameters
    ----------
    table : Table
    symbol : str
        The symbol where no column tells it.
    interval_ns : int
        What the file's name says, or 0.
    options : ReadOptions
    progress : Progress
        Shows the symbols of a table that has several.

    Returns
    -------
    bars : list of Bars
        One item per symbol; empty if the table is unusable.
    report : BarsReport
    """
    names = bar_columns(table.frame.columns, table.doubled)
    if names.missing:
        has = some_of([str(label)[:40] for label in table.frame.columns], 20)
        message = (
            f"Bars must have the columns {', '.join(REQUIRED[:-1])} and {REQUIRED[-1]}, but {_listed(names.missing)} "
            f"missing ({table.name} has: {has}). Name the columns so, or by a common spelling."
        )
        return [], _failed(table, symbol, "missing_column", message)
    if table.frame.empty:
        return [], _failed(table, symbol, "no_rows", f"There must be at least one bar, but {table.name} has none.")
    stamps = _stamps(table, names, options)
    if stamps.problem:
        return [], _failed(table, symbol, "stamps", f"{stamps.problem} ({table.name}, column '{names.stamp}').")
    misread = zone_not_used(table, names, stamps, options.tz)
    misread = misread or (_misread(table, names, stamps) if options.repair else "")
    if misread:
        return [], _failed(table, symbol, "stamps", misread)
    cells = read_cells(table, names, options.conventions.decimal)
    if cells.problem:
        return [], _failed(table, symbol, "not_a_number", cells.problem)
    mixed = several_lengths(table, names)
    if mixed:
        return [], _failed(table, symbol, "mixed_lengths", mixed)
    placing = _placing(table, names, stamps, interval_ns, options)
    good: list[Bars] = []
    reports: list[BarsReport] = []
    by_symbol = list(rows_by_symbol(table, names, symbol))
    shown = progress if len(by_symbol) > 1 else SILENT
    with shown.stage("checking symbols", len(by_symbol)) as advance:
        for name, rows in by_symbol:
            is_all = "symbol" not in names.known
            columns = {key: values.copy() if is_all else values[rows] for key, values in cells.columns.items()}
            raw = RawBars(name, table, names.stamp, rows, stamps.ns[rows], columns)
            placed = place_in_time(raw, placing)
            bars, report = _one_symbol(raw, placing.length_ns, options, placed)
            advance(1)
            if options.interval_ns and bars is not None and bars.interval_ns != options.interval_ns:
                continue
            good += [bars] if bars is not None else []
            reports.append(report if bars is None else _with_contracts(report, bars, raw, names))
    # what concerns the whole file concerns its symbol, if it has one
    alone = reports[0].symbols[0].symbol if len(reports) == 1 and reports[0].symbols else ""
    whole = (*cells.findings, *_left_out(table, names, cells.texts))
    if placing.period and options.conventions.stamps == "auto":
        whole = (*whole, _period_note(table, placing))
    elif options.conventions.stamps == "end" and _are_session_dates(stamps) and not placing.period:
        message = f"Dates without a time are those of sessions: --stamps end does not move them ({table.name})."
        whole = (*whole, Finding("", "note", "session_dates", len(table.frame), table.name, message))
    findings = tuple(replace(finding, symbol=finding.symbol or alone) for finding in whole)
    reading = reading_of(table, names, cells.decimal, placing)
    if any(finding.rule == "tick_volume" for finding in findings):
        reading = replace(reading, columns={**reading.columns, "volume": str(names.ticks)})
    return good, join_reports([*reports, BarsReport(findings=findings, readings=(reading,))])


def _stamps(table: Table, names: BarColumns, options: ReadOptions) -> Stamps:
    apart = None if names.time_of_day is None else table.frame[names.time_of_day]
    given = table.frame[names.stamp]
    if apart is not None and snake_name(names.time_of_day) in HOURS:
        hours = apart.astype("str").str.strip().str.extract(r"^(\d{1,2})(?:\.0*)?$")[0]
        apart = (hours + ":00").where(hours.notna(), apart.astype("str")).astype("str")
    return read_stamps(given, tz=options.tz, dates=options.conventions.dates, time_of_day=apart)


def _placing(table: Table, names: BarColumns, stamps: Stamps, interval_ns: int, options: ReadOptions) -> Placing:
    """Return which end of a bar is stamped, and how long bars are where a name or a second stamp tells it."""
    length = interval_ns
    if "end" in names.known and not names.stamps_end:
        ends = read_stamps(table.frame[names.known["end"]], tz=options.tz, dates=options.conventions.dates)
        known = (ends.ns != NO_TIME) & (stamps.ns != NO_TIME)
        lengths = (ends.ns - stamps.ns)[known]
        if not ends.problem and len(lengths) and (lengths > 0).all():
            usual = int(np.median(lengths))
            # an end may be written as the last moment inside the bar
            second = 10**9
            return Placing(stamps, options.tz, False, length or -(-usual // second) * second)
    said = options.conventions.stamps
    period = period_of(stamps.wall) if stamps.are_dates else ""
    if period and (said == "end" or (said == "auto" and not length and name_the_end(stamps.wall))):
        return Placing(stamps, options.tz, True, 0, options.at_open, period)
    if said == "end" and _are_session_dates(stamps):
        return Placing(stamps, options.tz, False, length, options.at_open)
    at_end = said == "end"
    if said == "auto":
        at_end = names.stamps_end or are_last_moments(stamps) or name_midnight_as_24(table, names, stamps)
    return Placing(
        stamps,
        options.tz,
        at_end,
        length,
        options.at_open,
        is_assumed=not at_end and said == "auto" and not options.at_open,
    )


def _period_note(table: Table, placing: Placing) -> Finding:
    message = (
        f"Dates of {table.name} are the last of each {placing.period}: each bar begins on the first day of its "
        f"{placing.period}. Pass --stamps start if the dates are those of its first day (data.stamps)."
    )
    return Finding("", "note", "period_ends", len(table.frame), table.name, message)


def _are_session_dates(stamps: Stamps) -> bool:
    known = stamps.ns != NO_TIME
    return bool(known.any()) and bool(stamps.is_date[known].all())


def _with_contracts(report: BarsReport, bars: Bars, raw: RawBars, names: BarColumns) -> BarsReport:
    """Return the report with the rolls that a column of contract names shows; those only supposed are left out."""
    label = next((names.extra[name] for name in names.extra if name in CONTRACT_COLUMNS), None)
    if label is None or len(raw.rows) != len(bars):
        return report
    given = raw.table.frame[label].iloc[raw.rows]
    texts = given.astype("str").str.strip().where(given.notna(), "").to_numpy(dtype=object)
    found = contract_changes(bars, texts)
    kept = tuple(finding for finding in report.findings if finding.rule != "roll")
    if found is None:
        return replace(report, findings=kept)
    rolls, named = found
    message = roll_text(bars, rolls, raw.table.name, named)
    return replace(
        report,
        findings=(*kept, row_finding(bars, "warning", "roll", (raw.table.name, message), rolls.rows)),
    )


def _left_out(table: Table, names: BarColumns, texts: list[str]) -> list[Finding]:
    findings = []
    if texts:
        message = f"Columns that hold no numbers were left out: {some_of(texts)} ({table.name})."
        findings.append(Finding("", "note", "text_column", len(texts), table.name, message))
    if names.unnamed:
        listed = some_of([repr(str(label)[:40]) for label in names.unnamed])
        message = (
            f"Columns without Latin letters in their name were left out: {listed} ({table.name}). Rename those that "
            "you need."
        )
        findings.append(Finding("", "note", "unnamed_column", len(names.unnamed), table.name, message))
    if table.encoding == "cp1252":
        message = f"{table.name} is not UTF-8 and was read as Windows-1252. If names look wrong, save it as UTF-8."
        findings.append(Finding("", "note", "encoding", 1, table.name, message))
    remarks = [Finding("", "note", "left_out", 1, table.name, f"{text} ({table.name}).") for text in table.remarks]
    return [*findings, *remarks]


def _misread(table: Table, names: BarColumns, stamps: Stamps) -> str:
    """Return why so many stamps are unreadable that it must be our reading; dropping such rows would be no repair."""
    unreadable = np.flatnonzero(stamps.ns == NO_TIME)
    if len(unreadable) < 2 or len(unreadable) <= _FEW * len(stamps.ns):
        return ""
    shown = table.frame[names.stamp].iloc[unreadable].astype("str")
    with_digits = unreadable[shown.str.contains(r"\d", regex=True, na=False).to_numpy(dtype=bool)]
    if len(with_digits) < 2 or len(with_digits) <= _FEW * len(stamps.ns):
        return ""
    i = int(with_digits[0])
    return (
        f"Stamps must be written in one form that exitladder knows, but {len(with_digits)} of {len(stamps.ns)} cannot "
        f"be read, first {str(table.frame[names.stamp].iloc[i])[:60]!r} ({table.place(i)}). They are not dropped by "
        "--repair. Write ISO 8601 such as 2024-01-31T15:30Z, or check --tz."
    )


def _one_symbol(
    raw: RawBars, interval_ns: int, options: ReadOptions, findings: list[Finding]
) -> tuple[Bars | None, BarsReport]:
    n_rows, source = len(raw) + sum(f.rule == "live_row" for f in findings), raw.table.name
    with_adjusting = options.adjust != "none" and "adj_close" in raw.columns
    n_snapped = snap_noise(raw.columns)
    if n_snapped:
        message = (
            f"Open or close of {n_snapped} bars of '{raw.symbol}' were outside high and low by rounding alone, less "
            f"than 1e-9 of the price, and was moved onto them ({source})."
        )
        findings.append(Finding(raw.symbol, "note", "rounding", n_snapped, source, message))
    findings += check_bars(raw, repair=options.repair)
    columns, n_adjusted, factor = raw.columns, 0, None
    if with_adjusting and not any(f.severity == "error" for f in findings):
        try:
            adjustment = adjust_prices(columns, f"'{raw.symbol}' in {source}")
        except BarsError as error:
            findings.append(Finding(raw.symbol, "error", "adjustment", 1, source, str(error)))
        else:
            n_adjusted = adjustment.n_changed
            factor = columns["adj_close"] / columns["close"] if n_adjusted else None
            kept = {name: values for name, values in columns.items() if name not in ("adj_close", *adjustment.columns)}
            columns = {**adjustment.columns, **kept}
            findings += _adjustment_text(raw, n_adjusted, adjustment.falls, sorted(set(kept) - {"volume"}))
    step, finding = _interval(raw, interval_ns, options.interval_ns or 0)
    findings += [finding] if finding else []
    volume = columns.pop("volume", None)
    volume = None if volume is None or np.isnan(volume).all() else volume
    bars = None
    if not any(f.severity == "error" for f in findings):
        prices = {name: np.ascontiguousarray(columns.pop(name)) for name in PRICES}
        bars = Bars(raw.symbol, step, raw.time, **prices, volume=volume, extra=columns, factor=factor)
        findings += notes_on(bars, source, is_adjusted=with_adjusting)
        if volume is None:
            message = f"'{raw.symbol}' has no volume ({source}); features that need it are left out."
            findings.append(Finding(raw.symbol, "note", "no_volume", len(bars), source, message))
    else:
        findings += notes_despite_errors(raw, step, adjust=with_adjusting)
    known = raw.time[raw.time != NO_TIME]
    first, last = (pd.Timestamp(int(t), tz="UTC") for t in (known.min(), known.max())) if len(known) else (None, None)
    n_bars = len(bars) if bars is not None else 0
    summary = SymbolSummary(raw.symbol, source, step, n_rows, n_bars, first, last, n_adjusted, volume is not None)
    return bars, BarsReport((summary,), tuple(findings))


def _adjustment_text(raw: RawBars, n_changed: int, falls: np.ndarray, kept: list[str]) -> list[Finding]:
    source, described = raw.table.name, []
    if n_changed:
        others = f" Other columns stay as they are: {', '.join(kept)}." if kept else ""
        message = (
            f"Prices of {n_changed} of {len(raw)} bars of '{raw.symbol}' were adjusted by adj_close / close, volume "
            f"divided by it ({source}).{others} If the entry prices of trades are as traded, commands read the bars as "
            "traded; data.adjust=adj_close or none settles it."
        )
        described.append(Finding(raw.symbol, "note", "adjusted", n_changed, source, message))
    if len(falls):
        message = (
            f"adj_close / close of '{raw.symbol}' falls by more than 5% on {len(falls)} bars, first at "
            f"{raw.place(int(falls[0]))}. Only a merger of shares does that; otherwise the source's adj_close is wrong."
        )
        described.append(
            Finding(raw.symbol, "warning", "adjustment_falls", len(falls), raw.place(int(falls[0])), message)
        )
    return described


def _interval(raw: RawBars, named_ns: int, asked_ns: int) -> tuple[int, Finding | None]:
    """Return the length of the bars: the name's unless stamps are closer, else the commonest step."""
    time = np.sort(raw.time[raw.time != NO_TIME])
    steps = np.diff(time)
    positive = steps[steps > 0]
    common = commonest_step(time[np.append(True, steps > 0)]) if len(positive) else _DAY
    if named_ns and (not len(positive) or positive.min() >= named_ns) and not _is_longer(positive, common, named_ns):
        return named_ns, None
    name, source = interval_name(common), raw.table.name
    if not _SECOND <= common <= _MONTH and common not in (named_ns, asked_ns):
        message = (
            f"Bars must be between 1 s and 1 month long, but those of '{raw.symbol}' are {pd.Timedelta(common)} apart "
            f"({raw.place(0)}). Check how stamps are written; if it is so, pass --interval or name the file so: "
            "SYMBOL-100ms.csv, SYMBOL-90d.csv."
        )
        return common, Finding(raw.symbol, "error", "interval", 1, source, message)
    if named_ns and common != named_ns:
        message = f"The name of {source} says {interval_name(named_ns)}, but its bars are {name} apart; {name} is used."
        return common, Finding(raw.symbol, "warning", "interval", 1, source, message)
    if not len(positive):
        message = f"'{raw.symbol}' has one bar and no interval in its name ({source}); 1d is assumed."
        return common, Finding(raw.symbol, "note", "interval", 1, source, message)
    return common, None


def _is_longer(steps: np.ndarray, common: int, named_ns: int) -> bool:
    """Return whether regular steps contradict a shorter length in the name: in thin trading they are irregular."""
    few = 3
    is_regular = 2 * int(np.count_nonzero(steps == common)) >= len(steps)
    return len(steps) >= few and bool(steps.min() > named_ns) and is_regular


def _failed(table: Table, symbol: str, rule: str, message: str) -> BarsReport:
    summary = SymbolSummary(symbol, table.name, 0, len(table.frame), 0, None, None, 0, False)
    return BarsReport((summary,), (Finding(symbol, "error", rule, 1, table.name, message),))


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"'{n}'" for n in names) + (" is" if len(names) == 1 else " are")


def some_of(names: list[str], most: int = 6) -> str:
    """Return the first names of a list, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
