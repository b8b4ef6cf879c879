"""What one unit of a symbol is: multiplier, steps, currency, session."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from exitladder.errors import SettingsError
from exitladder.files.toml import only_keys, read_toml
from exitladder.plans.costs import Costs

_SESSION = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d")
_HALF_DAY = re.compile(r"(\d{4}-\d\d-\d\d) ([01]\d|2[0-3]):[0-5]\d")
_STEPS = ("multiplier", "tick", "lot", "min_quantity")
_NUMBERS = (*_STEPS, "min_distance")


@dataclass(frozen=True)
class Contract:
    """The contract of a symbol.

    Parameters
    ----------
    multiplier : float
        Money per point of price and unit of quantity: 50 for the E-mini S&P 500, 100,000 for a forex lot.
    tick, lot, min_quantity : float
        Steps of price and quantity and the smallest quantity; 0 leaves the ladder's own.
    currency : str
        Three to five capital letters, of the price; empty if it is the account's.
    session : str
        Hours of trading in `exchange_tz`, such as ``09:30-16:00``; empty if unknown.
    exchange_tz : str
        Time zone of the exchange; empty if unknown.
    half_days : tuple of str
        Sessions that close early, each a date and its close, such as ``2024-11-29 13:00``.
    inverse : bool
        Whether profit is paid in the coin: quantity x multiplier x (1 / entry - 1 / exit).
    min_distance : float
        Smallest distance in price between a resting order and the last price that the venue accepts; 0 for none.

    Raises
    ------
    SettingsError
        If a value is not of its kind or impossible.
    """

    multiplier: float = 1.0
    tick: float = 0.0
    lot: float = 0.0
    min_quantity: float = 0.0
    currency: str = ""
    session: str = ""
    exchange_tz: str = ""
    half_days: tuple[str, ...] = ()
    inverse: bool = False
    min_distance: float = 0.0

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
                raise SettingsError(f"symbols: {name} must be a number of 0 or more, but is {value!r}.")
            object.__setattr__(self, name, float(value))
        if self.multiplier == 0:
            raise SettingsError("symbols: multiplier must be greater than 0 (1 for shares and coins), but is 0.")
        for name in ("currency", "session", "exchange_tz"):
            if not isinstance(getattr(self, name), str):
                raise SettingsError(f"symbols: {name} must be a text, but is {getattr(self, name)!r}.")
        if self.currency and not re.fullmatch(r"[A-Z]{3,5}", self.currency):
            raise SettingsError(f"symbols: currency must be a code such as USD, but is {self.currency!r}.")
        if self.session and not _SESSION.fullmatch(self.session):
            raise SettingsError(f"symbols: session must read like 09:30-16:00, but is {self.session!r}.")
        if self.exchange_tz:
            # Loaded late: it needs pandas, and a command's help does not.
            from exitladder.files.stamps import check_tz

            check_tz(self.exchange_tz, SettingsError)
        object.__setattr__(self, "half_days", _checked_half_days(self.half_days))
        if not isinstance(self.inverse, bool):
            raise SettingsError(f"symbols: inverse must be true or false, but is {self.inverse!r}.")

    @property
    def hours(self) -> Contract:
        """A contract with nothing but this one's hours of trading."""
        return Contract(session=self.session, exchange_tz=self.exchange_tz, half_days=self.half_days)

    def money(self, side: int, entry: float, price: float, quantity: float) -> float:
        """Return the profit at a price before costs, in `currency`, or in the coin for an inverse contract (rule S8).

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        entry, price, quantity : float

        Returns
        -------
        float
            Negative for a loss.

        Examples
        --------
        >>> Contract(multiplier=50).money(1, 4900, 4904, 2)
        400.0
        >>> round(Contract(multiplier=100, inverse=True).money(1, 40_000, 50_000, 10), 12)
        0.005
        """
        points = 1 / entry - 1 / price if self.inverse else price - entry
        return float(side * points * quantity * self.multiplier)

    def costs(self, costs: Costs) -> Costs:
        """Return costs with this contract's multiplier and steps; those that are 0 leave the costs' own."""
        given = {name: getattr(self, name) for name in _STEPS if getattr(self, name) > 0}
        if given["multiplier"] == 1.0:
            del given["multiplier"]
        return replace(costs, **given)


