"""``exitladder bars``: check, adjust, resample and fetch bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from exitladder.cli.inputs import load_bars, path_option, reading_options, show_report
from exitladder.cli.session import Session, example, session_command


@click.group("bars", epilog=example("exitladder bars check data/"))
def command() -> None:
    """Check, adjust, resample and fetch bars."""


def _source(function: Callable[..., Any]) -> Callable[..., Any]:
    """Accept the bars as an argument or, as in the other commands, as ``--bars``."""
    function = path_option("--bars", "Same as SOURCE.", required=False)(reading_options(function))
    return click.argument("source", required=False, type=click.Path(path_type=Path))(function)


def _one(source: Path | None, bars: Path | None) -> Path:
    if (source is None) == (bars is None):
        raise click.UsageError("Give the bars once: as SOURCE or with --bars PATH.")
    return source or bars  # type: ignore[return-value]


@command.command(
    "check",
    epilog=example(
        "exitladder bars check data/ --tz America/New_York",
        "exitladder bars check data/AAPL-1d.parquet --repair --format json",
    ),
)
@_source
@session_command
def check(session: Session, source: Path | None, bars: Path | None, repair: bool, interval: str | None) -> None:
    """Validate bars.

    Lists errors, repairs, warnings and notes. The exit code is 1 if any bars are invalid. With --repair, lists
    the repairs; files stay unchanged.
    """
    from exitladder.bars.reading import check_bar_files
    from exitladder.errors import BarsError

    data = session.settings.data
    path = _one(source, bars)
    report = check_bar_files(
        path, tz=data.tz, adjust=data.adjust, repair=repair, interval=interval, conventions=data.conventions
    )
    if session.form == "json":
        tables = {"symbols": report.symbols_frame(), "findings": report.to_frame(), "reading": report.readings_frame()}
        session.emit(tables)
    elif session.form == "csv":
        session.emit(report.to_frame())
    else:
        session.emit(report.symbols_frame())
        session.stdout.write("\n")
        session.emit(report.to_frame())
        for line in report.how_read():
            session.say(line)
    if report.errors:
        count = f"{len(report.errors)} errors" if len(report.errors) > 1 else "1 error"
        raise BarsError(f"{count} in the bars of '{path}'. First: {report.errors[0]}")


@command.command("adjust", epilog=example("exitladder bars adjust raw/ --out adjusted/"))
@_source
@path_option("--out", "Folder for one Parquet file per symbol, or a single .parquet or .csv file.")
@session_command
def adjust(
    session: Session, source: Path | None, bars: Path | None, repair: bool, interval: str | None, out: Path
) -> None:
    """Write bars adjusted by adj_close.

    Adjusts prices for splits and dividends and divides the volume by the same factor.
    """
    from exitladder.bars.writing import write_bars

    adjusted = load_bars(session, _one(source, bars), repair, interval)
    session.emit(write_bars(adjusted, out))


@command.command("resample", epilog=example("exitladder bars resample data/BTC-USD-1h.parquet --to 4h --out longer/"))
@_source
@click.option("--to", "target", required=True, metavar="LENGTH", help="Interval of the new bars, such as 4h, 1d or 1w.")
@click.option(
    "--day-tz", default="UTC", show_default=True, metavar="ZONE", help="Time zone in which days and weeks begin."
)
@path_option("--out", "Folder for one Parquet file per symbol, or a single .parquet or .csv file.")
@session_command
def resample(
    session: Session,
    source: Path | None,
    bars: Path | None,
    repair: bool,
    interval: str | None,
    target: str,
    day_tz: str,
    out: Path,
) -> None:
    """Resample bars to a longer interval.

    Drops the last bar unless its interval is complete.
    """
    from exitladder.bars.resample import resample_bars
    from exitladder.bars.writing import write_bars

    shorter = load_bars(session, _one(source, bars), repair, interval)
    session.emit(write_bars(resample_bars(shorter, target, tz=day_tz), out))


@command.command(
    "fetch",
    epilog=example(
        "exitladder bars fetch BTCUSDT --interval 1h --from 2023-01 --to 2024-12 --out BTCUSDT-1h.parquet",
        "exitladder bars fetch BTCUSDT ETHUSDT --interval 1d --from 2020-01 --out data/ --cache months/",
    ),
)
@click.argument("symbols", metavar="SYMBOL...", nargs=-1, required=True)
@click.option("--source", default="binance", show_default=True, metavar="NAME", help="Archive to download from.")
@click.option("--interval", required=True, metavar="LENGTH", help="Interval of the bars, such as 1h.")
@click.option("--from", "first", required=True, metavar="MONTH", help="First month, such as 2023-01.")
@click.option("--to", "last", metavar="MONTH", help="Last month; default: the last complete month.")
@click.option("--repair", is_flag=True, help="Repair invalid bars and report each repair.")
@click.option(
    "--base-url", envvar="EXITLADDER_BASE_URL", show_envvar=True, metavar="URL", help="URL of a mirror of the archive."
)
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Cache folder for downloaded months.")
@path_option("--out", "Folder for one Parquet file per symbol, or a single .parquet or .csv file.")
@session_command
def fetch(
    session: Session,
    symbols: tuple[str, ...],
    source: str,
    interval: str,
    first: str,
    last: str | None,
    repair: bool,
    base_url: str | None,
    cache: Path | None,
    out: Path,
) -> None:
    """Download bars from an exchange's public archive.

    Verifies the SHA-256 checksum of each month and validates the bars. Writes nothing unless every month passes.
    Missing months produce a warning. Only complete months are available, so the current month is rejected.
    """
    from exitladder.bars.archives import fetch_bars, months_from, open_archive
    from exitladder.bars.writing import write_bars

    archive = open_archive(source, base_url, cache)
    bars, report = fetch_bars(
        archive, symbols, interval, months_from(first, last), repair=repair, progress=session.progress
    )
    show_report(session, report)
    session.emit(write_bars(bars, out))
