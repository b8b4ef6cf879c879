"""Loops over bars behind the labels, compiled.

All take the rows as `TradeRows` lays them out and the bars as `BarSet` does. A long trade reads the
bars as they are and a short one reads them mirrored: its gain is price falling.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from exitladder.arrays import FloatArray, IntArray
from exitladder.runtime.compiling import uncounted


class LabelRows(NamedTuple):
    """The rows of all trades.

    Parameters
    ----------
    start : int64 array, shape (n_trades + 1,)
        Rows of trade i are ``start[i]`` to ``start[i + 1]``.
    first_bar, end_bar : int64 array, shape (n_trades,)
        Bar of each trade's first row, and the end of the symbol's bars.
    side : int64 array, shape (n_trades,)
        +1 long, -1 short.
    """

    start: IntArray
    first_bar: IntArray
    end_bar: IntArray
    side: IntArray


class LabelBars(NamedTuple):
    """Bars of the market, arrays of shape (n_bars,); `atr` in price, known at each bar's close."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    atr: FloatArray


class Found(NamedTuple):
    """Labels to be written, arrays of shape (n_rows,).

    Parameters
    ----------
    value : float64 array
        NaN while unresolved.
    end_bar : int64 array
        Bar at whose close the label is known.
    """

    value: FloatArray
    end_bar: IntArray


@uncounted(error_model="numpy", forceinline=True)
def _begin(rows: LabelRows, i: int, row: int, found: Found) -> int:
    """Write a row of trade i as unresolved up to the end of its data, and return its bar."""
    found.value[row] = math.nan
    found.end_bar[row] = rows.end_bar[i] - 1
    return int(rows.first_bar[i] + row - rows.start[i])


@uncounted(error_model="numpy", forceinline=True)
def _worst(bars: LabelBars, side: float, bar: int) -> float:
    """Return the worst price of a bar for a trade of this side, signed."""
    return float(bars.low[bar] if side > 0 else -bars.high[bar])


@uncounted(error_model="numpy", forceinline=True)
def _best(bars: LabelBars, side: float, bar: int) -> float:
    """Return the best price of a bar for a trade of this side, signed."""
    return float(bars.high[bar] if side > 0 else -bars.low[bar])


@uncounted(cache=True, error_model="numpy")
def barrier_rows(
    rows: LabelRows, bars: LabelBars, give_back_atr: float, extend_atr: float, horizon: int, found: Found
) -> None:
    """Find whether price gives back first (-1), extends first (1), or neither within the horizon (0).

    Parameters
    ----------
    rows : LabelRows
    bars : LabelBars
    give_back_atr, extend_atr : float
        Distances from the row's close, in ATR of the row.
    horizon : int
        In bars.
    found : Found
    """
    for i in range(len(rows.first_bar)):
        s = float(rows.side[i])
        for row in range(rows.start[i], rows.start[i + 1]):
            t = _begin(rows, i, row, found)
            a = bars.atr[t]
            if not a > 0.0:
                continue
            back = s * bars.close[t] - give_back_atr * a
            beyond = s * bars.close[t] + extend_atr * a
            for u in range(t + 1, min(t + horizon + 1, rows.end_bar[i])):
                # A bar that reaches both is counted as giving back: the order inside it is not known.
                if _worst(bars, s, u) <= back:
                    found.value[row] = -1.0
                elif _best(bars, s, u) >= beyond:
                    found.value[row] = 1.0
                elif u == t + horizon:
                    found.value[row] = 0.0
                else:
                    continue
                found.end_bar[row] = u
                break


@uncounted(cache=True, error_model="numpy")
def continuation_rows(rows: LabelRows, bars: LabelBars, trail_atr: float, found: Found) -> None:
    """Find the price gained by exiting on a trail started at t over exiting at the open of t+1.

    Parameters
    ----------
    rows : LabelRows
    bars : LabelBars
    trail_atr : float
        Width of the trail, in ATR.
    found : Found
    """
    for i in range(len(rows.first_bar)):
        s = float(rows.side[i])
        for row in range(rows.start[i], rows.start[i + 1]):
            t = _begin(rows, i, row, found)
            if not bars.atr[t] > 0.0 or t + 1 >= rows.end_bar[i]:
                continue
            now = s * bars.open[t + 1]
            best = s * bars.close[t]
            line = best - trail_atr * bars.atr[t]
            for u in range(t + 1, rows.end_bar[i]):
                opened = s * bars.open[u]
                if _worst(bars, s, u) <= line or opened <= line:
                    # A gap through the line fills at the open, never at the line (rule X2b).
                    found.value[row] = min(line, opened) - now
                    found.end_bar[row] = u
                    break
                best = max(best, _best(bars, s, u))
                if bars.atr[u] > 0.0:
                    line = max(line, best - trail_atr * bars.atr[u])


