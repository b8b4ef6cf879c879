"""Liquidity: trading costs, as far as bars allow an estimate."""

from __future__ import annotations

import numpy as np

from exitladder.arrays import FloatArray
from exitladder.features.families.volume import traded
from exitladder.features.feature import Family
from exitladder.features.market import Market
from exitladder.features.windows import change, lagged, moving_sum
from exitladder.runtime.compiling import njit

LIQUIDITY = Family("liquidity", "trading costs, as far as bars allow an estimate")

_FLAT = "only flat bars in the window"


@LIQUIDITY.feature(
    "edge_{n}", (60,), unit="% of price, signed", first=lambda n: n - 1, mirror="even", needs="log", may_miss=_FLAT,
    source="Ardia, Guidotti and Kroencke 2024 (EDGE)",
)  # fmt: skip
def edge(market: Market, n: int) -> FloatArray:
    """100 · spread estimated from open, high, low and close of n bars; negative if the estimate of its square is."""
    return 100.0 * _edge(market.log("open"), market.log("high"), market.log("low"), market.log("close"), n)


@LIQUIDITY.feature(
    "corwin_schultz_{n}", (60,), unit="% of price", first=lambda n: n, mirror="even", needs="log",
    source="Corwin and Schultz 2012, gaps closed, negative estimates kept",
)  # fmt: skip
def corwin_schultz(market: Market, n: int) -> FloatArray:
    """100 · mean over n bars of the spread implied by the highs and lows of two adjacent bars."""
    return 100.0 * moving_sum(_corwin_schultz(market), n) / n


@LIQUIDITY.feature(
    "abdi_ranaldo_{n}", (60,), unit="% of price, signed", first=lambda n: n, mirror="even", needs="log",
    source="Abdi and Ranaldo 2017",
)  # fmt: skip
def abdi_ranaldo(market: Market, n: int) -> FloatArray:
    """100 · signed root of 4 · mean of n (previous close − its mid-range) · (previous close − mid-range), in logs."""
    middle = (market.log("high") + market.log("low")) / 2.0
    close = lagged(market.log("close"), 1)
    square = 4.0 * moving_sum((close - lagged(middle, 1)) * (close - middle), n) / n
    return np.asarray(100.0 * np.sign(square) * np.sqrt(np.abs(square)))


@LIQUIDITY.feature(
    "amihud_ratio_{n}_{m}", (20, 250), unit="ratio", first=lambda n, m: max(n, m), mirror="even", needs="volume",
    source="Amihud 2002", may_miss="no volume in one of the windows",
)  # fmt: skip
def amihud_ratio(market: Market, n: int, m: int) -> FloatArray:
    """Mean of absolute return / (volume · price) over n bars / the same over m bars; bars without volume excluded."""
    volume = traded(market)
    has = np.where(volume > 0, 1.0, 0.0)
    move = market.ratio(np.abs(change(market.close, 1)), lagged(market.level, 1))
    price_of_move = np.where(volume > 0, market.ratio(move, volume * market.level), 0.0)
    price_of_move[:1] = np.nan
    short, long = (market.ratio(moving_sum(price_of_move, w), moving_sum(has, w), np.nan) for w in (n, m))
    return market.ratio(short, long, 1.0)


def _corwin_schultz(market: Market) -> FloatArray:
    """Return the spread of each bar and the one before, in shares of the price."""
    high, low, close = (market.log(name) for name in ("high", "low", "close"))
    before = lagged(close, 1)
    # A bar that lies beyond the close before is moved back to it: a gap is no range.
    shift = np.maximum(low - before, 0.0) + np.minimum(high - before, 0.0)
    shift[:1] = 0.0
    high, low = high - shift, low - shift
    beta = (high - low) ** 2 + lagged((market.log("high") - market.log("low")) ** 2, 1)
    top = np.maximum(high, lagged(market.log("high"), 1))
    bottom = np.minimum(low, lagged(market.log("low"), 1))
    gamma = (top - bottom) ** 2
    constant = 3.0 - 2.0 * np.sqrt(2.0)
    alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / constant - np.sqrt(gamma / constant)
    return np.asarray(2.0 * np.tanh(alpha / 2.0))


@njit(cache=True, error_model="numpy")
def _edge(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, n: int) -> FloatArray:
    """Return the signed spread of each window of n bars (n - 1 pairs of neighbours), in shares of the price."""
    out = np.full(len(close), np.nan)
    middle = (high + low) / 2.0
    for last in range(n - 1, len(close)):
        begin = last - n + 2
        count = float(n - 1)
        moved, at_open, at_close = 0.0, 0.0, 0.0
        r1, r3, r5 = 0.0, 0.0, 0.0
        for t in range(begin, last + 1):
            before = close[t - 1]
            r1 += middle[t] - open_[t]
            r3 += middle[t] - before
            r5 += open_[t] - before
            if high[t] != low[t] or low[t] != before:
                moved += 1.0
                at_open += (open_[t] != high[t]) + (open_[t] != low[t])
                at_close += (before != high[t - 1]) + (before != low[t - 1])
        if moved < 2.0 or at_open == 0.0 or at_close == 0.0:
            continue
        po, pc = at_open / count, at_close / count
        e1, e2, q1, q2 = 0.0, 0.0, 0.0, 0.0
        for t in range(begin, last + 1):
            before = close[t - 1]
            tau = 1.0 if high[t] != low[t] or low[t] != before else 0.0
            d1 = middle[t] - open_[t] - tau * r1 / moved
            d3 = middle[t] - before - tau * r3 / moved
            d5 = open_[t] - before - tau * r5 / moved
            r2 = open_[t] - middle[t - 1]
            r4 = before - middle[t - 1]
            x1 = -4.0 / po * d1 * r2 - 4.0 / pc * d3 * r4
            x2 = -4.0 / po * d1 * (open_[t] - before) - 4.0 / pc * d5 * r4
            e1 += x1 / count
            e2 += x2 / count
            q1 += x1 * x1 / count
            q2 += x2 * x2 / count
        v1, v2 = q1 - e1 * e1, q2 - e2 * e2
        square = (v2 * e1 + v1 * e2) / (v1 + v2) if v1 + v2 > 0.0 else (e1 + e2) / 2.0
        out[last] = np.sign(square) * np.sqrt(abs(square))
    return out
