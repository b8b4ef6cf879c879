"""One symbol's bars as a trade of one side sees them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import talib

from exitladder.atr import wilder_atr
from exitladder.bars import Bars, FloatArray, IntArray
from exitladder.errors import FeatureError
from exitladder.features.higher_frame import higher_bars
from exitladder.features.windows import divide, moving_extremes, moving_moments

T = TypeVar("T")

ATR_WINDOW = 14
# An ATR or a deviation below this share of the price is rounding, not movement.
NO_MOVE = 1e-10


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

    Attributes
    ----------
    open, high, low, close : float64 array, shape (n,)
        Mirrored for a short.
    level : float64 array, shape (n,)
        Absolute close; the same for both sides.
    volume : float64 array, shape (n,), or None
        As it is; None without any traded volume.
    time : int64 array, shape (n,)
    """

    def __init__(self, bars: Bars, side: int) -> None:
        if side not in (1, -1):
            raise FeatureError(f"side must be 1 (long) or -1 (short), but is {side!r}.")
        _check_finite(bars)
        self.bars = bars
        self.side = side
        self.time: IntArray = bars.time
        high, low = (bars.high, bars.low) if side > 0 else (bars.low, bars.high)
        self.open: FloatArray = bars.open * side
        self.high: FloatArray = high * side
        self.low: FloatArray = low * side
        self.close: FloatArray = bars.close * side
        self.level: FloatArray = np.abs(self.close)
        self.volume = bars.volume if bars.volume is not None and bool(np.any(bars.volume > 0)) else None
        self._kept: dict[object, Any] = {}

    def __len__(self) -> int:
        return len(self.close)

    def keep(self, key: object, make: Callable[[], T]) -> T:
        """Return what `make` gives, made once a market; not to be written to."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def higher(self, k: int) -> tuple[Market, IntArray]:
        """Return the market of k times the interval, and each bar's last closed bar there (-1: none yet)."""

        def make() -> tuple[Market, IntArray]:
            bars, closed = higher_bars(self.bars, k)
            return Market(bars, self.side), closed

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
        return self.keep(("rsi", n), lambda: _rsi(self.close, n))

    def moments(self, n: int) -> tuple[FloatArray, FloatArray]:
        """Return mean less close, and population standard deviation, of n closes, each of shape (n_bars,)."""
        both = self.keep(("moments", n), lambda: _offset_and_deviation(self.close, n))
        return both[0], both[1]

    def extremes(self, n: int) -> tuple[FloatArray, FloatArray]:
        """Return the highest high and the lowest low of n bars, each of shape (n_bars,)."""
        both = self.keep(("extremes", n), lambda: np.stack(moving_extremes(self.high, self.low, n)))
        return both[0], both[1]

    def log(self, name: str) -> FloatArray:
        """Return the mirrored logarithm of open, high, low or close, shape (n_bars,); NaN at or below zero."""

        def make() -> FloatArray:
            source = {"high": "low", "low": "high"}.get(name, name) if self.side < 0 else name
            price = getattr(self.bars, source)
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

    @property
    def rounding(self) -> FloatArray:
        """What is too small a move to be measured, shape (n_bars,)."""
        return self.keep("rounding", lambda: self.level * NO_MOVE)

    def per_atr(self, x: FloatArray, n: int = ATR_WINDOW, neutral: float = 0.0) -> FloatArray:
        """Return x in ATR, `neutral` where nothing moves, shape (n_bars,)."""
        return divide(x, self.atr(n), self.rounding, neutral)

    def ratio(self, above: FloatArray, below: FloatArray, neutral: float = 0.0) -> FloatArray:
        """Return above / below (not negative), `neutral` where below is zero, shape (n_bars,)."""
        return divide(above, below, self.zeros, neutral)

    @property
    def zeros(self) -> FloatArray:
        """Zeros of shape (n_bars,)."""
        return self.keep("zeros", lambda: np.zeros(len(self)))


def _rsi(close: FloatArray, n: int) -> FloatArray:
    values = np.asarray(talib.RSI(close, n))
    zero = values == 0.0
    if zero.any():
        # TA-Lib gives 0 both for nothing but losses and for no change at all; only the latter mirrors to 0 too.
        values[zero & (np.asarray(talib.RSI(-close, n)) == 0.0)] = 50.0
    return values


def _offset_and_deviation(close: FloatArray, n: int) -> FloatArray:
    offset, squares = moving_moments(close, n)
    return np.stack([offset, np.sqrt(squares / n)])


def _check_finite(bars: Bars) -> None:
    for name in ("open", "high", "low", "close"):
        prices = getattr(bars, name)
        # A sum is not finite if any price is not: one pass without a mask.
        if not math.isfinite(float(np.sum(prices))) and not np.isfinite(prices).all():
            at = int(np.flatnonzero(~np.isfinite(prices))[0])
            stamp = np.datetime64(int(bars.time[at]), "ns")
            raise FeatureError(
                f"Prices must be finite, but {name} is {prices[at]} in the bar of '{bars.symbol}' at {stamp} UTC. "
                "One such price would spoil every later value of a recursive indicator. Repair or drop that bar."
            )
