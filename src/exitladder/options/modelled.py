"""Quotes made from the underlying's bars and a series of implied volatility, where there are no quotes (rule O4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars
from exitladder.clock import DAY_NS
from exitladder.errors import OptionsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.tables import read_table
from exitladder.options.contracts import Contract, whole_ratio
from exitladder.options.market import OptionMarket
from exitladder.options.positions.trades import OptionTrade
from exitladder.options.quote_files import Columns
from exitladder.options.quotes import QuoteBars, Quotes

_SPELLINGS = {
    "timestamp": ("timestamp", "time", "datetime", "date"),
    "implied_volatility": ("implied_volatility", "iv", "volatility"),
    "underlying": ("underlying", "symbol"),
    "expiry": ("expiry", "expiration"),
    "strike": ("strike",),
    "right": ("right", "type"),
}
_STALE_NS = 7 * DAY_NS
_LARGEST = 5.0


@dataclass(frozen=True)
class Volatilities:
    """Implied volatilities by the moment from which they are known.

    Parameters
    ----------
    known : int64 array, shape (n,)
        A date alone is known once it has ended.
    values : float64 array, shape (n,)
    rows : mapping of Contract to int64 array
        Rows of each contract; empty if one volatility holds for all strikes.
    """

    known: IntArray
    values: FloatArray
    rows: Mapping[Contract, IntArray]

    @property
    def has_skew(self) -> bool:
        """Whether contracts have volatilities of their own."""
        return bool(self.rows)

    def at(self, contract: Contract, moments: IntArray) -> FloatArray:
        """Return the last volatility known at each moment, NaN if it is more than 7 days old."""
        rows = self.rows.get(contract, np.empty(0, dtype=np.int64)) if self.rows else np.arange(len(self.known))
        if not len(rows):
            return np.full(len(moments), np.nan)
        known, values = self.known[rows], self.values[rows]
        i = np.searchsorted(known, moments, side="right") - 1
        safe = np.maximum(i, 0)
        return np.where((i >= 0) & (moments - known[safe] <= _STALE_NS), values[safe], np.nan)


def read_volatilities(path: str | Path, symbol: str = "", conventions: Conventions = PLAIN) -> Volatilities:
    """Return the implied volatilities in a file.

    Parameters
    ----------
    path : path
        Columns ``timestamp, implied_volatility`` (0.2 is 20%) and, for volatilities by contract, ``expiry, strike,
        right``.
    symbol : str
        The underlying of volatilities by contract, for a file without that column.
    conventions : Conventions

    Returns
    -------
    Volatilities

    Raises
    ------
    OptionsError
        If a column is missing or the volatilities are in points.
    """
    reader = Columns(read_table(path, conventions=conventions), _SPELLINGS, conventions)
    reader.need("timestamp", "implied_volatility")
    values = reader.numbers("implied_volatility")
    # 0 is how chains write "unknown"
    values = np.where(values > 0, values, np.nan)
    if np.isfinite(values).any() and float(np.nanmedian(values)) > _LARGEST:
        raise OptionsError(
            f"Implied volatilities must be decimals (0.2 is 20%), but the median of {reader.table.name} is "
            f"{float(np.nanmedian(values)):g}. Divide an index such as the VIX by 100."
        )
    stamps, are_dates = reader.stamps("timestamp")
    known = stamps + (DAY_NS if are_dates else 0)
    order = np.argsort(known, kind="stable")
    order = order[np.isfinite(values[order])]
    rows: dict[Contract, IntArray] = {}
    if all(reader.has(name) for name in ("expiry", "strike", "right")):
        place = np.full(len(values), -1)
        place[order] = np.arange(len(order))
        for contract, at in reader.contracts(symbol).items():
            found = np.sort(place[at])
            rows[contract] = found[found >= 0]
    return Volatilities(known[order], values[order], rows)


def with_modelled_quotes(
    market: OptionMarket, trades: Sequence[OptionTrade], volatilities: Volatilities
) -> OptionMarket:
    """Return the market with quotes of the trades' contracts at the model's value, less and plus the half spread.

    Parameters
    ----------
    market : OptionMarket
        Its quotes are not read.
    trades : sequence of OptionTrade
    volatilities : Volatilities

    Returns
    -------
    OptionMarket

    Raises
    ------
    OptionsError
        If there are no bars of an underlying, or ``options.half_spread`` is 0.
    """
    if not market.settings.half_spread > 0:
        raise OptionsError(
            "Quotes made from volatilities need a spread, since nobody trades at the model's value, but "
            "options.half_spread is 0. Set it to half of a usual spread, in price: --set options.half_spread=0.05"
        )
    bars = {}
    first: dict[Contract, int] = {}
    for trade in trades:
        for contract, _ in trade.legs:
            first[contract] = min(first.get(contract, trade.entry_time), trade.entry_time)
    for trade in trades:
        underlying = trade.contract.underlying
        if market.bars is None or underlying not in market.bars:
            raise OptionsError(
                f"Quotes made from volatilities need bars of the underlying, but there are none of '{underlying}'."
            )
        own = market.bars[underlying]
        timed = replace(market, quotes=replace(market.quotes, interval_ns=own.interval_ns))
        for contract, _ in trade.legs:
            for one in _over_splits(contract, timed):
                if one not in bars:
                    bars[one] = _quotes_of(one, own, (timed, trade.style, first[contract]), volatilities)
    known = {contract: found for contract, found in bars.items() if len(found)}
    interval = max((market.bars[c.underlying].interval_ns for c in known if market.bars is not None), default=DAY_NS)
    if not known:
        raise OptionsError("No bar of the underlyings has a volatility known by then. Check the dates of both files.")
    return replace(market, quotes=Quotes(known, interval, "the model"))


def no_quotes() -> Quotes:
    """Return quotes of no contract, to begin with."""
    return Quotes({}, 0, "no quotes")


def _over_splits(contract: Contract, market: OptionMarket) -> list[Contract]:
    """Return a contract and what splits turn it into."""
    found = [contract]
    for split in market.events.splits:
        ratio = whole_ratio(split.factor)
        if split.symbol == contract.underlying and split.time <= market.clock.date(contract.expiry) and ratio:
            found.append(found[-1].after_split(ratio))
    return found


def _quotes_of(
    contract: Contract, bars: Bars, at: tuple[OptionMarket, str, int], volatilities: Volatilities
) -> QuoteBars:
    """Return the quotes of a contract from the bar before its first entry on."""
    market, style, first = at
    end = bars.time + bars.interval_ns
    life = (end <= market.clock.moment(contract.expiry)) & (end >= first - bars.interval_ns)
    sigma = np.column_stack([volatilities.at(contract, bars.time), volatilities.at(contract, end)])
    rows = np.flatnonzero(life & np.isfinite(sigma).any(axis=1))
    opens = [_value(contract, market, style, (int(bars.time[i]), bars.open[i], sigma[i, 0])) for i in rows]
    closes = [_value(contract, market, style, (int(end[i]), bars.close[i], sigma[i, 1])) for i in rows]
    value = np.column_stack([opens, np.fmax(opens, closes), np.fmin(opens, closes), closes]).reshape(len(rows), 4)
    half = market.settings.half_spread
    unknown = np.full(len(rows), np.nan)
    return QuoteBars(
        bars.time[rows],
        end[rows],
        np.maximum(value - half, 0.0),
        value + half,
        unknown,
        unknown,
        bars.close[rows],
        sigma[rows, 1],
    )


def _value(contract: Contract, market: OptionMarket, style: str, at: tuple[int, float, float]) -> float:
    moment, spot, volatility = at
    if not volatility > 0:
        return math.nan
    terms = market.terms(contract, moment, style)
    return terms.value(float(spot), max(market.years(contract, moment), 0.0), float(volatility))
