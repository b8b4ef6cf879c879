"""Trades in options: calls, puts and verticals in a trades file."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from exitladder.clock import NO_TIME, stamp_text
from exitladder.errors import OptionsError
from exitladder.files.conventions import PLAIN, Conventions
from exitladder.files.tables import Table, read_table
from exitladder.options.contracts import Contract
from exitladder.options.quote_files import Columns
from exitladder.settings.options import STYLES, OptionSettings

_SPELLINGS = {
    "trade_id": ("trade_id",),
    "underlying": ("symbol", "underlying"),
    "side": ("side",),
    "entry_time": ("entry_time",),
    "quantity": ("quantity",),
    "entry_price": ("entry_price",),
    "stop_price": ("stop_price",),
    "multiplier": ("multiplier",),
    "style": ("style",),
    "exit_time": ("exit_time",),
    "expiry": ("expiry", "expiration"),
    "strike_2": ("strike_2",),
    "strike": ("strike",),
    "right": ("right",),
}


@dataclass(frozen=True)
class OptionTrade:
    """One position in a call, a put or a vertical.

    Parameters
    ----------
    trade_id : str
    side : int
        1 if the contract at `strike` was bought, -1 if it was sold.
    contract : Contract
    second : Contract or None
        The other leg of a vertical, traded the other way.
    entry_time : int
        Nanoseconds since 1970 UTC.
    quantity : int
        Contracts, or verticals.
    entry_price : float
        Net premium per unit paid (long) or received (short); NaN if it is to be filled on the quotes.
    stop_price : float
        Stop on the premium; NaN without one.
    multiplier : float
    style : {"american", "european"}
    """

    trade_id: str
    side: int
    contract: Contract
    second: Contract | None
    entry_time: int
    quantity: int
    entry_price: float
    stop_price: float
    multiplier: float
    style: str

    @property
    def legs(self) -> tuple[tuple[Contract, int], ...]:
        """Contracts with 1 if bought and -1 if sold."""
        first = (self.contract, self.side)
        return (first,) if self.second is None else (first, (self.second, -self.side))

    @property
    def width(self) -> float:
        """Distance of a vertical's strikes; NaN for a single contract."""
        return math.nan if self.second is None else abs(self.contract.strike - self.second.strike)


def read_option_trades(
    path: str | Path | pd.DataFrame, settings: OptionSettings, conventions: Conventions = PLAIN
) -> list[OptionTrade]:
    """Return the positions in a trades file.

    Parameters
    ----------
    path : path or DataFrame
        Columns ``trade_id, symbol`` (the underlying), ``side, entry_time, quantity, expiry, strike, right``; optional
        ``entry_price, stop_price`` (premiums), ``strike_2`` (the other leg of a vertical), ``multiplier, style``.
    settings : OptionSettings
        Multiplier and style where the file has none.
    conventions : Conventions

    Returns
    -------
    list of OptionTrade

    Raises
    ------
    OptionsError
        If a column is missing or a position is impossible.
    """
    if isinstance(path, pd.DataFrame):
        table = Table.from_frame(path, "trades")
    else:
        table = read_table(path, conventions=conventions)
    return trades_of_table(table, settings, conventions)


def trades_of_table(table: Table, settings: OptionSettings, conventions: Conventions) -> list[OptionTrade]:
    """Return the positions in a table.

    Parameters
    ----------
    table : Table
        Columns as in `read_option_trades`.
    settings : OptionSettings
    conventions : Conventions

    Returns
    -------
    list of OptionTrade

    Raises
    ------
    OptionsError
        If a column is missing or a position is impossible.
    """
    reader = columns_of(table, conventions)
    if not len(table.frame):
        raise OptionsError(f"There must be at least one trade, but {table.name} has none.")
    ids = reader.column("trade_id").astype("str").str.strip()
    reader.refuse(ids.duplicated().to_numpy(), "trade_id must be unique", "trade_id")
    sides = reader.column("side").astype("str").str.strip().str.lower().map({"long": 1, "short": -1})
    reader.refuse(sides.isna().to_numpy(), "side must be long or short", "side")
    quantity, strike, other = (reader.numbers(name) for name in ("quantity", "strike", "strike_2"))
    reader.refuse(~(quantity >= 1) | (quantity % 1 != 0), "quantity must be a whole number of contracts", "quantity")
    reader.refuse(~(strike > 0), "strike must be above 0", "strike")
    prices = {name: reader.numbers(name) for name in ("entry_price", "stop_price", "multiplier")}
    for name, values in prices.items():
        reader.refuse(values == 0, f"{name} must be above 0, or blank", name)
    if other.size and np.isfinite(other).any():
        reader.refuse(other == strike, "strike_2 must differ from strike", "strike_2")
    times, expiries, rights = reader.stamps("entry_time")[0], reader.dates("expiry"), reader.rights()
    styles = _styles(reader, settings)
    found = []
    for i, symbol in enumerate(reader.underlyings("")):
        contract = Contract(str(symbol), int(expiries[i]), round(float(strike[i]), 3), float(rights[i]))
        second = None if math.isnan(other[i]) else replace(contract, strike=round(float(other[i]), 3))
        multiplier = prices["multiplier"][i]
        trade = OptionTrade(
            trade_id=str(ids.iloc[i]),
            side=int(sides.iloc[i]),
            contract=contract,
            second=second,
            entry_time=int(times[i]),
            quantity=int(quantity[i]),
            entry_price=float(prices["entry_price"][i]),
            stop_price=float(prices["stop_price"][i]),
            multiplier=settings.multiplier if math.isnan(multiplier) else float(multiplier),
            style=styles[i],
        )
        _check(trade, table.place(i))
        found.append(trade)
    return found


def columns_of(table: Table, conventions: Conventions) -> Columns:
    """Return the columns of a table of positions.

    Raises
    ------
    OptionsError
        If one that is needed is missing.
    """
    reader = Columns(table, _SPELLINGS, conventions)
    reader.need("trade_id", "underlying", "side", "entry_time", "quantity", "expiry", "strike", "right")
    return reader


def _styles(reader: Columns, settings: OptionSettings) -> list[str]:
    if not reader.has("style"):
        return [settings.style] * len(reader.table.frame)
    given = reader.column("style")
    words = given.astype("str").str.strip().str.lower().where(given.notna(), settings.style)
    reader.refuse(~words.isin(STYLES).to_numpy(), f"style must be one of {', '.join(STYLES)}", "style")
    return [str(word) for word in words]


def _check(trade: OptionTrade, place: str) -> None:
    """Raise an error if what two columns say contradicts."""
    entry, stop = trade.entry_price, trade.stop_price
    if trade.side * (stop - entry) >= 0:
        where = "below" if trade.side > 0 else "above"
        raise OptionsError(
            f"stop_price must be {where} entry_price for a {'long' if trade.side > 0 else 'short'} (both are "
            f"premiums), but trade '{trade.trade_id}' has stop_price={stop:g} and entry_price={entry:g} ({place})."
        )
    if trade.second is not None and entry >= trade.width:
        raise OptionsError(
            f"The debit or credit of a vertical must be below its width of {trade.width:g}, but trade "
            f"'{trade.trade_id}' has entry_price={entry:g} ({place})."
        )
    if trade.entry_time == NO_TIME or trade.entry_time >= trade.contract.expiry + 2 * 86_400 * 10**9:
        raise OptionsError(
            f"A position must be entered by its expiry, but trade '{trade.trade_id}' was entered on "
            f"{stamp_text(trade.entry_time)} in {trade.contract} ({place})."
        )
