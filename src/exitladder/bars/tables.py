"""Bars from a table: columns named, stamps read, rules checked, prices adjusted, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exitladder.bars.adjust import adjust_prices
from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.checks import RawBars, check_bars
from exitladder.bars.columns import PRICES, REQUIRED, BarColumns, bar_columns
from exitladder.bars.notes import commonest_step, notes_despite_errors, notes_on
from exitladder.bars.report import BarsReport, Finding, SymbolSummary, join_reports
from exitladder.clock import NO_TIME, interval_from_name, interval_name
from exitladder.errors import BarsError
from exitladder.files.stamps import check_tz, stamps_to_ns
from exitladder.files.tables import Table

_DAY = 86_400 * 10**9


@dataclass(frozen=True)
class ReadOptions:
    """How bars are to be read: the parameters of `exitladder.bars.reading.read_bars`."""

    tz: str
    adjust: str
    repair: bool
    interval_ns: int | None


def read_options(tz: str, adjust: str, repair: bool, interval: str | None) -> ReadOptions:
    """Return how bars are to be read, checked."""
    check_tz(tz, BarsError)
    if adjust not in ("auto", "none"):
        raise BarsError(f"adjust must be auto or none, but is {adjust!r}.")
    return ReadOptions(tz, adjust, repair, interval_from_name(interval) if interval else None)


def bars_from_frame(
    frame: pd.DataFrame,
    symbol: str = "",
    *,
    tz: str = "UTC",
    adjust: str = "auto",
    repair: bool = False,
) -> tuple[BarSet, BarsReport]:
    """Return the bars in a table, checked, and what was found in them.

    Parameters
    ----------
    frame : DataFrame
        Columns as in a file, the stamps maybe as its index; one symbol, or several in a ``symbol`` column.
    symbol : str
        The symbol where there is no such column.
    tz, adjust, repair
        As for `read_bars`.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"Open": [10.0], "High": [11.0], "Low": [9.0], "Close": [10.5]}, index=pd.DatetimeIndex(["2024-01-31"])
    ... )
    >>> bars, report = bars_from_frame(table, "ACME")
    >>> bars["ACME"].close
    array([10.5])
    """
    options = read_options(tz, adjust, repair, None)
    table = Table.from_frame(frame, f"the table of '{symbol}'" if symbol else "the table")
    good, report = bars_of_table(table, symbol or "bars", 0, options)
    if report.errors:
        raise BarsError(report.errors[0])
    return BarSet(good), report


def bars_of_table(table: Table, symbol: str, interval_ns: int, options: ReadOptions) -> tuple[list[Bars], BarsReport]:
    """Return the usable bars of a table and what was found, errors included.

    Parameters
    ----------
    table : Table
    symbol : str
        The symbol where no column tells it.
    interval_ns : int
        What the file's name says, or 0.
    options : ReadOptions
    """
    names = bar_columns(table.frame.columns)
    if names.missing:
        has = ", ".join(map(str, table.frame.columns))
        message = (
            f"Bars must have the columns {', '.join(REQUIRED[:-1])} and {REQUIRED[-1]}, but {_listed(names.missing)} "
            f"missing ({table.name} has: {has}). Name the columns so, or by a common spelling."
        )
        return [], _failed(table, symbol, "missing_column", message)
    if table.frame.empty:
        return [], _failed(table, symbol, "no_rows", f"There must be at least one bar, but {table.name} has none.")
    time = _times(table.frame, names, options.tz)
    columns, texts, problem = _numbers(table, names)
    if problem:
        return [], _failed(table, symbol, "not_a_number", problem)
    good: list[Bars] = []
    reports: list[BarsReport] = []
    for name, rows in _by_symbol(table, names, symbol):
        raw = RawBars(
            name,
            table,
            names.known["timestamp"],
            rows,
            time[rows],
            {key: values[rows] for key, values in columns.items()},
        )
        bars, report = _one_symbol(raw, interval_ns, options)
        if options.interval_ns and bars is not None and bars.interval_ns != options.interval_ns:
            continue
        good += [bars] if bars is not None else []
        reports.append(report)
    if texts:
        message = f"Columns that hold no numbers were left out: {some_of(texts)} ({table.name})."
        reports.append(BarsReport(findings=(Finding("", "note", "text_column", len(texts), table.name, message),)))
    return good, join_reports(reports)


def _times(frame: pd.DataFrame, names: BarColumns, tz: str) -> np.ndarray:
    stamps = frame[names.known["timestamp"]]
    if names.time_of_day is not None:
        stamps = stamps.astype("str") + " " + frame[names.time_of_day].astype("str")
    return stamps_to_ns(stamps, tz)


def _numbers(table: Table, names: BarColumns) -> tuple[dict[str, np.ndarray], list[str], str]:
    """Return columns of numbers, names of columns that are not, and what is wrong."""
    columns: dict[str, np.ndarray] = {}
    for name in (*PRICES, "volume", "adj_close"):
        if name not in names.known:
            continue
        given: pd.Series[Any] = table.frame[names.known[name]]
        values = pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        broken = np.isnan(values) & given.notna().to_numpy()
        if broken.any() and not pd.api.types.is_numeric_dtype(given.dtype):
            i = int(np.argmax(broken))
            return (
                {},
                [],
                f"{name} must be a number, but is {given.iloc[i]!r} ({table.place(i)}); {int(broken.sum())} rows are "
                "concerned. Write numbers with a decimal point and without thousands separators.",
            )
        columns[name] = values
    texts = []
    for name, label in names.extra.items():
        if pd.api.types.is_numeric_dtype(table.frame[label].dtype):
            columns[name] = table.frame[label].to_numpy(dtype=np.float64, na_value=np.nan)
        elif label != names.time_of_day:
            texts.append(name)
    return columns, texts, ""


def _by_symbol(table: Table, names: BarColumns, symbol: str) -> Iterator[tuple[str, np.ndarray]]:
    if "symbol" not in names.known:
        yield symbol, np.arange(len(table.frame))
        return
    given = table.frame[names.known["symbol"]]
    blank = given.isna().to_numpy()
    if blank.any():
        raise BarsError(
            f"symbol must be filled in on every row, but is blank ({table.place(int(np.argmax(blank)))}); "
            f"{int(blank.sum())} rows are concerned. Fill it in or take the rows out."
        )
    codes, uniques = pd.factorize(given.astype("str").str.strip())
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(uniques) + 1))
    for k, name in enumerate(uniques):
        yield str(name), order[edges[k] : edges[k + 1]]


def _one_symbol(raw: RawBars, interval_ns: int, options: ReadOptions) -> tuple[Bars | None, BarsReport]:
    n_rows, source = len(raw), raw.table.name
    with_adjusting = options.adjust == "auto" and "adj_close" in raw.columns
    findings = check_bars(raw, repair=options.repair)
    columns, n_adjusted = raw.columns, 0
    if with_adjusting and not any(f.severity == "error" for f in findings):
        try:
            adjustment = adjust_prices(columns, f"'{raw.symbol}' in {source}")
        except BarsError as error:
            findings.append(Finding(raw.symbol, "error", "adjustment", 1, source, str(error)))
        else:
            n_adjusted = adjustment.n_changed
            kept = {name: values for name, values in columns.items() if name not in ("adj_close", *adjustment.columns)}
            columns = {**adjustment.columns, **kept}
            findings += _adjustment_text(raw, n_adjusted, adjustment.falls, sorted(set(kept) - {"volume"}))
    step, finding = _interval(raw, interval_ns)
    findings += [finding] if finding else []
    volume = columns.pop("volume", None)
    volume = None if volume is None or np.isnan(volume).all() else volume
    bars = None
    if not any(f.severity == "error" for f in findings):
        prices = {name: np.ascontiguousarray(columns.pop(name)) for name in PRICES}
        bars = Bars(raw.symbol, step, raw.time, **prices, volume=volume, extra=columns)
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
            f"divided by it ({source}).{others} Trades must be in adjusted prices too, or read the bars with "
            "data.adjust=none."
        )
        described.append(Finding(raw.symbol, "note", "adjusted", n_changed, source, message))
    if len(falls):
        message = (
            f"adj_close / close of '{raw.symbol}' falls by more than 5 % on {len(falls)} bars, first at "
            f"{raw.place(int(falls[0]))}. Only a merger of shares does that; otherwise the source's adj_close is wrong."
        )
        described.append(
            Finding(raw.symbol, "warning", "adjustment_falls", len(falls), raw.place(int(falls[0])), message)
        )
    return described


def _interval(raw: RawBars, named_ns: int) -> tuple[int, Finding | None]:
    """Return the length of the bars: the name's unless stamps lie closer, else the commonest step."""
    time = np.sort(raw.time[raw.time != NO_TIME])
    steps = np.diff(time)
    positive = steps[steps > 0]
    if named_ns and (not len(positive) or positive.min() >= named_ns):
        return named_ns, None
    common = commonest_step(time[np.append(True, steps > 0)]) if len(positive) else _DAY
    name, source = interval_name(common), raw.table.name
    if named_ns and common != named_ns:
        message = f"The name of {source} says {interval_name(named_ns)}, but its bars are {name} apart; {name} is used."
        return common, Finding(raw.symbol, "warning", "interval", 1, source, message)
    if not len(positive):
        message = f"'{raw.symbol}' has one bar and no interval in its name ({source}); 1d is assumed."
        return common, Finding(raw.symbol, "note", "interval", 1, source, message)
    return common, None


def _failed(table: Table, symbol: str, rule: str, message: str) -> BarsReport:
    summary = SymbolSummary(symbol, table.name, 0, len(table.frame), 0, None, None, 0, False)
    return BarsReport((summary,), (Finding(symbol, "error", rule, 1, table.name, message),))


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"'{n}'" for n in names) + (" is" if len(names) == 1 else " are")


def some_of(names: list[str], most: int = 6) -> str:
    """Return the first names of a list, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
