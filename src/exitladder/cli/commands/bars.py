"""``exitladder bars``: check, adjust, resample, fetch and update bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from exitladder.cli.inputs import given_once, load_bars, out_option, path_option, reading_options, show_report
from exitladder.cli.session import Session, example, session_command


@click.group("bars", epilog=example("exitladder bars check data/"))
def command() -> None:
    """Check, adjust, resample, fetch and update bars."""


def _source(function: Callable[..., Any]) -> Callable[..., Any]:
    """Accept the bars as an argument or, as in the other commands, as ``--bars``."""
    function = path_option("--bars", "Same as SOURCE.", required=False)(reading_options(function))
    return click.argument("source", required=False, type=click.Path(path_type=Path))(function)


def _one(source: Path | None, bars: Path | None) -> Path:
    return given_once(source, bars, "Give the bars once: as SOURCE or with --bars PATH.")


@command.command(
    "check",
    epilog=example(
        "exitladder bars check data/ --tz America/New_York",
        "exitladder bars check data/AAPL-1d.parquet --rows bad_rows.csv --format json",
    ),
)
@_source
@path_option("--rows", "File for every affected row (.csv or .parquet).", required=False)
@session_command
def check(
    session: Session, source: Path | None, bars: Path | None, repair: bool, interval: str | None, rows: Path | None
) -> None:
    """Validate bars.

    Reports all problems at once, the worst first: counts, the three worst rows, assumptions, next steps. Exit code 1
    if any bars cannot be used as they are. With --repair it shows the repairs. --rows writes every affected row.
    """
    from exitladder.bars.checking.check_screen import check_screen, with_unfinished
    from exitladder.bars.reading import check_bar_files
    from exitladder.errors import BarsError
    from exitladder.files.output import write_table

    data = session.settings.data
    path = _one(source, bars)
    found = check_bar_files(
        path,
        tz=data.tz,
        adjust=data.adjust,
        repair=repair,
        interval=interval,
        conventions=data.conventions,
        progress=session.progress,
    )
    report = with_unfinished(found)
    if rows is not None:
        write_table(report.rows_frame(), rows)
    screen = check_screen(report, path, rows)
    if session.form == "json":
        session.emit(
            {
                "symbols": report.symbols_frame(),
                "findings": report.to_frame(),
                "worst_rows": report.worst_rows(),
                "assumed": list(report.assumed),
                "next_steps": list(screen.next_steps),
                "reading": report.readings_frame(),
            }
        )
    elif session.form == "csv":
        session.emit(report.to_frame())
    else:
        for title, part in screen.parts:
            session.write(f"{title}\n")
            if len(part):
                session.show(part)
            session.write("\n")
        session.write("\n".join(screen.lines) + "\n")
        for line in report.how_read():
            session.say(line)
    if report.errors:
        count = f"{len(report.errors)} rules are" if len(report.errors) > 1 else "One rule is"
        raise BarsError(f"{count} broken in the bars of '{path}'. The worst: {report.errors[0]}")


@command.command(
    "adjust",
    epilog=example(
        "exitladder bars adjust raw/ --out adjusted/",
        "exitladder bars adjust raw/ --split AAPL,2020-08-31,4:1 --out adjusted/",
        "exitladder bars adjust raw/ --actions actions.csv --out adjusted/",
    ),
)
@_source
@click.option("--split", "splits", multiple=True, metavar="SYMBOL,DATE,RATIO", help="A split; may be repeated.")
@path_option("--actions", "Splits and dividends: symbol, date, split or dividend (.csv or .parquet).", required=False)
@out_option("Folder for one Parquet file per symbol, or one .parquet or .csv file.", "either")
@session_command
def adjust(
    session: Session,
    source: Path | None,
    bars: Path | None,
    repair: bool,
    interval: str | None,
    splits: tuple[str, ...],
    actions: Path | None,
    out: Path,
) -> None:
    """Write bars adjusted for splits and dividends.

    Uses adj_close, and the splits and actions that you pass. Prices before a split are divided by its ratio, volumes
    are multiplied by it. A ratio that the prices do not show is rejected.
    """
    from exitladder.bars.actions import apply_actions, parse_split, read_actions
    from exitladder.bars.writing import write_bars

    given = [parse_split(text) for text in splits] + (read_actions(actions) if actions else [])
    adjusted = load_bars(session, _one(source, bars), repair, interval)
    if given:
        adjusted = apply_actions(adjusted, given)
    session.show(write_bars(adjusted, out, session.progress))


@command.command("resample", epilog=example("exitladder bars resample data/BTC-USD-1h.parquet --to 4h --out longer/"))
@_source
@click.option("--to", "target", required=True, metavar="LENGTH", help="Interval of the new bars, such as 4h, 1d or 1w.")
@click.option(
    "--day-tz", default="UTC", show_default=True, metavar="ZONE", help="Time zone in which days and weeks begin."
)
@out_option("Folder for one Parquet file per symbol, or a single .parquet or .csv file.", "either")
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
    longer = resample_bars(shorter, target, tz=day_tz, progress=session.progress)
    session.show(write_bars(longer, out, session.progress))


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
@out_option("Folder for one Parquet file per symbol, or a single .parquet or .csv file.", "either")
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
    session.show(write_bars(bars, out, session.progress))


@command.command(
    "update",
    epilog=example(
        "exitladder bars update data/ today.csv",
        "exitladder bars update data/AAPL-1d.parquet AAPL.csv --asof 2024-06-28T21:00Z",
        "exitladder bars update data/ today.txt --symbol NQ --stamps end --tz America/New_York",
    ),
)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("newer", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--asof", metavar="TIME", help="Leave out bars that end after this time; the present by default.")
@reading_options
@session_command
def update(session: Session, path: Path, newer: Path, asof: str | None, repair: bool, interval: str | None) -> None:
    """Append newer bars to stored ones.

    Bars in both must agree; only the last stored bar may differ, and is replaced. Unfinished bars are left out. PATH
    is a file of bars or a folder of SYMBOL-INTERVAL.parquet files; it is rewritten as a whole or not at all. The
    options for reading apply to FILE, as in `bars check`.
    """
    from exitladder.bars.reading import read_bars
    from exitladder.bars.update import update_bars, updates_frame

    tz, conventions = session.settings.data.tz, session.settings.data.conventions
    bars, report = read_bars(
        newer,
        tz=tz,
        adjust="none",
        repair=repair,
        interval=interval,
        conventions=conventions,
        progress=session.progress,
    )
    show_report(session, report)
    moment = _moment(asof, tz) if asof else None
    done = update_bars(path, bars, asof_ns=moment, tz=tz, conventions=conventions)
    for one in done:
        if one.gap:
            session.warn(
                f"'{one.symbol}' has a gap before the newer bars: nothing overlaps, so the join is not checked."
            )
    session.show(updates_frame(done))


def _moment(text: str, tz: str) -> int:
    import pandas as pd

    from exitladder.clock import NO_TIME
    from exitladder.files.stamps import stamps_to_ns

    moment = int(stamps_to_ns(pd.Series([text], dtype="str"), tz)[0])
    if moment == NO_TIME:
        raise click.BadParameter(f"must be a stamp such as 2024-01-31T15:30Z, but is {text!r}.", param_hint="'--asof'")
    return moment
