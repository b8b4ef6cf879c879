"""Events: what has happened since the last extreme of volume, range, gap, price, RSI or swing, and how far it led."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.features.families.volume import traded
from exitladder.features.feature import Family, wilder_memory
from exitladder.features.market import ATR_WINDOW, Market
from exitladder.features.windows import bars_since, log_over_median, moving_extremes, moving_moments
from exitladder.runtime.compiling import njit

EVENTS = Family("events", "bars, move, stretch and decayed sum since an extreme of volume, range, gap, price or RSI")

# Bars before an event that it is measured against, and bars of the mean that its stretch is measured from.
_USUAL = 20
_OVERBOUGHT, _RSI = 70.0, 7
# A swing high is the highest of so many bars on either side, and known only after the later ones.
_SIDE = 2
# Bars that the catalogue looks back; a decayed sum loses half of an event's size in a fourteenth of them.
_BACK = 50
_DECAYS = 5.0
# Whole numbers often meet a threshold exactly: the last digit of a logarithm must not decide.
_TIE = 1e-9


@dataclass(frozen=True)
class _Kind:
    """A kind of event.

    Parameters
    ----------
    size : callable
        Gives how far each bar is beyond the event's threshold, shape (n_bars,); above zero at an event.
    first, memory : int
        Leading bars without a value, and bars after which the start of a recursion no longer matters.
    mirror : str
        Law of the event itself.
    """

    about: str
    size: Callable[[Market], FloatArray]
    first: int
    memory: int
    mirror: str
    needs: str = ""


def _volume(market: Market) -> FloatArray:
    return np.asarray(log_over_median(traded(market), _USUAL)) - math.log(2.5) - _TIE


def _range(market: Market) -> FloatArray:
    """Return -1 where all bars before are flat: there is no usual range to exceed."""
    over = np.asarray(log_over_median(market.high - market.low, _USUAL)) - math.log(2.0) - _TIE
    return np.nan_to_num(over, nan=-1.0)


def _gap(market: Market) -> FloatArray:
    """Return gaps against the usual range; the range of flat bars is no measure."""
    gap = np.abs(market.open - np.concatenate([[np.nan], market.close[:-1]]))
    offset, _ = moving_moments(market.high - market.low, _USUAL)
    usual = np.concatenate([[np.nan], (market.high - market.low + offset)[:-1]])
    return market.ratio(gap, usual) - 0.75 - _TIE


def _high(market: Market) -> FloatArray:
    top, _ = moving_extremes(market.high, market.low, _USUAL)
    return np.where(market.close > np.concatenate([[np.nan], top[:-1]]), 1.0, 0.0)


def _rsi(market: Market) -> FloatArray:
    return (market.rsi(_RSI) - _OVERBOUGHT) / 10.0


def _swing(market: Market) -> FloatArray:
    """Return 1 where a bar, `_SIDE` bars ago, is now known to be a swing high."""
    out = np.zeros(len(market))
    n = 2 * _SIDE + 1
    if len(market) >= n:
        around = np.lib.stride_tricks.sliding_window_view(market.high, n)
        middle = around[:, _SIDE]
        others = np.delete(around, _SIDE, axis=1).max(axis=1)
        out[n - 1 :] = middle > others
    return out


_KINDS = {
    "volume": _Kind("volume above 2.5 times its median of 20 bars", _volume, _USUAL, 0, "even", "volume"),
    "range": _Kind("range above twice its median of 20 bars", _range, _USUAL, 0, "even"),
    "gap": _Kind("gap above three quarters of the mean range of 20 bars", _gap, _USUAL, 0, "even"),
    "high": _Kind("close above the highest high of 20 bars", _high, _USUAL, 0, "own"),
    "rsi": _Kind("RSI(7) above 70", _rsi, _RSI, wilder_memory(_RSI), "own"),
    "swing": _Kind("swing high, known two bars later", _swing, 2 * _SIDE, 0, "own"),
}


def _declare(name: str, kind: _Kind) -> None:
    """Declare the four columns of one kind of event."""
    missing = "no bar traded in the last bars" if kind.needs == "volume" else ""
    odd = "odd" if kind.mirror == "even" else "own"

    def size(market: Market) -> FloatArray:
        return market.keep(("event", name), lambda: kind.size(market))

    def blank(market: Market, values: FloatArray) -> FloatArray:
        return np.where(np.isnan(size(market)), np.nan, values)

    def first(n: int) -> int:
        return kind.first + n - 1

    def late(n: int) -> int:
        return max(kind.first, ATR_WINDOW, _USUAL - 1) + n - 1

    def settled(n: int) -> int:
        return max(kind.memory, wilder_memory(ATR_WINDOW))

    def since(market: Market, n: int) -> FloatArray:
        return blank(market, bars_since(size(market) > 0.0, n))

    def move(market: Market, n: int) -> FloatArray:
        at = _at_event(market.close, size(market) > 0.0, n)
        return blank(market, market.per_atr(np.where(np.isnan(at), 0.0, market.close - at)))

    def stretch(market: Market, n: int) -> FloatArray:
        offset, _ = market.moments(_USUAL)
        at = _at_event(market.per_atr(-offset), size(market) > 0.0, n)
        return blank(market, np.where(np.isnan(at), 0.0, at))

    def decayed(market: Market, n: int) -> FloatArray:
        return blank(market, _decayed(np.maximum(np.nan_to_num(size(market)), 0.0), math.exp(-_DECAYS / n)))

    # fmt: off
    since.__doc__ = f"Bars since the last {kind.about}, capped at n."
    move.__doc__ = f"(close − close of the bar with the last {kind.about}) / ATR(14); 0 if none in n bars."
    stretch.__doc__ = f"(close − mean of 20 closes) / ATR(14) at the last {kind.about}; 0 if none in n bars."
    decayed.__doc__ = f"Sum over bars with {kind.about}: excess over that, times exp(−5 · age / n)."
    EVENTS.feature(
        f"since_{name}_{{n}}", (_BACK,), unit="bars", first=first, memory=lambda n: kind.memory, mirror=kind.mirror,
        source=kind.about, needs=kind.needs, may_miss=missing,
    )(since)
    EVENTS.feature(
        f"move_since_{name}_{{n}}", (_BACK,), unit="ATR", first=late, memory=settled, mirror=odd,
        source=f"{kind.about}; TA-Lib ATR", needs=kind.needs, may_miss=missing,
    )(move)
    EVENTS.feature(
        f"stretch_at_{name}_{{n}}", (_BACK,), unit="ATR", first=late, memory=settled, mirror=odd,
        source=f"{kind.about}; TA-Lib ATR", needs=kind.needs, may_miss=missing,
    )(stretch)
    EVENTS.feature(
        f"decayed_{name}_{{n}}", (_BACK,), unit="excess", first=first,
        memory=lambda n: kind.memory + math.ceil(n * 18.5 / _DECAYS), mirror=kind.mirror,
        source=f"{kind.about}; exponential decay", needs=kind.needs, may_miss=missing,
    )(decayed)
    # fmt: on


@njit(cache=True, error_model="numpy")
def _at_event(x: FloatArray, event: np.ndarray, n: int) -> FloatArray:
    """Return the value at the last event, NaN where it is n bars ago or more, shape (n_bars,)."""
    out = np.full(len(x), np.nan)
    last = -1
    for t in range(len(x)):
        if event[t]:
            last = t
        if last >= 0 and t - last < n:
            out[t] = x[last]
    return out


@njit(cache=True, error_model="numpy")
def _decayed(size: FloatArray, keep: float) -> FloatArray:
    """Return the exponentially decayed sum of the sizes up to each bar, shape (n_bars,)."""
    out = np.empty(len(size))
    total = 0.0
    for t in range(len(size)):
        total = total * keep + size[t]
        out[t] = total
    return out


for _name, _kind in _KINDS.items():
    _declare(_name, _kind)


def event_of(name: str) -> str:
    """Return the kind of event (volume, range, ...) that a column of this family remembers; empty for other columns."""
    found = re.fullmatch(r"(?:since|move_since|stretch_at|decayed)_([a-z]+)_\d+", name)
    return found[1] if found and found[1] in _KINDS else ""
