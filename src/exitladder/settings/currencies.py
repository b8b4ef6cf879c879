"""The account's currency and the rates of others in it: a number, or a series of closes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exitladder.errors import SettingsError

if TYPE_CHECKING:
    from exitladder.arrays import FloatArray, IntArray
    from exitladder.bars.bars import Bars

_CODE = re.compile(r"[A-Z]{3,5}")


@dataclass(frozen=True)
class Currencies:
    """The ``[currencies]`` table of the settings.

    Parameters
    ----------
    account : str
        Code of the account's currency; empty if all symbols are in one currency.
    rates : mapping of str to float or str
        By code: units of the account's currency for one of it, or a symbol of the bars whose close that is;
        ``1/EURUSD`` for its inverse.
    """

    account: str = ""
    rates: Mapping[str, float | str] = field(default_factory=dict)

    def needed(self, currencies: Iterable[str]) -> list[str]:
        """Return the codes among `currencies` that need a rate and have none, sorted.

        Raises
        ------
        SettingsError
            If there are several currencies and the account's is not known.
        """
        codes = {c for c in currencies if c}
        if not self.account and len(codes) > 1:
            raise SettingsError(
                f"Trades in several currencies ({', '.join(sorted(codes))}) need the account's: set "
                'currencies.account, such as --set currencies.account="USD", and a rate for each of the others.'
            )
        return sorted(c for c in codes if self.account and c != self.account and c not in self.rates)

    def check(self, currencies: Iterable[str]) -> None:
        """Refuse currencies without a rate.

        Raises
        ------
        SettingsError
            If one has none.
        """
        if missing := self.needed(currencies):
            has = "has" if len(missing) == 1 else "have"
            first = f"--set currencies.{missing[0]}"
            raise SettingsError(
                f"Each currency needs a rate to {self.account}, but {', '.join(missing)} {has} none. Set one, such as "
                f'{first}=1.1, or name a symbol of the bars: {first}="{missing[0]}{self.account}".'
            )

    def rate(self, currency: str, time: IntArray, bars: Mapping[str, Bars] | None = None) -> FloatArray:
        """Return units of the account's currency for one of another at some moments, shape (n,).

        Parameters
        ----------
        currency : str
            Empty means the account's.
        time : int64 array, shape (n,)
            Nanoseconds since 1970 UTC.
        bars : mapping of str to Bars, optional
            Where a rate is a series: the close of its last bar that had closed then, never a later one.

        Returns
        -------
        float64 array, shape (n,)

        Raises
        ------
        SettingsError
            If the currency has no rate, or its series none by then.
        """
        import numpy as np

        if not currency or not self.account or currency == self.account:
            return np.ones(len(time))
        self.check([currency])
        given = self.rates[currency]
        if not isinstance(given, str):
            return np.full(len(time), float(given))
        symbol = given.removeprefix("1/")
        if bars is None or symbol not in bars:
            raise SettingsError(
                f"currencies.{currency} names the series '{symbol}', but there are no bars of it. Add them, or set "
                "a number."
            )
        own = bars[symbol]
        at = np.searchsorted(own.time + own.interval_ns, time, side="right") - 1
        if len(at) and at.min() < 0:
            raise SettingsError(f"The series '{symbol}' of currencies.{currency} begins after the first trade.")
        close = own.close[at]
        return np.asarray(1 / close if given.startswith("1/") else close)

    def to_mapping(self) -> dict[str, Any]:
        """Return a table of plain values."""
        return {"account": self.account, **self.rates}


def currencies_from_mapping(table: object, before: Currencies | None = None) -> Currencies:
    """Return the currencies that a table describes, put over those from before.

    Parameters
    ----------
    table : mapping
        ``account``, and a number or a symbol by code.
    before : Currencies, optional

    Raises
    ------
    SettingsError
        If a code or a rate is impossible.
    """
    if isinstance(table, Currencies):
        return table
    if not isinstance(table, Mapping):
        raise SettingsError(f"currencies must be a table of rates, but is {table!r}.")
    before = before or Currencies()
    account, rates = before.account, dict(before.rates)
    for code, value in table.items():
        if code == "account":
            if not isinstance(value, str) or (value and not _CODE.fullmatch(value)):
                raise SettingsError(f"currencies.account must be a code such as USD, but is {value!r}.")
            account = value
            continue
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not _CODE.fullmatch(str(code)) or not (is_number or (isinstance(value, str) and value)):
            raise SettingsError(
                f"A rate must read CODE = number or CODE = symbol, such as EUR = 1.1, but is {code} = {value!r}."
            )
        if is_number and not (math.isfinite(value) and value > 0):
            raise SettingsError(f"currencies.{code} must be a positive number, but is {value!r}.")
        rates[str(code)] = value if isinstance(value, str) else float(value)
    return Currencies(account, rates)
