"""Compiled statistics of moving windows.

Each window is summed from scratch in a fixed order, relative to its own last value. So a value depends on
nothing outside of its window (to the bit, wherever the series starts), a flat window gives exactly
zero, and no error accumulates. Lags are the outer loop, so that the inner one runs over neighbouring
bars and compiles to vector instructions: this is faster than running sums.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exitladder.arrays import FloatArray
from exitladder.runtime.compiling import njit

BoolArray = npt.NDArray[np.bool_]

_BLOCK = 1024
# Averages below this share of the price are what is left of movement long ago.
ROUNDING = 1e-16


@njit(cache=True, error_model="numpy")
def _add_up(x: FloatArray, n: int, begin: int, end: int, total: FloatArray, square: FloatArray) -> None:
    """Write the sums of each window's values less its last one, and of their squares, for the bars of a block."""
    count = end - begin
    last = x[begin:end]
    total[:] = 0.0
    square[:] = 0.0
    lag = 1
    while lag + 3 < n:
        # Four lags at a time: the sums are read and written a quarter as often.
        a = x[begin - lag : end - lag]
        b = x[begin - lag - 1 : end - lag - 1]
        c = x[begin - lag - 2 : end - lag - 2]
        d = x[begin - lag - 3 : end - lag - 3]
        for i in range(count):
            p, q, r, s = a[i] - last[i], b[i] - last[i], c[i] - last[i], d[i] - last[i]
            total[i] += (p + q) + (r + s)
            square[i] += (p * p + q * q) + (r * r + s * s)
        lag += 4
    while lag < n:
        a = x[begin - lag : end - lag]
        for i in range(count):
            p = a[i] - last[i]
            total[i] += p
            square[i] += p * p
        lag += 1


