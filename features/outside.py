"""Inputs other than the symbol's own bars: a benchmark, the user's own series, the exchange's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.bars import Bars

EVERY_SYMBOL = ""


@dataclass(frozen=True)
class Steps:
    """A value that holds from the moment it is known until the next one is.

    Parameters
    ----------
    known : int64 array, shape (n,)
        Nanoseconds since 1970 UTC, strictly increasing.
    value : float64 array, shape (n,)
        Finite.

    Examples
    --------
    >>> Steps(np.array([10, 20]), np.array([1.5, 2.5])).at(np.array([9, 10, 19, 20]))
    array([nan, 1.5, 1.5, 2.5])
    """

    known: IntArray
    value: FloatArray

    @classmethod
    def of_closes(cls, bars: Bars) -> Steps:
        """Return the closes of bars, each known from its bar's end on."""
        return cls(bars.time + bars.interval_ns, bars.close)

    def at(self, moments: IntArray) -> FloatArray:
        """Return the last value known at each moment, NaN where there is none yet."""
        last = np.searchsorted(self.known, moments, side="right") - 1
        out = np.full(len(moments), np.nan)
        out[last >= 0] = self.value[last[last >= 0]]
        return out

    def is_stale(self, moment: int) -> bool:
        """Return whether the last value known at a moment is older than twice the longest gap between values so far.

        Examples
        --------
        >>> days = Steps(np.array([10, 11, 14]), np.zeros(3))
        >>> days.is_stale(20), days.is_stale(21)
        (False, True)
        """
        known = self.known[self.known <= moment]
        return len(known) > 1 and moment - int(known[-1]) > 2 * int(np.diff(known).max())


@dataclass(frozen=True)
class ExtraSeries:
    """A series of the user's own.

    Parameters
    ----------
    column : str
        The column it was read from.
    delay_ns : int
        Nanoseconds from a value's stamp until it is known.
    is_directed : bool
        A short trade sees it negated: higher values favour a rise (order flow, sentiment).
    steps : mapping of str to Steps
        By symbol; under ``""`` for every symbol alike.
    """

    column: str
    delay_ns: int
    is_directed: bool
    steps: Mapping[str, Steps]

    def of(self, symbol: str) -> Steps | None:
        """Return the values that belong to a symbol."""
        return self.steps.get(symbol, self.steps.get(EVERY_SYMBOL))

    def declaration(self) -> dict[str, object]:
        """Return the declaration that a model stores."""
        return {"column": self.column, "delay_ns": self.delay_ns, "is_directed": self.is_directed}


@dataclass(frozen=True)
class Outside:
    """The benchmark, the series and the clock that features may refer to.

    Parameters
    ----------
    benchmark : str
        Its symbol; empty without one.
    closes : Steps or None
        The benchmark's closes.
    series : mapping of str to ExtraSeries
    exchange_tz : str
        Time zone of the exchange.
    benchmark_interval : str
        Length of the benchmark's bars, such as ``1d``.
    """

    benchmark: str = ""
    closes: Steps | None = None
    series: Mapping[str, ExtraSeries] = field(default_factory=dict)
    exchange_tz: str = "UTC"
    benchmark_interval: str = ""


NOTHING = Outside()
