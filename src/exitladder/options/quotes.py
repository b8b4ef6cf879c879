"""Quotes of option contracts: bars of bid and ask, or snapshots, with what makes one usable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from exitladder.arrays import BoolArray, FloatArray, IntArray
from exitladder.options.contracts import Contract

SIDES = ("bid", "ask")
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class QuoteBars:
    """The quotes of one contract in order of time.

    Parameters
    ----------
    start, end : int64 array, shape (n,)
        Nanoseconds since 1970 UTC. A bar is known at its end; a snapshot starts and ends at one moment.
    bid, ask : float64 array, shape (n, 4)
        Open, high, low and close; NaN where there is none.
    bid_size, ask_size : float64 array, shape (n,)
        Contracts shown at the close; NaN where unknown.
    spot : float64 array, shape (n,)
        Price of the underlying that the file states beside a quote; NaN where it does not.
    volatility : float64 array, shape (n,), optional
        Implied volatility at the close from which the model made the quotes; otherwise it is solved from them.
    """

    start: IntArray
    end: IntArray
    bid: FloatArray
    ask: FloatArray
    bid_size: FloatArray
    ask_size: FloatArray
    spot: FloatArray
    volatility: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def at_open(self) -> Sides:
        """Bid and ask at the opens, if usable."""
        return Sides.of(self.bid[:, 0], self.ask[:, 0])

    @cached_property
    def at_close(self) -> Sides:
        """Bid and ask at the closes, if usable."""
        return Sides.of(self.bid[:, 3], self.ask[:, 3])

    @cached_property
    def fills_limits(self) -> BoolArray:
        """Whether a limit may fill inside the bar: its extremes of bid and ask do not contradict each other (O1)."""
        with np.errstate(invalid="ignore"):
            bad = (self.bid[:, 1] > self.ask[:, 1]) | (self.ask[:, 2] < self.bid[:, 2])
        return ~bad


@dataclass(frozen=True)
class Sides:
    """Usable bids and asks at one price of each bar, by the terms of docs/design/options.md.

    Parameters
    ----------
    bid, ask : float64 array, shape (n,)
        NaN where there is none; both NaN where the quote is crossed.
    is_crossed : bool array, shape (n,)
    """

    bid: FloatArray
    ask: FloatArray
    is_crossed: BoolArray

    @classmethod
    def of(cls, bid: FloatArray, ask: FloatArray) -> Sides:
        """Return usable sides: above 0, finite, and the bid not above the ask."""
        with np.errstate(invalid="ignore"):
            has_bid, has_ask = np.isfinite(bid) & (bid > 0), np.isfinite(ask) & (ask > 0)
            crossed = has_bid & has_ask & (bid > ask)
        return cls(np.where(has_bid & ~crossed, bid, np.nan), np.where(has_ask & ~crossed, ask, np.nan), crossed)


@dataclass(frozen=True)
class Quotes(Mapping[Contract, QuoteBars]):
    """Quotes of many contracts.

    Parameters
    ----------
    bars : mapping of Contract to QuoteBars
    interval_ns : int
        Length of a bar; 0 for snapshots.
    name : str
        The file, for messages.
    """

    bars: Mapping[Contract, QuoteBars]
    interval_ns: int
    name: str

    def __getitem__(self, contract: Contract) -> QuoteBars:
        return self.bars[contract]

    def __iter__(self) -> Iterator[Contract]:
        return iter(self.bars)

    def __len__(self) -> int:
        return len(self.bars)

    @cached_property
    def last(self) -> int:
        """End of the last quote of any contract."""
        return max(int(bars.end[-1]) for bars in self.bars.values())

    def listed(self, contract: Contract) -> list[Contract]:
        """Return the contracts of one underlying and expiry, for messages and splits."""
        return [c for c in self.bars if (c.underlying, c.expiry) == (contract.underlying, contract.expiry)]