@njit(cache=True, error_model="numpy")
def moving_moments(x: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean of each window less its last value, and the sum of squares about that mean.

    Parameters
    ----------
    x : float64 array, shape (n_bars,)
    n : int
        Length of the window, at most n_bars.

    Returns
    -------
    offset, squares : float64 arrays, shape (n_bars,)
        NaN for the first n - 1 bars.

    Notes
    -----
    One pass is exact enough: the last value is in the window, so it is at most sqrt(n - 1)
    deviations from the mean, and what cancels costs n roundings, not all digits.
    """
    size = len(x)
    offset = np.empty(size)
    squares = np.empty(size)
    offset[: n - 1] = np.nan
    squares[: n - 1] = np.nan
    for begin in range(n - 1, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        total = offset[begin:end]
        square = squares[begin:end]
        _add_up(x, n, begin, end, total, square)
        for i in range(end - begin):
            square[i] = max(square[i] - total[i] * total[i] / n, 0.0)
            total[i] /= n
    return offset, squares


@njit(cache=True, error_model="numpy")
def bollinger(x: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the position of x between bands of two deviations about the mean of each window, and how wide they are.

    Returns
    -------
    place : float64 array, shape (n_bars,)
        0 at the lower band, 1 at the upper, 0.5 where the window is flat.
    width : float64 array, shape (n_bars,)
        In % of the mean, 0 where the mean is.
    """
    size = len(x)
    place = np.empty(size)
    width = np.empty(size)
    place[: n - 1] = np.nan
    width[: n - 1] = np.nan
    each = 1.0 / n
    for begin in range(n - 1, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        total = place[begin:end]
        square = width[begin:end]
        _add_up(x, n, begin, end, total, square)
        last = x[begin:end]
        for i in range(end - begin):
            offset = total[i] * each
            deviation = np.sqrt(max(square[i] - total[i] * offset, 0.0) * each)
            mean = abs(last[i] + offset)
            safe = mean if mean > 0.0 else 1.0
            # One division serves both columns: divisions are what this loop waits for.
            per = 1.0 / (deviation * safe)
            stretch = 0.25 * offset * safe * per
            share = 400.0 * deviation * deviation * per
            total[i] = 0.5 - stretch if deviation > 0.0 else 0.5
            square[i] = share if deviation > 0.0 and mean > 0.0 else 0.0
    return place, width


@njit(cache=True, error_model="numpy")
def moving_cross(x: FloatArray, y: FloatArray, n: int) -> FloatArray:
    """Return the sum of products of x and y about their means over each window.

    Parameters
    ----------
    x, y : float64 array, shape (n_bars,)
    n : int
        Length of the window, at most n_bars.

    Returns
    -------
    float64 array, shape (n_bars,)
        NaN for the first n - 1 bars.
    """
    size = len(x)
    out = np.empty(size)
    out[: n - 1] = np.nan
    for begin in range(n - 1, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        total_x = np.zeros(end - begin)
        total_y = np.zeros(end - begin)
        cross = out[begin:end]
        cross[:] = 0.0
        last_x = x[begin:end]
        last_y = y[begin:end]
        for lag in range(1, n):
            old_x = x[begin - lag : end - lag]
            old_y = y[begin - lag : end - lag]
            for i in range(end - begin):
                p, q = old_x[i] - last_x[i], old_y[i] - last_y[i]
                total_x[i] += p
                total_y[i] += q
                cross[i] += p * q
        for i in range(end - begin):
            # Of a window of one bar nothing is summed: what is missing must still show.
            cross[i] += (last_x[i] + last_y[i]) * 0.0 - total_x[i] * total_y[i] / n
    return out


@njit(cache=True, error_model="numpy")
def moving_weighted(x: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the sum of weights[lag] * (x[t - lag] - x[t]) over each window, shape (n_bars,).

    For weights that sum to zero this is the weighted sum of x itself. NaN for the first n - 1 bars.
    """
    size = len(x)
    n = len(weights)
    out = np.empty(size)
    out[: n - 1] = np.nan
    for begin in range(n - 1, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        last = x[begin:end]
        total = out[begin:end]
        total[:] = 0.0
        for lag in range(1, n):
            old = x[begin - lag : end - lag]
            w = weights[lag]
            for i in range(end - begin):
                total[i] += w * (old[i] - last[i])
    return out


@njit(cache=True, error_model="numpy")
def moving_sum(x: FloatArray, n: int) -> FloatArray:
    """Return the sum over each window, shape (n_bars,); NaN for the first n - 1 bars."""
    size = len(x)
    out = np.empty(size)
    out[: n - 1] = np.nan
    for begin in range(n - 1, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        total = out[begin:end]
        total[:] = 0.0
        for lag in range(n):
            old = x[begin - lag : end - lag]
            for i in range(end - begin):
                total[i] += old[i]
    return out


@njit(cache=True, error_model="numpy")
def log_above_zero(x: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return log x less the mean of each window's log x, and their population deviation.

    A value that is not above zero counts as the smallest one above zero in the window that is looked
    at; a window without any gives NaN.
    """
    size = len(x)
    distance = np.full(size, np.nan)
    deviation = np.full(size, np.nan)
    logs = np.log(np.where(x > 0.0, x, 1.0))
    offset, squares = moving_moments(logs, n)
    bad = 0
    window = np.empty(n)
    for t in range(size):
        bad += not x[t] > 0.0
        if t < n - 1:
            continue
        if t >= n:
            bad -= not x[t - n] > 0.0
        if bad == 0:
            distance[t] = -offset[t]
            deviation[t] = np.sqrt(squares[t] / n)
        elif bad < n:
            least = np.inf
            for lag in range(n):
                if x[t - lag] > 0.0:
                    least = min(least, logs[t - lag])
            for lag in range(n):
                window[lag] = logs[t - lag] if x[t - lag] > 0.0 else least
            mean = np.mean(window - window[0])
            distance[t] = -mean
            deviation[t] = np.sqrt(np.mean((window - window[0] - mean) ** 2))
    return distance, deviation


@njit(cache=True, error_model="numpy")
def log_over_median(x: FloatArray, n: int) -> FloatArray:
    """Return the log of x over the median of those above zero among the n values before, shape (n_bars,).

    Values at or below zero count as the smallest positive one; NaN if there is no positive value.
    """
    size = len(x)
    out = np.full(size, np.nan)
    # The window's values above zero in order of size: what came in when does not matter to the median.
    ranked = np.empty(n + 1)
    count = 0
    for t in range(size):
        if t >= n and count:
            middle = 0.5 * (ranked[(count - 1) // 2] + ranked[count // 2])
            out[t] = np.log((x[t] if x[t] > 0.0 else ranked[0]) / middle)
        if t >= n and x[t - n] > 0.0:
            at = np.searchsorted(ranked[:count], x[t - n])
            count -= 1
            for k in range(at, count):
                ranked[k] = ranked[k + 1]
        if x[t] > 0.0:
            at = count
            while at > 0 and ranked[at - 1] > x[t]:
                ranked[at] = ranked[at - 1]
                at -= 1
            ranked[at] = x[t]
            count += 1
    return out


@njit(cache=True, error_model="numpy")
def divide(
    above: FloatArray, below: FloatArray, level: FloatArray, least: float, neutral: float, times: float = 1.0
) -> FloatArray:
    """Return times * above / below.

    Parameters
    ----------
    above, below : float64 array, shape (n,)
    level : float64 array, shape (n,)
        Price level, for the least denominator.
    least : float
        `below` must be larger than least * level.
    neutral : float
        Value otherwise.
    times : float

    Returns
    -------
    float64 array, shape (n,)
        NaN where any input is.
    """
    out = np.empty(len(above))
    for i in range(len(above)):
        ratio = times * (above[i] / below[i])
        floor = least * level[i]
        # Not a number in any of the three makes this sum so, and the sum is neutral otherwise.
        rest = (above[i] + below[i] + floor) * 0.0 + neutral
        out[i] = ratio if below[i] > floor else rest
    return out


@njit(cache=True, error_model="numpy")
def divided_change(x: FloatArray, n: int, below: FloatArray, level: FloatArray, least: float) -> FloatArray:
    """Return (x[t] - x[t - n]) / below[t] in one pass.

    Parameters
    ----------
    x, below, level : float64 array, shape (n_bars,)
    n : int
        Bars between both values.
    least : float
        `below` must be larger than least * level; the value is 0 otherwise.

    Returns
    -------
    float64 array, shape (n_bars,)
        NaN for the first n bars and where any input is.
    """
    size = len(x)
    out = np.empty(size)
    out[:n] = np.nan
    now, before, each = x[n:], x[: size - n], out[n:]
    move, price = below[n:], level[n:]
    for i in range(size - n):
        step = now[i] - before[i]
        floor = least * price[i]
        ratio = step / move[i]
        rest = (step + move[i] + floor) * 0.0
        each[i] = ratio if move[i] > floor else rest
    return out


@njit(cache=True, error_model="numpy")
def wilder_rsi(close: FloatArray, n: int) -> FloatArray:
    """Return Wilder's RSI, 50 where nothing but rounding of the price has moved, shape (n_bars,).

    TA-Lib's numbers to 2e-15, at two thirds of its time; TA-Lib has 0 where nothing moves, which a mirrored
    market would have too. NaN for the first n bars.
    """
    size = len(close)
    out = np.empty(size)
    out[:n] = np.nan
    up, moved = 0.0, 0.0
    for t in range(1, n + 1):
        step = close[t] - close[t - 1]
        up += max(step, 0.0)
        moved += abs(step)
    up /= n
    moved /= n
    keep, take = (n - 1) / n, 1.0 / n
    for t in range(n, size):
        if t > n:
            step = close[t] - close[t - 1]
            up = keep * up + take * (step if step > 0.0 else 0.0)
            moved = keep * moved + take * abs(step)
        share = 100.0 * up / moved
        out[t] = share if moved > ROUNDING * abs(close[t]) else 50.0
    return out


@njit(cache=True, error_model="numpy")
def all_finite(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> bool:
    """Return whether all values of four arrays of one length are finite.

    Parameters
    ----------
    a, b, c, d : float64 array, shape (n,)

    Returns
    -------
    bool
    """
    count = 0
    for i in range(len(a)):
        count += (a[i] * 0.0 + b[i] * 0.0) + (c[i] * 0.0 + d[i] * 0.0) == 0.0
    return count == len(a)


def lagged(x: FloatArray, n: int) -> FloatArray:
    """Return the value n bars earlier, shape (n_bars,); NaN for the first n."""
    out = np.empty_like(x)
    out[:n] = np.nan
    out[n:] = x[:-n] if n else x
    return out


def change(x: FloatArray, n: int) -> FloatArray:
    """Return x[t] - x[t - n], shape (n_bars,); NaN for the first n."""
    out = np.empty_like(x)
    out[:n] = np.nan
    np.subtract(x[n:], x[:-n], out=out[n:])
    return out


@njit(cache=True, error_model="numpy")
def moving_streak(x: FloatArray, most: int) -> FloatArray:
    """Return the changes of one sign in a row up to each bar, signed, `most` at most, shape (n_bars,)."""
    out = np.zeros(len(x))
    for t in range(1, len(x)):
        way = np.sign(x[t] - x[t - 1])
        if way != 0.0 and np.sign(out[t - 1]) == way:
            out[t] = way * min(abs(out[t - 1]) + 1.0, float(most))
        else:
            out[t] = way
    return out


@njit(cache=True, error_model="numpy")
def moving_extremes(high: FloatArray, low: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the highest high and the lowest low of each window.

    Parameters
    ----------
    high, low : float64 array, shape (n_bars,)
    n : int
        Length of the window, at most n_bars.

    Returns
    -------
    top, bottom : float64 array, shape (n_bars,)
        NaN for the first n - 1 bars.
    """
    size = len(high)
    top = np.full(size, np.nan)
    bottom = np.full(size, np.nan)
    for begin in range(n - 1, size, _BLOCK):
        end = min(begin + _BLOCK, size)
        best = top[begin:end]
        worst = bottom[begin:end]
        best[:] = high[begin:end]
        worst[:] = low[begin:end]
        for lag in range(1, n):
            older_high = high[begin - lag : end - lag]
            older_low = low[begin - lag : end - lag]
            for i in range(end - begin):
                best[i] = max(best[i], older_high[i])
                worst[i] = min(worst[i], older_low[i])
    return top, bottom


@njit(cache=True, error_model="numpy")
def moving_rank(x: FloatArray, n: int) -> FloatArray:
    """Return the share of the n - 1 preceding values below each value, ties count half, shape (n_bars,).

    NaN where the window holds a NaN.
    """
    size = len(x)
    out = np.full(size, np.nan)
    for t in range(n - 1, size):
        now = x[t]
        below, equal, above = 0, 0, 0
        for old in x[t - n + 1 : t]:
            below += old < now
            equal += old == now
            above += old > now
        if below + equal + above == n - 1:
            out[t] = (below + 0.5 * equal) / (n - 1)
    return out


@njit(cache=True, error_model="numpy")
def bars_since(event: BoolArray, most: int) -> FloatArray:
    """Return the bars since the last event, `most` at most, shape (n_bars,)."""
    out = np.empty(len(event))
    since = most
    for t in range(len(event)):
        since = 0 if event[t] else min(since + 1, most)
        out[t] = since
    return out
