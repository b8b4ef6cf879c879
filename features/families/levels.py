"""Levels: earlier turning points, swing projections and round numbers."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray, IntArray
from exitladder.bars.swings import STRENGTH, pivot_highs
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.runtime.compiling import njit

LEVELS = Family("levels", "earlier turning points, swing projections and round numbers")

# A level further away than this many ATR does not matter any more.
FAR_ATR = 10.0
_NO_SWING = "no confirmed swing in the window"
_SOURCE = f"swings of {STRENGTH} bars on each side, known {STRENGTH} bars after; TA-Lib ATR"


def _first(n: int) -> int:
    return max(n - 1, ATR_WINDOW)


def _memory(n: int) -> int:
    return wilder_memory(ATR_WINDOW) + STRENGTH


def _ratio_first(r: int, n: int) -> int:
    return _first(n)


def _ratio_memory(r: int, n: int) -> int:
    return _memory(n)


@LEVELS.feature("resistance_{n}", (250,), unit="ATR", first=_first, memory=_memory, mirror="own", source=_SOURCE)
def resistance(market: Market, n: int) -> FloatArray:
    """(nearest confirmed swing high of n bars above the close − close) / ATR(14); capped at 10, 10 if none."""
    bar, price = _highs(market)
    return np.minimum(market.per_atr(_nearest_above(market.close, bar, price, n, STRENGTH), neutral=FAR_ATR), FAR_ATR)


@LEVELS.feature("support_{n}", (250,), unit="ATR", first=_first, memory=_memory, mirror="own", source=_SOURCE)
def support(market: Market, n: int) -> FloatArray:
    """(close − nearest confirmed swing low of n bars below the close) / ATR(14); capped at 10, 10 if none."""
    bar, price = _lows(market)
    return np.minimum(market.per_atr(_nearest_above(-market.close, bar, price, n, STRENGTH), neutral=FAR_ATR), FAR_ATR)


@LEVELS.feature(
    "swing_age_{n}", (250,), unit="bars", first=lambda n: n - 1, memory=lambda n: STRENGTH, mirror="own", source=_SOURCE
)
def swing_age(market: Market, n: int) -> FloatArray:
    """Bars since the last confirmed swing high, capped at n."""
    return _age(len(market), _highs(market)[0], n, STRENGTH)


@LEVELS.feature(
    "fib_extension_{n}", (250,), unit="swings", first=lambda n: n - 1, memory=lambda n: STRENGTH, mirror="own",
    source=_SOURCE, may_miss=_NO_SWING,
)  # fmt: skip
def fib_extension(market: Market, n: int) -> FloatArray:
    """(close − start of the last confirmed upswing of n bars) / size of that swing, between −10 and 10."""
    start, size = _swing(market, n)
    return np.clip((market.close - start) / size, -10.0, 10.0)


@LEVELS.feature(
    "fib_distance_{r}_{n}", (1272, 250), (1618, 250), (2618, 250), unit="ATR", first=_ratio_first,
    memory=_ratio_memory, mirror="own", source=_SOURCE, may_miss=_NO_SWING,
)  # fmt: skip
def fib_distance(market: Market, r: int, n: int) -> FloatArray:
    """(start + r / 1000 of the last confirmed upswing of n bars − close) / ATR(14), between −20 and 20."""
    start, size = _swing(market, n)
    return np.clip(market.per_atr(start + size * (r / 1000.0) - market.close), -20.0, 20.0)


@LEVELS.feature(
    "round_ahead", unit="ATR", first=ATR_WINDOW, memory=lambda: wilder_memory(ATR_WINDOW), mirror="own",
    source="round numbers: multiples of the power of ten that is 1 to 10% of the price",
)  # fmt: skip
def round_ahead(market: Market) -> FloatArray:
    """(next round number at or above the close − close) / ATR(14), capped at 10."""
    steps, step = _round_steps(market)
    return np.minimum(market.per_atr((np.ceil(steps) - steps) * step), FAR_ATR)


@LEVELS.feature(
    "round_behind", unit="ATR", first=ATR_WINDOW, memory=lambda: wilder_memory(ATR_WINDOW), mirror="own",
    source="round numbers: multiples of the power of ten that is 1 to 10% of the price",
)  # fmt: skip
def round_behind(market: Market) -> FloatArray:
    """(close − next round number at or below the close) / ATR(14), capped at 10."""
    steps, step = _round_steps(market)
    return np.minimum(market.per_atr((steps - np.floor(steps)) * step), FAR_ATR)


def _round_steps(market: Market) -> tuple[FloatArray, FloatArray]:
    """Return the close counted in round steps, and the step."""
    raw = market.bars.close
    size = np.abs(np.where(raw == 0.0, 1.0, raw))
    step = 10.0 ** (np.floor(np.log10(size)) - 1.0)
    steps = market.side * raw / step
    # 1.1 / 0.1 is 11.000000000000002: a price on a round number must be seen as such.
    whole = np.round(steps)
    return np.where(np.abs(steps - whole) < 1e-9, whole, steps), step


def _highs(market: Market) -> tuple[IntArray, FloatArray]:
    pivots = market.keep("highs", lambda: pivot_highs(market.high))
    return pivots.bar, pivots.price


def _lows(market: Market) -> tuple[IntArray, FloatArray]:
    """Return the swing lows as swing highs of the negated market."""
    pivots = market.keep("lows", lambda: pivot_highs(-market.low))
    return pivots.bar, pivots.price


def _swing(market: Market, n: int) -> tuple[FloatArray, FloatArray]:
    def make() -> FloatArray:
        high_bar, high = _highs(market)
        low_bar, low = _lows(market)
        return _last_swing(len(market), high_bar, high, low_bar, -low, n, STRENGTH)

    both = market.keep(("swing", n), make)
    return both[0], both[1]


@njit(cache=True, error_model="numpy")
def _nearest_above(close: FloatArray, bar: IntArray, price: FloatArray, n: int, strength: int) -> FloatArray:
    """Return the distance from each close up to the nearest known pivot of n bars, inf if there is none."""
    out = np.full(len(close), np.inf)
    known, oldest = 0, 0
    for t in range(len(close)):
        while known < len(bar) and bar[known] + strength <= t:
            known += 1
        while oldest < known and bar[oldest] <= t - n:
            oldest += 1
        for k in range(oldest, known):
            if price[k] > close[t]:
                out[t] = min(out[t], price[k] - close[t])
    return out


@njit(cache=True, error_model="numpy")
def _age(size: int, bar: IntArray, n: int, strength: int) -> FloatArray:
    """Return the bars since the last known pivot, capped at n."""
    out = np.full(size, float(n))
    known = 0
    for t in range(size):
        while known < len(bar) and bar[known] + strength <= t:
            known += 1
        if known:
            out[t] = min(t - bar[known - 1], n)
    return out


@njit(cache=True, error_model="numpy")
def _last_swing(
    size: int, high_bar: IntArray, high: FloatArray, low_bar: IntArray, low: FloatArray, n: int, strength: int
) -> FloatArray:
    """Return start and size of the last known upswing within n bars, NaN if none, shape (2, size)."""
    out = np.full((2, size), np.nan)
    known, below = 0, 0
    for t in range(size):
        while known < len(high_bar) and high_bar[known] + strength <= t:
            known += 1
        if known == 0 or high_bar[known - 1] <= t - n:
            continue
        while below < len(low_bar) and low_bar[below] < high_bar[known - 1]:
            below += 1
        if below == 0 or low_bar[below - 1] <= t - n:
            continue
        swing = high[known - 1] - low[below - 1]
        if swing > 0.0:
            out[0, t] = low[below - 1]
            out[1, t] = swing
    return out
