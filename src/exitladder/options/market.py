"""The facts known at a moment beside quotes: the underlying's price, dividends, splits, settlement prices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from exitladder.bars.actions import Action, read_actions
from exitladder.bars.bars import Bars, BarSet
from exitladder.clock import DAY_NS, NO_TIME, stamp_text
from exitladder.errors import OptionsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.tables import read_table
from exitladder.options.contracts import Contract, ExpiryClock, check_clock, whole_ratio
from exitladder.options.quote_files import Columns
from exitladder.options.quotes import Quotes
from exitladder.options.valuation import YEAR_NS, Terms
from exitladder.settings.options import OptionSettings

_HOLIDAYS_NS = 5 * DAY_NS
"""An expiry date without bars is a holiday if the session before it is at most this long ago."""


@dataclass(frozen=True)
class Dividend:
    """A cash dividend: midnight UTC of its ex-date, the amount, and when it was announced."""

    time: int
    amount: float
    announced: int


@dataclass(frozen=True)
class Events:
    """Splits and dividends of underlyings.

    Parameters
    ----------
    splits : tuple of Action
    dividends : mapping of str to tuple of Dividend
        By underlying.
    """

    splits: tuple[Action, ...] = ()
    dividends: Mapping[str, tuple[Dividend, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class OptionMarket:
    """Quotes of options and everything that their values and settlements need.

    Parameters
    ----------
    quotes : Quotes
    bars : BarSet or None
        Of the underlyings, as traded.
    settings : OptionSettings
    events : Events
    settlements : mapping of (str, int) to float
        Settlement prices by underlying and expiry date, for cash settlement.
    """

    quotes: Quotes
    bars: BarSet | None
    settings: OptionSettings
    events: Events = field(default_factory=Events)
    settlements: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_clock(self.settings.close, self.settings.exchange_tz)

    @cached_property
    def clock(self) -> ExpiryClock:
        """When trading of expiring contracts ends."""
        return ExpiryClock(self.settings.close, self.settings.exchange_tz, self.quotes.interval_ns == DAY_NS)

    @cached_property
    def last_date(self) -> int:
        """The last date with quotes: what happens later is not known, so positions are open then (X8)."""
        return self.clock.date_of(self.quotes.last)

    def without_quotes_after(self, moment: int) -> OptionMarket:
        """Return the market without any quote that ends after a moment, for tests of look-ahead."""
        kept = {}
        for contract, bars in self.quotes.items():
            n = int(np.searchsorted(bars.end, moment, side="right"))
            if n:
                names = ("start", "end", "bid", "ask", "bid_size", "ask_size", "spot")
                stated = None if bars.volatility is None else bars.volatility[:n]
                kept[contract] = replace(bars, volatility=stated, **{name: getattr(bars, name)[:n] for name in names})
        return replace(self, quotes=replace(self.quotes, bars=kept))

    def spot(self, underlying: str, moment: int) -> float:
        """Return the underlying's last price known at a moment; NaN if there is none.

        A price of before a split is divided by its ratio from the split's date on.

        Parameters
        ----------
        underlying : str
        moment : int
            Nanoseconds since 1970 UTC.

        Returns
        -------
        float
        """
        bars = self._bars(underlying)
        if bars is None:
            return math.nan
        i = int(np.searchsorted(bars.time + bars.interval_ns, moment, side="right")) - 1
        if i < 0:
            return math.nan
        price = float(bars.close[i])
        for split in (one for one in self.events.splits if one.symbol == underlying):
            if self.clock.date_of(int(bars.time[i]) + bars.interval_ns) < split.time <= self.clock.date_of(moment):
                price /= split.factor
        return price

    def terms(self, contract: Contract, moment: int, style: str) -> Terms:
        """Return the terms of a value at a moment, with the dividends announced by then.

        Parameters
        ----------
        contract : Contract
        moment : int
            Nanoseconds since 1970 UTC.
        style : {"american", "european"}

        Returns
        -------
        Terms
        """
        known = self.events.dividends.get(contract.underlying, ())
        end = self.clock.moment(contract.expiry)
        ahead = [
            ((self.clock.end_of(d.time) - moment) / YEAR_NS, d.amount)
            for d in known
            if d.announced <= moment < self.clock.end_of(d.time) <= end and self.clock.date_of(moment) < d.time
        ]
        rates = (self.settings.rate, self.settings.dividend_yield)
        return Terms(contract.right, contract.strike, style == "american", rates, ahead)

    def terms_after(self, contract: Contract, moment: int, paid: Dividend) -> Terms:
        """Return the terms of a value after a dividend, which the price no longer holds.

        Parameters
        ----------
        contract : Contract
        moment : int
            Nanoseconds since 1970 UTC.
        paid : Dividend

        Returns
        -------
        Terms
        """
        terms = self.terms(contract, moment, "american")
        at = (self.clock.end_of(paid.time) - moment) / YEAR_NS
        return replace(terms, dividends=[one for one in terms.dividends if one[0] > at])

    @property
    def settlement_is_physical(self) -> bool:
        """Whether shares change hands at expiry."""
        return self.settings.settlement == "physical"

    def years(self, contract: Contract, moment: int) -> float:
        """Return the time to expiry in years of 365 days."""
        return (self.clock.moment(contract.expiry) - moment) / YEAR_NS

    def next_split(self, underlying: str, after: int) -> Action | None:
        """Return the first split with an ex-date after a date (midnight UTC)."""
        return next((a for a in self.events.splits if a.symbol == underlying and a.time > after), None)

    def dividend_between(self, underlying: str, before: int, date: int) -> Dividend | None:
        """Return the dividend with an ex-date between two dates, if it was announced by the first one.

        Parameters
        ----------
        underlying : str
        before, date : int
            Midnight UTC; the ex-date is after the first and not after the second.

        Returns
        -------
        Dividend or None
        """
        known = self.events.dividends.get(underlying, ())
        return next((d for d in known if before < d.time <= date and self.clock.date_of(d.announced) <= before), None)

    def settlement(self, contract: Contract) -> float:
        """Return the price of the underlying by which a contract settles.

        Raises
        ------
        OptionsError
            If it is not in the files.
        """
        if self.settings.settlement == "file":
            price = self.settlements.get((contract.underlying, contract.expiry), math.nan)
            if math.isnan(price):
                raise OptionsError(
                    f"A contract settled in cash needs its settlement price, but --settlements has none of {contract}. "
                    "Add a row: underlying, expiry, price."
                )
            return price
        date = self.clock.date(contract.expiry)
        bars = self._bars(contract.underlying)
        price = math.nan if bars is None else self._close_of(bars, date)
        if math.isnan(price):
            cure = "Add bars of that day to --bars"
            if self.settings.settlement == "close":
                cure += ", or set options.settlement=file and give its price with --settlements"
            raise OptionsError(
                f"A position held to expiry settles at the underlying's close, but --bars has no bar of "
                f"{contract.underlying} on {stamp_text(date)}, the last day of {contract}. {cure}."
            )
        return price

    def _close_of(self, bars: Bars, date: int) -> float:
        """Return the close of a date's session, or of the one before if the date was a holiday."""
        if bars.interval_ns >= DAY_NS:
            i = int(np.searchsorted(bars.time, date, side="right")) - 1
            found = int(bars.time[i]) if i >= 0 else NO_TIME
        else:
            clock = replace(self.clock, is_daily=False)
            i = int(np.searchsorted(bars.time + bars.interval_ns, clock.end_of(date), side="right")) - 1
            found = clock.date_of(int(bars.time[i])) if i >= 0 else NO_TIME
        is_holiday = i + 1 < len(bars) and 0 < date - found <= _HOLIDAYS_NS
        return float(bars.close[i]) if found == date or (i >= 0 and is_holiday) else math.nan

    def _bars(self, underlying: str) -> Bars | None:
        return self.bars[underlying] if self.bars is not None and underlying in self.bars else None


