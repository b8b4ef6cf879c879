"""Reading of bars and trades for commands, with a report of the findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.session import Session

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet
    from exitladder.bars.report import BarsReport
    from exitladder.trades.trades import Trades

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
# number of warnings shown before the rest is only counted
_SHOWN = 5


def path_option(name: str, text: str, *, required: bool = True) -> Decorator:
    """Return an option for the path of a file or folder.

    Parameters
    ----------
    name : str
        Name of the option, such as ``--out``.
    text : str
        Its help.
    required : bool

    Returns
    -------
    callable
        Decorator of a command.
    """
    metavar = "PATH" if "bars" in name else "DIR" if name == "--out" and "older" in text else "FILE"
    return click.option(name, type=click.Path(path_type=Path), required=required, metavar=metavar, help=text)


def bars_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--bars`` and the options for reading bars to a command."""
    return path_option("--bars", "Bars: a file or a folder of files.")(reading_options(function))


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for reading bars to a command."""
    options: tuple[Callable[..., Any], ...] = (
        click.option("--tz", metavar="ZONE", help="Time zone of timestamps without one (data.tz)."),
        click.option("--repair", is_flag=True, help="Repair invalid bars and report each repair."),
        click.option("--interval", metavar="LENGTH", help="Read only bars of this interval from a folder, e.g. 1h."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def load_bars(session: Session, path: Path, repair: bool, interval: str | None) -> BarSet:
    """Return the bars of a file or folder; warnings go to stderr.

    Parameters
    ----------
    session : Session
    path : Path
    repair : bool
        Whether to repair invalid bars.
    interval : str or None
        Read only bars of this interval from a folder.

    Returns
    -------
    BarSet

    Raises
    ------
    BarsError
        If the bars are invalid.
    InputFileError
        If a file cannot be read.
    """
    from exitladder.bars.reading import read_bars

    data = session.settings.data
    bars, report = read_bars(path, tz=data.tz, adjust=data.adjust, repair=repair, interval=interval)
    show_report(session, report)
    return bars


def show_report(session: Session, report: BarsReport) -> None:
    """Write the report's warnings to stderr, and the number of adjusted symbols."""
    for message in report.warnings[:_SHOWN]:
        session.warn(message)
    if len(report.warnings) > _SHOWN:
        session.warn(f"{len(report.warnings) - _SHOWN} more warnings; `exitladder bars check` lists all.")
    adjusted = sum(s.n_adjusted > 0 for s in report.symbols)
    if adjusted:
        session.say(f"prices of {adjusted} of {len(report.symbols)} symbols were adjusted by adj_close")


def load_trades(session: Session, path: Path, bars: BarSet | None = None) -> Trades:
    """Return the trades of a file, checked against the bars if given.

    Parameters
    ----------
    session : Session
    path : Path
    bars : BarSet, optional

    Returns
    -------
    Trades

    Raises
    ------
    TradesError
        If the trades are invalid or do not fit the bars.
    """
    from exitladder.trades.checks import check_trades_on_bars
    from exitladder.trades.files import read_trades
    from exitladder.trades.trades import place_trades

    trades = read_trades(path, tz=session.settings.data.tz)
    if bars is not None:
        check_trades_on_bars(place_trades(trades, bars))
    return trades
