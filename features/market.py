"""One symbol's bars as a trade of one side sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import talib

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.atr import wilder_atr
from exitladder.bars.bars import Bars
from exitladder.errors import FeatureError
from exitladder.features.higher_frame import higher_bars
from exitladder.features.outside import NOTHING, Outside
from exitladder.features.windows import (
    all_finite,
    bollinger,
    divide,
    divided_change,
    moving_extremes,
    moving_moments,
    wilder_rsi,
)

T = TypeVar("T")

ATR_WINDOW = 14
# An ATR or a deviation below this share of the price is rounding, not movement.
NO_MOVE = 1e-10
DAY_NS = 86_400 * 10**9
_MIRRORED = {"open": "open", "high": "low", "low": "high", "close": "close"}


class Market:
    """One symbol's bars in a trade's direction: up is always the trade's way.

    A short trade sees the mirrored market: open, high, low, close become -open, -low, -high, -close,
    volume stays, and so does the price level that percentages refer to. Logarithms are mirrored
    alike (the log of the price, negated).

    Parameters
    ----------
    bars : Bars
    side : int
        +1 long, -1 short.
    outside : Outside
        A benchmark and further series, where features refer to them.

    Attributes
    ----------
    open, high, low, close : float64 array, shape (n,)
        Mirrored for a short; not to be written to.
    time : int64 array, shape (n,)

    Raises
    ------
    FeatureError
        If a price is not finite.
    """

    def __init__(self, bars: Bars, side: int, outside: Outside = NOTHING) -> None:
        if side not in (1, -1):
            raise FeatureError(f"side must be 1 (long) or -1 (short), but is {side!r}.")
        self.bars = bars
        self.side = side
        self.outside = outside
        self.time: IntArray = bars.time
        self._kept: dict[object, Any] = {}
        self._refuse_broken_prices()
        # A long trade sees the arrays of the bars themselves, which nobody writes to.
        self.open, self.high, self.low, self.close = (
            (bars.open, bars.high, bars.low, bars.close)
            if side > 0
            else (-bars.open, -bars.low, -bars.high, -bars.close)
        )

    @cached_property
    def volume(self) -> FloatArray | None:
        """Raw volume, shape (n_bars,); None if there is no traded volume."""
        volume = self.bars.volume
        return volume if volume is not None and bool(np.any(volume > 0)) else None

    @property
    def level(self) -> FloatArray:
        """Absolute close, the same for both sides, shape (n_bars,)."""
        return self.keep("level", lambda: np.abs(self.close))

    def _refuse_broken_prices(self) -> None:
        if all_finite(self.bars.open, self.bars.high, self.bars.low, self.bars.close):
            return
        for name in _MIRRORED:
            prices = getattr(self.bars, name)
            for at in np.flatnonzero(~np.isfinite(prices))[:1]:
                stamp = np.datetime64(int(self.bars.time[at]), "ns")
                raise FeatureError(
                    f"Prices must be finite, but {name} is {prices[at]} in the bar of '{self.bars.symbol}' at {stamp} "
                    "UTC. One such price would corrupt every later value of a recursive indicator. "
                    "Repair or drop that bar."
                )

    def __len__(self) -> int:
        return len(self.time)

    def keep(self, key: object, make: Callable[[], T]) -> T:
        """Return what `make` gives, made once a market; not to be written to."""
        kept: T | None = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = make()
        return kept

    def higher(self, k: int) -> tuple[Market, IntArray]:
        """Return the market of k times the interval, and each bar's last closed bar there (-1: none yet)."""

        def make() -> tuple[Market, IntArray]:
            bars, closed = higher_bars(self.bars, k)
            return Market(bars, self.side, self.outside), closed

        return self.keep(("higher", k), make)

    def atr(self, n: int = ATR_WINDOW) -> FloatArray:
        """Return Wilder's ATR, shape (n_bars,); NaN for the first n."""
        return self.keep(("atr", n), lambda: wilder_atr(self.high, self.low, self.close, n))

    def true_range(self) -> FloatArray:
        """Return the true range, shape (n_bars,); NaN at the first bar."""
        return self.keep("true_range", lambda: np.asarray(talib.TRANGE(self.high, self.low, self.close)))

    def ema(self, n: int) -> FloatArray:
        """Return the exponential average of the close, started with the mean of n closes, shape (n_bars,)."""
        return self.keep(("ema", n), lambda: np.asarray(talib.EMA(self.close, n)))

    def rsi(self, n: int) -> FloatArray:
        """Return Wilder's RSI of the close, 50 where nothing has moved, shape (n_bars,)."""
        return self.keep(("rsi", n), lambda: wilder_rsi(self.close, n))

    def moments(self, n: int) -> tuple[FloatArray, FloatArray]:
        """Return mean less close, and population standard deviation, of n closes, each of shape (n_bars,)."""
        return self.keep(("moments", n), lambda: _offset_and_deviation(self.close, n))

    def bollinger(self, n: int) -> tuple[FloatArray, FloatArray]:
        """Return the close's place between the Bollinger bands of n bars and their width, each of shape (n_bars,)."""
        both: tuple[FloatArray, FloatArray] = self.keep(("bollinger", n), lambda: bollinger(self.close, n))
        return both

    def extremes(self, n: int) -> tuple[FloatArray, FloatArray]:
        """Return the highest high and the lowest low of n bars, each of shape (n_bars,)."""
        both: tuple[FloatArray, FloatArray] = self.keep(
            ("extremes", n), lambda: moving_extremes(self.high, self.low, n)
        )
        return both

    def log(self, name: str) -> FloatArray:
        """Return the mirrored logarithm of open, high, low or close, shape (n_bars,); NaN at or below zero."""

        def make() -> FloatArray:
            price: FloatArray = getattr(self.bars, _MIRRORED[name] if self.side < 0 else name)
            safe = np.where(price > 0, price, np.nan)
            return np.asarray(self.side * np.log(safe))

        return self.keep(("log", name), make)

    def log_return(self) -> FloatArray:
        """Return the change of the log close since the bar before, shape (n_bars,); NaN at the first bar."""

        def make() -> FloatArray:
            out = np.empty(len(self))
            out[:1] = np.nan
            np.subtract(self.log("close")[1:], self.log("close")[:-1], out=out[1:])
            return out

        return self.keep("log_return", make)

    def lacks(self, needs: str) -> bool:
        """Return whether there is no volume, benchmark or series here that a feature needs."""
        if needs == "volume":
            return self.volume is None
        return needs == "benchmark" and self.outside.closes is None

    def benchmark(self) -> FloatArray:
        """Return the benchmark's last close known at each bar's close, mirrored for a short, shape (n_bars,).

        NaN before its first one.
        """

        def make() -> FloatArray:
            closes = self.outside.closes
            return np.full(len(self), np.nan) if closes is None else self.side * closes.at(self._close_time())

        return self.keep("benchmark", make)

    def series(self, name: str) -> FloatArray:
        """Return the last value of a series known at each bar's close, shape (n_bars,); NaN where there is none.

        A directed series is negated for a short.
        """

        def make() -> FloatArray:
            series = self.outside.series.get(name)
            steps = series.of(self.bars.symbol) if series is not None else None
            if series is None or steps is None:
                return np.full(len(self), np.nan)
            return (self.side if series.is_directed else 1) * steps.at(self._close_time())

        return self.keep(("series", name), make)

    def clock(self, tz: str = "") -> IntArray:
        """Return when each bar starts by a clock, nanoseconds since 1970 there, shape (n_bars,).

        Parameters
        ----------
        tz : str
            A time zone, whose daylight saving counts; the exchange's by default.

        Notes
        -----
        A bar of a day or more that is stamped with midnight UTC is a date, and the same date on every clock.
        """
        tz = tz or self.outside.exchange_tz

        def make() -> IntArray:
            if tz == "UTC":
                return self.time
            stamps = pd.DatetimeIndex(self.time.view("M8[ns]")).tz_localize("UTC").tz_convert(tz)
            local = stamps.tz_localize(None).as_unit("ns").asi8
            is_date = (self.bars.interval_ns >= DAY_NS) & (self.time % DAY_NS == 0)
            return np.where(is_date, self.time, local)

        return self.keep(("clock", tz), make)

    def _close_time(self) -> IntArray:
        return self.keep("close time", lambda: np.asarray(self.time + self.bars.interval_ns))

    def per_atr(self, x: FloatArray, n: int = ATR_WINDOW, neutral: float = 0.0) -> FloatArray:
        """Return x in ATR.

        Parameters
        ----------
        x : float64 array, shape (n_bars,)
            In price.
        n : int
            Bars of the ATR.
        neutral : float
            Value where nothing moves.

        Returns
        -------
        float64 array, shape (n_bars,)
        """
        return self.per_move(x, self.atr(n), neutral)

    def per_move(self, x: FloatArray, move: FloatArray, neutral: float = 0.0, power: int = 1) -> FloatArray:
        """Return x / move.

        Parameters
        ----------
        x : float64 array, shape (n_bars,)
        move : float64 array, shape (n_bars,)
            In price, to the power.
        neutral : float
            Value where `move` is mere rounding of the price (to that power).
        power : int

        Returns
        -------
        float64 array, shape (n_bars,)
        """
        ratio: FloatArray = divide(x, move, self.level**power if power > 1 else self.level, NO_MOVE**power, neutral)
        return ratio

    def change_per_atr(self, n: int) -> FloatArray:
        """Return (close - close n bars ago) in ATR, 0 where nothing moves, shape (n_bars,); n_bars above n."""
        change: FloatArray = divided_change(self.close, n, self.atr(), self.level, NO_MOVE)
        return change

    def ratio(self, above: FloatArray, below: FloatArray, neutral: float = 0.0, times: float = 1.0) -> FloatArray:
        """Return times · above / below.

        Parameters
        ----------
        above, below : float64 array, shape (n_bars,)
            `below` is not negative.
        neutral : float
            Value where `below` is zero.
        times : float

        Returns
        -------
        float64 array, shape (n_bars,)
        """
        ratio: FloatArray = divide(above, below, self.level, 0.0, neutral, times)
        return ratio

    @property
    def zeros(self) -> FloatArray:
        """Zeros of shape (n_bars,)."""
        return self.keep("zeros", lambda: np.zeros(len(self)))


def _offset_and_deviation(close: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    offset, squares = moving_moments(close, n)
    squares /= n
    return offset, np.sqrt(squares, out=squares)
