"""What several commands on options read: positions, and the market of quotes, bars, actions and settlement prices."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exitladder.cli.inputs import load_bars, path_option, reading_options
from exitladder.cli.session import Session

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet
    from exitladder.options.market import OptionMarket
    from exitladder.options.modelled import Volatilities
    from exitladder.options.positions.trades import OptionTrade
    from exitladder.plans.ladder import Ladder


@dataclass(frozen=True)
class MarketFiles:
    """The files of a market of options; `quotes` may be made by the model instead."""

    quotes: Path | None
    bars: Path | None = None
    actions: Path | None = None
    settlements: Path | None = None
    underlying: str = ""


@dataclass(frozen=True)
class PositionFiles(MarketFiles):
    """The same with the volatilities that quotes may be made from, and how bars are read."""

    volatility: Path | None = None
    repair: bool = False
    interval: str | None = None


def market_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the files of a market of options to a command; its function gets them as `files`, a `PositionFiles`."""

    @functools.wraps(function)
    def run(
        *args: Any,
        quotes: Path | None,
        volatility: Path | None,
        bars: Path | None,
        actions: Path | None,
        settlements: Path | None,
        underlying: str,
        repair: bool,
        interval: str | None,
        **options: Any,
    ) -> Any:
        if (quotes is None) == (volatility is None):
            raise click.UsageError("Give either --quotes FILE or --volatility FILE.")
        files = PositionFiles(quotes, bars, actions, settlements, underlying, volatility, repair, interval)
        return function(*args, files=files, **options)

    added = (
        path_option("--quotes", "Quotes of the contracts: bid and ask, as bars or snapshots.", required=False),
        path_option(
            "--volatility", "Instead of --quotes: implied volatilities, for quotes by the model.", required=False
        ),
        path_option("--bars", "Bars of the underlyings, as traded: for Greeks and settlement.", required=False),
        path_option("--actions", "Splits and dividends: symbol, date, split or dividend, announced.", required=False),
        path_option(
            "--settlements", "Settlement prices: underlying, expiry, price (settlement = file).", required=False
        ),
        click.option(
            "--underlying", default="", metavar="SYMBOL", help="The underlying, if the quotes have no such column."
        ),
        reading_options,
    )
    for add in reversed(added):
        run = add(run)
    return run


def read_positions(
    session: Session, trades: Path, files: PositionFiles
) -> tuple[list[OptionTrade], OptionMarket, Volatilities | None]:
    """Return positions with their market, whose quotes are made from volatilities if these are given.

    Parameters
    ----------
    session : Session
    trades : Path
    files : PositionFiles

    Returns
    -------
    trades : list of OptionTrade
    market : OptionMarket
    volatilities : Volatilities or None

    Raises
    ------
    SettingsError, OptionsError
        As `read_market`.
    """
    from exitladder.options.modelled import read_volatilities, with_modelled_quotes
    from exitladder.options.positions.trades import read_option_trades

    how = session.settings.data.conventions
    market = read_market(session, files, files.repair, files.interval)
    known = read_option_trades(trades, session.settings.options, how)
    if files.volatility is None:
        return known, market, None
    volatilities = read_volatilities(files.volatility, files.underlying, how)
    with session.progress.stage("quotes by the model", 1):
        return known, with_modelled_quotes(market, known, volatilities), volatilities


def read_market(session: Session, files: MarketFiles, repair: bool, interval: str | None) -> OptionMarket:
    """Return the market in files.

    Parameters
    ----------
    session : Session
    files : MarketFiles
    repair : bool
    interval : str or None
        As for `load_bars`.

    Returns
    -------
    OptionMarket

    Raises
    ------
    SettingsError
        If bars are to be adjusted: strikes are at prices as traded.
    OptionsError
        If a file breaks a rule.
    """
    from exitladder.options.market import Events, OptionMarket, read_events, read_settlements
    from exitladder.options.modelled import no_quotes
    from exitladder.options.quote_files import read_quotes

    how = session.settings.data.conventions
    return OptionMarket(
        quotes=no_quotes()
        if files.quotes is None
        else read_quotes(files.quotes, symbol=files.underlying, conventions=how),
        bars=None if files.bars is None else as_traded(session, files.bars, repair, interval),
        settings=session.settings.options,
        events=Events() if files.actions is None else read_events(files.actions, how),
        settlements={} if files.settlements is None else read_settlements(files.settlements, files.underlying, how),
    )


def as_traded(session: Session, path: Path, repair: bool, interval: str | None) -> BarSet:
    """Return bars as traded, since strikes are at prices as traded.

    Parameters
    ----------
    session : Session
    path : Path
    repair : bool
    interval : str or None
        As for `load_bars`.

    Returns
    -------
    BarSet

    Raises
    ------
    SettingsError
        If ``data.adjust`` is ``adj_close``.
    """
    from exitladder.errors import SettingsError

    data = session.settings.data
    if data.adjust == "adj_close":
        raise SettingsError("Strikes are at prices as traded, but data.adjust is adj_close. Set data.adjust=none.")
    session = replace(session, settings=replace(session.settings, data=replace(data, adjust="none")))
    return load_bars(session, path, repair, interval)


def warn_of_costs(session: Session, plan: Ladder) -> None:
    """Warn if the plan has other costs than the settings: only the plan's count."""
    if not plan.costs.has_rates_of(session.settings.costs):
        session.warn(
            "The costs of the plan differ from [costs] of the settings, and the plan's count. Write the same [costs] "
            "into both."
        )
