"""The size rules of a plan: how much of the equity an entry risks, from the trades closed before it (PL10)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.clock import DAY_NS
from exitladder.plans.size import Size
from exitladder.trades.trades import PlacedTrades

_YEAR_NS = int(365.25 * DAY_NS)
# With less of a symbol's history than this, its bars per year are not known.
_LEAST_NS = 7 * DAY_NS


def kelly_share(p: float, win: float, loss: float = 1.0) -> float:
    """Return the Kelly fraction: the share of equity at risk that grows fastest, p / loss - (1 - p) / win.

    Parameters
    ----------
    p : float
        Share of winning trades.
    win, loss : float
        Mean win and mean loss in R, both positive. Without a loss the fraction is infinite.

    Returns
    -------
    float
        Negative if the trades lose on average. Source: Kelly (1956); Thorp (2006).

    Examples
    --------
    >>> round(kelly_share(0.6, 1.0), 12), kelly_share(0.5, 2.0)
    (0.2, 0.25)
    """
    if p >= 1 or loss <= 0:
        return math.inf
    return -math.inf if p <= 0 or win <= 0 else p / loss - (1 - p) / win


@dataclass
class ClosedTrades:
    """What the trades closed so far say, updated trade by trade."""

    n: int = 0
    n_wins: int = 0
    gained: float = 0.0
    lost: float = 0.0
    squares: float = 0.0
    in_a_row: int = 0

    def close(self, r: float) -> None:
        """Count a trade with this result in R. A result of 0 or less ends a run of wins."""
        self.n += 1
        self.squares += r * r
        if r > 0:
            self.n_wins, self.gained, self.in_a_row = self.n_wins + 1, self.gained + r, self.in_a_row + 1
        else:
            self.lost, self.in_a_row = self.lost - r, 0

    def multiple(self, size: Size) -> float:
        """Return what an anti-martingale multiplies the base by: a factor for each run of wins, up to the maximum.

        Examples
        --------
        >>> so_far, rule = ClosedTrades(), Size(rule="anti_martingale", units=1.0, factor=2.0, maximum_factor=4.0)
        >>> multiples = []
        >>> for r in (1.0, 0.5, 2.0, -1.0, 1.0):
        ...     so_far.close(r)
        ...     multiples.append(so_far.multiple(rule))
        >>> multiples
        [2.0, 4.0, 4.0, 1.0, 2.0]
        """
        assert size.factor is not None and size.maximum_factor is not None
        steps = self.in_a_row // size.wins
        if steps * math.log(size.factor) >= math.log(size.maximum_factor):
            return float(size.maximum_factor)
        return float(size.factor**steps)

    def shrinkage(self) -> float:
        """Return the share of the Kelly fraction that survives the error of its estimate: m² / (m² + s² / n).

        Source: Baker and McHale (2013), with the mean m, the standard deviation s and the number n of results.
        """
        mean = (self.gained - self.lost) / self.n
        variance = max(self.squares - self.n * mean * mean, 0.0) / max(self.n - 1, 1)
        least = mean * mean + variance / self.n
        return mean * mean / least if least > 0 else 0.0

    def kelly(self, size: Size) -> float:
        """Return the share of equity at risk of the rule ``kelly``, 0 without an edge; its base until it counts."""
        assert size.fraction is not None and size.kelly_cap is not None
        if self.n < size.minimum_trades:
            return size.fraction
        if self.gained <= self.lost:
            return 0.0
        n_losses = self.n - self.n_wins
        loss = self.lost / n_losses if n_losses else 0.0
        found = kelly_share(self.n_wins / self.n, self.gained / self.n_wins, loss)
        return max(0.0, min(size.kelly_fraction * self.shrinkage() * found, size.kelly_cap))


def annual_volatility(placed: PlacedTrades, window: int) -> FloatArray:
    """Return the volatility of each trade's symbol in price per year, as known at the entry.

    Parameters
    ----------
    placed : PlacedTrades
    window : int
        Bars closed at or before the entry whose price changes count.

    Returns
    -------
    float64 array, shape (n_trades,)
        Root mean square of the changes from close to close, times the root of the bars per year. NaN with fewer bars,
        or with less than a week of them.

    Notes
    -----
    Bars per year are those of the symbol in the year before, or since its first bar if that is later. The changes
    count from 0, not from their mean.
    """
    bars, entry = placed.bars, placed.trades.entry_time
    close_time = bars.close_time
    found = np.full(len(placed), np.nan)
    for k in np.unique(placed.symbol_index):
        low, high = int(bars.start[k]), int(bars.start[k + 1])
        ends = close_time[low:high]
        squares = np.concatenate([[0.0, 0.0], np.cumsum(np.diff(bars.close[low:high]) ** 2)])
        rows = np.flatnonzero(placed.symbol_index == k)
        n = np.searchsorted(ends, entry[rows], side="right")  # bars known
        usable = n > window
        rows, n = rows[usable], n[usable]
        last = ends[n - 1]
        since = np.maximum(last - _YEAR_NS, int(bars.time[low]))
        years = (last - since) / _YEAR_NS
        counted = n - np.searchsorted(ends, since, side="right")
        mean_square = np.maximum(squares[n] - squares[n - window], 0.0) / window
        known = last - since >= _LEAST_NS
        found[rows[known]] = np.sqrt(mean_square[known] * counted[known] / years[known])
    return np.where(found > 0, found, np.nan)
