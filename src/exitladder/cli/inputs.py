"""How commands take bars and trades, and tell what was found in them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.session import Session

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet
    from exitladder.bars.report import BarsReport
    from exitladder.trades.trades import PlacedTrades, Trades

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
# how many warnings of one kind are shown before the rest is counted
_SHOWN = 5


def path_option(name: str, what: str, *, required: bool = True) -> Decorator:
    """Return an option that names a file or folder."""
    metavar = "PATH" if "bars" in name else "DIR" if name == "--out" and "older" in what else "FILE"
    return click.option(name, type=click.Path(path_type=Path), required=required, metavar=metavar, help=what)


def bars_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--bars`` and how they are read."""
    return path_option("--bars", "Bars: a file, or a folder of files.")(reading_options(function))


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say how bars are read."""
    options: tuple[Callable[..., Any], ...] = (
        click.option("--tz", metavar="ZONE", help="Time zone of stamps that carry none (data.tz)."),
        click.option("--repair", is_flag=True, help="Mend bars that break a rule, and say so."),
        click.option("--interval", metavar="LENGTH", help="Read only bars of this length, such as 1h, from a folder."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def load_bars(session: Session, path: Path, repair: bool, interval: str | None) -> BarSet:
    """Return the bars of a path; warnings go to stderr."""
    from exitladder.bars.reading import read_bars

    data = session.settings.data
    bars, report = read_bars(path, tz=data.tz, adjust=data.adjust, repair=repair, interval=interval)
    tell(session, report)
    return bars


def tell(session: Session, report: BarsReport) -> None:
    """Write the report's warnings to stderr, and how many notes there are."""
    for message in report.warnings[:_SHOWN]:
        session.warn(message)
    if len(report.warnings) > _SHOWN:
        session.warn(f"{len(report.warnings) - _SHOWN} more; `exitladder bars check` lists all.")
    adjusted = sum(s.n_adjusted > 0 for s in report.symbols)
    if adjusted:
        session.say(f"prices of {adjusted} of {len(report.symbols)} symbols were adjusted by adj_close")


@dataclass(frozen=True)
class TradeFiles:
    """A file of trades, and the file of their fills where there is one."""

    trades: Path
    fills: Path | None = None


def trades_options(what: str) -> Decorator:
    """Give a command ``--trades`` and ``--fills``; its function gets both as `trades`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, trades: Path, fills: Path | None, **options: Any) -> Any:
            return function(*args, trades=TradeFiles(trades, fills), **options)

        with_fills = path_option("--fills", "Fills of these trades: partial exits, several entries.", required=False)(
            run
        )
        return path_option("--trades", what)(with_fills)

    return decorate


def load_trades(session: Session, source: Path | TradeFiles, bars: BarSet | None = None) -> Trades:
    """Return the trades of a file; with bars, checked against them."""
    from exitladder.trades.checks import check_trades_on_bars
    from exitladder.trades.files import read_trades
    from exitladder.trades.trades import place_trades

    files = source if isinstance(source, TradeFiles) else TradeFiles(source)
    trades = read_trades(files.trades, fills=files.fills, tz=session.settings.data.tz)
    if trades.n_entries is not None and (trades.n_entries > 1).any():
        session.say(
            f"{int((trades.n_entries > 1).sum())} of {len(trades)} positions have several entries: each is judged from "
            "its last entry on, at the average price of what was held then"
        )
    if bars is not None:
        placed = place_trades(trades, bars)
        check_trades_on_bars(placed)
        _warn_of_exits(session, placed)
    return trades


def _warn_of_exits(session: Session, placed: PlacedTrades) -> None:
    """Warn of own exits at prices that were not traded: such trades are no baseline."""
    from exitladder.plans.units import Distance
    from exitladder.trades.checks import fills_outside_bars

    stop = Distance.parse(session.settings.labels.initial_stop, "labels.initial_stop")
    outside = fills_outside_bars(placed, stop)
    exits = outside[outside["fill"] == "exit"]
    for row in exits.head(_SHOWN).itertuples():
        session.warn(
            f"own exit of trade '{row.trade_id}' at {row.price:.10g} ({row.time:%Y-%m-%d %H:%M}) is outside its bar "
            f"({row.low:.10g} to {row.high:.10g}). Your own exit of this trade is not used as a baseline; correct it."
        )
    if len(exits) > _SHOWN:
        session.warn(f"{len(exits) - _SHOWN} more exits outside their bar; `exitladder trades check` lists the worst.")
