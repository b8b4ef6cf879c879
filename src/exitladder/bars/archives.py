"""Bars from an exchange's public archive of monthly files, each verified against its SHA-256."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from exitladder.bars.bars import Bars, BarSet
from exitladder.bars.checking.report import BarsReport, Finding, join_reports
from exitladder.bars.layouts.klines import bars_in_zip, most_bytes
from exitladder.bars.tables import ReadOptions, bars_of_table, read_options
from exitladder.clock import stamp_text
from exitladder.errors import BarsError, InputFileError, did_you_mean
from exitladder.files.output import write_bytes
from exitladder.files.tables import Table
from exitladder.files.web import check_base_url, is_at_address, read_address
from exitladder.runtime.progress import SILENT, Advance, Progress


@dataclass(frozen=True)
class Source:
    """Where an exchange publishes its bars, a zip file of klines a month, each with a ``.CHECKSUM`` beside it.

    Parameters
    ----------
    base_url : str
    path : str
        Of a month's file below `base_url`, with ``{symbol}``, ``{interval}`` and ``{month}`` (YYYY-MM).
    intervals : tuple of str
        Lengths of bars that are published; those without a fixed length, such as months, are left out.
    """

    base_url: str
    path: str
    intervals: tuple[str, ...]


SOURCES = {
    "binance": Source(
        "https://data.binance.vision",
        "data/spot/monthly/klines/{symbol}/{interval}/{symbol}-{interval}-{month}.zip",
        ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"),
    ),
}


@dataclass(frozen=True)
class Archive:
    """A source, the address at which it is asked, and the folder that keeps its months.

    Parameters
    ----------
    source : Source
    base_url : str
        Without a slash at its end.
    cache : path or None
        A month in it is used again if its SHA-256 is still the archive's.
    """

    source: Source
    base_url: str
    cache: Path | None = None

    def month(self, symbol: str, interval: str, month: pd.Period, limit: int) -> bytes | None:
        """Return the file of a month, verified, or None where the archive has none.

        Parameters
        ----------
        symbol : str
            As the archive spells it.
        interval : str
            Length of the bars, such as ``1h``.
        month : Period
            A calendar month, UTC.
        limit : int
            Size of the largest file to accept, in bytes.

        Returns
        -------
        bytes or None
            The content of the zip file, equal to its SHA-256 checksum.

        Raises
        ------
        InputFileError
            If it cannot be read, has no checksum or does not match it.
        """
        address = self.address(symbol, interval, month)
        name = address.rpartition("/")[2]
        described = read_address(f"{address}.CHECKSUM", 4096)
        if described is None:
            if is_at_address(address):
                raise InputFileError(
                    f"Every month must be verified against its SHA-256, but there is no '{address}.CHECKSUM'. Fetch "
                    "the months before and after it apart, or name another mirror with --base-url."
                )
            return None
        expected = _checksum(described, f"{address}.CHECKSUM")
        kept = self.cache / urllib.parse.unquote(name) if self.cache else None
        if kept and kept.is_file() and kept.stat().st_size <= limit:
            content = kept.read_bytes()
            if _sha256(content) == expected:
                return content
        fetched = read_address(address, limit)
        if fetched is not None and _sha256(fetched) != expected:
            raise InputFileError(
                f"The SHA-256 of {name} must be {expected}, as its CHECKSUM says, but is {_sha256(fetched)} "
                f"({address}). Fetch it again; if it stays so, the archive contradicts itself: fetch the months before "
                "and after it apart, or name another mirror with --base-url."
            )
        if fetched is not None and kept:
            write_bytes(fetched, kept)
        return fetched

    def address(self, symbol: str, interval: str, month: pd.Period) -> str:
        """Return the address of a month's file.

        Parameters
        ----------
        symbol : str
            As the archive spells it.
        interval : str
            Length of the bars, such as ``1h``.
        month : Period
            A calendar month, UTC.

        Returns
        -------
        str
        """
        path = self.source.path.format(symbol=urllib.parse.quote(symbol), interval=interval, month=month)
        return f"{self.base_url}/{path}"


def open_archive(source: str = "binance", base_url: str | None = None, cache: str | Path | None = None) -> Archive:
    """Return an archive that can be asked for bars; nothing is asked yet.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    base_url : str, optional
        Address of a mirror; by default the source's own.
    cache : path, optional
        Folder that keeps the downloaded files. Without it, no file is kept.

    Returns
    -------
    Archive

    Raises
    ------
    BarsError
        If there is no such source.
    InputFileError
        If `base_url` is no web address.
    """
    if source not in SOURCES:
        raise BarsError(f"Unknown source '{source}'. {did_you_mean(source, SOURCES)}")
    found = SOURCES[source]
    return Archive(found, check_base_url(base_url or found.base_url), Path(cache) if cache else None)


def months_from(first: str, last: str | None = None) -> list[pd.Period]:
    """Return the months from one to another, both included.

    Parameters
    ----------
    first, last : str
        Such as ``2023-01``. Without `last`, up to the month that ended last (UTC).

    Raises
    ------
    BarsError
        If a text is no month, the first comes after the last, or a month is not over.

    Examples
    --------
    >>> [str(month) for month in months_from("2023-11", "2024-01")]
    ['2023-11', '2023-12', '2024-01']
    """
    running = _running_month()
    months = []
    for option, text in (("--from", first), ("--to", last or str(running - 1))):
        if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
            raise BarsError(f"{option} must be a month such as 2023-01, but is {text!r}.")
        months.append(pd.Period(text, "M"))
        if months[-1] >= running:
            raise BarsError(
                f"{option} must be a month that is over, but {text} is not: the archive has complete months only. "
                f"The latest possible is {running - 1}."
            )
    if months[0] > months[1]:
        raise BarsError(f"--from must not come after --to, but {months[0]} comes after {months[1]}. Swap them.")
    return list(pd.period_range(months[0], months[1], freq="M"))


def fetch_bars(
    archive: Archive,
    symbols: Iterable[str],
    interval: str,
    months: Sequence[pd.Period],
    *,
    repair: bool = False,
    progress: Progress = SILENT,
) -> tuple[BarSet, BarsReport]:
    """Return the bars of some symbols and months from an archive, checked, with the findings.

    Parameters
    ----------
    archive : Archive
    symbols : iterable of str
        As the exchange writes them, such as ``BTCUSDT``; small letters are read as capitals.
    interval : str
        One of the source's.
    months : sequence of Period
        See `months_from`. A missing month is a warning, unless all are missing.
    repair : bool
        As for `exitladder.bars.reading.read_bars`.
    progress : Progress

    Returns
    -------
    BarSet
        With the series quote_volume, n_trades, taker_volume and taker_quote_volume.
    BarsReport

    Raises
    ------
    InputFileError
        If a file cannot be read, or does not fit its checksum.
    BarsError
        If the archive has no such bars, or bars break a rule.
    """
    names = [_symbol(text) for text in dict.fromkeys(symbol.upper() for symbol in symbols)]
    if interval not in archive.source.intervals:
        offered = ", ".join(archive.source.intervals)
        raise BarsError(f"The archive must offer the interval, but {interval!r} is not among its own: {offered}.")
    options = read_options("UTC", "none", repair, interval)
    members, reports = [], []
    with progress.stage("months", len(names) * len(months)) as advance:
        for name in names:
            bars, report = _one_symbol(archive, name, interval, months, options, advance)
            members.append(bars)
            reports.append(report)
    return BarSet(members), join_reports(reports)


def _one_symbol(
    archive: Archive,
    symbol: str,
    interval: str,
    months: Sequence[pd.Period],
    options: ReadOptions,
    advance: Advance,
) -> tuple[Bars, BarsReport]:
    found: dict[pd.Period, Bars] = {}
    repaired: list[Finding] = []
    for month in months:
        address = archive.address(symbol, interval, month)
        content = archive.month(symbol, interval, month, most_bytes(month, options.interval_ns or 1))
        if content is not None:
            name = urllib.parse.unquote(address.rpartition("/")[2])
            found[month], report = bars_in_zip(content, name, month, symbol, options)
            repaired += report.of_severity("repaired")
        advance(1)
    if not found:
        raise BarsError(
            f"There must be {interval} bars of '{symbol}' in one of the months {months[0]} to {months[-1]}, but the "
            f"archive has none (404, such as '{archive.address(symbol, interval, months[-1])}'). Check how the "
            "exchange writes the symbol and when it was traded; a month appears some days after it ends."
        )
    table = Table.from_frame(
        pd.concat([bars.to_frame() for bars in found.values()]), f"the months of '{symbol}' from the archive"
    )
    good, report = bars_of_table(table, symbol, options.interval_ns or 0, options)
    if report.errors:
        raise BarsError(report.errors[0])
    findings = (*_missing(symbol, months, found), *repaired, *report.findings)
    return good[0], BarsReport(report.symbols, findings)


def _missing(symbol: str, months: Sequence[pd.Period], found: dict[pd.Period, Bars]) -> list[Finding]:
    """Return a warning for each run of missing months."""
    runs: list[list[pd.Period]] = []
    for month in months:
        if month in found:
            continue
        if runs and runs[-1][-1] + 1 == month:
            runs[-1].append(month)
        else:
            runs.append([month])
    return [
        Finding(symbol, "warning", "missing_month", len(run), str(run[0]), _run_text(symbol, run, found))
        for run in runs
    ]


def _run_text(symbol: str, run: list[pd.Period], found: dict[pd.Period, Bars]) -> str:
    span = str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}"
    before, after = found.get(run[0] - 1), found.get(run[-1] + 1)
    if before is None:
        what = f"the first available is {run[-1] + 1}"
    elif after is None:
        what = f"the last available is {run[0] - 1}; a month appears some days after it ends"
    else:
        edges = (int(before.time[-1]), int(after.time[0]))
        what = f"a gap between the bars of {stamp_text(edges[0])} and {stamp_text(edges[1])}"
    return f"The archive has no bars of '{symbol}' for {span} (404): {what}."


def _checksum(described: bytes, address: str) -> str:
    match = re.match(rb"\s*([0-9a-fA-F]{64})\b", described)
    if not match:
        raise InputFileError(
            f"A CHECKSUM must begin with 64 hexadecimal digits, but '{address}' begins with "
            f"{described[:40].decode(errors='replace')!r}. Check the address, or name another mirror with --base-url."
        )
    return match[1].decode().lower()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _symbol(text: str) -> str:
    if not text.isalnum():
        raise BarsError(f"A symbol must be written as the exchange does, such as BTCUSDT, but is {text!r}.")
    return text


def _running_month() -> pd.Period:
    now = datetime.now(UTC)
    return pd.Period(year=now.year, month=now.month, freq="M")
