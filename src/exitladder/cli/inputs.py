"""Reading of bars and trades for commands, with a report of the findings."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.session import Session
from exitladder.files.places import PlaceKind, check_place

if TYPE_CHECKING:
    from exitladder.arrays import BoolArray
    from exitladder.bars.bars import BarSet
    from exitladder.bars.checking.report import BarsReport
    from exitladder.plans.units import Distance
    from exitladder.trades.trades import PlacedTrades, Trades

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
    metavar = "PATH" if "bars" in name else "FILE"
    return click.option(name, type=click.Path(path_type=Path), required=required, metavar=metavar, help=text)


def out_option(
    text: str,
    kind: PlaceKind = "file",
    endings: tuple[str, ...] = (),
    *,
    name: str = "--out",
    required: bool = True,
    default: Path | None = None,
) -> Decorator:
    """Return the option for the place of a result, which is checked before the command begins.

    Parameters
    ----------
    text : str
        Its help.
    kind : {"file", "folder", "either"}
    endings : tuple of str
        Endings that a file may have; any if empty.
    name : str
        Name of the option.
    required : bool
    default : path, optional

    Returns
    -------
    callable
        Decorator of a command.
    """

    def checked(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        if path is not None:
            check_place(path, kind, endings)
        return path

    # a default of None is a value for click, so that a required option could be left out
    given: dict[str, Any] = {} if default is None else {"default": default, "show_default": True}
    return click.option(
        name,
        type=click.Path(path_type=Path),
        required=required and default is None,
        **given,
        metavar="FILE" if kind == "file" else "DIR",
        callback=checked,
        help=text,
    )


def given_once(source: Path | None, option: Path | None, rule: str) -> Path:
    """Return the one path that was given as an argument or as an option.

    Parameters
    ----------
    source, option : path, optional
    rule : str
        The message if neither or both are given.

    Returns
    -------
    path
    """
    if source is not None and option is None:
        return source
    if option is not None and source is None:
        return option
    raise click.UsageError(rule)


def bars_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--bars`` and the options for reading bars to a command."""
    return path_option("--bars", "Bars: a file or a folder of files.")(reading_options(function))


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for reading bars to a command."""
    options = (
        click.option("--columns", callback=_names, metavar="NAMES", help="Columns of bars without a header line."),
        click.option(
            "--stamps", type=click.Choice(["start", "end"]), help="Whether timestamps mark the start or end of a bar."
        ),
        click.option("--symbol", metavar="NAME", help="Symbol of the bars, if the file has only one (data.symbol)."),
        click.option("--symbol-map", metavar="FILE", help="CSV of two columns: symbol in the bars, and its new name."),
        click.option("--repair", is_flag=True, help="Repair invalid bars and report each repair."),
        click.option("--interval", metavar="LENGTH", help="Read only bars of this length, such as 1h, from a folder."),
    )
    for option in reversed(options):
        function = option(function)
    return file_options(function)


def file_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how timestamps and numbers of any file are read to a command."""
    options = (
        click.option("--tz", metavar="ZONE", help="Time zone of timestamps without one (data.tz)."),
        click.option("--dayfirst", is_flag=True, default=None, help="Dates such as 01/02/2024 begin with the day."),
        click.option("--monthfirst", is_flag=True, default=None, help="Dates such as 01/02/2024 begin with the month."),
        click.option("--decimal", type=click.Choice([".", ","]), help="Decimal mark of numbers (data.decimal)."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _names(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def load_bars(
    session: Session, path: Path, repair: bool, interval: str | None, *, unfinished: str = "leave_out"
) -> BarSet:
    """Return the bars of a path; warnings go to stderr.

    Parameters
    ----------
    session : Session
    path : path
    repair : bool
    interval : str, optional
        As for `exitladder.bars.reading.read_bars`.
    unfinished : {"leave_out", "ask", "keep"}
        What to do with a newest bar that may still be forming by the clock: leave it out, refuse where its session
        is not known, or keep it because the moment is given otherwise.

    Returns
    -------
    BarSet
    """
    return _shown(session, *_read_bars(session, path, repair, interval), unfinished)


def _read_bars(session: Session, path: Path, repair: bool, interval: str | None) -> tuple[BarSet, BarsReport]:
    from exitladder.bars.reading import read_bars

    data = session.settings.data
    return read_bars(
        path,
        tz=data.tz,
        adjust=data.adjust,
        repair=repair,
        interval=interval,
        conventions=data.conventions,
        progress=session.progress,
    )


def _shown(session: Session, bars: BarSet, report: BarsReport, unfinished: str) -> BarSet:
    """Return finished bars; the warnings of their report go to stderr."""
    show_report(session, report)
    _tell_of_feature_names(session, bars)
    return bars if unfinished == "keep" else _only_finished(session, bars, ask=unfinished == "ask")


def _only_finished(session: Session, bars: BarSet, *, ask: bool) -> BarSet:
    from exitladder.bars.unfinished import TradingSession, without_unfinished

    sessions = {
        name: TradingSession(about.session, about.exchange_tz)
        for name, about in session.settings.symbols.items()
        if about.session and about.exchange_tz
    }
    finished, messages = without_unfinished(bars, now_ns(), sessions, ask=ask)
    for message in messages:
        session.warn(message)
    return finished


def now_ns() -> int:
    """Return the clock's moment, nanoseconds since 1970 UTC."""
    return time.time_ns()


def _tell_of_feature_names(session: Session, bars: BarSet) -> None:
    """Warn of columns of the bars that have the name of a built-in feature, which they replace in conditions."""
    if not bars.extra:
        return
    from exitladder.features import FeatureSet

    same = sorted(set(bars.extra) & set(FeatureSet.from_names(["all"]).names))
    if same:
        session.warn(
            f"The bars have columns named like built-in features: {', '.join(same[:6])}. In a ladder's conditions the "
            "column is read, not the feature. Rename the column if the feature is meant."
        )


def show_report(session: Session, report: BarsReport) -> None:
    """Write the report's warnings to stderr, and the number of adjusted symbols."""
    for message in report.warnings[:_SHOWN]:
        session.warn(message)
    if len(report.warnings) > _SHOWN:
        session.warn(f"{len(report.warnings) - _SHOWN} more warnings; `exitladder bars check` lists all.")
    adjusted = sum(s.n_adjusted > 0 for s in report.symbols)
    if adjusted:
        session.say(f"prices of {adjusted} of {len(report.symbols)} symbols were adjusted by adj_close")


@dataclass(frozen=True)
class TradeFiles:
    """A file of trades, and the file of their fills, if any."""

    trades: Path
    fills: Path | None = None


def trades_options(what: str, *, required: bool = True) -> Decorator:
    """Add ``--trades`` and ``--fills`` to a command; its function gets both as `trades`, None without trades."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def run(*args: Any, trades: Path | None, fills: Path | None, **options: Any) -> Any:
            if trades is None and fills is not None:
                raise click.UsageError("--fills belongs to --trades, which is missing.")
            return function(*args, trades=None if trades is None else TradeFiles(trades, fills), **options)

        with_fills = path_option("--fills", "Fills of these trades: partial exits, several entries.", required=False)(
            run
        )
        return path_option("--trades", what, required=required)(with_fills)

    return decorate


def load_trades(session: Session, source: Path | TradeFiles, bars: BarSet | None = None) -> Trades:
    """Return the trades of a file, checked against the bars if given.

    Parameters
    ----------
    session : Session
    source : path or TradeFiles
    bars : BarSet, optional

    Returns
    -------
    Trades

    Raises
    ------
    TradesError
        If the trades are invalid or do not fit the bars.
    """
    from exitladder.trades.files import read_trades

    files = source if isinstance(source, TradeFiles) else TradeFiles(source)
    with session.progress.stage("reading trades", 1):
        trades = read_trades(files.trades, fills=files.fills, conventions=session.settings.data.conventions)
    if trades.n_entries is not None and (trades.n_entries > 1).any():
        of = f"{int((trades.n_entries > 1).sum())} of {len(trades)} positions have several entries"
        at_last = "each is judged from its last entry on, at the average price of the quantity held then"
        at_first = "each is judged from its first entry on, with the quantity of that entry"
        session.say(f"{of}: {at_last if session.settings.data.several_entries == 'last' else at_first}")
    if bars is not None:
        trades = fitted_to_bars(session, trades, bars)
        _warn_of_exits(session, check_on_bars(session, trades, bars))
    return trades


def check_on_bars(session: Session, trades: Trades, bars: BarSet) -> PlacedTrades:
    """Check trades against the bars that they were entered in.

    Parameters
    ----------
    session : Session
    trades : Trades
    bars : BarSet

    Returns
    -------
    PlacedTrades

    Raises
    ------
    TradesError
        See `refuse_misplaced`.
    """
    from exitladder.trades.trades import place_trades

    with session.progress.stage("checking trades", 2) as advance:
        placed = place_trades(trades, with_contracts(session, bars))
        advance(1)
        refuse_misplaced(session, placed)
        advance(1)
    return placed


def refuse_misplaced(session: Session, placed: PlacedTrades) -> BoolArray:
    """Reject bars whose stamps the trades contradict, and entries that most bars contradict.

    Returns
    -------
    bool array, shape (n_trades,)
        Which trades were entered outside of their bar.

    Raises
    ------
    TradesError
        See `exitladder.trades.checks.refuse_end_stamps`, unless ``data.stamps`` says which end stamps mark, and
        `exitladder.trades.checks.check_trades_on_bars`.
    """
    from exitladder.trades.checks import check_trades_on_bars, refuse_end_stamps

    if session.settings.data.stamps == "auto":
        refuse_end_stamps(placed)
    return check_trades_on_bars(placed, initial_stop(session))


def load_bars_and_trades(
    session: Session, path: Path, source: Path | TradeFiles, repair: bool, interval: str | None
) -> tuple[Session, BarSet, Trades]:
    """Return the bars of a path and the trades of a file, checked against each other.

    Parameters
    ----------
    session : Session
    path : path
    source : path or TradeFiles
    repair : bool
    interval : str, optional
        As for `load_bars`.

    Returns
    -------
    session : Session
        The one given; its settings have ``data.adjust = "none"`` if `bars_for_trades` chose bars as traded.
    bars : BarSet
    trades : Trades

    Raises
    ------
    TradesError
        If the trades are invalid or do not fit the bars.
    """
    trades = load_trades(session, source)
    session, bars, trades = bars_for_trades(session, path, trades, repair, interval)
    _warn_of_exits(session, check_on_bars(session, trades, bars))
    return session, bars, trades


def refuse_as_traded(session: Session, own: Session, book: str) -> None:
    """Refuse a book of a pool whose bars were left as traded although the settings would adjust them.

    Parameters
    ----------
    session : Session
    own : Session
        As `load_bars_and_trades` returned it for the book.
    book : str

    Raises
    ------
    TradesError
        If the settings of the two differ in ``data.adjust``.
    """
    from exitladder.errors import TradesError

    if own.settings.data.adjust != session.settings.data.adjust:
        raise TradesError(
            f"The books of a pool must have trades at adjusted prices, but those of '{book}' are as traded. Set "
            'data.adjust = "none" for all books, or adjust the trades with exitladder trades adjust.'
        )


def bars_for_trades(
    session: Session,
    path: Path,
    trades: Trades,
    repair: bool,
    interval: str | None,
    *,
    unfinished: str = "leave_out",
) -> tuple[Session, BarSet, Trades]:
    """Return bars at the kind of prices at which the trades were entered, as traded or adjusted.

    Parameters
    ----------
    session : Session
        With ``data.adjust = "auto"``, bars are adjusted by ``adj_close`` unless more entry prices fit only bars as
        traded than only adjusted ones; the session says so then.
    path : path
    trades : Trades
    repair : bool
    interval : str, optional
    unfinished : {"leave_out", "ask", "keep"}
        As for `load_bars`. Unless bars are left out, the open trades are advised on: findings of older bars than their
        entries need are not shown.

    Returns
    -------
    session : Session
        With ``data.adjust = "none"`` in its settings if the bars are as traded, so that dividends are credited.
    bars : BarSet
    trades : Trades
        Fitted to the bars, see `fitted_to_bars`.
    """
    from exitladder.trades.adjust import fits_of_entries

    bars, report = _read_bars(session, path, repair, interval)
    trades = fitted_to_bars(session, trades, bars)
    if session.settings.data.adjust == "auto" and bars.factor is not None:
        n_traded, n_adjusted = fits_of_entries(trades, bars)
        if n_traded > n_adjusted:
            but = f", and {n_adjusted} fit only adjusted bars" if n_adjusted else ""
            session.warn(
                f"the bars were read as traded instead of adjusted by adj_close: {n_traded} of {len(trades)} entry "
                f"prices fit only bars as traded{but}. Cash dividends are credited (data.dividends). --set "
                "data.adjust=adj_close adjusts the bars all the same; --set data.adjust=none confirms the choice."
            )
            settings = replace(session.settings, data=replace(session.settings.data, adjust="none"))
            session = replace(session, settings=settings)
            bars, report = _read_bars(session, path, repair, interval)
    if unfinished != "leave_out":
        from exitladder.pipelines.advice.scorable import of_open_trades

        report = of_open_trades(report, trades)
    return session, _shown(session, bars, report, unfinished), trades


def fitted_to_bars(session: Session, trades: Trades, bars: BarSet) -> Trades:
    """Return trades with symbols spelled as the bars spell them and dates on the bars of their sessions.

    A symbol is renamed only if it is not among the bars and exactly one of theirs differs in separators and capitals
    alone.

    Parameters
    ----------
    session : Session
        Prints which symbols were renamed; its settings have the time zone of the trades.
    trades : Trades
    bars : BarSet

    Returns
    -------
    Trades
    """
    import numpy as np

    from exitladder.bars.layouts.names import match_symbols
    from exitladder.trades.session_dates import on_session_dates

    names = match_symbols((str(symbol) for symbol in trades.symbol), bars)
    if names:
        shown = ", ".join(f"{old} = {new}" for old, new in list(names.items())[:6])
        session.say(f"symbols of the trades were matched to those of the bars: {shown}")
        symbol = np.array([names.get(str(s), str(s)) for s in trades.symbol], dtype=object)
        trades = replace(trades, symbol=symbol)
    return on_session_dates(trades, bars, session.settings.data.tz, session.settings.symbols)


def with_contracts(session: Session, bars: BarSet) -> BarSet:
    """Return bars that know the contracts of the settings: ticks and zones of their symbols."""
    return bars.with_contracts(session.settings.symbols, session.settings.currencies)


def initial_stop(session: Session) -> Distance:
    """Return the stop of trades without one: ``labels.initial_stop``."""
    from exitladder.plans.units import Distance

    return Distance.parse(session.settings.labels.initial_stop, "labels.initial_stop")


def _warn_of_exits(session: Session, placed: PlacedTrades) -> None:
    """Warn of own exits at prices that were not traded: such trades are no baseline."""
    from exitladder.clock import stamp_text
    from exitladder.trades.checks import fills_outside_bars
    from exitladder.trades.report import price_text

    outside = fills_outside_bars(placed, initial_stop(session))
    exits = outside[outside["fill"] == "exit"]
    for row in exits.head(_SHOWN).itertuples():
        when: Any = row.time
        session.warn(
            f"own exit of trade '{row.trade_id}' at {price_text(row.price)} ({stamp_text(when.value)}) is outside its "
            f"bar ({price_text(row.low)} to {price_text(row.high)}). Your own exit of this trade is not used as a "
            "baseline; correct it."
        )
    if len(exits) > _SHOWN:
        session.warn(f"{len(exits) - _SHOWN} more exits outside their bar; `exitladder trades check` lists the worst.")
