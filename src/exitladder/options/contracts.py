"""An option contract, its name, and the moment at which its trading ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exitladder.clock import DAY_NS
from exitladder.errors import OptionsError
from exitladder.options.black_scholes import CALL, PUT

RIGHTS = {"c": CALL, "call": CALL, "p": PUT, "put": PUT}
_SATURDAY = 5


@dataclass(frozen=True, order=True)
class Contract:
    """One option contract: what its quotes, trades and settlement are looked up by.

    Parameters
    ----------
    underlying : str
    expiry : int
        Midnight UTC of the expiry date, nanoseconds since 1970.
    strike : float
        To 0.001.
    right : float
        1 for a call, -1 for a put.

    Examples
    --------
    >>> str(Contract.of("AAPL", "2014-06-21", 645, "call"))
    'AAPL 2014-06-21 645 call'
    """

    underlying: str
    expiry: int
    strike: float
    right: float

    @classmethod
    def of(cls, underlying: str, expiry: str, strike: float, right: str) -> Contract:
        """Return the contract of an expiry date and a right as text.

        Parameters
        ----------
        underlying : str
        expiry : str
            Such as ``2014-06-21``.
        strike : float
        right : {"call", "put"}

        Returns
        -------
        Contract
        """
        return cls(underlying, pd.Timestamp(expiry, tz="UTC").as_unit("ns").value, strike_of(strike), RIGHTS[right])

    def __str__(self) -> str:
        right = "call" if self.right == CALL else "put"
        return f"{self.underlying} {pd.Timestamp(self.expiry):%Y-%m-%d} {self.strike:g} {right}"

    def intrinsic(self, price: float) -> float:
        """Return what exercise pays per unit at a price of the underlying."""
        return max(self.right * (price - self.strike), 0.0)

    def after_split(self, ratio: int) -> Contract:
        """Return the contract into which a split of `ratio` new shares for one turns it (rule O9)."""
        return replace(self, strike=strike_of(round(self.strike / ratio + 1e-9, 2)))


def strike_of(value: float) -> float:
    """Return a strike as contracts hold it, so that equal strikes of two files are equal."""
    return round(float(value), 3)


@dataclass(frozen=True)
class ExpiryClock:
    """When trading of expiring contracts ends (rule O7).

    Parameters
    ----------
    close : str
        Time of day, such as ``16:00``.
    zone : str
        Time zone of that time and of dates.
    is_daily : bool
        Whether quotes and bars are daily: the bar of a date then ends with its expiry.
    """

    close: str
    zone: str
    is_daily: bool

    def date(self, expiry: int) -> int:
        """Return the last trading date, as midnight UTC: the expiry date, or the Friday before a weekend."""
        weekday = (expiry // DAY_NS + 3) % 7
        return expiry - DAY_NS * max(weekday - _SATURDAY + 1, 0)

    def moment(self, expiry: int) -> int:
        """Return when trading of a contract ends, nanoseconds since 1970 UTC."""
        return self.end_of(self.date(expiry))

    def end_of(self, date: int) -> int:
        """Return the end of the session of a date (midnight UTC)."""
        if self.is_daily:
            return date + DAY_NS
        wall = pd.Timestamp(date) + pd.Timedelta(f"{self.close}:00")
        return int(wall.tz_localize(self.zone).tz_convert("UTC").as_unit("ns").value)

    def before(self, date: int) -> int:
        """Return the last moment that belongs to an earlier date; see `date_of`."""
        if self.is_daily:
            return date
        wall = pd.Timestamp(date).tz_localize(self.zone, nonexistent="shift_forward", ambiguous=True)
        return int(wall.tz_convert("UTC").as_unit("ns").value) - 1

    def date_of(self, moment: int) -> int:
        """Return the exchange's date at a moment, as midnight UTC; the end of a daily bar belongs to its date."""
        if self.is_daily:
            return (moment - 1) // DAY_NS * DAY_NS
        wall = pd.Timestamp(moment, tz="UTC").tz_convert(self.zone).tz_localize(None)
        return int(wall.normalize().as_unit("ns").value)

    def dates_of(self, moments: np.ndarray) -> np.ndarray:
        """Return `date_of` for an array of moments."""
        if self.is_daily:
            return (moments - 1) // DAY_NS * DAY_NS
        wall = pd.DatetimeIndex(pd.to_datetime(moments, utc=True, unit="ns")).tz_convert(self.zone).tz_localize(None)
        return np.asarray(wall.normalize().as_unit("ns").asi8)


def check_clock(close: str, zone: str) -> None:
    """Raise an error unless a time of day and a time zone are valid."""
    from exitladder.files.stamps import check_tz

    hour, _, minute = close.partition(":")
    if not (len(close) == 5 and hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise OptionsError(f'options.close must be a time of day such as "16:00", but is {close!r}.')
    check_tz(zone, OptionsError)


def whole_ratio(factor: float) -> int | None:
    """Return the ratio of a split as a whole number of at least 2, None if it is no such split."""
    ratio = round(factor)
    return ratio if ratio >= 2 and math.isclose(factor, ratio, rel_tol=1e-9) else None
