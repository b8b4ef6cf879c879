"""The market that options of `exitladder options` name: quotes, bars, events, settlements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exitladder.cli.inputs import load_bars
from exitladder.cli.session import Session

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet
    from exitladder.options.market import OptionMarket
    from exitladder.options.modelled import Volatilities
    from exitladder.options.positions.trades import OptionTrade


@dataclass(frozen=True)
class MarketFiles:
    """Where the facts about a market are.

    Parameters
    ----------
    quotes, volatility : Path or None
        Exactly one of them.
    bars, actions, settlements : Path or None
    underlying : str
        For files without that column.
    repair : bool
    interval : str or None
        Of the bars.
    """

    quotes: Path | None
    volatility: Path | None
    bars: Path | None
    actions: Path | None
    settlements: Path | None
    underlying: str
    repair: bool
    interval: str | None


def read_market(
    session: Session, files: MarketFiles, trades: Path
) -> tuple[OptionMarket, list[OptionTrade], Volatilities | None]:
    """Return the market and the positions, with quotes by the model if there are volatilities instead of quotes.

    Parameters
    ----------
    session : Session
    files : MarketFiles
    trades : Path

    Returns
    -------
    market : OptionMarket
    trades : list of OptionTrade
    volatilities : Volatilities or None

    Raises
    ------
    UsageError
        If there are both quotes and volatilities, or neither.
    """
    from exitladder.options.market import Events, OptionMarket, read_events, read_settlements
    from exitladder.options.modelled import no_quotes, read_volatilities, with_modelled_quotes
    from exitladder.options.positions.trades import read_option_trades
    from exitladder.options.quote_files import read_quotes

    if (files.quotes is None) == (files.volatility is None):
        raise click.UsageError("Give either --quotes FILE or --volatility FILE.")
    options, how, name = session.settings.options, session.settings.data.conventions, files.underlying
    market = OptionMarket(
        quotes=no_quotes() if files.quotes is None else read_quotes(files.quotes, symbol=name, conventions=how),
        bars=None if files.bars is None else _as_traded(session, files.bars, files.repair, files.interval),
        settings=options,
        events=Events() if files.actions is None else read_events(files.actions, how),
        settlements={} if files.settlements is None else read_settlements(files.settlements, name, how),
    )
    known = read_option_trades(trades, options, how)
    volatilities = None if files.volatility is None else read_volatilities(files.volatility, name, how)
    if volatilities is not None:
        with session.progress.stage("quotes by the model", 1):
            market = with_modelled_quotes(market, known, volatilities)
    return market, known, volatilities


def _as_traded(session: Session, path: Path, repair: bool, interval: str | None) -> BarSet:
    """Return bars as traded, since strikes are at prices as traded."""
    from exitladder.errors import SettingsError

    data = session.settings.data
    if data.adjust == "adj_close":
        raise SettingsError("Strikes are at prices as traded, but data.adjust is adj_close. Set data.adjust=none.")
    session = replace(session, settings=replace(session.settings, data=replace(data, adjust="none")))
    return load_bars(session, path, repair, interval)
