"""Dates and times of day in separate columns, joined."""

from __future__ import annotations

import pandas as pd

from exitladder.errors import TradesError
from exitladder.importers.decode import HOLES, date_order
from exitladder.importers.prepared import Prepared
from exitladder.importers.profiles import ZONE_BEHIND, key_of

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?(?:\s+[A-Za-z/_]+)?"
_DIGITS = r"\d{3,6}"
_DATES = {
    "time": ("date", "tradedate", "filldate", "execdate", "executiondate", "activitydate", "transactiondate", "datum",
             "fecha", "data", "day", "handelsdatum", "dateutc"),
    "entry_time": ("entrydate", "opendate", "dateopened", "openeddate", "buydate", "datein", "entryday", "date"),
    "exit_time": ("exitdate", "closedate", "dateclosed", "closeddate", "selldate", "dateout", "exitday"),
}  # fmt: skip
_CLOCKS = {
    "time": ("time", "tradetime", "filltime", "exectime", "executiontime", "transactiontime", "zeit", "uhrzeit", "tijd",
             "hora", "heure", "ora", "timeutc"),
    "entry_time": ("entrytime", "opentime", "timeopened", "openedtime", "buytime", "timein", "time"),
    "exit_time": ("exittime", "closetime", "timeclosed", "closedtime", "selltime", "timeout"),
}  # fmt: skip


def join_times(prepared: Prepared) -> None:
    """Join a date and a time of day that the file holds in two columns.

    Raises
    ------
    TradesError
        If a column holds times of day alone and no column their dates.
    """
    frame = prepared.frame
    for name in ("time", "entry_time", "exit_time"):
        if name not in frame:
            continue
        given = _plain(frame[name])
        header = prepared.found.headers.get(name, name)
        if _are_clocks(given):
            date = _column(prepared, _DATES[name])
            if date is None:
                raise TradesError(
                    f"Each {name.replace('_', ' ')} must have a date, but the column '{header}' of "
                    f"{prepared.found.sheet.name} holds times of day alone, such as {given[given != ''].iloc[0]!r}, "
                    "and no column is known as their dates. Rename the column with the dates to "
                    f"{'date' if name == 'time' else name.replace('time', 'date')}."
                )
            frame[name] = _joined(date[1], given)
            prepared.notes.append(f"{name}: from the columns '{date[0]}' and '{header}'")
        elif not given.str.contains(":").any():
            clock = _column(prepared, _CLOCKS[name])
            if clock is not None and _are_clocks(clock[1], has_digits=True):
                frame[name] = _joined(given, clock[1])
                prepared.notes.append(f"{name}: from the columns '{header}' and '{clock[0]}'")


def settle_dates(prepared: Prepared) -> None:
    """Settle the order of day and month by all rows, those included that are left out later."""
    times = {name: prepared.frame[name] for name in ("time", "entry_time", "exit_time") if name in prepared.frame}
    if prepared.dates == "auto":
        prepared.dates = date_order(times, prepared.found.sheet.name)


def zone_of_header(prepared: Prepared) -> None:
    """Put the offset of a header such as `Time(UTC+8)` behind each stamp that has a time of day and no zone."""
    frame = prepared.frame
    for name in ("time", "entry_time", "exit_time"):
        found = ZONE_BEHIND.search(prepared.found.headers.get(name, "")) if name in frame else None
        if found is None:
            continue
        offset = f"{found['sign'] or '+'}{int(found['hour'] or 0):02d}:{found['minute'] or '00'}"
        has_time = frame[name].str.contains(":") & ~frame[name].str.contains(r"[+-]\d\d:?\d\d$|Z$")
        frame[name] = frame[name].where(~has_time, frame[name] + offset)
        prepared.notes.append(f"{name}: UTC{offset}, as the header '{prepared.found.headers[name]}' says")


def _plain(texts: pd.Series) -> pd.Series:
    clean = texts.astype("str").str.strip()
    return clean.where(~clean.str.lower().isin(HOLES), "")


def _are_clocks(texts: pd.Series, *, has_digits: bool = False) -> bool:
    """Return whether all filled cells are times of day; digits such as 093000 count beside a column of dates."""
    filled = texts[texts != ""]
    # a workbook writes a time as 09:30:00, and maybe a day before it
    pattern = f"(?:{_CLOCK})|(?:{_DIGITS})" if has_digits else _CLOCK
    return bool(len(filled)) and bool(filled.str.fullmatch(pattern).all())


def _column(prepared: Prepared, keys: tuple[str, ...]) -> tuple[str, pd.Series] | None:
    """Return the first column of the file under one of these names that the profile does not read."""
    rest = prepared.found.rest
    for key in keys:
        for header in rest.columns:
            if key_of(str(header)) == key:
                texts = _plain(rest[header])
                if (texts != "").any():
                    return str(header), texts
    return None


def _joined(date: pd.Series, clock: pd.Series) -> pd.Series:
    digits = clock.str.fullmatch(r"\d+")
    if digits.any():
        clock = clock.where(~digits, clock.str.zfill(6 if int(clock[digits].str.len().max()) > 4 else 4))
    # a date from a workbook or a page may carry midnight
    day = date.str.replace(r"[T ]00:00(?::00(?:\.0+)?)?$", "", regex=True)
    return (day + " " + clock).str.strip().where(date != "", "").astype(object)