@uncounted(cache=True, error_model="numpy")
def reached_rows(
    rows: LabelRows, bars: LabelBars, entry_price: FloatArray, trail_atr: float, reached: FloatArray
) -> None:
    """Write 1 if a trail started at the entry still holds the trade at the row's close, else 0.

    Parameters
    ----------
    rows : LabelRows
    bars : LabelBars
    entry_price : float64 array, shape (n_trades,)
    trail_atr : float
        Width of the trail, in ATR.
    reached : float64 array, shape (n_rows,)
        Written.
    """
    for i in range(len(rows.first_bar)):
        s = float(rows.side[i])
        best = s * entry_price[i]
        line = -math.inf
        alive = True
        for row in range(rows.start[i], rows.start[i + 1]):
            t = rows.first_bar[i] + row - rows.start[i]
            # A stop in bar t has closed the trade by its close: the row of the stopping bar is out already.
            alive = alive and _worst(bars, s, t) > line
            reached[row] = 1.0 if alive else 0.0
            best = max(best, _best(bars, s, t))
            if bars.atr[t] > 0.0:
                line = max(line, best - trail_atr * bars.atr[t])


@uncounted(cache=True, error_model="numpy")
def remaining_rows(rows: LabelRows, bars: LabelBars, give_back_atr: float, found: Found) -> None:
    """Find how much further price went before it gave back from its best, in price.

    Parameters
    ----------
    rows : LabelRows
    bars : LabelBars
    give_back_atr : float
        Distance from the best price since the row's close, in ATR of the row.
    found : Found
    """
    for i in range(len(rows.first_bar)):
        s = float(rows.side[i])
        for row in range(rows.start[i], rows.start[i + 1]):
            t = _begin(rows, i, row, found)
            if not bars.atr[t] > 0.0:
                continue
            distance = give_back_atr * bars.atr[t]
            best = s * bars.close[t]
            for u in range(t + 1, rows.end_bar[i]):
                # The bar that gives back adds nothing: whether its own best came first is not known.
                if _worst(bars, s, u) <= best - distance:
                    found.value[row] = best - s * bars.close[t]
                    found.end_bar[row] = u
                    break
                best = max(best, _best(bars, s, u))


@uncounted(cache=True, error_model="numpy")
def pivot_rows(rows: LabelRows, bars: LabelBars, give_back_atr: float, found: Found) -> None:
    """Write 1 at the bar of the best price before the first give-back, 0 before it, NaN after it.

    Parameters
    ----------
    rows : LabelRows
    bars : LabelBars
    give_back_atr : float
        Distance from the best price since the entry, in ATR of the bar before.
    found : Found
    """
    for i in range(len(rows.first_bar)):
        s = float(rows.side[i])
        start, first = rows.start[i], rows.first_bar[i]
        n = rows.start[i + 1] - start
        for row in range(start, start + n):
            _begin(rows, i, row, found)
        best = -math.inf
        pivot = first
        for u in range(first, rows.end_bar[i]):
            known = u > first and bars.atr[u - 1] > 0.0
            if known and _worst(bars, s, u) <= best - give_back_atr * bars.atr[u - 1]:
                if pivot - first < n:
                    found.value[start + pivot - first] = 1.0
                    found.end_bar[start + pivot - first] = u
                break
            top = _best(bars, s, u)
            if top > best:
                # A new best: no bar since the one before it was the pivot, and that is known now.
                for t in range(pivot, min(u, first + n)):
                    found.value[start + t - first] = 0.0
                    found.end_bar[start + t - first] = u
                best = top
                pivot = u
