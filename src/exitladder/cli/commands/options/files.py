"""What several commands on options read: the market of quotes, bars, actions and settlement prices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from exitladder.cli.inputs import load_bars
from exitladder.cli.session import Session

if TYPE_CHECKING:
    from exitladder.bars.bars import BarSet
    from exitladder.options.market import OptionMarket
    from exitladder.plans.ladder import Ladder


@dataclass(frozen=True)
class MarketFiles:
    """The files of a market of options; `quotes` may be made by the model instead."""

    quotes: Path | None
    bars: Path | None = None
    actions: Path | None = None
    settlements: Path | None = None
    underlying: str = ""


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