def _checked_half_days(value: object) -> tuple[str, ...]:
    """Return half days as a tuple; a text (a cell of a table) may hold several, separated by semicolons."""
    days = [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else value
    if not isinstance(days, (list, tuple)):
        raise SettingsError(f'symbols: half_days must be a list such as ["2024-11-29 13:00"], but is {value!r}.')
    for day in days:
        match = _HALF_DAY.fullmatch(day) if isinstance(day, str) else None
        try:
            if match is None:
                raise ValueError
            date.fromisoformat(match[1])
        except ValueError:
            raise SettingsError(
                f"symbols: half_days must be dates with the time of the close, such as 2024-11-29 13:00, but one is "
                f"{day!r}."
            ) from None
    return tuple(days)


@dataclass(frozen=True)
class Contracts(Mapping[str, Contract]):
    """Contracts by symbol, the ``[symbols]`` table of the settings.

    Parameters
    ----------
    by_symbol : mapping of str to Contract
    with_one : tuple of str
        Symbols whose multiplier of 1 is written and not just the default.
    """

    by_symbol: Mapping[str, Contract] = field(default_factory=dict)
    with_one: tuple[str, ...] = ()

    def __getitem__(self, symbol: str) -> Contract:
        return self.by_symbol[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_symbol)

    def __len__(self) -> int:
        return len(self.by_symbol)

    def contract_of(self, symbol: str) -> Contract:
        """Return the contract of a symbol; one unit at the price itself if the table has none."""
        return self.by_symbol.get(symbol, Contract())

    def to_mapping(self) -> dict[str, dict[str, Any]]:
        """Return nested tables of plain values, defaults left out unless they were written."""
        default = Contract()
        return {
            symbol: {
                f.name: getattr(contract, f.name)
                for f in fields(contract)
                if getattr(contract, f.name) != getattr(default, f.name)
                or (f.name == "multiplier" and symbol in self.with_one)
            }
            for symbol, contract in self.by_symbol.items()
        }

    def multiplier_of(self, symbol: str) -> float | None:
        """Return the multiplier that the table gives a symbol, None if it gives none."""
        contract = self.by_symbol.get(symbol)
        if contract is None or (contract.multiplier == 1.0 and symbol not in self.with_one):
            return None
        return contract.multiplier

    def over(self, before: Contracts) -> Contracts:
        """Return these contracts with those of other symbols from before."""
        kept = tuple(symbol for symbol in before.with_one if symbol not in self.by_symbol)
        return Contracts({**before.by_symbol, **self.by_symbol}, self.with_one + kept)


def contracts_from_mapping(table: object, place: str = "symbols") -> Contracts:
    """Return the contracts that nested tables describe.

    Parameters
    ----------
    table : mapping
        From symbol to its table; ``file`` may name a TOML or CSV file, whose contracts those of the table override.
    place : str
        For messages.

    Raises
    ------
    SettingsError
        If a key is unknown or a value impossible.
    InputFileError
        If the file cannot be read.
    """
    if isinstance(table, Contracts):
        return table
    if not isinstance(table, Mapping):
        raise SettingsError(f"{place} must be a table of symbols ([symbols.ES]), but is {table!r}.")
    found = Contracts()
    for symbol, values in table.items():
        if symbol == "file" and isinstance(values, str):
            found = found.over(read_contracts(values))
            continue
        given = only_keys(values, [f.name for f in fields(Contract)], f"{place}.{symbol}", SettingsError)
        try:
            contract = Contract(**given)
        except SettingsError as error:
            raise SettingsError(str(error).replace("symbols:", f"{place}.{symbol}:", 1)) from None
        one = (str(symbol),) if "multiplier" in given and contract.multiplier == 1.0 else ()
        found = Contracts({str(symbol): contract}, one).over(found)
    return found


def read_contracts(path: str | Path) -> Contracts:
    """Return the contracts in a file.

    Parameters
    ----------
    path : path
        TOML with a table per symbol (``[ES]`` or ``[symbols.ES]``), or a table (CSV, Parquet) with ``symbol`` and some
        of ``multiplier, tick, lot, min_quantity, currency, session, exchange_tz, half_days, inverse``.

    Raises
    ------
    InputFileError
        If it cannot be read.
    SettingsError
        If a value is impossible or a symbol comes twice.
    """
    path = Path(path)
    if path.suffix.lower() == ".toml":
        content = read_toml(path, "symbols", SettingsError)
        inner = content.get("symbols", content) if isinstance(content, Mapping) else content
        return contracts_from_mapping(inner, f"symbols ({path.name})")
    import pandas as pd

    from exitladder.files.tables import read_table

    table = read_table(path)
    frame = table.frame
    known = ["symbol", *(f.name for f in fields(Contract))]
    only_keys(dict.fromkeys(map(str, frame.columns)), known, path.name, SettingsError)
    if "symbol" not in frame:
        raise SettingsError(f"A table of symbols must have the column symbol, but {path.name} has none.")
    found: dict[str, dict[str, Any]] = {}
    for i in range(len(frame)):
        row = {str(k): v for k, v in frame.iloc[i].items() if not pd.isna(v)}
        symbol = str(row.pop("symbol", "")).strip()
        if not symbol or symbol in found:
            raise SettingsError(
                f"Each symbol must come once, but {symbol or 'a blank one'!r} does not ({table.place(i)})."
            )
        if "inverse" in row:
            row["inverse"] = str(row["inverse"]).strip().lower() in ("true", "1", "yes")
        try:
            found[symbol] = {
                k: float(v) if k in (*_STEPS, "min_distance") and not isinstance(v, str) else v for k, v in row.items()
            }
        except (OverflowError, ValueError, TypeError) as cause:
            raise SettingsError(f"{', '.join(_STEPS)} must be numbers, but one is not ({table.place(i)}).") from cause
    return contracts_from_mapping(found, f"symbols ({path.name})")
