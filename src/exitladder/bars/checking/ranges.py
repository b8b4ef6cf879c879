"""How far a price usually moves in a bar: the yardstick for bad ticks, spikes and jumps."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray

_BLOCK = 50


def typical_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Return the typical true range around each bar, in price, shape (n,).

    The largest of the median true ranges of the block of 50 bars that holds the bar and of the two beside it, so
    that neither a single bad row nor a change of volatility moves it much. In thin markets the median of the bars
    that moved counts, by their share. It knows later bars: it is for checking
    bars, never for trading on them.

    Parameters
    ----------
    high, low, close : float64 array, shape (n,)
        In time order; rows that are not finite are ignored.

    Returns
    -------
    float64 array, shape (n,)
        In price; NaN if there are fewer than two bars or none moved.
    """
    n = len(close)
    if n < 2:
        return np.full(n, np.nan)
    before = np.concatenate([close[:1], close[:-1]])
    true_range = np.maximum(np.maximum(high, before) - np.minimum(low, before), 0.0)
    n_blocks = -(-n // _BLOCK)
    padded = np.full(n_blocks * _BLOCK, np.nan)
    padded[:n] = np.where(np.isfinite(true_range) & (true_range > 0), true_range, np.nan)
    blocks = padded.reshape(n_blocks, _BLOCK)
    moved = np.count_nonzero(~np.isnan(blocks), axis=1)
    known = moved > 0
    if not known.any():
        return np.full(n, np.nan)
    length = np.minimum(_BLOCK, n - _BLOCK * np.arange(n_blocks))
    medians = np.full(n_blocks, np.nan)
    medians[known] = np.nanmedian(blocks[known], axis=1) * (moved / length)[known]
    sides = np.concatenate([[np.nan], medians, [np.nan]])
    best = np.fmax(medians, np.fmax(sides[:-2], sides[2:]))
    best = np.where(np.isnan(best), np.nanmedian(medians), best)
    return np.repeat(best, _BLOCK)[:n]
