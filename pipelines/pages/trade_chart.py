"""The chart of one open trade as SVG: prices, entry, targets, stops, fills, best and worst price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray

_WIDTH, _HEIGHT, _RIGHT, _EDGE = 760, 250, 150, 8
_MOST_BARS, _BEFORE = 90, 15


@dataclass(frozen=True)
class TradeChart:
    """What the chart of an open trade shows.

    Parameters
    ----------
    time : int64 array, shape (n_bars,)
        Starts of the bars shown, nanoseconds since 1970 UTC.
    high, low, close : float64 array, shape (n_bars,)
    entry : int
        Position of the entry's bar; negative if it is before the bars shown.
    side : int
        +1 long, -1 short.
    entry_price : float
    levels : sequence of (str, float)
        Names and prices of the lines: stop, targets. NaN is left out.
    fills : sequence of (int, float, str)
        Own exits: position of the bar, price and text.
    managed : int
        Position of the first managed bar; past the end if it is still to come.
    """

    time: np.ndarray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    entry: int
    side: int
    entry_price: float
    levels: Sequence[tuple[str, float]] = ()
    fills: Sequence[tuple[int, float, str]] = ()
    managed: int = 0

    def svg(self) -> str:
        """Return the chart as SVG with a text that describes it."""
        n = len(self.close)
        known = [(name, price) for name, price in self.levels if np.isfinite(price)]
        prices = [*self.low, *self.high, self.entry_price, *(price for _, price in known if self._is_near(price))]
        low, high = min(prices), max(prices)
        span = (high - low) or 1.0

        def x(bar: float) -> float:
            return _EDGE + (_WIDTH - _RIGHT - 2 * _EDGE) * (bar + 0.5) / n

        def y(price: float) -> float:
            return float(14 + (_HEIGHT - 40) * (high - price) / span)

        parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(self.text(), quote=True)}">']
        wicks = " ".join(
            f"M{x(k):.1f} {y(a):.1f}V{y(b):.1f}" for k, (a, b) in enumerate(zip(self.high, self.low, strict=True))
        )
        line = " ".join(f"{x(k):.1f},{y(price):.1f}" for k, price in enumerate(self.close))
        parts += [f'<path class="range" d="{wicks}"/>', f'<polyline class="close" points="{line}"/>']
        begin = max(self.entry, 0)
        named = [("entry", self.entry_price, "entry"), *((name, price, name.split(" ")[0]) for name, price in known)]
        used: list[float] = []
        for name, price, kind in sorted(named, key=lambda item: -item[1]):
            inside = low <= price <= high
            at = min(max(y(price), 10), _HEIGHT - 30)
            while any(abs(at - other) < 12 for other in used):
                at += 3
            used.append(at)
            if inside:
                parts.append(f'<path class="level {kind}" d="M{x(begin):.1f} {y(price):.1f}H{_WIDTH - _RIGHT}"/>')
            away = "" if inside else (" ↑" if price > high else " ↓")
            parts.append(
                f'<text x="{_WIDTH - _RIGHT + 6}" y="{at + 4:.1f}" class="{kind}">'
                f"{escape(name)} {price:.6g}{away}</text>"
            )
        if 0 <= self.entry < n:
            parts.append(f'<circle class="entry" cx="{x(self.entry):.1f}" cy="{y(self.entry_price):.1f}" r="4"/>')
        for bar, price, text in self.fills:
            parts.append(
                f'<circle class="fill" cx="{x(bar):.1f}" cy="{y(price):.1f}" r="4">'
                f"<title>{escape(text)}</title></circle>"
            )
        for bar, name in self._extremes():
            price = self.high[bar] if (name == "best") == (self.side > 0) else self.low[bar]
            up = price >= self.close[bar]
            parts.append(
                f'<text class="extreme" text-anchor="middle" x="{x(bar):.1f}" y="{y(price) + (-3 if up else 11):.1f}">'
                f"{name} {self._day(bar)}</text>"
            )
        if 0 < self.managed < n:
            parts.append(f'<path class="managed" d="M{x(self.managed - 0.5):.1f} 14V{_HEIGHT - 26}"/>')
        for bar in sorted({0, n // 2, n - 1}):
            parts.append(
                f'<text class="axis" text-anchor="middle" x="{max(x(bar), 34):.1f}" y="{_HEIGHT - 8}">'
                f"{self._day(bar)}</text>"
            )
        return "".join([*parts, "</svg>"])

    def text(self) -> str:
        """Return the chart in words."""
        extremes = ", ".join(f"{name} on {self._day(bar)}" for bar, name in self._extremes())
        lines = ", ".join(f"{name} {price:.6g}" for name, price in self.levels if np.isfinite(price))
        return (
            f"Prices from {self._day(0)} to {self._day(len(self.close) - 1)}, last {self.close[-1]:.6g}; entry "
            f"{self.entry_price:.6g}; {lines}; {extremes}."
        )

    def _is_near(self, price: float) -> bool:
        low, high = min(self.low), max(self.high)
        return bool(low - 0.6 * (high - low) <= price <= high + 0.6 * (high - low))

    def _extremes(self) -> list[tuple[int, str]]:
        """Return the bars of the best and the worst price since the entry."""
        begin = min(max(self.entry, 0), len(self.close) - 1)
        highest = begin + int(np.argmax(self.high[begin:]))
        lowest = begin + int(np.argmin(self.low[begin:]))
        best, worst = (highest, lowest) if self.side > 0 else (lowest, highest)
        return [(best, "best"), (worst, "worst")]

    def _day(self, bar: int) -> str:
        when = pd.Timestamp(int(self.time[bar]), tz="UTC")
        return f"{when.day} {when:%b}" if when == when.normalize() else f"{when.day} {when:%b %H:%M}"


def window_of(entry_bar: int, first: int, end: int) -> slice:
    """Return the bars of a symbol that the chart of a trade shows: those since its entry and a few before, at most 90.

    Parameters
    ----------
    entry_bar : int
    first, end : int
        The symbol's first bar, and one past its last.

    Returns
    -------
    slice
    """
    return slice(max(first, entry_bar - _BEFORE, end - _MOST_BARS), end)
