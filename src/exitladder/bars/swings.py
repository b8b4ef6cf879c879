"""Swing highs and lows, and when each of them was known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from exitladder.arrays import FloatArray, IntArray
from exitladder.errors import BarsError

STRENGTH = 5
LOOK_BACK = 250


@dataclass(frozen=True)
class Pivots:
    """Bars whose high is above its neighbours, in time order.

    Parameters
    ----------
    bar : int64 array, shape (n,)
        The bar that holds the high.
    known_at : int64 array, shape (n,)
        The bar at whose close the pivot is confirmed; nothing may use it earlier.
    price : float64 array, shape (n,)
    """

    bar: IntArray
    known_at: IntArray
    price: FloatArray


def pivot_highs(high: FloatArray, strength: int = STRENGTH) -> Pivots:
    """Return the bars whose high exceeds `strength` highs before it and is not exceeded by as many after it.

    Pivot lows are the pivot highs of the negated lows. Of equal highs the first counts.

    Parameters
    ----------
    high : float64 array, shape (n,)
        Of one symbol.
    strength : int
        Bars on each side; a pivot is known only `strength` bars after it.

    Examples
    --------
    >>> import numpy as np
    >>> pivots = pivot_highs(np.array([1.0, 2.0, 5.0, 3.0, 4.0]), strength=2)
    >>> pivots.bar, pivots.known_at
    (array([2]), array([4]))
    """
    if strength < 1:
        raise BarsError(f"The strength of a pivot must be at least 1 bar, but is {strength}.")
    n = len(high)
    if n < 2 * strength + 1:
        none = np.empty(0, dtype=np.int64)
        return Pivots(none, none, np.empty(0))
    windows = sliding_window_view(high, strength).max(axis=1)  # windows[i] covers i .. i + strength - 1
    centre = np.arange(strength, n - strength)
    is_pivot = (high[centre] > windows[centre - strength]) & (high[centre] >= windows[centre + 1])
    bar = centre[is_pivot].astype(np.int64)
    return Pivots(bar, bar + strength, high[bar])


def last_swing(high: Pivots, low: Pivots, known_bar: int) -> tuple[float, float]:
    """Return the start of the last confirmed upswing and its size, or NaNs.

    The swing ends at the last pivot high confirmed by the close of `known_bar` and starts at the last
    confirmed pivot low before that high. For a short both are given of the negated market.

    Parameters
    ----------
    high : Pivots
        Pivot highs.
    low : Pivots
        Pivot lows; prices are those of the lows themselves.
    known_bar : int

    Returns
    -------
    start, size : float
        In price. Both are NaN if no upswing is confirmed yet.
    """
    n_high = int(np.searchsorted(high.known_at, known_bar, side="right"))
    if n_high == 0:
        return np.nan, np.nan
    end = n_high - 1
    # Confirmed pivots only: the low before the high was confirmed no later than the high itself.
    n_low = int(np.searchsorted(low.bar, high.bar[end], side="left"))
    if n_low == 0:
        return np.nan, np.nan
    start = float(low.price[n_low - 1])
    size = float(high.price[end]) - start
    return (start, size) if size > 0 else (np.nan, np.nan)


def levels_beyond(high: Pivots, price: float, known_bar: int, most: int, look_back: int = LOOK_BACK) -> FloatArray:
    """Return the confirmed swing highs above `price`, nearest first, NaN where there are fewer than `most`.

    Only pivots of the last `look_back` bars count; equal prices count once.

    Parameters
    ----------
    high : Pivots
        Pivot highs.
    price : float
        Only levels above this price count.
    known_bar : int
        Only pivots confirmed by the close of this bar count.
    most : int
        Number of levels to return.
    look_back : int
        How far back a pivot may be, in bars.

    Returns
    -------
    float64 array, shape (most,)
        Prices, ascending.
    """
    known = slice(
        int(np.searchsorted(high.bar, known_bar - look_back, side="right")),
        int(np.searchsorted(high.known_at, known_bar, side="right")),
    )
    levels = np.unique(high.price[known])
    levels = levels[levels > price][:most]
    return np.concatenate([levels, np.full(most - len(levels), np.nan)])
