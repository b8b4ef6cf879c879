"""What trades bring by calendar day under many ladders, in one pass over the table."""

from __future__ import annotations

import numba
import numpy as np

from exitladder.arrays import FloatArray, IntArray


def sums_by_day(net_r: FloatArray, day: IntArray, entry_day: IntArray) -> list[FloatArray]:
    """Return the sum of each day for every ladder, from its first entry's day to the last booking's.

    Parameters
    ----------
    net_r : float64 array, shape (n_trades, n_ladders)
        NaN where a trade was skipped.
    day : int64 array, shape (n_trades, n_ladders)
        Day on which a trade is booked whole, not before that of its entry.
    entry_day : int64 array, shape (n_trades,)

    Returns
    -------
    list of float64 array, one a ladder
        Days without a booking have 0; empty where no trade counts. Each day is summed in order of the trades, whatever
        other ladders there are.
    """
    if not net_r.size:
        return [np.empty(0)] * net_r.shape[1]
    low = int(min(entry_day.min(), day.min()))
    net_r, day = np.ascontiguousarray(net_r), np.ascontiguousarray(day)  # one layout, so that it is compiled once
    sums, first, last = _add_up(net_r, day, entry_day, low, int(day.max()) - low + 1)
    return [column[a : b + 1] for column, a, b in zip(sums, first, last, strict=True)]


@numba.njit(cache=True, error_model="numpy")
def _add_up(
    net_r: FloatArray, day: IntArray, entry_day: IntArray, low: int, n_days: int
) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the sums, shape (n_ladders, n_days), and the first and last day of every ladder, counted from `low`."""
    n_ladders = net_r.shape[1]
    sums = np.zeros((n_ladders, n_days))
    first, last = np.full(n_ladders, n_days), np.full(n_ladders, -1)
    for i in range(len(net_r)):
        entered = entry_day[i] - low
        for k in range(n_ladders):
            if np.isfinite(net_r[i, k]):
                booked = day[i, k] - low
                sums[k, booked] += net_r[i, k]
                first[k] = min(first[k], entered)
                last[k] = max(last[k], booked)
    return sums, first, last