def read_events(path: str | Path, conventions: Conventions = PLAIN) -> Events:
    """Return the splits and dividends in a file.

    Parameters
    ----------
    path : path
        Columns ``symbol, date`` (ex-date), ``split`` or ``dividend`` or both, and with dividends ``announced``: the
        date from which on the market knew the dividend.
    conventions : Conventions

    Returns
    -------
    Events

    Raises
    ------
    OptionsError
        If a dividend has no ``announced``, or a split is not of a whole number of shares for one.
    """
    actions = read_actions(path)
    splits = tuple(sorted((a for a in actions if a.factor != 1), key=lambda a: a.time))
    for split in splits:
        if whole_ratio(split.factor) is None:
            raise OptionsError(
                f"Only splits of whole numbers (such as 7:1) keep a contract's deliverable, but that of {split.symbol} "
                f"on {stamp_text(split.time)} has the ratio {split.factor:g}. Positions across it are not supported."
            )
    paying = [a for a in actions if a.dividend > 0]
    if not paying:
        return Events(splits)
    table = read_table(path, conventions=conventions)
    names = {"symbol": ("symbol", "ticker"), "date": ("date", "ex_date", "exdate", "timestamp")}
    reader = Columns(table, {**names, "announced": ("announced", "declared", "declaration_date")}, conventions)
    if not reader.has("announced"):
        raise OptionsError(
            f"Dividends of options need the column announced, since only dividends known at a moment count at it, but "
            f"{table.name} has none. Add the date on which each was declared."
        )
    symbols = reader.column("symbol").astype("str").str.strip()
    announced = dict(
        zip(zip(symbols, reader.dates("date"), strict=True), reader.dates("announced", optional=True), strict=True)
    )
    found: dict[str, list[Dividend]] = {}
    for action in sorted(paying, key=lambda a: a.time):
        known = int(announced.get((action.symbol, action.time), NO_TIME))
        if known == NO_TIME or known > action.time:
            raise OptionsError(
                f"A dividend must have been announced by its ex-date, but that of {action.symbol} on "
                f"{stamp_text(action.time)} has {'no date' if known == NO_TIME else stamp_text(known)} in announced."
            )
        # a date is known once it has ended
        found.setdefault(action.symbol, []).append(Dividend(action.time, action.dividend, known + DAY_NS))
    return Events(splits, {name: tuple(them) for name, them in found.items()})


def read_settlements(
    path: str | Path, symbol: str = "", conventions: Conventions = PLAIN
) -> dict[tuple[str, int], float]:
    """Return settlement prices by underlying and expiry.

    Parameters
    ----------
    path : path
        Columns ``underlying, expiry, price``.
    symbol : str
        The underlying, for a file without that column.
    conventions : Conventions

    Returns
    -------
    dict of (str, int) to float
    """
    names = {
        "underlying": ("underlying", "symbol"),
        "expiry": ("expiry", "expiration"),
        "price": ("price", "settlement"),
    }
    reader = Columns(read_table(path, conventions=conventions), names, conventions)
    reader.need("expiry", "price")
    price = reader.numbers("price")
    reader.refuse(~(price > 0), "price must be above 0", "price")
    keys: Sequence[tuple[str, int]] = [
        (str(u), int(e)) for u, e in zip(reader.underlyings(symbol), reader.dates("expiry"), strict=True)
    ]
    return dict(zip(keys, map(float, price), strict=True))
