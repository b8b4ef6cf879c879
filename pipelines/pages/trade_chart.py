"""The chart of one open trade as SVG: prices, entry, targets, the stop's path, fills, MFE and MAE, exhaustion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from exitladder.arrays import FloatArray

Scale = Callable[[float], float]
_WIDTH, _HEIGHT, _RIGHT, _EDGE = 760, 250, 150, 8
_MOST_BARS, _BEFORE = 90, 15
# the panel of exhaustion below the prices
_PANEL = 64


@dataclass(frozen=True)
class LeftAlone:
    """The set-and-forget exit of a trade: the initial stop and the first target for everything.

    Parameters
    ----------
    stop, target : float
        Prices.
    bar : int
        Position of the exit among the bars shown, negative if it is before them or still open (then `r` marks it).
    r : float
        Net result.
    """

    stop: float
    target: float
    bar: int
    r: float


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
    risk : float
        1R in price; NaN if it is not known.
    stop : float64 array, shape (n_bars,), optional
        The stop in force in each bar, NaN where the ladder has none.
    exhaustion : float64 array, shape (n_bars,), optional
        The model's probability at each close, NaN where it has no view.
    alone : LeftAlone, optional
    size, average : float64 array, shape (n_bars,), optional
        Of a plan with adds: the quantity held at each close and the average entry, NaN before the entry.
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
    risk: float = np.nan
    stop: FloatArray | None = None
    exhaustion: FloatArray | None = None
    alone: LeftAlone | None = None
    size: FloatArray | None = None
    average: FloatArray | None = None

    def svg(self) -> str:
        """Return the chart as SVG with a text that describes it."""
        n = len(self.close)
        panel = _PANEL * (self._has_exhaustion + self._has_size)
        known = [(name, price) for name, price in self.levels if np.isfinite(price)]
        prices = [*self.low, *self.high, self.entry_price, *(price for _, price in known if self._is_near(price))]
        low, high = min(prices), max(prices)
        span = (high - low) or 1.0

        def x(bar: float) -> float:
            return _EDGE + (_WIDTH - _RIGHT - 2 * _EDGE) * (bar + 0.5) / n

        def y(price: float) -> float:
            return float(14 + (_HEIGHT - 50) * (high - price) / span)

        parts = [
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + panel}" role="img" aria-label="{escape(self.text(), quote=True)}">'
        ]
        wicks = " ".join(
            f"M{x(k):.1f} {y(a):.1f}V{y(b):.1f}" for k, (a, b) in enumerate(zip(self.high, self.low, strict=True))
        )
        line = " ".join(f"{x(k):.1f},{y(price):.1f}" for k, price in enumerate(self.close))
        parts += [f'<path class="range" d="{wicks}"/>', f'<polyline class="close" points="{line}"/>']
        begin = max(self.entry, 0)
        parts += self._left_alone(x, y, (low, high))
        if self.stop is not None:
            shown = np.where((self.stop >= low) & (self.stop <= high), self.stop, np.nan)
            parts += [f'<path class="stop path" d="{d}"/>' for d in _steps(shown, x, y)]
        if self.average is not None:
            shown = np.where((self.average >= low) & (self.average <= high), self.average, np.nan)
            title = "<title>average entry</title>"
            parts += [f'<path class="average path" d="{d}">{title}</path>' for d in _steps(shown, x, y)]
        named = [("entry", self.entry_price, "entry"), *((name, price, name.split(" ")[0]) for name, price in known)]
        if self.average is not None and np.isfinite(self.average).any():
            named.append(("average", float(self.average[np.isfinite(self.average)][-1]), "average"))
        used: list[float] = []
        for name, price, kind in sorted(named, key=lambda item: -item[1]):
            inside = low <= price <= high
            at = min(max(y(price), 10), _HEIGHT - 30)
            while any(abs(at - other) < 12 for other in used):
                at += 3
            used.append(at)
            if inside and kind != "average":
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
                f"{self._extreme(bar, name)} {self._day(bar)}</text>"
            )
        if 0 < self.managed < n:
            parts.append(f'<path class="managed" d="M{x(self.managed - 0.5):.1f} 14V{_HEIGHT - 26}"/>')
        for bar in sorted({0, n // 2, n - 1}):
            parts.append(
                f'<text class="axis" text-anchor="middle" x="{max(x(bar), 34):.1f}" y="{_HEIGHT + panel - 8}">'
                f"{self._day(bar)}</text>"
            )
        parts += self._exhaustion_panel(x) if self._has_exhaustion else []
        parts += self._size_panel(x, _PANEL * self._has_exhaustion) if self._has_size else []
        return "".join([*parts, "</svg>"])

    def text(self) -> str:
        """Return the chart in words."""
        extremes = ", ".join(f"{self._extreme(bar, name)} on {self._day(bar)}" for bar, name in self._extremes())
        lines = ", ".join(f"{name} {price:.6g}" for name, price in self.levels if np.isfinite(price))
        return (
            f"Prices from {self._day(0)} to {self._day(len(self.close) - 1)}, last {self.close[-1]:.6g}; entry "
            f"{self.entry_price:.6g}; {lines}; {extremes}{self._more_text()}."
        )

    @property
    def _has_exhaustion(self) -> bool:
        return self.exhaustion is not None and bool(np.isfinite(self.exhaustion).any())

    @property
    def _has_size(self) -> bool:
        return self.size is not None and bool(np.isfinite(self.size).any())

    def _more_text(self) -> str:
        """Return the paths in words."""
        text = ""
        if self.stop is not None and np.isfinite(self.stop).any():
            known = self.stop[np.isfinite(self.stop)]
            text += f"; the ladder's stop went from {known[0]:.6g} to {known[-1]:.6g}"
        if self.size is not None and self._has_size:
            known = self.size[np.isfinite(self.size)]
            text += f"; size from {known[0]:.6g} to {known[-1]:.6g}, {known.max():.6g} at most"
        if self.average is not None and np.isfinite(self.average).any():
            text += f"; average entry {self.average[np.isfinite(self.average)][-1]:.6g}"
        if self.alone is not None:
            text += f"; {self._alone_text(self.alone)}"
        if self.exhaustion is not None and self._has_exhaustion:
            known = self.exhaustion[np.isfinite(self.exhaustion)]
            text += f"; exhaustion between {known.min():.0%} and {known.max():.0%}, last {known[-1]:.0%}"
        return text

    def _alone_text(self, alone: LeftAlone) -> str:
        if alone.bar >= 0:
            return f"set and forget would have ended on {self._day(alone.bar)} with {_signed(alone.r)}"
        return f"set and forget at {_signed(alone.r)}"

    def _left_alone(self, x: Scale, y: Scale, bounds: tuple[float, float]) -> list[str]:
        """Return the lines of the set-and-forget exit, from the entry to its end."""
        if self.alone is None:
            return []
        n, begin = len(self.close), max(self.entry, 0)
        end = self.alone.bar if self.alone.bar >= 0 else n - 1
        words = self._alone_text(self.alone)
        title = f"<title>{words}</title></path>"
        parts = [
            f'<path class="alone" d="M{x(begin):.1f} {y(price):.1f}H{x(end):.1f}">{title}'
            for price in (self.alone.stop, self.alone.target)
            if bounds[0] <= price <= bounds[1] and end >= begin
        ]
        if self.alone.bar >= 0:
            price = self.alone.target if self.alone.r > 0 else self.alone.stop
            at = y(min(max(price, bounds[0]), bounds[1]))
            parts.append(f'<path class="alone end" d="M{x(end) - 4:.1f} {at - 4:.1f}l8 8m0 -8l-8 8">{title}')
        # in the half of the chart without the highest price, whose label is at the top as well
        highest = max((bar for bar, _ in self._extremes()), key=lambda bar: float(self.high[bar]))
        right = _WIDTH - _RIGHT
        is_left = x(highest) > (_EDGE + right) / 2
        place = f'x="{_EDGE + 4}"' if is_left else f'x="{right - 4}" text-anchor="end"'
        parts.append(f'<text class="alone" {place} y="10">{words}</text>')
        return parts

    def _exhaustion_panel(self, x: Scale) -> list[str]:
        """Return the panel below the prices: the probability from 0 to 100%, with a line at 50%."""
        assert self.exhaustion is not None
        top, height = _HEIGHT - 16, _PANEL - 8

        def y(value: float) -> float:
            return float(top + height * (1 - value))

        last = self.exhaustion[np.isfinite(self.exhaustion)][-1]
        right = _WIDTH - _RIGHT
        parts = [f'<path class="half" d="M{_EDGE} {y(0.5):.1f}H{right}"/>']
        parts += [f'<path class="exhaustion" d="{d}"/>' for d in _lines(self.exhaustion, x, y)]
        parts.append(f'<text x="{right + 6}" y="{y(last) + 4:.1f}" class="exhaustion">exhaustion {last:.0%}</text>')
        if abs(y(last) - y(0.5)) > 11:
            parts.append(f'<text x="{right + 6}" y="{y(0.5) + 4:.1f}">50%</text>')
        return parts

    def _size_panel(self, x: Scale, below: float) -> list[str]:
        """Return the panel of the size held, from 0 to the largest, `below` the first panel."""
        assert self.size is not None
        top, height = _HEIGHT + below, _PANEL - 24
        known = self.size[np.isfinite(self.size)]
        most, right = float(known.max()) or 1.0, _WIDTH - _RIGHT

        def y(value: float) -> float:
            return float(top + height * (1 - value / most))

        parts = [f'<path class="half" d="M{_EDGE} {y(0):.1f}H{right}"/>']
        parts += [f'<path class="size path" d="{d}"/>' for d in _steps(self.size, x, y)]
        parts.append(f'<text x="{right + 6}" y="{y(known[-1]) + 4:.1f}" class="size">size {known[-1]:.6g}</text>')
        return parts

    def _extreme(self, bar: int, name: str) -> str:
        """Return the name of an extreme with its R, if R is known."""
        if not self.risk > 0:
            return name
        price = self.high[bar] if (name == "best") == (self.side > 0) else self.low[bar]
        r = self.side * (price - self.entry_price) / self.risk
        return f"{'MFE' if name == 'best' else 'MAE'} {_signed(r)}"

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


def _signed(r: float) -> str:
    return f"{r:+.2f} R".replace("-", "−")


def _runs(values: FloatArray) -> list[np.ndarray]:
    """Return the positions of known values in runs without a gap."""
    known = np.flatnonzero(np.isfinite(values))
    return np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(known) else []


def _lines(values: FloatArray, x: Scale, y: Scale) -> list[str]:
    """Return the paths of values by straight lines; a single value is a short stroke."""
    found = []
    for run in _runs(values):
        points = " L".join(f"{x(k):.1f} {y(values[k]):.1f}" for k in run)
        found.append(f"M{points}" if len(run) > 1 else f"M{x(run[0] - 0.3):.1f} {y(values[run[0]]):.1f}h3")
    return found


def _steps(values: FloatArray, x: Scale, y: Scale) -> list[str]:
    """Return the paths of values that hold for a whole bar each."""
    return [
        f"M{x(run[0] - 0.5):.1f} {y(values[run[0]]):.1f}"
        + "".join(f"V{y(values[k]):.1f}H{x(k + 0.5):.1f}" for k in run)
        for run in _runs(values)
    ]


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
